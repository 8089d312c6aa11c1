"""`python -m reference_impl mistakes`: the mutation score of the suite, and the files made from the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.progress import track
from rich.table import Table

from ..console import PlainConsole
from ..files import check_writable, write_file
from ..mistakes import FAMILIES, MISTAKES, by_name
from ..options import BadUsage
from ..run.choice import EXAMPLES
from .measure import ORDERS, Sighting, seen_where, sightings, typical_and_worst
from .page import page
from .smoke import smoke_text


def mistakes(
    every: Annotated[
        bool, typer.Option("--all", help="Show a row for each mistake, with the case that sees it first.")
    ] = False,
    cases: Annotated[str | None, typer.Option(metavar="NAME", help="List the cases that see this mistake.")] = None,
    write: Annotated[Path | None, typer.Option(help="Write the page about all mistakes to this file.")] = None,
    smoke: Annotated[Path | None, typer.Option(help="Choose the smoke set anew and write it to this file.")] = None,
) -> None:
    """Show how well the suite sees the known wrong convolutions.

    Exit status: 0 if it sees all of them, 1 if one is not seen, 2 for bad usage.
    """
    if write is not None:
        _write(write, page, "--write")
    elif smoke is not None:
        _write(smoke, smoke_text, "--smoke")
    elif cases is not None:
        _print_cases(cases)
    else:
        _print_score(every)


def _write(path: Path, text: Callable[[], str], option: str) -> None:
    try:
        check_writable(path)
        write_file(path, text().encode())
    except (OSError, ValueError) as error:
        raise BadUsage(error, option) from error


def _print_cases(name: str) -> None:
    try:
        mistake = by_name(name)
    except ValueError as error:
        raise BadUsage(error, "--cases") from error
    console = PlainConsole()
    for operation, case in seen_where(mistake):
        console.print(f"{operation} {case}", soft_wrap=True)
    raise typer.Exit(console.exit_status())


def _print_score(every: bool) -> None:
    console, progress = PlainConsole(), PlainConsole(stderr=True)
    watched = track(MISTAKES, "mistakes", console=progress, transient=True, disable=not progress.is_terminal)
    found = [sighting for mistake in watched for sighting in sightings([mistake])]
    console.print(_table(found, every), _legend())
    unseen = sorted({sighting.mistake.name for sighting in found if sighting.case is None})
    seen = len(MISTAKES) - len(unseen)
    if unseen:
        console.print(f"not seen: {', '.join(unseen)}", style="red")
    console.verdict(f"mutation score: {seen} of {len(MISTAKES)} mistakes seen, {seen / len(MISTAKES):.1%}")
    raise typer.Exit(console.exit_status(1 if unseen else 0))


def _table(found: Sequence[Sighting], every: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("family")
    table.add_column("mistake" if every else "mistakes", justify="left" if every else "right", no_wrap=True)
    for head in ("seen", "curated\nmedian", "\nworst", "generated\nmedian", "\nworst"):
        table.add_column(head, justify="right")
    if every:
        table.add_column("first seen by, with the check", overflow="fold")
    for family in FAMILIES:
        here = [sighting for sighting in found if sighting.mistake.family == family]
        names = list(dict.fromkeys(sighting.mistake.name for sighting in here))
        if here and not every:
            table.add_row(family, str(len(names)), *_cells(here))
        for name in names if every else ():
            rows = [sighting for sighting in here if sighting.mistake.name == name]
            first = next((f"{row.operation} {row.case} {row.check}" for row in rows if row.case), "")
            table.add_row(family if name == names[0] else "", name, *_cells(rows), first)
    return table


def _cells(found: Sequence[Sighting]) -> list[str]:
    """Return the share that is seen, of mistakes in operations, and the number of cases that this takes."""
    seen = sum(sighting.case is not None for sighting in found) / len(found)
    curated = typical_and_worst(count for sighting in found for count in sighting.curated)
    generated = typical_and_worst(count for sighting in found for count in sighting.generated)
    return [f"{seen:.0%}", *map(_count, (*curated, *generated))]


def _count(cases: float) -> str:
    return "-" if cases == inf else f"{cases:g}"


def _legend() -> str:
    return (
        "seen: the share of mistakes, in all operations that they spoil, that the suite sees as verify runs it by "
        "default, without network layers. The other columns count the cases that it takes: of the curated ones, in "
        f"{ORDERS} orders, the first one that of the file; and of {EXAMPLES} generated ones, with {ORDERS} seeds. "
        "-: not seen in these."
    )

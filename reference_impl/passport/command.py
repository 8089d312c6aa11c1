"""`python -m reference_impl passport`: how a backend adds, and whether that can be relied on."""

from __future__ import annotations

import json as json_files
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from ..cases.case import Case
from ..console import PlainConsole
from ..exact.formats import FORMATS
from ..exit_status import ExitStatus
from ..files import check_writable, write_file
from ..operations import OPERATIONS
from ..options import BadUsage, one_of
from ..report.page.page import FILE, check_folder, write_page
from ..run.processes.worker import Died, Raised
from ..run.subject import load
from ..stopping import status_of, stop_signals
from . import text
from .asking import cpu_name, of_subject, on_threads
from .element import middle_of
from .page import page_of
from .telling import Passport

_MOST_DRAWN = 700  # products


def passport(
    backend: Annotated[
        list[str] | None,
        typer.Option(
            help="A backend, as in verify: torch, 'torch:*', torch@avx2, package.module:Object. "
            "Default: torch and tensorflow, if installed. May be repeated."
        ),
    ] = None,
    case: Annotated[
        list[str] | None,
        typer.Option(help="A case whose sums are told. Default: six telling ones. May be repeated."),
    ] = None,
    operation: Annotated[list[str] | None, typer.Option(help="One of the four. May be repeated.")] = None,
    dtype: Annotated[
        list[str] | None, typer.Option(help=f"One of {', '.join(FORMATS)}. Default: float32. May be repeated.")
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Write the passports to this file, with the trees.")] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Draw the order of each sum to this folder (needs the extra draw)."),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write all as one page, index.html, to this folder (needs the extra report)."),
    ] = None,
) -> None:
    """Tell in what order and precision a backend adds, whether that can be relied on, and how far off it is.

    It asks the backend and nothing else, in processes of its own.

    Exit status: 0 if it was told, 2 for bad usage, 4 if nothing could be asked, 74 if the report could not be written.
    After a signal it is 128 and its number. `verify --require` makes a promise that is broken a failure.
    """
    operations = one_of(operation, OPERATIONS, "--operation") or OPERATIONS
    dtypes = one_of(dtype, tuple(FORMATS), "--dtype") or ("float32",)
    try:
        cases = tuple(map(Case.parse, case or ())) or None
    except ValueError as error:
        raise BadUsage(error, "--case") from error
    if json is not None:
        try:
            check_writable(json)
        except (OSError, ValueError) as error:
            raise BadUsage(error, "--json") from error
    if report is not None:
        try:
            check_folder(report)
        except (ImportError, OSError, ValueError) as error:
            raise BadUsage(error, "--report") from error
    console = PlainConsole()
    found: list[Passport] = []
    notes: list[str] = []
    interrupted = None
    with stop_signals():
        try:
            for one in _asked(backend or _usual(), operations, dtypes, cases, notes):
                found.append(one)
        except KeyboardInterrupt as stopped:
            interrupted = stopped
    for line in notes:
        console.print(line, soft_wrap=True)
    for one in found:
        for line in text.lines(one, found):
            console.print(line, soft_wrap=True)
    if found:
        console.print(f"CPU: {cpu_name()}", soft_wrap=True)
    if pictures is not None:
        _draw(console, found, pictures)
    if json is not None:
        document = {"cpu": cpu_name(), "passports": [text.as_json(one) for one in found]}
        try:
            write_file(json, (json_files.dumps(document, indent=1) + "\n").encode())
        except OSError as error:
            raise BadUsage(f"the passports could not be written: {error}", "--json") from error
    if report is not None and found:
        early = ["Interrupted: this page shows the passports that were complete."] if interrupted else []
        try:
            write_page(report, page_of(found, cpu=cpu_name(), notes=[*early, *notes]))
        except OSError as error:
            raise BadUsage(f"the page could not be written: {error}", "--report") from error
        console.print(f"Report page: {report / FILE}", soft_wrap=True)
    if interrupted is not None:
        console.verdict(f"Interrupted: {len(found)} passports are complete, and others are missing.")
        raise typer.Exit(status_of(interrupted)) from interrupted
    if not any(one.sums for one in found):
        console.verdict("Nothing could be asked: no passport.")
        raise typer.Exit(ExitStatus.JUDGED_TOO_LITTLE)
    raise typer.Exit(console.exit_status())


def _draw(console: PlainConsole, found: Sequence[Passport], folder: Path) -> None:
    """Draw the tree of each sum that has one to a file of the folder."""
    try:
        from ..drawing import save
        from .tree_picture import draw_tree

        folder.mkdir(parents=True, exist_ok=True)
        for one in found:
            for told in one.sums:
                if isinstance(told.tree, tuple) and told.terms <= _MOST_DRAWN:
                    title = f"{one.name}: {told.operation} on {told.case}: {told.order}"
                    labels = [term.label for term in middle_of(told.operation, told.case).terms]
                    name = f"{one.name}_{told.operation}_{told.case}.svg".replace(":", "-").replace("/", "-")
                    save(draw_tree(told.tree, labels, title), folder / name)
    except (ImportError, OSError, ValueError) as error:
        raise BadUsage(error, "--pictures") from error
    console.print(f"Orders drawn to {folder}", soft_wrap=True)


def _usual() -> list[str]:
    from ..backends import registry

    return [name for name in ("torch", "tensorflow") if registry.installed()[name]] or ["reference"]


def _asked(
    words: list[str],
    operations: Sequence[str],
    dtypes: Sequence[str],
    cases: tuple[Case, ...] | None,
    notes: list[str],
) -> Iterator[Passport]:
    """Yield the passports one by one. `notes` gets what could not be asked."""
    try:
        loaded = load(words)
    except (ImportError, ValueError) as error:
        raise BadUsage(error, "--backend") from error
    for name, reason in (*loaded.errors.items(), *loaded.not_here.items()):
        notes.append(f"Not asked: {name}: {reason}")
    for subject in loaded.subjects:
        with on_threads(subject) as make:
            for dtype in [one for one in dtypes if one in subject.capabilities.dtypes]:
                try:
                    yield of_subject(subject, dtype, make, operations, cases)
                except (Died, Raised) as error:
                    notes.append(f"No passport of {subject.name} in {dtype}: {error}")

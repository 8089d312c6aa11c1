"""The command line: `conv2d-reference`, or `python -m reference_impl`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from . import __version__
from .backends import registry
from .cases import catalogue
from .cases.case import DTYPES
from .drawing.command import draw
from .drawing.failures import Pictures
from .explain.command import explain
from .operations import OPERATIONS
from .options import one_of
from .report import tables
from .report.failures import Illustrate, print_failures
from .report.json_file import write_json
from .report.judged import Judged, exit_status, judged
from .report.tally import Tally
from .run import selection
from .run.processes.remote import CALL_TIME_LIMIT
from .run.records import records_of
from .run.selection import CHECK_NAMES, EXAMPLES
from .run.spread import DEFAULT_DTYPES
from .run.subject import Loaded, NotLoaded, load, missing
from .scoring.command import mistakes
from .vectors.command import compare, export
from .verdicts.checks import MOST_ROUNDED

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # its panels break the lines of our messages
    help="Hold conv2d, its gradients and conv2d_transpose of any framework to an exact NumPy oracle.",
)


def _show_version(asked: bool) -> None:
    if asked:
        print(f"conv2d-reference-impl {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[bool, typer.Option("--version", callback=_show_version, is_eager=True)] = False,
) -> None:
    """Hold conv2d, its gradients and conv2d_transpose of any framework to an exact NumPy oracle."""


@app.command()
def verify(
    backend: Annotated[
        list[str] | None,
        typer.Option(
            help="A backend: torch, torch:autograd, 'torch:*' (all its routes), package.module:Object (yours), one "
            "that a package declares, or all. Default: every one that is installed. May be repeated."
        ),
    ] = None,
    cases: Annotated[
        list[str] | None,
        typer.Option(
            help=f"A catalogue ({', '.join(catalogue.NAMES)}), a file with a spec on each line, or a spec. "
            "Default: all catalogues (smoke is part of them) and --examples generated cases. Where a backend supports "
            "few cases of a catalogue other than networks, or by default, more are drawn for it. May be repeated."
        ),
    ] = None,
    operation: Annotated[list[str] | None, typer.Option(help="One of the four. May be repeated.")] = None,
    dtype: Annotated[
        list[str] | None,
        typer.Option(
            help=f"Run float32 cases in these instead. Default: {', '.join(DEFAULT_DTYPES)}, and some cases in the "
            "further dtypes of each backend; float32 alone for network layers and for a spec; for a backend that "
            "offers none of these, its own. May be repeated."
        ),
    ] = None,
    check: Annotated[
        list[str] | None,
        typer.Option(help=f"One of {', '.join(CHECK_NAMES)}. Default: all; may be repeated."),
    ] = None,
    examples: Annotated[
        int | None,
        typer.Option(min=0, help=f"Number of generated cases. Default: {EXAMPLES}; none with --cases."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Decides generated cases and all data.")] = 0,
    full: Annotated[bool, typer.Option("--full", help="Give every case, and every check, to every backend.")] = False,
    processes: Annotated[
        int,
        typer.Option(
            min=0,
            help="Run backends in this many processes, which may die or hang without ending the run. Default: one for "
            "each processor. 0: the same as --no-isolation.",
        ),
    ] = os.cpu_count() or 1,
    no_isolation: Annotated[
        bool, typer.Option("--no-isolation", help="Run backends in this process: a crash ends the run.")
    ] = False,
    timeout: Annotated[
        float, typer.Option(min=0.1, metavar="SECONDS", help="The most seconds that one call may take.")
    ] = CALL_TIME_LIMIT,
    json: Annotated[Path | None, typer.Option(help="Write one record per check to this file.")] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Draw to this folder a wrong answer of each backend and operation that fails (needs the extra draw).",
        ),
    ] = None,
) -> None:
    """Show where backends equal the oracle, and report every case where one does not.

    Exit status: 0 if nothing failed unexpectedly, 1 if something did, 2 for bad usage, 3 if the oracle is suspect, 4 if
    nothing failed but nothing, or too little, was judged of a backend, 130 if the run was interrupted.
    """
    console, progress_console = Console(emoji=False), Console(stderr=True, emoji=False)
    operations = one_of(operation, OPERATIONS, "--operation")
    dtypes = one_of(dtype, DTYPES, "--dtype")
    checks = one_of(check, CHECK_NAMES, "--check")
    processes = 0 if no_isolation else processes
    loaded, lines = _load(backend, here=processes == 0)
    tested = loaded.subjects
    try:
        asked = selection.for_verify(
            loaded,
            cases or (),
            operations=operations,
            dtypes=dtypes,
            checks=checks,
            examples=examples,
            seed=seed,
            full=full,
        )
    except (OSError, ValueError) as error:
        raise typer.BadParameter(str(error), param_hint="--cases") from error
    _check_file(json)
    illustrate = _illustrate(pictures, isolate=processes > 0)
    for line in lines:
        console.print(line)

    tally, interrupted = Tally(), False
    with _progress(progress_console) as bar:
        task = bar.add_task(f"{len(asked.cases)} cases", total=asked.turns)

        def advance() -> None:
            bar.update(task, advance=1, description=f"{len(asked.cases)} cases, {tally.failed} calls failed")

        try:
            tally.extend(records_of(asked, processes=processes, time_limit=timeout, advance=advance))
        except KeyboardInterrupt:
            interrupted = True
    tally.suspect_the_oracle()
    if not tally.suspects:
        tables.print_tables(console, tally, tested, full=asked.full)
    left_out = sum(case.multiply_adds > MOST_ROUNDED for case in asked.cases)
    if left_out and not asked.full:
        console.print(
            f"Accuracy, memory layouts and special values leave out {left_out} cases of over {MOST_ROUNDED:,} "
            "multiply-adds. The other cases are sampled for routes, and for checks that rarely depend on shape. "
            "--full leaves out nothing."
        )
    if interrupted:
        console.print("Interrupted: the table shows what was found until then.", style="bold yellow")
    print_failures(console, tally, tested, isolate=processes > 0, illustrate=illustrate)
    narrowed = bool(cases or operations or dtypes or checks)
    named = backend or ()
    counts = judged(tally, asked, [one.name for one in tested if narrowed and one.argument not in named])
    for one in counts:
        if one.verdict or one.nothing or (one.reasons and len(counts) <= _MOST_LINES):
            console.print(one.line, markup=False, highlight=False, soft_wrap=True)
        if one.verdict and not interrupted:
            console.print(one.advice, markup=False, highlight=False, soft_wrap=True)
    console.print(_summary(tally, counts, len(asked.cases), seed), soft_wrap=True)
    if json is not None:
        settings = {"seed": seed, "complete": not interrupted, "backends": {s.name: s.version for s in tested}}
        try:
            write_json(json, tally, settings)
        except OSError as error:
            raise typer.BadParameter(f"the records could not be written: {error}", param_hint="--json") from error
        console.print(f"{len(tally.records)} records written to {json}")
    raise typer.Exit(exit_status(tally, counts, interrupted=interrupted))


app.command()(mistakes)
app.command()(export)
app.command()(compare)
app.command()(draw)
app.command()(explain)


def _load(asked: Sequence[str] | None, *, here: bool) -> tuple[Loaded, list[str]]:
    """Load the backends. For each that could be meant and cannot run, a line says why."""
    # A user's module is found in the current directory, by `conv2d-reference` as by `python -m reference_impl`.
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    if not asked:
        loaded = load(here=here)
        return loaded, missing(loaded)
    try:
        loaded = load(asked, here=here)
    except (ImportError, ValueError) as error:
        raise typer.BadParameter(str(error), param_hint="--backend") from error
    misused = [one for one in loaded.errors.values() if isinstance(one, NotLoaded) and one.is_misuse]
    if misused and not loaded.subjects:
        raise typer.BadParameter(misused[0].said, param_hint="--backend")
    mistaken = {word.partition(":")[0] for word in asked} & set(registry.refused())
    return loaded, [f"Not checked: {registry.refused()[name]}" for name in sorted(mistaken)]


def _check_file(path: Path | None) -> None:
    if path is not None and not path.absolute().parent.is_dir():
        raise typer.BadParameter(f"there is no folder {path.absolute().parent} to write to", param_hint="--json")
    if path is not None and path.is_dir():
        raise typer.BadParameter(f"must be a file; {path} is a folder", param_hint="--json")


def _illustrate(folder: Path | None, *, isolate: bool) -> Illustrate | None:
    """Make what draws failures to `folder`, if a folder is given."""
    if folder is None:
        return None
    try:
        return Pictures(folder, isolate).added
    except (ImportError, OSError) as error:
        raise typer.BadParameter(str(error), param_hint="--pictures") from error


def _progress(console: Console) -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


# Up to so many backends, a line on each says how many of its calls were judged.
_MOST_LINES = 4


def _summary(tally: Tally, counts: Sequence[Judged], cases: int, seed: int) -> str:
    failed = len(tally.unexpected)
    verdict = f"{failed} failed unexpectedly" if failed else "nothing failed unexpectedly"
    little = [f"{one.subject.name} {one.verdict}" for one in counts if one.verdict]
    if little:
        verdict += f", but {'; '.join(little)}"
    if tally.suspects:
        verdict = "the ORACLE is suspect, and no backend is accused"
    calls = f"{sum(one.judged.total() for one in counts)} of {sum(one.given for one in counts)} calls judged"
    return f"{cases} cases, {len(counts)} backends, seed {seed}, {calls}: {verdict}."

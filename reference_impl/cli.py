"""The command line: `conv2d-reference`, or `python -m reference_impl`."""

from __future__ import annotations

import contextlib
import os
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from . import __version__
from .backends import environments, registry
from .cases import catalogue
from .cases.case import DTYPES
from .console import PlainConsole, plain_name
from .drawing.command import draw
from .drawing.failures import Pictures
from .exit_status import ExitStatus
from .explain.command import explain
from .files import check_writable
from .operations import OPERATIONS
from .options import BadUsage, one_of
from .report import tables
from .report.failures import Illustrate, failures, print_failures
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
from .stopping import status_of, stop_signals, undisturbed
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
            "that a package declares, or all. torch@avx2 asks it in an environment, 'torch@*' in all that this CPU "
            "can run, torch@VAR=VALUE with a variable of yours (docs/frameworks.md). Default: every one that is "
            "installed. May be repeated."
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
    nothing failed but nothing, or too little, was judged of a backend, 70 if the suite itself failed, 74 if nothing
    failed but the report could not be written, 128 and the signal's number if it was interrupted.
    """
    console, progress_console = PlainConsole(), PlainConsole(stderr=True)
    operations = one_of(operation, OPERATIONS, "--operation")
    dtypes = one_of(dtype, DTYPES, "--dtype")
    checks = one_of(check, CHECK_NAMES, "--check")
    processes = 0 if no_isolation else processes
    _check_file(json)
    try:
        with stop_signals():
            loaded, lines = _load(backend, here=processes == 0)
    except KeyboardInterrupt as stopped:
        console.verdict("Interrupted while the backends were loaded: nothing was judged.")
        raise typer.Exit(status_of(stopped)) from stopped
    tested = loaded.subjects
    if loaded.not_here and not (tested or loaded.errors):
        for line in lines:
            console.print(line, soft_wrap=True)
        console.verdict("No backend that was asked for can run here: nothing was judged.")
        raise typer.Exit(ExitStatus.JUDGED_TOO_LITTLE)
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
        raise BadUsage(error, "--cases") from error
    illustrate = _illustrate(pictures, isolate=processes > 0)
    for line in lines:
        console.print(line, soft_wrap=True)

    tally, made = Tally(), 0
    texts: list[str] = []
    ended: BaseException | None = None  # by a signal, or by an error of ours
    with stop_signals():
        with _progress(progress_console) as bar:
            task = bar.add_task(f"{len(asked.cases)} cases", total=asked.turns)

            def advance() -> None:
                nonlocal made
                made += 1
                bar.update(task, advance=1, description=f"{len(asked.cases)} cases, {tally.failed} calls failed")

            try:
                tally.extend(records_of(asked, processes=processes, time_limit=timeout, advance=advance))
                tally.suspect_the_oracle()
                texts += failures(tally, tested, isolate=processes > 0, illustrate=illustrate)
            except (Exception, KeyboardInterrupt) as error:
                if isinstance(error, KeyboardInterrupt):
                    tally.suspect_the_oracle()
                ended, texts = error, list(failures(tally, tested, diagnosed=False))
        settings = {"seed": seed, "complete": ended is None, "backends": {s.name: s.version for s in tested}}
        unwritten = _write(json, tally, settings)
        narrowed, named = bool(cases or operations or dtypes or checks), backend or ()
        counts = judged(tally, asked, [one.name for one in tested if narrowed and one.argument not in named])
        try:
            if not tally.suspects:
                tables.print_tables(console, tally, tested, full=asked.full)
            left_out = sum(case.multiply_adds > MOST_ROUNDED for case in asked.cases)
            if left_out and not asked.full:
                console.print(
                    f"Accuracy, memory layouts and special values leave out {left_out} cases of over "
                    f"{MOST_ROUNDED:,} multiply-adds. The other cases are sampled for routes, and for checks that "
                    "rarely depend on shape. --full leaves out nothing."
                )
            if ended is not None:
                console.print(f"{_why(ended)}: the table shows what was found until then.", style="bold yellow")
            print_failures(console, texts)
            for one in counts:
                if one.verdict or one.nothing or (one.reasons and len(counts) <= _MOST_LINES):
                    console.print(one.line, soft_wrap=True)
                if one.verdict and ended is None:
                    console.print(one.advice, soft_wrap=True)
            if json is not None and unwritten is None:
                console.print(f"{len(tally.records)} records written to {json}", soft_wrap=True)
        finally:
            early = "" if ended is None else f" {_why(ended)} after {made} of {asked.turns} calls"
            console.verdict(_summary(tally, counts, len(asked.cases), seed, early))
    if unwritten is not None:
        raise BadUsage(f"the records could not be written: {unwritten}", "--json")
    if isinstance(ended, Exception):
        traceback.print_exception(ended)
    if isinstance(ended, KeyboardInterrupt):
        raise typer.Exit(status_of(ended))
    raise typer.Exit(console.exit_status(exit_status(tally, counts, broken=ended is not None)))


app.command()(mistakes)
app.command()(export)
app.command()(compare)
app.command()(draw)
app.command()(explain)


def _load(asked: Sequence[str] | None, *, here: bool) -> tuple[Loaded, list[str]]:
    """Load the backends. For each that could be meant and cannot run, a line says why."""
    if not asked:
        loaded = load(here=here)
        return loaded, missing(loaded)
    try:
        loaded = load(asked, here=here)
    except (ImportError, ValueError) as error:
        raise BadUsage(error, "--backend") from error
    misused = [one for one in loaded.errors.values() if isinstance(one, NotLoaded) and one.is_misuse]
    if misused and not loaded.subjects:
        raise BadUsage(misused[0].said, "--backend")
    mistaken = {environments.split(word)[0].partition(":")[0] for word in asked} & set(registry.refused())
    lines = [f"Not here: {name}: {reason}" for name, reason in loaded.not_here.items()]
    return loaded, lines + [f"Not checked: {registry.refused()[name]}" for name in sorted(mistaken)]


def _check_file(path: Path | None) -> None:
    try:
        if path is not None:
            check_writable(path)
    except (OSError, ValueError) as error:
        raise BadUsage(error, "--json") from error


def _illustrate(folder: Path | None, *, isolate: bool) -> Illustrate | None:
    """Make what draws failures to `folder`, if a folder is given."""
    if folder is None:
        return None
    try:
        return Pictures(folder, isolate).added
    except (ImportError, OSError) as error:
        raise BadUsage(error, "--pictures") from error


def _progress(console: PlainConsole) -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


# Up to so many backends, a line on each says how many of its calls were judged.
_MOST_LINES = 4


def _write(path: Path | None, tally: Tally, settings: dict[str, Any]) -> OSError | None:
    """Write the records, if a file is given. Return the error if that fails."""
    if path is None:
        return None
    try:
        with contextlib.nullcontext() if path.is_fifo() else undisturbed():  # a pipe may wait for a reader for ever
            write_json(path, tally, settings)
    except OSError as error:
        return error
    return None


def _why(ended: BaseException) -> str:
    """Say in a few words why a run ended early."""
    if isinstance(ended, KeyboardInterrupt):
        return "Interrupted"
    return f"The suite itself failed ({type(ended).__name__}: {ended}; please report this)"


def _summary(tally: Tally, counts: Sequence[Judged], cases: int, seed: int, early: str) -> str:
    calls = f"{sum(one.judged.total() for one in counts)} of {sum(one.given for one in counts)} calls judged"
    verdict = _verdict(tally, counts, early=bool(early))
    return f"{cases} cases, {len(counts)} backends, seed {seed}, {calls}:{early and f'{early};'} {verdict}."


def _verdict(tally: Tally, counts: Sequence[Judged], *, early: bool) -> str:
    if tally.suspects:
        return "the ORACLE is suspect, and no backend is accused"
    broken = len(tally.not_judged)
    failed = len(tally.unexpected) - broken
    verdict = f"{failed} failed unexpectedly" if failed else "nothing failed unexpectedly"
    if broken or early:
        verdict = f"{failed} failed unexpectedly until then" if early else f"{failed} failed unexpectedly"
    if broken:
        verdict += f", and {broken} could not be judged, as the suite itself failed: please report this"
    little = [f"{plain_name(one.subject.name)} {one.verdict}" for one in counts if one.verdict and not early]
    return f"{verdict}, but {'; '.join(little)}" if little else verdict

"""The command line: `conv2d-reference`, or `python -m reference_impl`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from . import __version__
from .backends import registry
from .cases import catalogue
from .cases.case import DTYPES, Case
from .cases.generation import generate
from .drawing.command import draw
from .drawing.failures import Pictures
from .explain.command import explain
from .operations import OPERATIONS
from .report import failures as report
from .report import tables
from .run import whole_backend
from .run.processes.pool import judge_isolated
from .run.runner import Subject, available, in_dtypes, judge_all, subjects, takes
from .run.whole_backend import WHOLE_BACKEND_CHECKS
from .scoring.command import mistakes
from .vectors.command import compare, export
from .verdicts.checks import CHECKS, MOST_ROUNDED

CHECK_NAMES = (*(check.name for check in CHECKS), *WHOLE_BACKEND_CHECKS)
DEFAULT_DTYPES = ("float32", "float64", "int32")

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
            "that a package declares, or all. Default: what is installed. May be repeated."
        ),
    ] = None,
    cases: Annotated[
        list[str] | None,
        typer.Option(
            help=f"A catalogue ({', '.join(catalogue.NAMES)}), a file with a spec on each line, or a spec. "
            "Default: all catalogues (smoke is part of them) and --examples generated cases. May be repeated."
        ),
    ] = None,
    operation: Annotated[list[str] | None, typer.Option(help="One of the four. May be repeated.")] = None,
    dtype: Annotated[
        list[str] | None,
        typer.Option(
            help=f"Run float32 cases in these instead. Default: {', '.join(DEFAULT_DTYPES)}, but float32 alone for "
            "network layers and for a spec, and its own for a backend that offers none of them. May be repeated."
        ),
    ] = None,
    check: Annotated[
        list[str] | None,
        typer.Option(help=f"One of {', '.join(CHECK_NAMES)}. Default: all; may be repeated."),
    ] = None,
    examples: Annotated[
        int | None, typer.Option(min=0, help="Generated cases. Default: 100; none with --cases.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Decides generated cases and all data.")] = 0,
    full: Annotated[
        bool, typer.Option("--full", help="Give every case to every backend: no shares, no dtypes left out.")
    ] = False,
    processes: Annotated[
        int,
        typer.Option(
            min=0,
            help="Run backends in so many processes, which may die or hang without ending the run; 0: in this one. "
            "Default: one for each processor.",
        ),
    ] = os.cpu_count() or 1,
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

    Exit status: 0 if nothing failed unexpectedly, 1 if something did, 2 for bad usage.
    """
    console, progress_console = Console(), Console(stderr=True)
    operations = _known(operation, OPERATIONS, "operation") or OPERATIONS
    dtypes = _known(dtype, DTYPES, "dtype")
    only = _known(check, CHECK_NAMES, "check")
    tested, missing = _subjects(backend)
    runs = _runs(tested, cases, 100 if examples is None and not cases else examples or 0, seed, dtypes)
    if only and not set(only) - set(WHOLE_BACKEND_CHECKS):
        runs = []
    chosen = list(dict.fromkeys(case for _, given in runs for case in given))
    if json is not None and not json.absolute().parent.is_dir():
        raise typer.BadParameter(f"there is no folder {json.absolute().parent} to write to", param_hint="--json")
    if json is not None and json.is_dir():
        raise typer.BadParameter(f"must be a file; {json} is a folder", param_hint="--json")
    illustrate = _illustrate(pictures, isolate=processes > 0)
    full = full or bool(cases)
    for line in missing:
        console.print(line)

    tally = report.Tally()
    # A case that is asked for is a reproducer: nothing else is to be run.
    whole = [claim for claim in WHOLE_BACKEND_CHECKS if claim in only or not (only or cases)]
    taken = sum(full or takes(taker, case, seed) for takers, given in runs for case in given for taker in takers)
    interrupted = False
    with _progress(progress_console) as bar:
        task = bar.add_task(f"{len(chosen)} cases", total=taken * len(operations))
        try:
            for subject in tested:
                if full or not subject.is_route or subject.name == "reference":
                    tally.extend(whole_backend.judge_whole_backend(whole, subject, operations, seed))

            def advance() -> None:
                bar.update(task, advance=1, description=f"{len(chosen)} cases, {tally.failed} calls failed")

            judging = partial(judge_isolated, processes=processes) if processes else judge_all
            for takers, given in runs:
                tally.extend(judging(takers, given, operations, seed, full=full, only=only, advance=advance))
        except KeyboardInterrupt:
            interrupted = True
    tables.print_tables(console, tally, tested, full=full)
    left_out = sum(case.multiply_adds > MOST_ROUNDED for case in chosen)
    if left_out and not full:
        console.print(
            f"Accuracy, memory layouts and special values leave out {left_out} cases of over {MOST_ROUNDED:,} "
            "multiply-adds, and take a part of the others for routes and for what seldom depends on the shape; "
            "--full leaves out nothing."
        )
    if interrupted:
        console.print("Interrupted: the table shows what was found until then.", style="bold yellow")
    report.print_failures(console, tally, tested, isolate=processes > 0, illustrate=illustrate)
    console.print(_summary(tally, len(tested), len(chosen), seed))
    if json is not None:
        settings = {"seed": seed, "complete": not interrupted, "backends": {s.name: s.version for s in tested}}
        try:
            report.write_json(json, tally, settings)
        except OSError as error:
            raise typer.BadParameter(f"the records could not be written: {error}", param_hint="--json") from error
        console.print(f"{len(tally.records)} records written to {json}")
    raise typer.Exit(130 if interrupted else 1 if tally.unexpected else 0)


app.command()(mistakes)
app.command()(export)
app.command()(compare)
app.command()(draw)
app.command()(explain)


def _known(given: Sequence[str] | None, known: Sequence[str], what: str) -> Sequence[str]:
    """The words given, all of them known."""
    for word in given or ():
        if word not in known:
            raise typer.BadParameter(f"must be one of {', '.join(known)}; not {word!r}", param_hint=f"--{what}")
    return given or ()


def _subjects(asked: Sequence[str] | None) -> tuple[list[Subject], list[str]]:
    """The backends to run, and a line on each that could be meant and cannot be run."""
    # Your module is found where you are, by `conv2d-reference` as by `python -m reference_impl`.
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        if not asked:
            return available()
        mistaken = {word.partition(":")[0] for word in asked} & set(registry.refused())
        return subjects(asked), [f"Not checked: {registry.refused()[name]}" for name in sorted(mistaken)]
    except (ImportError, ValueError) as error:
        raise typer.BadParameter(str(error), param_hint="--backend") from error


def _runs(
    tested: list[Subject], asked: Sequence[str] | None, examples: int, seed: int, dtypes: Sequence[str]
) -> list[tuple[list[Subject], list[Case]]]:
    """Backends, and the cases to give them: in the default dtypes or, to who offers none of these, in their own."""
    by_dtypes: dict[tuple[str, ...], list[Subject]] = {}
    for subject in tested:
        own = tuple(dtype for dtype in DTYPES if dtype in subject.capabilities.dtypes)
        usual = asked or dtypes or not own or set(own) & set(DEFAULT_DTYPES)
        by_dtypes.setdefault(DEFAULT_DTYPES if usual else own, []).append(subject)
    return [(takers, _cases(asked, examples, seed, dtypes, default)) for default, takers in by_dtypes.items()]


def _cases(
    asked: Sequence[str] | None,
    examples: int,
    seed: int,
    dtypes: Sequence[str],
    default: Sequence[str] = DEFAULT_DTYPES,
) -> list[Case]:
    """The cases to run, in the dtypes to run them in: `default`, where none is asked for."""
    chosen: list[Case] = []
    for word in asked or catalogue.DEFAULT:
        try:
            found = catalogue.resolve(word)
        except (OSError, ValueError) as error:
            raise typer.BadParameter(str(error), param_hint="--cases") from error
        # A spec is a reproducer, run as it is; network layers are large, and there to be seen once.
        alone = word == "networks" or not (word in catalogue.NAMES or Path(word).is_file())
        chosen += in_dtypes(found, dtypes or (default[:1] if alone else default))
    chosen += in_dtypes(generate(examples, seed), dtypes or default)
    return list(dict.fromkeys(chosen))


def _illustrate(folder: Path | None, *, isolate: bool) -> report.Illustrate | None:
    """What draws failures to `folder`, if there is one to draw to."""
    if folder is None:
        return None
    try:
        return Pictures(folder, isolate).added
    except (ImportError, OSError) as error:
        raise typer.BadParameter(str(error), param_hint="--pictures") from error


def _progress(console: Console) -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _summary(tally: report.Tally, backends: int, cases: int, seed: int) -> str:
    failed = len(tally.unexpected)
    verdict = f"{failed} failed unexpectedly" if failed else "nothing failed unexpectedly"
    return f"{cases} cases, {backends} backends, seed {seed}: {verdict}."

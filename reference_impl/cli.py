"""The command line: `conv2d-reference`, or `python -m reference_impl`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from . import __version__, backends
from .conformance import catalogue, report
from .conformance.cases import DTYPES, OPERATIONS, Case
from .conformance.generation import generate
from .conformance.runner import Subject, in_dtypes, in_share, judge_all

DEFAULT_DTYPES = ("float32", "float64", "int32")

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
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
            help="A backend: torch, torch:autograd, 'torch:*' (all its routes), package.module:Object (yours), or "
            "all. Default: what is installed. May be repeated."
        ),
    ] = None,
    cases: Annotated[
        list[str] | None,
        typer.Option(
            help=f"A catalogue ({', '.join(catalogue.NAMES)}), a file with a spec on each line, or a spec, which is "
            "run as it is. Default: all catalogues and --examples generated cases. May be repeated."
        ),
    ] = None,
    operation: Annotated[list[str] | None, typer.Option(help="One of the four. May be repeated.")] = None,
    dtype: Annotated[
        list[str] | None,
        typer.Option(help=f"Run each catalogue case in these. Default: {', '.join(DEFAULT_DTYPES)}."),
    ] = None,
    examples: Annotated[
        int | None, typer.Option(min=0, help="Generated cases. Default: 100; none with --cases.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Decides generated cases and all data.")] = 0,
    full: Annotated[bool, typer.Option("--full", help="Give routes that compile every case, not a share.")] = False,
    json: Annotated[Path | None, typer.Option(help="Write one record per check to this file.")] = None,
) -> None:
    """Show where backends equal the oracle, and report every case where one does not.

    Exit status: 0 if nothing failed unexpectedly, 1 if something did, 2 for bad usage.
    """
    console, progress_console = Console(), Console(stderr=True)
    operations = _known(operation, OPERATIONS, "operation")
    subjects, missing = _subjects(backend)
    chosen, named = _cases(cases, examples, seed, _known(dtype, DTYPES, "dtype"))
    if json is not None and not json.absolute().parent.is_dir():
        raise typer.BadParameter(f"there is no folder {json.absolute().parent} to write to", param_hint="--json")
    chosen = _offered(chosen, named, subjects)
    full = full or bool(cases)
    for line in missing:
        console.print(line)

    tally = report.Tally()
    calls = sum(full or in_share(subject, case, seed) for case in chosen for subject in subjects) * len(operations)
    interrupted = False
    with _progress(progress_console) as bar:
        task = bar.add_task(f"{len(chosen)} cases", total=calls)
        try:
            tally.extend(judge_all(subjects, chosen, operations, seed, full=full, advance=lambda: bar.advance(task)))
        except KeyboardInterrupt:
            interrupted = True
    console.print(report.tables(tally, subjects, full=full))
    if interrupted:
        console.print("Interrupted: the table shows what was found until then.", style="bold yellow")
    report.print_failures(console, tally)
    console.print(_summary(tally, subjects, len(chosen), seed))
    if json is not None:
        settings = {"seed": seed, "complete": not interrupted, "backends": {s.name: s.version for s in subjects}}
        report.write_json(json, tally, settings)
        console.print(f"{len(tally.records)} records written to {json}")
    raise typer.Exit(130 if interrupted else 1 if tally.unexpected else 0)


def _known(given: Sequence[str] | None, known: Sequence[str], what: str) -> Sequence[str]:
    """The words given, all of them known; () where dtypes are left to the default."""
    for word in given or ():
        if word not in known:
            raise typer.BadParameter(f"must be one of {', '.join(known)}; not {word!r}", param_hint=f"--{what}")
    return given or (known if what == "operation" else DEFAULT_DTYPES)


def _subjects(asked: Sequence[str] | None) -> tuple[list[Subject], list[str]]:
    """The backends to run, and a line for each known one that is not installed."""
    missing = []
    if not asked:
        missing = [
            f"Not installed, so not checked: {name} (pip install 'conv2d-reference-impl[{name}]')"
            for name, there in backends.installed().items()
            if not there
        ]
    try:
        return [Subject.of(backends.load(name)) for name in backends.expand(asked or ())], missing
    except (ImportError, ValueError) as error:
        raise typer.BadParameter(str(error), param_hint="--backend") from error


def _cases(
    asked: Sequence[str] | None, examples: int | None, seed: int, dtypes: Sequence[str]
) -> tuple[list[Case], set[Case]]:
    """The cases to run, and those among them that were named one by one."""
    chosen: list[Case] = []
    named: set[Case] = set()
    for word in asked or catalogue.NAMES:
        try:
            found = catalogue.resolve(word)
        except (OSError, ValueError) as error:
            raise typer.BadParameter(str(error), param_hint="--cases") from error
        if len(found) == 1 and str(word) not in catalogue.NAMES and not Path(word).exists():
            named.update(found)
        else:
            found = in_dtypes(found, dtypes)
        chosen += found
    count = examples if examples is not None else 0 if asked else 100
    chosen += in_dtypes(generate(count, seed), dtypes)
    return list(dict.fromkeys(chosen)), named


def _offered(cases: Sequence[Case], named: set[Case], subjects: Sequence[Subject]) -> list[Case]:
    """Without the dtypes that no backend offers; a case that was named stays."""
    dtypes = {dtype for subject in subjects for dtype in subject.capabilities.dtypes}
    return [case for case in cases if case in named or case.dtype in dtypes]


def _progress(console: Console) -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _summary(tally: report.Tally, subjects: Sequence[Subject], cases: int, seed: int) -> str:
    failed = len(tally.unexpected)
    calls = sum(sum(tally.totals(subject.name).values()) for subject in subjects)
    verdict = f"{failed} failed unexpectedly" if failed else "nothing failed unexpectedly"
    return f"{cases} cases, {len(subjects)} backends, seed {seed}: {verdict}."

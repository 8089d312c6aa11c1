"""The command `verify`: hold backends to the oracle, and say of each if it is right."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from .backends import environments, registry
from .backends.promises import PROMISES
from .cases import catalogue
from .cases.case import DTYPES
from .console import PlainConsole
from .drawing.failures import Gallery, Pictures
from .exit_status import ExitStatus
from .files import check_writable
from .operations import OPERATIONS
from .options import BadUsage, one_of
from .report import expected_failures
from .report.answer import answers
from .report.expected_failures import ExpectedFailures
from .report.failures import Illustrate
from .report.judged import judged
from .report.listing import listing
from .report.page.page import FILE, check_folder
from .report.page.verify_page import write_verify_page
from .report.searched import least_shares
from .report.verify_report import Run, print_quietly, print_report, write_records
from .run import choice
from .run.choice import EXAMPLES, STRENGTH
from .run.processes import numpy_threads
from .run.processes.asking import CALL_TIME_LIMIT
from .run.selection import CHECK_NAMES, Selection
from .run.spread import DEFAULT_DTYPES
from .run.subject import Loaded, NotLoaded, Subject, load, missing, not_here
from .stopping import status_of, stop_signals
from .verify_run import end, junit_written, make


def verify(
    backend: Annotated[
        list[str] | None,
        typer.Option(
            help="A backend: torch, torch:autograd, 'torch:*' (all its routes), package.module:Object or "
            "FILE.py:Object (yours; docs/your-kernel.md), one that a package declares, or all. torch@avx2 asks it in "
            "an environment, 'torch@*' in all that this CPU can run, torch@VAR=VALUE with a variable of yours "
            "(docs/frameworks.md). Default: every one that is installed. May be repeated."
        ),
    ] = None,
    cases: Annotated[
        list[str] | None,
        typer.Option(
            help=f"A catalogue ({', '.join(catalogue.NAMES)}), a file with a spec on each line, or a spec. "
            f"Default: {', '.join(catalogue.DEFAULT)} (smoke is part of them) and --examples generated cases. "
            "Where a backend supports few cases of a catalogue other than networks, or by default, more are drawn "
            "for it. May be repeated."
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
    require: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WORD,WORD",
            help=f"Hold every backend to these promises: {', '.join(PROMISES)} (docs/passport.md). May be repeated.",
        ),
    ] = None,
    examples: Annotated[
        int | None,
        typer.Option(min=0, help=f"Number of generated cases. Default: {EXAMPLES}; none with --cases."),
    ] = None,
    strength: Annotated[
        int | None,
        typer.Option(
            min=min(catalogue.BY_STRENGTH),
            max=max(catalogue.BY_STRENGTH),
            help="The default cases have all feasible combinations of so many of the factors that kernels branch on. "
            f"Default: {STRENGTH}. Not with --cases.",
        ),
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
    junit: Annotated[Path | None, typer.Option(help="Write a JUnit XML test case per call to this file.")] = None,
    expected: Annotated[
        Path | None,
        typer.Option(
            help="A file of expected failures. A line is: BACKEND OPERATION CHECK CASE # why. * stands for any "
            "letters. A line of which no call failed is an unexpected pass, and counts as a failure."
        ),
    ] = None,
    robustness: Annotated[
        bool,
        typer.Option(
            help="Count failures on invalid calls, memory layouts, special values, empty arrays, batches beyond "
            "65,535, and printing in the exit status. They are shown in either case."
        ),
    ] = True,
    first: Annotated[bool, typer.Option("-x", help="Stop at the first unexpected failure.")] = False,
    list_: Annotated[
        bool, typer.Option("--list", help="Print the backends, cases and numbers of calls. Run nothing.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the verdict on each backend alone.")] = False,
    pictures: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Draw to this folder a wrong answer of each backend and operation that fails (needs the extra draw).",
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Write the report as one page, index.html, to this folder (needs the extra report)."
        ),
    ] = None,
) -> None:
    """Say of each backend if it equals the oracle and, if not, which distinct bugs it has.

    Exit status: 0 if nothing failed unexpectedly, and 1 if something did. It is 2 for bad usage, and 3 if the oracle
    is suspect. It is 4 if nothing failed, but nothing, or too little, was judged of a backend. It is 70 if the suite
    itself failed, and 74 if the report could not be written. It is 128 and the signal's number if the run was
    interrupted.
    """
    operations = one_of(operation, OPERATIONS, "--operation")
    dtypes = one_of(dtype, DTYPES, "--dtype")
    checks = one_of(check, CHECK_NAMES, "--check")
    promises = [word.strip() for words in require or () for word in words.split(",")]
    required = one_of(promises, tuple(PROMISES), "--require")
    processes = 0 if no_isolation else processes
    if cases and strength is not None:
        words = ", ".join(catalogue.BY_STRENGTH.values())
        raise BadUsage(f"--cases chooses the cases itself: give one of {words} there", "--strength")
    _check_file(json, "--json")
    _check_file(junit, "--junit")
    expecting = _expected(expected)
    console = PlainConsole()

    loaded, lines = _load(console, backend, processes)
    if loaded.not_here and not (loaded.subjects or loaded.errors):
        _end_with_nothing(console, lines)
    narrowing = {"operations": operations, "dtypes": dtypes, "checks": checks}
    chosen = {"examples": examples, "strength": strength or STRENGTH, "seed": seed, "full": full, "required": required}
    asked = _select(loaded, cases or (), **chosen, **narrowing)
    if list_:
        for line in [*lines, *listing(asked)]:
            console.print(line, soft_wrap=True)
        raise typer.Exit(console.exit_status())
    illustrate = _illustrate(pictures, isolate=processes > 0)
    gallery = None if report is None else _gallery(report, illustrate, isolate=processes > 0)

    run = Run(asked, loaded.subjects, robustness=robustness)
    with stop_signals():
        make(run, processes, timeout, gallery.added if gallery else illustrate, expecting, first=first, quiet=quiet)
        unwritten = write_records(json, run) or junit_written(junit, run)
        excusable = _nobody_named(loaded.subjects, backend or ()) if cases or any(narrowing.values()) else ()
        counts = judged(run.tally, asked, excusable)
        shares = least_shares(run.tally, run.subjects, asked.reached) if asked.fewest > 1 else {}
        told = answers(run.tally, asked, counts, run.found, shares=shares, ended=run.came_so_far)
        unpaged = None
        if report is not None and gallery is not None:
            unpaged = write_verify_page(report, run, counts, told, pictures=gallery.pictures, notes=lines)
            lines = lines if unpaged else [*lines, f"Report page: {report / FILE}"]
        if quiet:
            print_quietly(console, told)
        else:
            print_report(console, run, counts, told, written=json if unwritten is None else None, notes=lines)
    end(console, run, counts, unwritten, unpaged)


def _load(console: PlainConsole, asked: Sequence[str] | None, processes: int) -> tuple[Loaded, list[str]]:
    """Load the backends. For each that could be meant and cannot run, a line says why."""
    try:
        with stop_signals():
            return _loaded(asked, here=processes == 0, threads=numpy_threads.part_of(processes))
    except KeyboardInterrupt as stopped:
        console.verdict("Interrupted while the backends were loaded: nothing was judged.")
        raise typer.Exit(status_of(stopped)) from stopped


def _loaded(asked: Sequence[str] | None, *, here: bool, threads: str) -> tuple[Loaded, list[str]]:
    if not asked:
        loaded = load(here=here, threads=threads)
        return loaded, missing(loaded)
    try:
        loaded = load(asked, here=here, threads=threads)
    except (ImportError, ValueError) as error:
        raise BadUsage(error, "--backend") from error
    misused = [one for one in loaded.errors.values() if isinstance(one, NotLoaded) and one.is_misuse]
    if misused and not loaded.subjects:
        raise BadUsage(misused[0].said, "--backend")
    mistaken = {environments.split(word)[0].partition(":")[0] for word in asked} & set(registry.refused())
    return loaded, not_here(loaded) + [f"Not checked: {registry.refused()[name]}" for name in sorted(mistaken)]


def _end_with_nothing(console: PlainConsole, lines: Sequence[str]) -> NoReturn:
    for line in lines:
        console.print(line, soft_wrap=True)
    console.verdict("No backend that was asked for can run here: nothing was judged.")
    raise typer.Exit(ExitStatus.JUDGED_TOO_LITTLE)


def _select(loaded: Loaded, cases: Sequence[str], **options: Any) -> Selection:
    """Select the calls of the run. `options` are those of `choice.for_verify`."""
    try:
        return choice.for_verify(loaded, cases, **options)
    except (OSError, ValueError) as error:
        raise BadUsage(error, "--cases") from error


def _check_file(path: Path | None, option: str) -> None:
    try:
        if path is not None:
            check_writable(path)
    except (OSError, ValueError) as error:
        raise BadUsage(error, option) from error


def _expected(path: Path | None) -> ExpectedFailures:
    try:
        return expected_failures.read(path)
    except (OSError, ValueError) as error:
        raise BadUsage(error, "--expected") from error


def _illustrate(folder: Path | None, *, isolate: bool) -> Illustrate | None:
    """Make what draws failures to `folder`, if a folder is given."""
    if folder is None:
        return None
    try:
        return Pictures(folder, isolate).added
    except (ImportError, OSError) as error:
        raise BadUsage(error, "--pictures") from error


def _gallery(folder: Path, also: Illustrate | None, *, isolate: bool) -> Gallery:
    """Make what draws failures for the page. Refuse a folder that no page can be written to."""
    try:
        check_folder(folder)
    except (ImportError, OSError, ValueError) as error:
        raise BadUsage(error, "--report") from error
    return Gallery(isolate, also)


def _nobody_named(subjects: Sequence[Subject], named: Sequence[str]) -> list[str]:
    """List the backends that nobody named in full, so that a narrowed run may judge nothing of them."""
    return [subject.name for subject in subjects if subject.argument not in named]

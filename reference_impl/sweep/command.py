"""`python -m reference_impl sweep`: every configuration of a scope judged exactly, and the failures told as bugs."""

from __future__ import annotations

import os
import shlex
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from ..cases.case import DTYPES
from ..console import PlainConsole
from ..exit_status import ExitStatus
from ..options import BadUsage, one_of
from ..report.page.page import check_folder, write_page
from ..run.processes.worker import Raised
from ..run.sweep import scope as scopes
from ..run.sweep.database import StoreError
from ..run.sweep.engine import EngineError
from ..run.sweep.jobs import Setting
from ..run.sweep.machine import variables
from ..run.sweep.merging import merge
from ..run.sweep.store import Store
from ..stopping import status_of, stop_signals, undisturbed
from .beginning import DEFAULT_SCOPE, Begun, begin
from .claim import bug_lines, claims, details, exit_status
from .distinct import Found, Swept, found, known_failures
from .judging import Ended, judge
from .page import page_of
from .reports import Reproducers, write_reports

_TIME_LIMIT = 10.0  # seconds


def sweep(
    backend: Annotated[
        list[str] | None,
        typer.Option(
            help="A backend, as for verify: torch, torch:autograd, 'torch:*', 'torch@*', package.module:Object. "
            "With --resume, by default those of the store. May be repeated."
        ),
    ] = None,
    scope: Annotated[
        str | None,
        typer.Option(
            help=f"{', '.join(scopes.NAMES)} (for ever), or a file of specs or bounds (docs/sweep.md). "
            f"Default: {DEFAULT_SCOPE}, or that of the store."
        ),
    ] = None,
    dtype: Annotated[str | None, typer.Option(help=f"One of {', '.join(DTYPES)}. Default: that of the cases.")] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0.0, help="End after so many minutes. Default: when the scope is done.")
    ] = None,
    store: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep the results in this file, so that a sweep can go on.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the sweep in the store.")] = False,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Judge on the workers of this Dask scheduler: tcp://HOST:8786 (extra sweep)."),
    ] = None,
    reports: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write a Markdown file on each distinct bug to this folder.")
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the report as one page, index.html, to this folder (extra report)."),
    ] = None,
    merge: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Merge this store with others into --store, and judge nothing. Repeat it."),
    ] = None,
    processes: Annotated[
        int, typer.Option(min=1, help="Judge in this many processes. Default: one for each processor.")
    ] = os.cpu_count() or 1,
    seed: Annotated[int | None, typer.Option(min=0, help="Decides all data, and random cases. Default: 0.")] = None,
    timeout: Annotated[
        float, typer.Option(min=0.1, metavar="SECONDS", help="The most seconds that one call may take.")
    ] = _TIME_LIMIT,
) -> None:
    """Judge every configuration of a scope exactly, and tell the failures as distinct bugs.

    Exit status: 0 if all that was judged agrees, apart from known failures, and 1 if something fails. It is 2 for bad
    usage, and 3 if the oracle is suspect. It is 4 if nothing, or not all, could be asked. It is 70 if the suite itself
    failed, and 74 if the store could not be written. It is 128 and the signal's number if the run was interrupted.
    """
    one_of([dtype] if dtype else None, DTYPES, "--dtype")
    if merge:
        _merge(merge, store)
    if resume and store is None:
        raise BadUsage("needs --store FILE, the store to go on with", "--resume")
    if report is not None:
        _check_page(report)
    console = PlainConsole()
    try:
        with stop_signals():
            begun = begin(console, backend, scope, dtype, seed, store, resume=resume)
            with begun.store:
                _run(console, begun, minutes, scheduler, reports, report, processes, timeout)
    except KeyboardInterrupt as stopped:
        console.verdict("Interrupted. The chunks that were judged are in the store, if there is one.")
        raise typer.Exit(status_of(stopped)) from stopped
    except StoreError as error:
        raise BadUsage(error, "--store") from error


def _merge(sources: Sequence[Path], target: Path | None) -> NoReturn:
    """Merge stores, and say what the new one holds."""
    if target is None or len(sources) < 2:
        raise BadUsage(
            "needs two stores or more, and --store FILE, the new one: --merge A --merge B --store C", "--merge"
        )
    console = PlainConsole()
    try:
        merge(sources, target)
        with Store.open(target, writable=False) as merged:
            for one in claims(merged, merged.backends()):
                console.print(one, soft_wrap=True)
    except StoreError as error:
        raise BadUsage(error, "--merge") from error
    console.verdict(f"Merged {len(sources)} stores into {target}. To see the bugs: sweep --resume --store {target}")
    raise typer.Exit(console.exit_status())


def _run(
    console: PlainConsole,
    begun: Begun,
    minutes: float | None,
    scheduler: str | None,
    reports: Path | None,
    report: Path | None,
    processes: int,
    time_limit: float,
) -> NoReturn:
    """Judge what is not done, then make the claim and tell the bugs."""
    names = tuple(begun.subjects)
    setting = Setting(begun.scope, begun.store.sweep.dtype, begun.store.sweep.seed, names, time_limit, variables())
    swept = Swept(begun.store, begun.scope, begun.subjects)
    ended = judge(console, begun, swept, setting, minutes, scheduler, processes)
    stopped = isinstance(ended.error, KeyboardInterrupt)
    with undisturbed():  # at once, as grouping may take minutes
        for text in claims(begun.store, begun.backends):
            console.verdict(text)
    try:
        result = found(swept, ask=not stopped, time_limit=time_limit)
    except Exception as error:  # the claim does not depend on it
        ended.error, result = ended.error or error, Found()
    with undisturbed():
        _tell(console, begun, swept, result, ended)
    reproducers = None if stopped else Reproducers(swept)
    if reports is not None and reproducers is not None:
        _write(console, reports, result, swept, reproducers)
    if report is not None:
        with undisturbed():
            _write_page(console, report, begun, result, swept, reproducers, ended)
    if ended.error is not None or _is_unfinished(begun):
        console.print(_how_to_go_on(begun), soft_wrap=True)
    if isinstance(ended.error, KeyboardInterrupt):
        raise typer.Exit(status_of(ended.error)) from ended.error
    status = exit_status([begun.store.totals(name) for name in names])
    if status in (ExitStatus.PASSED, ExitStatus.JUDGED_TOO_LITTLE):
        status = _status(begun, ended) or status
    raise typer.Exit(console.exit_status(status))


def _status(begun: Begun, ended: Ended) -> ExitStatus:
    """Return the exit status of a sweep in which nothing failed."""
    if begun.errors:
        return ExitStatus.FAILED
    if isinstance(ended.error, StoreError):
        return ExitStatus.NOT_WRITTEN
    if isinstance(ended.error, EngineError):
        return ExitStatus.JUDGED_TOO_LITTLE
    return ExitStatus.SUITE_FAILED if ended.lost or ended.error is not None else ExitStatus.PASSED


def _tell(console: PlainConsole, begun: Begun, swept: Swept, result: Found, ended: Ended) -> None:
    """Print the bugs, then what they and the claim depend on."""
    for text in bug_lines(result):
        console.print(text, soft_wrap=True)
    for text, count in known_failures(swept).most_common():
        console.print(f"  known, {count:,} times: {text}", soft_wrap=True)
    for lost in ended.lost:
        said = f"Chunk {lost.job.chunk} was not judged: the process that judges ended each time: {lost.reason}"
        console.print(said, soft_wrap=True)
    for text in details(begun.store, begun.backends, begun.scope.describe()):
        console.print(text, soft_wrap=True)
    if isinstance(ended.error, KeyboardInterrupt):
        console.verdict("Interrupted: this is what was found until then.")
    elif isinstance(ended.error, EngineError | StoreError):
        console.verdict(f"The sweep could not go on: {ended.error}")
    elif ended.error is not None:
        said = str(ended.error)
        if not isinstance(ended.error, Raised):
            traceback.print_exception(ended.error)
            said = f"{type(ended.error).__name__}: {said}"
        console.verdict(f"The suite itself failed, please report this: {said}")


def _write(console: PlainConsole, folder: Path, result: Found, swept: Swept, reproducers: Reproducers) -> None:
    try:
        for path, seen in write_reports(folder, result, swept, reproducers):
            console.print(f"{path}: {seen}", soft_wrap=True)
    except OSError as error:
        raise BadUsage(f"the reports could not be written: {error}", "--reports") from error
    if not result.bugs:
        console.print(f"No bug was found, so no report was written to {folder}.", soft_wrap=True)


def _check_page(folder: Path) -> None:
    try:
        check_folder(folder)
    except (ImportError, OSError, ValueError) as error:
        raise BadUsage(error, "--report") from error


def _write_page(
    console: PlainConsole,
    folder: Path,
    begun: Begun,
    result: Found,
    swept: Swept,
    reproducers: Reproducers | None,
    ended: Ended,
) -> None:
    """Write the page. The claim has been told before, so that no error can lose it."""
    early = "" if ended.error is None else f"The sweep ended early ({type(ended.error).__name__}: {ended.error})."
    try:
        page = page_of(begun.backends, begun.scope.describe(), result, swept, reproducers, ended=early)
        console.print(f"Report page: {write_page(folder, page)}", soft_wrap=True)
    except OSError as error:
        raise BadUsage(f"the page could not be written: {error}", "--report") from error
    except Exception as error:
        traceback.print_exception(error)
        raise typer.Exit(ExitStatus.SUITE_FAILED) from error


def _is_unfinished(begun: Begun) -> bool:
    chunks = begun.store.sweep.chunks
    return chunks is None or any(begun.store.totals(name).chunks < chunks for name in begun.subjects)


def _how_to_go_on(begun: Begun) -> str:
    if begun.store.path is None:
        return "These results are not kept. With --store FILE, a sweep can go on later."
    return f"To go on: conv2d-reference sweep --resume --store {shlex.quote(str(begun.store.path))}"

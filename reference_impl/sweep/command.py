"""`python -m reference_impl sweep`: every configuration of a scope judged exactly, and the failures told as bugs."""

from __future__ import annotations

import itertools
import os
import shlex
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from ..cases.case import DTYPES
from ..console import PlainConsole
from ..exit_status import ExitStatus
from ..options import BadUsage, one_of
from ..run.processes.worker import Died, Raised
from ..run.subject import Loaded, NotLoaded, Subject, load
from ..run.sweep import scope as scopes
from ..run.sweep.driver import jobs_left, stored
from ..run.sweep.engine import EngineError, Here
from ..run.sweep.jobs import Answer, Engine, Lost, Setting
from ..run.sweep.machine import Machine, variables
from ..run.sweep.merging import merge
from ..run.sweep.scope import Scope
from ..run.sweep.store import Backend, Store, StoreError, Sweep, number_of_configurations
from ..stopping import status_of, stop_signals, undisturbed
from .claim import bug_lines, claims, details, exit_status
from .distinct import BugsSoFar, Found, Swept, found, known_failures
from .progress import SweepProgress, counted, duration
from .reports import write_reports

_TIME_LIMIT = 10.0  # seconds
_DEFAULT_SCOPE = "tiny"


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
            f"Default: {_DEFAULT_SCOPE}, or that of the store."
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

    Exit status: 0 if all that was judged agrees, failures that are known apart. 1 if something fails, 2 for bad usage,
    3 if the oracle is suspect, 4 if nothing, or not all, could be asked. 70 if the suite itself failed, 74 if the store
    could not be written, 128 and the signal's number if it was interrupted.
    """
    one_of([dtype] if dtype else None, DTYPES, "--dtype")
    if merge:
        _merge(merge, store)
    if resume and store is None:
        raise BadUsage("needs --store FILE, the store to go on with", "--resume")
    console = PlainConsole()
    try:
        with stop_signals():
            begun = _begin(console, backend, scope, dtype, seed, store, resume=resume)
            with begun.store:
                _run(console, begun, minutes, scheduler, reports, processes, timeout)
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


@dataclass(frozen=True)
class _Begun:
    """A sweep that can be run: its store, its scope and its backends."""

    store: Store
    scope: Scope
    subjects: dict[str, Subject]
    errors: dict[str, NotLoaded | Died]

    @property
    def backends(self) -> list[Backend]:
        return [one for one in self.store.backends() if one.argument in self.subjects]


def _begin(
    console: PlainConsole,
    words: Sequence[str] | None,
    scope_word: str | None,
    dtype: str | None,
    seed: int | None,
    path: Path | None,
    *,
    resume: bool,
) -> _Begun:
    """Load the backends, and open the store or make it."""
    former = _opened(path, resume=resume) if resume or (path is not None and path.exists()) else None
    try:
        wanted = words or ([one.argument for one in former.backends()] if former else [])
        if not wanted:
            raise BadUsage("must be given: torch, for example", "--backend")
        if former is not None:
            scope_word = scope_word or former.sweep.scope
            dtype, seed = dtype or former.sweep.dtype, former.sweep.seed if seed is None else seed
        scope = _scope(scope_word or _DEFAULT_SCOPE, seed or 0)
        name = scope.name if scope.name in scopes.NAMES else os.path.abspath(scope.name)
        asked = Sweep(
            name, scope.identity, dtype, scope.number_of_chunks, scope.configurations, seed or 0, Machine.here()
        )
        if former is not None and (difference := former.sweep.difference(asked)) is not None:
            raise StoreError(
                f"{path} has another sweep than this. They differ in the {difference}. "
                "Give another store, or ask the same"
            )
        loaded = _loaded(wanted)
        subjects = {one.argument or one.name: one for one in loaded.subjects}
        for reason in (f"Not here: {one}: {why}" for one, why in loaded.not_here.items()):
            console.print(reason, soft_wrap=True)
        for one, error in loaded.errors.items():
            console.print(f"Not loaded: {one}: {error}", soft_wrap=True)
        if not subjects:
            console.verdict("No backend could be loaded: nothing was judged.")
            raise typer.Exit(ExitStatus.FAILED if loaded.errors else ExitStatus.JUDGED_TOO_LITTLE)
        store = former or Store.create(path, asked)
        for argument, subject in subjects.items():
            store.add_backend(Backend(argument, subject.name, subject.version))
    except BaseException:
        if former is not None:
            former.close()
        raise
    return _Begun(store, scope, subjects, loaded.errors)


def _opened(path: Path | None, *, resume: bool) -> Store | None:
    """Open a store that exists. None: it is an empty file, for a new sweep."""
    assert path is not None
    if not resume and path.is_file() and not path.stat().st_size:
        return None
    if resume and not path.exists():
        raise StoreError(f"there is no store {path} to go on with: leave out --resume to begin it")
    opened = Store.open(path)
    done = sum(opened.totals(backend.argument).chunks for backend in opened.backends())
    if done and not resume:
        opened.close()
        raise StoreError(
            f"{path} has the results of {counted(done, 'chunk')} of scope {opened.sweep.scope}: go on with --resume, "
            "or give another file"
        )
    return opened


def _scope(word: str, seed: int) -> Scope:
    try:
        return Scope.named(word, seed) if word in scopes.NAMES or not Path(word).is_file() else Scope.read(word)
    except (OSError, ValueError) as error:
        raise BadUsage(error, "--scope") from error


def _loaded(words: Sequence[str]) -> Loaded:
    try:
        loaded = load(words)
    except (ImportError, ValueError) as error:
        raise BadUsage(error, "--backend") from error
    misused = [one for one in loaded.errors.values() if isinstance(one, NotLoaded) and one.is_misuse]
    if misused and not loaded.subjects:
        raise BadUsage(misused[0].said, "--backend")
    return loaded


@dataclass
class _Ended:
    """The way in which a sweep ended: the chunks that were lost, and the signal or error that stopped it."""

    lost: list[Lost]
    error: Exception | KeyboardInterrupt | None = None


def _run(
    console: PlainConsole,
    begun: _Begun,
    minutes: float | None,
    scheduler: str | None,
    reports: Path | None,
    processes: int,
    time_limit: float,
) -> NoReturn:
    """Judge what is not done, then make the claim and tell the bugs."""
    names = tuple(begun.subjects)
    setting = Setting(begun.scope, begun.store.sweep.dtype, begun.store.sweep.seed, names, time_limit, variables())
    swept = Swept(begun.store, begun.scope, begun.subjects)
    ended = _judge(console, begun, swept, setting, minutes, scheduler, processes)
    stopped = isinstance(ended.error, KeyboardInterrupt)
    try:
        result = found(swept, ask=not stopped, time_limit=time_limit)
    except Exception as error:  # the claim does not depend on it
        ended.error, result = ended.error or error, Found()
    with undisturbed():
        _tell(console, begun, swept, result, ended)
    if reports is not None and not stopped:
        _write(console, reports, result, swept)
    if ended.error is not None or _is_unfinished(begun):
        console.print(_how_to_go_on(begun), soft_wrap=True)
    if isinstance(ended.error, KeyboardInterrupt):
        raise typer.Exit(status_of(ended.error)) from ended.error
    status = exit_status([begun.store.totals(name) for name in names])
    if status in (ExitStatus.PASSED, ExitStatus.JUDGED_TOO_LITTLE):
        status = _status(begun, ended) or status
    raise typer.Exit(console.exit_status(status))


def _status(begun: _Begun, ended: _Ended) -> ExitStatus:
    """Return the exit status of a sweep in which nothing failed."""
    if begun.errors:
        return ExitStatus.FAILED
    if isinstance(ended.error, StoreError):
        return ExitStatus.NOT_WRITTEN
    if isinstance(ended.error, EngineError):
        return ExitStatus.JUDGED_TOO_LITTLE
    return ExitStatus.SUITE_FAILED if ended.lost or ended.error is not None else ExitStatus.PASSED


def _judge(
    console: PlainConsole,
    begun: _Begun,
    swept: Swept,
    setting: Setting,
    minutes: float | None,
    scheduler: str | None,
    processes: int,
) -> _Ended:
    """Judge all chunks that are left, one round of them before it says how long the others take."""
    store, names = begun.store, setting.backends
    total = None if store.sweep.configurations is None else store.sweep.configurations * len(names)
    done = sum(store.totals(name).configurations for name in names)
    of_all = "configurations without end" if total is None else f"{total:,} configurations"
    already = f", {done:,} of them done" if done else ""
    console.print(f"Scope {store.sweep.scope} on {counted(len(names), 'backend')}: {of_all}{already}.", soft_wrap=True)
    ended = _Ended([])
    if total == done:
        return ended
    seconds = None if minutes is None else 60 * minutes
    until = None if seconds is None else time.monotonic() + seconds
    engine: Engine | None = None
    try:
        engine = _engine(setting, scheduler, processes)
        jobs = jobs_left(store, begun.scope, names, until)
        first = _answers(store, engine.answers(itertools.islice(jobs, engine.processes)), ended)
        rate = engine.processes * _mean([_asked(answer) / max(answer.seconds, 1e-3) for answer in first])
        done = sum(store.totals(name).configurations for name in names)
        if total is not None and done >= total:
            return ended
        console.print(_forecast(total, done, rate, engine.processes, minutes), soft_wrap=True)
        bugs = BugsSoFar(swept)
        with SweepProgress(done, total, None if until is None else until - time.monotonic()) as progress:
            failures = sum(store.totals(name).failed for name in names)
            bugs.add(failures)
            for answer in _answers(store, engine.answers(jobs), ended):
                failures += sum(len(result.failures) for result in answer.results.values())
                bugs.add(failures)
                progress.add(_asked(answer), bugs.number)
    except typer.BadParameter:
        raise
    except (Exception, KeyboardInterrupt) as error:  # what was judged until then is told
        ended.error = error
    finally:
        if engine is not None:
            engine.close()
    return ended


def _engine(setting: Setting, scheduler: str | None, processes: int) -> Engine:
    if scheduler is None:
        return Here(setting, processes)
    from ..run.sweep.dask import OnDask

    try:
        return OnDask(setting, scheduler)
    except EngineError as error:
        raise BadUsage(error, "--scheduler") from error


def _answers(store: Store, answers: Iterator[Answer | Lost], ended: _Ended) -> Iterator[Answer]:
    """Store all answers, yield them, and keep the chunks that were lost."""
    for answer in stored(store, answers):
        if isinstance(answer, Lost):
            ended.lost.append(answer)
        else:
            yield answer


def _asked(answer: Answer) -> int:
    """Return the number of configurations of an answer, for all of its backends."""
    return sum(map(number_of_configurations, answer.results.values()))


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers) if numbers else 0.0


def _forecast(total: int | None, done: int, rate: float, processes: int, minutes: float | None) -> str:
    """Say how long the rest takes at the rate just measured."""
    at = f"at the {rate:,.0f} a second just measured, with {counted(processes, 'judge')}"
    limit = "" if minutes is None else f" It ends after {duration(60 * minutes)} in any case."
    if not rate:
        return f"The rate is not known: no chunk has been judged.{limit}"
    if total is None:
        return f"It goes on {at} until it is stopped.{limit}"
    return f"The other {total - done:,} take {duration((total - done) / rate)} {at}.{limit}"


def _tell(console: PlainConsole, begun: _Begun, swept: Swept, result: Found, ended: _Ended) -> None:
    """Print the claim first, then the bugs, then what both depend on."""
    for text in claims(begun.store, begun.backends):
        console.verdict(text)
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


def _write(console: PlainConsole, folder: Path, result: Found, swept: Swept) -> None:
    try:
        for path, seen in write_reports(folder, result, swept):
            console.print(f"{path}: {seen}", soft_wrap=True)
    except OSError as error:
        raise BadUsage(f"the reports could not be written: {error}", "--reports") from error
    if not result.bugs:
        console.print(f"No bug was found, so no report was written to {folder}.", soft_wrap=True)


def _is_unfinished(begun: _Begun) -> bool:
    chunks = begun.store.sweep.chunks
    return chunks is None or any(begun.store.totals(name).chunks < chunks for name in begun.subjects)


def _how_to_go_on(begun: _Begun) -> str:
    if begun.store.path is None:
        return "These results are not kept. With --store FILE, a sweep can go on later."
    return f"To go on: conv2d-reference sweep --resume --store {shlex.quote(str(begun.store.path))}"

"""Judge all chunks of a sweep that are left, and show the progress."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import typer

from ..console import PlainConsole
from ..options import BadUsage
from ..run.sweep.driver import jobs_left, stored
from ..run.sweep.engine import EngineError, Here
from ..run.sweep.jobs import Answer, Engine, Lost, Setting
from ..run.sweep.store import Store, number_of_configurations
from ..words import counted
from .beginning import Begun
from .distinct import BugsSoFar, Swept
from .progress import SweepProgress, duration


@dataclass
class Ended:
    """The way in which a sweep ended: the chunks that were lost, and the signal or error that stopped it."""

    lost: list[Lost]
    error: Exception | KeyboardInterrupt | None = None


def judge(
    console: PlainConsole,
    begun: Begun,
    swept: Swept,
    setting: Setting,
    minutes: float | None,
    scheduler: str | None,
    processes: int,
) -> Ended:
    """Judge all chunks that are left, one round of them before it says how long the others take."""
    store, names = begun.store, setting.backends
    total = None if store.sweep.configurations is None else store.sweep.configurations * len(names)
    done = sum(store.totals(name).configurations for name in names)
    of_all = "configurations without end" if total is None else f"{total:,} configurations"
    already = f", {done:,} of them done" if done else ""
    console.print(f"Scope {store.sweep.scope} on {counted(len(names), 'backend')}: {of_all}{already}.", soft_wrap=True)
    ended = Ended([])
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


def _answers(store: Store, answers: Iterator[Answer | Lost], ended: Ended) -> Iterator[Answer]:
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

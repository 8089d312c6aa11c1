"""Drive a sweep: hand out the chunks that are not done, and store the answers."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator, Sequence

from .engine import EngineError
from .jobs import Answer, Job, Lost
from .scope import Scope
from .store import Store


def jobs_left(store: Store, scope: Scope, backends: Sequence[str], until: float | None = None) -> Iterator[Job]:
    """Yield a job for each chunk that is not done for all backends. Nothing is yielded after `until`.

    `until` is a time of `time.monotonic`.
    """
    done = {backend: store.done(backend) for backend in backends}
    end = scope.number_of_chunks
    for number in itertools.count() if end is None else range(end):
        missing = tuple(backend for backend in backends if number not in done[backend])
        if until is not None and time.monotonic() >= until:
            return
        if missing:
            yield Job(number, missing)


def stored(store: Store, answers: Iterable[Answer | Lost]) -> Iterator[Answer | Lost]:
    """Store each answer, then yield it. Raises EngineError if another machine or version than the store's answered."""
    versions = {backend.argument: backend.version for backend in store.backends()}
    for answer in answers:
        if isinstance(answer, Answer):
            _check(store, versions, answer)
            store.add(answer.job.chunk, answer.results)
        yield answer


def _check(store: Store, versions: dict[str, str], answer: Answer) -> None:
    difference = store.sweep.machine.difference(answer.machine)
    if difference is not None:
        raise EngineError(
            f"all workers must be alike; one differs from the machine that began the sweep in the {difference}. "
            "Sweep on it alone, into another store"
        )
    for argument, version in answer.versions.items():
        if version != versions[argument]:
            raise EngineError(
                f"all workers must have {argument} {versions[argument]}, as the store has; one has {version}: "
                "install the same version there"
            )

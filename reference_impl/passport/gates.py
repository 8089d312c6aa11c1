"""Gates: a promise that is required of a backend, as a check whose failure fails the run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..backends.promises import PROMISES, THREAD
from ..exact.formats import FORMATS
from ..run import outcome
from ..run.outcome import Record
from ..run.processes.worker import Died, Raised
from ..run.subject import Subject
from .asking import asker, on_threads
from .invariance import CASES, Invariance, invariances


def required(words: Sequence[str], subject: Subject, operations: Sequence[str], seed: int = 0) -> Iterator[Record]:
    """Hold a backend to promises: a record for each operation and word, in each float dtype that it offers."""
    apart = subject.apart
    with on_threads(apart) as make:
        for dtype in [dtype for dtype in FORMATS if dtype in subject.capabilities.dtypes]:
            for operation in operations:
                cases = [case.with_dtype(dtype) for case in CASES]
                supported = subject.capabilities.supported(operation, cases)
                for word in words:
                    blank = subject.blank(operation, str((supported or cases)[0]), seed, word)
                    try:
                        (seen,) = invariances(asker(apart), operation, supported, [word], make)
                    except (Died, Raised) as error:
                        came = outcome.CRASHED if isinstance(error, Died) else outcome.REFUSED
                        yield replace(blank, outcome=came, message=str(error))
                        continue
                    yield _record(blank, seen, asked=bool(supported))


def _record(blank: Record, seen: Invariance, *, asked: bool) -> Record:
    if seen.holds is None and seen.promise == THREAD and asked:  # an unknown must not pass a gate
        return replace(blank, outcome=outcome.FAIL, message=f"required, but it could not be asked: {seen.seen}")
    if seen.holds is None:
        return replace(blank, outcome=outcome.UNSUPPORTED, message=f"cannot be asked: {seen.seen}")
    if seen.holds:
        return replace(blank, remark=f"{seen.promise}: {seen.seen}")
    return replace(blank, outcome=outcome.FAIL, message=f"required: {PROMISES[seen.promise]}; {seen.seen}")

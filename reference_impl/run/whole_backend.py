"""The checks on a whole backend, in processes of its own: steady memory, refused invalid calls, bits on any threads."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from ..backends import environments
from ..backends.promises import PROMISES
from ..cases.case import Case
from ..verdicts.invalid_calls import CASE, INVALID_CALLS, InvalidCall, answer_to
from ..verdicts.real_data import real_task
from . import outcome
from .outcome import Record
from .processes.asking import CALL_TIME_LIMIT
from .processes.memory import FEWEST_CALLS, KIB, MIB, UNKNOWN
from .processes.worker import Died, NotAsked, Raised
from .speed import patience_of
from .subject import NotLoaded, Subject, process_for

STEADY = "steady_memory"
REFUSES = "refuses_invalid_calls"
THREADS = "thread_counts"
LOADS = "loads"
WHOLE_BACKEND_CHECKS = {
    LOADS: "it can be loaded: that raises no error, and does not exit, kill or hang the process",
    STEADY: "the same call, made again and again, takes no more memory",
    REFUSES: "an invalid call raises an error; it is not answered, and does not kill or hang the process",
    THREADS: "the same call gives the same bits on 1 and on 4 threads (reported, unless the backend promises it)",
    **PROMISES,
}
# Those that run by default. A promise is looked at where it is required.
USUAL = tuple(name for name in WHOLE_BACKEND_CHECKS if name not in PROMISES)

TIME_LIMIT = 60  # seconds
THREAD_COUNTS = (1, 4)
# Its three arrays have 16 KiB each. It has few products, for slow kernels.
STEADY_CASE = Case.parse("n1_h13w12c26_k3x2o26_SAME")
# A quarter of such an array a call; less may be the allocator's. The frameworks' growth is below 0.01 MiB.
MOST_GROWTH = 2 * MIB
# Frameworks, and the libraries below them, read these when they start.
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
)
# Large enough to be divided among threads.
THREAD_CASES = tuple(
    Case.parse(spec)
    for spec in (
        "n4_h56w56c16_k3x3o32_SAME",
        "n8_h28w30c32_k3x3o24_s2x2_SAME",
        "n2_h33w40c12_k5x4o20_s2x3_p2,1,0,3",
        "n16_h14w14c64_k1x1o48",
        "n1_h60w62c8_k3x3o8_SAME",
    )
)

IsDeadly = Callable[[Subject, str, Case, str], bool]
"""True if a backend is known to die of the operation, on this case, in the invalid call of that name."""


def judge_whole_backend(
    names: Sequence[str],
    subject: Subject,
    operations: Sequence[str],
    seed: int = 0,
    is_deadly: IsDeadly = lambda *call: False,
) -> Iterator[Record]:
    """Run those of WHOLE_BACKEND_CHECKS that are named."""
    if STEADY in names:  # first, while nothing else has taken memory there
        yield from steady_memory(subject, operations, seed)
    if REFUSES in names:
        yield from invalid_calls(subject, operations, seed, is_deadly)
    if THREADS in names:
        yield from thread_counts(subject, operations, seed)
    if set(PROMISES) & set(names):
        from ..passport.gates import required  # by its name: it stands above `run`

        yield from required([name for name in PROMISES if name in names], subject, operations, seed)


def not_loaded(name: str, error: NotLoaded | Died, seed: int = 0) -> Record:
    """Record that a backend cannot be loaded."""
    came = outcome.CRASHED if isinstance(error, Died) else outcome.REFUSED
    environment = environments.split(name)[1] or None
    return Record(
        name, "", "loading", "", LOADS, came, message=str(error), seed=seed, argument=name, environment=environment
    )


def steady_memory(subject: Subject, operations: Sequence[str], seed: int = 0) -> Iterator[Record]:
    """Check that memory does not grow: a record for each operation that the backend offers."""
    declared = subject.capabilities
    case = STEADY_CASE.with_dtype("float32" if "float32" in declared.dtypes else declared.dtypes[0])
    for operation in operations:
        if not declared.supports(operation, case):
            continue
        blank = subject.blank(operation, str(case), seed, STEADY)
        reason = declared.unclaimed.get(STEADY, UNKNOWN)
        if reason is not None:
            yield replace(blank, outcome=outcome.UNSUPPORTED, message=reason)
            continue
        try:
            calls, grown = subject.ask("growth", operation, str(case), seed)
        except (Died, Raised) as error:
            yield _not_answered(blank, error)
        else:
            yield _steady(blank, calls, grown)


def _steady(blank: Record, calls: int, grown: int) -> Record:
    if grown > MOST_GROWTH:
        message = (
            f"memory must not grow by more than {MOST_GROWTH // MIB} MiB in {calls} equal calls; it grew by "
            f"{grown / MIB:.1f} MiB, {grown / calls / KIB:.1f} KiB a call"
        )
        return replace(blank, outcome=outcome.FAIL, message=message)
    if calls < FEWEST_CALLS:
        return replace(
            blank, outcome=outcome.MISTRUSTED, remark=f"memory did not grow, in {calls} calls only: it is slow"
        )
    return blank


def _not_answered(blank: Record, error: Died | Raised, said: str = "") -> Record:
    """Record an error in place of an answer; `said` stands before it."""
    if isinstance(error, NotAsked):
        return replace(blank, outcome=outcome.UNSUPPORTED, message=str(error))
    came = outcome.CRASHED if isinstance(error, Died) else outcome.REFUSED
    return replace(blank, outcome=came, message=f"{said}{error}")


def invalid_calls(
    subject: Subject, operations: Sequence[str], seed: int = 0, is_deadly: IsDeadly = lambda *call: False
) -> Iterator[Record]:
    """Make every invalid call: a record for each. Deadly ones come last, as a framework's first call takes seconds."""
    deadly = []
    for invalid in INVALID_CALLS:
        for operation in invalid.operations:
            if operation not in operations or operation not in subject.capabilities.operations:
                continue
            if is_deadly(subject, operation, CASE, invalid.name):
                deadly.append((operation, invalid))
            else:
                yield invalid_call(subject, operation, invalid, seed)
    for operation, invalid in deadly:
        yield invalid_call(subject, operation, invalid, seed, is_deadly=True)


def invalid_call(
    subject: Subject, operation: str, invalid: InvalidCall, seed: int = 0, *, is_deadly: bool = False
) -> Record:
    """Make one invalid call, in the backend's own process.

    A call that `is_deadly` is the first of a fresh process. So its death is its own, and it is made once, not twice.
    """
    declared = subject.capabilities
    record = subject.blank(operation, str(CASE), seed, REFUSES, invalid.name)
    if REFUSES in declared.unclaimed:
        return replace(record, outcome=outcome.UNSUPPORTED, message=declared.unclaimed[REFUSES])
    if invalid.near is not None:
        near = invalid.near.with_dtype(CASE.dtype if CASE.dtype in declared.dtypes else declared.dtypes[0])
        if not declared.supports(operation, near):
            return replace(record, outcome=outcome.UNSUPPORTED, message=declared.unsupported(operation, near))
    try:
        if is_deadly:
            subject.apart.backend.process.renew()
        right, said = answer_to(subject.apart.backend, invalid.name, operation)
        if is_deadly:
            subject.apart.backend.process.renew()  # it may have damaged the memory of the process
        for late in subject.apart.backend.take_late_deaths():
            return replace(record, outcome=outcome.CRASHED, message=late.message)
        return replace(record, outcome=outcome.PASS if right else outcome.FAIL, message=said)
    except Died as died:
        return _not_answered(record, died, f"{invalid.must}; ")


def thread_counts(subject: Subject, operations: Sequence[str], seed: int = 0) -> Iterator[Record]:
    """Compare the bits on few and many threads: a record for each operation on each of THREAD_CASES."""
    declared = subject.capabilities
    calls = [
        (operation, case) for case in THREAD_CASES for operation in operations if declared.supports(operation, case)
    ]
    slow = {call: why for call in calls if (why := _too_slow(subject, *call, seed)) is not None}
    for (operation, case), why in slow.items():
        blank = subject.blank(operation, str(case), seed, THREADS)
        yield replace(blank, outcome=outcome.UNSUPPORTED, message=why)
    calls = [call for call in calls if call not in slow]
    digests = [_digests(subject, count, calls, seed) for count in THREAD_COUNTS]
    for (operation, case), *found in zip(calls, *digests):
        blank = subject.blank(operation, str(case), seed, THREADS)
        error = next((digest for digest in found if not isinstance(digest, str)), None)
        if error is not None:
            yield _not_answered(blank, error)
            continue
        counts = " and ".join(map(str, THREAD_COUNTS))
        same = len(set(found)) == 1
        seen = f"bits on {counts} threads: {'same' if same else 'other'}"
        if declared.same_bits_on_any_threads and not same:
            message = f"promised: the same bits on any number of threads; on {counts} they differ"
            yield replace(blank, outcome=outcome.FAIL, message=message)
        else:
            yield replace(blank, remark=seen)


def _too_slow(subject: Subject, operation: str, case: Case, seed: int) -> str | None:
    """Say that a call of a user's backend takes too long, or nothing."""
    if subject.adapter is not None:
        return None
    patience = patience_of(CALL_TIME_LIMIT, chosen=True)
    try:
        return subject.speed.too_slow(subject.apart.backend, operation, case, seed, patience)
    except Died:  # the calls of the run tell that
        return None


def _digests(subject: Subject, threads: int, calls: Sequence[tuple[str, Case]], seed: int) -> list[str | Died | Raised]:
    """SHA-256 of the answers on real data, each on this number of threads."""
    environment = dict.fromkeys(_THREAD_VARIABLES, str(threads))
    found: list[str | Died | Raised] = []
    name = subject.argument or subject.name
    process = process_for(name, environment=environment, may_be_forked=False)
    try:
        backend = Subject.load(name, process).backend
        for operation, case in calls:
            try:
                answer = real_task(case, operation, seed, "normal").call.run(backend)
                found.append(hashlib.sha256(np.ascontiguousarray(answer).tobytes()).hexdigest())
            except (Died, Raised) as error:
                found.append(error)
    except (Died, NotLoaded) as error:
        found = [error if isinstance(error, Died) else Died(str(error))] * len(calls)
    finally:
        process.close()
    return found

"""Judge a chunk of a sweep: ask backends in their processes, and hold each answer to the exact one.

Data and right answers are made once for all backends that are asked together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from ...bugs import JudgedCall
from ...cases.case import Case
from ..subject import Subject


@dataclass(frozen=True)
class Failure:
    """A call that failed: its kind is `call.outcome`. `known` is what the entry of known_failures/ says, if one expects it."""

    call: JudgedCall
    message: str
    known: str | None = None


@dataclass
class ChunkResult:
    """The outcome of one chunk for one backend.

    Parameters
    ----------
    asked : the number of calls that were made, or that were to be made when the process died
    passed : the number of right answers
    unsupported : the number of calls that the backend declares not to offer, by its reason
    unasked : the number of calls that were not made, by the reason: too many before them died or hung
    failures, known : the calls that failed; `known` are those that known_failures/ expects
    doubts : reasons to suspect the oracle, and not the backend
    seconds : by part: "backend" (the calls themselves), "oracle", "judging", "transport"
    """

    backend: str
    asked: int = 0
    passed: int = 0
    unsupported: Counter[str] = field(default_factory=Counter)
    unasked: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    known: list[Failure] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    seconds: Counter[str] = field(default_factory=Counter)


def judge_chunk(
    subjects: Sequence[Subject],
    chunk: Sequence[tuple[str, Case]],
    *,
    dtype: str | None = None,
    seed: int = 0,
    time_limit: float = 10.0,
) -> list[ChunkResult]:
    """Judge every configuration of a chunk for each backend: a result each, in their order.

    Parameters
    ----------
    subjects : backends in processes of their own, as `Subject.load` gives them
        Keep them from chunk to chunk: deaths and hangs that were seen make later ones cheaper.
    chunk : pairs of an operation and a case, as from `Scope.chunk`
    dtype : of the arguments, in place of the cases' own
    seed : of the data
    time_limit : seconds that one call may take
    """
    from ...verdicts.checks import CHECKS
    from ..judge import judge

    exact = [check for check in CHECKS if check.name == "exact"]
    results = []
    for subject in subjects:
        subject = subject.apart
        result = ChunkResult(subject.argument or subject.name)
        for operation, case in chunk:
            case = case.with_dtype(dtype or case.dtype)
            for record in judge(subject, case, operation, seed, checks=exact):
                if record.outcome == "unsupported":
                    result.unsupported[record.message or ""] += 1
                    continue
                result.asked += 1
                if record.outcome in ("pass", "mistrusted"):
                    result.passed += 1
                else:
                    kind = {"refused": "refused", "crashed": "crash"}.get(record.outcome, "wrong values")
                    call = JudgedCall(subject.route, operation, case, kind, environment=subject.environment or "")
                    result.failures.append(Failure(call, record.message or ""))
        results.append(result)
    return results

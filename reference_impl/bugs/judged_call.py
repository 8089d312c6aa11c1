"""JudgedCall: one call of a backend and its outcome, as plain values."""

from __future__ import annotations

from dataclasses import dataclass

from ..cases.case import Case
from ..operations import OPERATIONS

PASSED = "passed"
CRASH = "crash"
HANG = "hang"
WRONG_VALUES = "wrong values"
RACE = "race"
PRINTING = "printing"
WRONG_SHAPE = "wrong shape"
REFUSED = "refused"
KINDS = (CRASH, HANG, WRONG_VALUES, RACE, WRONG_SHAPE, REFUSED, PRINTING)
"""The ways to fail, the most telling first."""


@dataclass(frozen=True)
class JudgedCall:
    """One call: the backend that was asked, the problem, and the outcome.

    Parameters
    ----------
    outcome : "passed", one of KINDS, or "" if the call has not been judged yet
    check : the name of a robustness check (invalid call, memory layout ...), or "" for a plain call
        Calls of different checks are never grouped together.
    diagnosis : the name of a known mistake that gives the same wrong answer
    implementation : the primitive that the framework chose, as oneDNN's "jit:avx2"
    """

    backend: str
    operation: str
    case: Case
    outcome: str = ""
    route: str = ""
    environment: str = ""
    check: str = ""
    diagnosis: str | None = None
    implementation: str | None = None

    def __post_init__(self) -> None:
        if self.outcome not in ("", PASSED, *KINDS):
            raise ValueError(f"outcome must be '', {PASSED}, {', '.join(KINDS)}; not {self.outcome!r}")
        if self.operation not in OPERATIONS:
            raise ValueError(f"operation must be one of {', '.join(OPERATIONS)}; not {self.operation!r}")

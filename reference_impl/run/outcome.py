"""What came of one check of one backend on one call."""

from __future__ import annotations

from dataclasses import dataclass

from ..cases.case import Case

PASS = "pass"
FAIL = "fail"
REFUSED = "refused"
CRASHED = "crashed"
UNSUPPORTED = "unsupported"
MISTRUSTED = "mistrusted"
KNOWN = "known"
FIXED = "fixed"

# Only these make a run fail: a known failure is expected, and one that is gone must leave the list.
UNEXPECTED = (FAIL, REFUSED, CRASHED, FIXED)

MEANING = {
    PASS: "agrees with the oracle",
    FAIL: "answers, and wrongly",
    REFUSED: "raises an error on a case that it claims to support",
    CRASHED: "its process dies, hangs or takes too much memory",
    UNSUPPORTED: "declares that it does not offer this",
    MISTRUSTED: "agrees with the oracle, on data that prove little",
    KNOWN: "fails as known_failures/ expects",
    FIXED: "passes although known_failures/ expects a failure: the entry must go, or its versions end",
}


@dataclass(frozen=True)
class Record:
    """One check of one backend on one operation of one case: one line of the JSON file."""

    backend: str
    version: str
    operation: str
    case: str
    check: str
    outcome: str
    mode: str = "native"
    ratio: float | None = None
    median_ratio: float | None = None
    diagnosis: str | None = None
    remark: str | None = None
    """What is said of a right answer; the report counts who was seen to do what."""
    message: str | None = None
    seed: int = 0
    argument: str | None = None
    """What `--backend` takes to load this backend again."""

    @property
    def dtype(self) -> str:
        return Case.parse(self.case).dtype

    @property
    def unexpected(self) -> bool:
        return self.outcome in UNEXPECTED

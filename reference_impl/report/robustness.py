"""Robustness: failures that users may live with, told apart from wrong answers to plain calls."""

from __future__ import annotations

from functools import lru_cache

from ..cases.case import Case
from ..run.judge import PRINTS_NOTHING
from ..run.outcome import Record
from ..run.whole_backend import REFUSES

# The robustness that each check is about. All other checks are about right answers.
OF_CHECKS = {
    REFUSES: "invalid calls",
    "any_memory_layout": "memory layouts",
    "shared_arguments": "memory layouts",
    "special_values": "special values",
    PRINTS_NOTHING: "printing",
}
OF_CASES = EMPTY, LARGE_BATCH = "empty arrays", "batches beyond 65,535"
KINDS = (*dict.fromkeys(OF_CHECKS.values()), *OF_CASES)
# A CUDA grid has at most so many blocks along its second and third axes.
_MOST_IMAGES = 65_535


def robustness_of(record: Record) -> str | None:
    """Return the kind of robustness that a record is about, one of KINDS; None if it is about right answers."""
    return OF_CHECKS.get(record.check) or (of_case(record.case) if record.case and not record.invalid_call else None)


@lru_cache(8192)
def of_case(spec: str) -> str | None:
    """Return the kind of robustness that all calls on a case are about."""
    case = Case.parse(spec)
    if not all((*case.input_sizes, *case.filter_sizes, *case.output_shape)):
        return EMPTY
    return LARGE_BATCH if case.batch > _MOST_IMAGES else None

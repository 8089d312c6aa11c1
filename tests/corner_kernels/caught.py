"""Find the case on which the exact check catches a corner kernel."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from corner_kernels.corner import Corner, names_of

from reference_impl.cases.case import Case
from reference_impl.verdicts.task import Task


def first_caught(corner: Corner, cases: Iterable[Case]) -> Case | None:
    """The first case on which an answer of the kernel's differs from the right one, in any of the four operations.

    Where a condition does not hold, and in the operations that it does not name, the kernel is the oracle itself. These
    calls are not made.
    """
    return next((case for case in cases if corner.applies(names_of(case)) and _is_wrong(corner, case)), None)


def _is_wrong(corner: Corner, case: Case) -> bool:
    tasks = (Task(case, operation, 0) for operation in corner.operations)
    return any(
        (corner.answer(task.call.with_arrays(lambda array: array.astype(np.int64))) != task.expected).any()
        for task in tasks
    )

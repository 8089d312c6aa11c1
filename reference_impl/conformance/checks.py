"""The claims that are checked of a backend, one by one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ..backends.protocol import Capabilities
from .agreement import (
    Accuracy,
    assert_exact,
    assert_rounded,
    assert_same_bits,
    assert_shape_and_dtype,
    assert_unchanged,
)
from .cases import Case
from .data import Call
from .generation import multiply_adds
from .real_data import FORMATS, RealProblem


@dataclass
class Trial:
    """One backend's answer to one call, asked for when a check first needs it."""

    backend: Any
    call: Call
    expected: np.ndarray
    result_dtype: str
    real: RealProblem | None = None
    declared: Capabilities = field(default_factory=Capabilities)

    @cached_property
    def given(self) -> Call:
        """The call with the backend's own copies of the arguments, so that what it does to them is seen."""
        return self.call.with_arrays(np.copy)

    @cached_property
    def answer(self) -> Any:
        """What the backend gave, kept from what it may do to its own buffers later."""
        answer = self.given.run(self.backend)
        return answer.copy() if isinstance(answer, np.ndarray) else answer


@dataclass(frozen=True)
class Check:
    """`claim` says what holds of a right backend; `run` raises `Disagreement` where it does not.

    A check of accuracy also measures it.
    """

    name: str
    claim: str
    run: Callable[[Trial], Accuracy | None]
    floats_only: bool = False


def _shape_and_dtype(trial: Trial) -> None:
    assert_shape_and_dtype(trial.answer, trial.expected.shape, trial.result_dtype)


def _exact(trial: Trial) -> None:
    _shape_and_dtype(trial)
    if trial.declared.plain_sum or trial.call.case.dtype not in FORMATS:
        assert_exact(trial.answer, trial.expected, trial.call)
    else:
        _assert_near(trial.answer, RealProblem("integer", trial.call), trial)


def _inputs_unchanged(trial: Trial) -> None:
    trial.answer  # noqa: B018  the call must have been made
    assert_unchanged(trial.given.arrays, trial.call.arrays)


def _repeatable(trial: Trial) -> None:
    first = trial.answer
    assert_same_bits(np.asarray(trial.given.run(trial.backend)), np.asarray(first))


def _rounded(trial: Trial) -> Accuracy | None:
    real = trial.real
    assert real is not None
    answer = real.call.with_arrays(np.copy).run(trial.backend)
    assert_shape_and_dtype(answer, real.exact.shape, trial.result_dtype)
    return _assert_near(answer, real, trial)


def _assert_near(answer: np.ndarray, problem: RealProblem, trial: Trial) -> Accuracy | None:
    declared = trial.declared
    flushes = trial.call.case.dtype in declared.flushes
    return assert_rounded(
        answer, problem, trial.result_dtype, declared.factor, flushes=flushes, planewise=declared.planewise
    )


CHECKS = (
    Check(
        "shape_and_dtype", "the answer has the oracle's shape and the dtype that the backend declares", _shape_and_dtype
    ),
    Check(
        "exact",
        "on integers the answer equals the oracle's; if declared to be no plain sum, to within its factor",
        _exact,
    ),
    Check("inputs_unchanged", "the arguments are not written to", _inputs_unchanged),
    Check("repeatable", "the same call gives the same bits twice", _repeatable),
    Check("rounded", "on real data the answer is within 16 eps * gauge of the exact one", _rounded, floats_only=True),
)


# Above, the exact answer takes seconds: `full` runs only.
MOST_ROUNDED = 5_000_000


def checks_of(case: Case, *, full: bool = False) -> tuple[Check, ...]:
    """Those that say something about a case of its dtype, without the slow ones unless `full`."""
    floats = case.dtype in FORMATS and (full or multiply_adds(case) <= MOST_ROUNDED)
    return tuple(check for check in CHECKS if floats or not check.floats_only)

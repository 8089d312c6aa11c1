"""The claims that are checked of a backend, one by one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .agreement import assert_exact, assert_same_bits, assert_shape_and_dtype, assert_unchanged
from .data import Call


@dataclass
class Trial:
    """One backend's answer to one call, asked for when a check first needs it."""

    backend: Any
    call: Call
    expected: np.ndarray
    result_dtype: str

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
    """`claim` says what holds of a right backend; `run` raises `Disagreement` where it does not."""

    name: str
    claim: str
    run: Callable[[Trial], None]


def _shape_and_dtype(trial: Trial) -> None:
    assert_shape_and_dtype(trial.answer, trial.expected.shape, trial.result_dtype)


def _exact(trial: Trial) -> None:
    _shape_and_dtype(trial)
    assert_exact(trial.answer, trial.expected, trial.call)


def _inputs_unchanged(trial: Trial) -> None:
    trial.answer  # noqa: B018  the call must have been made
    assert_unchanged(trial.given.arrays, trial.call.arrays)


def _repeatable(trial: Trial) -> None:
    first = trial.answer
    assert_same_bits(np.asarray(trial.given.run(trial.backend)), np.asarray(first))


CHECKS = (
    Check(
        "shape_and_dtype", "the answer has the oracle's shape and the dtype that the backend declares", _shape_and_dtype
    ),
    Check("exact", "on integers the answer equals the oracle's, element by element", _exact),
    Check("inputs_unchanged", "the arguments are not written to", _inputs_unchanged),
    Check("repeatable", "the same call gives the same bits twice", _repeatable),
)

"""An exported model: a function on images, and what its file says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np


class CannotRun(ValueError):
    """The model cannot be computed on the images of the layer; the message says why."""


@dataclass(frozen=True, eq=False)
class Model:
    """A model of one convolution.

    Parameters
    ----------
    name : of its file
    is_transposed : True if its convolution is a transposed one
    shape : of its input; None stands for any size, or for any shape
    dtype : of its input
    answer : computes the output of one input
    weights : the constant filters, HWIO of the forward convolution as the format defines it
    says : its options in the format's own words
    by : computes the answers: a runtime, or the definition of the format
    """

    name: str
    is_transposed: bool
    shape: tuple[int | None, ...] | None
    dtype: str
    answer: Callable[[np.ndarray], np.ndarray]
    weights: np.ndarray
    says: dict[str, Any] = field(default_factory=dict)
    by: str = ""

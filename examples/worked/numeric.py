"""A gradient taken without any formula for it, and how far another is from it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

# Central differences err by about step**2 and, in float64, eps / step: this step makes the two equal.
STEP = np.cbrt(np.finfo(float).eps)


def numeric_gradient(function: Callable[[np.ndarray], float], at: np.ndarray) -> np.ndarray:
    """(function(at + STEP) - function(at - STEP)) / (2 STEP), for a step in each element of `at` alone."""
    gradient = np.zeros(at.shape)
    for index in np.ndindex(at.shape):
        step = np.zeros(at.shape)
        step[index] = STEP
        gradient[index] = (function(at + step) - function(at - step)) / (2 * STEP)
    return gradient


def relative_error(actual: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference over the largest number expected."""
    return float(np.abs(actual - expected).max() / np.abs(expected).max())


def agrees(actual: np.ndarray, numeric: np.ndarray) -> bool:
    """True if half of the digits are those of a numeric gradient, as the other half of its own digits is not sure."""
    return relative_error(actual, numeric) < np.sqrt(np.finfo(float).eps)

"""Mistakes about order along an axis: what is reversed and should not be, or is not and should be."""

from __future__ import annotations

import numpy as np

from .altered_call import AlteredCall, Change
from .mistake import FILTER_GRADIENT, FORWARD, INPUT_GRADIENTS, Family

FAMILY = Family("flips")
mistake = FAMILY.mistake

_GRADIENTS = FILTER_GRADIENT + INPUT_GRADIENTS


def _reversed(*axes: int) -> Change:
    return lambda array: np.flip(array, axes)


@mistake(
    "The kernel is rotated by 180 degrees, a true convolution; TensorFlow and this oracle compute cross-correlation.",
    FORWARD + FILTER_GRADIENT,
    (
        "https://github.com/scipy/scipy/issues/23444",
        "https://github.com/pytorch/pytorch/issues/117534",
        "https://github.com/andravin/wincnn/issues/3",
    ),
)
def kernel_flipped(q: AlteredCall) -> np.ndarray:
    return q.through("filters", _reversed(0, 1))


@mistake(
    "The input gradient correlates with the kernel as it is; as in TensorFlow and this oracle it must be rotated by "
    "180 degrees there.",
    INPUT_GRADIENTS,
)
def kernel_not_flipped_in_input_gradient(q: AlteredCall) -> np.ndarray:
    return q.through("filters", _reversed(0, 1))


@mistake("The kernel is flipped along the height; TensorFlow and this oracle do not flip it.")
def kernel_upside_down(q: AlteredCall) -> np.ndarray:
    return q.through("filters", _reversed(0))


@mistake("The kernel is flipped along the width; TensorFlow and this oracle do not flip it.")
def kernel_mirrored(q: AlteredCall) -> np.ndarray:
    return q.through("filters", _reversed(1))


@mistake(
    "The kernel is flipped along the input channels, as a convolution in three dimensions does; TensorFlow and this "
    "oracle sum each channel with its own."
)
def kernel_flipped_along_channels(q: AlteredCall) -> np.ndarray:
    return q.through("filters", _reversed(2))


@mistake(
    "The kernel is flipped about its first tap, tap -p mod k, as after an FFT; TensorFlow and this oracle do not flip "
    "it."
)
def kernel_flipped_about_its_first_tap(q: AlteredCall) -> np.ndarray:
    kh, kw = q.shape("filters")[:2]
    rows, columns = -np.arange(kh) % kh, -np.arange(kw) % kw
    return q.through("filters", lambda array: array[rows][:, columns])


@mistake(
    "The kernel is rolled by half its size, as when an FFT's shift is forgotten; in TensorFlow and this oracle its "
    "first tap is the one at the top left."
)
def kernel_rolled(q: AlteredCall) -> np.ndarray:
    shift = [size // 2 for size in q.shape("filters")[:2]]
    return q.through(
        "filters",
        lambda array: np.roll(array, shift, (0, 1)),
        lambda array: np.roll(array, [-step for step in shift], (0, 1)),
    )


@mistake(
    "The image is rotated by 180 degrees instead of the kernel; TensorFlow and this oracle rotate neither.",
    FORWARD + FILTER_GRADIENT,
)
def image_flipped(q: AlteredCall) -> np.ndarray:
    return q.through("input", _reversed(1, 2))


@mistake(
    "The cotangent is rotated by 180 degrees; in TensorFlow and this oracle it lies as the output does.", _GRADIENTS
)
def cotangent_flipped(q: AlteredCall) -> np.ndarray:
    return q.through("output", _reversed(1, 2))


@mistake(
    "The result is rotated by 180 degrees; in TensorFlow and this oracle it lies as the image does.",
    FORWARD + INPUT_GRADIENTS,
)
def result_flipped(q: AlteredCall) -> np.ndarray:
    return q.through(q.asked, _reversed(1, 2))


@mistake(
    "The result's rows run from the bottom up; in TensorFlow and this oracle row 0 is the top.",
    FORWARD + INPUT_GRADIENTS,
)
def result_upside_down(q: AlteredCall) -> np.ndarray:
    return q.through(q.asked, _reversed(1))


@mistake(
    "The result's columns run from right to left; in TensorFlow and this oracle column 0 is the left.",
    FORWARD + INPUT_GRADIENTS,
)
def result_mirrored(q: AlteredCall) -> np.ndarray:
    return q.through(q.asked, _reversed(2))

"""Mistakes in the order along an axis: reversed where it should not be, or not reversed where it should be."""

from __future__ import annotations

import numpy as np

from . import right
from .altered_call import AlteredCall, Change
from .mistake import FILTER_GRADIENT, FORWARD, INPUT_GRADIENTS, Family

FAMILY = Family("flips")
mistake = FAMILY.mistake

_GRADIENTS = FILTER_GRADIENT + INPUT_GRADIENTS


def _reversed(*axes: int) -> Change:
    return lambda array: np.flip(array, axes)


@mistake(
    "The kernel is rotated by 180 degrees, as in a true convolution.",
    right.CROSS_CORRELATION,
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
    "The input gradient correlates with the kernel as it is, not rotated.",
    "The input gradient of TensorFlow and this oracle correlates with the kernel rotated by 180 degrees.",
    INPUT_GRADIENTS,
)
def kernel_not_flipped_in_input_gradient(q: AlteredCall) -> np.ndarray:
    return q.through("filters", _reversed(0, 1))


@mistake("The kernel is flipped along the height.", right.CROSS_CORRELATION)
def kernel_upside_down(q: AlteredCall) -> np.ndarray:
    return q.through("filters", _reversed(0))


@mistake("The kernel is flipped along the width.", right.CROSS_CORRELATION)
def kernel_mirrored(q: AlteredCall) -> np.ndarray:
    return q.through("filters", _reversed(1))


@mistake(
    "The kernel is flipped along the input channels, as in a convolution in three dimensions.",
    "TensorFlow and this oracle multiply each channel of the image by the same channel of the kernel.",
)
def kernel_flipped_along_channels(q: AlteredCall) -> np.ndarray:
    return q.through("filters", _reversed(2))


@mistake("The kernel is flipped about its first tap (tap -p mod k), as after an FFT.", right.CROSS_CORRELATION)
def kernel_flipped_about_its_first_tap(q: AlteredCall) -> np.ndarray:
    kh, kw = q.shape("filters")[:2]
    rows, columns = -np.arange(kh) % kh, -np.arange(kw) % kw
    return q.through("filters", lambda array: array[rows][:, columns])


@mistake("The kernel is rolled by half its size, as when an FFT's shift is forgotten.", right.CROSS_CORRELATION)
def kernel_rolled(q: AlteredCall) -> np.ndarray:
    shift = [size // 2 for size in q.shape("filters")[:2]]
    return q.through(
        "filters",
        lambda array: np.roll(array, shift, (0, 1)),
        lambda array: np.roll(array, [-step for step in shift], (0, 1)),
    )


@mistake(
    "The image is rotated by 180 degrees, and the kernel is not.", right.CROSS_CORRELATION, FORWARD + FILTER_GRADIENT
)
def image_flipped(q: AlteredCall) -> np.ndarray:
    return q.through("input", _reversed(1, 2))


@mistake("The cotangent is rotated by 180 degrees.", right.ORIENTATION, _GRADIENTS)
def cotangent_flipped(q: AlteredCall) -> np.ndarray:
    return q.through("output", _reversed(1, 2))


@mistake("The result is rotated by 180 degrees.", right.ORIENTATION, FORWARD + INPUT_GRADIENTS)
def result_flipped(q: AlteredCall) -> np.ndarray:
    return q.through(q.asked, _reversed(1, 2))


@mistake("The result's rows run from the bottom up.", right.ORIENTATION, FORWARD + INPUT_GRADIENTS)
def result_upside_down(q: AlteredCall) -> np.ndarray:
    return q.through(q.asked, _reversed(1))


@mistake("The result's columns run from right to left.", right.ORIENTATION, FORWARD + INPUT_GRADIENTS)
def result_mirrored(q: AlteredCall) -> np.ndarray:
    return q.through(q.asked, _reversed(2))

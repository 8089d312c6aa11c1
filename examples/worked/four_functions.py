"""conv2d and its three relatives: every way to compute a gradient, and the short formulas that a thread gives for two.

docs/worked/four-functions.md. The general form of "conv2d alone" is in examples/kernels/by_conv2d_alone.py; the rest
is what TensorFlow, PyTorch and this oracle have.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from examples.kernels.by_conv2d_alone import ByConv2dAlone
from reference_impl import conv2d
from reference_impl.backends import registry

LIBRARIES = ("reference", "tensorflow", "torch")


class Differences:
    """conv2d is linear in its input and in its filters, so that a difference of step 1 is the derivative, exactly."""

    def conv2d_backprop_input(self, input_sizes, filters, out_backprop, **options):
        return _differences(lambda unit: np.vdot(conv2d(unit, filters, **options), out_backprop), input_sizes)

    def conv2d_backprop_filter(self, input, filter_sizes, out_backprop, **options):
        return _differences(lambda unit: np.vdot(conv2d(input, unit, **options), out_backprop), filter_sizes)


class Alone(ByConv2dAlone):
    """All four functions from the `conv2d` of a library."""

    def __init__(self, library: str) -> None:
        self.library = registry.load(library)

    def conv2d(self, input, filters, *, padding="VALID", **options):
        return self.library.conv2d(input, filters, padding=padding, **options)


def input_gradients(library: str) -> dict[str, Callable]:
    """The four ways, each with the signature of `conv2d_backprop_input`."""
    plain = registry.load(library)
    return {
        "autodiff": _derivatives(library).conv2d_backprop_input,
        "conv2d alone": Alone(library).conv2d_backprop_input,
        "conv2d_backprop_input": plain.conv2d_backprop_input,
        "conv2d_transpose": lambda sizes, filters, error, **options: plain.conv2d_transpose(
            error, filters, sizes, **options
        ),
    }


def filter_gradients(library: str) -> dict[str, Callable]:
    """The three ways, each with the signature of `conv2d_backprop_filter`."""
    return {
        "autodiff": _derivatives(library).conv2d_backprop_filter,
        "conv2d alone": Alone(library).conv2d_backprop_filter,
        "conv2d_backprop_filter": registry.load(library).conv2d_backprop_filter,
    }


def input_gradient_in_short(filters, out_backprop):
    """conv2d(d_out, rot180(w), FULL)"""
    return conv2d(out_backprop, filters[::-1, ::-1], padding="FULL")


def filter_gradient_in_short(input, out_backprop, strides=1):
    """conv2d(x, d_out, VALID), with d_out's axes in a filter's order and the answer's too, as the thread prints it."""
    as_filters = out_backprop.transpose(1, 2, 0, 3)
    return conv2d(input, as_filters, strides=strides).transpose(1, 2, 0, 3)


def transpose_in_short(input, filters, strides=1):
    """conv2d(input, filters rotated and their channels exchanged, SAME), for `conv2d_transpose`."""
    return conv2d(input, filters[::-1, ::-1].transpose(0, 1, 3, 2), strides=strides, padding="SAME")


def _derivatives(library: str):
    routes = {"tensorflow": "tensorflow:tape", "torch": "torch:autograd"}
    return registry.load(routes[library]) if library in routes else Differences()


def _differences(form: Callable[[np.ndarray], float], sizes: tuple[int, ...]) -> np.ndarray:
    gradient = np.zeros(sizes)
    for index in np.ndindex(*sizes):
        unit = np.zeros(sizes)
        unit[index] = 1
        gradient[index] = form(unit)
    return gradient

"""conv2d and its three relatives: every way to compute a gradient, and the short formulas that a thread gives for two.

docs/worked/four-functions.md. The general form of "conv2d alone" is in examples/kernels/by_conv2d_alone.py; the rest
is what TensorFlow, PyTorch and this oracle have.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from examples.kernels.by_conv2d_alone import ByConv2dAlone
from examples.kernels.kernel import Plan
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


def rot180(filters):
    """Rotate the kernel by 180 degrees: the first two axes backwards."""
    return filters[::-1, ::-1]


def NHWC_to_HWIO(array):
    """Exchange the axes so that an error can serve as filters: its images become input channels."""
    return array.transpose(1, 2, 0, 3)


def pad_to_full(out_backprop, input_sizes, filter_sizes, *, strides=1, padding="VALID", dilations=1):
    """Return the field of errors and zeros over which the rotated kernel slides with stride 1.

    The thread's function puts kernel - 1 zeros around the errors. That is this one at stride 1, VALID, dilation 1.
    """
    strides, dilations = np.broadcast_to(strides, 2), np.broadcast_to(dilations, 2)
    plan = Plan.of(input_sizes[1:3], filter_sizes[:2], strides, padding, dilations)
    batch, *_, channels = out_backprop.shape
    around = [extent - 1 for extent in plan.extents]
    sizes = [size + more for size, more in zip(plan.padded_sizes, around)]
    field = np.zeros((batch, *sizes, channels), out_backprop.dtype)
    rows, columns = (
        slice(first, first + (count - 1) * stride + 1, stride)
        for first, count, stride in zip(around, plan.outputs, strides)
    )
    field[:, rows, columns] = out_backprop
    # The gradient of the padding is not asked for.
    (top, _), (left, _) = plan.pads
    return field[:, top : top + plan.sizes[0] + around[0], left : left + plan.sizes[1] + around[1]]


def input_gradient_in_general(input_sizes, filters, out_backprop, *, dilations=1, **options):
    """conv2d(pad_to_full(d_out), rot180(w) with its channels exchanged), for any kernel, stride and padding."""
    field = pad_to_full(out_backprop, input_sizes, filters.shape, dilations=dilations, **options)
    return conv2d(field, rot180(filters).transpose(0, 1, 3, 2), dilations=dilations)


def filter_gradient_in_general(input, filter_sizes, out_backprop, *, strides=1, padding="VALID", dilations=1):
    """conv2d(x, d_out), with images as channels, for any kernel and padding. Stride and dilation change places."""
    pairs = np.broadcast_to(strides, 2), np.broadcast_to(dilations, 2)
    padded = Plan.of(input.shape[1:3], filter_sizes[:2], pairs[0], padding, pairs[1]).pad(input)
    slid = conv2d(padded.transpose(3, 1, 2, 0), NHWC_to_HWIO(out_backprop), strides=dilations, dilations=strides)
    return NHWC_to_HWIO(slid)[: filter_sizes[0], : filter_sizes[1]]


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

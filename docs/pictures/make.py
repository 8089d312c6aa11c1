"""Make the pictures of the documentation: `python docs/pictures/make.py`, or some of them, by name."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

sys.path.insert(0, str(Path(__file__).parent))

import charts

import reference_impl as ref
from reference_impl.drawing import animate, draw, draw_difference, save

IMAGE = np.array([[3, 3, 2, 1, 0], [0, 0, 1, 3, 1], [3, 1, 2, 2, 3], [2, 0, 0, 2, 2], [2, 0, 0, 0, 1]])
KERNEL = np.array([[0, 1, 2], [2, 2, 0], [0, 1, 2]])
INPUT, FILTERS = IMAGE.reshape(1, 5, 5, 1), KERNEL.reshape(3, 3, 1, 1)
OUTPUT = ref.conv2d(INPUT, FILTERS)
# Powers of ten as errors: the digits of a gradient are the weights that met them.
DIGITS = {
    "filters": np.reshape([1, 2, 3, 4], (2, 2, 1, 1)),
    "out_backprop": np.reshape([1, 10, 100, 1000], (1, 2, 2, 1)),
}
DIGITS_AND_STRIDE = {**DIGITS, "filters": np.arange(1, 10).reshape(3, 3, 1, 1)}
drawn_as_convolution = partial(draw, as_convolution=True)
animated_as_convolution = partial(animate, as_convolution=True)


def flipped_kernel() -> Figure:
    """Draw an input gradient in which the kernel is not rotated, a common mistake."""
    random = np.random.default_rng(0)
    case, filters, out_backprop = (
        "n1_h7w7c1_k3x3o1_s2_SAME",
        *(random.integers(1, 10, shape) for shape in ((3, 3, 1, 1), (1, 4, 4, 1))),
    )
    options = {"strides": 2, "padding": "SAME"}
    expected = ref.conv2d_backprop_input((1, 7, 7, 1), filters, out_backprop, **options)
    actual = ref.conv2d_backprop_input((1, 7, 7, 1), filters[::-1, ::-1], out_backprop, **options)
    arrays = {"filters": filters, "out_backprop": out_backprop}
    return draw_difference(actual, expected, case, "conv2d_backprop_input", arrays=arrays)


PICTURES: dict[str, Callable[[], Figure | Iterator[Figure]]] = {
    "conv2d.svg": partial(draw, "n1_h5w5c1_k3x3o1", arrays={"input": INPUT, "filters": FILTERS}),
    "conv2d.gif": partial(animate, "n1_h5w5c1_k3x3o1_SAME", arrays={"input": INPUT, "filters": FILTERS}),
    "strided_and_dilated.svg": partial(draw, "n1_h8w9c1_k3x2o1_s2x3_d2x1_SAME"),
    "conv2d_backprop_input.svg": partial(draw, "n1_h7w8c1_k2x3o1_s3x2", "conv2d_backprop_input"),
    "conv2d_backprop_filter.svg": partial(draw, "n1_h6w6c1_k3x3o1_s2_SAME", "conv2d_backprop_filter"),
    "conv2d_transpose.svg": partial(
        draw, "n1_h5w5c1_k3x3o1", "conv2d_transpose", arrays={"input": OUTPUT, "filters": FILTERS}
    ),
    "wrong.svg": flipped_kernel,
    "rotation.svg": partial(
        drawn_as_convolution, "n1_h3w3c1_k2x2o1", "conv2d_backprop_input", position=(1, 1), arrays=DIGITS
    ),
    "rotation.gif": partial(animated_as_convolution, "n1_h3w3c1_k2x2o1", "conv2d_backprop_input", arrays=DIGITS),
    "stride.svg": partial(
        drawn_as_convolution,
        "n1_h6w6c1_k3x3o1_s2",
        "conv2d_backprop_input",
        position=(2, 2),
        arrays=DIGITS_AND_STRIDE,
    ),
    "stride.gif": partial(
        animated_as_convolution, "n1_h6w6c1_k3x3o1_s2", "conv2d_backprop_input", arrays=DIGITS_AND_STRIDE
    ),
    "channels.svg": partial(draw, "n1_h6w6c3_k4x4o2", all_channels=True),
    "windows.svg": partial(
        draw,
        "n1_h5w5c1_k3x3o2",
        as_matrices=True,
        position=(1, 1),
        arrays={"input": INPUT, "filters": np.concatenate([FILTERS, FILTERS[::-1, ::-1]], axis=3)},
    ),
    "outer_product.svg": partial(
        draw,
        "n1_h5w5c1_k3x3o1",
        "conv2d_transpose",
        as_matrices=True,
        position=(2, 2),
        arrays={"input": OUTPUT, "filters": FILTERS},
    ),
    "windows_as_columns.svg": partial(
        draw,
        "n1_h5w5c1_k3x3o1",
        "conv2d_backprop_filter",
        as_matrices=True,
        position=(0, 1),
        arrays={"input": INPUT, "out_backprop": np.ones((1, 3, 3, 1), int)},
    ),
    "im2col.gif": partial(animate, "n1_h5w5c1_k3x3o1", arrays={"input": INPUT, "filters": FILTERS}),
    "layer.svg": partial(
        draw,
        "n1_h5w5c1_k3x3o1",
        position=(0, 0),
        arrays={
            "input": np.reshape(
                [[1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 1], [0, 0, 1, 1, 0], [0, 1, 1, 0, 0]], (1, 5, 5, 1)
            ),
            "filters": np.reshape([[1, 0, 1], [0, 1, 0], [1, 0, 1]], (3, 3, 1, 1)),
        },
    ),
    "checkerboard.svg": charts.checkerboard,
    "two_layer_network.svg": charts.two_layer_network,
    "filter_as_convolution.svg": partial(
        drawn_as_convolution, "n1_h6w6c1_k3x3o1_s2", "conv2d_backprop_filter", position=(1, 1)
    ),
}

if __name__ == "__main__":
    for name in sys.argv[1:] or PICTURES:
        save(PICTURES[name](), Path(__file__).with_name(name))

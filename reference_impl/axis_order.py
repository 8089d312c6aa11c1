"""Memory layouts by axis letters: NHWC/NCHW for activations, HWIO/OIHW/IOHW for filters."""

from __future__ import annotations

from typing import Any

import numpy as np


def convert(array: Any, source: str, target: str) -> np.ndarray:
    """`array` with its axes reordered from layout `source` to layout `target`: a view, no element changes.

    convert(a, "NCHW", "NHWC")[n, h, w, c] = a[n, c, h, w]

    Parameters
    ----------
    array : array with one axis per letter
    source, target : the same distinct letters in two orders
        Activations: NHWC (TensorFlow, Keras), NCHW (torch, ONNX). Filters: HWIO (TensorFlow, JAX), OIHW
        (torch, ONNX `Conv`), IOHW, OHWI (MLX, TFLite). Any letters serve.

    Raises
    ------
    ValueError
        If a letter repeats, the two layouts differ in letters, or the array has another number of axes.

    Notes
    -----
    `conv2d_transpose` takes the forward convolution's filters, as TensorFlow and torch do: torch's
    `ConvTranspose2d` weight, documented as (in, out / groups, kh, kw) in the transposed convolution's own
    words, is OIHW in the forward convolution's, with groups too.
    """
    array = np.asarray(array)
    for layout in (source, target):
        if not isinstance(layout, str):
            raise TypeError(f"a layout must be a string of axis letters, not {layout!r}")
        if len(set(layout)) != len(layout):
            raise ValueError(f"a layout must name each axis once, not {layout!r}")
    if set(source) != set(target):
        raise ValueError(f"layouts must have the same letters: {source!r} and {target!r} do not")
    if array.ndim != len(source):
        raise ValueError(f"layout {source!r} must name every axis of the array, whose shape is {array.shape}")
    return array.transpose([source.index(letter) for letter in target])

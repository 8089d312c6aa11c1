"""The order of axes, by letters: NHWC or NCHW for images, HWIO, OIHW or IOHW for filters."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import arguments


def convert(array: Any, source: str, target: str) -> np.ndarray:
    """Return a view of `array` whose axes are reordered from layout `source` to layout `target`.

    convert(a, "NCHW", "NHWC")[n, h, w, c] = a[n, c, h, w]

    Parameters
    ----------
    array : array with one axis per letter
    source, target : str
        The same letters in two orders, none of them twice. Images: NHWC (TensorFlow, Keras), NCHW (torch, ONNX).
        Filters: HWIO (TensorFlow, JAX), OIHW (torch, ONNX `Conv`), IOHW, OHWI (MLX, TFLite). Any letters will do.

    Returns
    -------
    array
        A view: it shares its memory with `array`.

    Raises
    ------
    TypeError
        If a layout is not a string, or the array is masked.
    ValueError
        If a letter repeats, the two layouts differ in letters, or the array has another number of axes.

    Notes
    -----
    `conv2d_transpose` takes the forward convolution's filters. So does torch: it documents the weight of
    `ConvTranspose2d` as (in, out / groups, kh, kw), in the words of the transposed convolution. In the words of the
    forward convolution, that weight is OIHW, with groups too.
    """
    for layout in (source, target):
        if not isinstance(layout, str):
            raise TypeError(f"a layout must be a string of axis letters, not {layout!r}")
        if len(set(layout)) != len(layout):
            raise ValueError(f"a layout must name each axis once, not {layout!r}")
    arguments.refuse_masks(array, "array", depth=len(source))
    array = np.asarray(array)
    if set(source) != set(target):
        raise ValueError(f"layouts must have the same letters: {source!r} and {target!r} do not")
    if array.ndim != len(source):
        raise ValueError(f"layout {source!r} must name every axis of the array, whose shape is {array.shape}")
    return array.transpose([source.index(letter) for letter in target])

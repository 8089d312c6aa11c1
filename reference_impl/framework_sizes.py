"""Sizes that Keras and torch pick for a transposed convolution, along one axis. No operation uses them.

`input_size` is that of the transposed convolution, n in the formulas. `extent` is the span of the dilated kernel,
and `padding` is the forward convolution's.
"""

from __future__ import annotations

from .arguments import AxisPadding


def keras_size(input_size: int, extent: int, stride: int, padding: AxisPadding) -> int | None:
    """Return the size that Keras's `Conv2DTranspose` picks. None for padding that it lacks.

    VALID       n * stride + max(extent - stride, 0)
    SAME        n * stride

    References
    ----------
    https://keras.io/api/layers/convolution_layers/convolution2d_transpose/
    """
    if padding == "VALID":
        return input_size * stride + max(extent - stride, 0)
    return input_size * stride if padding == "SAME" else None


def torch_size(input_size: int, extent: int, stride: int, padding: AxisPadding) -> int | None:
    """Return the size that torch's `ConvTranspose2d` picks, with output_padding = 0.

    (n - 1) * stride + extent - 2 * zeros, where the padding is `zeros` on each side. None where the two sides
    differ, for SAME, and where no output would be left.

    References
    ----------
    https://pytorch.org/docs/stable/generated/torch.nn.ConvTranspose2d.html
    """
    sides = {"VALID": (0, 0), "FULL": (extent - 1, extent - 1)}.get(padding) if isinstance(padding, str) else padding
    if sides is None or sides[0] != sides[1]:
        return None
    size = (input_size - 1) * stride + extent - 2 * sides[0]
    return size if size >= 1 else None

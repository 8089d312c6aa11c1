"""Each gradient, and `conv2d_transpose`, as one `conv2d`: the errors spread by the stride, under or over the rest.

    input gradient   conv2d of (errors, spread and padded) with (filters, rotated by 180 degrees), at stride 1
    filter gradient  conv2d of (input) with (errors, spread), at the forward dilation as its stride

Along one axis, with extent = (kernel - 1) * dilation + 1, the spread errors have stride - 1 zeros between them. Around
them lie extent - 1 - pad_before zeros before and extent - 1 - pad_after + leftover after. A negative number crops.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import operations
from ..arguments import Padding
from ..cases.case import Case
from ..geometry import Axis
from ..verdicts.call import Call

FILTER_GRADIENT = "conv2d_backprop_filter"
GRADIENTS = ("conv2d_backprop_input", FILTER_GRADIENT, "conv2d_transpose")


@dataclass(frozen=True)
class SpreadAxis:
    """Errors along one axis, `stride` apart: how many positions remain if it is cropped, and the zeros around."""

    axis: Axis
    cropped_before: int
    cropped_after: int
    size: int
    before: int
    after: int

    @classmethod
    def around(cls, axis: Axis) -> SpreadAxis:
        """Return the field of errors for the input gradient.

        Raises
        ------
        ValueError
            If all errors are cropped: no window reads the input.
        """
        before = axis.kernel_extent - 1 - axis.pad_before
        after = axis.kernel_extent - 1 - axis.pad_after + axis.leftover
        cropped_before, cropped_after = max(-before, 0), max(-after, 0)
        size = (axis.output_size - 1) * axis.stride + 1 - cropped_before - cropped_after
        if size < 1:
            raise ValueError(_nothing_read(axis))
        return cls(axis, cropped_before, cropped_after, size, max(before, 0), max(after, 0))

    @classmethod
    def alone(cls, axis: Axis) -> SpreadAxis:
        """Return the errors as a kernel, for the filter gradient."""
        return cls(axis, 0, 0, (axis.output_size - 1) * axis.stride + 1, 0, 0)

    @property
    def kept(self) -> slice:
        """The part of the spread errors that is not cropped."""
        return slice(self.cropped_before, self.cropped_before + self.size)

    @property
    def places(self) -> range:
        """All positions, with the zeros around; 0 is the first that is not cropped."""
        return range(-self.before, self.size + self.after)

    def is_between(self, place: int) -> bool:
        """True for a zero between errors."""
        return 0 <= place < self.size and (place + self.cropped_before) % self.axis.stride > 0

    def is_leftover(self, place: int) -> bool:
        """True for a zero after the errors that stands for a position which no window reads."""
        return place >= self.size + self.after - min(_unread_at_end(self.axis), self.after)


def convolution_of(call: Call) -> Call:
    """Return the `conv2d` that computes the gradient which `call` asks for.

    Raises
    ------
    ValueError
        If the operation is `conv2d`, if no window reads the input, or if a number is infinite or NaN.
    """
    if call.operation not in GRADIENTS:
        raise ValueError(f"{call.operation} is a convolution as it is; as_convolution is for {', '.join(GRADIENTS)}")
    for name, array in call.arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"{name} must be finite to be drawn as a convolution, which multiplies it by zeros")
    if call.operation == FILTER_GRADIENT:
        return _filter_gradient(call.case, call.arrays["input"], call.arrays["out_backprop"])
    errors = call.arrays["input" if call.operation == "conv2d_transpose" else "out_backprop"]
    return _input_gradient(call.case, call.arrays["filters"], errors)


def gradient(call: Call, convolution: Call) -> np.ndarray:
    """Return the gradient that `call` asks for, by its `convolution`."""
    answer = convolution.run(operations)
    return answer.transpose(1, 2, 0, 3) if call.operation == FILTER_GRADIENT else answer


def _input_gradient(case: Case, filters: np.ndarray, errors: np.ndarray) -> Call:
    rows, columns = (SpreadAxis.around(axis) for axis in case.convolution.axes)
    # (kh, kw, i, groups * o) to (kh, kw, o, groups * i): input and output channels change places in each group.
    split = filters[::-1, ::-1].reshape(*case.kernel_size, case.filter_sizes[2], case.groups, -1)
    turned = split.transpose(0, 1, 4, 3, 2).reshape(*case.kernel_size, -1, case.input_channels)
    plain = Case(
        case.batch,
        rows.size,
        columns.size,
        case.output_channels,
        case.kernel_size,
        case.input_channels,
        dilations=case.dilations,
        groups=case.groups,
        padding=_padding((rows.before, rows.after), (columns.before, columns.after)),
    )
    return Call("conv2d", plain, {"input": _spread(case, errors)[:, rows.kept, columns.kept], "filters": turned})


def _filter_gradient(case: Case, input: np.ndarray, errors: np.ndarray) -> Call:
    (height, rows), (width, columns) = map(_read, case.convolution.axes)
    groups, channels, batch = case.groups, case.filter_sizes[2], case.batch
    # (N, H, W, groups * i) to (i, H, W, groups * N): the images of each group become its channels.
    split = input[:, :height, :width].reshape(batch, height, width, groups, channels)
    images = split.transpose(4, 1, 2, 3, 0).reshape(channels, height, width, groups * batch)
    kernel = _spread(case, errors).transpose(1, 2, 0, 3)
    plain = Case(
        channels,
        height,
        width,
        groups * batch,
        kernel.shape[:2],
        case.output_channels,
        strides=case.dilations,
        groups=groups,
        padding=_padding(rows, columns),
    )
    return Call("conv2d", plain, {"input": images, "filters": kernel})


def _padding(rows: tuple[int, int], columns: tuple[int, int]) -> Padding:
    return (rows, columns) if any(rows + columns) else "VALID"


def _read(axis: Axis) -> tuple[int, tuple[int, int]]:
    """Return how many input positions windows reach, and the padding around those."""
    size = axis.input_size - _unread_at_end(axis)
    if size < 1:
        raise ValueError(_nothing_read(axis))
    return size, (axis.pad_before, max(axis.pad_after - axis.leftover, 0))


def _nothing_read(axis: Axis) -> str:
    return (
        f"a window must read the input along {axis.name}, or there is nothing to convolve: input {axis.input_size}, "
        f"padding {axis.pad_before}+{axis.pad_after}, kernel {axis.kernel_size}, stride {axis.stride}, "
        f"dilation {axis.dilation}"
    )


def _unread_at_end(axis: Axis) -> int:
    """Return the number of input positions, padding not counted, after the end of the last window."""
    return max(axis.leftover - axis.pad_after, 0)


def _spread(case: Case, errors: np.ndarray) -> np.ndarray:
    """Return the errors with stride - 1 zeros between them."""
    sizes = [(axis.output_size - 1) * axis.stride + 1 for axis in case.convolution.axes]
    field = np.zeros((errors.shape[0], *sizes, errors.shape[3]), errors.dtype)
    field[:, :: case.strides[0], :: case.strides[1]] = errors
    return field

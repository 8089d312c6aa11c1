"""The sizes, padding and windows of a 2-D convolution: all its arithmetic that involves no array."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

from . import arguments
from .arguments import PADDING_WORDS, AxisPadding, Padding, Sizes
from .framework_sizes import keras_size, torch_size

Box = tuple[range, range]  # rows, columns

# The most sizes that `transposed_sizes` lists.
MOST_LEGAL_SIZES = 2**20


@dataclass(frozen=True)
class Axis:
    """One spatial axis: a dilated, strided kernel sliding over a padded input.

    `stride` and `dilation` are in input positions; pads are counts of zeros.

    Raises
    ------
    ValueError
        If the dilated kernel is larger than the padded input.
    """

    input_size: int
    kernel_size: int
    stride: int = 1
    dilation: int = 1
    pad_before: int = 0
    pad_after: int = 0
    name: str = "axis"

    def __post_init__(self) -> None:
        if self.kernel_extent > self.padded_size:
            raise ValueError(
                f"kernel must fit in the padded input along {self.name}: "
                f"kernel extent {self.kernel_extent} > padded size {self.padded_size} "
                f"(input {self.input_size}, padding {self.pad_before}+{self.pad_after}, "
                f"kernel {self.kernel_size}, dilation {self.dilation})"
            )

    @cached_property
    def kernel_extent(self) -> int:
        """Input positions spanned by the dilated kernel."""
        return (self.kernel_size - 1) * self.dilation + 1

    @cached_property
    def padded_size(self) -> int:
        return self.pad_before + self.input_size + self.pad_after

    @cached_property
    def output_size(self) -> int:
        """Number of windows that fit: floor((padded_size - kernel_extent) / stride) + 1."""
        return (self.padded_size - self.kernel_extent) // self.stride + 1

    @property
    def leftover(self) -> int:
        """Positions at the end of the padded input that no window reaches."""
        return (self.padded_size - self.kernel_extent) % self.stride

    def reads(self, tap: int, outputs: range, start: int = 0) -> tuple[slice, slice]:
        """Return two slices: the outputs whose window has input, not padding, at `tap`, and those input positions.

        Output position h reads input position h * stride + tap * dilation - pad_before. The first slice counts from
        the start of `outputs`, the second from `start`.
        """
        shift = tap * self.dilation - self.pad_before
        first = max(outputs.start, _ceil_div(-shift, self.stride))
        stop = min(outputs.stop, _ceil_div(self.input_size - shift, self.stride))
        if first >= stop:
            return slice(0, 0), slice(0, 0)
        return (
            slice(first - outputs.start, stop - outputs.start),
            slice(first * self.stride + shift - start, (stop - 1) * self.stride + shift + 1 - start, self.stride),
        )

    def reach(self, outputs: range) -> range:
        """Return the input positions between the ends of the windows of `outputs`, which read no others."""
        first = outputs.start * self.stride - self.pad_before
        stop = (outputs.stop - 1) * self.stride - self.pad_before + self.kernel_extent
        return range(max(first, 0), min(stop, self.input_size)) if outputs else range(0)

    @cached_property
    def padded(self) -> Axis:
        """The same windows, of an input that has its padding already."""
        return replace(self, input_size=self.padded_size, pad_before=0, pad_after=0)

    @cached_property
    def pad(self) -> Axis:
        """The windows of one element that are the positions of the padded input."""
        return replace(self, kernel_size=1, stride=1, dilation=1)

    @property
    def reverse(self) -> Axis | None:
        """The axis along which a flipped kernel slides over the output; see `Convolution.reverse`."""
        before, after = self.kernel_extent - 1 - self.pad_before, self.kernel_extent - 1 - self.pad_after
        if self.stride > 1 or min(before, after) < 0:
            return None
        return replace(self, input_size=self.output_size, pad_before=before, pad_after=after)


def padding_of(padding: AxisPadding, input_size: int, extent: int, stride: int) -> tuple[int, int]:
    """Return the zeros before and after one axis, for a padding word or an explicit (before, after).

    SAME        output ceil(n / stride), total max((output - 1) * stride + extent - n, 0), the odd zero after
    SAME_LOWER  as SAME, the odd zero before
    VALID       none
    FULL        extent - 1 on both sides: every overlap of input and kernel

    `extent` is the dilated kernel's: (kernel - 1) * dilation + 1.

    References
    ----------
    https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2
    https://onnx.ai/onnx/operators/onnx__Conv.html (SAME_UPPER and SAME_LOWER)
    """
    if not isinstance(padding, str):
        return padding
    if padding in ("SAME", "SAME_LOWER"):
        output_size = _ceil_div(input_size, stride)
        total = max((output_size - 1) * stride + extent - input_size, 0)
        less, more = total // 2, total - total // 2
        return (less, more) if padding == "SAME" else (more, less)
    if padding == "VALID":
        return 0, 0
    if padding == "FULL":
        return extent - 1, extent - 1
    raise ValueError(f"padding must be one of {', '.join(PADDING_WORDS)}, or explicit; not {padding!r}")


@dataclass(frozen=True)
class Convolution:
    """The sizes of one `conv2d`. Those of its gradients and of its transpose follow from them."""

    batch: int
    height: Axis
    width: Axis
    input_channels: int
    output_channels: int
    groups: int = 1

    @classmethod
    def checked(
        cls,
        input_sizes: Sizes,
        filter_sizes: Sizes,
        strides: Any,
        padding: Any,
        dilations: Any,
        groups: Any,
        names: tuple[str, str] = ("input", "filters"),
    ) -> Convolution:
        """Check the arguments of a forward convolution, and return its sizes.

        Messages call the first two arguments by `names`. The errors are those of `operations.conv2d`.
        """
        strides = arguments.pair(strides, "strides")
        dilations = arguments.pair(dilations, "dilations")
        padding = arguments.padding(padding)
        groups = arguments.integer(groups, "groups", at_least=1)
        return cls._fitting(tuple(input_sizes), tuple(filter_sizes), strides, padding, dilations, groups, names)

    @classmethod
    @lru_cache(1024)  # the suite asks one convolution for all operations, and each operation several times
    def _fitting(
        cls,
        input_sizes: Sizes,
        filter_sizes: Sizes,
        strides: tuple[int, int],
        padding: Padding,
        dilations: tuple[int, int],
        groups: int,
        names: tuple[str, str],
    ) -> Convolution:
        if min(filter_sizes[:2]) < 1:
            raise ValueError(f"kernel size must be >= 1 along height and width: {names[1]} has shape {filter_sizes}")
        for sizes, name in zip((input_sizes, filter_sizes), names, strict=True):
            if sizes[3] % groups:
                raise ValueError(
                    f"groups must divide the channels: {name}'s last axis {sizes[3]} % groups {groups} != 0"
                )
        if filter_sizes[2] * groups != input_sizes[3]:
            raise ValueError(
                f"{names[1]}'s third axis must be the input channels / groups: "
                f"{filter_sizes[2]} != {input_sizes[3]} / {groups} "
                f"({names[0]} {tuple(input_sizes)}, {names[1]} {tuple(filter_sizes)})"
            )
        pairs = (padding, padding) if isinstance(padding, str) else padding
        axes = []
        for name, size, kernel, stride, pad, dilation in zip(
            ("height", "width"), input_sizes[1:3], filter_sizes[:2], strides, pairs, dilations, strict=True
        ):
            before, after = padding_of(pad, size, (kernel - 1) * dilation + 1, stride)
            axes.append(Axis(size, kernel, stride, dilation, before, after, name))
        height, width = axes
        return cls(input_sizes[0], height, width, input_sizes[3], filter_sizes[3], groups)

    @property
    def axes(self) -> tuple[Axis, Axis]:
        return self.height, self.width

    @cached_property
    def input_sizes(self) -> Sizes:
        return self.batch, self.height.input_size, self.width.input_size, self.input_channels

    @cached_property
    def filter_sizes(self) -> Sizes:
        return (*self.kernel_size, self.input_channels // self.groups, self.output_channels)

    @cached_property
    def output_shape(self) -> Sizes:
        return self.batch, self.height.output_size, self.width.output_size, self.output_channels

    @cached_property
    def kernel_size(self) -> tuple[int, int]:
        return self.height.kernel_size, self.width.kernel_size

    @cached_property
    def window_size(self) -> int:
        """Return the number of elements in one group's window, a row of `windows.unfold`."""
        return math.prod(self.filter_sizes[:3])

    @cached_property
    def padding(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Zeros that are added: ((top, bottom), (left, right))."""
        return (self.height.pad_before, self.height.pad_after), (self.width.pad_before, self.width.pad_after)

    @cached_property
    def along_width(self) -> Convolution:
        """One row of the kernel, for each row of the padded input."""
        return replace(self, height=self.height.pad)

    @cached_property
    def along_height(self) -> Axis:
        """The rows of the padded input that each output row reads: `along_width` has padded them."""
        return self.height.padded

    @cached_property
    def padded(self) -> Convolution:
        """The same windows, of an input that has its padding already."""
        return replace(self, height=self.height.padded, width=self.width.padded)

    @cached_property
    def pad(self) -> Convolution:
        """The windows of one pixel that are the pixels of the padded input."""
        return replace(self, height=self.height.pad, width=self.width.pad)

    @cached_property
    def is_pointwise(self) -> bool:
        """True if each window is one input position: one tap and no padding."""
        return self.kernel_size == (1, 1) and self.padding == ((0, 0), (0, 0))

    @cached_property
    def reverse(self) -> Convolution | None:
        """The convolution of the output's cotangent with flipped filters that is the input gradient; None if none is.

        Without strides, the outputs that read one input position are a window of the output.
        """
        height, width = self.height.reverse, self.width.reverse
        if height is None or width is None:
            return None
        return Convolution(self.batch, height, width, self.output_channels, self.input_channels, self.groups)

    @property
    def is_depthwise(self) -> bool:
        """True if there are several groups, each with one channel in and one out."""
        return 1 < self.groups == self.input_channels == self.output_channels

    def terms(self, operation: str) -> int:
        """Return the most products that one element of `operation`'s result sums."""
        if operation == "conv2d":
            return self.window_size
        if operation in ("conv2d_backprop_input", "conv2d_transpose"):
            return math.prod(self.kernel_size) * self.output_channels // self.groups
        if operation == "conv2d_backprop_filter":
            return self.batch * self.height.output_size * self.width.output_size
        raise ValueError(f"operation must be one of the four, not {operation!r}")

    def taps(self, rows: range, columns: range, box: Box | None = None) -> Iterator[tuple[tuple, tuple]]:
        """Yield where the windows of a block of output positions lie. No other code says so.

        For each tap (p, q) there are two indices that name the same elements. One is into the windows (groups, N,
        rows, columns, kh, kw, channels), the other into the input (groups, N, H, W, channels). All other elements of
        the windows are padding. With `box`, the second is into these rows and columns of the input.
        """
        every = slice(None)
        top, left = (0, 0) if box is None else (box[0].start, box[1].start)
        across = [self.width.reads(q, columns, left) for q in range(self.width.kernel_size)]
        for p in range(self.height.kernel_size):
            window_rows, input_rows = self.height.reads(p, rows, top)
            for q, (window_columns, input_columns) in enumerate(across):
                yield (every, every, window_rows, window_columns, p, q), (every, every, input_rows, input_columns)


def sizes_that_give(output_size: int, extent: int, stride: int, padding: AxisPadding) -> range:
    """Return every input size, from 1 on, whose forward convolution has `output_size` windows along one axis."""
    if padding in ("SAME", "SAME_LOWER"):
        smallest = (output_size - 1) * stride + 1
    else:
        smallest = (output_size - 1) * stride + extent - sum(padding_of(padding, 0, extent, stride))
    return range(max(smallest, 1), smallest + stride)  # one size for each leftover


@dataclass(frozen=True)
class TransposedSizes:
    """The sizes that a transposed convolution may give along one axis.

    Parameters
    ----------
    legal : every size whose forward convolution has the given number of outputs
    keras, torch : the one that each picks (torch with output_padding = 0); None where it has no such padding
    """

    legal: tuple[int, ...]
    keras: int | None
    torch: int | None


def transposed_sizes(
    input_size: int,
    kernel_size: int,
    *,
    stride: int = 1,
    dilation: int = 1,
    padding: AxisPadding = "VALID",
) -> TransposedSizes:
    """Return every output size that `conv2d_transpose` can have for `input_size`, along one axis.

    TensorFlow's `tf.nn.conv2d_transpose` takes any of them as its `output_shape`. Keras and torch compute one.

    Parameters
    ----------
    input_size, kernel_size : int, >= 1
    stride, dilation : int, in positions of the output, >= 1
    padding : "VALID", "SAME", "SAME_LOWER", "FULL" or (before, after), zeros, >= 0
        The forward convolution's.

    Raises
    ------
    TypeError, ValueError
        For an argument that is not an integer, out of range, or an unknown padding; and for more legal sizes than
        MOST_LEGAL_SIZES. There are `stride` of them, less those below 1.

    References
    ----------
    `framework_sizes` has the formulas of Keras and torch, and their sources.
    """
    input_size = arguments.integer(input_size, "input_size", at_least=1)
    kernel_size = arguments.integer(kernel_size, "kernel_size", at_least=1)
    stride = arguments.integer(stride, "stride", at_least=1)
    dilation = arguments.integer(dilation, "dilation", at_least=1)
    padding = arguments.axis_padding(padding)
    extent = (kernel_size - 1) * dilation + 1
    given = input_size, extent, stride, padding
    legal = sizes_that_give(*given)
    if len(legal) > MOST_LEGAL_SIZES:
        raise ValueError(
            f"legal sizes must be at most {MOST_LEGAL_SIZES} to be listed, not {len(legal)}, which stride {stride} has "
            f"(from {legal[0]} to {legal[-1]})"
        )
    return TransposedSizes(tuple(legal), keras_size(*given), torch_size(*given))


def _ceil_div(numerator: int, denominator: int) -> int:
    return -(-numerator // denominator)

"""PyTorch on the CPU, by several roads to its convolutions.

The roads matter because the kernels behind them differ: oneDNN's and torch's own, those for integers, those for
either memory format, and those that only a derivative reaches.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch.nn import grad

from .padding import Pads, explicit
from .protocol import Capabilities, Lack

FLOATS = ("float16", "bfloat16", "float32", "float64")
# The instruction that multiplies bfloat16 (VDPBF16PS) takes subnormals for zero.
FLUSHES = ("bfloat16",)
INTEGERS = ("int8", "int16", "int32", "int64", "uint8")

_COMPOSED = {
    "conv2d": "F.pad, then no padding",
    "conv2d_backprop_input": "the padded input's gradient, cropped",
    "conv2d_backprop_filter": "F.pad, then no padding",
    "conv2d_transpose": "the padded output, cropped",
}

Pair = tuple[int, int]


@dataclass(frozen=True)
class _Geometry:
    """The forward convolution, height first, and what torch can be asked for it."""

    sizes: Pair
    kernel: Pair
    strides: Pair
    dilations: Pair
    groups: int
    padding: Any

    @property
    def pads(self) -> Pads:
        return explicit(self.padding, self.sizes, self.kernel, self.strides, self.dilations)

    @property
    def windows(self) -> tuple[Pair, Pair]:
        """How many fit, and the padded positions at the end that none reads."""
        axes = zip(self.sizes, self.kernel, self.strides, self.dilations, self.pads, strict=True)
        height, width = (
            divmod(size + sum(pads) - (kernel - 1) * dilation - 1, stride)
            for size, kernel, stride, dilation, pads in axes
        )
        return (height[0] + 1, width[0] + 1), (height[1], width[1])

    def symmetric(self) -> _Question | None:
        (top, bottom), (left, right) = self.pads
        return _Question(self, (top, left)) if (top, left) == (bottom, right) else None

    def word(self) -> _Question | None:
        """`F.conv2d` also takes "valid", and "same" at stride 1: it puts the odd zero after the input, as SAME does."""
        if self.padding == "VALID" or (self.padding == "SAME" and self.strides == (1, 1)):
            return _Question(self, self.padding.lower())
        return self.symmetric()

    def transposed(self) -> _Question | None:
        """`F.conv_transpose2d` crops both sides alike; `output_padding` moves the end of what it keeps."""
        (top, bottom), (left, right) = self.pads
        longer = (self.windows[1][0] + top - bottom, self.windows[1][1] + left - right)
        limits = map(max, self.strides, self.dilations)
        if all(0 <= more < limit for more, limit in zip(longer, limits, strict=True)):
            return _Question(self, (top, left), longer)
        return None

    def composed(self) -> _Question:
        return _Question(self, (0, 0), self.windows[1], self.pads)


@dataclass(frozen=True)
class _Question:
    """What torch is asked; the zeros `around` the input are left to us."""

    geometry: _Geometry
    padding: Any
    output_padding: Pair = (0, 0)
    around: Pads = ((0, 0), (0, 0))

    @property
    def options(self) -> dict[str, Any]:
        own = self.geometry
        return {"stride": own.strides, "padding": self.padding, "dilation": own.dilations, "groups": own.groups}

    @property
    def transposed_options(self) -> dict[str, Any]:
        return {**self.options, "output_padding": self.output_padding}

    def pad(self, input: torch.Tensor) -> torch.Tensor:
        (top, bottom), (left, right) = self.around
        return F.pad(input, (left, right, top, bottom)) if top or bottom or left or right else input

    def padded(self, nhwc: Any) -> tuple[int, ...]:
        """The NCHW shape with our zeros."""
        return nhwc[0], nhwc[3], nhwc[1] + sum(self.around[0]), nhwc[2] + sum(self.around[1])

    def crop(self, padded: torch.Tensor) -> torch.Tensor:
        (top, bottom), (left, right) = self.around
        return padded[:, :, top : padded.shape[2] - bottom, left : padded.shape[3] - right]


_Modes = dict[str, Callable[[_Geometry], "_Question | None"]]


def _composed(modes: _Modes) -> Callable[[str, Any], str | None]:
    def composed(operation: str, case: Any) -> str | None:
        sizes = (case.height, case.width)
        geometry = _Geometry(sizes, case.kernel_size, case.strides, case.dilations, case.groups, case.padding)
        return _COMPOSED[operation] if modes[operation](geometry) is None else None

    return composed


_NO_EMPTY_IMAGE = Lack(
    "torch takes no image of height or width 0 ('Only zero batch or zero channel inputs are supported')",
    lambda operation, case: case.height == 0 or case.width == 0,
)
_NO_INTEGER_GRADIENT = Lack(
    "torch has no gradients of integers but of dilated int64 (slow_conv2d_cpu_grad_*)",
    lambda operation, case: (
        operation in ("conv2d_backprop_input", "conv2d_backprop_filter")
        and case.dtype in INTEGERS
        and (case.dtype != "int64" or case.dilations == (1, 1))
    ),
)
_NO_INTEGER_DILATION = Lack(
    "torch dilates and transposes no integers but int64 (slow_conv_dilated, slow_conv_transpose2d)",
    lambda operation, case: (
        case.dtype in INTEGERS
        and case.dtype != "int64"
        and (operation == "conv2d_transpose" or (operation == "conv2d" and case.dilations != (1, 1)))
    ),
)


class Plain:
    """`F.conv2d`, `F.conv_transpose2d` and the functions of `torch.nn.grad`, on contiguous NCHW."""

    name = "torch"
    version = torch.__version__
    modes: ClassVar[_Modes] = {
        "conv2d": _Geometry.word,
        "conv2d_backprop_input": _Geometry.symmetric,
        "conv2d_backprop_filter": _Geometry.symmetric,
        "conv2d_transpose": _Geometry.transposed,
    }
    capabilities = Capabilities(
        flushes=FLUSHES,
        dtypes=FLOATS + INTEGERS,
        lacks=(_NO_EMPTY_IMAGE, _NO_INTEGER_GRADIENT, _NO_INTEGER_DILATION),
        composed=_composed(modes),
    )
    memory_format = torch.contiguous_format

    def conv2d(self, input: Any, filters: Any, **options: Any) -> np.ndarray:
        with self._asking("conv2d", input.shape, filters.shape, options) as question:
            padded = self._formatted(question.pad(self._nchw(input)))
            return _nhwc(self.forward(padded, self._oihw(filters), question), input.dtype)

    def conv2d_backprop_input(self, input_sizes: Any, filters: Any, out_backprop: Any, **options: Any) -> np.ndarray:
        with self._asking("conv2d_backprop_input", input_sizes, filters.shape, options) as question:
            shape, cotangent = question.padded(input_sizes), self._nchw(out_backprop)
            padded = self.backprop_input(shape, self._oihw(filters), cotangent, question)
            return _nhwc(question.crop(padded), filters.dtype)

    def conv2d_backprop_filter(self, input: Any, filter_sizes: Any, out_backprop: Any, **options: Any) -> np.ndarray:
        with self._asking("conv2d_backprop_filter", input.shape, filter_sizes, options) as question:
            padded = self._formatted(question.pad(self._nchw(input)))
            shape = tuple(filter_sizes[axis] for axis in (3, 2, 0, 1))
            result = self.backprop_filter(padded, shape, self._nchw(out_backprop), question)
            return _array(result, input.dtype).transpose(2, 3, 1, 0)

    def conv2d_transpose(self, input: Any, filters: Any, output_shape: Any, **options: Any) -> np.ndarray:
        with self._asking("conv2d_transpose", output_shape, filters.shape, options) as question:
            padded = self.transpose(question.padded(output_shape), self._oihw(filters), self._nchw(input), question)
            return _nhwc(question.crop(padded), input.dtype)

    # What routes replace. Tensors and shapes are NCHW and OIHW; the callers above pad and crop.

    def forward(self, input: Any, filters: Any, question: _Question) -> torch.Tensor:
        return F.conv2d(input, filters, **question.options)

    def backprop_input(self, shape: Any, filters: Any, cotangent: Any, question: _Question) -> torch.Tensor:
        return grad.conv2d_input(shape, filters, cotangent, **question.options)

    def backprop_filter(self, input: Any, shape: Any, cotangent: Any, question: _Question) -> torch.Tensor:
        return grad.conv2d_weight(input, shape, cotangent, **question.options)

    def transpose(self, shape: Any, filters: Any, input: Any, question: _Question) -> torch.Tensor:
        return F.conv_transpose2d(input, filters, **question.transposed_options)

    @contextlib.contextmanager
    def _asking(self, operation: str, input_sizes: Any, filter_sizes: Any, options: Any) -> Iterator[_Question]:
        geometry = _Geometry(tuple(input_sizes[1:3]), tuple(filter_sizes[:2]), **options)
        with warnings.catch_warnings():
            # That "same" with an even kernel copies; that oneDNN's flags want a GPU; torch's own use of its past.
            warnings.filterwarnings("ignore", "Using padding='same'|TF32 acceleration|`torch.jit.script`")
            yield self.modes[operation](geometry) or geometry.composed()

    def _nchw(self, array: np.ndarray) -> torch.Tensor:
        return self._formatted(_tensor(array.transpose(0, 3, 1, 2)))

    def _oihw(self, array: np.ndarray) -> torch.Tensor:
        return self._formatted(_tensor(array.transpose(3, 2, 0, 1)))

    def _formatted(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.contiguous(memory_format=self.memory_format)


class ChannelsLast(Plain):
    name = "torch:channels_last"
    memory_format = torch.channels_last


class Native(Plain):
    """torch's own kernels: without oneDNN, and without NNPACK, whose Winograd and FFT are not exact on integers."""

    name = "torch:native"

    @contextlib.contextmanager
    def _asking(self, *arguments: Any) -> Iterator[_Question]:
        with (
            super()._asking(*arguments) as question,
            torch.backends.mkldnn.flags(enabled=False),
            torch.backends.nnpack.flags(enabled=False),
        ):
            yield question


class Autograd(Plain):
    """Every operation as the derivative of another by reverse mode, at 0 because each is linear."""

    name = "torch:autograd"
    modes: ClassVar[_Modes] = {**dict.fromkeys(Plain.modes, _Geometry.word), "conv2d": _Geometry.transposed}
    capabilities = Capabilities(flushes=FLUSHES, dtypes=FLOATS, lacks=(_NO_EMPTY_IMAGE,), composed=_composed(modes))

    def vjp(self, function: Callable, shape: Any, cotangent: torch.Tensor) -> torch.Tensor:
        point = torch.zeros(shape, dtype=cotangent.dtype, requires_grad=True)
        return torch.autograd.grad(function(point), point, cotangent)[0]

    def forward(self, input: Any, filters: Any, question: _Question) -> torch.Tensor:
        shape = (input.shape[0], filters.shape[0], *question.geometry.windows[0])
        return self.vjp(lambda output: F.conv_transpose2d(output, filters, **question.transposed_options), shape, input)

    def backprop_input(self, shape: Any, filters: Any, cotangent: Any, question: _Question) -> torch.Tensor:
        return self.vjp(lambda at: F.conv2d(at, filters, **question.options), shape, cotangent)

    def backprop_filter(self, input: Any, shape: Any, cotangent: Any, question: _Question) -> torch.Tensor:
        return self.vjp(lambda at: F.conv2d(input, at, **question.options), shape, cotangent)

    def transpose(self, shape: Any, filters: Any, input: Any, question: _Question) -> torch.Tensor:
        return self.backprop_input(shape, filters, input, question)


class Func(Autograd):
    """`torch.func`: the gradients by its vjp, and conv2d as its own forward-mode derivative."""

    name = "torch:func"
    modes: ClassVar[_Modes] = dict.fromkeys(Plain.modes, _Geometry.word)
    capabilities = Capabilities(flushes=FLUSHES, dtypes=FLOATS, lacks=(_NO_EMPTY_IMAGE,), composed=_composed(modes))

    def vjp(self, function: Callable, shape: Any, cotangent: torch.Tensor) -> torch.Tensor:
        return torch.func.vjp(function, torch.zeros(shape, dtype=cotangent.dtype))[1](cotangent)[0]

    def forward(self, input: Any, filters: Any, question: _Question) -> torch.Tensor:
        zero = torch.zeros_like(input)
        return torch.func.jvp(lambda at: F.conv2d(at, filters, **question.options), (zero,), (input,))[1]


def _tensor(array: np.ndarray) -> torch.Tensor:
    # A copy: torch takes neither read-only arrays nor negative strides. It knows no bfloat16 of NumPy's.
    copied = np.array(array, order="C")
    if copied.dtype.name == "bfloat16":
        return torch.from_numpy(copied.view(np.uint16)).view(torch.bfloat16)
    return torch.from_numpy(copied)


def _array(tensor: torch.Tensor, dtype: np.dtype) -> np.ndarray:
    tensor = tensor.detach().contiguous()
    if tensor.dtype == torch.bfloat16:
        return tensor.view(torch.uint16).numpy().view(dtype)
    return tensor.numpy()


def _nhwc(tensor: torch.Tensor, dtype: np.dtype) -> np.ndarray:
    return _array(tensor, dtype).transpose(0, 2, 3, 1)


ROUTES = {"": Plain, "autograd": Autograd, "func": Func, "channels_last": ChannelsLast, "native": Native}

"""PyTorch's own functions, with and without oneDNN."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch.nn import grad

from .. import cpu
from ..padding import ForwardSizes
from ..protocol import Capabilities, Lack
from .call import NO_PADDING, Mode, Padding, TorchCall, by_adapter, composed_by, symmetric, transposed, word

FLOATS = ("float16", "bfloat16", "float32", "float64")
# The instruction that multiplies bfloat16 (VDPBF16PS) takes subnormals for zero.
FLUSHES = ("bfloat16",)
INTEGERS = ("int8", "int16", "int32", "int64", "uint8")

NO_EMPTY_IMAGE = Lack(
    "torch takes no image of height or width 0 ('Only zero batch or zero channel inputs are supported')",
    lambda operation, case: case.height == 0 or case.width == 0,
)
_NO_INTEGER_GRADIENT = Lack(
    "torch has no gradients of integers, except of dilated int64 (slow_conv2d_cpu_grad_*)",
    lambda operation, case: (
        operation in ("conv2d_backprop_input", "conv2d_backprop_filter")
        and case.dtype in INTEGERS
        and (case.dtype != "int64" or case.dilations == (1, 1))
    ),
)
NO_INTEGER_DILATION = Lack(
    "torch dilates and transposes no integers except int64 (slow_conv_dilated, slow_conv_transpose2d)",
    lambda operation, case: (
        case.dtype in INTEGERS
        and case.dtype != "int64"
        and (operation == "conv2d_transpose" or (operation == "conv2d" and case.dilations != (1, 1)))
    ),
)


@contextlib.contextmanager
def _on_one_thread() -> Iterator[None]:
    """Have torch make the calls within on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class Plain:
    """`F.conv2d`, `F.conv_transpose2d` and the functions of `torch.nn.grad`, on contiguous NCHW."""

    name = "torch"
    version = torch.__version__
    modes: ClassVar[dict[str, Mode]] = {
        "conv2d": word,
        "conv2d_backprop_input": symmetric,
        "conv2d_backprop_filter": symmetric,
        "conv2d_transpose": transposed,
    }
    facts: ClassVar[dict[str, Any]] = {"onednn_path": cpu.onednn_path()}  # for known_failures/
    capabilities = Capabilities(
        flushes=FLUSHES,
        dtypes=FLOATS + INTEGERS,
        lacks=(NO_EMPTY_IMAGE, _NO_INTEGER_GRADIENT, NO_INTEGER_DILATION),
        composed=composed_by(modes),
    )
    memory_format = torch.contiguous_format
    on_one_thread: ClassVar[Callable[[], contextlib.AbstractContextManager[None]] | None] = staticmethod(_on_one_thread)
    # These are called and differentiated; a test puts a wrong one in.
    conv2d_function: ClassVar[Callable] = staticmethod(F.conv2d)
    conv_transpose2d_function: ClassVar[Callable] = staticmethod(F.conv_transpose2d)

    def conv2d(self, input: Any, filters: Any, *, bias: Any = None, **options: Any) -> np.ndarray:
        if input.ndim == 3:  # for torch, an image without a batch is valid: not asked
            raise ValueError(f"input must have 4 axes; it has the shape {input.shape}")
        with self._calling("conv2d", input.shape, filters.shape, options) as call:
            padded = self._formatted(call.pad(self._nchw(input)))
            return nhwc(self.forward(call, padded, self._oihw(filters), *_given(bias)), input.dtype)

    def conv2d_backprop_input(self, input_sizes: Any, filters: Any, out_backprop: Any, **options: Any) -> np.ndarray:
        with self._calling("conv2d_backprop_input", input_sizes, filters.shape, options) as call:
            padded = self.backprop_input(call, self._oihw(filters), self._nchw(out_backprop))
            return nhwc(call.crop(padded), filters.dtype)

    def conv2d_backprop_filter(self, input: Any, filter_sizes: Any, out_backprop: Any, **options: Any) -> np.ndarray:
        with self._calling("conv2d_backprop_filter", input.shape, filter_sizes, options) as call:
            padded = self._formatted(call.pad(self._nchw(input)))
            result = self.backprop_filter(call, padded, self._nchw(out_backprop))
            return oihw_as_hwio(result, input.dtype)

    def conv2d_transpose(
        self, input: Any, filters: Any, output_shape: Any, *, bias: Any = None, **options: Any
    ) -> np.ndarray:
        with self._calling("conv2d_transpose", output_shape, filters.shape, options) as call:
            if np.ndim(output_shape) != 1 or (input.ndim == filters.ndim == 4):
                call.forward.check_transposed(input.shape)  # torch is never told the output's shape
            padded = self.transpose(call, self._nchw(input), self._oihw(filters), *_given(bias))
            return nhwc(call.crop(padded), input.dtype)

    # Routes replace these. Tensors are NCHW and OIHW; the callers above pad and crop.

    def forward(self, call: TorchCall, images: Any, filters: Any, *bias: Any) -> torch.Tensor:
        return call.convolution(images, filters, *bias)

    def backprop_input(self, call: TorchCall, filters: Any, cotangent: Any) -> torch.Tensor:
        return grad.conv2d_input(call.input_sizes, filters, cotangent, **call.options)

    def backprop_filter(self, call: TorchCall, images: Any, cotangent: Any) -> torch.Tensor:
        return grad.conv2d_weight(images, call.filter_sizes, cotangent, **call.options)

    def transpose(self, call: TorchCall, cotangent: Any, filters: Any, *bias: Any) -> torch.Tensor:
        return call.transposed(cotangent, filters, *bias)

    @contextlib.contextmanager
    def _calling(self, operation: str, input_sizes: Any, filter_sizes: Any, options: Any) -> Iterator[TorchCall]:
        forward = ForwardSizes(input_sizes, filter_sizes, **options)
        padding = self._told(operation, forward)
        with warnings.catch_warnings():
            # They say that "same" with an even kernel copies, that oneDNN's flags want a GPU, that torch.jit is old.
            warnings.filterwarnings("ignore", "Using padding='same'|TF32 acceleration|`torch.jit.script`")
            yield TorchCall(self.conv2d_function, self.conv_transpose2d_function, forward, padding)

    def _told(self, operation: str, forward: ForwardSizes) -> Padding:
        """Return the padding as torch is told it. It is told what makes no sense too, as invalid calls ask that."""
        if not forward.are_of_4:
            return NO_PADDING
        if forward.has_unknown_word and operation != "conv2d_transpose":
            return Padding(forward.padding.lower())
        return self.modes[operation](forward) or by_adapter(forward)

    def _nchw(self, array: np.ndarray) -> torch.Tensor:
        return self._formatted(tensor_of(_ordered(array, (0, 3, 1, 2))))

    def _oihw(self, array: np.ndarray) -> torch.Tensor:
        return self._formatted(tensor_of(_ordered(array, (3, 2, 0, 1))))

    def _formatted(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.contiguous(memory_format=self.memory_format)


class Native(Plain):
    """torch's own kernels: without oneDNN, and without NNPACK, whose Winograd and FFT are not exact on integers."""

    name = "torch:native"
    # Two threads each restore the switches as they found them. So oneDNN may stay off for the other routes.
    capabilities = replace(
        Plain.capabilities, unclaimed={"two_threads": "switches oneDNN off and on for the whole process"}
    )

    @contextlib.contextmanager
    def _calling(self, *arguments: Any) -> Iterator[TorchCall]:
        with (
            super()._calling(*arguments) as call,
            torch.backends.mkldnn.flags(enabled=False),
            torch.backends.nnpack.flags(enabled=False),
        ):
            yield call


def _given(bias: np.ndarray | None) -> tuple[torch.Tensor, ...]:
    return () if bias is None else (tensor_of(bias),)


def tensor_of(array: np.ndarray) -> torch.Tensor:
    """Return a copy of an array as a contiguous tensor."""
    # A copy, as torch takes neither read-only arrays nor negative strides, nor NumPy's bfloat16.
    copied = np.array(array, order="C")
    if copied.dtype.kind == "V":  # bfloat16, whose name takes longer to compare
        return torch.from_numpy(copied.view(np.uint16)).view(torch.bfloat16)
    return torch.from_numpy(copied)


def array_of(tensor: torch.Tensor, dtype: np.dtype) -> np.ndarray:
    """Return a tensor as a NumPy array of this dtype, which is the tensor's."""
    tensor = tensor.detach().cpu().contiguous()
    if tensor.dtype == torch.bfloat16:
        return tensor.view(torch.uint16).numpy().view(dtype)
    return tensor.numpy()


def oihw_as_hwio(filters: torch.Tensor, dtype: np.dtype) -> np.ndarray:
    """Return filters as an array in HWIO."""
    return _ordered(array_of(filters, dtype), (2, 3, 1, 0))


def nhwc(tensor: torch.Tensor, dtype: np.dtype) -> np.ndarray:
    """Return images as an array in NHWC."""
    return _ordered(array_of(tensor, dtype), (0, 2, 3, 1))


def _ordered(array: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """Transpose an array of 4 axes. One of another rank is given to torch as it is, which must refuse it."""
    return array.transpose(axes) if array.ndim == 4 else array

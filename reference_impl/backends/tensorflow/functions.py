"""TensorFlow's own functions: eagerly, in a graph, compiled by XLA, and in NCHW.

On x86-64 CPUs TensorFlow has two sets of kernels: oneDNN's, for some dtypes, and its own. They can do different things,
and TensorFlow chooses between them. `ONEDNN_DTYPES` and `runs_onednn` write down its choice.
TF_ENABLE_ONEDNN_OPTS=0, set before the import, leaves only its own kernels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf
from tensorflow.python.util import _pywrap_util_port  # no public name tells whether oneDNN is on

from .. import cpu
from ..padding import ForwardSizes
from ..protocol import Capabilities, Lack
from .call import TensorFlowCall, as_tensor

FLOATS = ("float16", "bfloat16", "float32", "float64")
# Its threads have the processor take subnormals for zero: ScopedFlushDenormal, tensorflow/core/platform/denormal.h.
FLUSHES = ("bfloat16", "float32", "float64")
_CPU = (np._core if hasattr(np, "_core") else np.core)._multiarray_umath.__cpu_features__
# Features of the CPU that TensorFlow needs before it gives a dtype to oneDNN: IsDataTypeSupportedByOneDNNOnThisCPU in
# tensorflow/core/util/util.cc. AVX-NE-CONVERT would do too, but NumPy does not report it.
_ONEDNN_NEEDS = {"float32": (), "bfloat16": ("AVX512F",), "float16": ("AVX512F", "AVX512FP16")}

ONEDNN_DTYPES = tuple(
    dtype
    for dtype, features in _ONEDNN_NEEDS.items()
    if _pywrap_util_port.IsMklEnabled() and all(_CPU.get(feature, False) for feature in features)
)


def runs_onednn(operation: str, case: Any) -> bool:
    """Return True if oneDNN computes the call. It is given no gradients with explicit padding, in any dtype."""
    return case.dtype in ONEDNN_DTYPES and (operation == "conv2d" or case.padding_mode in ("SAME", "VALID"))


def _is_own_gradient(operation: str, case: Any) -> bool:
    return operation != "conv2d" and not runs_onednn(operation, case)


# TensorFlow is not told the groups: it divides the channels of the input by those of the filters.
UNGROUPED = Lack(
    "Gradients for grouped convolutions are not supported on CPU (except by oneDNN, for SAME and VALID)",
    lambda operation, case: _is_own_gradient(operation, case) and case.filter_sizes[2] != case.input_channels,
)
UNDILATED = Lack(
    "Current CPU implementations do not yet support dilation rates larger than 1 (except oneDNN's, for SAME and VALID)",
    lambda operation, case: _is_own_gradient(operation, case) and case.dilations != (1, 1),
)
_NO_INTEGER_FILTER_GRADIENT = Lack(
    "Conv2DBackpropFilter takes half, bfloat16, float and double only",
    lambda operation, case: operation == "conv2d_backprop_filter" and case.dtype == "int32",
)
# TensorFlow looks at the CPU, and oneDNN also at ONEDNN_MAX_CPU_ISA.
_PATH = cpu.onednn_path()
_REFUSES_BFLOAT16 = "bfloat16" in ONEDNN_DTYPES and bool(_PATH) and not cpu.at_least(_PATH, "avx512_core")
NO_BFLOAT16 = Lack(
    f"oneDNN's code path {_PATH} has no bfloat16 convolutions ('could not create a primitive descriptor'); "
    "avx512_core and better ones have",
    lambda operation, case: _REFUSES_BFLOAT16 and case.dtype == "bfloat16" and runs_onednn(operation, case),
)
_NHWC_ONLY = Lack(
    "The op currently only supports the NHWC tensor format on the CPU (except in oneDNN)",
    lambda operation, case: not runs_onednn(operation, case),
)

_NO_FUSED_GROUPS = Lack(
    "Fused conv implementation does not support grouped convolutions for now (without oneDNN, in float32 and float64)",
    lambda operation, case: operation == "conv2d" and _is_fused(case) and case.filter_sizes[2] != case.input_channels,
)


def _is_fused(case: Any) -> bool:
    """Return True if TensorFlow's own kernel computes conv2d with its bias. An empty output needs no kernel."""
    return not ONEDNN_DTYPES and case.dtype in ("float32", "float64") and 0 not in case.output_shape


class Plain:
    """Each operation called by its name, eagerly."""

    name = "tensorflow"
    version = tf.__version__
    capabilities = Capabilities(
        flushes=FLUSHES,
        dtypes=("int32", *FLOATS),
        lacks=(NO_BFLOAT16, _NO_INTEGER_FILTER_GRADIENT, UNGROUPED, UNDILATED),
    )
    facts: ClassVar = {"onednn_dtypes": ONEDNN_DTYPES, "onednn_path": _PATH}  # for known_failures/
    data_format = "NHWC"
    # These are called and differentiated; a test puts a wrong one in.
    conv2d_function: ClassVar[Callable] = staticmethod(tf.nn.conv2d)
    conv2d_transpose_function: ClassVar[Callable] = staticmethod(tf.nn.conv2d_transpose)

    def conv2d(self, input: Any, filters: Any, *, bias: Any = None, **options: Any) -> np.ndarray:
        call = self._call(input.shape, filters.shape, **options)
        return self._array(self._run(self.forward, call, self._tensor(input), tf.constant(filters), *_given(bias)))

    def conv2d_backprop_input(self, input_sizes: Any, filters: Any, out_backprop: Any, **options: Any) -> np.ndarray:
        call = self._call(input_sizes, filters.shape, **options)
        return self._array(self._run(self.backprop_input, call, tf.constant(filters), self._tensor(out_backprop)))

    def conv2d_backprop_filter(self, input: Any, filter_sizes: Any, out_backprop: Any, **options: Any) -> np.ndarray:
        call = self._call(input.shape, filter_sizes, **options)
        return self._run(self.backprop_filter, call, self._tensor(input), self._tensor(out_backprop)).numpy()

    def conv2d_transpose(
        self, input: Any, filters: Any, output_shape: Any, *, bias: Any = None, **options: Any
    ) -> np.ndarray:
        call = self._call(output_shape, filters.shape, **options)
        return self._array(self._run(self.transpose, call, self._tensor(input), tf.constant(filters), *_given(bias)))

    # Routes replace these. Tensors are in the order of the data format.

    def forward(self, call: TensorFlowCall, images: Any, filters: Any, *bias: Any) -> tf.Tensor:
        return call.convolution(images, filters, *bias)

    def backprop_input(self, call: TensorFlowCall, filters: Any, cotangent: Any) -> tf.Tensor:
        return tf.raw_ops.Conv2DBackpropInput(
            input_sizes=as_tensor(call.input_sizes), filter=filters, out_backprop=cotangent, **call.raw_attributes
        )

    def backprop_filter(self, call: TensorFlowCall, images: Any, cotangent: Any) -> tf.Tensor:
        return tf.raw_ops.Conv2DBackpropFilter(
            input=images, filter_sizes=as_tensor(call.filter_sizes), out_backprop=cotangent, **call.raw_attributes
        )

    def transpose(self, call: TensorFlowCall, cotangent: Any, filters: Any, *bias: Any) -> tf.Tensor:
        return call.transposed(cotangent, filters, *bias)

    def _run(self, operation: Callable, call: TensorFlowCall, *tensors: tf.Tensor) -> tf.Tensor:
        return operation(call, *tensors)

    def _call(self, input_sizes: Any, filter_sizes: Any, **options: Any) -> TensorFlowCall:
        forward = ForwardSizes(input_sizes, filter_sizes, **options)
        return TensorFlowCall(self.conv2d_function, self.conv2d_transpose_function, self.data_format, forward)

    def _tensor(self, array: np.ndarray) -> tf.Tensor:
        return tf.constant(array)

    def _array(self, tensor: tf.Tensor) -> np.ndarray:
        return tensor.numpy()


def _given(bias: np.ndarray | None) -> tuple[tf.Tensor, ...]:
    return () if bias is None else (tf.constant(bias),)


class Graph(Plain):
    """In a graph, which TensorFlow rewrites before it runs it.

    The graph is kept until another call is made. A function that is kept for longer would keep one for every shape.
    """

    name = "tensorflow:function"
    capabilities = Capabilities(
        flushes=FLUSHES, dtypes=Plain.capabilities.dtypes, lacks=Plain.capabilities.lacks, share=0.25
    )
    jit_compile: bool | None = None

    def __init__(self) -> None:
        self._kept: tuple[str, Callable] = ("", tf.identity)

    def _run(self, operation: Callable, call: TensorFlowCall, *tensors: tf.Tensor) -> tf.Tensor:
        key, graph = self._kept
        called = f"{operation.__name__} {call} {[(tensor.shape, tensor.dtype) for tensor in tensors]}"
        if key != called:
            # A lambda has no name. With one, TensorFlow's errors would begin with a traceback through our files.
            traced = tf.function(lambda *given: operation(call, *given), autograph=False, jit_compile=self.jit_compile)
            # To call `traced` itself would do the same, but warn each time that it is traced.
            graph = traced.get_concrete_function(*tensors)
            self._kept = called, graph
        return graph(*tensors)


class Biased(Graph):
    """With a bias, of zeros if none is given: in a graph, TensorFlow makes one operation of conv2d and `bias_add`.

    The bias is an argument of the graph. If it were a constant of zeros, TensorFlow would take it away.
    """

    name = "tensorflow:bias"
    capabilities = replace(
        Graph.capabilities,
        operations=("conv2d", "conv2d_transpose"),
        dtypes=FLOATS,
        lacks=(*Graph.capabilities.lacks, _NO_FUSED_GROUPS),
    )

    def conv2d(self, input: Any, filters: Any, *, bias: Any = None, **options: Any) -> np.ndarray:
        bias = np.zeros(filters.shape[3:], input.dtype) if bias is None else bias
        return super().conv2d(input, filters, bias=bias, **options)

    def conv2d_transpose(
        self, input: Any, filters: Any, output_shape: Any, *, bias: Any = None, **options: Any
    ) -> np.ndarray:
        bias = np.zeros(output_shape[3:], input.dtype) if bias is None else bias
        return super().conv2d_transpose(input, filters, output_shape, bias=bias, **options)


class XLA(Graph):
    """Compiled by XLA, whose kernels are its own: they take groups and dilations everywhere."""

    name = "tensorflow:xla"
    capabilities = Capabilities(
        flushes=FLUSHES, dtypes=Plain.capabilities.dtypes, lacks=(_NO_INTEGER_FILTER_GRADIENT,), share=0.05
    )
    jit_compile = True


class ChannelsFirst(Plain):
    """In NCHW: the adapter transposes the arrays, and the answer back."""

    name = "tensorflow:nchw"
    capabilities = Capabilities(
        flushes=FLUSHES, dtypes=("int32", *FLOATS), lacks=(NO_BFLOAT16, _NO_INTEGER_FILTER_GRADIENT, _NHWC_ONLY)
    )
    data_format = "NCHW"
    not_here = None if ONEDNN_DTYPES else "without oneDNN, TensorFlow takes NHWC alone; @onednn-on turns oneDNN on"

    def _tensor(self, array: np.ndarray) -> tf.Tensor:
        return tf.constant(np.ascontiguousarray(array.transpose(0, 3, 1, 2)))

    def _array(self, tensor: tf.Tensor) -> np.ndarray:
        return np.ascontiguousarray(tensor.numpy().transpose(0, 2, 3, 1))

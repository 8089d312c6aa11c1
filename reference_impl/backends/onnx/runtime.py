"""ONNX Runtime on the CPU: models of one operator, with constant filters (as in inference) or without."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import onnx
import onnxruntime

from ..padding import ForwardSizes
from ..protocol import Capabilities, Lack
from .models import ConvInteger, Operators, composed

# ONNX Runtime does not read this variable; 0 leaves the number of threads to it.
_THREADS = int(os.environ.get("OMP_NUM_THREADS", "0").partition(",")[0])
_CPU = (np._core if hasattr(np, "_core") else np.core)._multiarray_umath.__cpu_features__


def _never_returns(operation: str, case: Any) -> bool:
    """Return True if Conv enters a loop over the products of a sum that does not end where there are none."""
    forward = ForwardSizes(case.input_sizes, case.filter_sizes, **case.options)
    number, unread = forward.windows
    if operation == "conv2d":
        images, channels, strides, outputs = case.batch, case.input_channels, case.strides, number
    elif operation == "conv2d_backprop_filter":  # the call that models.py makes
        images, channels, strides = case.filter_sizes[2], case.batch, case.dilations
        outputs = tuple(size + rest // stride for size, rest, stride in zip(case.kernel_size, unread, strides))
    else:
        return False
    moves = strides != (1, 1) or forward.pads != ((0, 0), (0, 0))
    filters = case.output_channels // case.groups
    return images > 0 and channels == 0 and moves and 0 < filters <= math.prod(outputs)


_HANGS = Lack("Conv without input channels does not return (docs/findings/onnxruntime.md)", _never_returns)
_NO_DILATED_SAME = Lack(
    "Dilation not supported for AutoPadType::SAME_UPPER or AutoPadType::SAME_LOWER",
    lambda operation, case: (
        operation == "conv2d" and case.padding in ("SAME", "SAME_LOWER") and case.dilations != (1, 1)
    ),
)


class Plain(Operators):
    """Conv and ConvTranspose. The session may rearrange their constant filters when it is made."""

    name = "onnxruntime"
    version = onnxruntime.__version__
    capabilities = Capabilities(dtypes=("float16", "float32"), lacks=(_NO_DILATED_SAME, _HANGS), composed=composed)
    # For known_failures/: the number of channels that its kernels for constant filters take at once, on x86-64.
    facts: ClassVar = {"channel_block": 16 if _CPU.get("AVX512F", False) else 8}

    def run(self, model: onnx.ModelProto, arrays: dict[str, np.ndarray]) -> np.ndarray:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = _THREADS
        options.log_severity_level = 4  # errors are raised; they need not be printed too
        # Threads that spin while they wait slow down other processes.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        providers = ["CPUExecutionProvider"]
        session: Any = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=providers)
        return session.run(None, arrays)[0]


class Dynamic(Plain):
    """With filters that are known only when the model runs."""

    name = "onnxruntime:dynamic"
    constant_filters = False


class Integer(ConvInteger, Plain):
    name = "onnxruntime:integer"
    capabilities = replace(ConvInteger.capabilities, lacks=(_NO_DILATED_SAME,))


ROUTES = {"": Plain, "dynamic": Dynamic, "integer": Integer}

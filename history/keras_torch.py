"""Keras on PyTorch: `keras.ops.conv_transpose`, in NHWC.

https://keras.io/api/ops/nn/
"""

from __future__ import annotations

import os
from typing import Any

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np

from reference_impl.backends.protocol import Capabilities, Lack

_LACKS = (
    Lack(
        "keras.ops.conv_transpose takes no padding but VALID and SAME",
        lambda _, case: case.padding not in ("VALID", "SAME"),
    ),
    Lack("keras.ops.conv_transpose takes no groups", lambda _, case: case.groups > 1),
    Lack(
        "keras.ops.conv_transpose takes no strides with dilations",
        lambda _, case: max(case.strides) > 1 and max(case.dilations) > 1,
    ),
    Lack("keras.ops.conv_transpose takes no output size, and picks another one", lambda _, case: not _picks(case)),
)


class KerasTorch:
    name = "keras-torch"
    version = keras.__version__
    capabilities = Capabilities(operations=("conv2d_transpose",), dtypes=("float32",), lacks=_LACKS)

    def conv2d_transpose(
        self, input: Any, filters: Any, output_shape: Any, *, strides: Any, padding: str, dilations: Any, groups: int
    ) -> np.ndarray:
        answer = keras.ops.conv_transpose(
            np.array(input),
            np.array(filters),
            strides,
            padding.lower(),
            data_format="channels_last",
            dilation_rate=dilations,
        )
        return keras.ops.convert_to_numpy(answer)


def _picks(case: Any) -> bool:
    """Return whether Keras picks the size of the case's input as its output size."""
    for size, kernel, stride, dilation in zip(
        (case.height, case.width), case.kernel_size, case.strides, case.dilations
    ):
        extent = (kernel - 1) * dilation + 1
        left = size % stride if case.padding == "SAME" else (size - extent) % stride - max(stride - extent, 0)
        if left:
            return False
    return True

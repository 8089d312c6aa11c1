"""ONNX Runtime on its CPU in another Python. A transposed convolution is told of SAME by that word, where the word is
enough to give the size."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from reference_impl.backends.protocol import Lack

from .elsewhere import THERE, Elsewhere
from .onnx_operators import Reference


class Runtime(Reference, Elsewhere):
    name = "onnxruntime"
    file = THERE / "onnxruntime_cpu.py"
    capabilities = replace(
        Elsewhere.capabilities,
        operations=Reference.capabilities.operations,
        lacks=(Lack("Conv without input channels does not return", lambda _, case: case.input_channels == 0),),
    )

    def __init__(self) -> None:
        Elsewhere.__init__(self)

    def conv2d_transpose(
        self, input: Any, filters: Any, output_shape: Any, *, padding: Any, groups: int, **steps: Any
    ) -> np.ndarray:
        longer = [size * stride for size, stride in zip(input.shape[1:3], steps["strides"])]
        if padding == "SAME" and longer == list(output_shape[1:3]):
            attributes = {"auto_pad": "SAME_UPPER", **steps, "group": groups}
            return self._answer("ConvTranspose", input, filters, attributes)
        return super().conv2d_transpose(input, filters, output_shape, padding=padding, groups=groups, **steps)

    def run(self, model: Any, arrays: dict[str, np.ndarray]) -> np.ndarray:
        return self.other.ask("run", model=np.frombuffer(model.SerializeToString(), np.uint8), **arrays)

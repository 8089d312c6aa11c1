"""ONNX Runtime on its CPU, with the models of onnx_operators.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime

from .onnx_operators import Reference


class Runtime(Reference):
    name = "onnxruntime"
    version = onnxruntime.__version__

    def run(self, model: Any, arrays: dict[str, np.ndarray]) -> np.ndarray:
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        return session.run(None, arrays)[0]

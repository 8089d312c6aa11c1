"""ONNX's own reference implementation, in NumPy and Python."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

from ..protocol import Capabilities, Lack
from .models import ConvInteger, Operators, composed

_MOST_SCATTERED = 20_000
_MOST_FILLED = 100_000_000


def _scatters_many(operation: str, case: Any) -> bool:
    scattered = math.prod(case.output_shape[:3]) * math.prod(case.kernel_size) * case.input_channels
    return operation in ("conv2d_backprop_input", "conv2d_transpose") and scattered > _MOST_SCATTERED


def _fills_many(operation: str, case: Any) -> bool:
    reach = (dilation * (size - 1) + 1 for size, dilation in zip(case.kernel_size, case.dilations, strict=True))
    return operation == "conv2d" and math.prod(case.filter_sizes[2:]) * math.prod(reach) > _MOST_FILLED


class Plain(Operators):
    """Conv and ConvTranspose by `onnx.reference.ReferenceEvaluator`."""

    name = "onnx"
    version = onnx.__version__
    capabilities = Capabilities(
        dtypes=("float16", "bfloat16", "float32", "float64"),
        lacks=(
            Lack(f"ConvTranspose scatters more than {_MOST_SCATTERED} numbers in plain Python", _scatters_many),
            Lack(f"Conv fills a dilated kernel with more than {_MOST_FILLED} zeros: too long a wait", _fills_many),
        ),
        composed=composed,
    )

    def run(self, model: onnx.ModelProto, arrays: dict[str, np.ndarray]) -> np.ndarray:
        evaluator: Any = ReferenceEvaluator(model)
        return evaluator.run(None, arrays)[0]


class Integer(ConvInteger, Plain):
    name = "onnx:integer"
    capabilities = replace(ConvInteger.capabilities, lacks=Plain.capabilities.lacks)


ROUTES = {"": Plain, "integer": Integer}

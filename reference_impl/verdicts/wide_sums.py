"""Integers whose sums need more bits than the arguments' dtype has: they show in which type a kernel adds."""

from __future__ import annotations

import math
import zlib

import numpy as np

from ..cases.case import Case
from .call import Call, array_shapes, numpy_dtype
from .integers import EXACT_INTEGERS

# float32 holds these sums, and float16 is not exceeded.
_LARGEST_SUM = {"float16": 2**15, "bfloat16": 2**24}


def wide_call(case: Case, operation: str, result_dtype: str, seed: int) -> Call | None:
    """Draw integers whose sums fit float32, or the wider dtype of the answer, and not the dtype of the arguments.

    Returns None if the answer's dtype is not wider, or an answer has no terms. Floats are positive, so that a sum loses
    its last bits as it grows; integers have either sign if they can.
    """
    half = case.dtype in _LARGEST_SUM
    limit = _LARGEST_SUM[case.dtype] if half else EXACT_INTEGERS[result_dtype]
    terms = case.convolution.terms(operation)
    if (not half and limit <= EXACT_INTEGERS[case.dtype]) or not terms:
        return None
    random = np.random.default_rng([seed, zlib.crc32(f"wide {case} {operation}".encode())])
    largest = min(math.isqrt(limit // terms), EXACT_INTEGERS[case.dtype])
    if not largest:
        return None
    arrays = {}
    for name, shape in array_shapes(case, operation).items():
        values = random.integers(1, largest, shape, np.int64, endpoint=True)
        if not half and not case.dtype.startswith("u"):
            values *= random.choice(np.array([-1, 1]), shape)
        arrays[name] = values.astype(numpy_dtype(case.dtype))
    return Call(operation, case, arrays)

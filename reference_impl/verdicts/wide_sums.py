"""Data that show in which type a kernel adds: in a narrow one, the sums lose most of what they are made of."""

from __future__ import annotations

import math
import zlib

import numpy as np

from ..cases.case import Case
from ..exact.formats import FORMATS
from .call import Call, array_shapes, numpy_dtype
from .integers import EXACT_INTEGERS

HALVES = ("float16", "bfloat16")
# The fewest terms of a sum of which a narrow type loses more than 16 eps.
FEWEST_TERMS = 56


def half_call(case: Case, operation: str) -> Call | None:
    """One large term and many small ones: each small one is 3/8 of the large one's last bit.

    A kernel that adds in float16 or bfloat16, beginning with the first tap, channel or position, loses every small
    term: 20 eps for 56 of them. In float32 they all count. Returns None if a sum has fewer terms, or the case is of
    another dtype.
    """
    if case.dtype not in HALVES or case.convolution.terms(operation) < FEWEST_TERMS:
        return None
    arrays = {name: np.ones(shape) for name, shape in array_shapes(case, operation).items()}
    uneven = arrays["filters"] if "filters" in arrays else arrays["out_backprop"]
    uneven[...] = 0.375 * FORMATS[case.dtype].eps
    first = {"conv2d": (0, 0, 0), "conv2d_backprop_filter": (0, 0, 0)}.get(operation, (0, 0, slice(None), 0))
    uneven[first] = 1
    dtype = numpy_dtype(case.dtype)
    return Call(operation, case, {name: array.astype(dtype) for name, array in arrays.items()})


def integer_call_with_wide_sums(case: Case, operation: str, result_dtype: str, seed: int) -> Call | None:
    """Draw integers over the whole range of their dtype, whose sums fit the wider one of the answer.

    Returns None if the answer's dtype is not wider.
    """
    limit, terms = EXACT_INTEGERS[result_dtype], case.convolution.terms(operation)
    if case.dtype in FORMATS or limit <= EXACT_INTEGERS[case.dtype] or not terms:
        return None
    random = np.random.default_rng([seed, zlib.crc32(f"wide {case} {operation}".encode())])
    largest = min(math.isqrt(limit // terms), EXACT_INTEGERS[case.dtype])
    arrays = {}
    for name, shape in array_shapes(case, operation).items():
        values = random.integers(min(largest, 1), largest, shape, np.int64, endpoint=True)
        if not case.dtype.startswith("u"):
            values *= random.choice(np.array([-1, 1]), shape)
        arrays[name] = values.astype(numpy_dtype(case.dtype))
    return Call(operation, case, arrays)

"""Real data of several kinds for a case, from a seed, with the exact answer and the unit of its error."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .. import exact, operations
from ..cases.case import Case
from ..exact.formats import FORMATS, FloatFormat
from .call import Call, array_shapes, gauge, numpy_dtype, plane_gauge
from .statistics import Sums

KINDS = ("normal", "uniform", "wide", "cancelling", "subnormal")
# The kinds whose errors are judged together, too: independent numbers of a size.
INDEPENDENT = ("normal", "uniform")


@dataclass(frozen=True)
class RealTask:
    """One call on real data, with the exact answer and the gauge of its error.

    `exact` is the exact answer, rounded once to float64; `gauge` is the same operation on absolute values.
    """

    kind: str
    call: Call

    @property
    def terms(self) -> int:
        return self.call.case.convolution.terms(self.call.operation)

    @cached_property
    def exact(self) -> np.ndarray:
        call = self.call
        operation = getattr(exact, call.operation)
        return operation(*call.positional(), **call.case.options, dtype="float64")

    @cached_property
    def gauge(self) -> np.ndarray:
        return gauge(self.call)

    @cached_property
    def sums(self) -> Sums:
        squares = self.call.with_arrays(lambda array: np.square(array.astype(np.float64))).run(operations)
        return Sums(self.exact, self.gauge, squares, self.terms)

    @cached_property
    def plane_gauge(self) -> np.ndarray:
        return np.broadcast_to(plane_gauge(self.call), self.gauge.shape)


def real_task(case: Case, operation: str, seed: int, kind: str | None = None) -> RealTask:
    """Draw real arrays in the case's dtype. If no kind is given, the seed and the case choose one.

    normal        standard normal
    uniform       from -1 to 1
    wide          normal, times powers of two over a third of the dtype's exponents
    cancelling    one array nearly constant, the other with sum 0: the gauge is up to 1e6 times the answer
    subnormal     products around the dtype's smallest normal number
    """
    random = np.random.default_rng([seed, zlib.crc32(f"real {case} {operation}".encode())])
    if kind is None:
        kind = KINDS[random.integers(len(KINDS))]
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}; not {kind!r}")
    shapes = array_shapes(case, operation)
    arrays = {name: _draw(random, kind, shape, case.dtype) for name, shape in shapes.items()}
    if kind == "cancelling":
        _make_cancel(arrays, operation, FORMATS[case.dtype])
    arrays = {name: values.astype(numpy_dtype(case.dtype)) for name, values in arrays.items()}
    return RealTask(kind, Call(operation, case, arrays))


def _draw(random: np.random.Generator, kind: str, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    form = FORMATS[dtype]
    values = random.uniform(-1, 1, shape) if kind == "uniform" else random.standard_normal(shape)
    if kind == "wide":
        # Products of two such numbers, and sums of the products, stay in range.
        reach = min(-form.smallest_exponent // 6, 40)
        return np.ldexp(values, random.integers(-reach, reach, shape, endpoint=True))
    if kind == "subnormal":
        return np.ldexp(values, form.smallest_exponent // 2)
    return values


def _make_cancel(arrays: dict[str, np.ndarray], operation: str, form: FloatFormat) -> None:
    """Make every sum nearly 0: centre the filters, or else the cotangent; the other array is near 1."""
    centred = "filters" if "filters" in arrays else "out_backprop"
    summed = (0, 1, 2) if operation in ("conv2d", "conv2d_backprop_filter") else (0, 1, 3)
    for name, values in arrays.items():
        if name != centred:
            arrays[name] = 1 + values * max(1e-6, form.eps)
        elif values.size:
            arrays[name] = values - values.mean(axis=summed, keepdims=True)

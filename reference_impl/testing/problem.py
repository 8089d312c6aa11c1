"""The problem that an assertion judges: one operation on given arrays, with the layout of their axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from .. import arguments, exact, operations
from ..axis_order import convert
from ..exact.formats import FORMATS
from ..verdicts import location
from ..verdicts.call import Call
from .arrays import Given, given

IMAGES, FILTERS = "NHWC", "HWIO"
DATA_FORMATS = {"NHWC": "HWIO", "NCHW": "OIHW"}


@dataclass(frozen=True)
class Layout:
    """The order of the axes of images and of filters, by letters."""

    images: str
    filters: str

    @classmethod
    def checked(cls, data_format: Any, filter_format: Any) -> Layout:
        if data_format not in DATA_FORMATS:
            raise ValueError(f"data_format must be one of {', '.join(DATA_FORMATS)}; not {data_format!r}")
        filter_format = DATA_FORMATS[data_format] if filter_format is None else filter_format
        if not isinstance(filter_format, str) or sorted(filter_format) != sorted(FILTERS):
            raise ValueError(f"filter_format must be the letters of {FILTERS} in some order; not {filter_format!r}")
        return cls(data_format, filter_format)

    def of(self, name: str) -> tuple[str, str]:
        """The order of the axes of an argument as given, and as the oracle has it."""
        return (self.filters, FILTERS) if "filter" in name else (self.images, IMAGES)

    def read(self, value: Any, name: str) -> Given:
        __tracebackhide__ = True
        array = given(value, name)
        source, target = self.of(name)
        if array.values.ndim != 4:
            raise ValueError(f"{name} must have 4 axes ({' '.join(source)}), not shape {array.shape}")
        return Given(convert(array.values, source, target), array.dtype)

    def sizes(self, value: Any, name: str) -> tuple[int, ...]:
        source, target = self.of(name)
        letters = [{"H": "kh", "W": "kw"}.get(letter, letter) for letter in source] if "filter" in name else source
        found = arguments.sizes(value, name, " ".join(letters))
        return tuple(found[source.index(letter)] for letter in target)


@dataclass(frozen=True, eq=False)
class Problem:
    """One operation on given arrays, in NHWC and HWIO.

    Parameters
    ----------
    call : the operation, its case and its arrays
    layout : the order of axes in which the arrays were given, and the answer is
    dtype : that of the answer; None for any integers
    accumulator : the dtype in which sums are made
    factor : the declared multiple of the bound
    bias : added to each channel of the answer, as float64 or int64
    dtypes : those of the arrays as given, by name
    """

    call: Call
    layout: Layout
    dtype: str | None
    accumulator: str
    factor: float = 1.0
    bias: np.ndarray | None = None
    seed: int = field(default=0, kw_only=True)
    dtypes: dict[str, str] = field(default_factory=dict, kw_only=True)

    @property
    def operation(self) -> str:
        return self.call.operation

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the right answer, in NHWC or HWIO."""
        case = self.call.case
        return {"conv2d": case.output_shape, "conv2d_backprop_filter": case.filter_sizes}.get(
            self.operation, case.input_sizes
        )

    @property
    def axes(self) -> tuple[str, str]:
        """The order of the answer's axes as given, and as the oracle has it."""
        return self.layout.of("filters" if self.operation == "conv2d_backprop_filter" else "input")

    def as_given(self, in_order: Sequence[Any]) -> tuple[Any, ...]:
        """Reorder what has one item for each axis of the answer from the oracle's order to the caller's."""
        source, target = self.axes
        return tuple(in_order[target.index(letter)] for letter in source)

    @property
    def axis_names(self) -> tuple[str, ...]:
        return location.AXES[self.operation]

    @cached_property
    def terms(self) -> int:
        return self.call.case.convolution.terms(self.operation) + (self.bias is not None)

    @property
    def holds_floats(self) -> bool:
        return any(array.dtype.kind == "f" for array in self.call.arrays.values())

    @property
    def holds_integers(self) -> bool:
        """True if every number that is given is an integer."""
        arrays = [*self.call.arrays.values(), *([] if self.bias is None else [self.bias])]
        floats = [array for array in arrays if array.dtype.kind == "f"]
        return all(_are_whole(array.flat[:64]) for array in floats) and all(map(_are_whole, floats))

    def with_bias(self, answer: np.ndarray) -> np.ndarray:
        return answer if self.bias is None else answer + self.bias

    @cached_property
    def gauge(self) -> np.ndarray:
        """The sums of the products' absolute values, the bias included."""
        products = self.call.with_arrays(lambda array: np.abs(array.astype(np.float64))).run(operations)
        return products if self.bias is None else products + np.abs(self.bias)

    @property
    def most_gauge(self) -> int:
        """Bound the gauge of integers from above, without computing it: the largest magnitudes, times the terms."""
        first, second = (_largest(array) for array in self.call.arrays.values())
        products = self.call.case.convolution.terms(self.operation) * first * second
        return products if self.bias is None else products + _largest(self.bias)

    @property
    def eps(self) -> float:
        """The larger eps of the answer's dtype and of the accumulator's."""
        return max(FORMATS[self.dtype].eps, FORMATS[self.accumulator].eps)  # type: ignore[index]

    def by_oracle(self) -> np.ndarray:
        """The oracle's answer: exact for integers, and in float64, rounded at every step, for real numbers."""
        try:
            answer = self.call.run(operations)
        except ValueError:  # integers that could pass int64
            if self.call.case.multiply_adds > exact.MAX_OBJECT_PRODUCTS // 8:
                raise
            answer = self.call.with_arrays(lambda array: array.astype(object)).run(operations)
        return self.with_bias(answer)

    def exactly(self) -> np.ndarray | None:
        """The exact answer, rounded once to float64, plus the bias; None where that is too much work."""
        call = self.call
        try:
            answer = getattr(exact, call.operation)(*call.positional(), **call.case.options, dtype="float64")
        except ValueError:  # exponents that spread too far
            return None
        return self.with_bias(answer)


def _are_whole(numbers: np.ndarray) -> bool:
    return bool((numbers == np.rint(numbers)).all())


def _largest(integers: np.ndarray) -> int:
    return max(-int(integers.min()), int(integers.max())) if integers.size else 0

"""Everywhere: calls in which all elements of a result have the same products, or those of a channel have.

One array is the same everywhere. The other one holds the products by their labels, for each channel of the result.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..verdicts.call import Call, array_shapes, numpy_dtype
from .element import Ask, Element, at_once


@dataclass(frozen=True)
class Everywhere:
    """Asks all elements of a result at once. Products are known by their numbers in `element`.

    `around` is the value of the array that is the same everywhere.
    """

    ask: Ask
    element: Element
    around: float

    def answers(self, rows: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
        """Yield the answer, as float64, to each of `rows`: the products, or those of each channel."""
        several = at_once(self._same.nbytes + self._carrier.nbytes)
        for start in range(0, len(rows), several):
            for answer in self.ask([self._call(row) for row in rows[start : start + several]]):
                yield np.asarray(answer).astype(np.float64)

    @property
    def channels(self) -> int:
        """The number of channels that may have other products each: the first ones of the result."""
        return self._carrier.shape[3 if self._of_output_channels else 2]

    def _call(self, products: np.ndarray) -> Call:
        operation, case = self.element.operation, self.element.case
        array, (first, second, third) = self._carrier.copy(), self._labels
        factors = np.broadcast_to(products / self.around, (self.channels, len(first))).T
        if self._of_output_channels:
            array[first, second, third] = factors
        else:
            by_group = array.reshape(*array.shape[:3], case.groups, -1)
            by_group[first, second, :, :, third] = factors[:, :, None]
        return Call(operation, case, {name: array if name == self._name else self._same for name in self._shapes})

    @property
    def _of_output_channels(self) -> bool:
        return self.element.operation in ("conv2d", "conv2d_backprop_filter")

    @cached_property
    def _shapes(self) -> dict[str, tuple[int, ...]]:
        return array_shapes(self.element.case, self.element.operation)

    @property
    def _name(self) -> str:
        return "filters" if "filters" in self._shapes else "out_backprop"

    @cached_property
    def _carrier(self) -> np.ndarray:
        return np.zeros(self._shapes[self._name], numpy_dtype(self.element.case.dtype))

    @cached_property
    def _same(self) -> np.ndarray:
        (shape,) = [shape for name, shape in self._shapes.items() if name != self._name]
        return np.full(shape, self.around, numpy_dtype(self.element.case.dtype))

    @cached_property
    def _labels(self) -> tuple[np.ndarray, ...]:
        return tuple(np.array([term.label for term in self.element.terms]).T)

"""Errors: how far a kernel is from the exact answer on real data, and how far its order lets expect it to be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..exact.formats import FORMATS
from ..verdicts.real_data import real_task
from .element import Ask, Element
from .order import Tree, nodes, sizes, smallest
from .precision import Precision


@dataclass(frozen=True)
class Errors:
    """Errors on real data, in eps * gauge: the worst, the root mean square and the mean. `expected` is that root."""

    worst: float
    root_mean_square: float
    bias: float
    expected: float | None


def errors_of(ask: Ask, element: Element, tree: Tree | None, found: Precision | None) -> Errors | None:
    """The errors of all elements on real data, and those to be expected of the order."""
    task = real_task(element.case, element.operation, 0, "normal")
    (answer,) = map(np.asarray, ask([task.call]))
    eps = FORMATS[element.case.dtype].eps
    telling = task.gauge > 0
    if not telling.any():
        return None
    units = (answer.astype(np.float64) - task.exact)[telling] / (eps * task.gauge[telling])
    expected = None
    if tree is not None and found is not None:
        expected = _expected(element, tree, found, task.call.arrays, answer.dtype.name) / eps
    return Errors(float(np.abs(units).max()), float(np.sqrt(np.mean(units**2))), float(units.mean()), expected)


def _expected(element: Element, tree: Tree, found: Precision, arrays: dict[str, np.ndarray], dtype: str) -> float:
    """The expected error of this element on other data like these, relative to the gauge. `dtype` is the answer's.

    Rounding s to nearest errs by up to u * |s|, and its mean square is u**2 * s**2 / 3, or a little less.
    """
    first, second = (array.astype(np.float64).ravel() for array in arrays.values())
    random = np.random.default_rng(1)
    count = len(element.terms)
    products = random.choice(first, (64, count)) * random.choice(second, (64, count))
    gauge = np.abs(products).sum(1)
    sums: dict[int, np.ndarray] = {}
    for node in reversed(list(nodes(tree))):
        sums[id(node)] = np.sum([sums[id(part)] if isinstance(part, tuple) else products[:, part] for part in node], 0)
    partial = np.stack(list(sums.values())[::-1])
    whole = FORMATS[element.case.dtype].precision
    below = sizes(tree)
    kept = [found.bits_of((smallest(node), below[id(node)]), whole) for node in nodes(tree)]
    units = np.exp2(1.0 - np.array(kept))
    unit = units.min(initial=1.0)
    factor = 1 / 12 if found.rounding == "to nearest" else 1 / 3
    squares = factor * np.square(units[1:, None] * partial[1:]).sum(0)
    if found.products.startswith("rounded"):
        squares += unit**2 / 12 * np.square(products).sum(1)
    squares += max(FORMATS[dtype].eps, unit) ** 2 / 12 * np.square(partial[0])
    return float(np.sqrt(np.mean(squares / gauge**2)))

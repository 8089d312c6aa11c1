"""Integer arrays for a case. All elements differ, so that an element in the wrong place shows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from reference_impl.conformance.cases import Case


class Arrays(NamedTuple):
    """One problem's three arrays: the factors of the trilinear form."""

    input: np.ndarray
    filters: np.ndarray
    out_backprop: np.ndarray


def distinct_integers(sizes: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """1, 2, 3, ... in random order and with random signs, as int64."""
    random = np.random.default_rng(seed)
    count = int(np.prod(sizes))
    return ((random.permutation(count) + 1) * random.choice((-1, 1), count)).reshape(sizes)


def arrays_of(case: Case, seed: int = 0) -> Arrays:
    shapes = case.input_sizes, case.filter_sizes, case.output_shape
    return Arrays(*(distinct_integers(shape, seed + number) for number, shape in enumerate(shapes)))

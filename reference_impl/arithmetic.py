"""The dtype in which products are summed, so that integers and objects stay exact."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Arithmetic:
    """The dtype in which products are summed, and that of the result."""

    compute: np.dtype
    result: np.dtype


def arithmetic(left: np.ndarray, right: np.ndarray, terms: int, names: tuple[str, str]) -> Arithmetic:
    """How to sum `terms` products of two arrays.

    Floats of any width in float64. Integers exactly, as int64: by way of float64 (and so BLAS) where no sum
    can pass 2**53. Python int and Fraction objects exactly, as objects.
    """
    kinds = {left.dtype.kind, right.dtype.kind}
    float64, int64 = np.dtype(np.float64), np.dtype(np.int64)
    if "O" in kinds:
        if not kinds <= set("Obiu"):
            raise TypeError(
                f"{names[0]} and {names[1]} must both be exact when one holds objects; "
                f"not {left.dtype} and {right.dtype}"
            )
        return Arithmetic(np.dtype(object), np.dtype(object))
    if not kinds <= set("biu"):
        return Arithmetic(float64, float64)
    peaks = _largest_magnitude(left), _largest_magnitude(right)
    bound = terms * peaks[0] * peaks[1]
    if bound >= 2**63:
        raise ValueError(
            f"integer results must fit int64: {terms} terms of at most {peaks[0]} ({names[0]}) * {peaks[1]} "
            f"({names[1]}) could reach {bound} > {2**63 - 1}; use arrays of dtype object for exact Python integers"
        )
    return Arithmetic(float64 if bound <= 2**53 else int64, int64)


def _largest_magnitude(integers: np.ndarray) -> int:
    if integers.size == 0:
        return 0
    return max(abs(int(integers.min())), abs(int(integers.max())))

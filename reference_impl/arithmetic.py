"""The dtypes in which products are added, so that integers and objects stay exact."""

from __future__ import annotations

import numpy as np


def choose_dtypes(left: np.ndarray, right: np.ndarray, terms: int, names: tuple[str, str]) -> tuple[np.dtype, np.dtype]:
    """Choose the dtypes for sums of `terms` products, each of an element of `left` and one of `right`.

    Floats of any width are added in float64. Integers give int64, exactly: they are added in float64, which is
    faster, where no sum can pass 2**53, and else in int64. Python int and Fraction objects are added as objects.

    Parameters
    ----------
    left, right : arrays of supported dtypes
    terms : int
        The most products that one sum has.
    names : what messages call `left` and `right`

    Returns
    -------
    (dtype, dtype)
        The dtype of the sums, and that of the result.

    Raises
    ------
    TypeError
        If one array holds objects and the other floats.
    ValueError
        If a sum of integers could pass int64: terms * max|left| * max|right| >= 2**63.
    """
    kinds = {left.dtype.kind, right.dtype.kind}
    float64, int64 = np.dtype(np.float64), np.dtype(np.int64)
    if "O" in kinds:
        if not kinds <= set("Obiu"):
            raise TypeError(
                f"{names[0]} and {names[1]} must both be exact when one holds objects; "
                f"not {left.dtype} and {right.dtype}"
            )
        return np.dtype(object), np.dtype(object)
    if not kinds <= set("biu"):
        return float64, float64
    peaks = _largest_magnitude(left), _largest_magnitude(right)
    bound = terms * peaks[0] * peaks[1]
    if bound >= 2**63:
        raise ValueError(
            f"integer results must fit int64: {terms} terms of at most {peaks[0]} ({names[0]}) * {peaks[1]} "
            f"({names[1]}) could reach {bound} > {2**63 - 1}; use arrays of dtype object for exact Python integers"
        )
    return float64 if bound <= 2**53 else int64, int64


def _largest_magnitude(integers: np.ndarray) -> int:
    if integers.size == 0:
        return 0
    return max(abs(int(integers.min())), abs(int(integers.max())))

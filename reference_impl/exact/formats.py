"""The floating-point formats: their precision and range, and the NumPy dtype of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class FloatFormat:
    """A binary floating-point format: its numbers are +-significand * 2**exponent, 1 <= significand < 2.

    Parameters
    ----------
    precision : bits of the significand, the leading one included
    smallest_exponent, largest_exponent : of the normal numbers
        The subnormal numbers, with significands below 1, have the smallest exponent too.
    """

    precision: int
    smallest_exponent: int
    largest_exponent: int

    @property
    def eps(self) -> float:
        """Distance from 1 to the next number."""
        return 2.0 ** (1 - self.precision)

    @property
    def largest(self) -> float:
        return 2.0**self.largest_exponent * (2 - self.eps)

    @property
    def smallest_normal(self) -> float:
        return 2.0**self.smallest_exponent

    @property
    def smallest_subnormal(self) -> float:
        return self.smallest_normal * self.eps


# IEEE 754 binary16, 32 and 64; bfloat16 is binary32 cut to 8 bits of significand.
FORMATS = {
    "float16": FloatFormat(11, -14, 15),
    "bfloat16": FloatFormat(8, -126, 127),
    "float32": FloatFormat(24, -126, 127),
    "float64": FloatFormat(53, -1022, 1023),
}


def format_of(dtype: Any) -> np.dtype:
    """Return the NumPy dtype of one of FORMATS. Imports `ml_dtypes` for bfloat16 only."""
    # NumPy takes None for float64.
    name = dtype if isinstance(dtype, str) or dtype is None else np.dtype(dtype).name
    if name not in FORMATS:
        raise ValueError(f"dtype must be one of {', '.join(FORMATS)}; not {name!r}")
    if name == "bfloat16":
        from ml_dtypes import bfloat16

        return np.dtype(bfloat16)
    return np.dtype(name)

"""The floating-point formats: their precision and range, and the NumPy dtype of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class FloatFormat:
    """A binary floating-point format: eps = 2**-mantissa_bits, smallest subnormal and largest number."""

    mantissa_bits: int
    smallest_exponent: int
    largest: float

    @property
    def precision(self) -> int:
        """Bits of the significand, the leading one included."""
        return self.mantissa_bits + 1

    @property
    def least_exponent(self) -> int:
        """Exponent of the smallest subnormal."""
        return self.smallest_exponent - self.mantissa_bits

    @property
    def eps(self) -> float:
        return 2.0**-self.mantissa_bits

    @property
    def smallest_normal(self) -> float:
        return 2.0**self.smallest_exponent

    @property
    def smallest_subnormal(self) -> float:
        return 2.0**self.least_exponent


# IEEE 754 binary16, 32 and 64; bfloat16 is binary32 cut to 8 bits of significand.
FORMATS = {
    "float16": FloatFormat(10, -14, 65504.0),
    "bfloat16": FloatFormat(7, -126, 2.0**127 * (2 - 2.0**-7)),
    "float32": FloatFormat(23, -126, 2.0**127 * (2 - 2.0**-23)),
    "float64": FloatFormat(52, -1022, float(np.finfo(np.float64).max)),
}


def format_of(dtype: Any) -> np.dtype:
    """The dtype, one of FORMATS; `ml_dtypes` is imported for bfloat16 only."""
    name = dtype if isinstance(dtype, str) else np.dtype(dtype).name
    if name not in FORMATS:
        raise ValueError(f"dtype must be one of {', '.join(FORMATS)}; not {name!r}")
    if name == "bfloat16":
        from ml_dtypes import bfloat16

        return np.dtype(bfloat16)
    return np.dtype(name)

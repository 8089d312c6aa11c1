"""Arrays of any framework, read without importing it: through `__array__` or DLPack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import arguments
from ..exact.formats import FORMATS


@dataclass(frozen=True, eq=False)
class Given:
    """An array and the name of its dtype. The values of bfloat16 are held as float32, as NumPy has no bfloat16."""

    values: np.ndarray
    dtype: str

    @property
    def is_float(self) -> bool:
        return self.dtype in FORMATS

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape


def given(value: Any, name: str) -> Given:
    """Read an argument.

    Raises TypeError if it is no array of numbers, and ValueError if it has not four axes.
    """
    __tracebackhide__ = True
    array = read(value, name)
    if array.values.dtype.kind not in "biuf" or (array.values.dtype.kind == "f" and not array.is_float):
        kind = "" if hasattr(value, "dtype") else f", which a {type(value).__name__} gives"
        raise TypeError(f"{name} must hold integers, bool or {', '.join(FORMATS)}; not dtype {array.dtype}{kind}")
    return array


def read(value: Any, name: str) -> Given:
    """Read an array, of any dtype, without changing it. Raises TypeError if that cannot be done."""
    __tracebackhide__ = True
    arguments.refuse_masks(value, name, depth=0)
    try:
        return _read(value)
    except Exception as error:  # whatever a framework may raise
        raise TypeError(
            f"{name} must be an array, or a tensor with `__array__` or `__dlpack__` that can be read on the CPU; "
            f"{type(value).__name__} raised {type(error).__name__}: {error}"
        ) from error


def is_array(value: Any) -> bool:
    """True for what has a dtype and can be read as an array; False for lists, numbers and all else."""
    return hasattr(value, "dtype") and (hasattr(value, "__array__") or hasattr(value, "__dlpack__"))


def _read(value: Any) -> Given:
    if hasattr(value, "detach") and hasattr(value, "cpu"):  # a torch tensor, which may need a gradient
        value = value.detach().cpu()
        if str(value.dtype).endswith("bfloat16"):
            return Given(np.asarray(value.float()), "bfloat16")
    if hasattr(value, "__array__") or not hasattr(value, "__dlpack__"):
        array = np.asarray(value)
    else:
        array = np.from_dlpack(value)
    if array.dtype.kind in "iuf":
        if not array.dtype.isnative:
            array = array.astype(array.dtype.newbyteorder("="))
    elif array.dtype.name == "bfloat16":
        return Given(array.astype(np.float32), "bfloat16")
    return Given(array, array.dtype.name)

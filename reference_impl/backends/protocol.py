"""A backend: some of the four operations on NumPy arrays, and a declaration of what it can do."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from ..operations import OPERATIONS

# The end of an error message for users who pass a function where a backend is needed.
WRAP_A_FUNCTION = "to check a bare function, wrap it: types.SimpleNamespace(conv2d=f)"


@dataclass(frozen=True)
class Lack:
    """A kind of call that a backend does not offer. Such calls are reported as unsupported, not as failed.

    Parameters
    ----------
    reason : why, in a few words, as reports show it: "knows no dilations"
    applies : a function of (operation, case) that returns True for these calls. `operation` is "conv2d" or another of
        the four; `case` is a `Case`, with fields such as `strides`, `groups` and `dtype`.

    Examples
    --------
    >>> no_dilations = Lack("knows no dilations", lambda operation, case: case.dilations != (1, 1))
    """

    reason: str
    applies: Callable[[str, Any], bool]


# For frameworks that have padding, but none of the other options.
NO_STEPS_NOR_GROUPS = (
    Lack("knows no strides", lambda operation, case: case.strides != (1, 1)),
    Lack("knows no dilations", lambda operation, case: case.dilations != (1, 1)),
    Lack("knows no groups", lambda operation, case: case.groups > 1),
)


@dataclass(frozen=True)
class Capabilities:
    """A backend's declaration of what it can do. All that it does not declare as lacking must be right.

    Every field has a default. A backend that declares nothing offers the operations that it has, in float32 and
    float64, and must pass every check.

    Parameters
    ----------
    operations : names of the operations that it offers, out of the four
    dtypes : names of the dtypes of arguments that it takes
    result_dtypes : the dtype of its results, by the dtype of the arguments, where the two differ
    lacks : kinds of calls that it does not offer
    composed : a function of (operation, case) that says how the adapter composes a padding that the framework does not
        have; None where the framework has it. Results are counted apart, as composed and native.
    share : the part of the cases that it is given by default, from 0 to 1. Routes that compile every shape take less
        than 1; `--full` gives them all.
    flushes : dtypes in which it may take subnormal numbers for zero
    factor : the largest error allowed, in units of 16 * eps * gauge. Above 1 only for algorithms that are not a plain
        sum of the products: Winograd, FFT, TF32.
    planewise : True if its errors grow with the norms of whole planes, as in Winograd and FFT. The gauge is then made
        of these norms.
    citation : where it is written that the algorithm needs `factor` or `planewise`; required with either
    unclaimed : checks that it does not claim to pass: {name of the check: reason}. `verify --help` lists the names.
    same_bits_on_any_threads : True if it promises the same bits on any number of threads

    Raises
    ------
    ValueError
        If `factor` is above 1, or `planewise` is True, without a `citation`.
    """

    operations: tuple[str, ...] = OPERATIONS
    dtypes: tuple[str, ...] = ("float32", "float64")
    result_dtypes: Mapping[str, str] = field(default_factory=dict)
    lacks: tuple[Lack, ...] = ()
    composed: Callable[[str, Any], str | None] = lambda operation, case: None
    share: float = 1.0
    flushes: tuple[str, ...] = ()
    factor: float = 1.0
    planewise: bool = False
    citation: str | None = None
    unclaimed: Mapping[str, str] = field(default_factory=dict)
    same_bits_on_any_threads: bool = False

    def __post_init__(self) -> None:
        if not self.plain_sum and not self.citation:
            raise ValueError(
                "a factor above 1, or planewise, must come with a citation; "
                f"factor is {self.factor}, planewise {self.planewise}"
            )

    @property
    def plain_sum(self) -> bool:
        """True if it claims to add the products of the definition, in its dtype: then it is exact on integers."""
        return self.factor <= 1 and not self.planewise

    def unsupported(self, operation: str, case: Any) -> str | None:
        """Return why `operation` on `case` is declared unsupported, or None if it is not."""
        if operation not in self.operations:
            return f"offers no {operation}"
        if case.dtype not in self.dtypes:
            return f"offers no {case.dtype}"
        for lack in self.lacks:
            if lack.applies(operation, case):
                return lack.reason
        return None

    def result_dtype(self, dtype: str) -> str:
        """Return the dtype of results for arguments of `dtype`."""
        return self.result_dtypes.get(dtype, dtype)


@runtime_checkable
class Backend(Protocol):
    """An object that is checked. Beside these attributes it has the operations that its capabilities name.

    The operations have the signatures of `reference_impl`: NumPy arrays in and out, NHWC and HWIO, options by keyword.
    It may have an attribute `facts`, a dict. The expressions in known_failures/ can use these facts to say where it
    fails.
    """

    name: str
    version: str
    capabilities: Capabilities


def takes_bias(backend: Any) -> bool:
    """True if `conv2d` of a backend has a parameter `bias`. It must then add it to each output channel."""
    try:
        return "bias" in inspect.signature(backend.conv2d).parameters
    except (AttributeError, TypeError, ValueError):  # it has no conv2d, or none in Python
        return False

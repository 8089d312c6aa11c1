"""What a backend is: some of the four operations on NumPy arrays, and a declaration of what it can do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from ..operations import OPERATIONS

# To those who hand over what is no backend yet.
OF_A_FUNCTION = "of a function, types.SimpleNamespace(conv2d=function) makes one"


@dataclass(frozen=True)
class Lack:
    """Something that a backend does not offer: `applies(operation, case)` says where, `reason` why."""

    reason: str
    applies: Callable[[str, Any], bool]


# Of frameworks that have nothing but padding.
NO_STEPS_NOR_GROUPS = (
    Lack("knows no strides", lambda operation, case: case.strides != (1, 1)),
    Lack("knows no dilations", lambda operation, case: case.dilations != (1, 1)),
    Lack("knows no groups", lambda operation, case: case.groups > 1),
)


@dataclass(frozen=True)
class Capabilities:
    """What a backend declares. What it does not declare lacking, it must do right.

    Parameters
    ----------
    operations : those of the four that it offers
    dtypes : names of the dtypes that it takes
    result_dtypes : the dtype of its results where that is not the arguments'
    lacks : cases that it does not offer
    composed : (operation, case) -> how the adapter composes what the framework has no mode for, or None
        where the framework's own mode is called ("native").
    factor, citation : how many times 16 eps * gauge its answers may be from the exact ones, above 1 for an algorithm
        that is no plain sum of the products (Winograd, FFT, TF32), and what says so
    planewise : whether its errors follow the norms of whole planes, not the products that an element sums (Winograd,
        FFT); the gauge is then made of these norms. A citation must say so too.
    flushes : dtypes in which it may take subnormal products and sums for zero
    unclaimed : checks that it does not claim to pass (checks.py, isolation/claims.py), each with the reason
    same_bits_on_any_threads : whether it promises the same bits on any number of threads
    share : the part of the cases that it is given by default, below 1 for routes that compile for every shape
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
        """Whether it claims to add the products of the definition, in its dtype: then it is exact on integers."""
        return self.factor <= 1 and not self.planewise

    def unsupported(self, operation: str, case: Any) -> str | None:
        """Why `operation` on `case` is declared unsupported, or None."""
        if operation not in self.operations:
            return f"offers no {operation}"
        if case.dtype not in self.dtypes:
            return f"offers no {case.dtype}"
        for lack in self.lacks:
            if lack.applies(operation, case):
                return lack.reason
        return None

    def result_dtype(self, dtype: str) -> str:
        return self.result_dtypes.get(dtype, dtype)


@runtime_checkable
class Backend(Protocol):
    """A subject. It also has those of the four operations that its capabilities name, with the signatures of
    `reference_impl`: NumPy arrays in and out, NHWC and HWIO, options by keyword. An attribute `facts`, a dict, may say
    what else decides where it fails, for the expressions in known_failures/."""

    name: str
    version: str
    capabilities: Capabilities

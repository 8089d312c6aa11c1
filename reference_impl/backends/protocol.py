"""A backend: some of the four operations on NumPy arrays, and a declaration of what it can do."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np

from ..cases.case import DTYPES, Case
from ..operations import OPERATIONS
from . import checked
from .promises import PROMISES

# The names of the checks that `unclaimed` may hold. `tests/backends/test_protocol.py` compares them with the checks.
UNCLAIMABLE = (
    "shape_and_dtype",
    "exact",
    "inputs_unchanged",
    "repeatable",
    "remembers_nothing",
    "rounded",
    "any_memory_layout",
    "shared_arguments",
    "other_options",
    "dirty_memory",
    "many_calls",
    "two_threads",
    "wide_sums",
    "bias",
    "special_values",
    "zero_sums",
    "batch_invariant",
    "steady_memory",
    "refuses_invalid_calls",
    "thread_counts",
    "prints_nothing",
)
# Further dtypes that results may have, beside those of the arguments.
_RESULT_DTYPES = (*DTYPES, "uint16", "uint32", "uint64")

# The end of an error message for users who pass a function where a backend is needed.
WRAP_A_FUNCTION = "to check a bare function, wrap it: types.SimpleNamespace(conv2d=f)"


@dataclass(frozen=True)
class Lack:
    """A kind of call that a backend does not offer. Such calls are reported as unsupported, not as failed.

    Parameters
    ----------
    reason : why, in a few words, as reports show it: "knows no dilations"
    applies : a function of (operation, case) that returns True for these calls, and False for others. `operation` is
        "conv2d" or another of the four; `case` is a `Case`, with fields such as `strides`, `groups` and `dtype`.

    Examples
    --------
    >>> no_dilations = Lack("knows no dilations", lambda operation, case: case.dilations != (1, 1))
    """

    reason: str
    applies: Callable[[str, Any], bool]

    def __post_init__(self) -> None:
        if not isinstance(self.reason, str):
            raise TypeError(f"reason of a Lack must be a string, as reports show it; not {self.reason!r}")
        if not self.reason.strip():
            raise ValueError(f"reason of a Lack must say why, in a few words; not {self.reason!r}")
        if not callable(self.applies):
            raise TypeError(
                f"applies of the Lack {self.reason!r} must be a function of (operation, case); not {self.applies!r}"
            )

    def holds(self, operation: str, case: Case) -> bool:
        """Return True if the backend does not offer this call. Raises Misdeclared if `applies` does not say it."""
        found = _asked(f"the lack {self.reason!r}", self.applies, operation, case)
        if not isinstance(found, bool | np.bool_):
            raise Misdeclared(
                f"the lack {self.reason!r} must return True or False; for {operation} on {case} it returned {found!r}"
            )
        return bool(found)


class Misdeclared(ValueError):
    """A function of a declaration raised an error, or returned what it must not."""


def _asked(name: str, function: Callable[[str, Any], Any], operation: str, case: Case) -> Any:
    """Ask a function of a declaration about a call."""
    try:
        return function(operation, case)
    except (Exception, SystemExit) as error:  # it is a user's, and may raise anything
        raise Misdeclared(
            f"{name} must answer for every call; for {operation} on {case} it raised {type(error).__name__}: {error}"
        ) from error


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
    share : the part of the cases that it is given by default, above 0 and at most 1. Routes that compile every shape
        take less than 1; `--full` gives them all.
    flushes : dtypes in which it may take subnormal numbers for zero
    factor : the largest error allowed, in units of 16 * eps * gauge. Above 1 only for algorithms that are not a plain
        sum of the products: Winograd, FFT, TF32.
    planewise : True if its errors grow with the norms of whole planes, as in Winograd and FFT. The gauge is then made
        of these norms.
    citation : where it is written that the algorithm needs `factor` or `planewise`; required with either
    unclaimed : checks that it does not claim to pass: {name of the check: reason}. `verify --help` lists the names.
    same_bits_on_any_threads : True if it promises the same bits on any number of threads
    made_for : specs of cases that it was made for. They are asked first, then each with one option changed at a time.
    requires : promises that it is held to, where whole backends are checked: deterministic, batch-invariant,
        layout-invariant, thread-invariant (docs/passport.md)

    `operations`, `dtypes`, `lacks` and `flushes` may be tuples, lists or sets.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as said here: a name is unknown, `operations` or `dtypes` is empty, a number is out of its
        range, or `factor` is above 1, or `planewise` is True, without a `citation`.
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
    made_for: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        put = object.__setattr__  # the dataclass is frozen
        put(self, "operations", checked.names("operations", self.operations, OPERATIONS))
        put(self, "dtypes", checked.names("dtypes", self.dtypes, DTYPES))
        put(self, "flushes", checked.names("flushes", self.flushes, DTYPES, empty=True))
        put(self, "requires", checked.names("requires", self.requires, tuple(PROMISES), empty=True))
        put(self, "lacks", _lacks(self.lacks))
        put(self, "made_for", _specs(self.made_for))
        for dtype, result in checked.mapping("result_dtypes", self.result_dtypes, '{"int8": "int32"}').items():
            checked.name("result_dtypes", dtype, DTYPES)
            checked.name(f"result_dtypes[{dtype!r}]", result, _RESULT_DTYPES)
        for check, reason in checked.mapping("unclaimed", self.unclaimed, '{"special_values": "why"}').items():
            checked.name("unclaimed", check, UNCLAIMABLE)
            if not isinstance(reason, str) or not reason.strip():
                raise TypeError(f"unclaimed[{check!r}] must say why, in a string; not {reason!r}")
        if not callable(self.composed):
            raise TypeError(f"composed must be a function of (operation, case); not {self.composed!r}")
        if not 0 < checked.number("share", self.share) <= 1:
            raise ValueError(f"share must be above 0 and at most 1; not {self.share!r}")
        if not 0 < checked.number("factor", self.factor) < math.inf:
            raise ValueError(f"factor must be finite, and above 0; not {self.factor!r}")
        for name in ("planewise", "same_bits_on_any_threads"):
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"{name} must be True or False; not {getattr(self, name)!r}")
        if self.citation is not None and not isinstance(self.citation, str):
            raise TypeError(f"citation must be a string; not {self.citation!r}")
        if not self.plain_sum and not self.citation:
            raise ValueError(
                "a factor above 1, or planewise, must come with a citation; "
                f"factor is {self.factor}, planewise {self.planewise}"
            )

    @property
    def plain_sum(self) -> bool:
        """True if it claims to add the products of the definition, in its dtype: then it is exact on integers."""
        return self.factor <= 1 and not self.planewise

    def unsupported(self, operation: str, case: Case) -> str | None:
        """Return why `operation` on `case` is declared unsupported, or None if it is not. Raises Misdeclared."""
        if operation not in self.operations:
            return f"offers no {operation}"
        if case.dtype not in self.dtypes:
            return f"offers no {case.dtype}"
        for lack in self.lacks:
            if lack.holds(operation, case):
                return lack.reason
        return None

    def supports(self, operation: str, case: Case) -> bool:
        """Return True if a call is not declared unsupported. A call on which the declaration fails is to be judged."""
        try:
            return self.unsupported(operation, case) is None
        except Misdeclared:
            return True

    def supported(self, operation: str, cases: Iterable[Case]) -> list[Case]:
        """Return the cases on which `operation` is supported."""
        return [case for case in cases if self.supports(operation, case)]

    def composition(self, operation: str, case: Case) -> str | None:
        """Return how the adapter composes a call, or None if it does not. Raises Misdeclared."""
        found = _asked("composed", self.composed, operation, case)
        if found is not None and not isinstance(found, str):
            raise Misdeclared(f"composed must return a string or None; for {operation} on {case} it returned {found!r}")
        return found

    def result_dtype(self, dtype: str) -> str:
        """Return the dtype of results for arguments of `dtype`."""
        return self.result_dtypes.get(dtype, dtype)


def _specs(given: Any) -> tuple[str, ...]:
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise TypeError(f'made_for must be a tuple of specs, as ("n1_h5w7c2_k3x2o4",); not {given!r}')
    return tuple(str(Case.parse(spec)) for spec in given)


def _lacks(given: Any) -> tuple[Lack, ...]:
    if isinstance(given, Lack | str | Mapping) or not isinstance(given, Iterable):
        raise TypeError(f"lacks must be a tuple of Lack, as (Lack(reason, applies),); not {given!r}")
    lacks = tuple(given)
    for lack in lacks:
        if not isinstance(lack, Lack):
            raise TypeError(f"lacks must hold Lack(reason, applies) only; not {lack!r}")
    return lacks


@runtime_checkable
class Backend(Protocol):
    """An object that is checked. Beside these attributes it has the operations that its capabilities name.

    The operations have the signatures of `reference_impl`: NumPy arrays in and out, NHWC and HWIO, options by keyword.
    It may have an attribute `facts`, a dict. The expressions in known_failures/ can use these facts to say where it
    fails. It may have an attribute `not_here`: why this machine cannot run it, or None. `verify` and `sweep` say the
    reason, and leave the backend out.
    """

    name: str
    version: str
    capabilities: Capabilities


def takes_bias(backend: Any) -> tuple[str, ...]:
    """Return the operations of a backend that have a parameter `bias`.

    conv2d and conv2d_transpose must add it to each channel of the answer. conv2d_backprop_filter must, if it is True,
    return the gradient of the bias instead, of shape (O,).
    """
    return tuple(name for name in _TAKE_BIAS if _takes_bias(getattr(backend, name, None)))


_TAKE_BIAS = ("conv2d", "conv2d_backprop_filter", "conv2d_transpose")


def _takes_bias(function: Any) -> bool:
    try:
        return "bias" in inspect.signature(function).parameters
    except (TypeError, ValueError):  # it is none, or none in Python
        return False

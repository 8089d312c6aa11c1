"""Example: a tiny call on which a mistake shows, the right answer, and the wrong one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import product
from typing import Any

import numpy as np

from ..cases import catalogue
from ..cases.case import Case
from ..mistakes import NO_MISTAKE, Mistake
from ..verdicts.call import Call, array_shapes

# The simplest come first; a mistake is shown on the first one where it shows.
TINY = catalogue.read(str(files(__package__).joinpath("tiny.txt")))

Convert = Callable[[np.ndarray], np.ndarray]

_DIGITS = np.arange(1.0, 10)
# Name of the data -> their dtype, and the numbers that fill the two arrays, repeated as often as it takes.
KINDS: dict[str, tuple[str, np.ndarray, np.ndarray]] = {
    "": ("float32", _DIGITS, _DIGITS),
    "one array below 0": ("float32", _DIGITS, -_DIGITS),
    "large numbers": ("float32", 2048 + _DIGITS, 256 + _DIGITS),
    "beyond float32's bits": ("float64", 2**24 + _DIGITS, _DIGITS),
    "integers beyond float32's bits": ("int32", 2**24 + _DIGITS, _DIGITS),
    "small numbers": ("float32", _DIGITS * 1e-9, _DIGITS),
    "subnormal products": ("float32", _DIGITS * 1e-20, _DIGITS * 1e-20),
    "a NaN": ("float32", np.array([1, np.nan, 3]), _DIGITS),
    "an infinity": ("float32", np.array([1, np.inf, 3]), np.arange(3.0)),
    "an infinity and a zero": ("float32", np.arange(3.0), np.array([1, np.inf, 3])),
}
WAYS: dict[str, Convert] = {
    "": np.copy,
    "stored column by column": lambda array: np.array(array, order="F"),
    "reversed views": lambda array: array[:, :, ::-1].copy()[:, :, ::-1],
    "read-only": lambda array: np.frombuffer(array.tobytes(), array.dtype).reshape(array.shape),
}


@dataclass(frozen=True)
class Example:
    """A call on which a mistake shows.

    `how` names the data and the memory layout, "" for the usual ones. `what` names the thing observed, "" for the
    answer. `right` is what it should be, and `wrong` what it is.
    """

    call: Call
    how: str
    what: str
    right: Any
    wrong: Any


def example(mistake: Mistake) -> Example:
    """Return the first tiny call on which the mistake shows; if possible, one where its answer is not all zeros."""
    shown = None
    for found in _examples(mistake):
        shown = shown or found
        if found.how != shown.how:
            break
        if not (isinstance(found.wrong, np.ndarray) and found.right.any() and not found.wrong.any()):
            return found
    if shown is None:
        raise ValueError(f"tiny.txt must have a case that shows {mistake.name}")
    return shown


def _examples(mistake: Mistake) -> Iterator[Example]:
    for (kind, way), operation in product(product(KINDS, WAYS), mistake.operations):
        # Other data and layouts are for mistakes in numbers, memory or behaviour, which do not depend on sizes.
        for case in TINY if (kind, way) == ("", "") else TINY[:2]:
            call = tiny_call(case, operation, kind)
            pairs = zip(_right(case, operation, kind, way), observed(mistake, call, WAYS[way]), strict=False)
            for (what, right), (_, wrong) in pairs:
                if not _same(right, wrong):
                    yield Example(call, ", ".join(filter(None, (kind, way))), what, right, wrong)
                    break


@cache
def _right(case: Case, operation: str, kind: str, way: str) -> tuple[tuple[str, Any], ...]:
    """Observe a right backend: all of it on the first two cases, only the answer on others."""
    shown = observed(NO_MISTAKE, tiny_call(case, operation, kind), WAYS[way])
    return tuple(shown) if case in TINY[:2] else (next(shown),)


@cache
def tiny_call(case: Case, operation: str, kind: str) -> Call:
    dtype, *values = KINDS[kind]
    case = case.with_dtype(dtype)
    pairs = zip(array_shapes(case, operation).items(), values, strict=True)
    return Call(operation, case, {name: np.resize(these, shape).astype(dtype) for (name, shape), these in pairs})


def observed(mistake: Mistake, call: Call, convert: Convert) -> Iterator[tuple[str, Any]]:
    """Yield all that can be seen of a backend on a call, each thing with its name; the answer comes first."""
    backend, given = mistake.backend(), call.with_arrays(convert)
    yield "", _run(backend, given)
    for name, array in given.arrays.items():
        yield f"{name} afterwards", array.copy()
    yield "the same call again", _run(backend, given)
    yield (
        "then, with 1 added to every element",
        _run(backend, given.with_arrays(lambda array: array + array.dtype.type(1))),
    )


def _run(backend: Any, call: Call) -> Any:
    try:
        answer = call.run(backend)
    except ValueError as error:  # here the error is what shows of a mistake
        return f"{type(error).__name__}: {error}"
    return answer.copy() if isinstance(answer, np.ndarray) else answer


def _same(right: Any, wrong: Any) -> bool:
    if not isinstance(wrong, np.ndarray) or right.shape != wrong.shape or right.dtype != wrong.dtype:
        return False
    return np.array_equal(right, wrong, equal_nan=right.dtype.kind == "f")

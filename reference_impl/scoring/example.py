"""Example: a tiny call on which a mistake shows, the right answer, and the wrong one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib.resources import files
from itertools import islice, product
from typing import Any

import numpy as np

from ..cases import catalogue
from ..cases.case import Case
from ..mistakes import NO_MISTAKE, Mistake
from ..verdicts.call import Call, array_shapes
from ..verdicts.making_calls import answers_of
from ..verdicts.shared_arguments import overlapping

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
    "integers beyond float64's bits": ("int64", 2**53 + np.arange(1, 10), np.arange(1, 10)),
    "more bits than float16 has": ("float16", np.array([1025.0, 2, 1025]), np.array([3.0, 1, 3])),
    "an infinity and a zero": ("float32", np.arange(3.0), np.array([1, np.inf, 3])),
}
WAYS: dict[str, Convert] = {
    "": np.copy,
    "stored column by column": lambda array: np.array(array, order="F"),
    "reversed views": lambda array: array[:, :, ::-1].copy()[:, :, ::-1],
    "read-only": lambda array: np.frombuffer(array.tobytes(), array.dtype).reshape(array.shape),
    "cut out of larger arrays": lambda array: np.pad(array, [(0, 0)] * 3 + [(0, 2)], constant_values=7)[..., :-2],
    "with the first column repeated by a stride of 0": lambda array: np.broadcast_to(array[:, :, :1], array.shape),
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
            # Later calls show nothing more of a pure mistake.
            for (what, right), (_, wrong) in islice(pairs, 1) if mistake.pure else pairs:
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

    def more(number: int) -> Call:
        return given.with_arrays(lambda array: array + array.dtype.type(number))

    yield "", _run(backend, given)
    for name, array in given.arrays.items():
        yield f"{name} afterwards", array.copy()
    yield "the same call again", _run(backend, given)
    yield "then, with 1 added to every element", _run(backend, more(1))
    if (convert, call.case) != (np.copy, TINY[0]):
        return
    yield "then, with its arguments in one memory", _run(backend, overlapping(call, 0).call)
    held = _run(backend, given, hold=True)
    for number in (1, 2):
        _run(backend, more(number))
    yield "the first of three answers, after the third", np.copy(held)
    for _ in range(10):
        answer = _run(backend, given)
    yield "the same call, ten more times", answer
    yield from _in_turn(mistake, call)


def _in_turn(mistake: Mistake, call: Call) -> Iterator[tuple[str, Any]]:
    """Yield what can be seen of fresh backends after another call, or during one."""
    for said, before, then in _pairs(call):
        backend = mistake.backend()
        _run(backend, before.with_arrays(np.copy))
        yield said, _run(backend, then.with_arrays(np.copy))
    backend = mistake.backend()
    answers = answers_of([partial(_run, backend, call.with_arrays(np.copy)) for _ in range(2)], threads=2)
    yield "in two threads at once", answers[0]


def _pairs(call: Call) -> Iterator[tuple[str, Call, Call]]:
    """Yield two calls that a plan or a workspace may mistake for one another, with what they are."""
    case, outputs = call.case, call.case.output_shape[2]
    nan = call.with_arrays(lambda array: array * np.nan if array.dtype.kind == "f" else array)
    yield "after a call on NaN", nan, call
    yield "after a call on two images", tiny_call(replace(case, batch=2), call.operation, ""), call
    strided = replace(case, strides=(1, 2), padding=((0, 0), (0, outputs - 1)))
    yield "after a call of stride 2 on arrays of the same shapes", Call(call.operation, strided, call.arrays), call
    left, right = (tiny_call(replace(case, padding=((0, 0), pads)), call.operation, "") for pads in ((1, 0), (0, 1)))
    yield "with a column of zeros on the right, after one on the left", left, right


def _run(backend: Any, call: Call, *, hold: bool = False) -> Any:
    """Return a copy of the answer or, to `hold` it, the answer itself."""
    try:
        answer = call.run(backend)
    except ValueError as error:  # here the error is what shows of a mistake
        return f"{type(error).__name__}: {error}"
    return answer.copy() if isinstance(answer, np.ndarray) and not hold else answer


def _same(right: Any, wrong: Any) -> bool:
    if not isinstance(wrong, np.ndarray) or right.shape != wrong.shape or right.dtype != wrong.dtype:
        return False
    return np.array_equal(right, wrong, equal_nan=right.dtype.kind == "f")

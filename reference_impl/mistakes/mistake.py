"""Mistake, a known wrong convolution, and the two decorators that make one of a function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .. import __version__
from ..backends.protocol import Capabilities
from ..cases.case import DTYPES
from ..operations import OPERATIONS
from .altered_call import AlteredCall, NoAnswer

FAMILIES = ("padding", "strides", "flips", "axes", "sizes", "calls", "sums", "values", "behaviour", "state")

FORWARD = ("conv2d",)
FILTER_GRADIENT = ("conv2d_backprop_filter",)
INPUT_GRADIENTS = ("conv2d_backprop_input", "conv2d_transpose")

Answerer = Callable[[AlteredCall], Any]


@dataclass(frozen=True)
class Mistake:
    """A wrong convolution that somebody wrote, or may write.

    `does` and `right` are read by the author of a kernel that makes this mistake.

    Parameters
    ----------
    name : in words, with hyphens
    family : one of FAMILIES
    does : one sentence on the wrong convolution
    right : a sentence or two on TensorFlow and this oracle; mistakes of one kind share it, from `right.py`
    operations : those that it spoils; it answers the others rightly
    links : places where people made it
    answerer : makes a function that answers a call wrongly and remembers nothing yet
    pure : True if each answer follows from its call alone, not from earlier calls
    alter : for a pure mistake, the function of a call that alters it, or gives the wrong answer to it
    dtypes : those in which it shows; all, if empty
    """

    name: str
    family: str
    does: str
    right: str
    operations: tuple[str, ...]
    links: tuple[str, ...]
    answerer: Callable[[], Answerer]
    pure: bool = False
    dtypes: tuple[str, ...] = ()
    alter: Callable[[AlteredCall], AlteredCall | np.ndarray] | None = None

    def backend(self) -> Planted:
        """Return a fresh backend that makes this mistake."""
        return Planted(self)


class Planted:
    """A backend that makes one mistake. It answers in the dtype of its arguments, unless that is the mistake."""

    version = __version__
    capabilities = Capabilities(dtypes=DTYPES)

    def __init__(self, mistake: Mistake) -> None:
        self.name = mistake.name
        self._wrong = mistake.operations
        self._answer = mistake.answerer()

    def conv2d(self, input: np.ndarray, filters: np.ndarray, **options: Any) -> Any:
        return self._ask("conv2d", {"input": input, "filters": filters}, input.shape, filters.shape, options)

    def conv2d_backprop_input(
        self, input_sizes: Any, filters: np.ndarray, out_backprop: np.ndarray, **options: Any
    ) -> Any:
        arrays = {"filters": filters, "output": out_backprop}
        return self._ask("conv2d_backprop_input", arrays, input_sizes, filters.shape, options)

    def conv2d_backprop_filter(
        self, input: np.ndarray, filter_sizes: Any, out_backprop: np.ndarray, **options: Any
    ) -> Any:
        arrays = {"input": input, "output": out_backprop}
        return self._ask("conv2d_backprop_filter", arrays, input.shape, filter_sizes, options)

    def conv2d_transpose(self, input: np.ndarray, filters: np.ndarray, output_shape: Any, **options: Any) -> Any:
        arrays = {"output": input, "filters": filters}
        return self._ask("conv2d_transpose", arrays, output_shape, filters.shape, options)

    def _ask(
        self, operation: str, arrays: dict[str, np.ndarray], input_sizes: Any, filter_sizes: Any, options: Any
    ) -> Any:
        call = AlteredCall.of(operation, arrays, input_sizes, filter_sizes, **options)
        return self._answer(call) if operation in self._wrong else call.cast(call.answer())


NO_MISTAKE = Mistake("none", "", "It makes no mistake.", "", (), (), lambda: lambda q: q.cast(q.answer()), pure=True)
"""The right convolution, in the form of a mistake."""


class Family:
    """The mistakes of one family, in the order in which they are written down."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.mistakes: list[Mistake] = []

    def mistake(
        self,
        does: str,
        right: str,
        operations: tuple[str, ...] = OPERATIONS,
        links: tuple[str, ...] = (),
        name: str = "",
        dtypes: tuple[str, ...] = (),
    ) -> Callable:
        """Turn a function that answers or alters a call into a mistake, named after it unless `name` is given."""

        def register(function: Callable[[AlteredCall], Any]) -> Callable:
            answerer, named = _of_altered(function), name or _in_words(function)
            about = does, right, operations, links, answerer
            self.mistakes.append(Mistake(named, self.name, *about, pure=True, dtypes=dtypes, alter=function))
            return function

        return register

    def behaviour(
        self, does: str, right: str, operations: tuple[str, ...] = OPERATIONS, links: tuple[str, ...] = ()
    ) -> Callable:
        """Turn a function that makes an `Answerer` into a mistake, named after it.

        An Answerer may remember earlier calls, and may answer in any dtype or form.
        """

        def register(make: Callable[[], Answerer]) -> Callable:
            self.mistakes.append(Mistake(_in_words(make), self.name, does, right, operations, links, make))
            return make

        return register


def _of_altered(alter: Callable[[AlteredCall], Any]) -> Callable[[], Answerer]:
    def answer(call: AlteredCall) -> np.ndarray:
        found = alter(call)
        return call.cast(found.answer() if isinstance(found, AlteredCall) else found)

    return lambda: answer


def along_one_axis(mistake: Mistake, axis: int) -> Mistake:
    """Return the mistake as it is where it is made along one axis alone: 0 for the height, 1 for the width.

    It has no answer if the mistake alters more than the two slides.
    """

    def alter(q: AlteredCall) -> AlteredCall:
        altered = _altered(mistake, q)
        return altered.sliding(*(altered.slides[i] if i == axis else q.slides[i] for i in (0, 1)))

    return replace(mistake, alter=alter, answerer=_of_altered(alter))


def after(first: Mistake, second: Mistake) -> Mistake:
    """Return both mistakes at once, under the name of the second: it alters what the first has altered."""

    def alter(q: AlteredCall) -> AlteredCall | np.ndarray:
        if second.alter is None:
            raise NoAnswer(f"{second.name} remembers earlier calls")
        return second.alter(_altered(first, q))

    return replace(second, alter=alter, answerer=_of_altered(alter))


def _altered(mistake: Mistake, q: AlteredCall) -> AlteredCall:
    altered = mistake.alter(q) if mistake.alter is not None else None
    if not isinstance(altered, AlteredCall):
        raise NoAnswer(f"{mistake.name} does not alter calls")
    return altered


def _in_words(function: Callable) -> str:
    """Return the function's name with hyphens."""
    return function.__name__.replace("_", "-")

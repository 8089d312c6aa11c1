"""Mistake: a known wrong convolution; and the two decorators that make one of a function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import __version__
from ..backends.protocol import Capabilities
from ..cases.case import DTYPES
from ..operations import OPERATIONS
from .altered_call import AlteredCall

FAMILIES = ("padding", "strides", "flips", "axes", "sizes", "calls", "sums", "values", "behaviour")

FORWARD = ("conv2d",)
FILTER_GRADIENT = ("conv2d_backprop_filter",)
INPUT_GRADIENTS = ("conv2d_backprop_input", "conv2d_transpose")

Answerer = Callable[[AlteredCall], Any]


@dataclass(frozen=True)
class Mistake:
    """A wrong convolution that somebody wrote, or would.

    Parameters
    ----------
    name : in words, with hyphens
    family : one of FAMILIES
    sentence : what it does and what TensorFlow and this oracle do, as told to the author of a kernel that does it
    operations : those that it spoils; it answers the others rightly
    links : where people made it
    answerer : makes a function that answers a call wrongly; a fresh one has no memory
    pure : whether what it does follows from the call alone, and not from those before
    """

    name: str
    family: str
    sentence: str
    operations: tuple[str, ...]
    links: tuple[str, ...]
    answerer: Callable[[], Answerer]
    pure: bool = False

    def backend(self) -> Planted:
        """A fresh backend that makes this mistake."""
        return Planted(self)


class Planted:
    """A backend that makes one mistake, and answers in the dtype of its arguments unless that is the mistake."""

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

    def _ask(self, operation: str, arrays: dict[str, np.ndarray], *sizes_and_options: Any) -> Any:
        *sizes, options = sizes_and_options
        call = AlteredCall.of(operation, arrays, *sizes, **options)
        return self._answer(call) if operation in self._wrong else call.cast(call.answer())


RIGHT = Mistake("none", "", "It makes no mistake.", (), (), lambda: lambda q: q.cast(q.answer()), pure=True)


class Family:
    """The mistakes of one family, in the order in which they are written down."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.mistakes: list[Mistake] = []

    def mistake(
        self, sentence: str, operations: tuple[str, ...] = OPERATIONS, links: tuple[str, ...] = (), name: str = ""
    ) -> Callable:
        """Of a function that answers a call, or changes it: the mistake of its name."""

        def register(function: Callable[[AlteredCall], Any]) -> Callable:
            def answer(call: AlteredCall) -> np.ndarray:
                found = function(call)
                return call.cast(found.answer() if isinstance(found, AlteredCall) else found)

            self._add(name or function.__name__, sentence, operations, links, lambda: answer, pure=True)
            return function

        return register

    def behaviour(
        self, sentence: str, operations: tuple[str, ...] = OPERATIONS, links: tuple[str, ...] = ()
    ) -> Callable:
        """Of a function that makes an `Answerer`, which may remember, and gives its answer as it is."""

        def register(make: Callable[[], Answerer]) -> Callable:
            self._add(make.__name__, sentence, operations, links, make, pure=False)
            return make

        return register

    def _add(
        self, name: str, sentence: str, operations: tuple[str, ...], links: tuple[str, ...], make: Any, *, pure: bool
    ) -> None:
        self.mistakes.append(Mistake(name.replace("_", "-"), self.name, sentence, operations, links, make, pure))

"""Request: calls that the process of a backend is asked to make in one go."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ...cases.case import Case
from .shared_memory import span

OneCall = tuple[str, tuple, dict[str, Any]]
"""An operation, its positional arguments and its options."""
_ORDINALS = ("first argument", "second argument", "third argument")
_LONG = 3600.0  # seconds: the process has a limit of its own


@dataclass(frozen=True, eq=False)
class Request:
    """Calls to make in one go.

    Parameters
    ----------
    name : the backend
    calls : they are made in turn or, with several `threads`, as many at once
    fill : the size of a right answer, in bytes; 0 if a call is invalid, so that there is none
    repeat : make the one call so many times, for so many seconds at most
    may_damage : the calls are known to damage memory, so that a late death of the process is not looked into
    on_one_thread : the adapter may set the number of its framework's threads to one
    again : after the one call, make it so many times more, as `repeat` does, if it was quick
    """

    name: str
    calls: tuple[OneCall, ...]
    fill: int
    threads: int = 1
    repeat: tuple[int, float] | None = None
    may_damage: bool = False
    on_one_thread: bool = False
    again: tuple[int, float] | None = None

    @property
    def most_answers(self) -> int:
        return self.repeat[0] if self.repeat else len(self.calls) + (self.again[0] if self.again else 0)

    @cached_property
    def arrays(self) -> list[tuple[str, np.ndarray]]:
        """Each array among the arguments, once, with its name for messages."""
        found: dict[int, tuple[str, np.ndarray]] = {}
        for _, positional, options in self.calls:
            for word, value in (*zip(_ORDINALS, positional, strict=False), *options.items()):
                if isinstance(value, np.ndarray):
                    found.setdefault(id(value), (word, value))
        return list(found.values())

    def to_replay(self, answers: int | None = None) -> Request:
        """The same request with as many calls as it made: `answers` or, if that is not known, the most."""
        if self.repeat is None and self.again is None:
            return self
        return replace(self, repeat=(answers or self.most_answers, _LONG), again=None)

    @property
    def bytes(self) -> int:
        """Bytes that the arrays span."""
        return sum(span(array) for _, array in self.arrays)

    @property
    def operation(self) -> str:
        return self.calls[0][0]

    @cached_property
    def case(self) -> Case | None:
        """The case of the first call; None if it is invalid."""
        operation, positional, options = self.calls[0]
        try:
            return _case(operation, positional, options)
        except Exception:  # an invalid call may have any arguments
            return None

    def __str__(self) -> str:
        on = self.case or "invalid arguments"
        return f"{self.operation} on {on}" + (f" ({len(self.calls)} calls in one go)" if len(self.calls) > 1 else "")


def _case(operation: str, positional: tuple, options: dict[str, Any]) -> Case:
    first, second, *third = positional
    if operation == "conv2d":
        input_sizes, filter_sizes, array = first.shape, second.shape, first
    elif operation == "conv2d_backprop_input":
        input_sizes, filter_sizes, array = first, second.shape, second
    elif operation == "conv2d_backprop_filter":
        input_sizes, filter_sizes, array = first.shape, second, first
    else:
        input_sizes, filter_sizes, array = third[0], second.shape, first
    batch, height, width, channels = input_sizes
    kernel, output_channels = tuple(filter_sizes[:2]), filter_sizes[3]
    given = {name: value for name, value in options.items() if name != "bias"}
    return Case(batch, height, width, channels, kernel, output_channels, dtype=array.dtype.name, **given)

"""A backend from functions on NCHW and OIHW arrays."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ...operations import OPERATIONS
from ..protocol import Capabilities


class _FromNCHW:
    def __init__(self, functions: dict[str, Callable], name: str, version: str, capabilities: Capabilities) -> None:
        self.name, self.version, self.capabilities = name, version, capabilities
        for operation, function in functions.items():
            setattr(self, operation, _in_nhwc(operation, function))


def from_nchw(
    *, name: str = "", version: str = "unversioned", capabilities: Capabilities | None = None, **functions: Callable
) -> _FromNCHW:
    """Return a backend that calls functions on NCHW images and OIHW filters, as NumPy arrays, contiguous or not.

    Parameters
    ----------
    functions : some of the four operations by name, with the signatures of `reference_impl`, but in this layout:
        `input_sizes`, `filter_sizes` and `output_shape` too
    name, version : shown in reports; the default name is the first function's
    capabilities : what the functions lack; by default nothing, in float32 and float64

    Raises
    ------
    ValueError
        If there is no function, or a name is not one of the four operations.
    """
    unknown = set(functions) - set(OPERATIONS)
    if unknown or not functions:
        raise ValueError(f"functions must be some of {', '.join(OPERATIONS)}; got {', '.join(functions) or 'none'}")
    operations = tuple(operation for operation in OPERATIONS if operation in functions)
    name = name or getattr(functions[operations[0]], "__name__", "from_nchw")
    return _FromNCHW(functions, name, version, capabilities or Capabilities(operations=operations))


# The axes in their new order: NHWC to NCHW and back, HWIO to OIHW and back.
_NCHW, _NHWC = (0, 3, 1, 2), (0, 2, 3, 1)
_OIHW, _HWIO = (3, 2, 0, 1), (2, 3, 1, 0)
# The arguments of each operation are like (images, filters, images). One of them may be sizes: its position.
_ARGUMENTS = (_NCHW, _OIHW, _NCHW)
_SIZES = {"conv2d_backprop_input": 0, "conv2d_backprop_filter": 1, "conv2d_transpose": 2}


def _in_nhwc(operation: str, function: Callable) -> Callable:
    number = 2 if operation == "conv2d" else 3

    @functools.wraps(function)
    def called(*arguments: Any, **options: Any) -> Any:
        if len(arguments) != number:
            raise TypeError(f"{operation} takes {number} arguments by position, {len(arguments)} given")
        with contextlib.ExitStack() as lent:
            moved = [
                _ordered(value, axes) if position == _SIZES.get(operation) else lent.enter_context(_lent(value, axes))
                for position, (value, axes) in enumerate(zip(arguments, _ARGUMENTS[:number], strict=True))
            ]
            answer = function(*moved, **options)
        return _moved(answer, _HWIO if operation == "conv2d_backprop_filter" else _NHWC)

    return called


def _ordered(sizes: Any, axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sizes[axis] for axis in axes)


@contextlib.contextmanager
def _lent(array: np.ndarray, axes: tuple[int, ...]) -> Iterator[np.ndarray]:
    """Lend the array with its axes moved. If it is contiguous, so is the copy that is lent; else a view is lent.

    If the function writes to the copy, that is written to the array too, so that the checks see it.
    """
    view = array.transpose(axes)
    if not array.flags.c_contiguous:
        yield view
        return
    lent = view.copy()
    lent.flags.writeable = array.flags.writeable
    yield lent
    if array.flags.writeable:
        view[...] = lent


def _moved(answer: Any, axes: tuple[int, ...]) -> Any:
    """Return the answer with its axes moved. A wrong kind of answer is left as it is: the checks say what is wrong."""
    return answer.transpose(axes) if isinstance(answer, np.ndarray) and answer.ndim == 4 else answer

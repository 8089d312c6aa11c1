"""Table: many calls as columns of numbers and words, on which conditions are evaluated at once."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..cases.case import DTYPES
from .judged_call import JudgedCall

# The parts of a case that are counted along height and along width.
AXES = ("height", "width")
ALONG_AXES = (
    "kernel",
    "stride",
    "dilation",
    "input",
    "output",
    "kernel extent",
    "padding",
    "leftover",
    "padded",
    "unread input",
    "halo",
)
WORDS = ("operation", "dtype", "padding", "route", "environment", "implementation")

# The numbers that a case is given by. Others follow from them.
COUNTED = (
    "batch",
    "input height",
    "input width",
    "input channels",
    "output channels",
    "kernel height",
    "kernel width",
    "stride height",
    "stride width",
    "dilation height",
    "dilation width",
    "groups",
    "top padding",
    "bottom padding",
    "left padding",
    "right padding",
)
_SIDES = {"height": ("top", "bottom"), "width": ("left", "right")}


@dataclass(frozen=True)
class Table:
    """Calls as columns: numbers of their cases, and words, by name.

    The number "kernel height or width" is the larger of the two, "kernel height and width" the smaller: that is at
    least 3 if the kernel's height and width are.
    """

    calls: np.ndarray
    numbers: dict[str, np.ndarray]
    words: dict[str, np.ndarray]

    @classmethod
    def of(cls, calls: Iterable[JudgedCall]) -> Table:
        calls = list(calls)
        rows = np.array([_row(call) for call in calls], np.int32).reshape(len(calls), len(COUNTED))
        numbers = dict(zip(COUNTED, rows.T.copy(), strict=True))
        numbers |= _derived(numbers)
        words = zip(*map(_words, calls), strict=True) if calls else ((),) * len(WORDS)
        columns = {name: np.array(column, str) for name, column in zip(WORDS, words, strict=True)}
        numbers |= _of_words(numbers, columns)
        array = np.empty(len(calls), object)
        array[:] = calls
        return cls(array, numbers, columns)

    def __len__(self) -> int:
        return len(self.calls)

    def everywhere(self) -> np.ndarray:
        """Return a mask that is True for each call."""
        return np.ones(len(self), bool)

    def rows(self, where: np.ndarray) -> Table:
        """Return some rows, by a mask or by their numbers."""
        where = np.flatnonzero(where) if where.dtype == bool else where
        return Table(
            self.calls[where],
            {name: column[where] for name, column in self.numbers.items()},
            {name: column[where] for name, column in self.words.items()},
        )

    def followed_by(self, other: Table) -> Table:
        return Table(
            np.concatenate([self.calls, other.calls]),
            {name: np.concatenate([column, other.numbers[name]]) for name, column in self.numbers.items()},
            {name: np.concatenate([column, other.words[name]]) for name, column in self.words.items()},
        )

    def sizes(self) -> np.ndarray:
        """Return a number for each call, smaller for simpler: its options and sizes, then its elements."""
        options = ("stride height", "stride width", "dilation height", "dilation width", "groups")
        sizes = ("batch", "input height", "input width", "input channels", "output channels")
        pads = [f"{side} padding" for sides in _SIDES.values() for side in sides]
        total = sum(self.numbers[name] for name in (*options, *sizes, "kernel height", "kernel width", *pads))
        elements = self.numbers["batch"] * self.numbers["input height"] * self.numbers["input width"]
        return total + np.minimum(elements / 2**40, 0.99)


def _row(call: JudgedCall) -> tuple[int, ...]:
    case = call.case
    return (
        case.batch,
        case.height,
        case.width,
        case.input_channels,
        case.output_channels,
        *case.kernel_size,
        *case.strides,
        *case.dilations,
        case.groups,
        *(pad for pads in case.convolution.padding for pad in pads),
    )


def _words(call: JudgedCall) -> tuple[str, ...]:
    case = call.case
    words = call.operation, case.dtype, case.padding_mode, call.route, call.environment
    return (*words, call.implementation or "")


def _derived(numbers: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the numbers that follow from the parts of a case."""
    found = {
        "channels per group": numbers["input channels"] // numbers["groups"],
        "output channels per group": numbers["output channels"] // numbers["groups"],
    }
    for axis in AXES:
        before, after = (numbers[f"{side} padding"] for side in _SIDES[axis])
        extent = (numbers[f"kernel {axis}"] - 1) * numbers[f"dilation {axis}"] + 1
        padded = numbers[f"input {axis}"] + before + after
        found |= {
            f"kernel extent {axis}": extent,
            f"padded {axis}": padded,
            f"padding {axis}": before + after,
            f"output {axis}": (padded - extent) // numbers[f"stride {axis}"] + 1,
            f"leftover {axis}": (leftover := (padded - extent) % numbers[f"stride {axis}"]),
            f"unread input {axis}": np.maximum(leftover - after, 0),
            f"halo {axis}": np.maximum(extent - numbers[f"stride {axis}"], 0),
        }
    for part in ALONG_AXES:
        both = [(numbers | found)[f"{part} {axis}"] for axis in AXES]
        found |= {f"{part} height or width": np.maximum(*both), f"{part} height and width": np.minimum(*both)}
    found["taps"] = numbers["kernel height"] * numbers["kernel width"]
    found["output positions"] = found["output height"] * found["output width"]
    found["output positions of all images"] = numbers["batch"] * found["output positions"]
    return found


# The bytes of an element.
_BYTES = {dtype: int(digits or 32) // 8 for dtype, digits in ((name, re.sub(r"\D", "", name)) for name in DTYPES)}


def _of_words(numbers: dict[str, np.ndarray], words: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the numbers that depend on the operation or the dtype."""
    by_operation = {
        "conv2d": numbers["taps"] * numbers["channels per group"],
        "conv2d_backprop_filter": numbers["output positions of all images"],
    }
    sums = numbers["taps"] * numbers["output channels per group"]  # those of both input gradients
    for operation, products in by_operation.items():
        sums = np.where(words["operation"] == operation, products, sums)
    sizes = np.array([_BYTES[dtype] for dtype in words["dtype"].tolist()], np.int64)
    pixels = numbers["input channels"] * sizes
    return {
        "products of each sum": sums,
        "bytes of a pixel": pixels,
        "bytes of a row": pixels * numbers["input width"],
    }

"""Snippet: code to paste that does one or more of the four operations; and the functions that write its calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..cases.case import Case

# The name that a snippet gives to the result of each operation.
RESULTS = {
    "conv2d": "output",
    "conv2d_backprop_input": "input_backprop",
    "conv2d_backprop_filter": "filters_backprop",
    "conv2d_transpose": "transposed",
}
GRADIENTS = ("conv2d_backprop_input", "conv2d_backprop_filter")
# One calculation under two names.
TRANSPOSE = ("conv2d_transpose", "conv2d_backprop_input")
TRANSPOSE_TITLE = "conv2d_transpose, the input's gradient"
FILTER = ("conv2d_backprop_filter",)
FILTER_TITLE = "filters' gradient"
NO_PADS = ((0, 0), (0, 0))

_LINE = 79

Pads = tuple[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True)
class Snippet:
    """Code that takes the NumPy arrays `input` and `out_backprop` (NHWC) and `filters` (HWIO), and sets `RESULTS`.

    `conv2d_transpose` takes `out_backprop`, which has the shape of its input. So its result is the input's gradient.
    """

    title: str
    operations: tuple[str, ...]
    code: str = ""
    remark: str = ""
    """A note to the reader on this code."""
    lack: str = ""
    """The reason why no code is shown. `code`, if there is any, is then refused or answered otherwise."""


def call(head: str, *arguments: str, tail: str = "", **options: Any) -> str:
    """Return `head(arguments, name=value)tail` without options of None, on one line if it fits, else on several."""
    words = [*arguments, *(f"{name}={_literal(value)}" for name, value in options.items() if value is not None)]
    line = f"{head}({', '.join(words)}){tail}"
    if len(line) <= _LINE:
        return line
    inside = "".join(f"    {word},\n" for word in words)
    return f"{head}(\n{inside}){tail}"


def pair(values: tuple[int, int], default: int) -> int | tuple[int, int] | None:
    """Return a (height, width) option as short as can be: None for the default, one number if both are the same."""
    if values == (default, default):
        return None
    return values[0] if values[0] == values[1] else values


def crop(case: Case, pads: Pads, axes: str = "NHWC") -> str:
    """Return the index that cuts the image out of an array with `pads` of zeros around it; "" if there are none.

    The array may be longer than that at its end.
    """
    kept = [
        f"{before or ''}:{before + size if after else ''}"
        for (before, after), size in zip(pads, (case.height, case.width), strict=True)
    ]
    if kept == [":", ":"]:
        return ""
    return f"[{', '.join(kept['HW'.index(axis)] if axis in 'HW' else ':' for axis in axes).removesuffix(', :')}]"


def size_remark(case: Case) -> str:
    """Return a warning if SAME is written in numbers, which another image size may not have; else ""."""
    if case.padding_mode in ("SAME", "SAME_LOWER") and case.strides != (1, 1) and case.convolution.padding != NO_PADS:
        return f"The zeros are those of {case.padding} for {case.height} x {case.width}; another size may need others."
    return ""


def _literal(value: Any) -> str:
    return repr(value).replace("'", '"')

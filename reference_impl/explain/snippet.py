"""Snippet: code to paste that does one or more of the four operations; and how its calls are written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..cases.case import Case

# The name under which a snippet leaves the result of each operation.
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
    """Code that takes the NumPy arrays `input` and `out_backprop` (NHWC) and `filters` (HWIO), and leaves `RESULTS`.

    `conv2d_transpose` is asked of `out_backprop`, which has the shape of its input: its result is the input's gradient.
    """

    title: str
    operations: tuple[str, ...]
    code: str = ""
    remark: str = ""
    """What the reader should know."""
    lack: str = ""
    """The reason why no code is shown. `code`, if there is any, is then refused or answered otherwise."""


def call(head: str, *arguments: str, tail: str = "", **options: Any) -> str:
    """`head(arguments, name=value)tail`, options of None left out: on one line if it fits, else an argument a line."""
    words = [*arguments, *(f"{name}={_literal(value)}" for name, value in options.items() if value is not None)]
    line = f"{head}({', '.join(words)}){tail}"
    if len(line) <= _LINE:
        return line
    inside = "".join(f"    {word},\n" for word in words)
    return f"{head}(\n{inside}){tail}"


def pair(values: tuple[int, int], default: int) -> int | tuple[int, int] | None:
    """A (height, width) option: None where it is the default, one number where both are the same."""
    if values == (default, default):
        return None
    return values[0] if values[0] == values[1] else values


def crop(case: Case, pads: Pads, axes: str = "NHWC") -> str:
    """The index that takes the image out of zeros of which there are `pads`, or more after it; empty without any."""
    kept = [
        f"{before or ''}:{before + size if after else ''}"
        for (before, after), size in zip(pads, (case.height, case.width), strict=True)
    ]
    if kept == [":", ":"]:
        return ""
    return f"[{', '.join(kept['HW'.index(axis)] if axis in 'HW' else ':' for axis in axes).removesuffix(', :')}]"


def size_remark(case: Case) -> str:
    """Said where SAME is written as numbers that another image size may not have."""
    if case.padding_mode in ("SAME", "SAME_LOWER") and case.strides != (1, 1) and case.convolution.padding != NO_PADS:
        return f"The zeros are those of {case.padding} for {case.height} x {case.width}: other sizes may take others."
    return ""


def _literal(value: Any) -> str:
    return repr(value).replace("'", '"')

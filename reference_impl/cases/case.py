"""Case: one convolution problem. Its spec of one line is its test id, its reproducer and its line in a file."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from math import prod
from typing import Any

from .. import arguments
from ..arguments import PADDING_WORDS, Padding
from ..geometry import Convolution

# The padding words, and EXPLICIT for pads in numbers.
PADDING_MODES = (*PADDING_WORDS, "EXPLICIT")
DTYPES = ("int8", "int16", "int32", "int64", "uint8", "float16", "bfloat16", "float32", "float64")

# Python refuses to read integers of thousands of digits.
_LONGEST_PART = 1000
_PARTS = {
    "n": (r"n([0-9]+)", "n<batch>"),
    "h": (r"h([0-9]+)w([0-9]+)c([0-9]+)", "h<height>w<width>c<input channels>"),
    "k": (r"k([0-9]+)(?:x([0-9]+))?o([0-9]+)", "k<kernel height>x<kernel width>o<output channels>"),
    "s": (r"s([0-9]+)(?:x([0-9]+))?", "s<stride height>x<stride width>"),
    "d": (r"d([0-9]+)(?:x([0-9]+))?", "d<dilation height>x<dilation width>"),
    "g": (r"g([0-9]+)", "g<groups>"),
    "p": (r"p([0-9]+),([0-9]+),([0-9]+),([0-9]+)", "p<top>,<bottom>,<left>,<right>"),
}


@dataclass(frozen=True)
class Case:
    """One *forward* convolution; all four operations are derived from it.

    Every `Case` can be run: one that is no convolution raises the ValueError of `conv2d`.
    """

    batch: int
    height: int
    width: int
    input_channels: int
    kernel_size: tuple[int, int]
    output_channels: int
    strides: tuple[int, int] = (1, 1)
    dilations: tuple[int, int] = (1, 1)
    groups: int = 1
    padding: Padding = "VALID"
    dtype: str = "float32"

    def __post_init__(self) -> None:
        if not isinstance(self.dtype, str) or self.dtype not in DTYPES:  # a NumPy dtype equals its name
            raise ValueError(f"dtype must be one of {', '.join(DTYPES)}; not {self.dtype!r}")
        for name in ("batch", "height", "width", "input_channels", "output_channels", "groups"):
            at_least = 1 if name == "groups" else 0
            object.__setattr__(self, name, arguments.integer(getattr(self, name), name, at_least=at_least))
        for name in ("kernel_size", "strides", "dilations"):
            object.__setattr__(self, name, arguments.pair(getattr(self, name), name))
        object.__setattr__(self, "padding", arguments.padding(self.padding))
        self.convolution  # noqa: B018  computed for its checks

    @cached_property
    def convolution(self) -> Convolution:
        """The sizes, with the padding resolved."""
        return Convolution.checked(
            (self.batch, self.height, self.width, self.input_channels),
            (*self.kernel_size, self.input_channels // self.groups, self.output_channels),
            self.strides,
            self.padding,
            self.dilations,
            self.groups,
        )

    @property
    def options(self) -> dict[str, Any]:
        """The keyword arguments that all four operations take."""
        return {
            "strides": self.strides,
            "padding": self.padding,
            "dilations": self.dilations,
            "groups": self.groups,
        }

    @property
    def input_sizes(self) -> tuple[int, int, int, int]:
        return self.convolution.input_sizes

    @property
    def filter_sizes(self) -> tuple[int, int, int, int]:
        return self.convolution.filter_sizes

    @property
    def output_shape(self) -> tuple[int, int, int, int]:
        return self.convolution.output_shape

    @property
    def padding_mode(self) -> str:
        """The padding word, or EXPLICIT."""
        return self.padding if isinstance(self.padding, str) else "EXPLICIT"

    @property
    def multiply_adds(self) -> int:
        """Number of products in all sums of the forward convolution, those with padding included."""
        return prod(self.output_shape) * self.convolution.terms("conv2d")

    def with_dtype(self, dtype: str) -> Case:
        return self if dtype == self.dtype else replace(self, dtype=dtype)

    def __str__(self) -> str:
        return self._spec

    @cached_property
    def _spec(self) -> str:
        (kh, kw), (sh, sw), (dh, dw) = self.kernel_size, self.strides, self.dilations
        parts = [f"n{self.batch}", f"h{self.height}w{self.width}c{self.input_channels}"]
        parts.append(f"k{kh}x{kw}o{self.output_channels}")
        if self.strides != (1, 1):
            parts.append(f"s{sh}x{sw}")
        if self.dilations != (1, 1):
            parts.append(f"d{dh}x{dw}")
        if self.groups != 1:
            parts.append(f"g{self.groups}")
        if not isinstance(self.padding, str):
            (top, bottom), (left, right) = self.padding
            parts.append(f"p{top},{bottom},{left},{right}")
        elif self.padding != "VALID":
            parts.append(self.padding)
        if self.dtype != "float32":
            parts.append(self.dtype)
        return "_".join(parts)

    def __repr__(self) -> str:
        return f"Case.parse({str(self)!r})"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Print the case as `repr` does: Hypothesis, in a failure, and IPython call this."""
        printer.text(repr(self))

    @classmethod
    def parse(cls, spec: str) -> Case:
        """The case that `spec` names: `n2_h8w11c3_k3x2o4_s3x2_d2x1_g1_SAME_float32`.

        The first three parts are required; parts equal to the default (s1x1, d1x1, g1, VALID, float32) may be
        left out; `k3`, `s2` and `d2` stand for both axes; explicit padding is `p1,2,0,3` = top, bottom, left,
        right. `Case.parse(str(case)) == case`.

        Raises
        ------
        TypeError
            If `spec` is not a string.
        ValueError
            If a part is unknown, repeated or missing (the message points at it), or the sizes do not fit.
        """
        if not isinstance(spec, str):
            raise TypeError(f"a case must be a string, not {spec!r} of type {type(spec).__name__}")
        return cls._parsed(spec)

    @classmethod
    @lru_cache(1 << 14)  # a run names each case thousands of times
    def _parsed(cls, spec: str) -> Case:
        found: dict[str, Any] = {}
        position = 0
        # SAME_LOWER is the only word that contains the separator.
        for part in re.split(r"_(?!LOWER)", spec):
            kind, value = _read_part(spec, part, position)
            if kind in found:
                raise _spec_error(spec, position, len(part), f"{part!r} gives the {kind} a second time")
            found[kind] = value
            position += len(part) + 1
        missing = [_PARTS[kind][1] for kind in "nhk" if kind not in found]
        if missing:
            raise _spec_error(spec, len(spec), 1, f"it ends without {' and '.join(missing)}")
        (n,), (h, w, c), (kh, kw, o) = found["n"], found["h"], found["k"]
        try:
            return cls(
                n,
                h,
                w,
                c,
                (kh, kw),
                o,
                found.get("s", (1, 1)),
                found.get("d", (1, 1)),
                found.get("g", (1,))[0],
                found.get("padding", "VALID"),
                found.get("dtype", "float32"),
            )
        except ValueError as error:
            raise ValueError(f"{spec} is no convolution: {error}") from None


def _read_part(spec: str, part: str, position: int) -> tuple[str, Any]:
    if part in PADDING_WORDS:
        return "padding", part
    if part in DTYPES:
        return "dtype", part
    pattern, form = _PARTS.get(part[:1], ("", ""))
    match = re.fullmatch(pattern, part) if pattern else None
    if match is None:
        known = form or f"{', '.join(form for _, form in _PARTS.values())}, {', '.join(PADDING_WORDS + DTYPES)}"
        raise _spec_error(spec, position, len(part), f"{part!r} should be {known}")
    if len(part) > _LONGEST_PART:
        raise _spec_error(spec, position, len(part), f"{part[:20]!r}... must have at most {_LONGEST_PART} characters")
    groups = match.groups()
    numbers = [int(groups[0])]
    for text in groups[1:]:
        numbers.append(int(text) if text is not None else numbers[0])
    if part[0] == "p":
        top, bottom, left, right = numbers
        return "padding", ((top, bottom), (left, right))
    return part[0], tuple(numbers)


def _spec_error(spec: str, position: int, length: int, reason: str) -> ValueError:
    pointer = " " * position + "^" * max(length, 1)
    return ValueError(f"cannot read the case: {reason}\n    {spec}\n    {pointer}")

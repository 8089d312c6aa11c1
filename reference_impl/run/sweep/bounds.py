"""Bounds: the values that each part of a case may have. All valid cases of these values are counted and numbered."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import accumulate, product

from ...arguments import PADDING_WORDS, Padding
from ...cases.case import Case
from ...geometry import Axis, padding_of

AxisSetting = tuple[int, int, int, int, tuple[int, int]]
"""Input size, kernel size, stride, dilation, and the pads where the padding is explicit."""
Channels = tuple[int, int, int]
"""Input channels, output channels, groups."""

# What the value of a key in a file of bounds must look like.
_FORMS = {
    "padding": (
        re.compile("|".join(PADDING_WORDS)),
        f"some of {', '.join(PADDING_WORDS)}, as in: padding = SAME VALID",
    ),
    "pads": (re.compile(r"[0-9]{1,6}\+[0-9]{1,6}"), "zeros before and after an axis, as in: pads = 1+0 2+2"),
}
_INTEGERS = (re.compile(r"[0-9]{1,6}(-[0-9]{1,6})?"), "integers or ranges, as in: 1 3-5 8")


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """The values that each part of a case may have.

    Parameters
    ----------
    batch, height, width, input_channels, output_channels, groups : the values of each
    kernel, strides, dilations : the values along either axis; height and width have every pair of them
    padding : padding words
    pads : explicit pads (before, after) along either axis; height and width have every pair of them
    """

    batch: tuple[int, ...]
    height: tuple[int, ...]
    width: tuple[int, ...]
    input_channels: tuple[int, ...]
    kernel: tuple[int, ...]
    output_channels: tuple[int, ...]
    strides: tuple[int, ...] = (1,)
    dilations: tuple[int, ...] = (1,)
    groups: tuple[int, ...] = (1,)
    padding: tuple[str, ...] = ("VALID",)
    pads: tuple[tuple[int, int], ...] = ()

    @classmethod
    def read(cls, text: str, file: str) -> Bounds:
        """Read lines of `key = values`; ` # ` starts a comment, and empty lines are ignored.

        Raises
        ------
        ValueError
            If a line is not of that form, or if no convolution is within the bounds. The message names file and line.
        """
        known = {field.name for field in fields(cls)}
        found: dict[str, tuple] = {}
        for number, line in enumerate(text.splitlines(), start=1):
            key, equals, values = line.partition("#")[0].partition("=")
            key, where = key.strip(), f"{file}:{number}"
            if not key and not equals:
                continue
            if not equals or key not in known:
                raise ValueError(
                    f"{where}: a line must be `key = values`, with a key of {', '.join(sorted(known))}; {line!r}"
                )
            if key in found:
                raise ValueError(f"{where}: each key must be given once; {key} is given again")
            found[key] = _values(key, values, where)
        missing = [field.name for field in fields(cls) if field.name not in found and field.default is not None]
        missing = [name for name in missing if name in _REQUIRED]
        if missing:
            raise ValueError(
                f"{file}: bounds must have a line for each of {', '.join(_REQUIRED)}; without {', '.join(missing)}"
            )
        if "pads" in found:
            found.setdefault("padding", ())
        bounds = cls(**found)
        if not bounds.count:
            raise ValueError(
                f"{file}: some convolution must be within the bounds; no kernel fits, or no groups divide the channels"
            )
        return bounds

    def axis_settings(self, sizes: tuple[int, ...], padding: str) -> list[AxisSetting]:
        """All valid settings of an axis with these input sizes, under a padding word or EXPLICIT."""
        pads = self.pads if padding == "EXPLICIT" else ((0, 0),)
        return [
            setting
            for setting in product(sizes, self.kernel, self.strides, self.dilations, pads)
            if _fits(setting, padding)
        ]

    @cached_property
    def channels(self) -> list[Channels]:
        every = product(self.input_channels, self.output_channels, self.groups)
        return [(i, o, g) for i, o, g in every if i % g == o % g == 0]

    @cached_property
    def _branches(self) -> list[tuple[str, list[AxisSetting], list[AxisSetting]]]:
        words = [*self.padding, *(["EXPLICIT"] if self.pads else [])]
        return [(word, self.axis_settings(self.height, word), self.axis_settings(self.width, word)) for word in words]

    @cached_property
    def _ends(self) -> list[int]:
        """The number of cases up to the end of each branch."""
        of_channels = len(self.channels) * len(self.batch)
        return list(accumulate(len(high) * len(wide) * of_channels for _, high, wide in self._branches))

    @property
    def count(self) -> int:
        """The number of cases."""
        return self._ends[-1] if self._ends else 0

    def case(self, number: int) -> Case:
        """Return the case of this number, below `count`. Neighbours share axes and padding."""
        branch = bisect_right(self._ends, number)
        word, high, wide = self._branches[branch]
        rest = number - (self._ends[branch - 1] if branch else 0)
        rest, batch = divmod(rest, len(self.batch))
        rest, channels = divmod(rest, len(self.channels))
        row, column = divmod(rest, len(wide))
        return _case(word, high[row], wide[column], self.channels[channels], self.batch[batch])

    def cases(self, start: int, stop: int) -> Iterator[Case]:
        """Yield the cases of these numbers."""
        return map(self.case, range(start, min(stop, self.count)))


_REQUIRED = ("batch", "height", "width", "input_channels", "kernel", "output_channels")


def _case(word: str, high: AxisSetting, wide: AxisSetting, channels: Channels, batch: int) -> Case:
    (height, *of_height, vertical), (width, *of_width, horizontal) = high, wide
    kernel, strides, dilations = zip(of_height, of_width, strict=True)
    inputs, outputs, groups = channels
    padding: Padding = (vertical, horizontal) if word == "EXPLICIT" else word
    return Case(batch, height, width, inputs, kernel, outputs, strides, dilations, groups, padding)


def _fits(setting: AxisSetting, padding: str) -> bool:
    size, kernel, stride, dilation, pads = setting
    extent = (kernel - 1) * dilation + 1
    before, after = pads if padding == "EXPLICIT" else padding_of(padding, size, extent, stride)
    try:
        Axis(size, kernel, stride, dilation, before, after)
    except ValueError:
        return False
    return True


def _values(key: str, text: str, where: str) -> tuple:
    form, said = _FORMS.get(key, _INTEGERS)
    words = text.replace(",", " ").split()
    for word in words:
        if not form.fullmatch(word):
            raise ValueError(f"{where}: {key} must be {said}; not {word!r}")
    if not words:
        raise ValueError(f"{where}: {key} must be {said}; it is empty")
    found: list = []
    for word in words:
        if key == "padding":
            found.append(word)
        elif key == "pads":
            found.append(tuple(map(int, word.split("+"))))
        else:
            low, _, high = word.partition("-")
            found += range(int(low), int(high or low) + 1)
    least = 0 if key in ("batch", "height", "width", "input_channels", "output_channels", "padding", "pads") else 1
    if key not in ("padding", "pads") and (not found or min(found) < least):
        raise ValueError(
            f"{where}: {key} must be integers of at least {least}, the lower end of a range first; {text.strip()!r}"
        )
    if len(set(found)) < len(found):
        raise ValueError(f"{where}: each value of {key} must be given once; {text.strip()!r}")
    return tuple(found)

"""Draw cases at random, biased to the boundaries where convolutions go wrong. Needs nothing but Python.

One function, `integer(low, high)`, makes all choices; the lower the integer, the simpler the case. `generate` takes
the integers from `random.Random`. `strategies.cases` takes them from Hypothesis, so that a failing case shrinks.
The input size is computed from the output size and the leftover, so every draw is a valid case.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any, TypeVar

from .. import arguments
from .case import DTYPES, PADDING_MODES, Case

Integer = Callable[[int, int], int]
"""(low, high) -> an integer between them, both included."""

_Option = TypeVar("_Option")

# Repeated entries are weights; the first entry is the simplest.
_KERNELS = (1, 2, 3, 3, 4, 5, 1, 2) * 3 + (6, 7, 8, 9, 11, 12)
_STRIDES = (1, 1, 1, 2, 2, 3, 4, 5) * 2 + (6, 7, 8)
_DILATIONS = (1, 1, 1, 2, 2, 3) * 3 + (4, 5)
_NEAR_VECTORS = (7, 8, 9, 15, 16, 17) * 2 + (31, 32, 33, 63, 64, 65)
# Most batches are of this many images at most.
_FEW_IMAGES = 3
# Most grouped convolutions have this many groups at most, unless they are depthwise.
_FEW_GROUPS = 8
_CONNECTIONS = ("dense", "dense", "dense", "grouped", "depthwise")
_EMPTY = ("nothing",) * 37 + ("batch", "input channels", "output channels")
# The most products in all sums of a case, by default.
MOST_PRODUCTS = 20_000
# The counts of a draft. One is kept while the others are halved, or none.
_COUNTS = ("batch", "groups", "inputs", "outputs", "height.outputs", "height.kernel", "width.outputs", "width.kernel")
_KEPT = ("none",) * 8 + _COUNTS
_SHAPES = ("any",) * 10 + ("whole", "line")


@dataclass(frozen=True, kw_only=True)
class Options:
    """The limits within which `generate` and `strategies.cases` draw.

    Parameters
    ----------
    dtypes : names of dtypes, the simplest first
    paddings : some of VALID, SAME, SAME_LOWER, FULL and EXPLICIT, the simplest first
    max_products : int
        The most products in all sums of the forward convolution of a case, those with padding included.
    max_batch, max_stride, max_dilation, max_groups : int, >= 1
    empty : bool
        True to have, rarely, a batch of 0, no input channels or no output channels.
    """

    dtypes: Sequence[str] = ("float32",)
    paddings: Sequence[str] = PADDING_MODES
    max_products: int = MOST_PRODUCTS
    max_batch: int = 33
    max_stride: int = 8
    max_dilation: int = 5
    max_groups: int = 33
    empty: bool = True

    def __post_init__(self) -> None:
        for name, known in (("dtypes", DTYPES), ("paddings", PADDING_MODES)):
            given = getattr(self, name)
            if isinstance(given, str) or not isinstance(given, Sequence):
                raise TypeError(f"{name} must be a sequence of names, not {given!r}")
            if not given:
                raise ValueError(f"{name} must name at least one of {', '.join(known)}")
            for word in given:
                if word not in known:
                    raise ValueError(f"{name} must be some of {', '.join(known)}; not {word!r}")
        for name in ("max_products", "max_batch", "max_stride", "max_dilation", "max_groups"):
            arguments.integer(getattr(self, name), name, at_least=1)
        if not isinstance(self.empty, bool):
            raise TypeError(f"empty must be a bool, not {self.empty!r}")


def generate(count: int, seed: int, **options: Any) -> list[Case]:
    """Draw `count` distinct cases: the same `seed` and `options` give the same cases in every Python version.

    Raises
    ------
    ValueError, TypeError
        If `options` (see `Options`) are wrong, or allow fewer than `count` distinct cases.
    """
    count = arguments.integer(count, "count", at_least=0)
    seed = arguments.integer(seed, "seed", at_least=0)
    allowed = Options(**options)
    source = random.Random(seed)

    def integer(low: int, high: int) -> int:
        # Python promises the same numbers in all its versions for random() alone.
        return low + int(source.random() * (high - low + 1))

    found: dict[Case, None] = {}
    for _ in range(20 * count + 1000):
        if len(found) == count:
            return list(found)
        found[draw_case(integer, allowed)] = None
    raise ValueError(f"the options must allow count cases: found {len(found)} distinct cases of {count}")


def draw_case(integer: Integer, options: Options) -> Case:
    """Draw one case within `options`.

    The lower the integers, the simpler the case: stride 1, dilation 1, VALID, one group, small sizes. Every kind of
    case draws the same number of integers, also those that it does not use: Hypothesis shrinks to fewer integers
    first, and a simpler case must not need more of them.
    """
    padding = _choice(integer, options.paddings)
    height, width = (_draw_axis(integer, options) for _ in range(2))
    connection = _choice(integer, _CONNECTIONS) if options.max_groups > 1 else "dense"
    groups = {
        "dense": (1, 1),
        "grouped": (2, min(_FEW_GROUPS, options.max_groups)),
        "depthwise": (2, options.max_groups),
    }[connection]
    draft = _Draft(
        batch=_draw_batch(integer, options.max_batch),
        height=height,
        width=width,
        groups=integer(*groups),
        inputs=_draw_size(integer),
        outputs=_draw_size(integer),
        padding=padding,
        kept=_choice(integer, _KEPT),
    )
    if connection == "depthwise":
        draft = replace(draft, inputs=1, outputs=min(draft.outputs, 3))
    case = draft.fitted(options.max_products)
    empty = _choice(integer, _EMPTY) if options.empty else "nothing"
    if empty == "batch":
        case = replace(case, batch=0)
    elif empty == "input channels":
        case = replace(case, input_channels=0)
    elif empty == "output channels":
        case = replace(case, output_channels=0)
    return case.with_dtype(_choice(integer, options.dtypes))


@dataclass(frozen=True)
class _AxisDraft:
    """One axis by its number of outputs and its leftover, from which the input size follows."""

    kernel: int
    outputs: int
    stride: int
    dilation: int
    leftover: int
    pads: tuple[int, int]

    def resolved(self, padding: str) -> tuple[int, tuple[int, int]]:
        """The input size, and the explicit pads cut to leave an input of at least 1."""
        extent = (self.kernel - 1) * self.dilation + 1
        padded = (self.outputs - 1) * self.stride + extent + self.leftover
        if padding in ("SAME", "SAME_LOWER", "FULL"):  # FULL then has more outputs than `outputs`
            return (self.outputs - 1) * self.stride + 1 + self.leftover, self.pads
        if padding == "EXPLICIT":
            before = min(self.pads[0], padded - 1)
            after = min(self.pads[1], padded - 1 - before)
            return padded - before - after, (before, after)
        if padding == "VALID":
            return padded, self.pads
        raise ValueError(f"padding must be one of {', '.join(PADDING_MODES)}; not {padding!r}")


@dataclass(frozen=True)
class _Draft:
    batch: int
    height: _AxisDraft
    width: _AxisDraft
    groups: int
    inputs: int
    outputs: int
    padding: str
    kept: str

    def fitted(self, max_products: int) -> Case:
        """The case with its largest counts halved until it has at most `max_products`.

        The count that is `kept` is halved last, so that it may be far larger than the others.
        """
        draft = self
        while (case := draft.case()).multiply_adds > max_products:
            draft = draft.halved()
        return case

    def halved(self) -> _Draft:
        counts = {name: attrgetter(name)(self) for name in _COUNTS}
        others = {name: count for name, count in counts.items() if name != self.kept and count > 1} or counts
        largest = max(others, key=lambda name: others[name])
        axis, _, name = largest.rpartition(".")
        change: dict[str, Any] = {name: counts[largest] // 2}
        if axis:
            change = {axis: replace(getattr(self, axis), **change)}
        return replace(self, **change)

    def case(self) -> Case:
        (height, rows), (width, columns) = (axis.resolved(self.padding) for axis in (self.height, self.width))
        return Case(
            self.batch,
            height,
            width,
            self.groups * self.inputs,
            (self.height.kernel, self.width.kernel),
            self.groups * self.outputs,
            (self.height.stride, self.width.stride),
            (self.height.dilation, self.width.dilation),
            self.groups,
            (rows, columns) if self.padding == "EXPLICIT" else self.padding,
        )


def _draw_axis(integer: Integer, options: Options) -> _AxisDraft:
    """Draw an axis: any, or one with a kernel as large as the padded input, or a line (size 1, kernel 1)."""
    shape = _choice(integer, _SHAPES)
    kernel = _choice(integer, _KERNELS)
    dilation = _choice(integer, [d for d in _DILATIONS if d <= options.max_dilation])
    stride = _choice(integer, [s for s in _STRIDES if s <= options.max_stride])
    outputs = _draw_size(integer)
    leftover = integer(0, stride - 1)
    if shape == "line":
        kernel = 1
    if kernel == 1:
        dilation = 1
    if shape != "any":
        outputs, leftover = 1, 0
    extent = (kernel - 1) * dilation + 1
    return _AxisDraft(kernel, outputs, stride, dilation, leftover, (integer(0, extent + 1), integer(0, extent + 1)))


def _draw_batch(integer: Integer, most: int) -> int:
    """Draw a small batch or, one time in eight, any."""
    return integer(1, most if integer(0, 7) == 7 else min(_FEW_IMAGES, most))


def _draw_size(integer: Integer) -> int:
    """Draw a small size or, one time in four, a size near a few vector registers."""
    return _choice(integer, _NEAR_VECTORS) if integer(0, 3) == 3 else integer(1, 6)


def _choice(integer: Integer, options: Sequence[_Option]) -> _Option:
    return options[integer(0, len(options) - 1)]

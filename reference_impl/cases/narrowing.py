"""Draw cases for a backend that takes few kinds of calls: square images only, stride 1 only, depthwise only.

Blind draws rarely meet several such conditions at once. So a draw that is not supported is mixed with a plain case that
is supported. One part after another takes the value of the draw, if the result is still supported.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product, zip_longest
from typing import Any

from ..arguments import Padding
from .case import DTYPES, PADDING_MODES, Case
from .generation import MOST_PRODUCTS, generate

Supported = Callable[[Sequence[Case]], list[Case]]
"""Cases -> those of them that a backend supports, in their order."""

DRAWS = 100


@dataclass(frozen=True)
class _Parts:
    """The parts of a case, each of which is supported or not. `groups`, `inputs` and `outputs` are one part."""

    batch: int
    image: tuple[int, int]
    kernel: tuple[int, int]
    strides: tuple[int, int]
    dilations: tuple[int, int]
    padding: Padding
    groups: int
    inputs: int
    outputs: int

    @classmethod
    def of(cls, case: Case) -> _Parts:
        image, channels = (case.height, case.width), (case.input_channels, case.output_channels)
        inputs, outputs = (count // case.groups for count in channels)
        return cls(
            case.batch,
            image,
            case.kernel_size,
            case.strides,
            case.dilations,
            case.padding,
            case.groups,
            inputs,
            outputs,
        )

    def case(self, dtype: str) -> Case | None:
        """The case, or None if the parts are no convolution."""
        channels = self.groups * self.inputs, self.groups * self.outputs
        try:
            return Case(
                self.batch,
                *self.image,
                channels[0],
                self.kernel,
                channels[1],
                self.strides,
                self.dilations,
                self.groups,
                self.padding,
                dtype,
            )
        except ValueError:
            return None


def plain_cases(dtype: str) -> list[Case]:
    """Cases of the kinds that most kernels take, the simplest first: one image, a square, stride 1, no dilation."""
    sizes = ((6, 1), (8, 4), (8, 8), (16, 32))
    connections = (lambda c: (1, c, c), lambda c: (c, 1, 1), lambda c: (1, 3, c), lambda c: (1, 1, c))
    found: dict[Case, None] = {}
    for (size, channels), connection, kernel, mode in product(sizes, connections, (3, 1, 5, 2), ("VALID", "SAME", "")):
        half = kernel // 2
        padding = mode or ((half, half), (half, half))
        parts = _Parts(1, (size, size), (kernel, kernel), (1, 1), (1, 1), padding, *connection(channels))
        case = parts.case(dtype)
        if case is not None:
            found[case] = None
    return list(found)


# Cases that are tried before it is said that no more are supported.
TRIED = DRAWS + len(plain_cases("float32"))


def draw_supported(
    supported: Supported, count: int, seed: int, dtype: str, made_for: Sequence[Case] = ()
) -> list[Case]:
    """Draw up to `count` cases that are supported; fewer, or none, if DRAWS draws and all plain cases give no more.

    `made_for` are cases that the backend was made for: where no plain case has its options, draws are mixed with these.
    The same `seed`, and the same declarations, give the same cases. Those of each dtype are others.
    """
    drawn = _draws(seed, dtype)
    found = dict.fromkeys(supported(drawn)[:count])
    plain = supported([*made_for, *plain_cases(dtype)]) if len(found) < count else []
    source = random.Random(seed)
    for draw in drawn:
        if len(found) >= count or not plain:
            break
        start = plain[int(len(plain) * source.random() ** 2)]  # the simplest, mostly
        found[mixed([(start, draw)], supported, source)[0]] = None
    found |= dict.fromkeys(plain)
    return list(found)[:count]


@cache
def _draws(seed: int, dtype: str) -> list[Case]:
    """Draw cases, the padding modes in turn."""
    drawn = generate(DRAWS, (seed + 1) * len(DTYPES) + DTYPES.index(dtype), dtypes=(dtype,), empty=False)
    by_mode = [[case for case in drawn if case.padding_mode == mode] for mode in PADDING_MODES]
    return [case for turn in zip_longest(*by_mode) for case in turn if case is not None]


def mixed(pairs: Sequence[tuple[Case, Case]], supported: Supported, source: random.Random) -> list[Case]:
    """Give each part of the first case of a pair the second's value, or one like it, if that is still supported.

    All pairs are tried together, as the backend may be in another process.
    """
    best = [plain for plain, _ in pairs]
    parts = [list(_likenesses(_Parts.of(plain), _Parts.of(draw))) for plain, draw in pairs]
    orders = [sorted(each, key=lambda _: source.random()) for each in parts]
    for step in zip(*orders, strict=True):
        waiting = {number: _changed(best[number], likenesses) for number, likenesses in enumerate(step)}
        while waiting:
            tried = {number: next(cases, None) for number, cases in waiting.items()}
            found = set(supported(list(dict.fromkeys(case for case in tried.values() if case is not None))))
            best = [case if (case := tried.get(number)) in found else kept for number, kept in enumerate(best)]
            waiting = {number: waiting[number] for number, case in tried.items() if case and case not in found}
    return best


def _changed(case: Case, likenesses: Sequence[dict[str, Any]]) -> Iterator[Case]:
    """Yield the case with each of the changes that gives a convolution, and not too large a one."""
    own, most = _Parts.of(case), max(case.multiply_adds, MOST_PRODUCTS)
    for changes in likenesses:
        changed = replace(own, **changes).case(case.dtype)
        if changed is not None and changed.multiply_adds <= most:
            yield changed


def _likenesses(plain: _Parts, draw: _Parts) -> Iterator[list[dict[str, Any]]]:
    """For each part, the values that it may have: that of the draw, then ever plainer ones like it."""
    larger, (kh, kw) = max(draw.image), draw.kernel
    yield [{"batch": draw.batch}]
    yield [{"image": draw.image}, {"image": (larger, larger)}]
    for name in ("strides", "dilations"):
        first, second = getattr(draw, name)
        yield [{name: (first, second)}, {name: (first, first)}, {name: (second, second)}]
    odd = kh | 1
    padded: list[dict[str, Any]] = [
        {"kernel": (size, size), "padding": ((size // 2, size // 2),) * 2} for size in (kh, odd)
    ]
    yield [{"kernel": (kh, kw)}, {"kernel": (kh, kh)}, {"kernel": (odd, odd)}, *padded]
    padding = draw.padding
    if isinstance(padding, str):
        yield [{"padding": padding}]
    else:
        (top, bottom), (left, _) = padding
        symmetric = ((top, top), (left, left)), ((top, top),) * 2, ((bottom, bottom),) * 2
        yield [{"padding": pads} for pads in (padding, *symmetric)]
    groups, inputs, outputs = draw.groups, draw.inputs, draw.outputs
    ways = [(groups, inputs, outputs), (groups, 1, outputs), (groups * inputs, 1, 1), (1, inputs, outputs)]
    ways += [(1, plain.inputs, outputs), (1, inputs, plain.outputs), (1, inputs, inputs), (1, 4 * inputs, 4 * outputs)]
    yield [dict(zip(("groups", "inputs", "outputs"), way, strict=True)) for way in ways]

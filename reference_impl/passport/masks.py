"""Masks: the number of products below the node where two meet, asked by +M and -M among ones.

One product is +M, another is -M, and the others are 1, where M is so large that M + 1 = M. Then the 1s that are added
before +M and -M meet are lost. So the sum says how many products there are below the node where the two meet.

References
----------
Xie, Gao, Wang and Xue, "Revealing Floating-Point Accumulation Orders in Software/Hardware Implementations", USENIX ATC
2025, https://arxiv.org/abs/2411.00442, for sums and matrix products. Their tool is https://github.com/peichenxie/FPRev.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .element import Probe
from .everywhere import Everywhere


@dataclass(frozen=True)
class Scale:
    """Factors of the masks: M is large * large, and the small products are small * small.

    Where all elements are asked at once, one array is `around` everywhere, and the other makes these products of it.
    """

    large: float
    small: float
    around: float = 1.0

    @property
    def mask(self) -> float:
        return self.large**2

    @property
    def unit(self) -> float:
        return self.small**2

    def products(self, terms: int, pair: tuple[int, int], part: range) -> np.ndarray:
        """The products of a sum with +M and -M at a pair, and units elsewhere in a part."""
        found = np.zeros(terms)
        found[part.start : part.stop] = self.unit
        found[list(pair)] = self.mask, -self.mask
        return found


# From the largest ratio to the smallest. A narrow accumulator cannot hold the larger masks.
SCALES = {
    "float64": (Scale(2.0**490, 1.0), Scale(2.0**50, 1.0), Scale(2.0**7, 2.0**-4)),
    "float32": (Scale(2.0**50, 1.0), Scale(2.0**7, 2.0**-4)),
    "bfloat16": (Scale(2.0**50, 1.0), Scale(2.0**7, 2.0**-4)),
    # Only float32 holds the first mask; the second keeps to float16, but the sums of its units are subnormal. The third
    # is for kernels that double or quadruple a product on the way, as derivatives at a point do.
    "float16": (Scale(2.0**14, 2.0**-5, 2.0**14), Scale(2.0**7, 2.0**-12), Scale(2.0**6, 2.0**-11)),
}
# A bfloat16 counts so far, also where two such numbers are added.
_MOST_COUNTED = 128
_TRIED = 8
_AT_ONCE = 256  # pairs


class Untold(Exception):
    """The order cannot be told. The message says what shows it."""


class Masks:
    """The number of products below the node where two meet, for any two products of a sum.

    `together` asks for as many pairs in one call as the result has channels, as if all channels had one order.
    """

    def __init__(self, probe: Probe, *, together: bool = False) -> None:
        self.probe, self.together = probe, together
        self._known: dict[tuple[int, int], int] = {}
        self._most = _MOST_COUNTED
        self.scale = self._scale()
        if probe.terms > _MOST_COUNTED and self._counts_all():
            self._most = probe.terms

    @property
    def parts(self) -> list[range]:
        """The products in parts that the kernel can count. Each part is asked in a call of its own."""
        terms = self.probe.terms
        return [range(start, min(start + self._most, terms)) for start in range(0, terms, self._most)]

    def _counts_all(self) -> bool:
        """True if the kernel adds up all 1s, and nearly all, to the right number."""
        random = np.random.default_rng(0)
        first = np.full((_TRIED, self.probe.terms), self.scale.small)
        for left_out, row in enumerate(first):
            row[random.choice(self.probe.terms, left_out, replace=False)] = 0.0
        counts = self.probe.sums(first, np.full_like(first, self.scale.small)) / self.scale.unit
        return counts.tolist() == [self.probe.terms - left_out for left_out in range(_TRIED)]

    def _scale(self) -> Scale:
        """The first scale that the kernel can hold."""
        last = self.probe.terms - 1
        said = ""
        for scale in SCALES[self.probe.element.case.dtype]:
            units = np.full((1, last + 1), scale.small)
            plain = self.probe.sums(units, units)[0] / scale.unit
            with_mask = self._counted([(0, last), (last, 0)] if last else [], scale)
            if np.isfinite(plain) and np.isfinite(with_mask).all():
                if last < _MOST_COUNTED and plain != last + 1:
                    raise Untold(f"{last + 1} products of 1 add up to {plain:g}")
                return scale
            said = f"with a mask of {scale.mask:g} the sum is not finite"
        raise Untold(said)

    def _counted(self, pairs: Sequence[tuple[int, int]], scale: Scale) -> np.ndarray:
        """The number of 1s that are left in each sum, with +M and -M at a pair. It may be no integer."""
        terms, parts = self.probe.terms, self.parts
        if self.together:
            return self._counted_together(pairs, scale)
        first = np.zeros((len(pairs), len(parts), terms))
        for number, part in enumerate(parts):
            first[:, number, part.start : part.stop] = scale.small
        second = np.full_like(first, scale.small)
        for number, (one, other) in enumerate(pairs):
            first[number, :, [one, other]] = scale.large
            second[number, :, one], second[number, :, other] = scale.large, -scale.large
        shape = (-1, terms)
        counts = self.probe.sums(first.reshape(shape), second.reshape(shape)) / scale.unit
        return counts.reshape(len(pairs), len(parts)).sum(1)

    def ask_alone(self) -> None:
        """Ask for each pair in a call of its own from now on, and for those of before again."""
        if self.together:
            self.together = False
            self._known.clear()

    def _counted_together(self, pairs: Sequence[tuple[int, int]], scale: Scale) -> np.ndarray:
        everywhere = Everywhere(self.probe.ask, self.probe.element, scale.around)
        rows = [scale.products(self.probe.terms, pair, part) for pair in pairs for part in self.parts]
        of_calls = []
        for start in range(0, len(rows), everywhere.channels):
            some = np.zeros((everywhere.channels, self.probe.terms))
            several = rows[start : start + everywhere.channels]
            some[: len(several)] = several
            of_calls.append(some)
        answers = everywhere.answers(of_calls)
        counts = np.concatenate([answer[self.probe.element.index[:-1]][: everywhere.channels] for answer in answers])
        self.probe.calls += len(of_calls)
        return counts[: len(rows)].reshape(len(pairs), -1).sum(1) / scale.unit

    def below(self, pairs: Sequence[tuple[int, int]]) -> list[int]:
        """Return the number of products below the node where each pair meets. Raises Untold."""
        asked = [tuple(sorted(pair)) for pair in pairs]
        new = [pair for pair in dict.fromkeys(asked) if pair not in self._known]
        counted = [self._counted(new[start : start + _AT_ONCE], self.scale) for start in range(0, len(new), _AT_ONCE)]  # type: ignore[arg-type]
        for pair, left in zip(new, np.concatenate(counted) if new else (), strict=True):
            if not (0 <= left <= self.probe.terms - 2 and left == int(left)):
                raise Untold(
                    f"with +M and -M as products {pair[0]} and {pair[1]} and 1 elsewhere, the sum must be an integer "
                    f"from 0 to {self.probe.terms - 2}; it is {left:g}"
                )
            self._known[pair] = self.probe.terms - int(left)  # type: ignore[index]
        return [self._known[pair] for pair in asked]  # type: ignore[index]

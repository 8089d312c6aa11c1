"""Scope: the configurations that a sweep asks, in chunks that are made independently of each other."""

from __future__ import annotations

import hashlib
import math
import os
import random
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from ... import arguments
from ...cases import catalogue
from ...cases.case import Case
from ...cases.generation import Options, draw_case
from ...operations import OPERATIONS
from .bounds import Bounds

Configuration = tuple[str, Case]
"""An operation and a case."""

# Cases in a chunk: a second or less of a framework's calls, so that little is lost when a sweep ends in the middle.
CASES_PER_CHUNK = 256

_WORDS = ("VALID", "SAME", "SAME_LOWER", "FULL")
NAMED = {
    "tiny": Bounds(
        batch=(1, 2),
        height=(5,),
        width=(6,),
        input_channels=(1, 2),
        kernel=(1, 2, 3),
        output_channels=(2,),
        strides=(1, 2),
        dilations=(1, 2),
        groups=(1, 2),
        padding=_WORDS,
        pads=((0, 1),),
    ),
    # Beside tiny, the shapes in which bugs of oneDNN are known: narrow images, strides above the kernel, uneven pads,
    # more output than input channels.
    "small": Bounds(
        batch=(1, 2),
        height=(5,),
        width=(1, 3, 6),
        input_channels=(1, 2),
        kernel=(1, 2, 3),
        output_channels=(4,),
        strides=(1, 3),
        dilations=(1, 2),
        groups=(1, 2),
        padding=("VALID", "SAME"),
        pads=((1, 2),),
    ),
    "medium": Bounds(
        batch=(1, 3),
        height=(4, 7),
        width=(5, 8),
        input_channels=(1, 2, 3, 4, 8),
        kernel=(1, 2, 3, 5),
        output_channels=(1, 2, 3, 4, 8),
        strides=(1, 2, 3),
        dilations=(1, 2, 3),
        groups=(1, 2, 3, 4, 8),
        padding=_WORDS,
        pads=((1, 0), (1, 2), (2, 2)),
    ),
}
RANDOM = "random"
NAMES = (*NAMED, RANDOM)
_SYMMETRIES = (
    "No symmetry leaves out a configuration: height and width, a padding word and the same pads in numbers, "
    "conv2d_transpose and conv2d_backprop_input, or a dilation of one tap reach a framework by different calls."
)


@dataclass(frozen=True)
class Scope:
    """The configurations of a sweep: each is one of the four operations on one case.

    Parameters
    ----------
    name : of `NAMES`, or the file that the scope was read from
    bounds : every case within these
    listed : or these cases
    seed : or, without both, cases drawn at random for ever, from this seed
    """

    name: str
    bounds: Bounds | None = None
    listed: tuple[Case, ...] = ()
    seed: int = 0

    @classmethod
    def named(cls, name: str, seed: int = 0) -> Scope:
        """Return the scope of this name. `seed` is for random.

        Raises ValueError if the name is unknown.
        """
        if name not in NAMES:
            raise ValueError(f"scope must be one of {', '.join(NAMES)}, or a file; not {name!r}")
        seed = arguments.integer(seed, "seed", at_least=0)
        return cls(name, seed=seed) if name == RANDOM else cls(name, NAMED[name])

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Scope:
        """Read a file: one spec of a case a line, as in catalogues, or bounds, as lines of `key = values`.

        Raises
        ------
        ValueError
            If a line is of neither form. The message says which form the file has, and names the line.
        OSError
            If the file cannot be read.
        """
        name = os.fspath(path)
        try:
            text = Path(path).read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise ValueError(f"{name}: must be UTF-8 text; byte {error.start} is not") from None
        if any("=" in line.partition("#")[0] for line in text.splitlines()):
            return cls(name, Bounds.read(text, name))
        return cls(name, listed=tuple(catalogue.read(path)))

    @property
    def is_random(self) -> bool:
        return self.bounds is None and not self.listed

    @property
    def cases(self) -> int | None:
        """The number of cases; None if there is no end."""
        if self.is_random:
            return None
        return len(self.listed) or (self.bounds.count if self.bounds else 0)

    @property
    def configurations(self) -> int | None:
        """The number of configurations; None if there is no end."""
        return None if self.cases is None else len(OPERATIONS) * self.cases

    def __len__(self) -> int:
        if self.configurations is None:
            raise TypeError("a random scope has no length: its configurations have no end")
        return self.configurations

    @property
    def number_of_chunks(self) -> int | None:
        """The number of chunks; None if there is no end."""
        return None if self.cases is None else math.ceil(self.cases / CASES_PER_CHUNK)

    def chunk(self, number: int) -> list[Configuration]:
        """Return the configurations of a chunk. The same number always gives the same.

        Raises IndexError if there is no such chunk.
        """
        if number < 0 or (self.number_of_chunks is not None and number >= self.number_of_chunks):
            raise IndexError(f"chunk must be below {self.number_of_chunks} and at least 0; not {number}")
        return [(operation, case) for case in self._cases_of(number) for operation in OPERATIONS]

    def _cases_of(self, number: int) -> Sequence[Case]:
        start, stop = number * CASES_PER_CHUNK, (number + 1) * CASES_PER_CHUNK
        if self.bounds is not None:
            return list(self.bounds.cases(start, stop))
        return self.listed[start:stop] or _drawn(self.seed, number)

    @property
    def identity(self) -> str:
        """A name that changes if the configurations of the chunks change."""
        parts = [self.bounds, *map(str, self.listed), self.seed if self.is_random else "", CASES_PER_CHUNK, OPERATIONS]
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]

    def describe(self) -> str:
        """Say what the scope holds, and why nothing is left out, in two sentences."""
        if self.is_random:
            return f"Small cases at random, for ever, from seed {self.seed}, biased to boundaries, in four operations."
        if self.bounds is None:
            return f"The {self.cases:,} cases of {self.name}, in four operations."
        said = "; ".join(
            f"{field.name.replace('_', ' ')} {_said(getattr(self.bounds, field.name))}"
            for field in fields(Bounds)
            if getattr(self.bounds, field.name)
        )
        return f"All {self.configurations:,} valid configurations, four operations of each case: {said}. {_SYMMETRIES}"


def _said(values: tuple) -> str:
    return ", ".join("+".join(map(str, value)) if isinstance(value, tuple) else str(value) for value in values)


def _drawn(seed: int, number: int) -> list[Case]:
    """Draw the cases of a chunk. Python promises the same numbers in all its versions for random() alone."""
    source = random.Random(f"{seed} {number}")

    def integer(low: int, high: int) -> int:
        return low + int(source.random() * (high - low + 1))

    found: dict[Case, None] = {}
    while len(found) < CASES_PER_CHUNK:
        found[draw_case(integer, _RANDOM_OPTIONS)] = None
    return list(found)


_RANDOM_OPTIONS = Options()

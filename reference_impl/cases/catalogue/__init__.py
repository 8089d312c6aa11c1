"""The catalogue: cases in text files, one spec a line, ` # ` and a comment after it.

curated      each line is there for one hard thing, which its comment names
regressions  geometries on which released software was wrong, each with its link
networks     layers of published architectures
smoke        a few of the curated cases and regressions, which see every known mistake in seconds
covering     a covering design: every feasible combination of any 3 of the factors that kernels branch on
covering-2   the same for any 2, in fewer cases; covering-4 for any 4, in more
values       every feasible pair of named values: sizes and options at which kernels have thresholds
ladder       sizes at block edges and beyond counters; ladder-long those that take long
kernelbench  the nineteen 2-D problems of KernelBench level 1, with batch 1; run where they are named

`python -m reference_impl.cases.covering` builds the three kinds before it; see docs/cases.md.

To check a new shape everywhere, add it as a line to one of these files, or to a file of your own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from ..case import Case

DEFAULT = ("curated", "regressions", "covering", "values", "ladder", "networks")
# The covering designs, by the number of factors of which they have all combinations.
BY_STRENGTH = {2: "covering-2", 3: "covering", 4: "covering-4"}
# The catalogues that a program builds. Their cases are not empty, and most have no comment.
DESIGNED = (*BY_STRENGTH.values(), "values", "ladder", "ladder-long")
NAMES = ("curated", "regressions", "networks", "smoke", *DESIGNED, "kernelbench")


@dataclass(frozen=True)
class Entry:
    """One line of a catalogue file."""

    case: Case
    comment: str
    source: str
    """`file:line`"""


def load(name: str) -> list[Case]:
    """The cases of the shipped catalogue `name`, one of `NAMES`."""
    return [entry.case for entry in entries(name)]


def entries(name: str) -> list[Entry]:
    """The lines of the shipped catalogue `name`, one of `NAMES`, with their comments."""
    if name not in NAMES:
        raise ValueError(f"catalogue must be one of {', '.join(NAMES)}; not {name!r}")
    return list(_shipped(f"{name}.txt"))


@cache
def specs(name: str) -> frozenset[str]:
    """The specs of the designed catalogue `name`, one of `DESIGNED`. To parse thousands of cases takes longer."""
    if name not in DESIGNED:
        raise ValueError(f"a designed catalogue must be one of {', '.join(DESIGNED)}; not {name!r}")
    lines = files(__package__).joinpath(f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(words[0] for words in map(str.split, lines) if words and words[0] != "#")


@cache
def _shipped(file: str) -> tuple[Entry, ...]:
    return tuple(_entries(files(__package__).joinpath(file).read_text(encoding="utf-8"), file))


def read(path: str | os.PathLike[str]) -> list[Case]:
    """The cases of a file: one spec a line; ` # ` starts a comment, and empty lines are ignored.

    Raises
    ------
    ValueError
        If a line is no case (the message points at the part), if a case is repeated, or if there is none at all.
    OSError
        If the file cannot be read.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{os.fspath(path)}: must be UTF-8 text; byte {error.start} is not") from None
    return [entry.case for entry in _entries(text, os.fspath(path))]


def resolve(text: str) -> list[Case]:
    """The cases that `text` names: a catalogue, or else a file that exists, or else one spec."""
    if text in NAMES:
        return load(text)
    if os.path.isfile(text):
        return read(text)
    try:
        return [Case.parse(text)]
    except ValueError as error:
        raise ValueError(
            f"cases must be a catalogue ({', '.join(NAMES)}), a file, or a spec like n1_h5w7c2_k3x2o4_SAME; "
            f"there is no catalogue and no file {text!r}, and it is no spec:\n{error}"
        ) from None


def _entries(text: str, file: str) -> Iterator[Entry]:
    first: dict[Case, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        # A # starts a comment only after a blank; elsewhere it is an error.
        spec, _, comment = f" {line}".replace("\t", " ").partition(" #")
        spec, source = spec.strip(), f"{file}:{number}"
        if not spec:
            continue
        try:
            case = Case.parse(spec)
        except ValueError as error:
            raise ValueError(f"{source}: {error}") from None
        if case in first:
            raise ValueError(f"{source}: each case must be given once: {spec} repeats {first[case]}")
        first[case] = source
        yield Entry(case, comment.strip(), source)
    if not first:
        raise ValueError(f"{file}: a file of cases must hold at least one, one spec a line")

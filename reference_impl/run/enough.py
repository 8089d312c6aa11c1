"""Enough cases for each backend: add some until it supports enough of them, and let no share leave it too few.

The catalogues and the generated cases are made for kernels that take everything. A kernel for squares without strides
supports 2 of the 20 smoke cases, on which a wrong one passes.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from ..cases.case import Case
from ..cases.covering.narrow import Reach, design, reach
from ..cases.narrowing import Supported, draw_supported
from .spread import dtypes_of
from .subject import Subject

# Supported cases that a backend is given for each operation and dtype, if so many can be found: as many as the smoke
# set has.
ENOUGH = 20
# Calls of an operation that must be judged, unless cases are named one by one. Measured on half of the known mistakes,
# each in its first operation, with two seeds: 5 drawn cases see 81 %, 10 see 91 %, 20 see 94 %, and 40 see 96 %.
FEWEST = 10

_AT_ONCE = 40


def completed(
    cases: Sequence[Case], subjects: Iterable[Subject], operations: Sequence[str], dtypes: Sequence[str], seed: int
) -> list[Case]:
    """Add cases until each subject supports ENOUGH for each of its operations in each of its dtypes of `dtypes`.

    Fewer are added if no more can be found (see `draw_supported`).
    """
    found = dict.fromkeys(cases)
    for subject in subjects:
        declared = subject.capabilities
        for dtype in (each for each in dtypes if each in declared.dtypes):
            for operation in (each for each in operations if each in declared.operations):
                supported = partial(declared.supported, operation)
                there = len(_first(ENOUGH, [case for case in found if case.dtype == dtype], supported))
                if there < ENOUGH:
                    made_for = [Case.parse(spec).with_dtype(dtype) for spec in declared.made_for]
                    drawn = draw_supported(supported, ENOUGH, seed, dtype, made_for)
                    found |= dict.fromkeys([case for case in drawn if case not in found][: ENOUGH - there])
    return list(found)


def covering(
    cases: Sequence[Case], subject: Subject, operations: Sequence[str], strength: int, seed: int
) -> tuple[list[Case], dict[str, Reach]]:
    """Add cases to `cases` for a user's backend that lacks a part of the design: a covering design of what it supports.

    Return the cases and, for each operation that lacks a part of the design, the combinations that were found in what
    it supports. Cases are added in the backend's first dtype.
    """
    declared, dtype = subject.capabilities, dtypes_of(subject)[0]
    added: dict[Case, None] = {}
    reached: dict[str, Reach] = {}
    if subject.adapter is not None:
        return list(cases), reached
    there = [case for case in cases if case.dtype == dtype]
    for operation in (each for each in operations if each in declared.operations):
        supported = partial(declared.supported, operation)
        same = next((one for one in reached.values() if one.holds_for(supported)), None)
        found = same or reach(supported, there, strength, dtype, seed)
        if found is not None:
            reached[operation] = found
        if found is not None and same is None:
            added |= dict.fromkeys(design(found, supported([*there, *added])))
    return list(dict.fromkeys((*cases, *added))), reached


def assured(
    cases: Sequence[Case], subject: Subject, operations: Sequence[str], seed: int, takes: Callable[[Case], bool]
) -> frozenset[Case]:
    """Choose the cases that a backend is given beyond its share, which `takes` says.

    With them, FEWEST calls of each operation are judged, and some in each dtype.
    """
    declared, chosen = subject.capabilities, set[Case]()
    # The cases of its share come first, then those that a larger share would take.
    ranked = sorted(cases, key=partial(_rank, seed=seed, takes=takes))
    by_dtype = [[case for case in ranked if case.dtype == dtype] for dtype in declared.dtypes]
    for operation in (each for each in operations if each in declared.operations):
        supported = partial(declared.supported, operation)
        found = [mine for mine in (_first(FEWEST, some, supported) for some in by_dtype) if mine]
        for mine in found:
            chosen |= set(mine[: -(-FEWEST // len(found))])
    return frozenset(chosen)


def _rank(case: Case, seed: int, takes: Callable[[Case], bool]) -> tuple[bool, int]:
    return not takes(case), zlib.crc32(f"{seed} {case}".encode())


def _first(count: int, cases: Sequence[Case], supported: Supported) -> list[Case]:
    """The first `count` cases that are supported."""
    found: list[Case] = []
    for start in range(0, len(cases), _AT_ONCE):
        found += supported(cases[start : start + _AT_ONCE])
        if len(found) >= count:
            break
    return found[:count]

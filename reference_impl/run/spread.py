"""The dtypes in which cases are given: every case in the usual ones, and some cases in a backend's further dtypes."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence

from ..cases import catalogue
from ..cases.case import DTYPES, Case
from .subject import Subject

# Backends are given every case in those of these dtypes that they offer, and some cases in their further dtypes.
DEFAULT_DTYPES = ("float32", "float64", "int32")
# The part of the curated, regression and generated cases that runs in further dtypes. The smoke cases all do.
FURTHER_SHARE = 0.1
# The same of the designed cases, which are there for their combinations in one dtype.
DESIGNED_FURTHER_SHARE = 0.03
# Stands for the generated cases where a catalogue is named.
GENERATED = "generated"


def dtypes_of(subject: Subject) -> tuple[str, ...]:
    """The default dtypes that the backend offers; if it offers none of them, its own."""
    offered = subject.capabilities.dtypes
    return tuple(dtype for dtype in DEFAULT_DTYPES if dtype in offered) or tuple(offered)


def further_dtypes(subject: Subject) -> tuple[str, ...]:
    """The dtypes that the backend offers beside those of `dtypes_of`."""
    return tuple(dtype for dtype in DTYPES if dtype in set(subject.capabilities.dtypes) - set(dtypes_of(subject)))


def in_dtypes(cases: Iterable[Case], dtypes: Sequence[str]) -> list[Case]:
    """Each float32 case in each of `dtypes`; a case that names another dtype, in that one."""
    given: dict[Case, None] = {}
    for case in cases:
        for dtype in dtypes if case.dtype == "float32" else (case.dtype,):
            given[case.with_dtype(dtype)] = None
    return list(given)


def spread(word: str, cases: Sequence[Case], usual: Sequence[str], others: Sequence[str], seed: int) -> list[Case]:
    """Each case in the `usual` dtypes, and in the others: all smoke cases, those of a file, and a part of the rest.

    Of the designed catalogues, each case in the first dtype, and a part in all others.
    """
    some, share = list(cases), FURTHER_SHARE
    if word in catalogue.DESIGNED:
        usual, others, share = usual[:1], (*usual[1:], *others), DESIGNED_FURTHER_SHARE
    if word in ("curated", "regressions", GENERATED, *catalogue.DESIGNED):
        smoke = set(catalogue.load("smoke"))
        some = [case for case in cases if case in smoke or falls_in(share, f"{seed} further {case}")]
    return in_dtypes(cases, usual) + in_dtypes(some, others)


def together(cases: Iterable[Case], dtypes: Sequence[str]) -> list[Case]:
    """Put the cases of each dtype together, in the order of `dtypes`."""
    return sorted(cases, key=lambda case: dtypes.index(case.dtype) if case.dtype in dtypes else len(dtypes))


def falls_in(share: float, what: str) -> bool:
    return zlib.crc32(what.encode()) < share * 2**32

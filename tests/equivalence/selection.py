"""The cases and dtypes that pytest gives a backend."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from reference_impl.cases import catalogue
from reference_impl.cases.case import Case
from reference_impl.run.runner import Subject, in_dtypes, takes

DTYPES = ("float32", "float64", "int32")


def cases_of(subject: Subject, asked: Sequence[str], seed: int) -> list[Case]:
    """The cases that are asked for, as they are; by default those of the catalogues.

    A framework takes the small cases (curated and regressions) in its first dtype, a quarter of them in its other
    dtypes too, and a third of the network layers. A route, or a backend of our own, takes a quarter of the small
    cases, each in one of its dtypes. A backend that declares a `share` takes that share of these. The seed decides
    which part it is; `verify` gives a backend all of them.
    """
    if asked:
        return [case for word in asked for case in catalogue.resolve(word)]

    def number(case: Case) -> int:
        # A case keeps its number, and so its part and its dtype, when other cases are added.
        return zlib.crc32(f"{seed} {subject.name} {case}".encode())

    dtypes = dtypes_of(subject)
    small = catalogue.load("curated") + catalogue.load("regressions")
    quarter = [case for case in small if number(case) % 4 == 0]
    if subject.is_route:
        chosen = [case.with_dtype(dtypes[number(case) // 4 % len(dtypes)]) for case in quarter]
    else:
        chosen = in_dtypes(small, dtypes[:1]) + in_dtypes(quarter, dtypes[1:])
        chosen += [case for case in catalogue.load("networks") if number(case) % 3 == 0]
    return [case for case in chosen if takes(subject, case, seed)]


def dtypes_of(subject: Subject) -> tuple[str, ...]:
    """Those of DTYPES that the backend offers; if it offers none of them, all of its own."""
    return tuple(dtype for dtype in DTYPES if dtype in subject.capabilities.dtypes) or subject.capabilities.dtypes

"""The part of the cases, and of the checks, that a backend is given by default: a share that the seed decides."""

from __future__ import annotations

import zlib
from functools import cache, lru_cache

from ..cases import catalogue
from ..cases.case import DTYPES, Case
from ..verdicts.checks import CHECKS, Check
from .spread import DEFAULT_DTYPES, falls_in
from .subject import OURS, Subject

# By default a route is given this part of the large cases, of those for thresholds (the catalogues values and ladder),
# and of the checks that ask a backend again. It has the covering design in full.
ROUTES_SHARE = 0.25
LARGE = 5_000_000  # multiply-adds
# By default a route has the covering design in one dtype, and this part of its cases in the others. Our own backends
# compute in int64, float64 or integers of Python, whatever the dtype of the arguments is.
IN_DTYPES_SHARE = 0.25
# On designed cases, this part of the checks that ask a backend again. A case more is worth more than a check more.
DESIGNED_SHARE = 0.1
# All backends are asked on one case before the next, so that the answers for a few cases are kept.
_CASES = 64
# It costs little, and shows races; so designed cases have it in full.
_CHEAP = ("repeatable",)


def takes(subject: Subject, case: Case, seed: int) -> bool:
    """True if the backend is given the case by default: it offers the dtype, and the case falls in its share.

    Routes are given ROUTES_SHARE of the large cases and of those for thresholds. The seed decides which part it is.
    """
    if case.dtype not in subject.capabilities.dtypes:
        return False
    share = subject.capabilities.share
    if subject.is_route and _is_for_few_routes(case):
        share *= ROUTES_SHARE
    return share >= 1 or falls_in(share, f"{seed} {case}")


def takes_in_dtype(subject: Subject, case: Case, seed: int) -> bool:
    """True but for routes: of their cases in dtypes beyond the first, for IN_DTYPES_SHARE.

    In dtypes that are none of the default ones there are few cases. So the routes of frameworks get all of these.
    """
    dtypes = DTYPES if subject.route in OURS else DEFAULT_DTYPES
    sampled = subject.is_route and case.dtype in dtypes and case.dtype != DEFAULT_DTYPES[0]
    return not sampled or falls_in(IN_DTYPES_SHARE, f"{seed} {case}")


@lru_cache(1 << 14)
def _is_for_few_routes(case: Case) -> bool:
    """True for a large case, and for one that is there for a threshold."""
    return case.multiply_adds > LARGE or case.with_dtype("float32") in _for_thresholds()


@lru_cache(_CASES)
def checks_of(case: Case) -> tuple[Check, ...]:
    """Every check that says something about the case."""
    return tuple(check for check in CHECKS if check.applies(case))


def checks_due(subject: Subject, case: Case, seed: int, *, share: float | None = None) -> tuple[Check, ...]:
    """The checks that run by default: a check that asks again runs on its share of the cases.

    `share` is a further share of these checks, by default ROUTES_SHARE for routes and all for others.
    """
    if share is None:
        share = ROUTES_SHARE if subject.is_route else 1.0
    return _due(case, seed, share)


@lru_cache(_CASES)
def _due(case: Case, seed: int, share: float) -> tuple[Check, ...]:
    return tuple(check for check in checks_of(case) if _is_due(check, case, seed, share))


def _is_due(check: Check, case: Case, seed: int, share: float) -> bool:
    if not check.asks_again:
        return True
    if is_designed(case) and check.name not in _CHEAP:
        share *= DESIGNED_SHARE
    drawn = zlib.crc32(f"{seed} {check.name} {case}".encode()) / 2**32
    return drawn < check.share * share and case.multiply_adds <= check.most_multiply_adds


@lru_cache(_CASES)
def is_designed(case: Case) -> bool:
    """True for a case of the designed catalogues that is in none of the others."""
    same = case.with_dtype("float32")
    spec = str(same)
    return any(spec in catalogue.specs(name) for name in catalogue.DESIGNED) and same not in _others()


@cache
def _for_thresholds() -> frozenset[Case]:
    """The cases of the designed catalogues that are in no covering design, nor in the other catalogues."""
    designed = {case for name in catalogue.DESIGNED for case in catalogue.load(name)}
    return frozenset(designed - {case for name in catalogue.BY_STRENGTH.values() for case in catalogue.load(name)}) - (
        _others()
    )


@cache
def _others() -> frozenset[Case]:
    """The cases of the catalogues that people chose."""
    return frozenset(case for name in ("curated", "regressions", "networks") for case in catalogue.load(name))

"""A passport as text and as JSON. The answer comes first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from ..backends.promises import PROMISES
from .invariance import Invariance
from .naming import depth
from .schemes import sum_of
from .telling import Passport, ToldSum

_DEEPEST = 700  # JSON files of deeper trees cannot be written, nor read


def answer(passport: Passport) -> str:
    """The first line: the order, the precision, and what can be relied on."""
    told = [one for one in passport.sums if one.terms > 1]
    order = _most([one.order for one in told]) or "no sum was asked"
    precision = _most([one.precision.words for one in told if one.precision]) or "precision unknown"
    return f"{passport.name} {passport.version}, {passport.dtype}: {order}; {precision}; {_relied_on(passport)}"


def _most(words: Sequence[str]) -> str:
    """Say the most frequent of these, and of how many sums it is true: "one after another (6 of 13 sums)"."""
    if not words:
        return ""
    ((most, count),) = Counter(words).most_common(1)
    return most if count == len(words) else f"{most} ({count} of {len(words)} sums)"


def _relied_on(passport: Passport) -> str:
    seen = [one for several in passport.invariances.values() for one in several]
    broken = list(dict.fromkeys(one.promise for one in seen if one.holds is False))
    held = [word for word in PROMISES if word not in broken and any(one.promise == word and one.holds for one in seen)]
    said = f"can be relied on: {', '.join(held) or 'nothing'}"
    return said + (f"; cannot: {', '.join(broken)}" if broken else "")


def lines(passport: Passport, others: Sequence[Passport] = ()) -> Iterator[str]:
    """Yield all lines of a passport. `others` are compared with it."""
    yield answer(passport)
    for operation, held in passport.invariances.items():
        sums = [one for one in passport.sums if one.operation == operation]
        yield f"  {operation}"
        for one in sums:
            yield f"    {one.case}, {one.terms} products, {one.calls} calls"
            yield f"      order      {one.order}{_same_as(one, passport, others)}"
            if one.precision is not None:
                factors = one.precision.factors_said(passport.dtype)
                yield f"      precision  {one.precision.words}" + (f"; factors are {factors}" if factors else "")
            if one.places is not None:
                yield f"      places     {one.places.words}"
            if one.replayed is not None:
                yield f"      replayed   {one.replayed.right} of {one.replayed.count} random sums to the bit"
            if one.errors is not None:
                yield f"      error      {_errors(one)}"
        for change in passport.changes.get(operation, ()):
            yield f"    {change}"
        for seen in held:
            yield f"    {seen.promise:<17}{_held(seen)}: {seen.seen}"
        yield from _bits_of_others(operation, passport, others)
    if not passport.invariances:
        yield "  no operation is offered in this dtype"


def _bits_of_others(operation: str, passport: Passport, others: Sequence[Passport]) -> Iterator[str]:
    """Compare the bits with those of the other passports in this dtype: of environments, routes and frameworks."""
    bits = passport.bits.get(operation, {})
    same, different = [], []
    for other in others:
        both = [case for case in bits if case in other.bits.get(operation, {})]
        if other is passport or other.dtype != passport.dtype or not both:
            continue
        broken = [case for case in both if bits[case] != other.bits[operation][case]]
        if broken:
            different.append(f"{other.name} (on {len(broken)} of {len(both)} cases: {broken[0]})")
        else:
            same.append(f"{other.name} ({len(both)} cases)")
    if same:
        yield f"    same bits as     {', '.join(same)}"
    if different:
        yield f"    other bits than  {', '.join(different)}"


def _held(seen: Invariance) -> str:
    return {True: "yes", False: "NO", None: "not asked"}[seen.holds]


def _errors(one: ToldSum) -> str:
    errors = one.errors
    assert errors is not None
    expected = "" if errors.expected is None else f" (expected of this order: {errors.expected:.3g})"
    return (
        f"in eps * gauge: worst {errors.worst:.3g}, root mean square {errors.root_mean_square:.3g}{expected}, "
        f"bias {errors.bias:+.2g}"
    )


def _same_as(one: ToldSum, passport: Passport, others: Sequence[Passport]) -> str:
    """Name the other passports that have the same tree for the same sum."""
    alike = [
        f"{other.name} in {other.dtype}" if other.dtype != passport.dtype else other.name
        for other in others
        for its in other.sums
        if other is not passport
        and one.tree is not None
        and isinstance(one.tree, tuple)
        and its.operation == one.operation
        and its.case.with_dtype(one.case.dtype) == one.case
        and isinstance(its.tree, tuple)
        and sum_of(its.tree) == sum_of(one.tree)
    ]
    return f" (the same as {', '.join(alike[:4])}{' ...' if len(alike) > 4 else ''})" if alike else ""


def as_json(passport: Passport) -> dict[str, Any]:
    """The passport as JSON has it. A tree is nested lists of the numbers of products."""
    return {
        "backend": passport.name,
        "version": passport.version,
        "dtype": passport.dtype,
        "answer": answer(passport),
        "changes": passport.changes,
        "bits": passport.bits,
        "sums": [
            {
                "operation": one.operation,
                "case": str(one.case),
                "terms": one.terms,
                "calls": one.calls,
                "order": one.order,
                "told": not one.untold,
                "tree": one.tree if one.tree is None or depth(one.tree) <= _DEEPEST else None,
                "precision": None
                if one.precision is None
                else vars(one.precision)
                | {"fused": sorted(one.precision.fused), "stored": sorted(one.precision.stored)},
                "places": None if one.places is None else asdict(one.places),
                "replayed": None if one.replayed is None else vars(one.replayed),
                "errors": None if one.errors is None else vars(one.errors),
            }
            for one in passport.sums
        ],
        "invariances": {operation: [vars(seen) for seen in held] for operation, held in passport.invariances.items()},
    }

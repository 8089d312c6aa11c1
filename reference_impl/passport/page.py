"""The page of `passport`: the answers, the orders with pictures, what can be relied on, and the errors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..console import plain_name, plain_text
from ..report.page.content import Plot, Plots, Table
from ..report.page.plots import LIMIT, LINES, OTHERS, coloured_svg, svg_of
from ..report.page.verify_page import facts
from ..words import counted
from . import text, tree_picture
from .element import middle_of
from .telling import Passport, ToldSum

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_PICTURES, _MOST_PRODUCTS, _CLEAREST = 12, 160, 27
_HELD = {True: "yes", False: "NO", None: "not asked"}


@dataclass(frozen=True)
class Order:
    """One order, and the sums that have it."""

    name: str
    sums: Sequence[str]
    svg: str = ""


@dataclass(frozen=True)
class PassportPage:
    """The content of a page of passports."""

    summary: str
    kind: str
    answers: Sequence[tuple[str, str]]
    """The style and the answer of each passport."""
    table: Table
    orders: Sequence[Order]
    invariance: Table
    broken: Sequence[str]
    changes: Sequence[str]
    errors: Plots | None
    facts: Sequence[tuple[str, str]]
    notes: Sequence[str] = ()
    command: str = "passport"
    template: str = field(default="passport.html", init=False)


def page_of(found: Sequence[Passport], *, cpu: str, notes: Sequence[str] = ()) -> PassportPage:
    """Make the page of some passports. `notes` say what could not be asked."""
    answers = [("warn" if _broken(one) else "good", plain_text(text.answer(one))) for one in found]
    breaking = sum(kind == "warn" for kind, _ in answers)
    told = sum(not one.untold for passport in found for one in passport.sums)
    sums = sum(len(passport.sums) for passport in found)
    summary = f"{counted(len(found), 'passport')}, {told} of {counted(sums, 'sum')} told"
    said = f"{summary}: {breaking} of {len(found)} break a promise" if breaking else f"{summary}: no promise was broken"
    return PassportPage(
        summary=answers[0][1] if len(answers) == 1 else said,
        kind="warn" if breaking or not answers else "good",
        answers=answers if len(answers) > 1 else (),
        table=_table(found),
        orders=_orders(found),
        invariance=_invariance(found),
        broken=[f"{one.name} in {one.dtype}, {said}" for one in found for said in _broken(one)],
        changes=[
            plain_text(f"{one.name} in {one.dtype}, {operation}: {change}")
            for one in found
            for operation, several in one.changes.items()
            for change in several
        ],
        errors=_errors(found),
        facts=[*facts((one.name, one.version) for one in found), ("CPU that was asked", cpu)],
        notes=notes,
    )


def _broken(one: Passport) -> list[str]:
    """The promises that are broken, each with the smallest case that shows it."""
    return [
        f"{operation} is not {seen.promise}: {plain_text(seen.seen)}"
        for operation, held in one.invariances.items()
        for seen in held
        if seen.holds is False
    ]


def _table(found: Iterable[Passport]) -> Table:
    rows = []
    for passport in found:
        for one in passport.sums:
            replayed = "" if one.replayed is None else f"{one.replayed.right} of {one.replayed.count}"
            rows.append(
                (
                    *_named(passport, one),
                    str(one.terms),
                    plain_text(one.order),
                    "" if one.precision is None else one.precision.words,
                    "" if one.places is None else one.places.words,
                    replayed,
                )
            )
    heads = ("backend", "operation", "case", "products", "order", "precision", "places", "replayed")
    return Table(heads, rows, tuple(head in ("products", "replayed") for head in heads), "Each sum")


def _named(passport: Passport, one: ToldSum) -> tuple[str, str, str]:
    return plain_name(passport.name), one.operation, str(one.case)


def _orders(found: Iterable[Passport]) -> list[Order]:
    """The orders by name, the most frequent first. Of those, the sum that is seen most clearly is drawn."""
    by_name: dict[str, list[tuple[Passport, ToldSum]]] = {}
    for passport in found:
        for one in passport.sums:
            if one.terms > 1:
                by_name.setdefault(one.order, []).append((passport, one))
    orders: list[Order] = []
    for name, having in sorted(by_name.items(), key=lambda item: -len(item[1])):
        able = [one for _, one in having if isinstance(one.tree, tuple) and one.terms <= _MOST_PRODUCTS]
        drawn = min(able, key=lambda one: abs(one.terms - _CLEAREST), default=None)
        room = sum(bool(order.svg) for order in orders) < _MOST_PICTURES
        sums = [" ".join(_named(passport, one)) for passport, one in having]
        orders.append(Order(plain_text(name), sums, _picture(drawn) if drawn is not None and room else ""))
    return orders


def _picture(one: ToldSum) -> str:
    from matplotlib import rc_context

    assert one.tree is not None
    labels = [term.label for term in middle_of(one.operation, one.case).terms]
    with rc_context({"svg.hashsalt": f"{one.operation} {one.case} {one.order}", "svg.fonttype": "none"}):
        figure = tree_picture.draw_tree(one.tree, labels, f"{one.operation} {one.case}")
        return coloured_svg(figure, {tree_picture.LINE: "var(--line-0)", tree_picture.INK: "currentColor"})


def _invariance(found: Sequence[Passport]) -> Table:
    rows = [
        (plain_name(one.name), one.dtype, operation, seen.promise, _HELD[seen.holds], plain_text(seen.seen))
        for one in found
        for operation, held in one.invariances.items()
        for seen in held
    ]
    return Table(("backend", "dtype", "operation", "promise", "held", "seen"), rows, title="What can be relied on")


def _errors(found: Sequence[Passport]) -> Plots | None:
    """Plot the measured root mean square of each sum against the expected one."""
    points: dict[str, list[tuple[float, float]]] = {}
    rows = []
    for passport in found:
        for one in passport.sums:
            if one.errors is None:
                continue
            expected, measured = one.errors.expected, one.errors.root_mean_square
            if expected and measured:
                points.setdefault(plain_name(passport.name), []).append((expected, measured))
            shown = "" if expected is None else f"{expected:.3g}"
            others = f"{measured:.3g}", f"{one.errors.worst:.3g}", f"{one.errors.bias:+.2g}"
            rows.append((*_named(passport, one), shown, *others))
    if not points:
        return None
    heads = ("backend", "operation", "case", "expected", "root mean square", "worst", "bias")
    numbers = Table(heads, rows, tuple(head in heads[3:] for head in heads), "Errors in eps * gauge")
    colours = {name: place if place < 8 else None for place, name in enumerate(points)}
    return Plots(
        "Errors", [Plot("Measured against expected", _scatter(points, colours))], list(colours.items()), numbers
    )


def _scatter(points: dict[str, list[tuple[float, float]]], colours: dict[str, int | None]) -> str:
    def draw(axes: Axes) -> None:
        every = [value for pairs in points.values() for pair in pairs for value in pair]
        ends = [0, max(every) * 1.1]
        axes.plot(ends, ends, color=LIMIT, linestyle="--", linewidth=1.2)
        for name, pairs in points.items():
            number = colours[name]
            axes.plot(*zip(*pairs), "o", color=OTHERS if number is None else LINES[number], markersize=4, alpha=0.8)
        axes.set(xlim=ends, ylim=ends)
        axes.set_xlabel("expected root mean square / (eps · gauge)")
        axes.set_ylabel("measured")

    return svg_of(draw, "errors", (4.6, 3.4))

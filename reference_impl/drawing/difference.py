"""The picture of a wrong answer: its wrong elements, and how the worst of them should have been computed."""

from __future__ import annotations

from dataclasses import replace

from ..verdicts import location
from ..verdicts.agreement import Difference
from .cells import PLANES, Position
from .marks import Mark
from .picture import Picture, grid, plain, sum_in_words, terms_of
from .view import View


def picture_of_difference(difference: Difference) -> Picture:
    """Return the picture of the planes in which the worst element lies.

    Raises
    ------
    ValueError
        If the case is too large to draw.
    """
    call, wrong, worst = difference.call, difference.wrong, difference.worst
    view = View.of_element(call.case, call.operation, worst)
    terms = terms_of(view)
    *read, summed = PLANES[call.operation]
    actual, expected = plain(difference.actual), plain(difference.expected)
    arrays = {plane: plain(call.arrays[view.name(plane)]) for plane in read if view.name(plane) in call.arrays}
    here: set[Position] = {(int(row), int(column)) for row, column in zip(*wrong[view.index(summed)].nonzero())}
    result = grid(view, summed, view, terms, actual)
    marked = {**result.marked, Mark.WRONG: here - {view.position}, Mark.WORST: {view.position}}
    del marked[Mark.SUM]
    where = location.locate(wrong, location.AXES[call.operation], call.case.groups)
    elsewhere = f", {len(here)} of them here" if len(here) < wrong.sum() else ""
    said = [
        f"the worst, {view.element_in_words}, is {difference.actual[worst]} and must be {difference.expected[worst]}",
        *sum_in_words(view, terms, {**arrays, summed: expected}),
        f"{wrong.sum()} of {wrong.size} elements are wrong{elsewhere}; they lie: {where}",
    ]
    operands = [grid(view, plane, view, terms, arrays.get(plane)) for plane in read]
    blocks = (*operands, replace(result, marked=marked))
    return Picture(f"{view.heading}: wrong", tuple(((each,),) for each in blocks), tuple(said))

"""The lines of a diagnosis, as a report prints them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from ..bugs import Bug
from ..bugs.bug import fresh, where
from ..bugs.judged_call import REFUSED
from ..mistakes import Mistake, by_name
from ..verdicts.call import gauge
from . import symptoms
from .matching import Seen
from .several import Several

MOST_ELEMENTS = 12
_MOST_NAMED = 3
_NO_MATCH = "matches no known mistake"


def named(found: Sequence[Mistake], seen: Sequence[Seen]) -> list[str]:
    first, *others = found
    wrong = [each for each in seen if not each.right()]
    besides = [each for each in wrong if not each.like(first) and not each.like(first, loosely=True)]
    alike, right = len(wrong) - len(besides), len(seen) - len(wrong)
    matches = "matches, though not on this call," if seen[-1] in besides else "matches"
    others_named = ((f"or *{other.name}*", other) for other in others[: _MOST_NAMED - 1])
    lines = _told([(f"{matches} *{first.name}*", first), *others_named])
    lines.append(f"tried {len(seen)} calls: wrong in the same way on {alike}, right on {right}")
    if besides:
        lines.append(f"it is also wrong in another way on {_specs(besides)}")
    return lines + _made_before(first)


def named_by_checks(found: Sequence[Mistake]) -> list[str]:
    first, *others = found
    others_named = ((f"or *{other.name}*", other) for other in others[: _MOST_NAMED - 1])
    return [*_told([(f"fails the same checks as *{first.name}*", first), *others_named]), *_made_before(first)]


def named_sometimes(found: Mistake, seen: Sequence[Seen], bugs: Sequence[Bug]) -> list[str]:
    plain = [each for each in seen if each.probe.plain]
    wrong = [each for each in plain if not each.right()]
    besides = [each for each in wrong if not each.like(found)]
    spared = [each for each in plain if each.right() and not each.like(found)]
    condition = " under some condition" if spared else ""
    right = f", right on {len(spared)} where that mistake would show: {_specs(spared)}" if spared else ""
    return [
        *_told([(f"matches *{found.name}*{condition}", found)]),
        f"tried {len(plain)} calls: wrong in the same way on {len(wrong) - len(besides)}{right}",
        *([f"it is also wrong in another way on {_specs(besides)}"] if besides else []),
        *(where_wrong(bugs, plain, alone=len(bugs) == 1) if bugs and spared else []),
        *_made_before(found),
    ]


def named_together(found: Several, seen: Sequence[Seen], bugs: Sequence[Bug], *, alone: bool) -> list[str]:
    """Name one mistake that is made along one axis at times, or two mistakes."""
    plain = [each for each in seen if each.probe.plain]
    wrong = [each for each in plain if not each.right()]
    spared = [each for each in plain if found.would_show(each)]
    condition = " under some condition" if spared else ""
    first, *others = found.made
    if len(found.mistakes) == 1:
        named = f"*{first.mistake.name}*, at times along one axis alone" if others else first.named
        headed = [(f"matches {named}{',' * bool(others and condition)}{condition}", first.mistake)]
        how = "in this way"
    else:
        headed = [(f"matches {first.named}{condition}", first.mistake)]
        headed += [
            (f"{'and' if seen[-1].shows(one.alone) else 'and, on other calls,'} {one.named}", one.mistake)
            for one in others
        ]
        how = "as by the one, the other, or both at once"
    right = f", right on {len(spared)} where they would show: {_specs(spared)}" if spared else ""
    return [
        *_told(headed),
        f"tried {len(plain)} calls: wrong on {len(wrong)}, {how}{right}",
        *(where_wrong(bugs, plain, alone=alone) if bugs and spared else []),
        *_made_before(first.mistake),
    ]


ONLY_ROUNDS = [
    "matches no known mistake: the products are right, but it rounds where a plain sum of integers would not",
    "if it is not meant to be a plain sum (FFT, Winograd), declare that in its capabilities: docs/verdicts.md",
]


def resembles(each: Seen) -> str | None:
    """Return what an answer resembles; None if that is nothing, or if there is no answer."""
    actual, expected = each.answer, each.expected
    if not isinstance(actual, np.ndarray) or not isinstance(expected, np.ndarray):
        return None
    return symptoms.resemblance(actual, expected, each.probe.operation == "conv2d_backprop_filter")


_ROUNDED = {"bfloat16": "arguments-rounded-to-bfloat16", "TF32": "arguments-rounded-to-tf32"}


def unnamed(failing: Seen, wrong: Sequence[Seen]) -> tuple[list[str], list[Mistake]]:
    """Say what the answer to a failing call resembles. Return the lines, and the mistake if that tells it.

    `wrong` are all wrong answers, as a few numbers tell little of rounding.
    """
    said = resembles(failing)
    if said == symptoms.IN_FLOAT16 and failing.probe.case.dtype != "float16":
        mistake = by_name("float16-accumulation")
        return [f"the answer is {said}", *_told([(f"matches the errors of *{mistake.name}*", mistake)])], [mistake]
    errors = [_largest_error(each) for each in wrong]
    rounded = symptoms.rounded_arguments([] if None in errors else [one for one in errors if one is not None])
    if said is None and rounded is not None:
        mistake = by_name(_ROUNDED[rounded])
        head = f"the answer is near the right one: its errors are as large as those of arguments in {rounded}"
        return [head, *_told([(f"matches the errors of *{mistake.name}*", mistake)])], [mistake]
    zeros = sum(resembles(each) == symptoms.ZEROS for each in wrong) if said == symptoms.ZEROS else len(wrong)
    if zeros < len(wrong):
        return [
            _NO_MATCH,
            f"the answer to this call is {said}, as are {zeros} of {len(wrong)} wrong answers examined",
        ], []
    return [_NO_MATCH, *([f"the answer is {said}"] if said else [])], []


def _largest_error(each: Seen) -> float | None:
    """Return the largest error of an answer, as a part of the sum of its products' sizes; None if it has no such."""
    actual, expected = each.answer, each.expected
    if not isinstance(actual, np.ndarray) or not isinstance(expected, np.ndarray) or actual.shape != expected.shape:
        return None
    if actual.dtype not in (np.float32, np.float64) or not np.isfinite(actual).all():
        return None
    sizes = gauge(each.probe.call())
    errors = np.abs(actual.astype(np.float64) - expected.astype(np.float64))
    return float((errors / np.where(sizes > 0, sizes, 1)).max(initial=0))


def where_wrong(bugs: Sequence[Bug], plain: Sequence[Seen], *, alone: bool) -> list[str]:
    """Say under which conditions it is wrong, a line for each bug."""
    if bugs:
        failed = "refused" if bugs[0].kind == REFUSED else "wrong"
        told = ["; ".join([where(bug, alone=alone), *fresh(bug)]) for bug in bugs[:_MOST_NAMED]]
        return [f"{failed} {one}" for one in told]
    wrong = sum(not each.right() for each in plain)
    return [f"wrong on {wrong} cases tried, right on {len(plain) - wrong}: no condition was found"]


def in_part(parts: Sequence[tuple[Mistake, int]], examined: int) -> list[str]:
    """Name the mistakes that explain some of the wrong answers: half of them together, as one alone may be chance."""
    # Zeros are told of the answer itself. A kernel that always answers zeros is right nowhere.
    parts = [(one, count) for one, count in parts if one.name != "answers-zeros"]
    if 2 * sum(count for _, count in parts) < examined:
        return []
    lines = _told([(f"{count} of {examined} wrong answers examined match *{one.name}*", one) for one, count in parts])
    several = "there may be several mistakes, or one under some condition: mend one, then run it again"
    return [*lines, several] if parts else []


def cured_by(names: Sequence[str]) -> list[str]:
    """Say which changes of the smallest case cure it."""
    return [f"there, one change alone cures it: {', or '.join(names)}"] if names else []


def _told(headed: Iterable[tuple[str, Mistake]]) -> list[str]:
    """Say what each mistake does, after its heading, and once for neighbours that share it, what is right."""
    lines = []
    for right, of_kind in groupby(headed, key=lambda each: each[1].right):
        lines += [*(f"{heading}: {mistake.does}" for heading, mistake in of_kind), f"right: {right}"]
    return lines


def _specs(seen: Sequence[Seen]) -> str:
    return ", ".join(str(each.probe) for each in seen[:_MOST_NAMED]) + (", ..." if len(seen) > _MOST_NAMED else "")


def _made_before(mistake: Mistake) -> list[str]:
    return [f"made before: {', '.join(mistake.links)}"] if mistake.links else []


def elements(array: Any) -> str:
    return f"[{', '.join(f'{value:.9g}' for value in array.ravel())}]"

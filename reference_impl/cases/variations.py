"""A case with one of its parts changed at a time: the next questions to a kernel that is right on its own shape."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from .case import Case

# A larger case is varied on a smaller image, with batch 1.
MOST_MULTIPLY_ADDS = 20_000_000


def one_changed(case: Case) -> list[Case]:
    """Return a case, on a smaller image if it is large, and its like with one part changed: most important first.

    Order: batch, image, stride, padding, dilation, groups, kernel, channels. Changes that give no convolution are left
    out.
    """
    start = smaller(case)
    found: dict[Case, None] = dict.fromkeys([start] if start != case else [])
    for changes in _changes(start):
        found |= dict.fromkeys(made(start, **changes))
    found.pop(case, None)
    return list(found)


def made(case: Case, **changes: Any) -> Iterator[Case]:
    """Yield the case with these changes; nothing if there is no such convolution."""
    try:
        yield replace(case, **changes)
    except ValueError:
        return


def smaller(case: Case) -> Case:
    """Return the case with batch 1, and with half the image while it is large and the kernel still fits in it."""
    if case.multiply_adds <= MOST_MULTIPLY_ADDS:
        return case
    case = replace(case, batch=min(case.batch, 1))
    while case.multiply_adds > MOST_MULTIPLY_ADDS:
        try:
            # One is odd, so that no two sizes are alike.
            halved = replace(case, height=case.height // 2, width=case.width // 2 + 1)
        except ValueError:  # the kernel no longer fits
            break
        if halved.multiply_adds >= case.multiply_adds:
            break
        case = halved
    return case


def _changes(case: Case) -> Iterator[dict[str, Any]]:
    (kh, kw), inputs, outputs = case.kernel_size, case.input_channels, case.output_channels
    for batch in (1, 2, 3, 5, case.batch + 1):
        yield {"batch": batch}
    for more in (1, -1, 2, 4, 7):
        yield {"height": case.height + more}
        yield {"width": case.width + more}
    yield {"height": case.width, "width": case.height}
    for name in ("strides", "dilations"):
        own = getattr(case, name)
        for changed in ((2, 2), (1, 1), (1, 2), (2, 1), (3, 3)):
            if changed != own:
                yield {name: changed}
        if name == "strides":
            yield from _paddings(case)
    for groups in sorted({2, 3, 4, inputs, 1} - {case.groups}):
        if groups and inputs % groups == 0:
            yield {"groups": groups, "output_channels": -(-outputs // groups) * groups}
    for kernel in ((kh, kh), (kw, kw), (kw, kh), (1, 1), (kh + 1, kw), (kh, kw + 1), (3, 3), (5, 5)):
        yield {"kernel_size": kernel}
    depthwise = case.groups == inputs
    for count in (1, inputs + case.groups, 2 * inputs, 3, 33):
        together = {"groups": count, "output_channels": count * (outputs // inputs)} if depthwise and inputs else {}
        yield {"input_channels": count, **together}
    for count in (case.groups, outputs + case.groups, 2 * outputs, 33):
        yield {"output_channels": count}


def _paddings(case: Case) -> Iterator[dict[str, Any]]:
    for top, left in ((1, 1), (0, 0), (1, 0), (0, 1), (2, 1)):
        pads = (top, top), (left, left)
        yield {"padding": pads if any((top, left)) else "VALID"}
    yield {"padding": "SAME"}

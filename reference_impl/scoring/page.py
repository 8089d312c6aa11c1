"""docs/mistakes.md: each mistake with what it does, what is right, the places where it was made, and an example."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..mistakes import FAMILIES, MISTAKES, Mistake
from .example import Example, example

_HEAD = f"""# Mistakes

{len(MISTAKES)} wrong convolutions. The suite must see each of them. This page is written by
`python -m reference_impl mistakes --write docs/mistakes.md`.

Each example is a tiny call with its right answer and the wrong one. Arrays are printed without their axes of size 1,
rows within images, channels innermost. Of a long answer only the first wrong element is given. The dtype is float32
unless it is named.
"""

# Longer arrays are not printed in full.
_MOST = 18


def page() -> str:
    """Return the contents of docs/mistakes.md."""
    return _HEAD + "".join(
        f"\n## {family.capitalize()}\n" + "".join(_section(mistake) for mistake in MISTAKES if mistake.family == family)
        for family in FAMILIES
    )


def _section(mistake: Mistake) -> str:
    links = " ".join(f"[{_short(link)}]({link})" for link in mistake.links)
    where = f"\nMade in: {links}\n" if links else ""
    lines = "".join(f"    {line}\n" for line in _example_lines(example(mistake)))
    operations = ", ".join(f"`{operation}`" for operation in mistake.operations)
    told = f"{mistake.does}\n\nRight: {mistake.right}\n\nIt spoils {operations}.\n"
    return f"\n### {mistake.name}\n\n{told}{where}\n{lines}"


def _example_lines(found: Example) -> Iterator[str]:
    call = found.call
    yield f"{call.operation} {call.case}{found.how and f', {found.how}'}"
    for name, array in call.arrays.items():
        yield f"{name} {_values(array)}"
    if found.what:
        yield f"{found.what}:"
    right, wrong = _compared(found.right, found.wrong)
    yield f"right {right}"
    yield f"wrong {wrong}"


def _compared(right: np.ndarray, wrong: Any) -> tuple[str, str]:
    """Return both as text, with as much of them as shows the difference."""
    if not isinstance(wrong, np.ndarray):
        return _values(right), wrong if isinstance(wrong, str) else f"{type(wrong).__name__} {wrong}"
    if right.shape != wrong.shape:
        return f"shape {right.shape}: {_values(right)}", f"shape {wrong.shape}: {_values(wrong)}"
    if right.dtype != wrong.dtype:
        return f"{right.dtype} {_values(right)}", f"{wrong.dtype} {_values(wrong)}"
    if right.size <= _MOST:
        return _values(right), _values(wrong)
    first = tuple(int(index) for index in np.argwhere(right != wrong)[0])
    where = f"[{', '.join(map(str, first))}] is"
    return f"{where} {_number(right[first])}", f"{where} {_number(wrong[first])}"


def _values(array: np.ndarray) -> str:
    if array.size > _MOST:
        start = ", ".join(map(_number, array.flat[:3]))
        return f"[{start}, ..., {_number(array.flat[-1])}], {array.size} elements"
    return _nested(np.squeeze(array))


def _nested(array: np.ndarray) -> str:
    return f"[{', '.join(map(_nested, array))}]" if array.ndim else _number(array[()])


def _number(value: Any) -> str:
    """Return integers exactly, and other numbers to nine digits."""
    exactly = isinstance(value, np.integer) or (abs(float(value)) < 2**53 and value == int(value))
    return str(int(value)) if exactly else f"{float(value):.9g}"


def _short(link: str) -> str:
    """Return owner/repository#number, or the path within GitHub."""
    path = link.removeprefix("https://github.com/")
    for word in ("/issues/", "/pull/"):
        path = path.replace(word, "#")
    return path

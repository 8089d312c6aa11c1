"""Known wrong convolutions. They measure the suite, which must see each; they diagnose a backend, and they teach."""

from __future__ import annotations

from difflib import get_close_matches

from . import axes, behaviour, calls, flips, padding, same_padding, sizes, strides, sums, values
from .altered_call import AlteredCall, NoAnswer
from .mistake import FAMILIES, RIGHT, Mistake

__all__ = [
    "FAMILIES",
    "MISTAKES",
    "RIGHT",
    "AlteredCall",
    "Mistake",
    "NoAnswer",
    "by_name",
]

MISTAKES: tuple[Mistake, ...] = tuple(
    mistake
    for module in (same_padding, padding, strides, flips, axes, sizes, calls, sums, values, behaviour)
    for mistake in module.FAMILY.mistakes
)

_BY_NAME = {mistake.name: mistake for mistake in MISTAKES}


def by_name(name: str) -> Mistake:
    """The mistake of that name. Raises ValueError if there is none."""
    if name not in _BY_NAME:
        nearest = ", ".join(get_close_matches(name, _BY_NAME)) or "none of them"
        raise ValueError(f"mistake must be one of those in docs/mistakes.md; not {name!r}, which is like {nearest}")
    return _BY_NAME[name]

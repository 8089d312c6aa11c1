"""The catalogue of known wrong convolutions.

The suite must see each of them. A diagnosis names the one that a failing backend makes, and docs/mistakes.md shows all.
"""

from __future__ import annotations

from difflib import get_close_matches

from . import axes, behaviour, calls, flips, padding, same_padding, sizes, state, strides, sums, values
from .altered_call import NoAnswer
from .mistake import FAMILIES, NO_MISTAKE, Mistake

__all__ = ["FAMILIES", "MISTAKES", "NO_MISTAKE", "Mistake", "NoAnswer", "by_name"]

MISTAKES: tuple[Mistake, ...] = tuple(
    mistake
    for module in (same_padding, padding, strides, flips, axes, sizes, calls, sums, values, behaviour, state)
    for mistake in module.FAMILY.mistakes
)

_BY_NAME = {mistake.name: mistake for mistake in MISTAKES}


def by_name(name: str) -> Mistake:
    """Return the mistake of that name. Raise ValueError if there is none."""
    if name not in _BY_NAME:
        nearest = ", ".join(get_close_matches(name, _BY_NAME)) or "none of them"
        raise ValueError(f"mistake must be one of those in docs/mistakes.md; not {name!r}, which is like {nearest}")
    return _BY_NAME[name]

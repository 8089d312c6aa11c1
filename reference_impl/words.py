"""Numbers and lists in words."""

from __future__ import annotations

from collections.abc import Sequence


def counted(number: int, what: str) -> str:
    """Return a number of things in words: "1 case", "1,204 calls"."""
    return f"{number:,} {what}{'s' if number != 1 else ''}"


def listed(names: Sequence[str], word: str = "and") -> str:
    """Return "a, b and c"."""
    return f" {word} ".join(filter(None, (", ".join(names[:-1]), names[-1])))

"""Checks of the values in a declaration: names, dicts and numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from difflib import get_close_matches
from numbers import Real
from typing import Any


def names(field: str, given: Any, known: tuple[str, ...], *, empty: bool = False) -> tuple[str, ...]:
    """Check the names of a field. Return them as a tuple, each once."""
    example = f'("{known[-1]}",)'
    if isinstance(given, str):
        raise TypeError(f"{field} must be a tuple of names, as {example}; not the string {given!r}")
    if isinstance(given, Mapping) or not isinstance(given, Iterable):
        raise TypeError(f"{field} must be a tuple of names, as {example}; not {given!r}")
    found = tuple(given)
    if not found and not empty:
        raise ValueError(f"{field} must name at least one of {', '.join(known)}; it is empty")
    for each in found:
        name(field, each, known)
    return tuple(each for each in known if each in found) if isinstance(given, Set) else tuple(dict.fromkeys(found))


def name(field: str, given: Any, known: tuple[str, ...]) -> None:
    """Refuse a name that is not known."""
    if not isinstance(given, str):
        raise TypeError(f'{field} must hold names, as "{known[-1]}"; not {given!r}')
    if given not in known:
        near = get_close_matches(given, known, n=1, cutoff=0.5)
        meant = f": did you mean {near[0]}?" if near else ""
        raise ValueError(f"{field} must be some of {', '.join(known)}; not {given!r}{meant}")


def mapping(field: str, given: Any, example: str) -> Mapping[Any, Any]:
    """Require a dict."""
    if not isinstance(given, Mapping):
        raise TypeError(f"{field} must be a dict, as {example}; not {given!r}")
    return given


def number(field: str, given: Any) -> float:
    """Require a number."""
    if isinstance(given, bool) or not isinstance(given, Real):
        raise TypeError(f"{field} must be a number; not {given!r}")
    return float(given)

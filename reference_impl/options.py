"""Checks of options that several commands take."""

from __future__ import annotations

from collections.abc import Sequence

import typer


def one_of(words: Sequence[str] | None, known: Sequence[str], option: str) -> Sequence[str]:
    """Return the words given for an option, or none if it was left out; refuse a word that is not known.

    Raises
    ------
    typer.BadParameter
        If a word is not one of `known`. The message names `option` ("--operation") and lists `known`.
    """
    for word in words or ():
        if word not in known:
            raise typer.BadParameter(f"must be one of {', '.join(known)}; not {word!r}", param_hint=option)
    return words or ()

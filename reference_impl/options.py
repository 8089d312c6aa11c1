"""Checks of options that several commands take."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from .console import plain_text


class BadUsage(typer.BadParameter):
    """A bad value of an option, or of an argument. Its message may hold text of others."""

    def __init__(self, said: object, option: str | None = None) -> None:
        super().__init__(plain_text(str(said)), param_hint=option)


def one_of(words: Sequence[str] | None, known: Sequence[str], option: str) -> Sequence[str]:
    """Return the words given for an option, or none if it was left out; refuse a word that is not known.

    Raises
    ------
    typer.BadParameter
        If a word is not one of `known`. The message names `option` ("--operation") and lists `known`.
    """
    for word in words or ():
        if word not in known:
            raise BadUsage(f"must be one of {', '.join(known)}; not {word!r}", option)
    return words or ()

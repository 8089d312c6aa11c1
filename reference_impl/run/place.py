"""An error of a backend in words, with the place in the user's own code where it was raised."""

from __future__ import annotations

import sysconfig
import traceback
from functools import cache
from pathlib import Path

# Python's own files, installed packages, and our own files.
_LIBRARIES = (*(Path(sysconfig.get_paths()[name]) for name in ("stdlib", "purelib")), Path(__file__).parents[1])
# The most letters of a message that are kept. Reports show fewer.
_MOST = 100_000


def told(error: BaseException) -> tuple[str, str, str]:
    """Return the error's type, its message and the place: the arguments of `Raised`."""
    try:
        said = str(error)
    except Exception as other:  # a class of the backend's may do anything
        said = f"its message cannot be had: str() of it raised {type(other).__name__}"
    if len(said) > _MOST:
        said = f"{said[:_MOST]}... ({len(said):,} letters)"
    return type(error).__name__, said, place_of(error)


def place_of(error: BaseException) -> str:
    """The last line of the user's own code on the way to the error."""
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if not _is_of_a_library(frame.filename)]
    return f" ({theirs[-1].filename}, line {theirs[-1].lineno}, in {theirs[-1].name})" if theirs else ""


@cache
def _is_of_a_library(file: str) -> bool:
    return any(map(Path(file).is_relative_to, _LIBRARIES))

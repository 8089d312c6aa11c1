"""The place in the user's own code where an error was raised."""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path

# Python's own files, installed packages, and our own files.
_LIBRARIES = (*(Path(sysconfig.get_paths()[name]) for name in ("stdlib", "purelib")), Path(__file__).parents[1])


def place_of(error: BaseException) -> str:
    """The last line of the user's own code on the way to the error."""
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if not any(map(Path(frame.filename).is_relative_to, _LIBRARIES))]
    return f" ({theirs[-1].filename}, line {theirs[-1].lineno}, in {theirs[-1].name})" if theirs else ""

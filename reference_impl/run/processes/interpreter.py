"""The command that starts a module of this package in an interpreter of its own."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

# Python puts the current directory, as "", on the path of -c. A file there must not be taken for a framework. This
# package is taken from where it is, even if that is not on the path.
_START = """
import sys
sys.path[:] = [{home!r}, *filter(None, sys.path)]
import {package}
del sys.path[0]
from {module} import main
main(*sys.argv[1:])
"""
_HOME = str(Path(__file__).parents[3])
# Leave the current directory alone: Python 3.13.0 fails on modules without some attribute, where it was deleted.
_SAFE_PATH = ["-P"] if sys.version_info >= (3, 11) else []


def command(module: str, arguments: Sequence[str]) -> list[str]:
    """Return the command that calls `main` of a module beside this one."""
    start = _START.format(home=_HOME, package=__package__.partition(".")[0], module=f"{__package__}.{module}")
    return [sys.executable, *_SAFE_PATH, "-c", start, *arguments]

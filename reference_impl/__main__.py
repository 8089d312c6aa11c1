"""`python -m reference_impl`, the same as the command `conv2d-reference`."""

from __future__ import annotations

import contextlib
import os
import sys


def main() -> None:
    try:
        from .cli import app
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("reference_impl"):
            raise
        sys.exit(f"the command line needs {error.name}: pip install 'conv2d-reference-impl[verify]'")
    app(prog_name="conv2d-reference")


def _leave_out_current_directory() -> None:
    """Undo what -m does to the path: a plain run must not take a file scipy.py here for SciPy."""
    added = not (sys.flags.isolated or getattr(sys.flags, "safe_path", False))
    with contextlib.suppress(FileNotFoundError):  # it was deleted, and is not on the path
        if added and sys.path[:1] == [os.getcwd()]:
            del sys.path[0]


if __name__ == "__main__":
    _leave_out_current_directory()
    main()

"""Files that commands write: whole or not at all, through links, and never in the place of a device."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path


def check_writable(path: Path) -> None:
    """Raise ValueError if no file can be written to `path`: before a long run, and without touching it."""
    parent = Path(os.path.realpath(path)).parent
    if path.is_dir():
        raise ValueError(f"must be a file; {path} is a folder")
    if os.path.islink(os.path.realpath(path)):
        raise ValueError(f"must be a file; {path} is a link that leads to itself")
    if not path.exists() and not parent.is_dir():
        raise ValueError(f"there is no folder {parent} to write to")
    if not os.access(path if path.exists() else parent, os.W_OK):
        raise ValueError(f"must be writable; {path if path.exists() else parent} is not")


def write_file(path: Path, data: bytes | Iterable[bytes]) -> None:
    """Write a file, of one piece or of several. After an error it is as it was.

    A link stays a link: the file that it leads to is written. Devices and pipes are written to. A file that exists
    keeps its permissions. It is written in place if it has several names, or if its folder cannot be written to.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    pieces = [data] if isinstance(data, bytes) else data
    try:
        found = os.stat(path)
    except FileNotFoundError:
        _replace(Path(os.path.realpath(path)), pieces, None)
        return
    if not stat.S_ISREG(found.st_mode):
        with open(path, "wb", buffering=0) as file:
            for piece in pieces:
                _write_all(file.fileno(), piece)
    elif _is_open_here(found):  # /dev/stdout, led to a file
        with open(path, "ab") as file:
            file.writelines(pieces)
    elif not os.access(path, os.W_OK):
        raise PermissionError(f"{path} must be writable")
    elif found.st_nlink > 1:  # another name of the file must not keep the old content
        _write_in_place(path, pieces)
    else:
        _replace(Path(os.path.realpath(path)), pieces, found)


def _replace(path: Path, pieces: Iterable[bytes], former: os.stat_result | None) -> None:
    """Write to a new file beside `path`, then put it in the place of `path`."""
    try:
        descriptor, partial = tempfile.mkstemp(prefix=".", suffix=".partial", dir=path.parent)
    except PermissionError:
        if former is None:
            raise
        _write_in_place(path, pieces)  # the file may be written, but not its folder
        return
    try:
        with open(descriptor, "wb") as file:
            file.writelines(pieces)
            os.chmod(partial, stat.S_IMODE(former.st_mode) if former else 0o666 & ~_umask())
        os.replace(partial, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(partial)


def _write_in_place(path: Path, pieces: Iterable[bytes]) -> None:
    with open(path, "wb") as file:
        file.writelines(pieces)


def _is_open_here(found: os.stat_result) -> bool:
    """True if stdout or stderr leads to this file."""
    for descriptor in (1, 2):
        with contextlib.suppress(OSError):
            if os.path.samestat(found, os.fstat(descriptor)):
                return True
    return False


def _write_all(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask

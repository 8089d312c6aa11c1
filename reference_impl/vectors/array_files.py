"""Files of named arrays: npz without pickles, plain text, or ONNX. The same arrays give the same bytes."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..cases.case import DTYPES
from ..verdicts.call import numpy_dtype
from . import onnx_files
from .onnx_files import Arrays

# The suffix of a format's files.
SUFFIXES = {"npz": ".npz", "text": ".txt"}
# This format has a folder for each vector.
ONNX = "onnx"

# A zip must give each file a time. This is the earliest that it can give.
_TIME = (1980, 1, 1, 0, 0, 0)


class BadFile(ValueError):
    """A file that cannot be used; the message names it and says what must hold."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}")


def write(path: Path, arrays: Arrays) -> None:
    """Write arrays to a file in the format of its suffix, npz or text."""
    if path.suffix == SUFFIXES["npz"]:
        _write_npz(path, arrays)
    else:
        path.write_text("".join(f"{line}\n" for line in _lines(arrays)), "ascii", newline="\n")


def read(path: Path) -> Arrays:
    """Return the arrays of a file. Raises BadFile if it is damaged or of another kind, and OSError as `open` does."""
    if path.suffix == SUFFIXES["npz"]:
        return _read_npz(path)
    return _read_onnx(path) if path.is_dir() or path.suffix == onnx_files.RESULT_SUFFIX else _read_text(path)


def _write_npz(path: Path, arrays: Arrays) -> None:
    # Not compressed: the bytes that deflate makes depend on its version.
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy", _TIME)
            member.create_system, member.external_attr = 3, 0o644 << 16
            with archive.open(member, "w") as file:
                np.lib.format.write_array(file, array, version=(1, 0), allow_pickle=False)


def _read_npz(path: Path) -> Arrays:
    arrays = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                with archive.open(name) as file:
                    arrays[name.removesuffix(".npy")] = np.lib.format.read_array(file, allow_pickle=False)
    except (ValueError, EOFError, OSError, RuntimeError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
        raise BadFile(path, f"must be an npz file of arrays without pickles; {error}") from None
    return arrays


def _read_onnx(path: Path) -> Arrays:
    try:
        return onnx_files.read(path)
    except ValueError as error:
        raise BadFile(path, str(error)) from None


def _lines(arrays: Arrays) -> Iterator[str]:
    """Yield the lines of each array: `name dtype rank sizes...`, then one number a line, the last axis running fastest.

    A float is written as the shortest decimal that gives the same float64. So it gives the same bits whether it is
    read as a float64 or directly in its dtype.
    """
    for name, array in arrays.items():
        yield " ".join(map(str, (name, array.dtype.name, array.ndim, *array.shape)))
        yield from map(repr, (array if array.dtype.kind in "iu" else array.astype(np.float64)).ravel().tolist())


def _read_text(path: Path) -> Arrays:
    try:
        words = path.read_text("ascii").split()
    except UnicodeDecodeError as error:
        raise BadFile(path, f"must be plain ASCII text; byte {error.start} is not") from None
    arrays: Arrays = {}
    try:
        while words:
            name, shape, dtype, words = _header(words)
            count = math.prod(shape)
            if name in arrays:
                raise ValueError(f"each array must be given once; {name} is given twice")
            if len(words) < count:
                raise ValueError(f"{name} must have {count} numbers, as its shape is {shape}; only {len(words)} follow")
            arrays[name] = _numbers(name, words[:count], dtype).reshape(shape)
            words = words[count:]
    except ValueError as error:
        raise BadFile(path, str(error)) from None
    return arrays


def _header(words: list[str]) -> tuple[str, tuple[int, ...], str, list[str]]:
    """Split off an array's header; return its name, shape and dtype, and the words that follow."""
    said = " ".join(words[:7])
    if len(words) < 3 or not words[0].isidentifier() or words[1] not in DTYPES or not words[2].isdecimal():
        raise ValueError(f"an array must begin with its name, dtype ({', '.join(DTYPES)}) and rank; not {said!r}")
    name, dtype, end = words[0], words[1], 3 + int(words[2])
    sizes = words[3:end]
    if len(words) < end or not all(size.isdecimal() for size in sizes):
        raise ValueError(f"{name} has rank {words[2]}, so as many sizes must follow; not {said!r}")
    return name, tuple(map(int, sizes)), dtype, words[end:]


def _numbers(name: str, words: list[str], dtype: str) -> np.ndarray:
    target = numpy_dtype(dtype)
    try:
        if target.kind in "iu":
            return _integers([int(word) for word in words], target)
        with np.errstate(over="ignore"):
            return np.array([_float(word) for word in words], np.float64).astype(target)
    except ValueError as error:
        raise ValueError(f"{name} must hold numbers of {dtype}: {error}") from None


def _integers(values: list[int], dtype: Any) -> np.ndarray:
    limits = np.iinfo(dtype)
    for value in values:
        if not limits.min <= value <= limits.max:
            raise ValueError(f"{value} is outside {limits.min} to {limits.max}")
    return np.array(values, dtype)


def _float(word: str) -> float:
    """Read a decimal number, or a hexadecimal one as C's %a writes it."""
    return float.fromhex(word) if "x" in word.lower() else float(word)

"""Files of named arrays: npz without pickles, plain text, or ONNX. The same arrays give the same bytes."""

from __future__ import annotations

import io
import math
import re
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..cases.case import DTYPES
from ..verdicts.call import numpy_dtype
from . import onnx_files
from .onnx_files import Arrays

# The suffix of a format's files.
SUFFIXES = {"npz": ".npz", "text": ".txt"}
# This format has a folder for each vector.
ONNX = "onnx"

# Bytes of a file beside its numbers; and the most that the header of an array in npz may take.
_ROOM, _MOST_OF_A_HEADER = 1 << 16, 1 << 12
# Letters of text for a byte of a number, at most; and a file has fewer arrays.
_LETTERS, _MOST_ARRAYS = 8, 32

_INTEGER = re.compile(r"[+-]?[0-9]{1,40}")
_DECIMAL = re.compile(r"[+-]?(([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?|inf|infinity|nan)", re.IGNORECASE)
_HEXADECIMAL = re.compile(r"[+-]?0x([0-9a-f]+\.?[0-9a-f]*|\.[0-9a-f]+)(p[+-]?[0-9]+)?", re.IGNORECASE)

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


def read(path: Path, most: int | None = None) -> Arrays:
    """Return the arrays of a file, which may take `most` bytes together. By default it is stored as it is, in full.

    Raises
    ------
    BadFile
        If it is damaged, too large or of another kind. Nothing larger than `most` is unpacked.
    """
    try:
        if path.is_dir() or path.suffix == onnx_files.RESULT_SUFFIX:
            return _read_onnx(path, most)
        size = path.stat().st_size
        most = size if most is None else most
        if size > _ROOM + (most if path.suffix == SUFFIXES["npz"] else _LETTERS * most):
            raise ValueError(f"must hold arrays of {most:,} bytes at most; the file has {size:,}")
        return _read_npz(path, most) if path.suffix == SUFFIXES["npz"] else _read_text(path)
    except ImportError:
        raise
    except Exception as error:  # a damaged file may lead its readers to any error
        raise BadFile(path, str(error) or type(error).__name__) from None


def _write_npz(path: Path, arrays: Arrays) -> None:
    # Not compressed: the bytes that deflate makes depend on its version.
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy", _TIME)
            member.create_system, member.external_attr = 3, 0o644 << 16
            with archive.open(member, "w") as file:
                np.lib.format.write_array(file, array, version=(1, 0), allow_pickle=False)


def _read_npz(path: Path, most: int) -> Arrays:
    arrays: Arrays = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                name = member.filename.removesuffix(".npy")
                _check_new(name, arrays)
                if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise ValueError(f"{name} must be stored or deflated")
                with archive.open(member) as file:
                    arrays[name] = _read_npy(file, name, most)
                most -= arrays[name].nbytes
    except Exception as error:
        raise ValueError(f"must be an npz file of arrays without pickles; {error or type(error).__name__}") from None
    return arrays


def _check_new(name: str, arrays: Arrays) -> None:
    if name in arrays:
        raise ValueError(f"each array must be given once; {name} is given twice")
    if len(arrays) == _MOST_ARRAYS:
        raise ValueError(f"there must be {_MOST_ARRAYS} arrays at most; {name} is one more")


def _read_npy(file: IO[bytes], name: str, most: int) -> np.ndarray:
    """Read one array. Its header is read first, so that nothing is unpacked that is too large."""
    begin = io.BytesIO(file.read(_MOST_OF_A_HEADER))
    version = np.lib.format.read_magic(begin)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"{name} must be npy of version 1.0 or 2.0; not {version[0]}.{version[1]}")
    reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy warns of headers that Python 2 wrote
        shape, by_columns, dtype = reader(begin)
    size = math.prod(shape) * dtype.itemsize
    if dtype.hasobject or dtype.names or any(length < 0 for length in shape):
        raise ValueError(f"{name} must hold numbers; its header says {dtype} of shape {shape}")
    if size > most:
        raise ValueError(f"{name} must take {most:,} bytes at most; its header says {dtype} of shape {shape}")
    data = begin.read() + file.read(max(size - _MOST_OF_A_HEADER, 0) + _MOST_OF_A_HEADER)
    if len(data) != size:
        raise ValueError(f"{name} must have {size:,} bytes of numbers, as its header says; it has {len(data):,}")
    return np.ndarray(shape, dtype, bytearray(data), order="F" if by_columns else "C")


def _read_onnx(path: Path, most: int | None) -> Arrays:
    size = path.stat().st_size
    if most is not None and size > _ROOM + 10 * most:  # protobuf may take 10 bytes for a small number
        raise ValueError(f"must hold a tensor of {most:,} bytes at most; the file has {size:,}")
    return onnx_files.read(path)


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
        raise ValueError(f"must be plain ASCII text; byte {error.start} is not") from None
    arrays: Arrays = {}
    while words:
        name, shape, dtype, words = _header(words)
        count = math.prod(shape)
        _check_new(name, arrays)
        if len(words) < count:
            raise ValueError(f"{name} must have {count} numbers, as its shape is {shape}; only {len(words)} follow")
        arrays[name] = _numbers(name, words[:count], dtype).reshape(shape)
        words = words[count:]
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
            return _integers([_integer(word) for word in words], target)
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


def _integer(word: str) -> int:
    if not _INTEGER.fullmatch(word):
        raise ValueError(f"a number must be decimal digits, perhaps with a sign; not {word!r}")
    return int(word)


def _float(word: str) -> float:
    """Read a decimal number, or a hexadecimal one as C's %a writes it. Python itself would take 1_0 too."""
    if _DECIMAL.fullmatch(word):
        return float(word)
    if _HEXADECIMAL.fullmatch(word):
        return float.fromhex(word)
    raise ValueError(f"a number must be as C writes it; not {word!r}")

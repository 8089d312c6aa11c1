"""The manifest of a folder of golden vectors: what each file holds, and how it was made.

`manifest.schema.json` describes it for other programs; the tests hold `read` to that schema.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import __version__
from ..cases.case import Case
from ..exact.formats import FORMATS
from ..operations import OPERATIONS
from ..verdicts.call import array_shapes
from ..verdicts.integers import integer_call
from ..verdicts.real_data import KINDS, real_task
from . import array_files
from .array_files import BadFile

NAME = "manifest.json"
SCHEMA_VERSION = 1

INTEGER = "integer"

_PACKAGE = "conv2d-reference-impl"


@dataclass(frozen=True)
class Vector:
    """One call and its answer: `data` is INTEGER or one of real_data.KINDS.

    `file` names its file in the folder, and `sha256` is the hash of that. A program's answer is to be named `result`.
    """

    operation: str
    case: Case
    data: str
    seed: int
    file: str
    sha256: str
    result: str

    @property
    def is_integer(self) -> bool:
        return self.data == INTEGER

    @property
    def answer_shape(self) -> tuple[int, ...]:
        case = self.case
        if self.operation == "conv2d":
            return case.output_shape
        return case.filter_sizes if self.operation == "conv2d_backprop_filter" else case.input_sizes

    def entry(self) -> dict[str, Any]:
        """Return what the manifest says of this vector."""
        maker = integer_call if self.is_integer else real_task
        return {
            "file": self.file,
            "sha256": self.sha256,
            "result": self.result,
            "operation": self.operation,
            "case": str(self.case),
            "dtype": self.case.dtype,
            "shapes": {**array_shapes(self.case, self.operation), "expected": self.answer_shape},
            "options": {**self.case.options, "pads": self.case.convolution.padding},
            "data": self.data,
            "made_by": f"{maker.__module__}.{maker.__name__}",
            "seed": self.seed,
        }


@dataclass(frozen=True)
class LeftOut:
    """A call that was asked for but that the format cannot express, and the reason."""

    operation: str
    case: Case
    reason: str

    def entry(self) -> dict[str, str]:
        return {"operation": self.operation, "case": str(self.case), "reason": self.reason}


def sha256(path: Path) -> str:
    """SHA-256 of a file, or of all files of a folder in name order."""
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as opened:
            while part := opened.read(1 << 20):
                digest.update(part)
    return digest.hexdigest()


def write(folder: Path, vectors: list[Vector], file_format: str, left_out: Sequence[LeftOut] = ()) -> None:
    document: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "made_with": {_PACKAGE: __version__},
        "format": file_format,
        "vectors": [vector.entry() for vector in vectors],
    }
    if left_out:
        document["left_out"] = [one.entry() for one in left_out]
    (folder / NAME).write_text(json.dumps(document, indent=1) + "\n", "utf-8", newline="\n")


def read(folder: Path) -> list[Vector]:
    """Return the vectors of a folder. Raises BadFile if its manifest is missing, damaged or of another version."""
    path = folder / NAME
    if not path.is_file():
        raise BadFile(path, "must be there: `export` writes it last, so without it the export is not complete")
    try:
        document = json.loads(path.read_text("utf-8"), object_pairs_hook=_object)
    except UnicodeDecodeError as error:
        raise BadFile(path, f"must be JSON, in UTF-8; byte {error.start} is not") from None
    except (OSError, ValueError) as error:
        raise BadFile(path, f"must be JSON; {error}") from None
    except RecursionError:
        raise BadFile(path, "must be JSON of a few levels; it has too many") from None
    try:
        return _vectors(document)
    except ValueError as error:
        raise BadFile(path, str(error)) from None
    except (RecursionError, MemoryError) as error:
        raise BadFile(path, f"must hold vectors of a size that can be handled; {type(error).__name__}") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise ValueError(f"each field must be given once; {twice!r} is given twice")
    return found


# Rules: what a field must be, and a test of that.


def _one_of(known: Sequence[str]) -> tuple[str, Callable[[Any], bool]]:
    return f"one of {', '.join(known)}", lambda value: value in known


def _spelt(said: str, pattern: str) -> tuple[str, Callable[[Any], bool]]:
    return said, lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


_STRING = _spelt("a string", "(?s).*")
_NAME = _spelt(
    "a name without a folder, of at most 250 letters, that ends in .npz, .txt, .pb, .integer or .real",
    r"(?=.{1,250}\Z)[A-Za-z0-9_,][A-Za-z0-9_,.]*\.(npz|txt|pb|integer|real)",
)
_RULES = {
    "format": _one_of((*array_files.SUFFIXES, array_files.ONNX)),
    "file": _NAME,
    "sha256": _spelt("64 hexadecimal digits in lower case", "[0-9a-f]{64}"),
    "result": _NAME,
    "operation": _one_of(OPERATIONS),
    "case": _STRING,
    "data": _one_of((INTEGER, *KINDS)),
    "made_by": _STRING,
    "seed": ("an integer >= 0", lambda value: type(value) is int and value >= 0),
    "reason": _STRING,
}
# These follow from a vector's operation and case.
_DERIVED = ("dtype", "shapes", "options")


def _vectors(document: Any) -> list[Vector]:
    _must(isinstance(document, dict), "the manifest", "an object", document)
    version = document.get("schema_version")
    _must(
        _alike(version, SCHEMA_VERSION),
        "schema_version",
        f"{SCHEMA_VERSION}, the only one that this version reads",
        version,
    )
    _check_fields("", document, ("schema_version", "made_with", "format", "vectors"), optional=("left_out",))
    made_with = document["made_with"]
    versions = made_with if isinstance(made_with, dict) else {}
    holds = _PACKAGE in versions and all(isinstance(value, str) for value in versions.values())
    _must(holds, "made_with", f"packages and their versions, {_PACKAGE} among them", made_with)
    for number, entry in enumerate(_list(document.get("left_out", []), "left_out")):
        _check_fields(f"left_out[{number}]", entry, ("operation", "case", "reason"))
    vectors = _list(document["vectors"], "vectors")
    _must(bool(vectors), "vectors", "a list of one or more vectors", vectors)
    found = [_vector(f"vectors[{number}]", entry) for number, entry in enumerate(vectors)]
    _check_each_once(found)
    _check_files(found, document["format"])
    return found


def _check_each_once(vectors: Sequence[Vector]) -> None:
    said: dict[str, Callable[[Vector], Any]] = {
        "file": lambda vector: vector.file,
        "result": lambda vector: vector.result,
        "operation, case and data": lambda vector: (vector.operation, vector.case, vector.is_integer),
    }
    for name, key in said.items():
        first: dict[Any, int] = {}
        for number, vector in enumerate(vectors):
            before = first.setdefault(key(vector), number)
            if before != number:
                raise ValueError(f"vectors[{number}] must have another {name} than vectors[{before}]; it has the same")


def _check_files(vectors: Sequence[Vector], file_format: str) -> None:
    """Raise ValueError unless every file is of the manifest's format."""
    suffix = array_files.SUFFIXES.get(file_format)
    for number, vector in enumerate(vectors):
        ends = Path(vector.file).suffix
        if ends != suffix if suffix else ends in array_files.SUFFIXES.values():
            raise ValueError(f"vectors[{number}].file must be a file of the format {file_format}; not {vector.file!r}")


def _vector(where: str, entry: Any) -> Vector:
    given = ("operation", "data", "seed", "file", "sha256", "result")
    _check_fields(where, entry, (*given, "case", "made_by", *_DERIVED))
    try:
        case = Case.parse(entry["case"])
    except ValueError as error:
        raise ValueError(f"{where}.case: {error}") from None
    vector = Vector(case=case, **{name: entry[name] for name in given})
    holds = vector.is_integer or case.dtype in FORMATS
    _must(holds, f"{where}.data", f"{INTEGER}, as {case.dtype} is no float", vector.data)
    expected = vector.entry()
    for name in _DERIVED:
        said = f"{json.dumps(expected[name])}, as {vector.operation} on {case} has it"
        _must(_alike(entry[name], expected[name]), f"{where}.{name}", said, entry[name])
    return vector


def _check_fields(where: str, entry: Any, required: Sequence[str], optional: Sequence[str] = ()) -> None:
    """Raise ValueError unless `entry` is an object with these fields and no others, which follow their rules."""
    subject = where or "the manifest"
    _must(isinstance(entry, dict), subject, "an object", entry)
    missing = [name for name in required if name not in entry]
    unknown = [name for name in entry if name not in (*required, *optional)]
    found = [f"{said}: {', '.join(names)}" for said, names in (("missing", missing), ("unknown", unknown)) if names]
    if found:
        raise ValueError(f"{subject} must have the fields {', '.join(required)}; {'; '.join(found)}")
    for name in required:
        if name in _RULES:
            said, holds = _RULES[name]
            _must(holds(entry[name]), f"{where}.{name}".lstrip("."), said, entry[name])


def _list(value: Any, where: str) -> list[Any]:
    _must(isinstance(value, list), where, "a list", value)
    return value


def _must(holds: bool, where: str, said: str, value: Any) -> None:
    if not holds:
        raise ValueError(f"{where} must be {said}; not {json.dumps(value)}")


def _alike(value: Any, expected: Any) -> bool:
    """True if both are the same in JSON, where true is not 1."""
    return json.dumps(value, sort_keys=True) == json.dumps(expected, sort_keys=True)

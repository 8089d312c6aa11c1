"""The manifest of a folder of golden vectors: what each file is and how it was made. Its schema lies beside this."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from .. import __version__
from ..cases.case import Case
from ..exact.formats import FORMATS
from ..geometry import Axis
from ..verdicts.call import array_shapes
from .array_files import BadFile

NAME = "manifest.json"
SCHEMA_VERSION = 1

INTEGER = "integer"


@dataclass(frozen=True)
class Vector:
    """One call and its answer: `data` is INTEGER or one of real_data.KINDS.

    `file`, in the folder, holds it and has the hash `sha256`; `result` is the name of what a program answers to it.
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
        """What the manifest says of it."""
        made_by = "data.integer_call" if self.is_integer else "real_data.real_task"
        return {
            "file": self.file,
            "sha256": self.sha256,
            "result": self.result,
            "operation": self.operation,
            "case": str(self.case),
            "dtype": self.case.dtype,
            "shapes": {**array_shapes(self.case, self.operation), "expected": self.answer_shape},
            "options": {**self.case.options, "pads": pads(self.case)},
            "data": self.data,
            "made_by": f"reference_impl.conformance.{made_by}",
            "seed": self.seed,
        }


@dataclass(frozen=True)
class LeftOut:
    """A call that the format has no way to tell."""

    operation: str
    case: Case
    reason: str

    def entry(self) -> dict[str, str]:
        return {"operation": self.operation, "case": str(self.case), "reason": self.reason}


def pads(case: Case) -> list[tuple[int, int]]:
    """What the padding comes to: (top, bottom), (left, right)."""
    axes: tuple[Axis, Axis] = case.convolution.axes
    return [(axis.pad_before, axis.pad_after) for axis in axes]


def sha256(path: Path) -> str:
    """Of the bytes of a file or, of a folder, of those of all its files in the order of their names."""
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def schema() -> dict[str, Any]:
    """The JSON Schema of the manifest."""
    return json.loads(resources.files(__package__).joinpath("manifest.schema.json").read_text("utf-8"))


def write(folder: Path, vectors: list[Vector], file_format: str, left_out: Sequence[LeftOut] = ()) -> None:
    document: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "made_with": {"conv2d-reference-impl": __version__},
        "format": file_format,
        "vectors": [vector.entry() for vector in vectors],
    }
    if left_out:
        document["left_out"] = [one.entry() for one in left_out]
    (folder / NAME).write_text(json.dumps(document, indent=1) + "\n", "utf-8", newline="\n")


def read(folder: Path) -> list[Vector]:
    """The vectors of a folder. Raises BadFile if its manifest is missing, corrupt, or of another kind."""
    path = folder / NAME
    if not path.is_file():
        raise BadFile(path, "must be there, written by `export` when it is done")
    try:
        document = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise BadFile(path, f"must be JSON; {error}") from None
    _check(path, document)
    try:
        return [_vector(entry) for entry in document["vectors"]]
    except ValueError as error:
        raise BadFile(path, str(error)) from None


def _check(path: Path, document: Any) -> None:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    version = document.get("schema_version") if isinstance(document, dict) else None
    if version != SCHEMA_VERSION:
        raise BadFile(path, f"its schema_version must be {SCHEMA_VERSION}, which is what this version reads; {version}")
    error = best_match(Draft202012Validator(schema()).iter_errors(document))
    if error is not None:
        raise BadFile(path, f"must fit its schema; at {error.json_path}: {error.message}")


def _vector(entry: dict[str, Any]) -> Vector:
    fields = ("operation", "data", "seed", "file", "sha256", "result")
    vector = Vector(case=Case.parse(entry["case"]), **{name: entry[name] for name in fields})
    if not vector.is_integer and vector.case.dtype not in FORMATS:
        raise ValueError(f"{vector.data} data must be floats; {vector.file} is of {vector.case.dtype}")
    return vector

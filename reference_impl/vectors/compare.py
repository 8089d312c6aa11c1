"""Judge a program's results for golden vectors, by the verdicts of `agreement`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..run import outcome
from ..verdicts import agreement
from ..verdicts.agreement import Accuracy, Disagreement
from ..verdicts.call import Call, array_shapes, numpy_dtype, oracle
from ..verdicts.checks import trust
from ..verdicts.real_data import RealTask
from . import array_files, manifest
from .array_files import Arrays, BadFile
from .export import geometry
from .manifest import Vector

MISSING = "missing"
UNREADABLE = "unreadable"

MEANING = {
    **outcome.MEANING,
    MISSING: "there is no result",
    UNREADABLE: "the result's file is not of the form that docs/vectors.md describes",
}

# The name of the only array in a result's file.
RESULT = "result"
# A result may be of another dtype or shape, and is then wrong. One that takes more memory than this is not read.
_MOST_BYTES_OF_A_NUMBER, _ROOM = 16, 1 << 16


@dataclass(frozen=True)
class Judged:
    """One vector with its outcome; `answer` is the array in the result's file, if it could be read."""

    vector: Vector
    path: Path
    outcome: str
    message: str = ""
    ratio: float | None = None
    answer: np.ndarray | None = None

    @property
    def passed(self) -> bool:
        return self.outcome in (outcome.PASS, outcome.MISTRUSTED)

    @property
    def check(self) -> str:
        return "exact" if self.vector.is_integer else "rounded"


def compare(folder: Path, results: Path) -> Iterator[Judged]:
    """Judge the result of each vector of `folder`, in the manifest's order.

    Raises
    ------
    BadFile
        If the manifest or a vector is not as it was exported, so that nothing can be judged by it.
    """
    for vector in manifest.read(folder):
        try:
            yield _judge(vector, read_call(folder, vector), results / vector.result)
        except MemoryError:
            said = f"{vector.operation} on {vector.case} must fit in memory; it does not"
            raise BadFile(folder / manifest.NAME, said) from None


def foreign(vectors: Sequence[Vector], results: Path) -> list[str]:
    """Return the names of files among the results that belong to no vector."""
    known = {vector.result for vector in vectors}
    return sorted(path.name for path in results.iterdir() if path.name not in known)


def read_call(folder: Path, vector: Vector) -> Call:
    """Return a vector's call, read from its file. Raises BadFile if that is not as it was exported."""
    path = folder / vector.file
    if not (path.is_file() or path.is_dir()):
        raise BadFile(path, "must be there, as the manifest names it")
    try:
        found = manifest.sha256(path)
    except OSError as error:
        raise BadFile(path, f"must be readable; {error}") from None
    if found != vector.sha256:
        raise BadFile(path, f"must be as exported, with SHA-256 {vector.sha256}; it has {found}")
    arrays, dtype = array_files.read(path), numpy_dtype(vector.case.dtype)
    shapes = array_shapes(vector.case, vector.operation)
    for name, shape in shapes.items():
        said = _said(arrays, name)
        if name not in arrays or (arrays[name].shape, arrays[name].dtype) != (shape, dtype):
            raise BadFile(path, f"must hold {name}, {dtype} of shape {shape}, for {vector.case}; it holds {said}")
    call = Call(vector.operation, vector.case, {name: arrays[name] for name in shapes})
    if path.is_file():
        _check_others(path, arrays, call, vector)
    return call


def _check_others(path: Path, arrays: Arrays, call: Call, vector: Vector) -> None:
    """Check the arrays that are for programs alone: what they say must not contradict the case."""
    numbers = geometry(vector)
    answers = {"expected": numpy_dtype(vector.case.dtype), "gauge": np.dtype(np.float64)}
    names = [*numbers, *call.arrays, *answers]
    if sorted(arrays) != sorted(names):
        raise BadFile(path, f"must hold {', '.join(names)}; it holds {', '.join(arrays)}")
    for name, array in numbers.items():
        found = arrays[name]
        if found.dtype != array.dtype or not np.array_equal(found, array):
            said = f"{name} must be {array.tolist()}, int64, for {vector.case}"
            raise BadFile(path, f"{said}; it is {found.tolist()}, {found.dtype}")
    for name, dtype in answers.items():
        if (arrays[name].shape, arrays[name].dtype) != (vector.answer_shape, dtype):
            said = f"{arrays[name].dtype} of shape {arrays[name].shape}"
            raise BadFile(path, f"{name} must be {dtype} of shape {vector.answer_shape}; it is {said}")


def _judge(vector: Vector, call: Call, path: Path) -> Judged:
    if not path.is_file():
        return Judged(vector, path, MISSING)
    try:
        arrays = array_files.read(path, _MOST_BYTES_OF_A_NUMBER * math.prod(vector.answer_shape) + _ROOM)
        if list(arrays) != [RESULT]:
            raise BadFile(path, f"must hold one array, named {RESULT}; it holds {_said(arrays, RESULT)}")
    except BadFile as error:
        return Judged(vector, path, UNREADABLE, str(error))
    answer = arrays[RESULT]
    try:
        agreement.assert_shape_and_dtype(answer, vector.answer_shape, vector.case.dtype)
        found = _verdict(vector, call, answer)
    except Disagreement as error:
        message = "\n".join(filter(None, [str(error), error.diagnosis]))
        return Judged(vector, path, outcome.FAIL, message, error.ratio, answer)
    if isinstance(found, Accuracy):
        return Judged(vector, path, outcome.PASS, "", found.worst, answer)
    return Judged(vector, path, outcome.MISTRUSTED if found else outcome.PASS, found or "", None, answer)


def _verdict(vector: Vector, call: Call, answer: np.ndarray) -> Accuracy | str | None:
    """Return the accuracy on real data; on integers, the reason why they prove little, or None. Raises Disagreement."""
    if not vector.is_integer:
        return agreement.assert_rounded(answer, RealTask(vector.data, call), vector.case.dtype)
    expected = oracle(call)
    agreement.assert_exact(answer, expected, call)
    remark = trust(call, expected)
    return remark.text if remark else None


def _said(arrays: Arrays, name: str) -> str:
    if name in arrays and len(arrays) == 1:
        return f"{arrays[name].dtype} of shape {arrays[name].shape}"
    return ", ".join(arrays) or "none"

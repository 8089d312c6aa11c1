"""A call in a process of its own, for backends that are known to die of it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from .outcome import Record

TIME_LIMIT = 120  # seconds, most of them to import a framework


def judge_apart(backend: str, operation: str, case: str, seed: int) -> list[Record] | str:
    """The records of one call of the backend of that name, or how its process died."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder, "records.json")
        command = [sys.executable, "-m", __name__, backend, operation, case, str(seed), str(answer)]
        try:
            finished = subprocess.run(command, capture_output=True, text=True, timeout=TIME_LIMIT)
        except subprocess.TimeoutExpired:
            return f"no answer within {TIME_LIMIT} s"
        if answer.exists():
            return [Record(**fields) for fields in json.loads(answer.read_text("utf-8"))]
    if finished.returncode < 0:
        return f"the process died of signal {-finished.returncode} ({signal.Signals(-finished.returncode).name})"
    return f"the process exited with status {finished.returncode}, without an answer: {finished.stderr[-500:]}"


def _answer(backend: str, operation: str, case: str, seed: str, path: str) -> None:
    from ..backends import load
    from . import known
    from .cases import Case
    from .runner import Subject, judge

    known.known_failures = lambda: ()  # type: ignore[assignment]  # what is expected is for the caller to say
    records = judge(Subject.of(load(backend)), Case.parse(case), operation, int(seed))
    Path(path).write_text(json.dumps([asdict(record) for record in records]), "utf-8")


if __name__ == "__main__":
    _answer(*sys.argv[1:])

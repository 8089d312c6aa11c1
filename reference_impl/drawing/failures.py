"""A picture of a wrong answer of each backend and operation that failed, for `verify --pictures`."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from ..backends import registry
from ..cases.case import Case
from ..run import outcome
from ..run.outcome import Record
from ..run.processes.worker import Died
from ..run.subject import Subject
from ..verdicts.agreement import Difference, Disagreement
from ..verdicts.checks import CHECKS, Check, Trial
from ..verdicts.task import Task
from .difference import picture_of_difference
from .figure_files import save
from .figures import figures_of, require_matplotlib


@dataclass
class Pictures:
    """One for each backend and operation: of the first failure that can be drawn.

    `isolate` asks the backend in a process of its own.
    """

    folder: Path
    isolate: bool = False
    _drawn: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        require_matplotlib()
        self.folder.mkdir(parents=True, exist_ok=True)

    def added(self, subject: Subject, record: Record) -> Record:
        """The record with the name of its picture, or why there is none; as it is, if another has the picture."""
        key = subject.name, record.operation
        if key in self._drawn or record.outcome != outcome.FAIL or not _checks(record):
            return record
        path = self.folder / re.sub(r"[^\w.,-]", "-", f"{subject.name}_{record.operation}_{record.case}.png")
        failed = self._draw(subject, record, path)
        if failed is None:
            self._drawn.add(key)
        said = f"picture: {path}" if failed is None else f"picture: none, as {failed}"
        return replace(record, diagnosis="\n".join(filter(None, [record.diagnosis, said])))

    def _draw(self, subject: Subject, record: Record, path: Path) -> str | None:
        if not self.isolate:
            return draw_failure(subject, record, path)
        try:
            return subject.ask("picture", asdict(record), str(path))
        except Died as died:
            return str(died)


def draw_failure(subject: Subject, record: Record, path: Path) -> str | None:
    """Draw the wrong answer that `record` tells of, or say why not."""
    difference = _seen_again(subject, record)
    if difference is None:
        return "its answer is not wrong element by element, or was not so again"
    try:
        save(figures_of([picture_of_difference(difference)]), path)
    except (OSError, ValueError) as error:
        return str(error)
    return None


def _seen_again(subject: Subject, record: Record) -> Difference | None:
    if subject.argument:  # afresh, as it may remember what it was asked
        subject = replace(subject, backend=registry.load(subject.argument))
    task = Task(Case.parse(record.case), record.operation, record.seed)
    try:
        _checks(record)[0].run(Trial(subject.backend, task, subject.capabilities))
    except Disagreement as error:
        return error.difference
    except Exception:  # whatever a backend may raise the second time
        return None
    return None


def _checks(record: Record) -> list[Check]:
    """The one that failed; none, if that was a claim on the backend as a whole."""
    return [check for check in CHECKS if check.name == record.check]

"""Pictures of failures, one for each backend and operation, for `verify --pictures`."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from ..backends import registry
from ..cases.case import Case
from ..run import outcome
from ..run.outcome import Record
from ..run.subject import Subject
from ..verdicts.agreement import Difference, Disagreement
from ..verdicts.checks import CHECKS, Check, Trial
from ..verdicts.task import Task
from .difference import picture_of_difference
from .figure_files import save
from .figures import figures_of, require_matplotlib


@dataclass
class Pictures:
    """Pictures in `folder`, one for each backend and operation: of its first failure that can be drawn.

    With `isolate`, the backend runs in a process of its own.
    """

    folder: Path
    isolate: bool = False
    _drawn: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        require_matplotlib()
        self.folder.mkdir(parents=True, exist_ok=True)

    def added(self, subject: Subject, record: Record) -> Record:
        """Draw the failure; return the record with the picture's name, or with the reason why there is none.

        The record stays as it is if it is no failure of a call, or if another failure has been drawn in its place.
        """
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
        try:
            if not self.isolate:
                return draw_failure(subject, record, path)
            return subject.ask("picture", asdict(record), str(path))
        except (Exception, SystemExit) as error:  # a backend may raise anything when it is asked again
            return str(error)


@dataclass
class Gallery:
    """Pictures of failures as PNG bytes, by call, for a page. `also` illustrates the records in another way too."""

    isolate: bool = False
    also: Callable[[Subject, Record], Record] | None = None
    pictures: dict[tuple, bytes] = field(default_factory=dict)

    def added(self, subject: Subject, record: Record) -> Record:
        """Draw the failure and keep the picture. The record stays as it is, unless `also` changes it."""
        with tempfile.TemporaryDirectory() as folder:
            Pictures(Path(folder), self.isolate).added(subject, record)
            for path in Path(folder).glob("*.png"):
                self.pictures[record.call] = path.read_bytes()
        return record if self.also is None else self.also(subject, record)


def draw_failure(subject: Subject, record: Record, path: Path) -> str | None:
    """Draw the failure that `record` describes; return None, or the reason why there is no picture."""
    difference = _seen_again(subject, record)
    if difference is None:
        return "the failure is not one of wrong elements, or did not happen again"
    try:
        save(figures_of([picture_of_difference(difference)]), path)
    except (OSError, ValueError) as error:
        return str(error)
    return None


def _seen_again(subject: Subject, record: Record) -> Difference | None:
    if subject.argument:  # loaded anew, as it may remember earlier calls
        subject = replace(subject, backend=registry.load(subject.argument))
    task = Task(Case.parse(record.case), record.operation, record.seed)
    try:
        _checks(record)[0].run(Trial(subject.backend, task, subject.capabilities))
    except Disagreement as error:
        return error.difference
    except Exception:  # a backend may raise anything the second time
        return None
    return None


def _checks(record: Record) -> list[Check]:
    """Return the check that failed, in a list; an empty one if it was a check of the whole backend."""
    return [check for check in CHECKS if check.name == record.check]

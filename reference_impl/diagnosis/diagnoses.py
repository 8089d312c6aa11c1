"""The diagnoses of a run: which failures are diagnosed, and where."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace

from ..cases.case import Case
from ..mistakes import by_name
from ..run import outcome
from ..run.judge import DECLARES, KEEPS_TO_ITS_MEMORY, PRINTS_NOTHING
from ..run.outcome import Record
from ..run.processes.worker import Died, Raised
from ..run.subject import Subject
from ..run.whole_backend import WHOLE_BACKEND_CHECKS
from ..verdicts.races import is_race
from .conditions import Outcomes, outcomes_of
from .diagnosing import diagnose
from .matching import see
from .probes import Probe

# Failures of these checks match no mistake: the mistakes are about answers to single calls.
_NOT_DIAGNOSED = (*WHOLE_BACKEND_CHECKS, PRINTS_NOTHING, KEEPS_TO_ITS_MEMORY, DECLARES)
# The checks that say that numbers are wrong, the most telling first.
_OF_NUMBERS = ("exact", "shape_and_dtype", "rounded")

Key = tuple[str, str, str, str]


@dataclass
class Diagnoses:
    """Diagnoses of a run, at most `most` as each takes seconds.

    A backend is diagnosed once for each operation and outcome:

    - With the records of the `run`, a call with wrong numbers is diagnosed, if there is one. A call whose numbers are
      right may fail another check. Each such check has a diagnosis of its own.
    - Without them, the first call is diagnosed.

    With `isolate`, the backend is asked in a process of its own.
    """

    most: int = 8
    isolate: bool = False
    run: Sequence[Record] = ()
    _made: dict[Key, tuple[Record, list[str]]] = field(default_factory=dict)

    def of(self, subject: Subject, record: Record) -> Record:
        """Return the record with the diagnosis of its own call, whichever others have been made."""
        lines = self._lines(subject, record) if _is_diagnosed(record) else []
        return replace(record, diagnosis="\n".join(filter(None, [record.diagnosis, *lines])) or None)

    def added(self, subject: Subject, record: Record) -> Record:
        """Return the record with its diagnosis or, if another record has that, with a line that points there."""
        if not _is_diagnosed(record):
            return record
        key = self._key(record)
        told = key in self._made
        if not told:
            if len(self._made) >= self.most:
                return record
            chosen = self.chosen(record)
            self._made[key] = chosen, self._lines(subject, chosen)
        diagnosed, lines = self._made[key]
        if told and record != diagnosed:
            lines = [f"on {diagnosed.case} it {lines[0]}"]
        elif record.case != diagnosed.case:
            lines = [f"diagnosed on {diagnosed.case}, where numbers are wrong", *lines]
        return replace(record, diagnosis="\n".join(filter(None, [record.diagnosis, *lines])))

    def named_before(self, subject: Subject, record: Record, names: Iterable[str]) -> Record:
        """Return the record with the first of these mistakes that gives its answer, and that on a larger case.

        This takes two calls, where a diagnosis takes seconds.
        """
        case, asked = Case.parse(record.case), subject.apart if self.isolate else subject
        if not _is_diagnosed(record) or not case.multiply_adds:
            return record
        larger = replace(case, batch=case.batch + 1, height=case.height + 2, width=case.width + 3)
        probes = [Probe(record.operation, one, seed=record.seed) for one in (case, larger)]
        lacked = [one for one in probes if not asked.capabilities.supports(one.operation, one.case)]
        seen = [] if lacked else [see(asked, probe, once=True) for probe in probes]
        for mistake in map(by_name, names):
            fits = mistake.pure and record.operation in mistake.operations
            if fits and seen and all(each.shows(mistake) for each in seen):
                told = f"matches *{mistake.name}*, as above"
                return replace(record, diagnosis="\n".join(filter(None, [record.diagnosis, told])))
        return record

    def _key(self, record: Record) -> Key:
        """Return a key, which is the same for failures that share a diagnosis."""
        key = record.backend, record.operation, record.outcome
        if not self.run or record.check in _OF_NUMBERS or record.outcome == outcome.REFUSED:
            return (*key, "")
        wrong = any(one.call == record.call and one.check in _OF_NUMBERS and one.unexpected for one in self.run)
        return (*key, "" if wrong else record.check)

    def chosen(self, record: Record) -> Record:
        """Return the failure of the run that is diagnosed for this one: the first wrong numbers, if there are any."""
        others = [one for one in self.run if _is_diagnosed(one) and one.call[:2] == record.call[:2]]
        alike = [one for one in others if one.outcome == record.outcome and one.check in _OF_NUMBERS]
        if self._key(record)[3] or not alike or record.check == _OF_NUMBERS[0]:
            return record
        return min(alike, key=lambda one: _OF_NUMBERS.index(one.check))

    def _lines(self, subject: Subject, record: Record) -> list[str]:
        outcomes = outcomes_of(self.run, record)
        if self.isolate:
            subject.apart.backend.process.renew()
        try:
            if self.isolate:
                return subject.ask("diagnosis", asdict(record), False, outcomes)
            return diagnose(subject, record, outcomes=outcomes).lines
        except Died as died:
            return self._lines_of_plain(subject, record, outcomes, died)
        except (Exception, SystemExit) as error:  # a backend may raise anything when it is asked again
            return [f"could not be diagnosed: {type(error).__name__}: {error}"]

    def _lines_of_plain(self, subject: Subject, record: Record, outcomes: Outcomes, died: Died) -> list[str]:
        try:
            lines = subject.ask("diagnosis", asdict(record), True, outcomes)
        except (Died, Raised):
            return [f"could not be diagnosed: {died}"]
        return [*lines, f"diagnosed from non-empty integer calls only; another probe failed: {died}"]


def _is_diagnosed(record: Record) -> bool:
    """True if the failure has a diagnosis, which needs answers that come again: a race has none."""
    failed = record.outcome in (outcome.FAIL, outcome.REFUSED) and record.check not in _NOT_DIAGNOSED
    return failed and not is_race(record.message or "")

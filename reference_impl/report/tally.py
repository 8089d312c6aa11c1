"""The tally of a run: its records, and how many calls of each kind had each outcome."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from ..cases.case import Case
from ..run import outcome
from ..run.outcome import Record
from ..run.speed import LEFT_OUT
from ..run.subject import OURS
from ..run.suspicion import contradicted
from ..run.whole_backend import WHOLE_BACKEND_CHECKS

# The worst outcome of a call's checks is the call's.
_SEVERITY = (
    outcome.ORACLE,
    outcome.SUITE,
    outcome.CRASHED,
    outcome.FAIL,
    outcome.REFUSED,
    outcome.FIXED,
    outcome.KNOWN,
    outcome.MISTRUSTED,
    outcome.PASS,
    outcome.UNSUPPORTED,
)

# The calls in a cell that were not made, as they take too long.
SLOW = "slow"

Cells = dict[tuple[str, str, str], Counter[str]]
"""(backend, operation, padding mode) -> number of calls by outcome, and of those that passed composed."""

_Key = tuple[object, ...]


def is_slow(record: Record) -> bool:
    """Return True for a call that was not made, as it takes too long."""
    return record.outcome == outcome.UNSUPPORTED and (record.message or "").startswith(LEFT_OUT)


def severity(record: Record) -> int:
    """Return the place of a record's outcome among all outcomes, the worst first."""
    return _SEVERITY.index(record.outcome)


class Tally:
    """The records of a run, and the worst record of each call."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.failed = 0
        """Number of calls that have failed unexpectedly so far."""
        self._worst: dict[_Key, Record] = {}

    def add(self, record: Record) -> None:
        self.records.append(record)
        key = _key(record)
        worst = self._worst.get(key)
        if worst is None or severity(record) < severity(worst):
            self._worst[key] = record
            self.failed += record.unexpected - (worst is not None and worst.unexpected)

    def extend(self, records: Iterable[Record]) -> None:
        for record in records:
            self.add(record)

    @property
    def by_backend(self) -> dict[str, list[Record]]:
        """All records of each backend."""
        found: dict[str, list[Record]] = {}
        for record in self.records:
            found.setdefault(record.backend, []).append(record)
        return found

    @property
    def worst(self) -> list[Record]:
        """One record for each call: the first one with the call's worst outcome."""
        return list(self._worst.values())

    @property
    def unexpected(self) -> list[Record]:
        """One record for each call that failed unexpectedly: the first one with the call's worst outcome."""
        return [worst for worst in self._worst.values() if worst.unexpected]

    @property
    def suspects(self) -> list[Record]:
        """One record for each call that makes the oracle the suspect."""
        return [worst for worst in self._worst.values() if worst.outcome == outcome.ORACLE]

    def suspect_the_oracle(self) -> None:
        """Once all records are there, mark the calls on which independent frameworks contradict the oracle."""
        for old, new in contradicted(self.records, OURS):
            self.replace(old, new)

    @property
    def not_judged(self) -> list[Record]:
        """One record for each call on which the suite itself failed."""
        return [worst for worst in self._worst.values() if worst.outcome == outcome.SUITE]

    def replace(self, old: Record, new: Record) -> None:
        """Put `new`, which is not less severe, in the place of `old`."""
        self.records[self.records.index(old)] = new
        if self._worst[_key(old)] == old:
            self._worst[_key(new)] = new

    def calls(self, backend: str, *, whole: bool) -> list[Record]:
        """One record for each call of a backend, or for each of its checks as a `whole` backend."""
        return [
            worst
            for worst in self._worst.values()
            if worst.backend == backend and (worst.check in WHOLE_BACKEND_CHECKS) == whole
        ]

    def cells(self) -> Cells:
        """Count the calls, without the checks on whole backends."""
        counted: Cells = defaultdict(Counter)
        modes: dict[str, str] = {}
        for worst in self._worst.values():
            if worst.check in WHOLE_BACKEND_CHECKS:
                continue
            if worst.case not in modes:
                modes[worst.case] = Case.parse(worst.case).padding_mode
            cell = counted[worst.backend, worst.operation, modes[worst.case]]
            cell[SLOW if is_slow(worst) else worst.outcome] += 1
            if worst.outcome == outcome.PASS and worst.mode != "native":
                cell["composed"] += 1
        return counted


def _key(record: Record) -> _Key:
    """The call; a check on a whole backend stands for itself, although its case may be one of the run's."""
    return (*record.call, record.check if record.check in WHOLE_BACKEND_CHECKS else None)

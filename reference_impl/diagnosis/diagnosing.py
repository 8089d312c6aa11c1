"""Diagnose a failure: name the known mistake that gives these answers, or describe them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import groupby
from typing import Any

import numpy as np

from ..cases.case import Case
from ..mistakes import Mistake
from ..run import outcome
from ..run.judge import DECLARES, KEEPS_TO_ITS_MEMORY, PRINTS_NOTHING, judge
from ..run.outcome import Record
from ..run.processes.worker import Died, Raised
from ..run.subject import Subject
from ..run.whole_backend import WHOLE_BACKEND_CHECKS
from ..verdicts.checks import CHECKS, OTHER_OPTIONS
from ..verdicts.races import is_race
from ..verdicts.real_data import real_task
from ..verdicts.task import Task
from . import symptoms
from .matching import Seen, look, matching, matching_by_checks, matching_in_part, matching_sometimes, see
from .probes import Probe, probes
from .shrinking import smallest

SECONDS = 5.0
# Failures of these checks match no mistake: the mistakes are about answers to single calls.
_NOT_DIAGNOSED = (*WHOLE_BACKEND_CHECKS, PRINTS_NOTHING, KEEPS_TO_ITS_MEMORY, DECLARES)
_DEPENDS_ON_CALLS = "right on a fresh kernel: this failure depends on the calls before it"
_MOST_EXPLAINED = 6
_MOST_NAMED = 3
_MOST_ELEMENTS = 12


@dataclass
class Diagnosis:
    """Mistakes that do what the backend does, the likeliest first, and the lines to print."""

    mistakes: list[Mistake] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@dataclass
class Diagnoses:
    """Diagnoses of a run, at most `most` as each takes seconds.

    A backend is diagnosed once for each operation and outcome, on the first call that failed or was refused. With
    `isolate`, it is asked in a process of its own.
    """

    most: int = 8
    isolate: bool = False
    _made: dict[tuple[str, str, str], tuple[Record, list[str]]] = field(default_factory=dict)

    def added(self, subject: Subject, record: Record) -> Record:
        """Return the record with its diagnosis or, if another record has that, with a line that points there."""
        key = subject.name, record.operation, record.outcome
        if record.outcome not in (outcome.FAIL, outcome.REFUSED) or record.check in _NOT_DIAGNOSED:
            return record
        if is_race(record.message or ""):  # a diagnosis needs answers that come again
            return record
        if key not in self._made:
            if len(self._made) >= self.most:
                return record
            self._made[key] = record, self._lines(subject, record)
        diagnosed, lines = self._made[key]
        said = "\n".join(lines) if record == diagnosed else f"on {diagnosed.case} it {lines[0]}"
        return replace(record, diagnosis="\n".join(filter(None, [record.diagnosis, said])))

    def _lines(self, subject: Subject, record: Record) -> list[str]:
        if self.isolate:
            subject.apart.backend.process.renew()
        try:
            return subject.ask("diagnosis", asdict(record)) if self.isolate else diagnose(subject, record).lines
        except Died as died:
            return self._lines_of_plain(subject, record, died)
        except (Exception, SystemExit) as error:  # a backend may raise anything when it is asked again
            return [f"could not be diagnosed: {type(error).__name__}: {error}"]

    def _lines_of_plain(self, subject: Subject, record: Record, died: Died) -> list[str]:
        try:
            lines = subject.ask("diagnosis", asdict(record), True)
        except (Died, Raised):
            return [f"could not be diagnosed: {died}"]
        return [*lines, f"diagnosed from non-empty integer calls only; another probe failed: {died}"]


def diagnose(subject: Subject, record: Record, seconds: float = SECONDS, *, plain: bool = False) -> Diagnosis:
    """Diagnose the failure in `record`, in about `seconds`; with `plain`, from plain probes only."""
    until = time.monotonic() + seconds
    before, after, record = _on_fresh(subject, record)
    subject = subject.fresh() or subject
    seen = _looked_at(subject, record, until, plain=plain)
    small = _smallest(subject, record, max((until - time.monotonic()) / 2, 1.0))
    if found := matching(record.operation, seen):
        diagnosis = Diagnosis(found, _named(found, seen))
    elif found := _of_state(subject, record, seen):
        diagnosis = Diagnosis(found, _named_by_checks(found))
    elif found := matching_sometimes(record.operation, seen):
        diagnosis = Diagnosis(found, _named_sometimes(found[0], seen))
    else:
        diagnosis = Diagnosis([], _unnamed(record.operation, seen, small, until))
    diagnosis.lines = [*before, *diagnosis.lines, *after, *_shown(subject, replace(record, case=str(small)))]
    return diagnosis


def _on_fresh(subject: Subject, record: Record) -> tuple[list[str], list[str], Record]:
    """Make the failing call of a fresh backend, if one can be made.

    Return lines to say before and after the diagnosis, and the record to diagnose. In a row of calls with other
    options, one may be wrong by itself. Then that one is diagnosed. It is also wrong on larger arrays, which no plan
    that was kept can be for.
    """
    fresh, case = subject.fresh(), Case.parse(record.case)
    if fresh is not None and not _fails(fresh, record, case):
        return [_DEPENDS_ON_CALLS], [], record
    if record.check == OTHER_OPTIONS and record.outcome == outcome.FAIL:
        alone = replace(record, check="exact")
        for task in Task(case, record.operation, record.seed).neighbours:
            one = task.case
            larger = replace(
                one,
                batch=one.batch + 2,
                height=one.height + 5,
                width=one.width + 4,
                output_channels=2 * one.output_channels,
            )
            if all(_fails(subject.fresh() or subject, alone, tried) for tried in (larger, one)):
                return [], [f"diagnosed on {one}, which is wrong by itself"], replace(alone, case=str(one))
    return [], [], record


def _fails(subject: Subject, record: Record, case: Case) -> bool:
    """True if the check of the record has its outcome on this case."""
    checks = [check for check in CHECKS if check.name == record.check]
    judged = judge(subject, case, record.operation, record.seed, checks=checks)
    return any(one.outcome == record.outcome for one in judged)


def _of_state(subject: Subject, record: Record, seen: Sequence[Seen]) -> list[Mistake]:
    """Return the mistakes of state and memory that fail the same checks; none if single calls are wrong."""
    wrong = [each.probe for each in seen[:-1] if each.probe.plain and not each.right()]
    if any(not see(subject.fresh() or subject, probe).right() for probe in wrong):
        return []
    return matching_by_checks(subject.fresh() or subject, record)


def recognise(subject: Subject, record: Record) -> list[Mistake]:
    """Return the known mistakes that do what the backend does, on the call that failed and on the probes."""
    seen = _looked_at(subject, record)
    return matching(record.operation, seen) or _of_state(subject, record, seen)


def _looked_at(subject: Subject, record: Record, until: float = np.inf, *, plain: bool = False) -> list[Seen]:
    """Return what the backend does with the probes and, last, with the call that failed.

    If the call failed by a wrong answer, probes that the backend refuses are left out: mostly, it lacks something that
    it does not declare, and that does not explain the answer.
    """
    asked = [probe for probe in probes(record.operation) if probe.plain or not plain]
    seen = list(look(subject, asked, until))
    if record.outcome == outcome.FAIL:
        seen = [each for each in seen if not each.observation.refused]
    return [*seen, see(subject, _failing_probe(record))]


def _failing_probe(record: Record) -> Probe:
    case = Case.parse(record.case)
    rounded = record.check == "rounded"
    kind = real_task(case, record.operation, record.seed).kind if rounded else "integer"
    kind = "halves" if record.check == "wide_sums" else kind
    return Probe(record.operation, case, kind, record.seed)


def _named(found: Sequence[Mistake], seen: Sequence[Seen]) -> list[str]:
    first, *others = found
    wrong = [each for each in seen if not each.right()]
    besides = [each for each in wrong if not each.like(first) and not each.like(first, loosely=True)]
    alike, right = len(wrong) - len(besides), len(seen) - len(wrong)
    matches = "matches, though not on this call," if seen[-1] in besides else "matches"
    others_named = ((f"or *{other.name}*", other) for other in others[: _MOST_NAMED - 1])
    lines = _told([(f"{matches} *{first.name}*", first), *others_named])
    lines.append(f"tried {len(seen)} calls: wrong in the same way on {alike}, right on {right}")
    if besides:
        lines.append(f"it is also wrong in another way on {_specs(besides)}")
    return lines + _made_before(first)


def _named_by_checks(found: Sequence[Mistake]) -> list[str]:
    first, *others = found
    others_named = ((f"or *{other.name}*", other) for other in others[: _MOST_NAMED - 1])
    return [*_told([(f"fails the same checks as *{first.name}*", first), *others_named]), *_made_before(first)]


def _named_sometimes(found: Mistake, seen: Sequence[Seen]) -> list[str]:
    plain = [each for each in seen if each.probe.plain]
    wrong = [each for each in plain if not each.right()]
    spared = [each for each in plain if each.right() and not each.like(found)]
    return [
        *_told([(f"matches *{found.name}* under some condition", found)]),
        f"tried {len(plain)} calls: wrong in the same way on {len(wrong)}, right on {len(spared)} where that mistake "
        f"would show: {_specs(spared)}",
        *_made_before(found),
    ]


def _unnamed(operation: str, seen: Sequence[Seen], small: Case, until: float) -> list[str]:
    """Say what the answer resembles, on which cases it is wrong, and which mistakes explain some of the answers."""
    plain = [each for each in seen if each.probe.plain]
    wrong = [each for each in plain if not each.right()]
    if wrong and all(each.right(loosely=True) for each in [*plain, seen[-1]]):
        return [
            "matches no known mistake: the products are right, but it rounds where a plain sum of integers would not",
            "if it is not meant to be a plain sum (FFT, Winograd), declare that in its capabilities: docs/verdicts.md",
        ]
    lines = ["matches no known mistake"]
    actual, expected = seen[-1].answer, seen[-1].expected
    if isinstance(actual, np.ndarray) and isinstance(expected, np.ndarray):
        resembles = symptoms.resemblance(actual, expected, operation == "conv2d_backprop_filter")
        lines += [f"the answer is {resembles}"] if resembles else []
    if not wrong:
        return [*lines, f"right on all {len(plain)} other integer calls that were tried"]
    lines.append(
        symptoms.where(
            [each.probe.case for each in plain if each.right()], [each.probe.case for each in wrong] + [small]
        )
    )
    wrong = wrong[-_MOST_EXPLAINED:]
    parts = matching_in_part(operation, wrong, until)
    lines += _told(
        [(f"{count} of {len(wrong)} wrong answers examined match *{one.name}*", one) for one, count in parts]
    )
    if parts:
        lines.append("there may be several mistakes, or one under some condition: mend one, then run it again")
    return lines


def _told(headed: Iterable[tuple[str, Mistake]]) -> list[str]:
    """Say what each mistake does, after its heading, and once for neighbours that share it, what is right."""
    lines = []
    for right, of_kind in groupby(headed, key=lambda each: each[1].right):
        lines += [*(f"{heading}: {mistake.does}" for heading, mistake in of_kind), f"right: {right}"]
    return lines


def _smallest(subject: Subject, record: Record, seconds: float) -> Case:
    """Return the smallest case found on which the same check fails."""
    return smallest(Case.parse(record.case), partial(_fails, subject, record), seconds)


def _shown(subject: Subject, record: Record) -> list[str]:
    """Show the smallest case and, if they have few elements, its actual and expected answers."""
    lines = [f"smallest failing case found: {record.case}"]
    there = see(subject, Probe(record.operation, Case.parse(record.case), seed=record.seed))
    both = there.answer, there.expected
    if record.check == "exact" and all(isinstance(one, np.ndarray) and one.size <= _MOST_ELEMENTS for one in both):
        lines.append("    actual {}, expected {}".format(*map(_elements, both)))
    return lines


def _specs(seen: Sequence[Seen]) -> str:
    return ", ".join(str(each.probe) for each in seen[:_MOST_NAMED]) + (", ..." if len(seen) > _MOST_NAMED else "")


def _made_before(mistake: Mistake) -> list[str]:
    return [f"made before: {', '.join(mistake.links)}"] if mistake.links else []


def _elements(array: Any) -> str:
    return f"[{', '.join(f'{value:.9g}' for value in array.ravel())}]"

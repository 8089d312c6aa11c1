"""The exit status says the worst that a run has found; counts of calls say whether it judged enough."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from planted import Right

from reference_impl.cases.case import Case
from reference_impl.exit_status import ExitStatus
from reference_impl.report.judged import Judged, exit_status, judged
from reference_impl.report.tally import Tally
from reference_impl.run import outcome
from reference_impl.run.selection import for_all
from reference_impl.run.speed import TOO_SLOW
from reference_impl.run.subject import Subject

SUBJECT = Subject.of(Right())


def tally_of(*outcomes: str) -> Tally:
    tally = Tally()
    for number, came in enumerate(outcomes):
        record = SUBJECT.blank("conv2d", f"n{number}_h1w1c1_k1x1o1", 0, "exact")
        tally.add(replace(record, outcome=came, message="knows no images"))
    return tally


def counted(count: int, *, fewest: int = 1, excused: bool = False) -> Judged:
    return Judged(SUBJECT, 100, Counter({"conv2d": count}), Counter(), fewest, excused)


@pytest.mark.parametrize(
    ("outcomes", "counts", "status"),
    [
        ([outcome.PASS], [counted(1)], ExitStatus.PASSED),
        ([outcome.KNOWN], [counted(1)], ExitStatus.PASSED),
        ([], [counted(0)], ExitStatus.JUDGED_TOO_LITTLE),
        ([], [counted(1), counted(0)], ExitStatus.JUDGED_TOO_LITTLE),
        ([], [counted(1), counted(0, excused=True)], ExitStatus.PASSED),
        ([], [counted(9, fewest=10)], ExitStatus.JUDGED_TOO_LITTLE),
        ([], [counted(10, fewest=10)], ExitStatus.PASSED),
        ([outcome.FAIL], [counted(0)], ExitStatus.FAILED),
        ([outcome.FAIL, outcome.ORACLE], [counted(1)], ExitStatus.ORACLE_IS_SUSPECT),
    ],
)
def test_exit_status_is_the_first_that_applies(outcomes, counts, status):
    assert exit_status(tally_of(*outcomes), counts) == status
    assert exit_status(tally_of(*outcomes), counts, broken=True) == ExitStatus.SUITE_FAILED


def test_calls_that_are_too_slow_are_told_apart_from_lacks():
    slow = f"{TOO_SLOW}: one takes more than 10 s"
    one = Judged(SUBJECT, 9, Counter({"conv2d": 4}), Counter({slow: 3, "knows no groups": 2}), 1)
    assert one.line == f"planted: judged 4 of 9 calls; 3 {slow}; 2 unsupported: knows no groups (2)"
    alone = Judged(SUBJECT, 3, Counter(), Counter({slow: 3}), 10)
    assert alone.verdict == "judged nothing"
    assert alone.advice == "Name smaller cases, as --cases smoke; or give each call more time: --timeout SECONDS."


def test_calls_of_every_outcome_but_unsupported_are_judged():
    outcomes = [name for name in outcome.MEANING if name != outcome.UNSUPPORTED]
    tally = tally_of(*outcomes, outcome.UNSUPPORTED, outcome.UNSUPPORTED)
    (found,) = judged(tally, for_all([SUBJECT], [Case.parse("n0_h1w1c1_k1x1o1")]))
    assert found.judged == {"conv2d": len(outcomes)}
    assert found.line == (
        f"planted: judged {len(outcomes)} of {len(outcomes) + 2} calls; 2 unsupported: knows no images (2)"
    )


def test_many_reasons_are_cut():
    reasons = Counter({f"reason {number}": 9 - number for number in range(7)})
    line = Judged(SUBJECT, 40, Counter({"conv2d": 1}), reasons, 1).line
    assert line.endswith("reason 2 (7), reason 3 (6), ...")

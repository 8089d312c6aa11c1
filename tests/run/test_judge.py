"""The records of a call say what happened: nothing unknown turns into fine."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
from planted import Right

from reference_impl.cases.case import Case
from reference_impl.conformance import Capabilities, Lack
from reference_impl.run import outcome
from reference_impl.run.judge import judge
from reference_impl.run.processes.worker import Died
from reference_impl.run.subject import Subject

CASE = Case.parse("n2_h7w9c3_k3x2o4_s2x3")


def outcomes(records):
    return Counter(record.outcome for record in records)


def test_refusal_says_where_it_was_raised():
    class Unfinished(Right):
        def spoil(self, answer, arrays):
            return np.pad(answer, (1, 2, 3))  # raises in NumPy

    (record, *_) = judge(Subject.of(Unfinished()), CASE, "conv2d")
    assert record.outcome == outcome.REFUSED
    assert re.search(r"^ValueError: .* \(.*test_judge.py, line \d+, in spoil\)$", record.message, re.DOTALL)


def test_lack_is_recorded_as_unsupported_with_its_reason():
    class Lacking(Right):
        capabilities = Capabilities(lacks=(Lack("no strides", lambda operation, case: case.strides != (1, 1)),))

    records = judge(Subject.of(Lacking()), CASE, "conv2d")
    assert outcomes(records) == {outcome.UNSUPPORTED: len(records)}
    assert records[0].message == "no strides"


def test_undeclared_refusal_is_unexpected():
    class Refusing(Right):
        def spoil(self, answer, arrays):
            raise NotImplementedError("no strides")

    records = judge(Subject.of(Refusing()), CASE, "conv2d")
    assert outcomes(records) == {outcome.REFUSED: len(records)}
    assert all(record.unexpected for record in records)


class DiesWhereStrided(Right):
    def conv2d(self, *args, **options):
        if options["strides"] != (1, 1):
            raise Died("it died")
        return super().conv2d(*args, **options)


def test_death_of_a_call_with_other_options_leaves_the_other_checks_as_they_are():
    records = judge(Subject.of(DiesWhereStrided()), Case.parse("n2_h7w9c3_k3x2o4"), "conv2d")
    crashed = [record for record in records if record.outcome == outcome.CRASHED]
    assert [record.check for record in crashed] == ["other_options"]
    assert crashed[0].message == "in a row of calls with other options, it died"
    assert outcome.PASS in outcomes(records)

"""The records of a call say what happened: nothing unknown turns into fine."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest
from planted import Right

from reference_impl.cases.case import Case
from reference_impl.conformance import Capabilities, Lack
from reference_impl.run import outcome
from reference_impl.run.judge import judge
from reference_impl.run.processes import pool
from reference_impl.run.processes.worker import Died
from reference_impl.run.records import records_of
from reference_impl.run.selection import for_all
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


class DiesOfStridedArrays(Right):
    def conv2d(self, input, *args, **options):
        if not input.flags.c_contiguous:
            raise Died("it died")
        return super().conv2d(input, *args, **options)


class Dies(Right):
    def conv2d(self, *args, **options):
        raise Died("it died")


@pytest.mark.parametrize(("kernel", "check"), [(Dies, "shape_and_dtype"), (DiesOfStridedArrays, "any_memory_layout")])
def test_death_is_recorded_once_for_the_check_that_the_process_died_of(kernel, check):
    records = judge(Subject.of(kernel()), Case.parse("n2_h7w9c3_k3x2o4"), "conv2d")
    crashed = [record for record in records if record.outcome == outcome.CRASHED]
    assert [record.check for record in crashed] == [check]
    assert crashed == records[-1:]
    assert {record.outcome for record in records[:-1]} <= {outcome.PASS}


# Computations of ours that the checks need, each with a call of the backend before or after it.
OURS = {
    "the data": ("reference_impl.verdicts.task.integer_call", {outcome.SUITE}),
    "the right answer": ("reference_impl.verdicts.task.sums_that_fit", {outcome.SUITE}),
    "real data": ("reference_impl.verdicts.task.real_task", {outcome.SUITE, outcome.PASS}),
    "the comparison": ("reference_impl.verdicts.agreement.assert_exact", {outcome.SUITE, outcome.PASS}),
}


@pytest.mark.parametrize("planted", OURS)
def test_error_of_ours_is_told_as_ours(monkeypatch, planted):
    def out_of_memory(*arguments, **options):
        raise MemoryError("of ours")

    place, seen = OURS[planted]
    monkeypatch.setattr(place, out_of_memory)
    records = judge(Subject.of(Right()), CASE, "conv2d")
    assert set(outcomes(records)) == seen
    for record in records:
        if record.outcome == outcome.SUITE:
            assert record.unexpected
            assert re.match(r"the suite itself failed: MemoryError: of ours \(.*test_judge.py, line", record.message)


@pytest.mark.parametrize("error", [MemoryError, RecursionError, SystemExit, AssertionError, KeyError])
def test_same_error_of_a_backend_is_its_own(error):
    class Raises(Right):
        def spoil(self, answer, arrays):
            raise error("of the backend's")

    assert set(outcomes(judge(Subject.of(Raises()), CASE, "conv2d"))) == {outcome.REFUSED}


def test_error_whose_message_cannot_be_had_is_a_refusal():
    class Mute(Exception):
        def __str__(self):
            raise RuntimeError

    class Raises(Right):
        def spoil(self, answer, arrays):
            raise Mute

    (record, *_) = judge(Subject.of(Raises()), CASE, "conv2d")
    assert record.outcome == outcome.REFUSED
    assert "str() of it raised RuntimeError" in record.message


def test_death_of_the_judge_blames_no_backend(monkeypatch):
    def dies(self, job, *arguments, **options):
        raise Died("the process died of signal 9 (SIGKILL)")

    subject = Subject.of(Right(), "planted:Right")
    monkeypatch.setattr(pool.Worker, "ask", dies)
    records = list(records_of(for_all([subject], [CASE], ["conv2d"], full=True), processes=1))
    assert set(outcomes(records)) == {outcome.SUITE}
    assert "the suite itself failed: Died: the process died of signal 9" in records[0].message


def test_error_of_ours_in_a_check_of_a_whole_backend_is_told_as_ours(monkeypatch):
    def broken(*arguments):
        raise MemoryError("of ours")

    monkeypatch.setattr("reference_impl.run.records.judge_whole_backend", broken)
    asked = for_all([Subject.of(Right())], [], ["conv2d"], full=True, whole=("steady_memory",))
    assert set(outcomes(records_of(asked))) == {outcome.SUITE}


class SignallingNan(Right):
    """Gives what memory that nobody wrote may hold."""

    def conv2d(self, input, filters, **options):
        answer = super().conv2d(input, filters, **options).astype(np.float32)
        answer.view(np.uint32)[...] = 0x7F800001
        return answer


@pytest.mark.filterwarnings("error")
def test_signalling_nan_is_a_wrong_answer_and_no_warning():
    records = judge(Subject.of(SignallingNan()), Case.parse("n1_h3w3c1_k2x2o1"), "conv2d")
    assert {record.outcome for record in records if record.check == "exact"} == {outcome.FAIL}

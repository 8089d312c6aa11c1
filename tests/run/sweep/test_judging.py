"""A chunk is judged exactly: wrong answers, deaths and hangs are told, and cost a bounded number of requests."""

from __future__ import annotations

import math

import pytest

from reference_impl.operations import OPERATIONS
from reference_impl.run.subject import Subject
from reference_impl.run.sweep import asking
from reference_impl.run.sweep.judging import RIGHT_AGAIN, judge_chunk
from reference_impl.run.sweep.scope import Scope

KERNELS = """
import os, time
import numpy as np
import planted

class Strided(planted.Right):
    "One element is wrong where the kernel is strided down and dilated across, with groups."
    def _answer(self, operation, *args, **options):
        answer = super()._answer(operation, *args, **options)
        if options["strides"][0] == 2 and options["dilations"][1] == 2 and options["groups"] == 2:
            answer.flat[-1] += 1
        return answer

class Counting(planted.Right):
    def strikes(self, options):
        return options["strides"] == (2, 1)

class Dies(Counting):
    def _answer(self, operation, *args, **options):
        if self.strikes(options):
            os.abort()
        return super()._answer(operation, *args, **options)

class Hangs(Counting):
    def _answer(self, operation, *args, **options):
        while self.strikes(options):
            time.sleep(1)
        return super()._answer(operation, *args, **options)

class Damaged(planted.Right):
    "Right, until it was asked a filter gradient."
    is_damaged = False
    def _answer(self, operation, *args, **options):
        answer = super()._answer(operation, *args, **options)
        if self.is_damaged:
            self.suffer(answer)
        self.is_damaged |= operation == "conv2d_backprop_filter"
        return answer

class DiesLate(Damaged):
    def suffer(self, answer):
        os.abort()

class SpoilsLaterCalls(Damaged):
    def suffer(self, answer):
        answer.flat[0] += 1

class Narrow(planted.Right):
    def spoil(self, answer, arrays):
        return answer.astype(np.float64)

class Raises(planted.Right):
    def spoil(self, answer, arrays):
        raise KeyError("no")

class Races(planted.Right):
    calls = 0
    def spoil(self, answer, arrays):
        self.calls += 1
        return (answer + (self.calls % 3 == 0)).astype(answer.dtype)

class RightAtFirst(planted.Right):
    "Each call is answered rightly, and wrongly if it is made again."
    def __init__(self):
        self.made = set()
    def _answer(self, operation, *args, **options):
        answer = super()._answer(operation, *args, **options)
        call = repr((operation, args, options))
        if call in self.made:
            answer.flat[0] += 1
        self.made.add(call)
        return answer
"""
TINY = Scope.named("tiny")


@pytest.fixture
def load(tmp_path, monkeypatch, request):
    (tmp_path / "swept.py").write_text(KERNELS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(request.config.rootpath / "tests")
    loaded = []

    def load(name):
        loaded.append(Subject.load(name if name == "reference" else f"swept:{name}"))
        return loaded[-1]

    yield load
    for subject in loaded:
        subject.backend.process.close()


@pytest.mark.parametrize("number", range(TINY.number_of_chunks))
def test_right_kernel_passes_tiny_and_a_wrong_one_fails_where_it_is_wrong(load, number):
    subjects, chunk = [load("reference"), load("Strided")], TINY.chunk(number)
    right, wrong = judge_chunk(subjects, chunk)
    assert right.passed == right.asked == len(chunk)
    bad = {one for one in chunk if (one[1].strides[0], one[1].dilations[1], one[1].groups) == (2, 2, 2)}
    assert bad
    assert {(failure.call.operation, failure.call.case) for failure in wrong.failures} == bad
    assert {failure.call.outcome for failure in wrong.failures} == {"wrong values"}
    assert wrong.passed == len(chunk) - len(bad)


@pytest.mark.parametrize(("name", "kind"), [("Narrow", "wrong shape"), ("Raises", "refused"), ("Races", "race")])
def test_failure_is_told_by_its_kind(load, name, kind):
    (result,) = judge_chunk([load(name)], TINY.chunk(0)[:8])
    assert {failure.call.outcome for failure in result.failures} == {kind}


def test_small_share_of_the_right_answers_is_asked_again(load):
    chunk = TINY.chunk(0)
    (result,) = judge_chunk([load("RightAtFirst")], chunk)
    assert [(failure.call.operation, failure.call.case) for failure in result.failures] == chunk[
        RIGHT_AGAIN // 2 :: RIGHT_AGAIN
    ]
    assert {failure.call.operation for failure in result.failures} == set(OPERATIONS)
    assert {failure.call.outcome for failure in result.failures} == {"race"}
    assert result.passed == result.asked - len(result.failures)


def test_backend_that_often_dies_is_asked_a_bounded_number_of_times(load):
    chunk = TINY.chunk(1)
    bad = [one for one in chunk if one[1].strides == (2, 1)]
    subject, requests = load("Dies"), []
    process = subject.backend.process
    make = process.make_batch
    process.make_batch = lambda *given: requests.append(1) or make(*given)
    (result,) = judge_chunk([subject], chunk)
    assert [(failure.call.operation, failure.call.case) for failure in result.failures] == bad
    assert {failure.call.outcome for failure in result.failures} == {"crash"}
    assert result.passed == len(chunk) - len(bad)
    assert len(requests) <= len(bad) + asking.MOST_REPLAYED + 1


@pytest.mark.parametrize("short", [0.05, 0.5], ids=["shorter than the limit", "as long as the limit"])
def test_backend_that_often_hangs_is_waited_for_a_bounded_time(load, monkeypatch, short):
    monkeypatch.setattr(asking, "SHORT", short)
    monkeypatch.setattr(asking, "MOST_SHORT", 5)
    chunk = TINY.chunk(1)
    (result,) = judge_chunk([load("Hangs")], chunk, time_limit=0.5)
    assert [failure.call.outcome for failure in result.failures] == ["hang"] * asking.MOST_HUNG
    assert result.asked + sum(result.unasked.values()) == len(chunk)
    assert result.passed == result.asked - asking.MOST_HUNG


@pytest.fixture
def strided_is_deadly(monkeypatch):
    """Known failures expect the process to die where the stride is (2, 1)."""
    monkeypatch.setattr(asking.known, "is_deadly", lambda subject, operation, case: case.strides == (2, 1))


def renewals(subject, monkeypatch):
    counted = []
    process = subject.backend.process
    renew = process.renew
    monkeypatch.setattr(process, "renew", lambda: counted.append(1) or renew())
    return counted


def test_calls_that_may_kill_share_a_process_while_all_are_right(load, monkeypatch, strided_is_deadly):
    chunk, subject = TINY.chunk(1), load("reference")
    counted = renewals(subject, monkeypatch)
    (result,) = judge_chunk([subject], chunk)
    assert result.passed == len(chunk)
    deadly = sum(case.strides == (2, 1) for _, case in chunk)
    assert len(counted) == math.ceil(deadly / asking.TOGETHER) < deadly


@pytest.mark.parametrize("name", ["DiesLate", "SpoilsLaterCalls"])
def test_calls_that_kill_or_damage_are_told_from_those_beside_them(load, strided_is_deadly, name):
    """A strided filter gradient damages the process: each later call dies of it, or is wrong. Alone, none does."""
    chunk = [one for one in TINY.chunk(1) if one[1].strides == (2, 1)][: 2 * asking.TOGETHER]
    assert judge_chunk([load(name)], chunk)[0].passed == len(chunk)


def test_calls_that_kill_are_asked_alone_a_bounded_number_of_times(load, monkeypatch, strided_is_deadly):
    monkeypatch.setattr(asking, "MOST_DEADLY", 5)
    chunk = TINY.chunk(1)
    (result,) = judge_chunk([load("Dies")], chunk)
    deadly = sum(case.strides == (2, 1) for _, case in chunk)
    assert [failure.call.outcome for failure in result.failures] == ["crash"] * 5
    assert result.unasked == {"known to kill the process; 5 in a chunk are asked alone": deadly - 5}
    assert result.passed == len(chunk) - deadly

"""A backend is asked for a call and for the same call again at once; a failure is told of the right one."""

from __future__ import annotations

import select

import pytest

from reference_impl.cases.case import Case
from reference_impl.run import outcome
from reference_impl.run.judge import judge
from reference_impl.run.processes import channel, worker
from reference_impl.run.subject import Subject, process_for
from reference_impl.verdicts import trial
from reference_impl.verdicts.checks import CHECKS
from reference_impl.verdicts.integers import integer_call

CASE = Case.parse("n2_h5w4c3_k2x3o4")
NAMES = ("shape_and_dtype", "exact", "inputs_unchanged", "repeatable")
KERNELS = """
import os, time
from pathlib import Path
import numpy as np
import reference_impl
from reference_impl.run.processes import backend_process

backend_process._QUICK = 60.0  # on a slow machine too

class Counts:
    def __init__(self):
        self.calls = 0

    def conv2d(self, input, filters, **options):
        self.calls += 1
        if self.calls % 20 == 2:
            self.at_the_second()
        return reference_impl.conv2d(input, filters, **options).astype(input.dtype)

    def at_the_second(self):
        pass

class Dies(Counts):
    def at_the_second(self):
        os.abort()

class Raises(Counts):
    def at_the_second(self):
        raise ArithmeticError("again")

class Hangs(Counts):
    def at_the_second(self):
        Path(__file__).with_name("hangs").touch()
        time.sleep(600)

class Prints(Counts):
    def at_the_second(self):
        print("a word", flush=True)

class Slow(Counts):
    def __init__(self):
        super().__init__()
        backend_process._QUICK = 0.0
"""


@pytest.fixture
def load(tmp_path):
    file = tmp_path / "counting.py"
    file.write_text(KERNELS)

    def loaded(name):
        argument = f"{file}:{name}"
        return Subject.load(argument, process_for(argument, time_limit=0.1 if name == "Hangs" else 60))

    return loaded


def judged(subject):
    return judge(subject, CASE, "conv2d", checks=[check for check in CHECKS if check.name in NAMES])


@pytest.fixture
def repeats_are_asked_at_once(monkeypatch):
    """On a slow machine too."""
    monkeypatch.setattr(trial, "SECONDS", 60.0)


@pytest.fixture
def time_begins_when_a_call_hangs(monkeypatch, tmp_path):
    """Else the calls before might be too slow."""
    hangs = tmp_path / "hangs"

    def receive_or_hang(descriptor, seconds):
        while not select.select([descriptor], [], [], 0.01)[0] and not hangs.exists():
            pass
        hangs.unlink(missing_ok=True)
        return channel.receive(descriptor, seconds)

    monkeypatch.setattr(worker, "receive", receive_or_hang)


@pytest.mark.usefixtures("repeats_are_asked_at_once", "time_begins_when_a_call_hangs")
@pytest.mark.parametrize(("name", "expected"), [("Dies", "CRASHED"), ("Raises", "REFUSED"), ("Hangs", "CRASHED")])
def test_failure_of_the_second_call_is_told_of_the_second(name, expected, load):
    subject = load(name)
    records = judged(subject)
    assert [record.outcome for record in records] == [outcome.PASS] * 3 + [getattr(outcome, expected)]
    assert [record.check for record in records] == list(NAMES)
    assert list(subject.backend.process.hung.values()) == [1] * (name == "Hangs")


def test_second_call_dies_again_if_it_was_asked_for_apart(load, monkeypatch):
    """Else the call before it would be told to corrupt memory."""
    monkeypatch.setattr(trial, "SECONDS", 0.0)
    assert [record.outcome for record in judged(load("Dies"))] == [outcome.PASS] * 3 + [outcome.CRASHED]


def test_words_of_the_second_call_are_seen(load):
    assert "a word" in judged(load("Prints"))[-1].message


def test_call_and_repeats_are_one_request(load, monkeypatch):
    subject, asked = load("Counts"), []
    make = subject.backend.process.make
    monkeypatch.setattr(subject.backend.process, "make", lambda request: asked.append(request) or make(request))
    assert {record.outcome for record in judged(subject)} == {outcome.PASS}
    assert len(asked) == 1


def test_slow_call_is_asked_again_alone(load):
    answer, again = load("Slow").backend.make_and_repeat(integer_call(CASE, "conv2d", 0), 5, 0.02)
    assert answer.shape == CASE.output_shape
    assert again is None

"""Backends are judged as a whole beside the calls, and the records come in the same order each time."""

from __future__ import annotations

import threading

import pytest
from planted import Right

from reference_impl.cases.case import Case
from reference_impl.run import records
from reference_impl.run.selection import for_all
from reference_impl.run.subject import Subject
from reference_impl.run.whole_backend import STEADY

CASE = Case.parse("n1_h6w5c2_k2x3o3")
LONG = 30  # seconds


@pytest.fixture
def selection():
    return for_all([Subject.of(Right())], [CASE], ["conv2d"], full=True, whole=(STEADY,))


def record(selection, check):
    return selection.subjects[0].blank("conv2d", str(CASE), 0, check)


def test_calls_in_other_processes_do_not_wait_for_whole_backends(monkeypatch, selection):
    begun = threading.Event()

    def calls(*_):
        begun.set()
        for check in ("first call", "second call"):
            yield selection.subjects[0], [record(selection, check)]

    def whole(*_):
        assert begun.wait(LONG), "no call was begun"
        yield record(selection, "whole")

    monkeypatch.setattr(records, "judge_isolated", calls)
    monkeypatch.setattr(records, "_of_whole_backend", whole)
    found = [one.check for one in records.records_of(selection, processes=2)]
    assert found == ["whole", "first call", "second call"]


def test_calls_in_this_process_are_made_alone(monkeypatch, selection):
    ended = threading.Event()

    def calls(*_):
        assert ended.is_set(), "a backend is still judged as a whole"
        yield selection.subjects[0], [record(selection, "call")]

    def whole(*_):
        yield record(selection, "whole")
        ended.set()

    monkeypatch.setattr(records, "judge_here", calls)
    monkeypatch.setattr(records, "_of_whole_backend", whole)
    assert [one.check for one in records.records_of(selection)] == ["whole", "call"]


def test_calls_are_ended_with_the_run(monkeypatch, selection):
    ended = []

    def calls(*_):
        try:
            while True:
                yield selection.subjects[0], [record(selection, "call")]
        finally:
            ended.append(True)

    monkeypatch.setattr(records, "judge_isolated", calls)
    monkeypatch.setattr(records, "_of_whole_backend", lambda *_: iter([record(selection, "whole")]))
    running = records.records_of(selection, processes=2)
    assert next(running).check == "whole"
    running.close()
    assert ended == [True]

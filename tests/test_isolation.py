"""A run in several processes finds what a run in this one finds, and outlives its backends."""

from __future__ import annotations

from collections import Counter

import pytest

from reference_impl.backends import load
from reference_impl.conformance import outcome
from reference_impl.conformance.cases import Case
from reference_impl.conformance.isolation import judging
from reference_impl.conformance.isolation.judging import judge_isolated
from reference_impl.conformance.isolation.worker import Worker
from reference_impl.conformance.runner import Subject, judge_all

CASES = [
    Case.parse(spec)
    for spec in ("n2_h7w9c3_k3x2o4", "n1_h6w5c2_k2x3o3_SAME", "n1_h4w4c1_k1x1o1_p1,0,2,1", "n2_h5w6c1_k2x2o3_s2x1")
]
PLANTED = """
import os, time
import planted

class Dies(planted.Right):
    name = "dies"

    def conv2d(self, input, filters, **options):
        if options["strides"] == (2, 1):
            os.abort()
        if options["padding"] == "SAME":
            time.sleep(60)
        return super().conv2d(input, filters, **options)
"""


@pytest.fixture
def subjects(tmp_path, monkeypatch, request):
    (tmp_path / "dying.py").write_text(PLANTED)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(request.path.parent)
    return [Subject.of(load(name), name) for name in ("planted:Right", "planted:Flipped", "dying:Dies")]


def test_processes_give_the_records_of_this_one_in_the_same_order(subjects):
    here = list(judge_all(subjects[:2], CASES, full=True))
    there = list(judge_isolated(subjects[:2], CASES, full=True, processes=2))
    assert there == here
    assert {record.outcome for record in here} >= {outcome.PASS, outcome.FAIL}


def test_what_a_backend_dies_of_is_crashed_and_nothing_else_is_lost(subjects, monkeypatch):
    monkeypatch.setattr(judging, "TIME_LIMIT", 5)
    monkeypatch.setattr(judging, "TIME_LIMIT_OF_A_CALL", 0)
    records = list(judge_isolated([subjects[0], subjects[2]], CASES, full=True, processes=2))
    assert len(records) == len(list(judge_all([subjects[0]], CASES, full=True))) * 2
    crashed = {(record.backend, record.operation, record.case) for record in records if record.outcome == "crashed"}
    assert crashed == {("dies", "conv2d", str(CASES[1])), ("dies", "conv2d", str(CASES[3]))}
    messages = Counter(record.message.partition(";")[0] for record in records if record.outcome == "crashed")
    assert set(messages) == {"the process died of signal 6 (SIGABRT)", "no answer within 5 s"}
    assert not any(record.outcome == outcome.FAIL for record in records)


def test_a_run_that_is_ended_leaves_no_process(subjects, monkeypatch):
    started = []

    class Recorded(Worker):
        def _start(self):
            super()._start()
            started.append(self._process)

    monkeypatch.setattr(judging, "Worker", Recorded)
    running = judge_isolated(subjects[:1], CASES, full=True, processes=2)
    next(running)
    running.close()
    assert started
    assert all(process.wait(timeout=10) is not None for process in started)

"""A run in several processes finds what a run in this one finds, and outlives its backends."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from reference_impl.backends.registry import load
from reference_impl.cases.case import Case
from reference_impl.run import outcome
from reference_impl.run.processes import memory, pool
from reference_impl.run.processes.worker import Worker
from reference_impl.run.records import records_of
from reference_impl.run.selection import for_all
from reference_impl.run.subject import Subject
from reference_impl.verdicts.checks import CHECKS

CASES = [
    Case.parse(spec)
    for spec in ("n2_h7w9c3_k3x2o4", "n1_h6w5c2_k2x3o3_SAME", "n1_h4w4c1_k1x1o1_p1,0,2,1", "n2_h5w6c1_k2x2o3_s2x1")
]
PLANTED = """
import ctypes, os, subprocess, time
from pathlib import Path
import numpy as np
import planted
from reference_impl.run.processes import memory, pool

print("loaded")
memory.LIMIT = 100 * memory.MIB

class Dies(planted.Right):
    name = "dies"

    def conv2d(self, input, filters, **options):
        if options["strides"] == (2, 1):
            os.abort()
        if options["padding"] == "SAME":
            time.sleep(60)
        return super().conv2d(input, filters, **options)

class RunsAway(planted.Right):
    name = "runs away"

    def conv2d(self, input, filters, **options):
        if options["strides"] == (2, 1):
            kept = [np.ones(memory.MIB, np.uint8) for _ in range(100_000)]
        return super().conv2d(input, filters, **options)

class Keeps(planted.Right):
    name = "keeps"
    kept = []

    def spoil(self, answer, arrays):
        self.kept.append(np.ones(8 * memory.MIB, np.uint8))
        return answer

class Prints(planted.Right):
    name = "prints"

    def conv2d(self, input, filters, **options):
        if options["padding"] == "SAME":
            print("height", len(input[0]))
        if options["strides"] == (2, 1):
            ctypes.CDLL(None).printf(b"in C\\n")
        return super().conv2d(input, filters, **options)

class Starts(planted.Right):
    def conv2d(self, input, filters, **options):
        alive = os.open(Path(__file__).with_name("alive"), os.O_WRONLY)
        os.write(alive, b"started")
        subprocess.run(["sleep", "60"], pass_fds=[alive], start_new_session=True)
"""


# Checks that make calls on the case alone, one at a time: what the others do is not these kernels' case.
SINGLE = tuple(check.name for check in CHECKS if check.name not in ("other_options", "many_calls", "two_threads"))


@pytest.fixture
def subjects(tmp_path, monkeypatch, request):
    (tmp_path / "dying.py").write_text(PLANTED)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(request.config.rootpath / "tests")
    monkeypatch.setattr(memory, "LIMIT", memory.LIMIT)  # which the planted module changes, here too
    names = "planted:Right", "planted:Flipped", "dying:Dies", "dying:RunsAway", "dying:Keeps", "dying:Prints"
    return [Subject.of(load(name), name) for name in names]


def test_processes_give_the_records_of_this_one_in_the_same_order(subjects):
    here = list(records_of(for_all(subjects[:2], CASES, full=True, only=SINGLE)))
    there = list(records_of(for_all(subjects[:2], CASES, full=True, only=SINGLE), processes=2))
    assert there == here
    assert {record.outcome for record in here} >= {outcome.PASS, outcome.FAIL}


def test_what_a_backend_dies_of_is_crashed_and_nothing_else_is_lost(subjects):
    records = list(
        records_of(for_all([subjects[0], subjects[2]], CASES, full=True, only=SINGLE), processes=2, time_limit=5)
    )
    died = {record.call for record in records if record.outcome == "crashed"}  # no check is made after the death
    here = records_of(for_all([subjects[0]], CASES, full=True, only=SINGLE))
    expected = [(*record.call[1:], record.check) for record in here]
    for name in ("planted", "dies"):
        asked = [call for call in expected if (name, *call[:-1]) not in died]
        assert [(*one.call[1:], one.check) for one in records if one.backend == name and one.call not in died] == asked
    crashed = {(record.backend, record.operation, record.case) for record in records if record.outcome == "crashed"}
    assert crashed == {("dies", "conv2d", str(CASES[1])), ("dies", "conv2d", str(CASES[3]))}
    messages = Counter(record.message.partition(";")[0] for record in records if record.outcome == "crashed")
    assert set(messages) == {"the process died of signal 6 (SIGABRT)", "no answer within 5 s"}
    assert not any(record.outcome == outcome.FAIL for record in records)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux tells")
def test_what_takes_too_much_memory_is_crashed(subjects):
    records = list(records_of(for_all([subjects[0], subjects[3]], CASES[2:], full=True, only=SINGLE), processes=1))
    crashed = {(record.backend, record.operation, record.case) for record in records if record.outcome == "crashed"}
    assert crashed == {("runs away", "conv2d", str(CASES[3]))}
    messages = {record.message.partition(" of memory")[0] for record in records if record.outcome == "crashed"}
    assert len(messages) == 1
    assert re.fullmatch(r"the process was ended as it had taken 0\.\d+ GiB", messages.pop())
    assert {record.outcome for record in records} == {"pass", "crashed"}


def test_no_case_pays_for_what_the_others_left(subjects):
    """Each leaves more than half of the 100 MiB that there are."""
    records = list(records_of(for_all([subjects[4]], CASES, ["conv2d"], full=True, only=SINGLE), processes=1))
    assert {record.outcome for record in records} == {"pass"}


def test_what_a_backend_prints_in_a_call_is_a_failure_of_that_call(subjects):
    records = list(records_of(for_all([subjects[5], subjects[0]], CASES, full=True, only=SINGLE), processes=1))
    failed = {(record.operation, record.case): record for record in records if record.outcome != outcome.PASS}
    assert set(failed) == {("conv2d", str(CASES[1])), ("conv2d", str(CASES[3]))}
    assert {record.check for record in failed.values()} == {"prints_nothing"}
    assert "beginning with 'height 6'" in failed["conv2d", str(CASES[1])].message
    assert "beginning with 'in C'" in failed["conv2d", str(CASES[3])].message


@pytest.fixture
def started(monkeypatch):
    """The processes of the judges that were started."""
    processes = []

    class Recorded(Worker):
        def _start(self):
            super()._start()
            processes.append(self._process)

    monkeypatch.setattr(pool, "Worker", Recorded)
    return processes


@pytest.mark.parametrize(("head_start", "judges"), [(600, 1), (0, 2)])
def test_a_run_that_is_over_before_the_head_start_has_one_judge(subjects, started, monkeypatch, head_start, judges):
    monkeypatch.setattr(pool, "_HEAD_START", head_start)
    found = list(records_of(for_all(subjects[:1], CASES, full=True, only=SINGLE), processes=2))
    assert {record.case for record in found} == set(map(str, CASES))
    assert len(started) == judges


def test_a_free_judge_goes_to_the_first_case_that_waits():
    """A case that has waited longer than a later one is never passed over, however the threads are woken."""
    free, taken, waits = pool.Judges(), [], threading.Semaphore(0)

    def take(number):
        waits.release()
        with free.judge_of(number):
            taken.append(number)

    numbers = [5, 2, 9, 1, 7, 3, 8, 0, 6, 4]
    threads = [threading.Thread(target=take, args=(number,)) for number in numbers]
    for thread in threads:
        thread.start()
    for _ in threads:
        waits.acquire()
    while len(free._waiting) < len(numbers):
        time.sleep(0.001)
    free.add(object())
    for thread in threads:
        thread.join(60)
    assert taken == sorted(numbers)


def test_each_case_is_asked_about_when_its_turn_comes(subjects, monkeypatch):
    """One case takes long, and the others go on in order beside it."""
    cases, asked = [CASES[0].with_dtype("float32")] + [replace(CASES[0], height=8 + n) for n in range(60)], []

    class Judge:
        def __init__(self, *given, **options):
            pass

        def ask(self, job, case, seed, described, time_limit):
            asked.append(case)
            time.sleep(0.2 if case == str(cases[0]) else 0.001)
            return [[] for _ in described]

        def close(self, *, for_good):
            pass

    monkeypatch.setattr(pool, "Worker", Judge)
    monkeypatch.setattr(pool, "_HEAD_START", 0)
    list(pool.judge_isolated(for_all(subjects[:1], cases, ["conv2d"], full=True, only=SINGLE), processes=2))
    places = [asked.index(str(case)) for case in cases]
    assert sorted(places) == list(range(len(cases)))
    # Some cases may pass one while that is being described. Where judges went to whoever asked, one waited to the end.
    assert max(place - turn for turn, place in enumerate(places)) < len(cases) // 2


def test_several_free_judges_all_work():
    free, both = pool.Judges(), threading.Barrier(2)
    free.add("first", "second")

    def take(number):
        with free.judge_of(number):
            both.wait(60)

    threads = [threading.Thread(target=take, args=(number,)) for number in (1, 0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not both.broken


def test_a_run_that_is_ended_leaves_no_process(subjects, started):
    running = records_of(for_all(subjects[:1], CASES, full=True, only=SINGLE), processes=2)
    next(running)
    running.close()
    assert started
    assert all(process.wait(timeout=60) is not None for process in started)


def test_a_run_that_is_killed_leaves_no_process(subjects, tmp_path, request):
    """Nor one that a backend started: each would hold the pipe open."""
    os.mkfifo(tmp_path / "alive")
    alive = os.open(tmp_path / "alive", os.O_RDONLY | os.O_NONBLOCK)
    path = os.pathsep.join([str(tmp_path), str(request.config.rootpath / "tests"), os.environ.get("PYTHONPATH", "")])
    verify = [sys.executable, "-m", "reference_impl", "verify", "--backend", "dying:Starts", "--cases", str(CASES[0])]
    with subprocess.Popen(verify, env={**os.environ, "PYTHONPATH": path}) as running:
        assert select.select([alive], [], [], 120)[0]
        assert os.read(alive, 7) == b"started"
        running.kill()
    assert select.select([alive], [], [], 60)[0], "somebody lives"
    assert os.read(alive, 1) == b""
    os.close(alive)

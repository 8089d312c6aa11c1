"""A sweep that is killed, or whose processes are, goes on where it was and loses nothing."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from run.sweep.small_chunks import SCOPE, Broken, SmallChunks, children, opened, results, setting

from reference_impl.run.processes.worker import Raised
from reference_impl.run.sweep.driver import jobs_left, stored
from reference_impl.run.sweep.engine import EngineError, Here, Judge
from reference_impl.run.sweep.jobs import Answer, Job, Lost

WRONG = "planted:Flipped"


@pytest.fixture(scope="module")
def undisturbed():
    """The results of a sweep that nothing disturbs."""
    return swept(None)


def swept(path, disturb=lambda answer: None, until=None):
    engine = Here(setting(WRONG), 2)
    try:
        with opened(path, WRONG) as store:
            for answer in stored(store, engine.answers(jobs_left(store, SCOPE, (WRONG,), until))):
                assert isinstance(answer, Answer)
                disturb(answer)
            return results(store, WRONG)
    finally:
        engine.close()


def test_every_chunk_is_judged(undisturbed):
    assert set(undisturbed) == set(range(SCOPE.number_of_chunks))
    assert all(asked == 4 and passed + len(failed) == 4 for asked, passed, failed in undisturbed.values())
    assert any(failed for _, _, failed in undisturbed.values())


def test_sweep_whose_judges_are_killed_loses_nothing(undisturbed):
    source = random.Random(0)
    killed = []

    def kill(answer):
        if answer.job.chunk % 8 == 3:
            time.sleep(source.random() * 0.03)
            # Not one that was just started anew. If all chunks were judged long ago, both may be dead.
            for judge in sorted(children(os.getpid(), "chunk_process"))[:1]:
                os.kill(judge, signal.SIGKILL)
                killed.append(judge)

    assert swept(None, kill) == undisturbed
    assert len(killed) >= 2


def test_sweep_that_is_killed_goes_on_and_loses_nothing(tmp_path, undisturbed):
    """The driver is killed at random times; its processes then end themselves."""
    path, source, told = tmp_path / "store.db", random.Random(1), set()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    start = "import sys; from run.sweep.small_chunks import main; main(*sys.argv[1:])"
    command = [sys.executable, "-c", start, str(path), WRONG]
    for _ in range(2):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        process = subprocess.Popen(command, text=True, env=environment, **pipes)
        process.stdin.write(6 * "\n")  # so that it does not end before it is killed
        process.stdin.flush()
        for _ in range(source.randrange(1, 5)):
            told.add(int(process.stdout.readline()))
        time.sleep(source.random() * 0.05)
        others = children(process.pid, "_process")
        process.kill()
        told |= {int(line) for line in process.stdout if line.endswith("\n")}
        process.wait()
        process.stdout.close()
        process.stdin.close()
        assert others
        assert_ended(others)
    with opened(path, WRONG) as store:
        done = store.done(WRONG)
        assert told <= done < set(range(SCOPE.number_of_chunks))
    again = []
    assert swept(path, lambda answer: again.append(answer.job.chunk)) == undisturbed
    assert not done & set(again)


def assert_ended(processes, seconds=60):
    until = time.monotonic() + seconds
    while left := [pid for pid in processes if is_running(pid)]:
        assert time.monotonic() < until, f"{left} outlive the sweep"
        time.sleep(0.05)


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_chunk_that_ends_its_judge_each_time_is_told_and_the_others_go_on(monkeypatch):
    """Only chunk 3 is deadly. It is given up after three deaths."""
    monkeypatch.setattr(Judge, "_asked", dies_of(3, Judge._asked))
    engine = Here(setting(WRONG), 1)
    try:
        with opened(None, WRONG) as store:
            answers = [*stored(store, engine.answers(jobs_left(store, SmallChunks(5), (WRONG,))))]
            (lost,) = [one for one in answers if isinstance(one, Lost)]
            assert lost.job == Job(3, (WRONG,))
            assert "SIGKILL" in lost.reason
            assert store.done(WRONG) == {0, 1, 2, 4}
    finally:
        engine.close()


def dies_of(chunk, asked):
    def asked_and_killed(self, value):
        if isinstance(value, Job) and value.chunk == chunk:
            os.kill(self._worker._process.pid, signal.SIGKILL)
        return asked(self, value)

    return asked_and_killed


def test_error_of_ours_ends_the_sweep_and_is_told():
    engine = Here(replace(setting(WRONG), scope=Broken()), 1)
    try:
        with pytest.raises(Raised, match="RuntimeError: no such chunk today"):
            list(engine.answers(iter([Job(0, (WRONG,))])))
    finally:
        engine.close()


def test_no_job_is_handed_out_when_the_time_is_over():
    with opened(None, WRONG) as store:
        assert list(jobs_left(store, SCOPE, (WRONG,), time.monotonic())) == []


def test_jobs_are_those_of_the_backends_that_have_not_been_asked():
    with opened(None, "a") as store:
        opened_too = store.done("a")
        assert opened_too == set()
        jobs = jobs_left(store, SmallChunks(2), ("a", "b"))
        assert list(jobs) == [Job(0, ("a", "b")), Job(1, ("a", "b"))]


@pytest.fixture(scope="module")
def answer():
    engine = Here(setting(WRONG), 1)
    yield next(engine.answers(iter([Job(0, (WRONG,))])))
    engine.close()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            lambda answer: {"versions": {WRONG: "2"}},
            "must have planted:Flipped unversioned, as the store has; one has 2",
        ),
        (lambda answer: {"machine": replace(answer.machine, cpu="Z80")}, "one differs .* in the CPU: .* and Z80"),
    ],
)
def test_answer_of_another_machine_or_version_is_refused(answer, changes, said):
    with opened(None, WRONG) as store, pytest.raises(EngineError, match=said):
        list(stored(store, [replace(answer, **changes(answer))]))

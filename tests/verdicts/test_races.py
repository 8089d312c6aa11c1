"""A kernel that is wrong only sometimes is caught, and the share of its wrong answers is told."""

from __future__ import annotations

import ctypes
import os
import random
import re
import shutil
import subprocess
import threading
import time

import numpy as np
import pytest
from planted import Right

from reference_impl.cases import catalogue
from reference_impl.cases.case import Case
from reference_impl.diagnosis import Diagnoses
from reference_impl.run import outcome
from reference_impl.run.judge import judge
from reference_impl.run.records import records_of
from reference_impl.run.selection import for_all
from reference_impl.run.subject import Subject
from reference_impl.verdicts import trial
from reference_impl.verdicts.checks import CHECKS
from reference_impl.verdicts.making_calls import repeated
from reference_impl.verdicts.races import is_race
from reference_impl.verdicts.trial import AGAIN, AGAIN_IF_SPLIT, times_again

CASE = Case.parse("n2_h7w9c3_k3x2o4_s2x3")
LARGE = Case.parse("n1_h16w16c8_k3x3o8_SAME")
BOTH = [check for check in CHECKS if check.name in ("exact", "repeatable")]


def off_by_one(answer):
    answer.flat[0] += 1
    return answer


class WrongOnceInTen(Right):
    """Wrong by chance, whatever it is asked."""

    def __init__(self, seed=0):
        self.random = random.Random(seed)

    def spoil(self, answer, arrays):
        return off_by_one(answer) if self.random.random() < 0.1 else answer


class WrongOnTheFirstCall(Right):
    def __init__(self):
        self.called = False

    def spoil(self, answer, arrays):
        first, self.called = not self.called, True
        return off_by_one(answer) if first else answer


class WrongFromTheFourthCall(Right):
    def __init__(self):
        self.calls = 0

    def spoil(self, answer, arrays):
        self.calls += 1
        return off_by_one(answer) if self.calls > 3 else answer


class AlwaysWrong(Right):
    def spoil(self, answer, arrays):
        return off_by_one(answer)


class WritesToAnArgument(Right):
    def spoil(self, answer, arrays):
        arrays[0].flat[0] += 1
        return answer


class AddsInTwoThreads(Right):
    """Each of two threads adds its half to a sum that both read and write, without a lock."""

    def spoil(self, answer, arrays):
        total, together = np.zeros_like(answer), threading.Barrier(2)

        def add(part):
            together.wait(60)
            for image in range(len(total)):
                for row in range(total.shape[1]):
                    old = total[image, row].copy()
                    if row % 3 == 0:
                        time.sleep(0)
                    total[image, row] = old + part[image, row]

        half = answer // 2
        threads = [threading.Thread(target=add, args=(part,)) for part in (half, answer - half)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return total


C = """
#include <pthread.h>
#include <sched.h>
#include <time.h>
typedef struct { const float *from; volatile float *to; long size; pthread_barrier_t *start; } Part;
static void *add(void *given) {
    Part *part = given;
    struct timespec now;
    pthread_barrier_wait(part->start);
    clock_gettime(CLOCK_MONOTONIC, &now);
    unsigned drawn = now.tv_nsec;
    for (long i = 0; i < part->size; i++) {
        float old = part->to[i];
        drawn = drawn * 1103515245u + 12345u;
        if ((drawn >> 16) % 32 == 0) sched_yield();
        part->to[i] = old + part->from[i];
    }
    return 0;
}
void add_both(const float *one, const float *other, float *to, long size) {
    pthread_barrier_t start;
    pthread_barrier_init(&start, 0, 2);
    Part parts[2] = {{one, to, size, &start}, {other, to, size, &start}};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) pthread_create(&threads[i], 0, add, &parts[i]);
    for (int i = 0; i < 2; i++) pthread_join(threads[i], 0);
}
"""


@pytest.fixture(scope="module")
def add_both(tmp_path_factory):
    if shutil.which("cc") is None:
        pytest.skip("no C compiler")
    folder = tmp_path_factory.mktemp("race")
    (folder / "race.c").write_text(C)
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-pthread", "-o", "race.so", "race.c"], cwd=folder, check=True)
    function = ctypes.CDLL(str(folder / "race.so")).add_both
    function.argtypes = [*[np.ctypeslib.ndpointer(np.float32, flags="C")] * 3, ctypes.c_long]
    return function


@pytest.fixture(autouse=True)
def all_repeats_are_made(monkeypatch):
    """On a slow machine too."""
    monkeypatch.setattr(trial, "SECONDS", 60.0)


def failures(backend, cases=(CASE,), operation="conv2d"):
    subject = Subject.of(backend)
    records = [record for case in cases for record in judge(subject, case, operation, checks=BOTH)]
    return [record for record in records if record.outcome == outcome.FAIL]


def share(record):
    """The numbers of wrong answers and of all, from the message."""
    return tuple(
        map(int, re.match(r"race: (\d+) of (\d+) answers to the same call (?:is|are) wrong", record.message).groups())
    )


def smoke():
    return [case for case in catalogue.load("smoke") if case.batch < 1000 and case.multiply_adds]


@pytest.mark.parametrize("seed", range(8))
def test_kernel_that_is_right_nine_times_of_ten_fails_a_run(seed):
    races = [record for record in failures(WrongOnceInTen(seed), smoke()) if record.message.startswith("race: ")]
    assert races
    for record in races:
        wrong, count = share(record)
        assert 1 <= wrong <= count // 2
        assert count >= 22


def test_first_wrong_answer_is_told_with_its_place():
    record = next(record for record in failures(WrongOnceInTen(), smoke()) if is_race(record.message))
    assert re.search(r"wrong; the first wrong one is answer \d+: on integers the answer must equal", record.message)
    assert "actual" in record.message
    assert record.ratio


def test_threads_of_a_kernel_in_python_race():
    assert any(is_race(record.message) for record in failures(AddsInTwoThreads(), [LARGE] * 5))


def test_threads_of_a_kernel_in_c_race(add_both):
    class AddsInC(Right):
        def spoil(self, answer, arrays):
            total, half = np.zeros_like(answer), np.floor(answer / 2)
            add_both(half, answer - half, total, total.size)
            return total

    assert any(is_race(record.message) for record in failures(AddsInC(), [LARGE] * 5))


def test_wrong_first_call_is_told():
    found = failures(WrongOnTheFirstCall())
    assert {record.check for record in found} == {"exact", "repeatable"}
    for record in found:
        assert share(record)[0] == 1
        assert "these came first: it may depend on the calls before" in record.message


def test_call_that_is_wrong_from_some_time_on_is_told():
    (record,) = failures(WrongFromTheFourthCall())
    assert record.check == "repeatable"
    assert "these came last: it may depend on the calls before" in record.message


def test_kernel_that_is_always_wrong_has_no_race():
    (record,) = failures(AlwaysWrong())
    assert record.check == "exact"
    assert "race" not in record.message


def test_kernel_that_writes_to_its_arguments_has_no_race():
    assert not any("race" in record.message for record in failures(WritesToAnArgument()))


def test_race_is_not_diagnosed_as_a_mistake():
    subject = Subject.of(WrongOnceInTen())
    record = next(record for record in failures(subject.backend, smoke()) if is_race(record.message))
    assert Diagnoses().added(subject, record) == record


def test_small_calls_are_made_often_and_long_ones_once():
    assert times_again(CASE) == AGAIN
    assert times_again(LARGE) == AGAIN_IF_SPLIT
    assert repeated(lambda: 7, 5, 60.0) == [7] * 5
    assert len(repeated(lambda: sum(range(1_000_000)), 5, 0.001)) == 1


TWO_THREADS = """
import os
import planted

class LosesARow(planted.Right):
    "Splits the rows between its threads, and the one in the middle is nobody's."
    threads = int(os.environ.get("OMP_NUM_THREADS", 1))

    def spoil(self, answer, arrays):
        if self.threads == 2:
            answer[:, answer.shape[1] // 2] = 0
        return answer
"""


def test_kernel_that_is_wrong_in_two_threads_has_two_even_on_one_processor(tmp_path, monkeypatch, request):
    (tmp_path / "splits.py").write_text(TWO_THREADS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(request.config.rootpath / "tests")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0}, raising=False)
    subject = Subject.load("splits:LosesARow")
    (record, *_) = judge(subject, CASE, "conv2d", checks=BOTH)
    assert record.outcome == outcome.FAIL
    subject.backend.process.close()


def test_race_in_a_process_of_its_own_is_seen(tmp_path, monkeypatch, request):
    (tmp_path / "sometimes.py").write_text("from verdicts.test_races import WrongOnceInTen\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(request.config.rootpath / "tests")
    subject = Subject.load("sometimes:WrongOnceInTen")
    selection = for_all([subject], smoke(), ["conv2d"], full=True, only=("exact", "repeatable"))
    failed = [record for record in records_of(selection, processes=1) if record.unexpected]
    assert failed
    assert any(share(record)[1] >= 22 for record in failed if is_race(record.message))
    subject.backend.process.close()

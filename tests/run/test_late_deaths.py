"""A process that dies of memory that an earlier call corrupted: the earlier call is found, and the later one judged."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess

import pytest

from reference_impl.cases.case import Case
from reference_impl.run import known, outcome
from reference_impl.run.judge import KEEPS_TO_ITS_MEMORY, judge
from reference_impl.run.processes import late_deaths
from reference_impl.run.processes.late_deaths import Journal
from reference_impl.run.processes.requests import Request
from reference_impl.run.processes.worker import Died, Hung
from reference_impl.run.records import records_of
from reference_impl.run.selection import for_all
from reference_impl.run.subject import Subject
from reference_impl.verdicts.checks import CHECKS as CHECKS_OF
from reference_impl.verdicts.integers import integer_call

GUILTY = Case.parse("n1_h6w5c2_k2x3o3_s2x1")
CASES = [Case.parse(f"n1_h{height}w5c2_k2x3o3") for height in range(3, 20)]
CASES.insert(5, GUILTY)
CHECKS = ("exact", "repeatable")

KERNELS = """
import ctypes, os
from pathlib import Path
import planted

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.restype, libc.free.argtypes = None, [ctypes.c_void_p]
HERE = Path(__file__).parent

class Corrupts(planted.Right):
    "Strided calls write beyond a block; later the block is freed, which ends the process."
    later = 25

    def __init__(self):
        self.left = None

    def corrupt(self):
        for _ in range(1000):
            self.block, behind = libc.malloc(5000), libc.malloc(5000)
            if 0 < behind - self.block < 5100:  # the two are neighbours, so nobody else's memory is written to
                ctypes.memmove(self.block + 5000, b"x" * 5100, behind - self.block - 5000)
                return

    def end(self):
        libc.free(self.block)

    def conv2d(self, *args, **options):
        if self.left is not None:
            self.left -= 1
            if self.left == 0:
                self.end()
        if options["strides"] == (2, 1) and self.left is None:
            self.corrupt()
            self.left = self.later
        return super().conv2d(*args, **options)

class CorruptsAndDiesNext(Corrupts):
    later = 1

class CorruptsInC(Corrupts):
    def __init__(self):
        super().__init__()
        self.library = ctypes.CDLL(str(HERE / "corrupt.so"))

    def corrupt(self):
        self.library.corrupt()

    def end(self):
        self.library.end()

class CorruptsAtOnce(planted.Right):
    def conv2d(self, *args, **options):
        if options["strides"] == (2, 1):
            os.abort()
        return super().conv2d(*args, **options)

class DiesInItsSecondCall(planted.Right):
    "Dies once in the second call of a process, of nothing that comes back."
    calls = 0

    def conv2d(self, *args, **options):
        self.calls += 1
        if self.calls == 2 and not (HERE / "died").exists():
            (HERE / "died").touch()
            os.abort()
        return super().conv2d(*args, **options)

class DiesOnce(planted.Right):
    "Dies in one call, of nothing that comes back."
    def conv2d(self, input, filters, **options):
        if input.shape[1] == 12 and not (HERE / "died").exists():
            (HERE / "died").touch()
            os.abort()
        return super().conv2d(input, filters, **options)
"""
C = """
#include <stdlib.h>
#include <string.h>
static char *kept;
void corrupt(void) {
    for (int i = 0; i < 10000; i++) {
        char *one = malloc(40), *behind = malloc(40);
        if (behind < one || behind - one > 200) continue;   /* until two blocks are neighbours */
        memset(one, 0x41, behind - one);
        kept = behind;
        free(one);
        return;
    }
}
void end(void) { free(kept); }
"""


@pytest.fixture
def load(tmp_path, monkeypatch, request):
    (tmp_path / "corrupting.py").write_text(KERNELS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(request.config.rootpath / "tests")
    monkeypatch.setattr(late_deaths, "SECONDS", 3600.0)  # on a slow machine too
    loaded = []

    def load(name):
        loaded.append(Subject.load(f"corrupting:{name}"))
        return loaded[-1]

    yield load
    for subject in loaded:
        subject.backend.process.close()


def failed(subject):
    selection = for_all([subject], CASES, ["conv2d"], full=True, only=CHECKS)
    records = list(records_of(selection, processes=1))
    for case in map(str, CASES):  # a call that dies has one record, for the check that it died of
        told = [(record.check, record.outcome) for record in records if record.case == case and record.check in CHECKS]
        assert sorted(check for check, _ in told) == sorted(CHECKS) or [died for _, died in told] == [outcome.CRASHED]
    return [record for record in records if record.outcome != outcome.PASS]


def assert_attributed(subject):
    (record,) = failed(subject)
    assert (record.check, record.outcome, record.operation) == (KEEPS_TO_ITS_MEMORY, outcome.CRASHED, "conv2d")
    assert record.case == str(GUILTY), record.message
    assert record.backend == subject.name
    died = re.search(r"died in a later one, conv2d on (\S+), which comes back alone", record.message)
    assert died
    assert Case.parse(died[1]) in CASES[CASES.index(GUILTY) + 1 :]
    return record.message


needs_glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library may not see it")


@needs_glibc
def test_write_beyond_a_block_is_attributed_to_its_call(load):
    assert_attributed(load("Corrupts"))


@needs_glibc
@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_write_of_a_kernel_in_c_is_seen_in_its_call(load, tmp_path):
    (tmp_path / "corrupt.c").write_text(C)
    subprocess.run(["cc", "-w", "-O0", "-shared", "-fPIC", "-o", "corrupt.so", "corrupt.c"], cwd=tmp_path, check=True)
    assert "MALLOC_CHECK_=3" in (said := assert_attributed(load("CorruptsInC")))
    assert "the process dies with this call, and lives without it" in said


@needs_glibc
def test_without_checks_of_memory_it_is_attributed_too(load, monkeypatch):
    monkeypatch.setattr(late_deaths, "_checks", dict)
    subject = load("Corrupts")
    process = subject.backend.process
    for case in CASES:
        for _ in range(2):
            integer_call(case, "conv2d", 0).run(subject.backend)
    (late,) = subject.backend.take_late_deaths()
    assert late.guilty.case == GUILTY
    assert not process.late_deaths


def test_death_that_comes_back_alone_is_its_own(load):
    (record,) = failed(load("CorruptsAtOnce"))
    assert (record.case, record.outcome) == (str(GUILTY), outcome.CRASHED)
    assert record.check in CHECKS


def test_death_that_does_not_come_back_is_nobodys(load):
    (record,) = failed(load("DiesOnce"))
    assert record.check == KEEPS_TO_ITS_MEMORY
    assert record.case == "n1_h12w5c2_k2x3o3"
    assert re.match(r"one of these \d+ calls corrupts memory: conv2d on n1_h12w5c2_k2x3o3, and those", record.message)
    assert "SIGABRT" in record.message
    assert "made alone it comes back; and so does it after the others" in record.message


def requests(count):
    call = integer_call(GUILTY, "conv2d", 0)
    return [Request(str(k), (("conv2d", call.positional(), GUILTY.options),), 4) for k in range(count)]


def test_journal_is_bounded(monkeypatch):
    monkeypatch.setattr(late_deaths, "_MOST_KEPT", 3)
    journal = Journal()
    for request in requests(3):
        journal.add(request)
    assert journal.is_whole
    journal.add(requests(1)[0])
    assert [request.name for request in journal.requests] == ["1", "2", "0"]
    assert not journal.is_whole


@pytest.mark.parametrize("operation", ["conv2d", "conv2d_backprop_input", "conv2d_backprop_filter", "conv2d_transpose"])
def test_request_knows_its_case(operation):
    case = Case.parse("n2_h7w9c4_k3x2o6_s2x3_d1x2_g2_p1,2,0,1_float64")
    call = integer_call(case, operation, 0)
    assert Request("any", ((operation, call.positional(), case.options),), 0).case == case


def test_request_with_invalid_arguments_has_no_case():
    invalid = Request("any", (("conv2d", (1, 2, 3), {}),), 0)
    assert invalid.case is None
    assert str(invalid) == "conv2d on invalid arguments"


class Dying:
    """Stands for a process. It dies of the last call if one that is guilty was made before."""

    def __init__(self, guilty):
        self.guilty = guilty

    def renew(self):
        self.made = []

    def make_once(self, request):
        self.made.append(request.name)
        self.end()

    def end(self):
        if self.made[-1] == "9" and set(self.made) & self.guilty:
            raise Died("it died", 6)

    def close(self):
        pass


class DyingWhereMoved(Dying):
    """It dies in the guilty call if the one before it is 4; else in the third call of 9 after it."""

    def end(self):
        at_once = self.made[-2:] == ["4", "5"]
        if at_once or ("5" in self.made and self.made.count("9") == 3):
            raise Died("it died", 6)


class DyingOfTwo(Dying):
    """It dies in the last call if both were made before."""

    def end(self):
        if self.made[-1] == "9" and {"3", "6"} <= set(self.made):
            raise Died("it died", 6)


class DyingSlowly(Dying):
    """It dies as `Dying`, and gives no answer in time to the call 4."""

    def end(self):
        if self.made[-1] == "4":
            raise Hung("no answer within 60 s")
        super().end()


def searched(process):
    *before, last = requests(10)
    journal = Journal()
    for request in before:
        journal.add(request)
    return late_deaths.looked_into(journal, last, Died("it died", 6), lambda environment: process)


@pytest.mark.parametrize("guilty", range(9))
def test_every_place_is_found(guilty):
    assert searched(Dying({str(guilty)})).guilty.name == str(guilty)


def test_call_that_only_changes_where_the_process_dies_is_not_accused():
    assert searched(DyingWhereMoved({"5"})).guilty.name == "5"


def test_no_call_is_accused_where_two_are_needed():
    late = searched(DyingOfTwo(set()))
    assert late.guilty.name == "9"
    assert "one of these 10 calls corrupts memory" in late.message
    assert "the process dies only of several calls together" in late.message


def test_slow_call_is_no_death():
    late = searched(DyingSlowly({"1"}))
    assert late.guilty.name == "9"
    assert "the search was ended as a call gave no answer within 60 s" in late.message


def test_search_ends_in_time(monkeypatch):
    monkeypatch.setattr(late_deaths, "SECONDS", -1.0)
    late = searched(Dying({"1"}))
    assert late.guilty.name == "9"
    assert "the search was ended after" in late.message


ASKED_TWICE = [check for check in CHECKS_OF if check.name in CHECKS]


def test_death_beside_a_call_that_is_known_to_damage_memory_is_that_calls(load, monkeypatch):
    subject = load("DiesInItsSecondCall")
    monkeypatch.setattr(known, "is_deadly", lambda *call: True)
    *judged, late = judge(subject, GUILTY, "conv2d", checks=ASKED_TWICE)
    assert [(one.check, one.outcome) for one in judged] == [(name, outcome.PASS) for name in CHECKS]
    assert (late.check, late.outcome, late.case) == (KEEPS_TO_ITS_MEMORY, outcome.CRASHED, str(GUILTY))
    assert "no search was made, as this call is known to damage memory" in late.message


@needs_glibc
def test_damage_of_a_call_before_is_not_told_of_a_call_that_is_known_to_damage_memory(load, monkeypatch):
    subject = load("CorruptsAndDiesNext")
    monkeypatch.setattr(known, "is_deadly", lambda _subject, _operation, case: case != GUILTY)
    integer_call(GUILTY, "conv2d", 0).run(subject.backend)
    assert {one.outcome for one in judge(subject, CASES[0], "conv2d", checks=ASKED_TWICE)} == {outcome.PASS}

"""Writes beyond an array that a call makes are seen, and what it leaves unwritten is NaN; several calls go together."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

import numpy as np
import pytest

from reference_impl.cases.case import Case
from reference_impl.run.processes import guarded_arrays, memory
from reference_impl.run.processes.guarded_arrays import GuardedArrays
from reference_impl.run.processes.shared_memory import Sent, SharedMemory
from reference_impl.run.subject import Subject
from reference_impl.verdicts.integers import integer_call

# NumPy may free arrays of a test after it.
GUARDED = GuardedArrays()


def write(array, offset):
    ctypes.c_char.from_address(array.ctypes.data + offset).value = b"x"


def test_unwritten_memory_is_nan_and_zeros_are_zeros():
    with GUARDED.watch() as damaged:
        unwritten, zeros = np.empty((3, 5), np.float32), np.zeros(1000)
    assert np.isnan(unwritten).all()
    assert not zeros.any()
    assert damaged == []


@pytest.mark.parametrize(("offset", "side"), [(-1, "before"), (-256, "before"), (20, "behind"), (275, "behind")])
def test_write_beyond_an_array_is_seen(offset, side):
    with GUARDED.watch() as damaged:
        array = np.empty(5, np.float32)
        write(array, offset)
    assert damaged == [f"1 bytes {side} an array of 20 bytes that it made were written to"]


def test_write_beyond_an_array_that_is_gone_is_seen():
    with GUARDED.watch() as damaged:
        array = np.ones(5, np.float32)
        write(array, 20)
        del array
    assert len(damaged) == 1


def test_array_can_grow():
    with GUARDED.watch() as damaged:
        array = np.arange(4.0)
        array.resize(1000, refcheck=False)
    assert array[:4].tolist() == [0, 1, 2, 3]
    assert damaged == []


def test_arrays_of_other_times_are_not_guarded():
    with GUARDED.watch():
        pass
    with GUARDED.watch() as damaged:
        pass
    assert damaged == []


@pytest.mark.parametrize("size", [0, 1, 2, 4, 8, 1000, 100_000])
def test_error_stays_as_it_is_when_arrays_die_with_it(size):
    def fails(depth):
        mine = np.ones(size, np.uint8)
        return fails(depth - 1) if depth else mine.reshape(7, 11, 13)

    with GUARDED.watch() as damaged, pytest.raises(ValueError, match="cannot reshape array of size"):
        fails(20)
    assert damaged == []


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux tells")
@pytest.mark.parametrize(("size", "count", "most"), [(memory.MIB, 150, 100), (8, 40_000, 10)])
def test_dead_arrays_are_freed_during_a_call(size, count, most):
    before = memory.held(os.getpid())
    with GUARDED.watch():
        for _ in range(count):
            np.empty(size, np.uint8)
        assert memory.held(os.getpid()) - before < most * memory.MIB


def test_dead_array_that_was_filled_with_zeros_is_told_from_a_live_one():
    with GUARDED.watch():
        kept = [np.zeros(size, np.uint8) for size in range(1, 40)]
        for size in range(1, 40):
            np.zeros(size, np.uint8)
    with GUARDED.watch():  # it frees the dead ones
        others = [np.ones(size, np.uint8) for size in range(1, 40)]
    assert not any(array.any() for array in kept)
    assert all(array.all() for array in others)


def test_dead_arrays_of_a_few_bytes_are_watched_no_more(monkeypatch):
    looked = []
    monkeypatch.setattr(GUARDED, "_look_at", lambda at, size: looked.append(size))
    with GUARDED.watch():
        for size in (1, 2, 3) * 1000:
            np.zeros(size, np.uint8)
    looked.clear()
    with GUARDED.watch():
        pass
    assert len(looked) < 100


def test_live_array_that_looks_dead_keeps_its_numbers():
    mark = np.frombuffer(guarded_arrays._MARK, np.uint8)
    with GUARDED.watch():
        kept = [mark[:size].copy() for size in (1, 2, 3)]
    with GUARDED.watch():
        others = [np.zeros(size, np.uint8) for size in (1, 2, 3)]
        for array in kept:
            array.resize(1000, refcheck=False)
    for size, array in enumerate(kept, 1):
        np.testing.assert_array_equal(array[:size], mark[:size])
    assert not any(array.any() for array in others)


def test_write_beyond_an_array_of_an_earlier_call_is_seen_once():
    with GUARDED.watch():
        array = np.empty(5, np.float32)
    for damage in (1, 0):
        with GUARDED.watch() as damaged:
            if damage:
                write(array, 21)
        assert len(damaged) == damage


def test_array_within_another_keeps_its_place():
    memory = np.arange(12.0)
    sent = Sent(memory, SharedMemory.make(), 0)
    part = memory[3:7]
    assert sent.holds(part)
    assert sent.place_of(part).start == sent.place.start + 24
    assert not sent.holds(np.arange(12.0))


def test_calls_together_give_each_its_answer():
    calls = [integer_call(Case.parse("n2_h4w5c2_k2x3o3"), "conv2d", seed) for seed in range(4)]
    backend = Subject.load("minimal").backend
    for threads in (1, 2):
        answers = backend.make_together(calls, threads)
        for call, answer in zip(calls, answers, strict=True):
            np.testing.assert_array_equal(answer, call.run(backend))

"""Memory, refusals and thread counts: each claim catches the backend that only it can catch."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from reference_impl.backends import registry
from reference_impl.backends.protocol import Capabilities
from reference_impl.backends.registry import load
from reference_impl.operations import OPERATIONS
from reference_impl.run import known, outcome, whole_backend
from reference_impl.run.known_failure import KnownFailure, always
from reference_impl.run.subject import Subject
from reference_impl.verdicts.invalid_calls import INVALID_CALLS, arguments_of

PLANTED = """
import os
import numpy as np
import planted

class Answers(planted.Right):
    "Answers what is no convolution, and dies of a stride of 0."

    def _answer(self, operation, *args, **options):
        if options["strides"] == (0, 1):
            os.abort()
        try:
            return super()._answer(operation, *args, **options)
        except (TypeError, ValueError):
            return np.zeros((2, 3, 5, 6), np.float32)

class DependsOnThreads(planted.Right):
    def spoil(self, answer, arrays):
        return answer * (1 + 2**-20) if os.environ["OMP_NUM_THREADS"] == "4" else answer

class Leaks(planted.Right):
    kept = []

    def spoil(self, answer, arrays):
        self.kept.append(answer.copy())
        return answer

class Raises(planted.Right):
    def spoil(self, answer, arrays):
        raise ValueError("not today")
"""


@pytest.fixture
def planted_as(tmp_path, monkeypatch, request):
    (tmp_path / "deadly_planted.py").write_text(PLANTED)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{request.config.rootpath / 'tests'}")

    def make(name, **declared):
        subject = Subject.of(load(f"deadly_planted:{name}"), f"deadly_planted:{name}")
        return Subject(subject.backend, name, "1.0", Capabilities(**declared), argument=subject.argument)

    return make


def outcomes(records):
    return Counter(record.outcome for record in records)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_invalid_calls_are_refused_by_the_oracle_with_a_reason(operation):
    reference = load("reference")
    for call in INVALID_CALLS:
        if operation in call.operations and not call.extreme:
            positional, options = arguments_of(call.name, operation)
            with pytest.raises((TypeError, ValueError), match=r"must|takes"):
                getattr(reference, operation)(*positional, **options)


def test_the_oracle_passes_the_claim():
    subject = Subject.of(load("reference"), "reference")
    records = list(whole_backend.invalid_calls(subject, OPERATIONS))
    assert len(records) == sum(len(call.operations) for call in INVALID_CALLS)
    assert set(outcomes(records)) == {outcome.PASS}


def test_a_backend_that_answers_or_dies_fails_the_claim(planted_as):
    records = list(whole_backend.invalid_calls(planted_as("Answers"), ["conv2d"]))
    by_call = {record.invalid_call: record for record in records}
    assert by_call.pop("stride-zero").outcome == outcome.CRASHED
    assert by_call.pop("stride-2**40").outcome == outcome.PASS  # legal, and right
    assert {record.outcome for record in by_call.values()} == {outcome.FAIL}
    assert by_call["groups-zero"].message == "groups must be at least 1; it answered, with shape (2, 3, 5, 6)"


def test_a_known_failure_to_refuse_is_expected(planted_as, monkeypatch):
    entry = KnownFailure(
        ("Answers",), ">=1", ("conv2d",), always, "fail", "answers", "found here", invalid=("groups-zero",)
    )
    monkeypatch.setattr(known, "known_failures", lambda: (entry,))
    subject = planted_as("Answers")
    monkeypatch.setitem(registry.ADAPTERS, "deadly_planted", None)
    records = [known.mark_expected([record], subject)[0] for record in whole_backend.invalid_calls(subject, ["conv2d"])]
    by_call = {record.invalid_call: record for record in records}
    assert by_call["groups-zero"].outcome == outcome.KNOWN
    assert by_call["groups-negative"].outcome == outcome.FAIL


def test_a_declared_lack_of_the_claim_is_unsupported(planted_as):
    subject = planted_as("Answers", unclaimed={whole_backend.REFUSES: "the caller checks"})
    assert set(outcomes(whole_backend.invalid_calls(subject, ["conv2d"]))) == {outcome.UNSUPPORTED}


def test_thread_counts_are_reported_and_fail_where_promised(planted_as):
    seen = {record.remark for record in whole_backend.thread_counts(planted_as("DependsOnThreads"), ["conv2d"])}
    assert seen == {"bits on 1 and 4 threads: other"}
    promising = planted_as("DependsOnThreads", same_bits_on_any_threads=True)
    assert set(outcomes(whole_backend.thread_counts(promising, ["conv2d"]))) == {outcome.FAIL}


def test_a_backend_that_keeps_its_answers_fails_to_be_steady(planted_as):
    (record,) = whole_backend.steady_memory(planted_as("Leaks"), ["conv2d"])
    assert record.outcome == outcome.FAIL
    assert re.search(r"by more than 2 MiB in \d+ equal calls; it grew by .* MiB, 1\d\.\d KiB a call", record.message)
    unclaimed = planted_as("Leaks", unclaimed={whole_backend.STEADY: "a cache"})
    assert set(outcomes(whole_backend.steady_memory(unclaimed, ["conv2d"]))) == {outcome.UNSUPPORTED}


def test_the_oracle_is_steady():
    records = whole_backend.steady_memory(
        Subject.of(load("reference"), "reference"), ["conv2d", "conv2d_backprop_filter"]
    )
    assert outcomes(records) == {outcome.PASS: 2}


@pytest.mark.parametrize("claim", [whole_backend.STEADY, whole_backend.THREADS])
def test_a_backend_that_raises_an_error_is_refused_not_crashed(planted_as, claim):
    records = list(whole_backend.judge_whole_backend([claim], planted_as("Raises"), ["conv2d"]))
    assert set(outcomes(records)) == {outcome.REFUSED}
    assert all(
        re.match(r"ValueError: not today( \(.*deadly_planted.py, line \d+, in spoil\))?$", r.message) for r in records
    )

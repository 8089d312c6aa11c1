"""Memory, refusals and thread counts: each claim catches the backend that only it can catch."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from math import inf

import pytest

from reference_impl.backends import registry
from reference_impl.backends.protocol import Capabilities
from reference_impl.backends.registry import load
from reference_impl.operations import OPERATIONS
from reference_impl.run import known, outcome, whole_backend
from reference_impl.run.judge import judge_call
from reference_impl.run.known_failure import KnownFailure, always
from reference_impl.run.processes import memory
from reference_impl.run.selection import Asked
from reference_impl.run.subject import Subject
from reference_impl.verdicts.checks import CHECKS
from reference_impl.verdicts.invalid_calls import CASE, INVALID_CALLS, arguments_of

PLANTED = """
import os
import numpy as np
import planted
from reference_impl.backends.registry import load
from reference_impl.run.processes import memory

memory.SECONDS = 600.0  # on a slow machine too
Oracle = load("reference")

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
    monkeypatch.setattr(memory, "SECONDS", memory.SECONDS)  # which the planted module changes, here too
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{request.config.rootpath / 'tests'}")

    def make(name, **declared):
        subject = Subject.of(load(f"deadly_planted:{name}"), f"deadly_planted:{name}")
        return Subject(subject.backend, name, "1.0", Capabilities(**declared), argument=subject.argument)

    return make


def outcomes(records):
    return Counter(record.outcome for record in records)


# The oracle's message for each condition that an invalid call violates.
REASONS = {
    "groups must be at least 1": r"^groups must be >= 1, not (0|-1)$",
    "groups must divide the channels": r"^groups must divide the channels: .* % groups 3 != 0$",
    "strides must be at least 1": r"^strides along height must be >= 1, not (0|-1)$",
    "dilations must be at least 1": r"^dilations along height must be >= 1, not (0|-1)$",
    "padding must be at least 0": r"^padding along height before must be >= 0, not -1$",
    "padding must be one of the known words": r"^padding must be one of .*; not 'SOME'$",
    "the kernel must fit in the padded input": r"^kernel must fit in the padded input along height: ",
    "the channels must be the filters' times groups": r"'s third axis must be the input channels / groups: 4 != 5 / 1",
    "arrays must have 4 axes": r"^(input|filters|out_backprop) must have 4 axes .* not shape \(",
    "the cotangent must have the output's shape": (
        r"^(out_backprop must have shape .*, that of conv2d's output; not |"
        r"output_shape must be one whose forward convolution gives input's shape )"
    ),
    "sizes must be 4 integers": r"^(input_sizes|filter_sizes|output_shape) must be 4 integers .* not (7|\(7, 6, 4\))$",
    "sizes must be at least 0": r"^(input_sizes|filter_sizes|output_shape)'s (H|kw) must be >= [01], not -7$",
    "sizes must be integers": r"^(input_sizes|filter_sizes|output_shape)'s (N|kh) must be an integer, not 2.5 ",
}


@pytest.mark.parametrize(
    ("call", "operation"),
    [
        pytest.param(call, operation, id=f"{call.name}-{operation}")
        for call in INVALID_CALLS
        for operation in call.operations
    ],
)
def test_invalid_call_is_refused_by_the_oracle_for_the_reason_that_it_states(call, operation):
    positional, options = arguments_of(call.name, operation)
    with pytest.raises((TypeError, ValueError), match=REASONS[call.must]):
        getattr(load("reference"), operation)(*positional, **options)


def test_stride_of_2_to_the_40_is_legal_and_the_definition_that_answers_it_is_not_accused():
    subject = Subject.of(load("definition"), "definition")
    case = replace(CASE, strides=(2**40, 1))
    records = judge_call(Asked(subject, "conv2d", case, CHECKS, seed=0))
    assert set(outcomes(records)) <= {outcome.PASS, outcome.UNSUPPORTED}
    assert next(record for record in records if record.check == "exact").outcome == outcome.PASS


def test_the_oracle_passes_the_claim():
    subject = Subject.of(load("reference"), "reference")
    records = list(whole_backend.invalid_calls(subject, OPERATIONS))
    assert len(records) == sum(len(call.operations) for call in INVALID_CALLS)
    assert set(outcomes(records)) == {outcome.PASS}


def test_a_backend_that_answers_or_dies_fails_the_claim(planted_as):
    records = list(whole_backend.invalid_calls(planted_as("Answers"), ["conv2d"]))
    by_call = {record.invalid_call: record for record in records}
    assert by_call.pop("stride-zero").outcome == outcome.CRASHED
    assert {record.outcome for record in by_call.values()} == {outcome.FAIL}
    assert by_call["groups-zero"].message == "groups must be at least 1; it answered, with shape (2, 3, 5, 6)"


def test_calls_that_are_known_to_kill_come_last_and_are_made_once(planted_as, monkeypatch):
    subject, made = planted_as("Answers"), []
    process = subject.apart.backend.process
    make_once = process.make_once
    monkeypatch.setattr(process, "make_once", lambda request: made.append(request) or make_once(request))
    records = list(
        whole_backend.invalid_calls(
            subject, ["conv2d"], is_deadly=lambda subject, operation, case, invalid: invalid == "stride-zero"
        )
    )
    assert (records[-1].invalid_call, records[-1].outcome) == ("stride-zero", outcome.CRASHED)
    assert {record.outcome for record in records[:-1]} == {outcome.FAIL}
    assert len(made) == len(records)


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


def test_thread_counts_are_reported_and_fail_where_promised(planted_as, monkeypatch):
    monkeypatch.setattr(whole_backend, "patience_of", lambda limit, chosen: inf)  # on a slow machine too
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


def test_the_oracle_is_steady(planted_as):
    records = whole_backend.steady_memory(planted_as("Oracle"), ["conv2d", "conv2d_backprop_filter"])
    assert outcomes(records) == {outcome.PASS: 2}


@pytest.mark.parametrize("claim", [whole_backend.STEADY, whole_backend.THREADS])
def test_a_backend_that_raises_an_error_is_refused_not_crashed(planted_as, claim):
    records = list(whole_backend.judge_whole_backend([claim], planted_as("Raises"), ["conv2d"]))
    assert set(outcomes(records)) == {outcome.REFUSED}
    assert all(
        re.match(r"ValueError: not today( \(.*deadly_planted.py, line \d+, in spoil\))?$", r.message) for r in records
    )

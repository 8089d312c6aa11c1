"""A failing backend is told its mistake or, where it has no name, what its answers look like."""

from __future__ import annotations

import functools
import itertools
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import settings
from planted import Right

from examples.kernels.fft import Fft
from examples.kernels.im2col import Im2col
from examples.kernels.per_tap import PerTap
from reference_impl.backends.registry import load
from reference_impl.cases import catalogue
from reference_impl.cases.case import Case
from reference_impl.conformance import check_backend
from reference_impl.diagnosis import Diagnoses, diagnose, recognise
from reference_impl.diagnosis.observation import observe
from reference_impl.diagnosis.probes import Probe
from reference_impl.mistakes import MISTAKES, by_name
from reference_impl.operations import OPERATIONS
from reference_impl.report.failures import Tally, explained, failure_text
from reference_impl.run import outcome
from reference_impl.run.judge import judge
from reference_impl.run.outcome import Record
from reference_impl.run.records import records_of
from reference_impl.run.selection import for_all
from reference_impl.run.spread import in_dtypes
from reference_impl.run.subject import Subject
from reference_impl.verdicts.task import Task

SMOKE = in_dtypes(catalogue.load("smoke"), ("float32", "float64", "int32"))
RARE = in_dtypes(catalogue.load("smoke"), ("int64", "float16"))
STRIDED = Case.parse("n2_h10w14c6_k3x4o7_s2x3_d1x2_SAME")

# A task is made once for all mistakes.
_task = functools.lru_cache(256)(Task)

# Every second mistake in one of its operations, by turns; all in all of them with `--hypothesis-profile nightly`, which
# takes two minutes.
_NIGHTLY = settings().max_examples >= 1000
_PLANTED = [
    (mistake, operation)
    for turn, mistake in list(enumerate(MISTAKES))[:: 1 if _NIGHTLY else 2]
    for operation in (mistake.operations if _NIGHTLY else mistake.operations[turn // 2 % len(mistake.operations) :][:1])
]


def first_failure(subject: Subject, operation: str) -> Record:
    """Return what `verify` would report first or, if no check sees the mistake, any failure."""
    records = itertools.chain.from_iterable(
        judge(subject, case, operation, task=_task(case, operation, 0), until_failure=True) for case in (*SMOKE, *RARE)
    )
    blank = Record(subject.name, subject.version, operation, str(SMOKE[0]), "exact", outcome.FAIL)
    return next((record for record in records if record.unexpected), blank)


@pytest.mark.parametrize(
    ("mistake", "operation"), [pytest.param(*planted, id=f"{planted[0].name}-{planted[1]}") for planted in _PLANTED]
)
def test_mistake_is_named(mistake, operation):
    subject = Subject.of(mistake.backend(), remake=mistake.backend)
    assert recognise(subject, first_failure(subject, operation))[0].name == mistake.name


def does_the_same_again(mistake, operation):
    """True if one call, which is all that a pure mistake gets, tells what several calls do."""
    probe = Probe(operation, STRIDED)
    once = observe(mistake.backend(), probe, pure=True)
    return observe(mistake.backend(), probe).alike(once, None)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_pure_mistake_does_the_same_again(operation):
    pure = [mistake for mistake in MISTAKES if mistake.pure and operation in mistake.operations]
    assert [mistake.name for mistake in pure if not does_the_same_again(mistake, operation)] == []


def test_mistake_that_remembers_does_not():
    assert not does_the_same_again(by_name("buffer-not-cleared"), "conv2d")


# Kernels as users write them; they use nothing of the catalogue.


class SymmetricSame(PerTap):
    """A kernel that is wrong under SAME only: it pads as for stride 1."""

    def conv2d(self, input, filters, *, padding, dilations, **options):
        if padding == "SAME":
            reach = [(k - 1) * d for k, d in zip(filters.shape, dilations)]
            padding = tuple((total // 2, total - total // 2) for total in reach)
        return super().conv2d(input, filters, padding=padding, dilations=dilations, **options)


class MeanOverBatch(PerTap):
    def conv2d_backprop_filter(self, input, *arguments, **options):
        return super().conv2d_backprop_filter(input, *arguments, **options) / input.dtype.type(max(len(input), 1))


class TorchFilters(Im2col):
    """A kernel that takes the memory of the filters for OIHW."""

    def conv2d(self, input, filters, **options):
        height, width, inputs, outputs = filters.shape
        there = filters.reshape(outputs, inputs, height, width).transpose(2, 3, 1, 0)
        return super().conv2d(input, there, **options)


class TrueConvolution(Fft):
    def correlate(self, images, kernels):
        return super().correlate(images, kernels[::-1, ::-1])


class UndeclaredTrueConvolution(TrueConvolution):
    capabilities = None


class ShiftsGroups(Right):
    """A kernel with a mistake that has no name."""

    def conv2d(self, *arguments, **options):
        answer = super().conv2d(*arguments, **options)
        return np.roll(answer, 1, axis=2) if options["groups"] > 1 else answer


class FlipsWhereStrided(PerTap):
    """A kernel with two mistakes."""

    def conv2d(self, input, filters, *, strides, padding, **options):
        if strides != (1, 1):
            filters = filters[::-1, ::-1]
        padding = "SAME_LOWER" if padding == "SAME" else padding
        return super().conv2d(input, filters, strides=strides, padding=padding, **options)


class FlipsOneAxis(PerTap):
    """A kernel with two mistakes of one kind."""

    def conv2d(self, input, filters, *, strides, **options):
        filters = filters[::-1] if strides != (1, 1) else filters[:, ::-1]
        return super().conv2d(input, filters, strides=strides, **options)


class StridesExchanged(Right):
    """A kernel whose output has the size that follows; it raises where no window then fits."""

    def conv2d(self, *arguments, strides, **options):
        return super().conv2d(*arguments, strides=strides[::-1], **options)


class PaddingForgotten(Right):
    def conv2d(self, *arguments, padding, **options):
        try:
            return super().conv2d(*arguments, padding="VALID", **options)
        except ValueError:  # no window fits: kernels in C return something
            return np.zeros((1, 1, 1, 1), np.float32)


class FlipsAndTakesNoGroups(Right):
    """A kernel with one mistake, and a lack that it does not declare."""

    def conv2d(self, input, filters, *, groups, **options):
        if groups != 1:
            raise NotImplementedError("no groups")
        return super().conv2d(input, filters[::-1, ::-1], groups=groups, **options)


class FlipsAndLosesEmptyOutputs(Right):
    """A kernel with two mistakes; the second has no name."""

    def conv2d(self, input, filters, **options):
        answer = super().conv2d(input, filters[::-1, ::-1], **options)
        return answer if input.shape[3] else answer[..., :0]


class Refuses(Right):
    def conv2d(self, *arguments, **options):
        if options["strides"] != (1, 1):
            raise NotImplementedError("no strides")
        return super().conv2d(*arguments, **options)


def diagnosis_of(backend, operation="conv2d"):
    subject = Subject.of(backend)
    return diagnose(subject, first_failure(subject, operation))


@pytest.mark.parametrize(
    ("backend", "operation", "name"),
    [
        (MeanOverBatch, "conv2d_backprop_filter", "mean-over-batch"),
        (TorchFilters, "conv2d", "filters-read-as-oihw"),
        (TrueConvolution, "conv2d", "kernel-flipped"),
        (UndeclaredTrueConvolution, "conv2d", "kernel-flipped"),
        (StridesExchanged, "conv2d", "strides-and-sizes-exchanged"),
        (PaddingForgotten, "conv2d", "size-without-padding"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_mistake_of_a_users_kernel_is_named(backend, operation, name):
    diagnosis = diagnosis_of(backend(), operation)
    assert diagnosis.lines[:2] == [f"matches *{name}*: {by_name(name).does}", f"right: {by_name(name).right}"]
    assert any(line.startswith("smallest failing case found: n") for line in diagnosis.lines)


def test_mistake_is_named_beside_what_is_refused():
    subject, diagnoses = Subject.of(FlipsAndTakesNoGroups()), Diagnoses()
    refused, wrong = (
        diagnoses.added(subject, first_record(subject, spec)).diagnosis.splitlines()
        for spec in ("n2_h6w7c4_k3x2o6_g2", str(STRIDED))
    )
    assert refused[0] == "matches no known mistake"
    assert f"matches *kernel-flipped*: {by_name('kernel-flipped').does}" in wrong
    assert f"right: {by_name('kernel-flipped').right}" in wrong


def test_mistake_that_does_not_match_the_failing_call_is_named_as_such():
    subject = Subject.of(FlipsAndLosesEmptyOutputs())
    (record, *_) = judge(subject, Case.parse("n2_h5w6c0_k3x2o4"), "conv2d")
    first, right, _, other, *_ = diagnose(subject, record).lines
    assert first == f"matches, though not on this call, *kernel-flipped*: {by_name('kernel-flipped').does}"
    assert right == f"right: {by_name('kernel-flipped').right}"
    assert re.fullmatch(r"it is also wrong in another way on .*n2_h5w6c0_k3x2o4", other)


def test_mistake_under_a_condition_is_named():
    # The mistake in the catalogue pads SAME_LOWER so too.
    text = diagnosis_of(SymmetricSame()).text
    assert text.startswith(
        "matches *same-without-stride* under some condition: SAME padding is computed as for stride 1"
    )
    assert "where that mistake would show: n1_h11w8c2_k4x4o4_s3x1_d3x1_SAME_LOWER" in text


def test_two_mistakes_are_both_named():
    diagnosis = diagnosis_of(FlipsWhereStrided())
    assert {mistake.name for mistake in diagnosis.mistakes} == {"kernel-flipped", "same-odd-element-before"}
    assert diagnosis.text.startswith("matches *kernel-flipped* under some condition: ")
    assert "\nand, on other calls, *same-odd-element-before*: " in diagnosis.text
    assert ", as by the one, the other, or both at once, right on " in diagnosis.text
    assert "and only there" not in diagnosis.text


def test_right_behaviour_of_two_mistakes_of_one_kind_is_said_once():
    lines = diagnosis_of(FlipsOneAxis()).lines
    assert {line.split("*")[1] for line in lines[:2]} == {"kernel-mirrored", "kernel-upside-down"}
    assert [line for line in lines if line.startswith("right: ")] == [lines[2]]


def test_mistake_of_no_name_is_described():
    text = diagnosis_of(ShiftsGroups()).text
    assert text.startswith("matches no known mistake\nthe answer is the right one shifted by (0, 1)\nwrong where ")
    assert "groups above 1" in text.splitlines()[2]
    assert "smallest failing case found: n1_h1w2c2_k1x1o2_g2\n    actual [" in text


def test_refusal_is_described():
    text = diagnosis_of(Refuses()).text
    assert "refused where strided, and only there: " in text
    assert "smallest failing case found: n1_h1w1c1_k1x1o1_s1x2" in text


def test_kernel_that_only_rounds_is_told_so():
    class Undeclared(Fft):
        capabilities = None

    text = diagnosis_of(Undeclared()).text
    assert text.startswith("matches no known mistake: the products are right, but it rounds where a plain sum")


def test_right_backend_matches_nothing():
    subject = Subject.of(Right())
    record = Record(subject.name, "", "conv2d", str(STRIDED), "exact", outcome.FAIL)
    assert recognise(subject, record) == []


def test_diagnosis_is_the_same_each_time():
    assert diagnosis_of(FlipsWhereStrided()).lines == diagnosis_of(FlipsWhereStrided()).lines


def tally_of(backend, specs):
    tally, subject = Tally(), Subject.of(backend)
    tally.extend(records_of(for_all([subject], [Case.parse(spec) for spec in specs], ["conv2d"])))
    return tally, subject


class WrongWithoutChannels(Right):
    """A kernel that answers no output channels for no input channels, and is wrong in another way on no probe."""

    def conv2d(self, input, filters, **options):
        answer = super().conv2d(input, filters, **options)
        return answer[..., :0] if not input.shape[3] else answer * (1 + (input.shape[1] == 10))


def test_mistake_that_does_not_explain_the_call_is_not_named():
    subject = Subject.of(WrongWithoutChannels())
    empty, other = (first_record(subject, spec) for spec in ("n2_h5w6c0_k3x2o4", str(STRIDED)))
    assert [mistake.name for mistake in diagnose(subject, empty).mistakes] == ["no-channels-in-none-out"]
    assert diagnose(subject, other).mistakes == []


def first_record(subject, spec):
    records = judge(subject, Case.parse(spec), "conv2d", until_failure=True)
    return next(record for record in records if record.unexpected)


class WrongUnderSameAndRoundsUnderValid(Right):
    """A kernel that makes a mistake of SAME, and is far off under VALID where its numbers are no integers."""

    def conv2d(self, input, filters, *, padding, **options):
        before = "SAME_LOWER" if padding == "SAME" else padding
        answer = super().conv2d(input, filters, padding=before, **options)
        return answer * input.dtype.type(1 + 0.01 * (padding == "VALID" and np.any(input % 1)))


def test_no_mistake_of_same_is_named_for_a_failure_under_valid():
    subject = Subject.of(WrongUnderSameAndRoundsUnderValid())
    same, valid = (first_record(subject, spec) for spec in ("n2_h6w7c2_k2x4o3_SAME", "n2_h10w7c2_k2x4o3"))
    assert (same.check, valid.check) == ("exact", "rounded")
    assert [mistake.name for mistake in diagnose(subject, same).mistakes] == ["same-odd-element-before"]
    assert diagnose(subject, valid).mistakes == []


FLIPS_AND_DIES = """
import os
import planted

class FlipsAndDies(planted.Flipped):
    def conv2d(self, input, filters, **options):
        if not input.size:
            os.abort()
        return super().conv2d(input, filters, **options)
"""


def test_backend_that_dies_of_a_probe_is_diagnosed_by_the_others(tmp_path, monkeypatch, request):
    (tmp_path / "flips_and_dies.py").write_text(FLIPS_AND_DIES)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(request.config.rootpath / "tests")
    name = "flips_and_dies:FlipsAndDies"
    subject = Subject.of(load(name), name)
    told = Diagnoses(isolate=True).added(subject, first_record(subject, str(STRIDED))).diagnosis
    assert "\nmatches *kernel-flipped*" in told
    assert "another probe failed: the process died of signal 6 (SIGABRT)" in told


def test_report_diagnoses_a_bug_once():
    specs = ["n1_h5w4c3_k3x2o2", "n1_h6w5c2_k2x3o3"]
    tally, subject = tally_of(TorchFilters(), specs)
    (finding,) = explained(tally, [subject])[subject.name]
    assert "\n    matches *filters-read-as-oihw*: Filters are read as OIHW" in finding.text
    assert finding.text.count("smallest failing case") == 1
    # The record has it too, so the JSON file has it.
    assert any("\nmatches *filters-read-as-oihw*" in (record.diagnosis or "") for record in tally.records)


def test_diagnoses_are_few():
    tally, subject = tally_of(TorchFilters(), ["n1_h5w4c3_k3x2o2"])
    (record,) = tally.unexpected
    assert Diagnoses(most=0).added(subject, record) == record


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["kernel-mirrored", "kernel-flipped"], ["they lie: everywhere", "matches *kernel-flipped*, as above"]),
        (["kernel-mirrored", "mean-over-taps"], ["they lie: everywhere"]),
    ],
)
def test_mistake_that_was_named_before_is_found_again_without_a_diagnosis(names, told):
    subject = Subject.of(by_name("kernel-flipped").backend())
    record = first_record(subject, "n2_h6w7c4_k3x2o6_g2")
    assert Diagnoses().named_before(subject, record, names).diagnosis.splitlines() == told


def test_failure_that_is_known_is_not_diagnosed():
    record = Record("planted", "", "conv2d", str(STRIDED), "exact", outcome.FIXED)
    assert Diagnoses().added(Subject.of(Right()), record) == record
    assert "matches" not in failure_text(record)


def test_same_call_that_fails_two_checks_is_diagnosed_once():
    subject = Subject.of(TorchFilters())
    diagnoses = Diagnoses()
    first, second, *_ = (
        diagnoses.added(subject, record).diagnosis
        for record in judge(subject, STRIDED, "conv2d")
        if record.outcome == outcome.FAIL
    )
    assert "smallest failing case" in first
    assert "smallest failing case" not in second


class WrongAfterAHundredCalls(Right):
    def __init__(self):
        self.calls = 0

    def spoil(self, answer, arrays):
        self.calls += 1
        return answer + (self.calls > 100)


DEPENDS = "right on a fresh kernel: this failure depends on the calls before it"


def late_failure():
    """Return a subject that can be made anew, and the failure of a call that a fresh one answers rightly."""
    subject = Subject.of(WrongAfterAHundredCalls(), remake=WrongAfterAHundredCalls)
    subject.backend.calls = 100
    return subject, first_record(subject, str(STRIDED))


def test_failure_that_does_not_come_back_is_told_as_one_that_depends_on_earlier_calls():
    assert diagnose(*late_failure(), seconds=0.5).lines[0] == DEPENDS


def test_failure_that_comes_back_is_not_told_so():
    assert DEPENDS not in diagnosis_of(ShiftsGroups()).lines
    subject = Subject.of(ShiftsGroups(), remake=ShiftsGroups)
    assert DEPENDS not in diagnose(subject, first_failure(subject, "conv2d")).lines


def test_nothing_is_told_of_a_kernel_that_cannot_be_made_anew():
    subject, record = late_failure()
    assert DEPENDS not in diagnose(replace(subject, remake=None), record).lines


def test_class_that_is_checked_can_be_made_anew():
    report = check_backend(WrongAfterAHundredCalls, cases=[STRIDED])
    assert DEPENDS in str(report)


LATE = """
import planted

class Late(planted.Right):
    calls = 0

    def spoil(self, answer, arrays):
        Late.calls += 1
        return answer + (Late.calls > 100)
"""


def test_kernel_in_a_process_of_its_own_is_made_anew_there(tmp_path, monkeypatch, request):
    """Although the calls are counted in its module."""
    (tmp_path / "counts_calls.py").write_text(LATE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(request.config.rootpath / "tests")
    subject = Subject.load("counts_calls:Late")
    for record in records_of(for_all([subject], SMOKE[:6], ["conv2d"], full=True)):
        if record.unexpected:
            break
    assert DEPENDS in Diagnoses(isolate=True).added(subject, record).diagnosis


@pytest.mark.parametrize("mistake", [one for one in MISTAKES if one.family == "state"], ids=lambda one: one.name)
def test_mistake_of_state_is_named_in_the_diagnosis(mistake):
    subject = Subject.of(mistake.backend(), remake=mistake.backend)
    lines = diagnose(subject, first_failure(subject, "conv2d")).lines
    told = f"*{mistake.name}*: {mistake.does}"
    assert {f"fails the same checks as {told}", f"matches {told}"} & set(lines)


def test_call_that_is_wrong_by_itself_is_told_from_state():
    subject = Subject.of(ShiftsGroups(), remake=ShiftsGroups)
    record = first_failure(subject, "conv2d")
    assert record.check == "other_options"
    assert any(
        re.fullmatch("diagnosed on .*_g.*, which is wrong by itself", line) for line in diagnose(subject, record).lines
    )

"""The wrong kernels are as they are said to be, and some of the forty are diagnosed rightly."""

from __future__ import annotations

import functools
import re

import numpy as np
import pytest
from diagnosis.eight_kernels import KERNELS as EIGHT
from diagnosis.forty_kernels import KERNELS
from diagnosis.ten_kernels import KERNELS as TEN
from diagnosis.twelve_kernels import KERNELS as TWELVE
from diagnosis.twenty_kernels import KERNELS as HELD_OUT
from diagnosis.wrong_kernels import Kernels

from reference_impl.cases import catalogue
from reference_impl.cases.case import Case
from reference_impl.diagnosis import Diagnoses, diagnose
from reference_impl.diagnosis.conditions import outcomes_of
from reference_impl.diagnosis.stale import stale
from reference_impl.mistakes import by_name
from reference_impl.run.judge import judge
from reference_impl.run.subject import Subject
from reference_impl.verdicts.call import oracle
from reference_impl.verdicts.checks import CHECKS
from reference_impl.verdicts.integers import integer_call

_EXACT = [check for check in CHECKS if check.name == "exact"]
SMOKE = tuple(catalogue.load("smoke"))
_MORE = """
n1_h17w17c1_k1x1o1 n1_h5w4c1_k3x3o1_s2x1_float64 n1_h2w3c2_k2x1o2
n1_h3w4c1_k1x1o1_s2x1 n1_h12w2c1_k2x1o1_d2x1 n1_h5w6c1_k3x3o1_d2x1
n1_h1w1c1_k1x3o1_SAME n1_h2w1c1_k4x3o1_FULL
"""
CASES = [*SMOKE, *map(Case.parse, _MORE.split())]


@functools.cache
def call_of(case, operation):
    call = integer_call(case, operation, seed=0)
    return call, oracle(call)


def is_wrong(kernel, case):
    call, right = call_of(case, kernel.operation)
    try:
        return not np.array_equal(call.run(kernel.backend()), right)
    except (NotImplementedError, IndexError, ValueError):
        return True


ALL = [*KERNELS, *HELD_OUT, *TEN, *TWELVE, *EIGHT]


def test_there_are_ninety_kernels_of_different_names():
    assert len({kernel.name for kernel in ALL}) == len(ALL) == 90


@pytest.mark.parametrize("kernel", ALL, ids=lambda kernel: kernel.name)
def test_kernel_is_wrong_only_under_its_condition(kernel):
    if kernel.wrong is None or kernel.remembers:
        assert kernel.mistakes or kernel.name == "ones-for-zeros-in-the-filter-gradient"
        return
    wrong = [case for case in CASES if is_wrong(kernel, case)]
    assert wrong, "it is right on all cases"
    assert [case for case in wrong if not kernel.wrong(case)] == []


@pytest.mark.parametrize("kernel", [one for one in ALL if one.mistakes], ids=lambda kernel: kernel.name)
def test_mistakes_are_known_for_the_operation(kernel):
    assert all(kernel.operation in by_name(mistake).operations for mistake in kernel.mistakes if mistake)


@functools.cache
def diagnosis_of(name):
    """Judge a kernel on the smoke cases, and diagnose the failure that the run would diagnose."""
    kernel = next(one for one in [*ALL, *KERNELS_OF_TESTS] if one.name == name)
    subject = Subject.of(kernel.backend(), remake=kernel.backend)
    judged = [judge(subject, case, kernel.operation, checks=_EXACT) for case in SMOKE]
    records = [record for of_case in judged for record in of_case]
    first = next(record for record in records if record.unexpected)
    return diagnose(subject, first, outcomes=outcomes_of(records, first))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("batch-above-1", "wrong where batch above 1, and only there: "),
        ("kernel-other-than-3x3", "wrong where kernel other than 3 x 3, and only there: "),
        ("eight-channels-per-group", "channels per group 9 or more"),
        ("multiplier-in-the-filter-gradient", "wrong where depthwise with a multiplier above 1, and only there: "),
        ("refuses-dilation", "lambda operation, case: case.dilations != (1, 1)),)"),
        ("refuses-dilation", 'lacks=(Lack("dilation is not supported", '),
    ],
)
def test_condition_is_named(name, said):
    diagnosis = diagnosis_of(name)
    assert diagnosis.mistakes == []
    assert said in diagnosis.text


def test_each_of_two_conditions_is_named():
    text = diagnosis_of("strided-or-dilated").text
    assert {"strided", "dilated"} <= {word for line in text.splitlines() for word in line.replace(":", " ").split()}


def judged(name, spec, *checks):
    """Judge one of the forty on one case. Return the subject and the records."""
    kernel = next(one for one in KERNELS if one.name == name)
    subject = Subject.of(kernel.backend(), remake=kernel.backend)
    wanted = [check for check in CHECKS if check.name in checks] if checks else None
    return subject, list(judge(subject, Case.parse(spec), kernel.operation, checks=wanted))


def failed(records):
    return [record for record in records if record.unexpected]


def test_cache_without_padding_in_its_keys_is_told_as_a_cache():
    subject, records = judged("answers-kept-without-padding", "n2_h6w7c2_k3x3o2_p1,1,0,0")
    (first, *_) = failed(records)
    assert first.check == "other_options"
    told = diagnose(subject, first).lines
    assert told[0] == "a cache: it gives the answer of an earlier call with the same shapes and other padding"
    assert not any("unclaimed=" in line for line in told)


def test_kernel_that_is_wrong_without_an_earlier_call_is_no_cache():
    """Under SAME it pads as under SAME_LOWER, so its answer is the right one to an earlier call."""
    subject, (record, *_) = judged("same-in-a-batch", "n2_h4w5c2_k2x4o3_SAME", "exact")
    assert stale(subject, record) == []
    assert [mistake.name for mistake in diagnose(subject, record).mistakes][:1] == ["same-odd-element-before"]


def test_wrong_numbers_come_first_in_a_diagnosis():
    """The kernel also fails on other layouts in memory, where its numbers are right and where they are wrong."""
    run = [
        record
        for spec in ("n3_h5w6c3_k3x2o2", "n2_h6w7c4_k3x2o6_g2")
        for record in judged("layout-and-groups", spec, "any_memory_layout", "exact")[1]
    ]
    of_right, *of_wrong = failed(run)
    assert [record.check for record in of_wrong] == ["exact", "any_memory_layout"]
    assert Diagnoses(run=run).chosen(of_wrong[1]) == of_wrong[0]
    assert Diagnoses(run=run).chosen(of_right) == of_right


def test_change_that_cures_the_smallest_case_is_named():
    (line,) = (line for line in diagnosis_of("batch-above-1").lines if "cures" in line)
    assert line == "there, one change alone cures it: batch 1"


def test_mistakes_with_the_same_answers_are_parted_by_calls_next_to_the_smallest_case():
    """On the failing call, the stride of width for height gives the same answer."""
    subject, (record,) = judged("stride-forgotten-by-1x1", "n1_h7w4c3_k1x1o2_s2x1", "exact")
    names = [mistake.name for mistake in diagnose(subject, record).mistakes]
    assert names[0] == "stride-forgotten"
    assert "stride-of-width-for-height" not in names


def test_filter_gradient_with_1_for_0_is_not_told_as_an_fft():
    subject, (record,) = judged("ones-for-zeros-in-the-filter-gradient", "n2_h2w1c1_k1x1o1_p2,0,0,0_s2x1", "exact")
    told = diagnose(subject, record)
    assert "the answer is the right one, but 1 where that is 0" in told.lines
    assert "FFT" not in told.text
    assert told.bugs == []


def test_sums_in_float16_are_named_by_their_errors():
    diagnosis = diagnosis_of("float16-accumulators")
    assert [mistake.name for mistake in diagnosis.mistakes] == ["float16-accumulation"]


@pytest.mark.parametrize(
    ("name", "mistake", "said"),
    [
        # Whole sums of the parts are beyond what float16 holds.
        ("float16-blocks-of-4-channels", "float16-accumulation", "it overflows beyond 65504"),
        # It cuts bits off, where the known mistake rounds.
        ("tensor-cores-in-bfloat16", "arguments-rounded-to-bfloat16", "as those of arguments in bfloat16"),
        # It reverses the pads of one axis alone, if only that has an even kernel.
        (
            "same-on-the-wrong-side-of-even-kernels",
            "same-odd-element-before",
            "matches *same-odd-element-before*, at times along one axis alone",
        ),
        # Where the stride is above the image, its answer has no elements, and the known mistake's has one.
        ("same-size-by-whole-strides", "same-size-rounded-down", "it is also wrong in another way on "),
    ],
)
def test_mistake_is_named_by_what_its_answers_have_in_common(name, mistake, said):
    diagnosis = diagnosis_of(name)
    assert diagnosis.mistakes[0].name == mistake
    assert said in diagnosis.text


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "mean-over-batch-and-one-stride",
            ["matches *mean-over-batch*", "and, on other calls, *stride-of-height-for-width*"],
        ),
        (
            "symmetric-same-and-no-dilation-of-columns",
            ["matches *dilation-forgotten* along the width alone", "and, on other calls, *same-without-stride*"],
        ),
    ],
)
def test_two_mistakes_at_once_are_both_named(name, said):
    """Some wrong answers are as by one of them, some as by both."""
    text = diagnosis_of(name).text
    assert [line.partition(":")[0].removesuffix(" under some condition") for line in text.splitlines()[:3:2]] == said


KERNELS_OF_TESTS = Kernels()


@KERNELS_OF_TESTS.add("rows-checked-against-the-width", lambda case: case.height > case.width)
def _checked_against_the_width(asked):
    images, filters = asked.given
    images = images.copy()
    images[:, images.shape[2] :] = 0
    return asked.right(images, filters)


def test_mistake_that_is_alike_on_half_of_the_calls_is_not_named():
    """Where the image has one row more than columns, the last row is missing."""
    diagnosis = diagnosis_of("rows-checked-against-the-width")
    assert diagnosis.mistakes == []
    assert "match *" not in diagnosis.text


def test_answers_of_zeros_under_a_condition_are_no_mistake_of_a_kernel_that_answers_zeros():
    """With more than 8 output channels most elements are right."""
    text = diagnosis_of("whole-tiles-of-8-output-channels").text
    _, zeros, where, *_ = text.splitlines()
    assert re.fullmatch(r"the answer to this call is all zeros, as are \d+ of \d+ wrong answers examined", zeros)
    assert where.startswith("wrong where output channels no multiple of 8")
    assert "answers-zeros" not in text


def test_check_that_fails_alone_is_advised_as_unclaimed_and_a_refusal_as_lacks():
    subject, records = judged("layout-and-groups", "n3_h5w6c3_k3x2o2", "any_memory_layout")
    told = diagnose(subject, failed(records)[0]).text
    assert "unclaimed=" not in told  # its plain numbers are wrong too
    mistake = by_name("right-only-for-positive-strides")
    subject = Subject.of(mistake.backend(), remake=mistake.backend)
    checks = [check for check in CHECKS if check.name == "any_memory_layout"]
    (record,) = judge(subject, Case.parse("n2_h5w6c4_k3x2o2"), "conv2d", checks=checks)
    told = diagnose(subject, record).text
    assert 'declare it: unclaimed={"any_memory_layout": "why"}' in told
    assert "lacks=" not in told
    refused = diagnosis_of("refuses-dilation").text
    assert "lacks=" in refused
    assert "unclaimed=" not in refused

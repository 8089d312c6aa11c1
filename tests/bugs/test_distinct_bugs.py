"""Planted kernels, wrong under conjunctions of conditions: each is found, and its conditions are named rightly."""

from __future__ import annotations

import zlib
from dataclasses import replace

import numpy as np
import pytest
from bugs.conditional_kernels import WRONG, calls, fresh_calls, judge, judged_by
from hypothesis import settings
from planted import Right

from reference_impl.bugs import Condition, JudgedCall, beam, distinct_bugs, line, lines
from reference_impl.bugs.refuting import Stated, compare
from reference_impl.bugs.table import Table
from reference_impl.cases.case import Case
from reference_impl.cases.generation import generate
from reference_impl.verdicts.call import oracle
from reference_impl.verdicts.integers import integer_call

NAMES = list(WRONG)


def assert_equal_to_the_truth(bugs, *fails):
    """Fail unless the stated conditions hold on just those of 1,000 fresh calls on which the kernel is wrong."""
    fresh = fresh_calls()
    said = np.logical_or.reduce([bug.holds(fresh) for bug in bugs])
    truth = np.array([any(one(call) for one in fails) for call in fresh])
    differing = [f"{call.operation} {call.case}" for call in np.array(fresh, object)[said != truth]]
    assert not differing, "\n".join([*lines(bugs), *differing[:5]])


def test_there_are_enough():
    assert len(WRONG) >= 20


# Every third by default; all of them with `--hypothesis-profile nightly`, and by `tox run -e planted-in-bulk`.
_SOME = NAMES if settings().max_examples >= 1000 else NAMES[::3]


@pytest.mark.parametrize("name", _SOME)
def test_one_bug_is_found_with_its_conditions(name):
    ask = judge(WRONG[name])
    done = judged_by(ask)
    (bug,) = distinct_bugs(done, ask=ask)
    assert_equal_to_the_truth([bug], WRONG[name])
    assert bug.kind == "wrong values"
    assert bug.failures == bug.calls >= sum(call.outcome != "passed" for call in done) >= 5
    assert bug.right == bug.elsewhere
    assert bug.held == bug.tried >= 30
    assert WRONG[name](bug.smallest)


@pytest.mark.parametrize("names", [NAMES[:4], NAMES[5:10]], ids=["four", "five"])
def test_several_bugs_in_one_kernel_come_apart(names):
    fails = [WRONG[name] for name in names]
    ask = judge(*fails)
    bugs = distinct_bugs(judged_by(ask), ask=ask)
    assert len(bugs) == len(names), "\n".join(lines(bugs))
    assert_equal_to_the_truth(bugs, *fails)
    for one in fails:
        assert any(all(map(one, np.array(fresh_calls(), object)[bug.holds(fresh_calls())])) for bug in bugs)


@pytest.mark.parametrize("share", [0.3, 0.95])
def test_calls_that_fail_at_times_are_one_bug(share):
    fails = WRONG["a stride above the kernel, odd channels and a batch"]
    ask = judge(fails, kind="race", share=share)
    (bug,) = distinct_bugs(judged_by(ask), ask=ask)
    assert_equal_to_the_truth([bug], fails)
    assert 0 < bug.failures < bug.calls
    assert "wrong at times" in line(bug)


def test_failures_by_chance_are_seen_when_they_are_asked_again():
    fails = WRONG["unequal strides, dilated, in all but conv2d"]
    ask = judge(fails, share=0.3)
    (bug,) = distinct_bugs(judged_by(ask), ask=ask)
    assert_equal_to_the_truth([bug], fails)


def test_a_few_passes_within_the_conditions_are_counted():
    # With fewer failures, more conditions may leave out all passes by luck. Only fresh calls would tell.
    fails = WRONG["a stride above the kernel, odd channels and a batch"]
    (bug,) = distinct_bugs(judged_by(judge(fails, share=0.9)))
    assert set(bug.conditions) == {
        "an odd number of input channels",
        "batch above 1",
        "stride above the kernel along height",
    }
    assert f"{bug.failures} of {bug.calls} wrong" in line(bug)
    assert bug.failures < bug.calls


def test_no_failures_are_no_bugs():
    assert distinct_bugs(judged_by(judge())) == []
    assert distinct_bugs([]) == []


def test_one_failure_is_too_few_to_tell_conditions():
    failing = calls()[17]
    (bug,) = distinct_bugs(judged_by(judge(lambda call: call == failing)))
    assert bug.conditions is None
    assert bug.smallest.case == failing.case
    assert bug.holds([failing]) == [False]
    assert "1 call wrong: too few to tell conditions" in line(bug)
    assert str(failing.case) in line(bug)


def test_one_failure_is_told_by_asking_around_it():
    fails = WRONG["SAME in float16, output channels in fours"]
    ask = judge(fails)
    done = judged_by(ask)
    first = next(call for call in done if call.outcome != "passed")
    bugs = distinct_bugs([first, *(call for call in done if call.outcome == "passed")], ask=ask)
    assert_equal_to_the_truth(bugs, fails)


def test_a_kernel_that_is_always_wrong_has_no_conditions():
    (bug,) = distinct_bugs(judged_by(judge(lambda call: True)))
    assert bug.conditions == ()
    assert "on every call" in line(bug)


def test_conditions_that_were_not_tried_are_not_said_to_be_the_only_ones():
    fails = WRONG[NAMES[1]]
    ask = judge(fails)
    (alone,) = distinct_bugs(judged_by(ask))
    (tried,) = distinct_bugs(judged_by(ask), ask=ask)
    assert "only" not in line(alone)
    assert "not tried on fresh calls" in line(alone)
    assert "only there" in line(tried)
    assert f"held on {tried.tried} fresh calls" in line(tried)


def test_conditions_that_few_calls_suggest_are_refuted_and_mended():
    """The first calls have VALID and SAME only; the kernel is wrong under each padding but SAME."""

    def fails(call):
        return call.case.groups > 1 and call.case.batch > 1 and call.case.padding != "SAME"

    ask = judge(fails)
    few = [
        call
        for call in judged_by(ask)
        if call.case.batch != 2 and call.case.groups in (1, 3, 4) and call.case.padding in ("VALID", "SAME")
    ]
    said_before = distinct_bugs(few)
    bugs = distinct_bugs(few, ask=ask)
    assert_equal_to_the_truth(bugs, fails)
    fresh = fresh_calls()
    assert any(said_before[0].holds([call])[0] != fails(call) for call in fresh)
    assert all(bug.held == bug.tried > 0 for bug in bugs)


def test_conditions_that_remain_wrong_are_not_said_to_hold():
    """No condition that is tried can name this kernel's failures, and few fresh calls may be made."""

    def fails(call):
        return (call.case.batch * 7 + call.case.width * 5 + call.case.output_channels * 3) % 11 < 4

    ask = judge(fails)
    for bug in distinct_bugs(judged_by(ask), ask=ask, most_asked=100):
        assert "only there" not in line(bug) or (bug.held == bug.tried and bug.right == bug.elsewhere)


def test_pass_under_the_conditions_refutes_them_whatever_it_was_drawn_for():
    batches = Condition.on_calls("batch above 1", lambda call: call.case.batch > 1)
    one, other = Stated("crash", (batches,)), Stated("crash", ())
    fresh = Table.of(replace(call, outcome="passed") for call in calls() if call.case.batch == 2)
    compare([one, other], fresh, [other] * len(fresh))
    assert one.refuted
    assert one.tried == len(fresh)
    assert one.held == 0


def test_only_there_is_not_said_while_other_failures_are_unexplained():
    (bug,) = distinct_bugs(judged_by(judge(WRONG[NAMES[1]])))
    tried = replace(bug, held=60, tried=60, near_misses=9)
    assert "only there" in line(tried)
    assert "only there" not in line(replace(tried, right=tried.right - 1))
    assert "only there" not in line(replace(tried, held=59))


def test_only_there_is_said_only_if_each_condition_has_near_misses_that_passed():
    fails = WRONG[NAMES[1]]
    ask = judge(fails)
    (bug,) = distinct_bugs(judged_by(ask), ask=ask)
    assert bug.near_misses >= 5
    assert "only there" in line(bug)
    assert "only there" not in line(replace(bug, near_misses=4))


class MirrorsTheKernel(Right):
    """A kernel that mirrors its filters from left to right in the input gradient."""

    def conv2d_backprop_input(self, input_sizes, filters, out_backprop, **options):
        return super().conv2d_backprop_input(input_sizes, filters[:, ::-1], out_backprop, **options)


def test_rule_with_a_few_exceptions_is_short():
    """A mirrored kernel changes nothing where only its middle column meets the image."""
    ask = ask_kernel(MirrorsTheKernel())
    cases = generate(120, 2, max_products=4000, dtypes=("float32", "float64"), empty=False)
    done = judged_by(ask, [JudgedCall("planted", "conv2d_backprop_input", case) for case in cases])
    (bug,) = distinct_bugs(done, ask=ask, most_asked=300)
    assert bug.conditions == ("kernel width above 1",)
    assert bug.failures < bug.calls
    assert f"{bug.failures} of {bug.calls} wrong" in line(bug)


def test_condition_without_which_many_calls_pass_stays():
    ask = judge(lambda call: call.case.groups > 1 and call.case.batch > 1 and call.case.height > 2)
    (bug,) = distinct_bugs(judged_by(ask), ask=ask)
    assert {"batch above 1", "groups above 1"} < set(bug.conditions)
    assert len(bug.conditions) == 3


def wrong_in_part(percent):
    """Return a kernel that is wrong on so many percent of the calls with strides and a batch, always the same."""

    def fails(call):
        in_part = zlib.crc32(str(call.case).encode()) % 100 < percent
        return call.case.strides[0] > 1 and call.case.batch > 1 and in_part

    return fails


def test_conditions_that_hold_on_all_failures_are_told_though_some_calls_under_them_are_right():
    ask = judge(wrong_in_part(80))
    # The search tries each failure as an exception, so few calls take much less time than all.
    (bug,) = distinct_bugs(judged_by(ask, calls()[::6]), ask=ask, most_asked=300)
    assert set(bug.conditions) == {"batch above 1", "stride height above 1"}
    assert bug.failures < bug.calls
    assert bug.right == bug.elsewhere
    assert not bug.untried
    assert bug.near_misses >= 5
    assert f"each condition tried on {bug.near_misses} or more" in line(bug)


def test_conditions_under_which_most_calls_are_right_are_not_told():
    ask = judge(wrong_in_part(40))
    (bug,) = distinct_bugs(judged_by(ask), ask=ask, most_asked=300)
    assert bug.conditions is None
    assert f"{bug.failures} calls wrong: no conditions were found that hold on fresh calls" in line(bug)


def test_condition_that_no_fresh_call_has_tried_is_told_as_seen():
    ask = judge(WRONG["a stride above the kernel, odd channels and a batch"])
    (bug,) = distinct_bugs(judged_by(ask), ask=ask)
    assert "seen where" not in line(bug)
    untried = replace(bug, untried=("batch above 1",), near_misses=0)
    assert "where batch above 1" not in line(untried).replace("seen where batch above 1", "")
    assert "seen where batch above 1:" in line(untried)


def test_kinds_come_apart_and_crashes_are_told_first():
    crashes, wrong, shape, check = (WRONG[name] for name in NAMES[1:5])

    def judged(call):
        if crashes(call):
            return replace(call, outcome="crash")
        kind = "wrong values" if wrong(call) else "wrong shape" if shape(call) else "passed"
        return replace(call, outcome=kind)

    robust = judged_by(judge(check), [replace(call, check="memory layout") for call in calls()])
    bugs = distinct_bugs([*robust, *judged_by(judged)])
    assert [(bug.check, bug.kind) for bug in bugs] in (
        [("", "crash"), ("", "wrong values"), ("", "wrong shape"), ("memory layout", "wrong values")],
        [("", "wrong values"), ("", "crash"), ("", "wrong shape"), ("memory layout", "wrong values")],
    )


def test_backends_are_told_apart():
    one = judged_by(judge(WRONG[NAMES[1]]))
    other = judged_by(judge(), [replace(call, backend="right") for call in calls()])
    assert {bug.backend for bug in distinct_bugs([*one, *other])} == {"planted"}


def test_diagnoses_part_what_conditions_alone_would_join():
    def judged(call):
        if call.case.padding not in ("SAME", "SAME_LOWER") or call.case.batch == 1:
            return replace(call, outcome="passed")
        return replace(call, outcome="wrong values", diagnosis=f"{call.case.padding} is mistaken")

    bugs = distinct_bugs(judged_by(judged))
    assert {bug.diagnosis for bug in bugs} == {"SAME is mistaken", "SAME_LOWER is mistaken"}
    assert all(f"padding {bug.diagnosis.split()[0]}" in bug.conditions for bug in bugs)


def test_implementations_are_told():
    def judged(call):
        implementation = "jit:avx512" if call.environment == "avx512" else "gemm"
        wrong = implementation == "jit:avx512" and call.case.groups > 1 and call.case.batch > 1
        return replace(call, outcome="wrong values" if wrong else "passed", implementation=implementation)

    (bug,) = distinct_bugs(judged_by(judged))
    assert bug.implementations == ("jit:avx512",)


def test_conditions_of_the_caller_are_used():
    def fails(call):
        return sum(call.case.input_sizes) % 3 == 1 and call.case.batch > 1

    sums = Condition.on_calls("a sum of sizes that leaves 1 by 3", lambda call: sum(call.case.input_sizes) % 3 == 1)
    (bug,) = distinct_bugs(judged_by(judge(fails)), conditions=[sums])
    assert set(bug.conditions) == {sums.name, "batch above 1"}


def test_two_conditions_that_coincide_are_both_told():
    """In these calls all of float16 is padded by SAME, and nothing else is."""
    some = [call for call in calls() if (call.case.dtype == "float16") == (call.case.padding == "SAME")]
    (bug,) = distinct_bugs(judged_by(judge(lambda call: call.case.padding == "SAME" and call.case.batch > 1), some))
    said = {*bug.conditions, *(name for names in bug.instead for name in names)}
    assert {"padding SAME", "dtype float16"} <= said
    assert "the calls do not tell" in line(bug)


def test_two_conditions_with_or_are_one_bug():
    def fails(call):
        case = call.case
        return case.batch > 1 and case.padding == "SAME" and (case.groups > 1 or case.dtype == "float16")

    ask = judge(fails)
    (bug,) = distinct_bugs(judged_by(ask), ask=ask)
    assert_equal_to_the_truth([bug], fails)
    assert any(" or " in name for name in bug.conditions)


def test_a_call_that_cannot_be_asked_is_left_out():
    (bug,) = distinct_bugs(judged_by(judge(WRONG[NAMES[1]])), ask=lambda call: None)
    assert bug.tried == bug.asked == 0


def test_fresh_calls_are_bounded():
    asked = []
    ask = judge(*(WRONG[name] for name in NAMES[1:4]))

    def counted(call):
        asked.append(call)
        return ask(call)

    bugs = distinct_bugs(judged_by(ask), ask=counted, most_asked=90)
    assert max(bug.asked for bug in bugs) <= 90
    assert len(asked) <= 90 + 20  # some failing calls are made twice
    assert all(call.outcome == "" for call in asked)


def test_same_seed_gives_the_same_bugs():
    ask = judge(*(WRONG[name] for name in NAMES[1:3]))
    done = judged_by(ask)
    assert distinct_bugs(done, ask=ask, seed=3) == distinct_bugs(done, ask=ask, seed=3)


def test_conditions_name_what_they_hold_on():
    (bug,) = distinct_bugs(judged_by(judge(WRONG[NAMES[1]])))
    holds = bug.holds(calls())
    assert sum(holds) == bug.failures
    assert next(call for call, here in zip(calls(), holds, strict=True) if here).outcome == ""


def test_unknown_outcome_is_refused():
    with pytest.raises(ValueError, match=r"outcome must be .*passed.*crash.*; not 'failed'"):
        JudgedCall("planted", "conv2d", calls()[0].case, "failed")


class ForgetsDilation(Right):
    """Ignores the dilation of rows in SAME, in a batch."""

    def _answer(self, operation, *args, padding, dilations, **options):
        batch = args[0][0] if isinstance(args[0], tuple) else args[0].shape[0]
        if padding == "SAME" and batch > 1:
            dilations = (1, dilations[1])
        return super()._answer(operation, *args, padding=padding, dilations=dilations, **options)


class DropsLastGroup(Right):
    """Leaves the last output channel of conv2d zero where there are three groups or more, strided."""

    def conv2d(self, input, filters, *, strides, groups, **options):
        answer = super().conv2d(input, filters, strides=strides, groups=groups, **options)
        if groups >= 3 and max(strides) > 1:
            answer[..., -1] = 0
        return answer


def ask_kernel(kernel):
    def ask(call):
        given = integer_call(call.case, call.operation, seed=0)
        right = np.array_equal(given.run(kernel), oracle(given))
        return replace(call, outcome="passed" if right else "wrong values")

    return ask


@pytest.mark.parametrize(
    ("kernel", "named"),
    [
        (ForgetsDilation(), {"padding SAME", "batch above 1"}),
        (DropsLastGroup(), {"conv2d", "groups 3 or more", "strided"}),
    ],
    ids=["ForgetsDilation", "DropsLastGroup"],
)
def test_real_kernel_is_told_by_its_conditions(kernel, named):
    ask = ask_kernel(kernel)
    some = [
        JudgedCall("planted", operation, case)
        for case in generate(200, 3, max_products=1000, empty=False)
        for operation in ("conv2d", "conv2d_transpose")
    ]
    bugs = distinct_bugs(judged_by(ask, some), ask=ask, most_asked=200)
    most = max(bugs, key=lambda bug: bug.failures)
    assert named <= set(most.conditions), "\n".join(lines(bugs))


def test_counts_of_bits_agree_with_and_without_numpy_2(monkeypatch):
    words = np.random.default_rng(0).integers(0, 2**63, (3, 5), np.uint64)
    counted = beam.count(words)
    monkeypatch.delattr(np, "bitwise_count", raising=False)
    assert np.array_equal(counted, beam.count(words))
    assert np.array_equal(counted, [sum(bin(int(word)).count("1") for word in row) for row in words])


def test_search_of_a_sample_is_checked_on_all_calls():
    """The passes that refute a rule may be few: those of one call in a thousand."""
    cases = [Case(n, h, 9, 3, (3, 3), 2) for n in (1, 2) for h in range(3, 60)]
    several = [JudgedCall("planted", "conv2d", case) for case in cases for _ in range(60)]
    done = judged_by(judge(lambda call: call.case.batch > 1 and call.case.height != 31), several)
    for bug in distinct_bugs(done):
        assert bug.failures == bug.calls or bug.conditions is None, line(bug)

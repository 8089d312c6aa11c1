"""Failures are grouped by their cause; robustness is told apart, unless a wrong answer explains it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from planted import Right

from reference_impl.conformance import check_backend
from reference_impl.report.answer import cause
from reference_impl.report.finding import Finding, joined
from reference_impl.report.findings import findings
from reference_impl.run import outcome
from reference_impl.run.subject import Subject

SUBJECT = Subject.of(Right())
PLAIN = [f"n{batch}_h{size}w5c2_k{kernel}x3o2" for batch in (1, 2) for size in (5, 6, 7) for kernel in (1, 2, 3)]


def records(failing, specs=PLAIN, check="exact", came=outcome.FAIL, message="on integers"):
    blank = [SUBJECT.blank("conv2d", spec, 0, check) for spec in specs]
    return [replace(one, outcome=came, message=message) if failing(one.case) else one for one in blank]


def wrong_if_large_kernel(spec):
    return "_k1x" not in spec


def test_conditions_counts_and_smallest_case_are_told():
    (found,) = findings(records(wrong_if_large_kernel))
    assert found.line.startswith("wrong numbers  where kernel height above 1: 12 of 12 wrong, 6 of 6 right elsewhere")
    assert found.line.endswith("smallest: conv2d n1_h5w5c2_k2x3o2")
    assert (found.failed, found.record.case, found.robustness) == (12, "n1_h5w5c2_k2x3o2", None)


@pytest.mark.parametrize("spec", ["n0_h5w5c2_k2x3o2", "n65536_h5w5c2_k2x3o2"])
def test_case_of_robustness_that_a_plain_bug_explains_is_no_finding_of_its_own(spec):
    explained = findings(records(wrong_if_large_kernel, [*PLAIN, spec]))
    assert [found.robustness for found in explained] == [None]
    assert explained[0].failed == 13
    (alone,) = findings(records(lambda case: case == spec, [*PLAIN, spec]))
    assert alone.robustness == ("empty arrays" if spec.startswith("n0") else "batches beyond 65,535")


def test_kernel_that_prints_answers_no_wrong_numbers():
    (found,) = findings(records(lambda case: True, check="prints_nothing", message="a kernel must not write"))
    assert found.line.startswith("prints  on every call: 18 of 18 print; ")
    assert found.robustness == "printing"


class HalfOnly:
    name = "half"

    def conv2d(self, input, filters, **options):
        raise TypeError("float16 only")


def test_kernel_that_refuses_every_call_is_told_to_declare_its_dtypes():
    report = check_backend(HalfOnly(), "smoke")
    assert report.verdict == "half unversioned: WRONG  refused on every call (40 of 40 calls)"
    assert 'if it takes other dtypes, declare them: Capabilities(operations=("conv2d",), dtypes=(' in str(report)


def test_crashes_and_wrong_numbers_come_before_sizes_and_these_before_robustness():
    ways = [
        ("special_values", outcome.FAIL, "an infinity must reach"),
        ("exact", outcome.FAIL, "the answer's shape must be (1,), not (2,)"),
        ("exact", outcome.FAIL, "on integers"),
        ("exact", outcome.CRASHED, "the process died of signal 11"),
        ("exact", outcome.CRASHED, "it gave no answer within 60 s"),
    ]
    some = [
        record
        for place, (check, came, said) in enumerate(ways)
        for record in records(lambda case: True, PLAIN[3 * place : 3 * place + 3], check, came, said)
    ]
    found = [one.line.partition("  ")[0] for one in findings(some)]
    assert sorted(found[:3]) == ["crash", "hang", "wrong numbers"]
    assert found[3:] == ["wrong shape", "wrong numbers (special values)"]


def test_errors_are_told_apart_by_their_text_without_numbers():
    some = records(
        lambda case: True, PLAIN[:6], came=outcome.REFUSED, message="ValueError: only 3 (k.py, line 9, in f)"
    )
    some += records(
        lambda case: True, PLAIN[6:12], came=outcome.REFUSED, message="ValueError: only 4 (k.py, line 9, in f)"
    )
    assert len(findings(some)) == 1
    some += records(lambda case: True, PLAIN[12:], came=outcome.REFUSED, message="TypeError: no")
    assert len(findings(some)) == 2


def test_call_that_is_wrong_is_not_counted_again_for_other_checks():
    some = records(wrong_if_large_kernel) + records(wrong_if_large_kernel, check="any_memory_layout")
    assert [found.robustness for found in findings(some)] == [None]


def test_failures_of_other_kinds_under_the_same_conditions_are_one_bug():
    """A kernel of one shape answers others wrongly, and autograd then refuses the gradient."""
    sizes = [(height, width, kernel) for height in (5, 6, 7) for width in (5, 6, 7) for kernel in (1, 2)]
    specs = [f"n{batch}_h{h}w{w}c2_k{kernel}x3o2" for batch in (1, 2, 3) for h, w, kernel in sizes]
    own = "h6w6c2_k2x3o2"
    shapes = [
        replace(one, message="the answer's shape must be") for one in records(lambda case: own not in case, specs)
    ]
    refused = [replace(one, operation="conv2d_backprop_input") for one in records(lambda case: True, specs)]
    came = {True: outcome.PASS, False: outcome.REFUSED}
    refused = [replace(one, outcome=came[own in one.case], message="RuntimeError: mismatch") for one in refused]
    steady = replace(refused[0], check="steady_memory")
    (found,) = findings([*shapes, *refused, steady])
    unless = "unless output positions 20 and input height 6 or more: 51 of 51"
    assert found.line.startswith(f"wrong shape  {unless} wrong shape")
    assert found.failed == 102
    assert found.operations == ("conv2d", "conv2d_backprop_input")
    assert found.also[0].startswith(f"refused  {unless} refused")


def test_memory_that_is_not_written_is_one_bug():
    """It may hold other numbers each time, the same ones, or the right ones in one check and not in the next."""

    def kernel_of(spec):
        return int(spec.partition("_k")[2][0])

    race = "race: 3 of 26 answers to the same call are wrong"
    some = records(wrong_if_large_kernel, message=race)
    same = [
        replace(one, message="on integers") if kernel_of(one.case) == 3 and "n2" in one.case else one for one in some
    ]
    (spec,) = (one.case for one in same if one.case.startswith("n1_h6w5c2_k2"))
    lucky = [replace(one, outcome=outcome.PASS, message=None) if one.case == spec else one for one in same]
    (found,) = findings([*lucky, *records(lambda case: True, [spec], "rounded")])
    assert found.line.startswith("race  where kernel height above 1")
    assert found.failed == 12


def test_other_bug_under_a_part_of_the_conditions_stays():
    some = records(wrong_if_large_kernel, message="race: 3 of 26 answers to the same call are wrong")
    some = [
        replace(one, message="the answer's shape must be") if "_k3x" in one.case and "h7" in one.case else one
        for one in some
    ]
    assert len(findings(some)) == 2


def test_conditions_are_not_told_of_calls_that_fail_by_the_calls_before_them():
    right = records(lambda case: False)
    some = records(wrong_if_large_kernel, check="other_options", message="in a row of calls with other options")
    (found,) = findings([*right, *some])
    said = "wrong numbers (other_options)  12 calls wrong: among calls with other options; smallest: "
    assert found.line.startswith(said)


def test_cache_is_one_bug_and_the_cause():
    told = "a cache: it gives the answer of an earlier call with the same shapes and other padding"
    record = replace(SUBJECT.blank("conv2d", PLAIN[0], 0, "other_options"), outcome=outcome.FAIL)
    named = replace(record, diagnosis=f"right on a fresh kernel\n{told}\nfails the same checks as *kernel-flipped*: no")
    found = [Finding(f"wrong numbers  where {name}", named, ("conv2d",), 5) for name in "AB"]
    (first,) = joined(found)
    assert first.failed == 10
    assert cause(first) == told


def test_mistake_along_one_axis_is_the_cause():
    told = "matches *dilation-forgotten* along the width alone under some condition: The dilation is ignored."
    record = replace(SUBJECT.blank("conv2d", PLAIN[0], 0, "exact"), outcome=outcome.FAIL, diagnosis=told)
    found = Finding("wrong numbers  where dilated", record, ("conv2d",), 5)
    assert cause(found) == "the dilation is ignored along the width alone, in conv2d"


def test_known_failures_are_no_findings():
    assert findings(records(wrong_if_large_kernel, came=outcome.KNOWN)) == []


def test_wrong_answers_that_match_one_mistake_are_one_bug():
    matched = "matches *kernel-flipped*: The kernel is rotated."
    record = replace(SUBJECT.blank("conv2d", PLAIN[0], 0, "exact"), outcome=outcome.FAIL)
    named, other = replace(record, diagnosis=matched), replace(record, diagnosis="matches no known mistake")
    found = [
        Finding("wrong numbers  where A", named, ("conv2d",), 5, text="one"),
        Finding("wrong numbers  where B", other, ("conv2d",), 4),
        Finding("wrong numbers  where C", named, ("conv2d_transpose",), 3),
        Finding("wrong numbers (memory layouts)", named, ("conv2d",), 2, "memory layouts"),
    ]
    first, *more = joined(found)
    assert more == [found[1], found[3]]
    assert (first.failed, first.operations) == (8, ("conv2d", "conv2d_transpose"))
    assert first.text == "one\n    the same mistake: wrong numbers  where C"

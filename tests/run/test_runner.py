"""What came of a check is said as it is: nothing unknown turns into fine."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest
from planted import Flipped, Right

from reference_impl.cases.case import Case
from reference_impl.cases.generation import generate
from reference_impl.conformance import Capabilities, Lack
from reference_impl.operations import OPERATIONS
from reference_impl.run import known, outcome
from reference_impl.run.judge import judge
from reference_impl.run.known import mark_expected
from reference_impl.run.known_failure import KnownFailure
from reference_impl.run.records import records_of
from reference_impl.run.selection import for_all, in_dtypes, takes
from reference_impl.run.subject import Subject
from reference_impl.verdicts.checks import CHECKS

CASE = Case.parse("n2_h7w9c3_k3x2o4_s2x3")


def judged(subject, *arguments, **options):
    """The records of a call, with what was expected marked."""
    return list(mark_expected(judge(subject, *arguments, **options), subject))


def outcomes(records):
    return Counter(record.outcome for record in records)


@pytest.fixture
def expected_failure(monkeypatch):
    """Makes the planted backend's failure a known one."""

    def expect(**changes):
        entry = {
            "backends": ("planted",),
            "versions": ">=1",
            "operations": ("conv2d",),
            "when": lambda case, facts: case.strides[0] == 2,
            "outcome": "fail",
            "does": "flips the kernel",
            "link": "found here",
        }
        found = KnownFailure(**{**entry, **changes})
        monkeypatch.setattr(known, "known_failures", lambda: (found,))

    return expect


class Versioned(Flipped):
    version = "1.2"


def test_known_failure_is_expected(expected_failure):
    expected_failure()
    records = judged(Subject.of(Versioned()), CASE, "conv2d")
    assert not any(record.unexpected for record in records)
    assert outcome.KNOWN in outcomes(records)


def test_refusal_says_where_it_was_raised():
    class Unfinished(Right):
        def spoil(self, answer, arrays):
            return np.pad(answer, (1, 2, 3))  # raises in NumPy

    (record, *_) = judged(Subject.of(Unfinished()), CASE, "conv2d")
    assert record.outcome == outcome.REFUSED
    assert re.search(r"^ValueError: .* \(.*test_runner.py, line \d+, in spoil\)$", record.message, re.DOTALL)


def test_known_failure_turns_red_when_it_is_fixed(expected_failure):
    expected_failure()

    class Fixed(Right):
        version = "1.2"

    records = judged(Subject.of(Fixed()), CASE, "conv2d")
    assert outcomes(records) == {outcome.FIXED: len(records)}
    assert all(record.unexpected and "flips the kernel" in record.message for record in records)


def test_known_failure_turns_red_also_where_a_check_is_not_claimed(expected_failure):
    expected_failure()

    class Fixed(Right):
        version = "1.2"
        capabilities = Capabilities(unclaimed={"special_values": "knows no NaN"})

    by_check = {record.check: record.outcome for record in judged(Subject.of(Fixed()), CASE, "conv2d")}
    assert by_check.pop("special_values") == outcome.UNSUPPORTED
    assert set(by_check.values()) == {outcome.FIXED}


def test_known_failure_is_not_gone_when_what_would_show_it_was_not_run(expected_failure):
    expected_failure()

    class Fixed(Right):
        version = "1.2"

    checks = [check for check in CHECKS if check.name in ("special_values", "repeatable")]
    assert set(outcomes(judged(Subject.of(Fixed()), CASE, "conv2d", checks=checks))) == {outcome.PASS}


def test_known_failure_of_one_check_excuses_no_other(expected_failure):
    expected_failure(checks=("rounded",))
    by_check = {record.check: record.outcome for record in judged(Subject.of(Versioned()), CASE, "conv2d")}
    assert by_check["rounded"] == outcome.KNOWN
    assert by_check["exact"] == outcome.FAIL


def test_known_failure_that_comes_sometimes_may_pass(expected_failure):
    expected_failure(sometimes=True)

    class Lucky(Right):
        version = "1.2"

    assert set(outcomes(judged(Subject.of(Lucky()), CASE, "conv2d"))) == {outcome.PASS}
    assert outcome.KNOWN in outcomes(judged(Subject.of(Versioned()), CASE, "conv2d"))


@pytest.mark.parametrize(
    "changes",
    [
        {"versions": "<1"},
        {"backends": ("planted:other",)},
        {"operations": ("conv2d_transpose",)},
        {"when": lambda case, facts: case.strides[0] == 3},
        {"outcome": "refused"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_known_failure_excuses_nothing_else(expected_failure, changes):
    expected_failure(**changes)
    assert any(record.unexpected for record in judged(Subject.of(Versioned()), CASE, "conv2d"))


def test_known_failure_of_all_routes_covers_them(expected_failure):
    expected_failure(backends=("planted:*",))

    class Route(Versioned):
        name = "planted:route"

    assert not any(record.unexpected for record in judged(Subject.of(Route()), CASE, "conv2d"))


def test_lack_is_recorded_as_unsupported_with_its_reason():
    class Lacking(Right):
        capabilities = Capabilities(lacks=(Lack("no strides", lambda operation, case: case.strides != (1, 1)),))

    records = judged(Subject.of(Lacking()), CASE, "conv2d")
    assert outcomes(records) == {outcome.UNSUPPORTED: len(records)}
    assert records[0].message == "no strides"


def test_undeclared_refusal_is_unexpected():
    class Refusing(Right):
        def spoil(self, answer, arrays):
            raise NotImplementedError("no strides")

    records = judged(Subject.of(Refusing()), CASE, "conv2d")
    assert outcomes(records) == {outcome.REFUSED: len(records)}
    assert all(record.unexpected for record in records)


def test_subject_without_declarations_offers_what_it_has():
    class Only:
        def conv2d(self, input, filters, **options):
            raise NotImplementedError

    subject = Subject.of(Only())
    assert (subject.name, subject.capabilities.operations) == ("Only", ("conv2d",))


def test_subject_must_offer_an_operation():
    with pytest.raises(ValueError, match="at least one of conv2d, "):
        Subject.of(object())


def test_subject_must_have_what_it_declares():
    class Boasting:
        capabilities = Capabilities(operations=("conv2d", "conv2d_transpose"))

        def conv2d(self, input, filters, **options):
            raise NotImplementedError

    with pytest.raises(ValueError, match="declares conv2d_transpose, which it does not have"):
        Subject.of(Boasting())


def test_share_gives_about_that_part_and_full_gives_all():
    class Compiling(Right):
        capabilities = Capabilities(share=0.25)

    subject = Subject.of(Compiling())
    cases = generate(200, 0)
    part = [case for case in cases if takes(subject, case, 0)]
    assert 30 <= len(part) <= 70
    records = list(records_of(for_all([subject], cases[:20], ("conv2d",), full=True)))
    assert len({record.case for record in records}) == 20


def test_backend_is_given_no_dtype_that_it_does_not_offer_unless_full():
    case = CASE.with_dtype("int32")
    subject = Subject.of(Right())
    assert list(records_of(for_all([subject], [case]))) == []
    records = list(records_of(for_all([subject], [case], full=True)))
    assert {record.message for record in records} == {"offers no int32"}


def test_in_dtypes_spreads_float32_cases_and_leaves_others():
    cases = [CASE, CASE.with_dtype("float16")]
    spread = [case.dtype for case in in_dtypes(cases, ("float32", "int32"))]
    assert spread == ["float32", "int32", "float16"]


def test_judge_here_counts_every_turn():
    turns = []
    subjects = [Subject.of(Right()), Subject.of(Flipped())]
    records = list(records_of(for_all(subjects, [CASE]), advance=lambda: turns.append(1)))
    assert len(turns) == len(subjects) * len(OPERATIONS)
    assert {record.operation for record in records} == set(OPERATIONS)

"""A run says which combinations its judged calls had, and claims no more."""

from __future__ import annotations

import pytest
from narrow_kernels import Square
from planted import Right

from reference_impl.cases import catalogue
from reference_impl.cases.covering.claim import combinations_of_factors, share_of_factors
from reference_impl.cases.covering.factors import levels_of
from reference_impl.cases.covering.narrow import Reach
from reference_impl.operations import OPERATIONS
from reference_impl.report.searched import least_shares, searched
from reference_impl.report.tally import Tally
from reference_impl.run.choice import STRENGTH
from reference_impl.run.outcome import (
    CRASHED,
    FAIL,
    FIXED,
    KNOWN,
    MISTRUSTED,
    ORACLE,
    PASS,
    REFUSED,
    SUITE,
    UNSUPPORTED,
    Record,
)
from reference_impl.run.subject import Subject

COVERING = catalogue.load("covering")


def tally_of(backend, cases, operations=OPERATIONS, **changes):
    tally = Tally()
    for operation in operations:
        for case in cases:
            given = {"check": "exact", "outcome": PASS, **changes}
            tally.add(Record(backend, "1", operation, str(case), **given))
    return tally


def lines(tally, *backends, reached=None):
    return searched(tally, [Subject.of(backend) for backend in backends], reached)


def test_all_combinations_are_claimed_if_all_were_judged():
    (said,) = lines(tally_of("planted", COVERING), Right())
    assert said.startswith("Searched: all 37,027 feasible 3-way combinations of 19 named factors, ")


def test_case_less_in_one_operation_is_no_claim_for_the_backend():
    tally = tally_of("planted", COVERING, OPERATIONS[1:])
    tally.extend(tally_of("planted", COVERING[1:], OPERATIONS[:1]).records)
    claimed, said = lines(tally, Right())
    assert claimed.startswith("Searched: all ")
    part = share_of_factors(COVERING[1:], STRENGTH)
    assert said == f"Of the 3-way combinations, in the operation that had least: planted {part}."
    assert part.covered < part.feasible


def test_unsupported_calls_other_checks_and_other_dtypes_count_for_nothing():
    assert lines(tally_of("planted", COVERING, outcome=UNSUPPORTED), Right()) == []
    assert lines(tally_of("planted", COVERING, check="repeatable"), Right()) == []
    assert lines(tally_of("planted", [case.with_dtype("float64") for case in COVERING]), Right()) == []


@pytest.mark.parametrize("outcome", [REFUSED, CRASHED, SUITE, ORACLE, KNOWN])
def test_calls_without_an_answer_that_was_judged_count_for_nothing(outcome):
    assert lines(tally_of("planted", COVERING, outcome=outcome), Right()) == []


@pytest.mark.parametrize(("outcome", "answer"), [(FAIL, None), (MISTRUSTED, None), (FIXED, None), (KNOWN, "1f2e")])
def test_answers_that_were_judged_count_whatever_was_found(outcome, answer):
    (said,) = lines(tally_of("planted", COVERING, outcome=outcome, answer=answer), Right())
    assert said.startswith("Searched: all 37,027 ")


def test_longer_combinations_are_told_where_all_shorter_ones_were_had():
    assert "% of the 4-way combinations" in lines(tally_of("planted", COVERING), Right())[0]
    few = lines(tally_of("planted", COVERING[:20]), Right())[0]
    assert few.endswith("% of the 3-way combinations.")
    assert "4-way" not in few


def test_each_backend_has_its_own_share():
    tally = tally_of("planted", COVERING)
    tally.extend(tally_of("square", COVERING[:40]).records)
    square = Square()
    square.name = "square"
    _, whole, part = lines(tally, Right(), square)
    assert whole == "All 3-way combinations in each operation: planted."
    assert "square" in part
    assert "planted" not in part


@pytest.mark.parametrize(("judged", "share"), [(40, "100 %"), (39, "9")])
def test_backend_with_lacks_has_the_share_of_what_it_supports(judged, share):
    some = COVERING[:40]
    found = combinations_of_factors(STRENGTH).covered(levels_of(some))
    reached = {"planted": {"conv2d": Reach(STRENGTH, found, tuple(some))}}
    tally = tally_of("planted", COVERING[:judged], ["conv2d"])
    _, said = lines(tally, Square(), reached=reached)
    begins = f"planted supports a part of these: a search, which found 40 cases that it supports, met {found.sum():,} "
    assert said.startswith(begins)
    assert f"combinations. Judged were {share}" in said
    assert least_shares(tally, [Subject.of(Square())], reached)["planted"].is_all == (judged == 40)

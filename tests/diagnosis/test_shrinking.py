"""The smallest failing case is simple, still fails, and is the same each time."""

from __future__ import annotations

import itertools

import pytest
from general_cases import GENERAL_CASES

from reference_impl.cases.case import Case
from reference_impl.diagnosis.shrinking import MOST_TRIED, complexity, simplifications, smallest

START = Case.parse("n3_h14w10c4_k2x5o8_s4x3_d3x1_g2_p2,0,1,4")


@pytest.mark.parametrize(
    ("fails", "found"),
    [
        (lambda case: True, "n1_h1w1c1_k1x1o1"),
        (lambda case: case.batch > 1, "n2_h1w1c1_k1x1o1"),
        (lambda case: case.groups > 1 and case.strides[1] > 1, "n1_h1w1c2_k1x1o2_s1x2_g2"),
        (lambda case: case.kernel_size[1] > 2, "n1_h1w3c1_k1x3o1"),
        (lambda case: case.padding_mode == "EXPLICIT" and case.padding[0][0] > 0, "n1_h1w1c1_k1x1o1_p1,0,0,0"),
        (lambda case: case.dilations[0] > 1 and case.kernel_size[0] > 1, "n1_h3w1c1_k2x1o1_d2x1"),
        (lambda case: case.height - case.width == 4, "n1_h5w1c1_k1x1o1"),
        (lambda case: case.height % 2 == 0 and case.kernel_size[0] == 2, "n1_h2w1c1_k2x1o1"),
    ],
    ids=["always", "batch", "groups-and-stride", "kernel", "padding", "dilation", "two-at-once", "even"],
)
def test_smallest_is_the_simplest_that_fails(fails, found):
    assert str(smallest(START, fails)) == found


def test_smallest_is_the_case_itself_when_nothing_simpler_fails():
    assert smallest(START, lambda case: False) == START


@pytest.mark.parametrize("case", GENERAL_CASES, ids=str)
def test_simplifications_are_simpler(case):
    assert all(complexity(simpler) < complexity(case) for simpler in simplifications(case))


def test_smallest_stops_after_some_tries():
    tries = itertools.count()
    smallest(Case.parse("n99_h99w99c99_k9x9o99"), lambda case: bool(next(tries) % 7 == 6))
    assert next(tries) <= MOST_TRIED


def test_smallest_stops_when_time_is_up():
    tries = itertools.count()
    assert smallest(START, lambda case: bool(next(tries)), seconds=0) == START
    assert next(tries) <= 1

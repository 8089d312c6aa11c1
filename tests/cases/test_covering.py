"""The stored designs cover what they claim, and what is feasible is counted rightly."""

from __future__ import annotations

from itertools import combinations, pairwise, product
from math import prod

import numpy as np
import pytest

from reference_impl.cases import catalogue
from reference_impl.cases.case import PADDING_MODES, Case
from reference_impl.cases.covering import configurations, factors, values
from reference_impl.cases.covering.__main__ import main, text
from reference_impl.cases.covering.claim import Share, claim, share_of_factors, share_of_values
from reference_impl.cases.covering.coverage import Combinations
from reference_impl.cases.covering.design import design
from reference_impl.cases.covering.space import Part, Space
from reference_impl.cases.generation import MOST_PRODUCTS, generate

COVERING = catalogue.load("covering")


@pytest.mark.parametrize(("strength", "feasible"), [(2, 2_002), (3, 37_027), (4, 467_207)])
def test_stored_design_has_every_feasible_combination(strength, feasible):
    cases = catalogue.load(catalogue.BY_STRENGTH[strength])
    assert share_of_factors(cases, strength) == Share(feasible, feasible)


def test_stored_values_have_every_feasible_pair():
    assert share_of_values(catalogue.load("values")) == Share(11_317, 11_317)


def test_a_design_with_a_case_less_does_not_have_every_combination():
    assert not share_of_factors(COVERING[1:], 3).is_all


@pytest.mark.parametrize("name", [*catalogue.BY_STRENGTH.values(), "values"])
def test_designed_case_is_affordable_and_not_empty(name):
    cases = catalogue.load(name)
    assert all(0 < case.multiply_adds <= MOST_PRODUCTS for case in cases)
    assert not any(map(factors.is_empty, cases))


@pytest.mark.parametrize("name", ["covering-2", "ladder", "ladder-long"])
def test_stored_file_is_what_the_command_prints(name, capsys):
    assert main([name]) == 0
    assert [Case.parse(line.split(" ")[0]) for line in _specs(capsys.readouterr().out)] == catalogue.load(name)


def _specs(printed):
    return [line for line in printed.splitlines() if line and not line.startswith("#")]


def test_command_refuses_another_name(capsys):
    assert main(["curated"]) == 2
    assert "name one catalogue to build: values, covering-2, covering, covering-4" in capsys.readouterr().err


def test_cases_of_equal_shapes_follow_each_other():
    def shape(case):
        return case.input_sizes, case.filter_sizes

    pairs = [(one, next_one) for one, next_one in pairwise(COVERING) if shape(one) == shape(next_one)]
    assert len(pairs) >= 100
    assert all(one.options != next_one.options for one, next_one in pairs)


# The levels in the order of the factors, with a | between the parts of a case: checked by eye.
@pytest.mark.parametrize(
    ("spec", "levels"),
    [
        (
            "n2_h8w1c9_k3x1o18_s2x4_d2x1_g9_p1,0,2,0",
            "EXPLICIT | more, few, odd, up to the kernel, more, uneven, none | 1, 1, 1, above the kernel, 1, beyond "
            "the kernel, some | a vector and 1, even, depthwise with multiplier | 2",
        ),
        (
            "n1_h5w20c1_k5x2o7_SAME",
            "SAME | more, few, as large as the image, 1, 1, even, none | more, many, even, 1, 1, uneven, none | "
            "1, a vector less 1, dense | 1",
        ),
        (
            "n9_h5w4c6_k5x2o16_d1x3_g2",
            "VALID | more, 1, as large as the padded image, 1, 1, none, none | more, 1, as large as the padded image, "
            "1, more, none, none | even, whole vectors, grouped | more",
        ),
        (
            "n1_h3w4c11_k2x3o11_s1x2_g11_FULL",
            "FULL | more, few, even, 1, 1, even, none | more, few, odd, up to the kernel, 1, even, some | "
            "odd, odd, depthwise | 1",
        ),
    ],
)
def test_features_names_the_level_of_each_factor(spec, levels):
    found = factors.features(Case.parse(spec))
    assert list(found.values()) == levels.replace(" | ", ", ").split(", ")
    assert list(found) == [factor.name for factor in factors.FACTORS]


def test_features_refuses_an_empty_case():
    with pytest.raises(ValueError, match=r"must have an image and channels .*; n0_h5w6c2_k3x3o4 is empty"):
        factors.features(Case.parse("n0_h5w6c2_k3x3o4"))


@pytest.mark.parametrize("word", PADDING_MODES)
def test_configuration_has_the_cost_and_levels_of_its_case(word):
    table, costs = configurations.axes(word)
    number = factors.WORD[0]
    for position in range(0, len(table), len(table) // 40):
        size, kernel, stride, dilation, *pads = map(int, table[position])
        padding = (tuple(pads), (0, 0)) if word == "EXPLICIT" else word
        case = Case(1, size, 1, 1, (kernel, 1), 1, (stride, 1), (dilation, 1), 1, padding)
        assert case.multiply_adds == costs[position]
        levels = factors.levels_of([case])[0]
        assert levels[number] == PADDING_MODES.index(word)
        assert (levels[list(factors.HEIGHT)] == factors.axis_levels(*table[position : position + 1].T)[0]).all()


WORDS = [Part((0,), np.array([[word]]), np.ones(1)) for word in (0, 1)]
TINY = Space(
    (2, 2, 2, 2, 3),
    (
        (
            WORDS[0],
            Part((1, 2), np.array([[0, 0], [0, 1], [1, 0]]), np.array([1.0, 3, 2])),
            Part((3, 4), np.array([[0, 0], [1, 1], [1, 2]]), np.array([1.0, 2, 5])),
        ),
        (
            WORDS[1],
            Part((1, 2), np.array([[0, 1], [1, 0]]), np.array([4.0, 1])),
            Part((3, 4), np.array([[0, 1], [1, 2]]), np.array([3.0, 2])),
        ),
    ),
    7,
)


def brute_force(space):
    """Every row of levels of a space, by trying all products of parts."""
    for parts in space.branches:
        for chosen in product(*(range(len(part.rows)) for part in parts)):
            if prod(part.costs[row] for part, row in zip(parts, chosen)) <= space.most:
                yield [int(level) for part, row in zip(parts, chosen) for level in part.rows[row]]


@pytest.mark.parametrize("strength", [1, 2, 3, 4])
def test_feasible_is_what_trying_everything_finds(strength):
    rows = list(brute_force(TINY))
    for columns in combinations(range(5), strength):
        found = TINY.feasible(columns)
        expected = {tuple(row[column] for column in columns) for row in rows}
        assert {tuple(map(int, index)) for index in np.argwhere(found)} == expected


@pytest.mark.parametrize("strength", [2, 3])
def test_design_covers_a_tiny_space_with_rows_of_it(strength):
    combinations_of = Combinations(TINY, strength)
    rows = np.array(list(design(combinations_of)))
    assert {tuple(row) for row in rows.tolist()} <= {tuple(row) for row in brute_force(TINY)}
    assert combinations_of.share(rows) == (combinations_of.feasible.sum(),) * 2


def test_generated_cases_have_feasible_combinations_only():
    levels = factors.levels_of([case for case in generate(500, 3, max_batch=5) if not factors.is_empty(case)])
    combinations_of = Combinations(configurations.space(), 3)
    assert combinations_of.feasible[combinations_of.numbers(levels)].all()


def test_values_read_back_from_their_case():
    for case in catalogue.load("values")[::10]:
        assert values.case_of(values.levels_of([case])[0]) == case


def test_value_that_is_not_named_is_in_no_pair():
    alone = Combinations(values.space(), 2).share(
        values.levels_of([Case.parse("n6_h6w6c5_k13x13o5_s9x9_d5x5_g5_p40,40,40,40")])
    )
    assert alone[0] == 0


def test_claim_says_what_is_covered():
    assert claim(COVERING, most=3) == (
        "all 37,027 feasible 3-way combinations of 19 named factors, "
        f"{share_of_values(COVERING)} of 11,317 pairs of values of 17 named sizes and options (342 cases)"
    )
    small = catalogue.load("curated")
    assert claim(small, most=3).startswith(f"{share_of_factors(small, 2)} of 2,002 feasible 2-way combinations")
    assert claim(small, most=3).endswith(f"{share_of_factors(small, 3)} of the 3-way combinations")


def test_claim_counts_a_case_in_several_dtypes_once():
    both = [*COVERING, *(case.with_dtype("int32") for case in COVERING)]
    assert claim(both, most=2) == claim(COVERING, most=2)


def test_share_is_rounded_down():
    assert str(Share(9999, 10_000)) == "99.9 %"
    assert str(Share(10_000, 10_000)) == "100 %"


def test_header_makes_the_claim_of_the_cases():
    assert f"# {claim(catalogue.load('covering-2'))}.\n" in text("covering-2")

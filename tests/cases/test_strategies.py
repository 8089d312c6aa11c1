"""Drawn cases are valid, lie on the boundaries, shrink to a readable case, and follow from the seed."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings

from reference_impl.cases.boundaries import BOUNDARIES, boundaries_of
from reference_impl.cases.case import PADDING_MODES, Case
from reference_impl.cases.generation import generate
from reference_impl.cases.strategies import cases, seeds

GENERATED = generate(300, 0)

# The strategy filters nothing, so every health check stays on.
every_health_check = settings(max_examples=100, suppress_health_check=[])
shrinking = settings(
    max_examples=1000,
    derandomize=True,
    database=None,
    phases=[Phase.generate, Phase.shrink],  # to explain a failure, each line of code is traced
    suppress_health_check=list(HealthCheck),
)


@every_health_check
@given(cases())
def test_drawn_case_is_valid_and_small(case):
    assert Case.parse(str(case)) == case
    assert case.multiply_adds <= 20_000
    assert case.dtype == "float32"
    assert case.batch <= 33


@every_health_check
@given(
    cases(
        dtypes=("int8", "float64"),
        paddings=("EXPLICIT", "SAME"),
        max_products=500,
        max_batch=1,
        max_stride=2,
        max_dilation=1,
        max_groups=1,
        empty=False,
    )
)
def test_drawn_case_keeps_to_the_options(case):
    assert case.dtype in ("int8", "float64")
    assert case.padding_mode in ("EXPLICIT", "SAME")
    assert 0 < case.multiply_adds <= 500
    assert case.batch == 1
    assert max(case.strides) <= 2
    assert case.dilations == (1, 1)
    assert case.groups == 1


@every_health_check
@given(cases(max_products=1, empty=False))
def test_drawn_case_can_be_a_single_product(case):
    assert case.multiply_adds == 1


@given(seeds())
def test_seed_is_a_32_bit_integer(seed):
    assert 0 <= seed < 2**32


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_generated_cases_lie_on_every_boundary(boundary):
    assert sum(map(BOUNDARIES[boundary], GENERATED)) >= 0.03 * len(GENERATED)


# Most cases are smaller. These values are rare, within 20,000 products.
@pytest.mark.parametrize(
    "is_large",
    [
        lambda case: case.batch > 16,
        lambda case: case.input_channels // case.groups > 17,
        lambda case: case.output_channels // case.groups > 17,
        lambda case: max(case.kernel_size) > 8,
        lambda case: max(case.strides) > 5,
        lambda case: max(case.dilations) > 3,
        lambda case: max(case.output_shape[1:3]) > 32,
        lambda case: 4 < case.groups < case.input_channels,
        lambda case: case.groups > 17,
    ],
    ids=["batch", "inputs", "outputs", "kernel", "stride", "dilation", "extent", "groups", "depthwise"],
)
def test_generated_cases_have_large_values(is_large):
    assert sum(map(is_large, GENERATED)) >= 2


@pytest.mark.parametrize("mode", PADDING_MODES)
def test_generated_cases_have_every_padding(mode):
    assert sum(case.padding_mode == mode for case in GENERATED) >= 0.1 * len(GENERATED)


@pytest.mark.parametrize(
    ("boundary", "smallest"),
    [
        ("strided", ["n1_h1w1c1_k1x1o1_s1x2", "n1_h1w1c1_k1x1o1_s2x1"]),
        ("dilated", ["n1_h1w3c1_k1x2o1_d1x2", "n1_h3w1c1_k2x1o1_d2x1"]),
        ("leftover rows", ["n1_h2w1c1_k1x1o1_s2x1"]),
        ("depth multiplier", ["n1_h1w1c2_k1x1o4_g2"]),
        ("FULL", ["n1_h1w1c1_k1x1o1_FULL"]),
        ("empty", ["n0_h1w1c1_k1x1o1"]),
    ],
)
def test_failure_shrinks_to_a_readable_case(boundary, smallest):
    assert str(find(cases(), BOUNDARIES[boundary], settings=shrinking)) in smallest


def test_failure_shows_the_case_as_code():
    @shrinking
    @given(cases(), seeds())
    def fails(case, seed):
        assert case.padding != "FULL"

    with pytest.raises(AssertionError) as raised:
        fails()
    assert "case=Case.parse('n1_h1w1c1_k1x1o1_FULL')" in "".join(raised.value.__notes__)


def test_generate_gives_the_same_cases_everywhere():
    # A changed line here is a changed sequence for every seed that somebody has noted down.
    assert list(map(str, generate(6, 2026))) == [
        "n3_h7w9c8_k2x2o24_s1x2_d3x2_g8",
        "n2_h19w4c31_k1x3o62_s6x1_d1x3_g31_SAME",
        "n1_h4w1c10_k3x1o30_d2x1_g10_p3,3,0,0",
        "n2_h30w6c3_k2x4o1_s5x1_d2x2_SAME",
        "n1_h124w5c23_k2x2o69_s4x1_d1x4_g23",
        "n2_h9w17c3_k3x2o6_d3x1",
    ]


def test_generate_depends_on_the_seed_alone():
    code = "from reference_impl.cases.generation import generate; print(*generate(50, 7))"
    other_process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other_process.stdout.split() == list(map(str, generate(50, 7)))
    assert generate(50, 8) != generate(50, 7)
    assert generate(20, 7) == generate(50, 7)[:20]


def test_generate_needs_no_hypothesis():
    code = "import sys; sys.modules['hypothesis'] = None; import reference_impl.cases.generation"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_generated_cases_are_distinct():
    assert len(set(GENERATED)) == len(GENERATED) == 300


def test_generate_says_when_there_are_too_few():
    with pytest.raises(ValueError, match="the options must allow count cases: found 1 distinct cases of 2"):
        generate(2, 0, max_products=1, max_stride=1, max_dilation=1, paddings=("VALID",), empty=False)


@pytest.mark.parametrize("draw", [cases, lambda **options: generate(1, 0, **options)], ids=["cases", "generate"])
@pytest.mark.parametrize(
    ("options", "error", "rule"),
    [
        ({"dtypes": ("float31",)}, ValueError, "dtypes must be some of int8, .*; not 'float31'"),
        ({"dtypes": "float32"}, TypeError, "dtypes must be a sequence of names, not 'float32'"),
        ({"dtypes": ()}, ValueError, "dtypes must name at least one"),
        ({"paddings": ("same",)}, ValueError, "paddings must be some of VALID, SAME, .*; not 'same'"),
        ({"max_products": 0}, ValueError, "max_products must be >= 1, not 0"),
        ({"max_batch": 1.5}, TypeError, "max_batch must be an integer, not 1.5"),
        ({"max_groups": True}, TypeError, "max_groups must be an integer, not True"),
        ({"empty": 1}, TypeError, "empty must be a bool, not 1"),
        ({"max_terms": 3}, TypeError, "max_terms"),
    ],
)
def test_options_are_checked_before_drawing(draw, options, error, rule):
    with pytest.raises(error, match=rule):
        draw(**options)


@pytest.mark.parametrize(
    ("count", "seed", "error"),
    [(-1, 0, ValueError), (1, -1, ValueError), (1.0, 0, TypeError), (1, "0", TypeError)],
)
def test_generate_checks_count_and_seed(count, seed, error):
    with pytest.raises(error, match="must be"):
        generate(count, seed)


def test_boundaries_of_names_them():
    assert boundaries_of(Case.parse("n1_h8w9c2_k1x1o4_s2x2_g2_SAME")) == [
        "leftover rows",
        "kernel smaller than stride",
        "1x1 kernel, strided",
        "SAME, strided",
        "SAME, clamped",
        "strided",
        "grouped",
        "depthwise",
        "depth multiplier",
        "near a vector's width",
    ]

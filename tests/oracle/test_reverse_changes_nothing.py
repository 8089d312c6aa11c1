"""Some input gradients are convolutions with flipped filters. `fold` gives the same answers."""

from __future__ import annotations

import numpy as np
import pytest
from integer_arrays import Arrays, arrays_of, assert_equal, by_another_path, run, small_arrays
from small_geometries import ALONG_ONE_AXIS, with_windows

from reference_impl import operations, windows
from reference_impl.cases.case import Case
from reference_impl.geometry import Convolution

GENERAL = Case.parse("n2_h7w9c6_k3x2o9_d2x3_g3_p1,2,0,3")
CASES = [
    GENERAL,
    Case.parse("n2_h7w9c6_k3x2o9_d2x3_g3"),
    Case.parse("n2_h7w9c6_k3x2o9_d2x3_g3_FULL"),
    Case.parse("n2_h7w9c6_k3x2o9_g3_p2,2,1,1"),
    Case.parse("n3_h5w6c12_k2x4o12_g12_SAME"),
    Case.parse("n2_h7w9c6_k1x1o9_g3"),
]
OTHERS = [
    Case.parse("n2_h7w9c6_k3x2o9_s2x1_g3"),
    Case.parse("n2_h7w9c6_k3x2o9_s1x2_g3"),
    Case.parse("n2_h7w9c6_k3x2o9_g3_p3,0,0,0"),  # a row of outputs reads padding alone
    Case.parse("n2_h7w9c6_k3x2o9_g3_p0,0,0,2"),
]


def gradient(problem, arrays):
    return {"conv2d_backprop_input": run("conv2d_backprop_input", problem, arrays)}


@pytest.fixture
def asked(monkeypatch):
    """Let groups of any number and size go so. Return the convolutions that are asked for instead of `fold`."""
    monkeypatch.setattr(Convolution, "is_depthwise", property(lambda convolution: False))
    for name, value in {"THREAD_ELEMENTS": 0, "FEW_GROUPS": 0, "processors": lambda: 1}.items():
        monkeypatch.setattr(windows, name, value)
    asked: list[Convolution] = []
    convolve = operations._convolve

    def watched(convolution, *arguments):
        asked.append(convolution)
        return convolve(convolution, *arguments)

    monkeypatch.setattr(operations, "_convolve", watched)
    return asked


@pytest.fixture
def by_fold(monkeypatch):
    return by_another_path(gradient, "goes_by_reverse", monkeypatch)


@pytest.mark.parametrize(("axis", "kernel", "padding"), ALONG_ONE_AXIS)
def test_along_one_axis(axis, kernel, padding, asked, by_fold):
    for geometry in with_windows(axis, kernel, padding):
        if geometry.options["strides"][axis == "width"] > 1:
            continue
        without_strides = geometry._replace(options={**geometry.options, "strides": (1, 1)})
        for problem in (without_strides, without_strides.depthwise):
            arrays = arrays_of(problem)
            assert_equal(gradient(problem, arrays), by_fold(problem, arrays))
    most = kernel - 1 if isinstance(padding, str) else max(padding)
    assert bool(asked) == (most <= 2 * (kernel - 1))  # the extent with dilation 2, the largest, less 1


@pytest.mark.parametrize("case", CASES, ids=str)
def test_when_all_sizes_differ(case, asked, by_fold):
    found = gradient(case, arrays_of(case))
    assert len(asked) == 1
    assert asked[0].output_shape == case.input_sizes
    assert_equal(found, by_fold(case, arrays_of(case)))


@pytest.mark.parametrize("case", OTHERS, ids=str)
def test_others_are_folded(case, asked, by_fold):
    assert_equal(gradient(case, arrays_of(case)), by_fold(case, arrays_of(case)))
    assert not asked


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float16, np.float32, np.float64], ids=str)
def test_dtypes(dtype, asked, by_fold):
    arrays = small_arrays(GENERAL, dtype, low=0)
    assert_equal(gradient(GENERAL, arrays), by_fold(GENERAL, arrays))
    assert asked


def test_integers_that_float64_does_not_hold(asked, by_fold):
    arrays = Arrays(*(array * 2**19 + 1 for array in arrays_of(GENERAL)))
    found = gradient(GENERAL, arrays)
    assert_equal(found, by_fold(GENERAL, arrays))
    assert asked
    assert any((array.astype(np.float64).astype(np.int64) != array).any() for array in found.values())


def test_large_filters_are_folded(asked, by_fold, monkeypatch):
    """Flipped, they would be one more copy."""
    arrays = small_arrays(GENERAL, np.float64)
    monkeypatch.setattr(windows, "FILTER_BLOCK_BYTES", arrays.filters.nbytes)
    gradient(GENERAL, arrays)
    assert len(asked) == 1
    monkeypatch.setattr(windows, "FILTER_BLOCK_BYTES", arrays.filters.nbytes - 1)
    assert_equal(gradient(GENERAL, arrays), by_fold(GENERAL, arrays))
    assert len(asked) == 1


def test_objects_are_folded(asked, by_fold):
    arrays = small_arrays(GENERAL, object)
    assert_equal(gradient(GENERAL, arrays), by_fold(GENERAL, arrays))
    assert not asked


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_filters_that_are_not_finite_reach_no_padding(case, value, asked, by_fold):
    arrays = small_arrays(case, np.float64)
    arrays.filters[0, 0] = value
    assert_equal(gradient(case, arrays), by_fold(case, arrays))
    assert not asked


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_cotangents_that_are_not_finite_reach_what_reads_them(value, asked, by_fold):
    arrays = small_arrays(GENERAL, np.float64)
    arrays.out_backprop[1, 2, 3, 4] = value
    assert_equal(gradient(GENERAL, arrays), by_fold(GENERAL, arrays))
    assert asked


@pytest.mark.parametrize("case", CASES, ids=str)
def test_reverse_of_the_reverse_is_the_convolution(case):
    assert case.convolution.reverse.reverse == case.convolution


WIDE = [
    Case.parse("n2_h9w8c9_k3x2o8_d1x2_p1,2,0,1"),
    Case.parse("n2_h9w8c9_k3x2o9_FULL"),
    Case.parse("n2_h9w8c18_k2x3o6_g2_SAME"),
]


@pytest.mark.parametrize("case", WIDE, ids=str)
def test_wide_layers(case, asked, by_fold, monkeypatch):
    for name, value in {"FEW_GROUPS": 16, "ROW_ELEMENTS": 0, "FLIP_POSITIONS": 0}.items():
        monkeypatch.setattr(windows, name, value)
    arrays = arrays_of(case)
    found = gradient(case, arrays)
    assert len(asked) == 1
    assert_equal(found, by_fold(case, arrays))


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("n4_h28w28c256_k3x3o256_g32_SAME", True),
        ("n4_h28w28c256_k3x3o256_s2x2_g32_SAME", False),
        ("n4_h28w28c256_k3x3o256_g16_SAME", True),
        ("n1_h28w28c64_k3x3o64_SAME", True),
        ("n1_h28w28c64_k3x3o65_SAME", False),  # more channels to copy than to add
        ("n1_h16w16c64_k3x3o64_SAME", True),
        ("n1_h16w15c64_k3x3o64_SAME", False),  # below FLIP_POSITIONS
        ("n1_h16w15c64_k3x3o64_g2_SAME", True),
        ("n1_h28w28c8_k3x3o8_SAME", False),  # no kernel rows
        ("n4_h28w28c256_k1x1o256", False),
    ],
)
def test_many_narrow_groups_and_wide_layers_without_strides_go_so(spec, expected, monkeypatch):
    flipped: list[np.ndarray] = []

    def watched(filters, groups):
        flipped.append(filters)
        return filters

    monkeypatch.setattr(operations, "_flip", watched)
    case = Case.parse(spec)
    gradient(case, Arrays(np.empty(0), np.zeros(case.filter_sizes), np.zeros(case.output_shape)))
    assert bool(flipped) == expected

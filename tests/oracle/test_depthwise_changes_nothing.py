"""Depthwise convolutions, which go tap by tap, give the same answers as those that go by matrices of windows."""

from __future__ import annotations

import numpy as np
import pytest
from integer_arrays import TAKES, Arrays, arrays_of, assert_equal, run, small_arrays
from small_geometries import ALONG_ONE_AXIS, with_windows

from reference_impl import depthwise, operations
from reference_impl.cases.case import Case
from reference_impl.geometry import Convolution

GENERAL_CASES = tuple(
    map(
        Case.parse,
        (
            "n2_h8w11c3_k3x2o3_s3x2_d2x1_g3_SAME",
            "n3_h9w7c4_k2x3o4_s2x3_d3x1_g4_p1,2,0,3",  # four pads
            "n3_h11w7c2_k4x2o2_s2x3_d1x2_g2",  # leftover rows and columns
            "n2_h4w3c2_k2x3o2_s3x2_d2x1_g2_FULL",
            "n2_h6w9c3_k1x1o3_s4x2_g3",  # pointwise, most of the input unread
            "n3_h2w3c2_k1x2o2_s2x3_g2_p3,4,2,1",  # windows that see padding alone
            "n0_h5w6c3_k3x2o3_g3",
        ),
    )
)


@pytest.fixture
def by_windows(monkeypatch):
    """Return a function that answers a problem by matrices of windows."""

    def answers(problem, arrays: Arrays) -> dict[str, np.ndarray]:
        with monkeypatch.context() as patch:
            patch.setattr(Convolution, "is_depthwise", property(lambda convolution: False))
            return by_taps(problem, arrays)

    return answers


def by_taps(problem, arrays: Arrays) -> dict[str, np.ndarray]:
    return {operation: run(operation, problem, arrays) for operation in TAKES}


@pytest.mark.parametrize(("axis", "kernel", "padding"), ALONG_ONE_AXIS)
def test_along_one_axis(axis, kernel, padding, by_windows):
    for geometry in with_windows(axis, kernel, padding):
        problem = geometry.depthwise
        arrays = arrays_of(problem)
        assert_equal(by_taps(problem, arrays), by_windows(problem, arrays))


@pytest.mark.parametrize("positions", [1, 4, 2**20], ids=lambda positions: f"blocks-of-{positions}")
@pytest.mark.parametrize("case", GENERAL_CASES, ids=str)
def test_when_all_sizes_differ(case, positions, by_windows, monkeypatch):
    arrays = arrays_of(case)
    monkeypatch.setattr(depthwise, "BLOCK_BYTES", 8 * case.groups * positions)
    assert_equal(by_taps(case, arrays), by_windows(case, arrays))


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.float16, np.float32, np.float64, ">f4", object], ids=str)
def test_in_every_dtype(dtype, by_windows):
    case = GENERAL_CASES[0]
    arrays = small_arrays(case, dtype, low=0 if np.dtype(dtype).kind == "u" else -4)
    assert_equal(by_taps(case, arrays), by_windows(case, arrays))


def test_when_booleans(by_windows):
    case = GENERAL_CASES[1]
    arrays = Arrays(*(array % 2 == 0 for array in arrays_of(case)))
    assert_equal(by_taps(case, arrays), by_windows(case, arrays))


def test_weights_in_another_order_are_seen(by_windows, monkeypatch):
    case = GENERAL_CASES[0]
    arrays = arrays_of(case)
    right = depthwise.each_column
    monkeypatch.setattr(operations, "each_column", lambda weights, elements: right(weights[:, ::-1], elements))
    found, expected = by_taps(case, arrays), by_windows(case, arrays)
    assert [operation for operation in TAKES if (found[operation] != expected[operation]).any()] == [
        "conv2d",
        "conv2d_backprop_input",
    ]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("n1_h4w4c3_k3x3o3_g3", True),
        ("n1_h4w4c1_k3x3o1", False),
        ("n1_h4w4c3_k3x3o6_g3", False),
        ("n1_h4w4c4_k3x3o4_g2", False),
    ],
)
def test_a_group_has_one_channel_in_and_one_out(spec, expected):
    assert Case.parse(spec).convolution.is_depthwise == expected

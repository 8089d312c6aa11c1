"""Products that go by kernel rows give the same answers as those of whole windows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from general_cases import GENERAL_CASES
from integer_arrays import TAKES, Arrays, arrays_of, assert_equal, run, small_arrays
from small_geometries import ALONG_ONE_AXIS, with_windows

from reference_impl import windows
from reference_impl.cases.case import Case
from reference_impl.geometry import Axis, Convolution


@pytest.fixture
def answers(monkeypatch):
    """Return a function that answers a problem by kernel rows, or by whole windows."""

    def answer(problem, arrays: Arrays, *, by_rows: bool) -> dict[str, np.ndarray]:
        monkeypatch.setattr(windows, "goes_by_kernel_rows", lambda convolution: by_rows)
        return {operation: run(operation, problem, arrays) for operation in TAKES}

    return answer


@pytest.mark.parametrize(("axis", "kernel", "padding"), ALONG_ONE_AXIS)
def test_along_one_axis(axis, kernel, padding, answers):
    for geometry in with_windows(axis, kernel, padding):
        arrays = arrays_of(geometry)
        assert_equal(answers(geometry, arrays, by_rows=True), answers(geometry, arrays, by_rows=False))


@pytest.mark.parametrize("elements", [1, 100, 2**20], ids=lambda elements: f"blocks-of-{elements}")
@pytest.mark.parametrize("case", GENERAL_CASES, ids=str)
def test_when_all_sizes_differ(case, elements, answers, monkeypatch):
    arrays = arrays_of(case)
    expected = answers(case, arrays, by_rows=False)
    monkeypatch.setattr(windows, "WINDOW_BLOCK_BYTES", 8 * elements)
    monkeypatch.setattr(windows, "WIDE_BLOCK_BYTES", 8 * elements)
    assert_equal(answers(case, arrays, by_rows=True), expected)


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.float16, np.float32, ">f4", object], ids=str)
def test_in_every_dtype(dtype, answers):
    arrays = small_arrays(GENERAL_CASES[2], dtype)
    expected = answers(GENERAL_CASES[2], arrays, by_rows=False)
    assert_equal(answers(GENERAL_CASES[2], arrays, by_rows=True), expected)


def without_strides_and_dilations(convolution: Convolution) -> Axis:
    return Axis(convolution.height.padded_size, convolution.height.kernel_size)


def with_the_other_pad_first(convolution: Convolution) -> Convolution:
    height = convolution.height
    other = Axis(height.input_size, 1, pad_before=height.pad_after, pad_after=height.pad_before)
    return replace(convolution, height=other)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("along_height", without_strides_and_dilations), ("along_width", with_the_other_pad_first)],
    ids=["along_height", "along_width"],
)
def test_wrong_rows_are_seen(name, wrong, answers, monkeypatch):
    case = GENERAL_CASES[0]  # strides, dilation, two pads that differ
    arrays = arrays_of(case)
    expected = answers(case, arrays, by_rows=False)
    monkeypatch.setattr(Convolution, name, property(wrong))
    found = answers(case, arrays, by_rows=True)
    assert all((found[operation] != expected[operation]).any() for operation in TAKES)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("n1_h40w40c8_k3x3o4", True),
        ("n1_h40w40c16_k3x3o4_g2_SAME", True),
        ("n1_h9w9c8_k3x3o4", False),  # few windows
        ("n1_h40w40c7_k3x3o4", False),  # few channels
        ("n4_h56w56c128_k3x3o128_g32_SAME", True),  # few channels in many groups
        ("n4_h56w56c128_k3x3o256_g32_SAME", False),  # and more output channels
        ("n4_h56w56c64_k3x3o64_g16_SAME", False),  # and fewer groups
        ("n1_h40w40c8_k1x3o4", False),  # one kernel row
        ("n1_h40w40c8_k3x3o4_s2x1", False),  # the rows of the padded input would be copied
        ("n1_h40w40c8_k3x3o4_d2x1", False),
    ],
)
def test_rows_are_used_where_they_overlap(spec, expected):
    assert windows.goes_by_kernel_rows(Case.parse(spec).convolution) == expected

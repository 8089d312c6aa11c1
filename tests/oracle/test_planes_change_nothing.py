"""Windows of few channels, which are copied by planes, give the same answers as those copied by channels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from general_cases import GENERAL_CASES
from integer_arrays import TAKES, arrays_of, assert_equal, run
from small_geometries import ALONG_ONE_AXIS, with_windows

from reference_impl import windows
from reference_impl.cases.case import Case
from reference_impl.geometry import Convolution

# One block, and blocks of a few positions.
BLOCK_BYTES = [4 << 20, 8 * 20]


@pytest.fixture
def answers(monkeypatch):
    """Return a function that answers a problem by planes, or by channels."""
    planes = []
    box_of_planes = windows._box_of_planes
    monkeypatch.setattr(windows, "_box_of_planes", lambda *given: (planes.append(box_of_planes(*given)), planes[-1])[1])
    monkeypatch.setattr(windows, "PLANE_ELEMENTS", 0)
    monkeypatch.setattr(windows, "PLANE_GAIN", 0)

    def answer(problem, *, by_planes):
        monkeypatch.setattr(windows, "PLANE_CHANNELS", 2**63 if by_planes else -1)
        planes.clear()
        found = {operation: run(operation, problem, arrays_of(problem)) for operation in TAKES}
        if problem.filter_sizes[:2] != (1, 1):  # without padding, these windows need no copy
            assert all((box is not None) == by_planes for box in planes)
        return found

    return answer


@pytest.mark.parametrize(("axis", "kernel", "padding"), ALONG_ONE_AXIS)
def test_along_one_axis(axis, kernel, padding, answers):
    for geometry in with_windows(axis, kernel, padding):
        assert_equal(answers(geometry, by_planes=True), answers(geometry, by_planes=False))


@pytest.mark.parametrize("size", BLOCK_BYTES, ids=["one block", "many blocks"])
@pytest.mark.parametrize("case", [*GENERAL_CASES, Case.parse("n2_h7w9c6_k3x2o12_s2x3_d2x1_g6_p1,2,0,3")], ids=str)
def test_when_all_sizes_differ(case, size, answers, monkeypatch):
    expected = answers(case, by_planes=False)
    monkeypatch.setattr(windows, "WINDOW_BLOCK_BYTES", size)
    monkeypatch.setattr(windows, "WIDE_BLOCK_BYTES", size)
    assert_equal(answers(case, by_planes=True), expected)


@pytest.mark.parametrize("size", BLOCK_BYTES, ids=["one block", "many blocks"])
@pytest.mark.parametrize("case", [*GENERAL_CASES, Case.parse("n2_h7w9c6_k3x2o12_s2x3_d2x1_g6_p1,2,0,3")], ids=str)
def test_when_windows_also_go_by_kernel_rows(case, size, answers, monkeypatch):
    expected = answers(case, by_planes=False)
    monkeypatch.setattr(windows, "goes_by_kernel_rows", lambda convolution: True)
    monkeypatch.setattr(windows, "WINDOW_BLOCK_BYTES", size)
    monkeypatch.setattr(windows, "WIDE_BLOCK_BYTES", size)
    assert_equal(answers(case, by_planes=True), expected)


def test_planes_are_used_for_few_channels_alone():
    few, many = Case.parse("n1_h40w40c14_k3x3o14_g2_SAME"), Case.parse("n1_h40w40c16_k3x3o16_g2_SAME")
    in_threads, too_many = Case.parse("n1_h40w40c256_k3x3o256_g32_SAME"), Case.parse("n1_h40w40c288_k3x3o288_g32_SAME")
    for case, expected in ((few, True), (many, False), (in_threads, True), (too_many, False)):
        channels = next(windows.channel_blocks(case.convolution))
        block = next(windows.position_blocks(case.convolution, channels))
        assert (windows._box_of_planes(case.convolution, block) is not None) == expected


def without_the_first_pads(convolution: Convolution) -> Convolution:
    height, width = (replace(axis.pad, pad_before=0) for axis in convolution.axes)
    return replace(convolution, height=height, width=width)


def test_padding_that_is_forgotten_is_seen(answers, monkeypatch):
    case = Case.parse("n2_h7w9c6_k3x2o12_s2x3_d2x1_g6_p1,2,0,3")
    expected = answers(case, by_planes=False)
    monkeypatch.setattr(Convolution, "pad", property(without_the_first_pads))
    found = answers(case, by_planes=True)
    assert all((found[operation] != expected[operation]).any() for operation in TAKES)


@pytest.mark.parametrize(
    ("spec", "planes"), [("n1_h40w40c4_k3x3o6_g2_SAME", True), ("n1_h40w40c32_k3x3o6_g2_SAME", False)]
)
def test_sums_lie_in_memory_as_the_windows_do(spec, planes):
    case, dtype = Case.parse(spec), np.dtype(float)
    channels = next(windows.channel_blocks(case.convolution))
    block = next(windows.position_blocks(case.convolution, channels))
    copied = windows.unfold(np.ones(case.input_sizes), case.convolution, block, dtype)
    sums = windows.sums_like(copied, np.empty((2, 40 * 40, 3)), dtype)
    assert sums.strides == ((3 * 1600 * 8, 8, 1600 * 8) if planes else (1600 * 3 * 8, 3 * 8, 8))

"""Windows of few channels, which are copied by planes, give the same answers as those copied by channels."""

from __future__ import annotations

import pytest
from general_cases import GENERAL_CASES
from integer_arrays import TAKES, arrays_of, assert_equal, run
from small_geometries import ALONG_ONE_AXIS, with_windows

from reference_impl import windows
from reference_impl.cases.case import Case

# One block, and blocks of a few positions.
BLOCK_BYTES = [4 << 20, 8 * 20]


@pytest.fixture
def answers(monkeypatch):
    """Return a function that answers a problem by planes, or by channels."""
    planes = []
    reach = windows._reach_of_planes
    monkeypatch.setattr(windows, "_reach_of_planes", lambda *given: (planes.append(reach(*given)), planes[-1])[1])
    monkeypatch.setattr(windows, "PLANE_ELEMENTS", 0)
    monkeypatch.setattr(windows, "PLANE_GAIN", 0)

    def answer(problem, *, by_planes):
        monkeypatch.setattr(windows, "PLANE_CHANNELS", 2**63 if by_planes else -1)
        planes.clear()
        found = {operation: run(operation, problem, arrays_of(problem)) for operation in TAKES}
        if problem.filter_sizes[:2] != (1, 1):  # without padding, these windows need no copy
            assert all((reach is not None) == by_planes for reach in planes)
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
    few, many = Case.parse("n1_h40w40c14_k3x3o14_g2_SAME"), Case.parse("n1_h40w40c32_k3x3o32_g2_SAME")
    for case, expected in ((few, True), (many, False)):
        channels = next(windows.channel_blocks(case.convolution))
        block = next(windows.position_blocks(case.convolution, channels))
        assert (windows._reach_of_planes(case.convolution, block) is not None) == expected

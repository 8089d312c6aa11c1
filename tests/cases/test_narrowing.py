"""Cases are drawn that a narrow backend supports, also where blind draws find none."""

from __future__ import annotations

import pytest

from reference_impl.cases.case import Case
from reference_impl.cases.narrowing import TRIED, draw_supported


def same_square(case: Case) -> bool:
    """Square and depthwise, stride 1, no dilation, an odd kernel, SAME: about one blind draw in 10,000."""
    return (
        case.height == case.width
        and case.kernel_size[0] == case.kernel_size[1]
        and case.kernel_size[0] % 2 == 1
        and case.strides == case.dilations == (1, 1)
        and case.groups == case.input_channels == case.output_channels
        and case.padding == "SAME"
    )


def padded_by_half(case: Case) -> bool:
    half = case.kernel_size[0] // 2
    return case.padding == ((half, half), (half, half))


CONDITIONS = {
    "all": lambda case: True,
    "same square": same_square,
    "padded by half": padded_by_half,
    "vectors of 16": lambda case: case.input_channels % 16 == case.output_channels % 16 == 0 < case.input_channels,
    "three channels": lambda case: case.input_channels == 3 and case.groups == 1,
    "8x8": lambda case: (case.height, case.width) == (8, 8),
}


def kept(condition):
    return lambda cases: [case for case in cases if condition(case)]


@pytest.mark.parametrize("condition", CONDITIONS.values(), ids=CONDITIONS)
@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_draws_distinct_supported_cases_that_differ(condition, dtype):
    drawn = draw_supported(kept(condition), 20, 0, dtype)
    assert len(set(drawn)) == 20
    assert all(condition(case) and case.dtype == dtype for case in drawn)
    assert drawn == draw_supported(kept(condition), 20, 0, dtype)
    assert len({case.batch for case in drawn}) > 1
    assert len({case.kernel_size for case in drawn}) > 1


def test_modes_come_in_turn():
    drawn = draw_supported(kept(CONDITIONS["all"]), 10, 0, "float32")
    assert len({case.padding_mode for case in drawn[:5]}) == 5


def test_draws_none_where_nothing_is_supported():
    asked = []
    assert draw_supported(lambda cases: asked.extend(cases) or [], 20, 0, "float32") == []
    assert len(asked) == TRIED

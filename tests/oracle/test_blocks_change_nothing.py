"""The blocks into which the work is cut change no answer, and cover every output once."""

from __future__ import annotations

import numpy as np
import pytest
from general_cases import GENERAL_CASES
from integer_arrays import TAKES, Arrays, arrays_of, run

from reference_impl import windows
from reference_impl.cases.case import Case

# Elements of a block of filters and of windows: from one position at a time to one image of the general cases.
BLOCKS = [(1, 1), (1, 100), (100, 1), (100, 300), (300, 1000), (1000, 3000)]


def blocks_of(case: Case) -> int:
    """Count the blocks of a case."""
    return sum(
        1
        for channels in windows.channel_blocks(case.convolution)
        for _ in windows.position_blocks(case.convolution, channels)
    )


# In float64 products go straight to where they belong. Integers are added in float64 first.
@pytest.mark.parametrize("dtype", ["int64", "float64"])
@pytest.mark.parametrize("operation", TAKES)
@pytest.mark.parametrize("blocks", BLOCKS, ids=lambda blocks: "filters-{}-windows-{}".format(*blocks))
@pytest.mark.parametrize("case", GENERAL_CASES, ids=str)
def test_operations_do_not_depend_on_the_blocks(case, blocks, operation, dtype, monkeypatch):
    arrays = arrays_of(case)
    whole = run(operation, case, arrays).astype(dtype)
    assert blocks_of(case) == 1
    monkeypatch.setattr(windows, "FILTER_BLOCK_BYTES", 8 * blocks[0])
    monkeypatch.setattr(windows, "WINDOW_BLOCK_BYTES", 8 * blocks[1])
    monkeypatch.setattr(windows, "WIDE_BLOCK_BYTES", 8 * blocks[1])
    given = Arrays(*(array.astype(dtype) for array in arrays))
    np.testing.assert_array_equal(run(operation, case, given), whole, strict=True)


@pytest.mark.parametrize("blocks", [(1, 1), (20, 20)], ids=lambda blocks: "filters-{}-windows-{}".format(*blocks))
@pytest.mark.parametrize("case", GENERAL_CASES, ids=str)
def test_blocks_cover_every_output_once(case, blocks, monkeypatch):
    monkeypatch.setattr(windows, "FILTER_BLOCK_BYTES", 8 * blocks[0])
    monkeypatch.setattr(windows, "WINDOW_BLOCK_BYTES", 8 * blocks[1])
    monkeypatch.setattr(windows, "WIDE_BLOCK_BYTES", 8 * blocks[1])
    assert blocks_of(case) > 1
    convolution, (batch, height, width, channels) = case.convolution, case.output_shape
    seen = np.zeros((case.groups, batch, height, width, channels // case.groups), int)
    for block_channels in windows.channel_blocks(convolution):
        for block in windows.position_blocks(convolution, block_channels):
            seen[np.ix_(*block, block_channels[1])] += 1
    assert (seen == 1).all()

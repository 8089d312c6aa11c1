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


@pytest.mark.parametrize(
    ("spec", "images", "rows"),
    [
        ("n1_h32w32c512_k3x3o512_SAME", 1, 32),
        ("n4_h16w16c512_k3x3o512_SAME", 4, 16),
        ("n4_h16w16c1024_k3x3o1024_SAME", 2, 16),  # by kernel rows, 4 images are 27 MiB
        ("n4_h28w28c512_k3x3o512_s2x2_SAME", 2, 14),  # whole windows: 4 images are 28 MiB
        ("n1_h256w256c64_k3x3o64_SAME", 1, 4),
        ("n1_h9w1024c512_k3x3o512_SAME", 1, 1),  # two rows are read beside each
        ("n1_h64w64c8_k1x1o4096", 1, 4),  # the products are larger than the windows
        ("n4_h14w14c64_k3x3o64_SAME", 4, 14),  # all fits
        ("n1_h20w30c8_k3x3o2000_SAME", 1, 20),  # all fits, but 1,024 would not
    ],
)
def test_wide_windows_have_larger_blocks(spec, images, rows):
    """FEW_WINDOWS or all of them, or half as many and so on, within WIDE_BLOCK_BYTES."""
    convolution = Case.parse(spec).convolution
    first = next(windows.position_blocks(convolution, next(windows.channel_blocks(convolution))))
    assert tuple(map(len, first[1:3])) == (images, rows)
    if rows > 1:
        assert 8 * np.prod(windows._windows_shape(*windows._to_copy(convolution, first))) <= windows.WIDE_BLOCK_BYTES

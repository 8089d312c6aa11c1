"""1x1 kernels without strides take one product of whole arrays. They give the same answers as by blocks."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from general_cases import GENERAL_CASES
from integer_arrays import TAKES, Arrays, arrays_of, assert_equal, by_another_path, run, small_arrays

from reference_impl import windows
from reference_impl.cases.case import Case

SIZES = [
    Case.parse(f"n{batch}_h{height}w3c{inputs}_k1x1o{outputs}")
    for batch, height, inputs, outputs in itertools.product((0, 1, 2), (1, 2), (0, 1, 4), (0, 1, 5))
]
GENERAL = Case.parse("n2_h3w4c5_k1x1o6_SAME")
OTHERS = [
    *GENERAL_CASES,
    Case.parse("n2_h3w4c5_k1x1o6_s2x1"),
    Case.parse("n2_h3w4c6_k1x1o6_g2"),
    Case.parse("n2_h3w4c5_k1x1o6_p0,1,0,0"),
    Case.parse("n2_h3w4c5_k1x1o6_s2x2_p1,1,2,1"),  # as many windows as pixels, but not these
    Case.parse("n2_h3w4c5_k2x1o6_SAME"),
]


def answers(case, arrays):
    return {operation: run(operation, case, arrays) for operation in TAKES}


@pytest.fixture
def by_blocks(monkeypatch):
    return by_another_path(answers, "is_one_product", monkeypatch)


@pytest.mark.parametrize("case", [*SIZES, GENERAL, Case.parse("n2_h1w1c5_k1x1o6_s2x3")], ids=str)
def test_integers(case, by_blocks):
    assert windows.is_one_product(case.convolution)
    assert_equal(answers(case, arrays_of(case)), by_blocks(case, arrays_of(case)))


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.float32, np.float64, object])
def test_dtypes(dtype, by_blocks):
    arrays = small_arrays(GENERAL, dtype, low=0)
    assert_equal(answers(GENERAL, arrays), by_blocks(GENERAL, arrays))


def test_integers_that_float64_does_not_hold(by_blocks):
    arrays = Arrays(*(array * 2**20 + 1 for array in arrays_of(GENERAL)))
    found = answers(GENERAL, arrays)
    assert_equal(found, by_blocks(GENERAL, arrays))
    assert any((array.astype(np.float64).astype(np.int64) != array).any() for array in found.values())


@pytest.mark.parametrize("case", OTHERS, ids=str)
def test_what_goes_by_blocks(case):
    assert not windows.is_one_product(case.convolution)


@pytest.mark.parametrize(
    "spec", ["n1_h20w20c8_k1x1o4", "n1_h20w20c4_k1x1o8", "n1_h4w4c64_k1x1o64", "n1_h1w1c32_k1x1o32"]
)
def test_it_is_one_block(spec, monkeypatch):
    case = Case.parse(spec)
    for name in ("WINDOW_BLOCK_BYTES", "FILTER_BLOCK_BYTES"):
        with monkeypatch.context() as patch:
            patch.setattr(windows, name, 1 << 14)
            blocks = [
                block
                for channels in windows.channel_blocks(case.convolution)
                for block in windows.position_blocks(case.convolution, channels)
            ]
            assert not windows.is_one_product(case.convolution) or len(blocks) == 1

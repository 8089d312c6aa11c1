"""Worked example C: im2col by hand. The tests of the definition and of the matrix use the same numbers."""

from __future__ import annotations

import im2col_by_hand
import numpy as np
import pytest
from worked_pages import run_page


@pytest.fixture(scope="module")
def page():
    return run_page("im2col")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("image", im2col_by_hand.IMAGE),
        ("kernel", im2col_by_hand.KERNEL),
        ("output", im2col_by_hand.OUTPUT),
        ("true_convolution", im2col_by_hand.TRUE_CONVOLUTION),
        ("by_kernel", im2col_by_hand.BY_KERNEL),
        ("transposed", im2col_by_hand.TRANSPOSED),
        ("transposed_by_kernel", im2col_by_hand.TRANSPOSED_BY_KERNEL),
        ("transposed_by_kernel_same", im2col_by_hand.TRANSPOSED_BY_KERNEL_SAME),
    ],
)
def test_page_computes_the_numbers(page, name, expected):
    assert page[name].tolist() == expected


def test_addends_of_the_second_15(page):
    addends = [3, 2, 1, 0, 1, 3, 1, 2, 2]
    assert page["windows"][1].tolist() == addends
    assert sum(addends) == 15


def test_convolution_is_both_matrix_products(page):
    output = np.ravel(im2col_by_hand.OUTPUT).tolist()
    assert page["windows"].shape == (9, 9)
    assert (np.ravel(im2col_by_hand.KERNEL) @ page["windows"]).tolist() == output
    assert (page["matrix"] @ np.ravel(im2col_by_hand.IMAGE)).tolist() == output
    assert (page["matrix"].T @ output).tolist() == np.ravel(im2col_by_hand.TRANSPOSED).tolist()

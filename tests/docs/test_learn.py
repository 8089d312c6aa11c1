"""The pages in docs/learn: their code runs, and their formulas give the oracle's numbers."""

from __future__ import annotations

import numpy as np
import pytest
from general_cases import GENERAL_CASES
from integer_arrays import arrays_of
from worked_pages import run_page

from examples.worked.four_functions import (
    filter_gradient_in_general,
    input_gradient_in_general,
    pad_to_full,
    rot180,
)
from reference_impl import conv2d_backprop_filter, conv2d_backprop_input

WITHOUT_GROUPS = [case for case in GENERAL_CASES if case.groups == 1]


@pytest.mark.parametrize("page", ["rotation-and-zeros"])
def test_page_runs(page):
    run_page(page, "learn")


@pytest.mark.parametrize("case", WITHOUT_GROUPS, ids=str)
def test_general_formulas_are_the_oracles(case):
    options = {name: value for name, value in case.options.items() if name != "groups"}
    input, filters, errors = arrays_of(case)
    by_input = input_gradient_in_general(case.input_sizes, filters, errors, **options)
    by_filter = filter_gradient_in_general(input, case.filter_sizes, errors, **options)
    np.testing.assert_array_equal(by_input, conv2d_backprop_input(case.input_sizes, filters, errors, **options))
    np.testing.assert_array_equal(by_filter, conv2d_backprop_filter(input, case.filter_sizes, errors, **options))


def test_rotation_is_not_the_transpose():
    kernel = np.array([[1, 2], [3, 4]])
    assert rot180(kernel).tolist() == [[4, 3], [2, 1]] != kernel.T.tolist()


def test_threads_own_padding_is_the_special_case_of_stride_1():
    errors = np.arange(1, 10).reshape(1, 3, 3, 1)
    field = pad_to_full(errors, (1, 6, 5, 1), (4, 3, 1, 1))
    np.testing.assert_array_equal(field, np.pad(errors, ((0, 0), (3, 3), (2, 2), (0, 0))))

"""`conv2d_matrix` is conv2d as a matrix that a reader can look at. Its transpose is conv2d_transpose."""

from __future__ import annotations

import numpy as np
import pytest
from general_cases import GENERAL_CASES
from im2col_by_hand import IMAGE, KERNEL, OUTPUT, TRANSPOSED
from integer_arrays import arrays_of

from reference_impl import conv2d, conv2d_matrix, conv2d_transpose
from reference_impl.cases.case import Case

PICTURE = np.array(IMAGE)
FILTERS = np.array(KERNEL).reshape(3, 3, 1, 1)


def transposed_matrix(case: Case, filters: np.ndarray) -> np.ndarray:
    """Build the matrix of conv2d_transpose column by column, from its answers to unit arrays."""
    output_shape = 1, *case.output_shape[1:]
    columns = []
    for position in range(int(np.prod(output_shape))):
        unit = np.zeros(output_shape, np.int64)
        unit.flat[position] = 1
        columns.append(conv2d_transpose(unit, filters, (1, *case.input_sizes[1:]), **case.options).ravel())
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("case", GENERAL_CASES, ids=str)
def test_matrix_times_an_image_is_conv2d(case):
    arrays = arrays_of(case)
    matrix = conv2d_matrix(case.input_sizes[1:], arrays.filters, **case.options)
    actual = arrays.input.reshape(case.batch, -1) @ matrix.T
    expected = conv2d(arrays.input, arrays.filters, **case.options)
    np.testing.assert_array_equal(actual, expected.reshape(case.batch, -1), strict=True)


@pytest.mark.parametrize("case", GENERAL_CASES, ids=str)
def test_matrix_transposed_is_conv2d_transpose(case):
    filters = arrays_of(case).filters
    matrix = conv2d_matrix(case.input_sizes[1:], filters, **case.options)
    np.testing.assert_array_equal(matrix.T, transposed_matrix(case, filters), strict=True)


def test_matrix_gives_the_printed_numbers():
    matrix = conv2d_matrix((5, 5, 1), FILTERS)
    assert (matrix @ PICTURE.ravel()).reshape(3, 3).tolist() == OUTPUT
    assert (matrix.T @ np.ravel(OUTPUT)).reshape(5, 5).tolist() == TRANSPOSED


def test_matrix_of_the_printed_filter_has_its_taps_where_the_window_lies():
    # The middle row is the window around the middle of the image.
    middle = conv2d_matrix((5, 5, 1), FILTERS)[4].reshape(5, 5)
    assert middle.tolist() == [
        [0, 0, 0, 0, 0],
        [0, 0, 1, 2, 0],
        [0, 2, 2, 0, 0],
        [0, 0, 1, 2, 0],
        [0, 0, 0, 0, 0],
    ]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [[1, 10, 0, 0], [0, 1, 10, 0], [0, 0, 1, 10]]),
        ({"padding": "SAME"}, [[1, 10, 0, 0], [0, 1, 10, 0], [0, 0, 1, 10], [0, 0, 0, 1]]),
        ({"padding": "SAME_LOWER"}, [[10, 0, 0, 0], [1, 10, 0, 0], [0, 1, 10, 0], [0, 0, 1, 10]]),
        ({"strides": 2}, [[1, 10, 0, 0], [0, 0, 1, 10]]),
        ({"dilations": 2}, [[1, 0, 10, 0], [0, 1, 0, 10]]),
        ({"padding": ((0, 0), (2, 0)), "strides": (1, 3)}, [[0, 0, 0, 0], [0, 1, 10, 0]]),
    ],
    ids=["VALID", "SAME", "SAME_LOWER", "stride-2", "dilation-2", "left-2-stride-3"],
)
def test_matrix_of_one_row_is_banded(options, expected):
    filters = np.array([1, 10]).reshape(1, 2, 1, 1)
    assert conv2d_matrix((1, 4, 1), filters, **options).tolist() == expected


def test_matrix_with_groups_is_block_diagonal():
    filters = np.array([[1, 2, 3, 4], [5, 6, 7, 8]]).reshape(1, 1, 2, 4)
    assert conv2d_matrix((1, 1, 4), filters, groups=2).tolist() == [
        [1, 5, 0, 0],
        [2, 6, 0, 0],
        [0, 0, 3, 7],
        [0, 0, 4, 8],
    ]


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [(np.int8, np.int64), (np.float32, np.float64), (object, object)],
    ids=["int8", "float32", "object"],
)
def test_matrix_has_the_dtype_of_conv2d(dtype, expected):
    assert conv2d_matrix((5, 5, 1), FILTERS.astype(dtype)).dtype == expected


@pytest.mark.parametrize(
    ("input_sizes", "filter_sizes", "expected"),
    [((3, 4, 0), (2, 3, 0, 5), (20, 0)), ((3, 4, 2), (2, 3, 2, 0), (0, 24))],
    ids=["no-input-channels", "no-output-channels"],
)
def test_matrix_of_an_empty_sum_has_the_right_shape(input_sizes, filter_sizes, expected):
    assert conv2d_matrix(input_sizes, np.zeros(filter_sizes)).shape == expected


@pytest.mark.parametrize("input_sizes", [(1, 5, 5, 1), (5, 5), 5], ids=str)
def test_matrix_takes_the_sizes_of_one_image(input_sizes):
    with pytest.raises(ValueError, match=r"input_sizes must be 3 integers \(H, W, I\), not"):
        conv2d_matrix(input_sizes, FILTERS)

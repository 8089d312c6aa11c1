"""Search for sums that `exact` does not round once: two million, near the borders and ties of each format.

`tox run -e rounding-search`. Not part of the default run, as it takes minutes; that has the first few of them.
"""

from __future__ import annotations

import pytest
from exact_arithmetic import EVERY_DTYPE, assert_same_bits, exact_sums, expected_of_sums, sums_near

from reference_impl.operations import OPERATIONS

# Each seed draws 100 sums.
SEEDS = range(5000)


@EVERY_DTYPE
@pytest.mark.parametrize("operation", OPERATIONS)
def test_search_finds_no_sum_that_is_not_rounded_once(operation, dtype):
    for seed in SEEDS[OPERATIONS.index(operation) :: len(OPERATIONS)]:
        integers, exponents = sums_near(dtype, seed)
        actual = exact_sums(integers, exponents, dtype, operation)
        assert_same_bits(actual, expected_of_sums(integers, exponents, dtype))

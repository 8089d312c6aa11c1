"""Step 2 of the proof: the operations equal the definition, on every small geometry of one axis and general cases."""

from __future__ import annotations

import numpy as np
import pytest
from general_cases import GENERAL_CASES
from hypothesis import given, settings
from integer_arrays import arrays_of, by_definition, run
from small_geometries import ALONG_ONE_AXIS, TOO_SMALL_ALONG_ONE_AXIS, Geometry, with_windows, without_windows

from reference_impl.cases.strategies import cases, seeds
from reference_impl.operations import OPERATIONS


def refusal(operation: str, geometry: Geometry) -> str:
    """The oracle's error message; empty if it answers."""
    try:
        run(operation, geometry, arrays_of(geometry))
    except ValueError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(("axis", "kernel", "padding"), ALONG_ONE_AXIS)
def test_operations_equal_the_definition_along_one_axis(axis, kernel, padding):
    wrong = [
        (operation, geometry)
        for geometry in with_windows(axis, kernel, padding)
        for arrays in [arrays_of(geometry)]
        for operation in OPERATIONS
        if run(operation, geometry, arrays).tolist() != by_definition(operation, geometry, arrays)
    ]
    assert not wrong


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(("axis", "kernel", "padding"), TOO_SMALL_ALONG_ONE_AXIS)
def test_operations_refuse_the_kernel_when_the_definition_has_no_window(operation, axis, kernel, padding):
    # The test above shows that they refuse no other geometry: a refusal there is an error.
    accepted = [
        geometry
        for geometry in without_windows(axis, kernel, padding)
        if not refusal(operation, geometry).startswith(f"kernel must fit in the padded input along {axis}: ")
    ]
    assert not accepted


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("case", GENERAL_CASES, ids=str)
def test_operations_equal_the_definition_when_all_sizes_differ(case, operation):
    arrays = arrays_of(case)
    actual = run(operation, case, arrays)
    assert actual.dtype == np.int64
    assert actual.tolist() == by_definition(operation, case, arrays)


@pytest.mark.parametrize("operation", OPERATIONS)
@settings(max_examples=4 * settings().max_examples)
@given(case=cases(max_products=3000, max_groups=5), seed=seeds())
def test_operations_equal_the_definition_when_drawn(operation, case, seed):
    arrays = arrays_of(case, seed)
    assert run(operation, case, arrays).tolist() == by_definition(operation, case, arrays)

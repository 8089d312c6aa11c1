"""The four operations equal the textbook sum: over every small geometry of one axis, and on general cases."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pytest
from general_cases import GENERAL_CASES
from hypothesis import given, settings
from integer_arrays import Arrays, arrays_of, by_definition, distinct_integers

import reference_impl
from reference_impl import definition
from reference_impl.cases.case import Case
from reference_impl.cases.strategies import cases, seeds
from reference_impl.operations import OPERATIONS

SIZES, KERNELS, STRIDES, DILATIONS = range(1, 7), range(1, 5), range(1, 4), range(1, 3)
PADDINGS = ("VALID", "SAME", "SAME_LOWER", "FULL", *itertools.product(range(3), repeat=2))

# The axis that stays: input 3, kernel 2, stride 2, dilation 1, a zero before.
OTHER_SIZE, OTHER_KERNEL, OTHER_STRIDE, OTHER_PADS = 3, 2, 2, (1, 0)
CHANNELS, OUTPUT_CHANNELS = 2, 3


class Geometry(NamedTuple):
    """A geometry that need not be one."""

    input_sizes: tuple[int, int, int, int]
    filter_sizes: tuple[int, int, int, int]
    options: dict

    @property
    def output_shape(self) -> tuple[int, int, int, int]:
        return definition.output_shape(self.input_sizes, self.filter_sizes, **self.options)

    @property
    def arrays(self) -> Arrays:
        return Arrays(*map(distinct_integers, (self.input_sizes, self.filter_sizes, self.output_shape)))


def geometries(axis: str, kernel: int, padding) -> Iterator[Geometry]:
    """Every size, stride and dilation along `axis`."""
    order = slice(None, None, 1 if axis == "height" else -1)
    for size, stride, dilation in itertools.product(SIZES, STRIDES, DILATIONS):
        yield Geometry(
            (1, *(size, OTHER_SIZE)[order], CHANNELS),
            (*(kernel, OTHER_KERNEL)[order], CHANNELS, OUTPUT_CHANNELS),
            {
                "strides": (stride, OTHER_STRIDE)[order],
                "padding": padding if isinstance(padding, str) else (padding, OTHER_PADS)[order],
                "dilations": (dilation, 1)[order],
                "groups": 1,
            },
        )


def by_oracle(operation: str, geometry: Geometry | Case, arrays: Arrays) -> np.ndarray:
    given = {
        "conv2d": (arrays.input, arrays.filters),
        "conv2d_backprop_input": (geometry.input_sizes, arrays.filters, arrays.out_backprop),
        "conv2d_backprop_filter": (arrays.input, geometry.filter_sizes, arrays.out_backprop),
        "conv2d_transpose": (arrays.out_backprop, arrays.filters, geometry.input_sizes),
    }
    return getattr(reference_impl, operation)(*given[operation], **geometry.options)


def refusal(operation: str, geometry: Geometry) -> str:
    """The oracle's words, or none if it answers."""
    try:
        by_oracle(operation, geometry, geometry.arrays)
    except ValueError as error:
        return str(error)
    return ""


def one_axis_geometries(*, refused: bool) -> list:
    """(axis, kernel, padding), all of them, or those of which some size has no window."""
    return [
        pytest.param(axis, kernel, padding, id=f"{axis}-k{kernel}-{_spelled(padding)}")
        for axis, kernel, padding in itertools.product(("height", "width"), KERNELS, PADDINGS)
        if not refused or any(not all(geometry.output_shape) for geometry in geometries(axis, kernel, padding))
    ]


def _spelled(padding: str | tuple[int, int]) -> str:
    return padding if isinstance(padding, str) else f"p{padding[0]},{padding[1]}"


@pytest.mark.parametrize(("axis", "kernel", "padding"), one_axis_geometries(refused=False))
def test_operations_equal_the_definition_along_one_axis(axis, kernel, padding):
    wrong = [
        (operation, geometry)
        for geometry in geometries(axis, kernel, padding)
        if all(geometry.output_shape)
        for arrays in [geometry.arrays]
        for operation in OPERATIONS
        if by_oracle(operation, geometry, arrays).tolist() != by_definition(operation, geometry, arrays)
    ]
    assert not wrong


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(("axis", "kernel", "padding"), one_axis_geometries(refused=True))
def test_operations_refuse_the_kernel_when_the_definition_has_no_window(operation, axis, kernel, padding):
    # That they refuse no other is shown above: a refusal there is an error.
    accepted = [
        geometry
        for geometry in geometries(axis, kernel, padding)
        if not all(geometry.output_shape)
        and not refusal(operation, geometry).startswith(f"kernel must fit in the padded input along {axis}: ")
    ]
    assert not accepted


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("case", GENERAL_CASES, ids=str)
def test_operations_equal_the_definition_when_all_sizes_differ(case, operation):
    arrays = arrays_of(case)
    actual = by_oracle(operation, case, arrays)
    assert actual.dtype == np.int64
    assert actual.tolist() == by_definition(operation, case, arrays)


@pytest.mark.parametrize("operation", OPERATIONS)
@settings(max_examples=4 * settings().max_examples)
@given(case=cases(max_products=3000, max_groups=5), seed=seeds())
def test_operations_equal_the_definition_when_drawn(operation, case, seed):
    arrays = arrays_of(case, seed)
    assert by_oracle(operation, case, arrays).tolist() == by_definition(operation, case, arrays)

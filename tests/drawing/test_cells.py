"""The cells that feed each other, held to the definition. Each product has a bit of its own, so none hides in a sum."""

from __future__ import annotations

import contextlib
from itertools import product

import pytest
from general_cases import GENERAL_CASES

from reference_impl import definition
from reference_impl.cases.case import Case
from reference_impl.drawing import cells
from reference_impl.drawing.cells import PLANES, Read
from reference_impl.geometry import Convolution
from reference_impl.operations import OPERATIONS

PADDINGS = ("VALID", "SAME", "SAME_LOWER", "FULL", (0, 2), (2, 1))


def case_of(spec):
    return Case.parse(spec).convolution


def plain(convolution):
    """Return the same convolution with one image and one channel."""
    return Convolution(1, convolution.height, convolution.width, 1, 1)


def along_height():
    """Yield every geometry of a small scope."""
    for padding, size, kernel, stride, dilation in product(PADDINGS, range(1, 6), (1, 2, 3), (1, 2, 3), (1, 2)):
        pads = padding if isinstance(padding, str) else (padding, (0, 0))
        with contextlib.suppress(ValueError):  # the kernel does not fit
            yield Convolution.checked((1, size, 1, 1), (kernel, 1, 1, 1), (stride, 1), pads, (dilation, 1), 1)


def turned(convolution):
    return Convolution(1, convolution.width, convolution.height, 1, 1)


def powers(convolution, plane, step):
    """Return, for each position, 2 to the power of `step` times its place."""
    rows, columns = cells.size(convolution, plane)
    values = [[2 ** (step * (row * columns + column)) for column in range(columns)] for row in range(rows)]
    shaped = [[[[value]] for value in row] for row in values]
    return shaped if plane == "tap" else [[[value for (value,) in row] for row in shaped]]


def at(array, plane, position):
    row, column = position
    return array[row][column][0][0] if plane == "tap" else array[0][row][column][0]


def by_definition(convolution, operation):
    """Return a result whose elements have a bit set for each product, and the arrays that make it so."""
    left, right, _ = PLANES[operation]
    arrays = {right: powers(convolution, right, 1)}
    arrays[left] = powers(convolution, left, len(cells.positions(convolution, right)))
    order = ("tap", "output") if operation == "conv2d_backprop_input" else (left, right)
    strides, dilations = (
        (getattr(convolution.height, of), getattr(convolution.width, of)) for of in ("stride", "dilation")
    )
    options = convolution.input_sizes, convolution.filter_sizes, strides, convolution.padding, dilations, 1
    return getattr(definition, operation)(*(arrays[plane] for plane in order), *options), arrays


def disagrees(convolution, operation):
    """True if any sum has other products in the image than the definition says, or one outside the padding."""
    *read, summed = PLANES[operation]
    result, arrays = by_definition(convolution, operation)
    inside, outside = set(cells.positions(convolution, "input")), cells.padding(convolution)

    def bits(position):
        products = cells.summed(convolution, operation, position)
        if not {one.input for one in products} <= inside | outside:
            return None
        within = [one for one in products if one.input in inside]
        values = [[at(arrays[plane], plane, getattr(one, plane)) for plane in read] for one in within]
        return sum(left * right for left, right in values)

    return any(bits(place) != at(result, summed, place) for place in cells.positions(convolution, summed))


@pytest.mark.parametrize("turn", [plain, turned], ids=["height", "width"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_sums_are_those_of_the_definition_along_one_axis(operation, turn):
    assert [convolution for convolution in map(turn, along_height()) if disagrees(convolution, operation)] == []


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("case", GENERAL_CASES, ids=str)
def test_sums_are_those_of_the_definition_along_both_axes(case, operation):
    assert not disagrees(plain(case.convolution), operation)


WRONG = {
    "no-dilation": lambda axis, output, tap: output * axis.stride + tap - axis.pad_before,
    "no-stride": lambda axis, output, tap: output + tap * axis.dilation - axis.pad_before,
    "no-padding": lambda axis, output, tap: output * axis.stride + tap * axis.dilation,
    "padding-after": lambda axis, output, tap: output * axis.stride + tap * axis.dilation - axis.pad_after,
    "flipped": lambda axis, output, tap: (
        output * axis.stride + (axis.kernel_size - 1 - tap) * axis.dilation - axis.pad_before
    ),
    "dilation-for-stride": lambda axis, output, tap: output * axis.dilation + tap * axis.stride - axis.pad_before,
}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("wrong", WRONG)
def test_sums_that_are_wrong_are_seen(monkeypatch, wrong, operation):
    def reads(axis):
        places = product(range(axis.output_size), range(axis.kernel_size))
        return [Read(WRONG[wrong](axis, output, tap), tap, output) for output, tap in places]

    monkeypatch.setattr(cells, "_reads", reads)
    assert disagrees(case_of("n1_h8w11c1_k3x2o1_s3x2_d2x3_SAME"), operation)


@pytest.mark.parametrize("case", GENERAL_CASES, ids=str)
def test_sums_have_every_tap_and_every_output_with_padding(case):
    convolution = case.convolution
    drawn = set(cells.positions(convolution, "input")) | cells.padding(convolution)
    for operation, plane in (("conv2d", "tap"), ("conv2d_backprop_filter", "output")):
        products = cells.summed(convolution, operation, (0, 0))
        assert [getattr(one, plane) for one in products] == cells.positions(convolution, plane)
        assert {one.input for one in products} <= drawn


@pytest.mark.parametrize("case", GENERAL_CASES, ids=str)
def test_unread_positions_are_those_whose_sum_is_empty(case):
    convolution = plain(case.convolution)
    gradient, _ = by_definition(convolution, "conv2d_backprop_input")
    empty = {place for place in cells.positions(convolution, "input") if at(gradient, "input", place) == 0}
    assert cells.unread(convolution) == empty


@pytest.mark.parametrize(
    ("spec", "operation", "position"),
    [
        pytest.param("n1_h5w5c1_k3x3o1", "conv2d", (1, 1), id="the-middle"),
        pytest.param("n1_h5w5c1_k3x3o1_SAME", "conv2d", (0, 2), id="padding-in-view"),
        pytest.param("n1_h2w3c1_k1x2o1_s2x3_p3,4,2,1", "conv2d", (2, 1), id="no-window-of-padding-alone"),
        pytest.param("n1_h7w7c1_k2x2o1_s3", "conv2d_backprop_input", (3, 3), id="one-that-is-read"),
        pytest.param("n1_h5w5c1_k3x3o1", "conv2d_transpose", (2, 2), id="most-products"),
        pytest.param("n1_h5w5c1_k3x3o1_SAME", "conv2d_backprop_filter", (0, 1), id="tap-that-meets-padding"),
    ],
)
def test_telling_position_is(spec, operation, position):
    assert cells.telling(case_of(spec), operation) == position


def test_padding_surrounds_the_image():
    convolution = case_of("n1_h2w1c1_k1x1o1_p1,0,0,2")
    assert cells.padding(convolution) == {(-1, 0), (-1, 1), (-1, 2), (0, 1), (0, 2), (1, 1), (1, 2)}

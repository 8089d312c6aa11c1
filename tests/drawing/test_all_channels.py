"""Pictures of all channels and of matrices: what they pair adds up to the oracle's numbers."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from general_cases import GENERAL_CASES, SMALL_CASES
from integer_arrays import distinct_integers

from reference_impl import drawing, operations
from reference_impl.cases.case import Case
from reference_impl.drawing import as_matrices, cells
from reference_impl.drawing.as_convolution import convolution_of
from reference_impl.drawing.as_matrices import picture_of_matrices
from reference_impl.drawing.convolution_view import ConvolutionView
from reference_impl.drawing.marks import Mark
from reference_impl.drawing.picture import picture
from reference_impl.drawing.view import View
from reference_impl.operations import OPERATIONS
from reference_impl.verdicts.call import Call, array_shapes

# Few enough products for letters, and groups.
LETTERED = "n1_h5w4c4_k2x3o6_s2x1_g2_SAME"


def call_of(case, operation):
    shapes = array_shapes(case, operation)
    return Call(operation, case, {name: distinct_integers(shape, 3 + len(name)) for name, shape in shapes.items()})


def element(view, call):
    return call.run(operations)[view.element]


def paired(picture):
    """Return the sum of the products of all cells with the same letter."""
    texts: dict[str, list[int]] = {}
    for grid in picture.grids:
        for place, letter in grid.letters.items():
            texts.setdefault(letter, []).append(int(grid.texts[place]))
    assert {len(pair) for pair in texts.values()} == {2}
    return sum(left * right for left, right in texts.values())


@pytest.mark.parametrize(
    ("operation", "as_convolution"), [*product(OPERATIONS, [False]), *product(OPERATIONS[1:], [True])]
)
def test_letters_of_all_channels_add_up_to_the_element(operation, as_convolution):
    case = Case.parse(LETTERED)
    call = call_of(case, operation)
    view = View.chosen(case, operation, input_channel=3, output_channel=4)
    expected = element(view, call)
    if as_convolution:
        call = convolution_of(call)
        view = ConvolutionView.of(view, call)
    drawn = picture(view, call, all_channels=True)
    assert paired(drawn) == expected
    assert drawn.lines[0].partition(":")[0].endswith(f"= {expected}")


@pytest.mark.parametrize(
    ("operation", "shapes"),
    [
        ("conv2d", [(2, 1), (2, 3), (3, 1)]),
        ("conv2d_backprop_input", [(3, 1), (3, 2), (2, 1)]),
        ("conv2d_backprop_filter", [(2, 1), (3, 1), (2, 3)]),
    ],
)
def test_blocks_hold_the_channels_of_the_group(operation, shapes):
    case = Case.parse(LETTERED)
    drawn = picture(View.chosen(case, operation, input_channel=2), call_of(case, operation), all_channels=True)
    assert [(len(block), len(block[0])) for block in drawn.blocks] == shapes
    assert drawn.grids[0].name == {"conv2d_backprop_input": "out_backprop[0, :, :, 3]"}.get(
        operation, "input[0, :, :, 2]"
    )


def test_48_products_of_three_channels_are_summed_by_channel():
    case = Case.parse("n1_h6w6c3_k4x4o2")
    call = call_of(case, "conv2d")
    view = View.chosen(case, "conv2d", (1, 1), output_channel=1)
    (line,) = picture(view, call, all_channels=True).lines
    sums, total = line.partition(" = ")[2].partition(":")[0].split(" = ")
    assert sum(int(one.strip("()")) for one in sums.split(" + ")) == int(total) == element(view, call)
    assert line.endswith(": 16 products in each of 3 channels")


# Matrices


def matrix(grid):
    return np.array([[int(grid.texts[row, column]) for column in grid.columns] for row in grid.rows])


def group_of(view, array, plane):
    """Return the part of a plane's array that is drawn as a matrix: an image and the channels of the group."""
    channels = [getattr(each, f"{plane}_channel") for each in getattr(view, f"{plane}s")()]
    return array[view.image][..., channels]


@pytest.mark.parametrize("case", [*GENERAL_CASES, *SMALL_CASES], ids=str)
def test_conv2d_is_windows_times_filters(case, monkeypatch):
    monkeypatch.setattr(as_matrices, "MOST_ACROSS", 999)
    call = call_of(case, "conv2d")
    view = View.chosen(case, "conv2d", image=case.batch - 1, output_channel=case.output_channels - 1)
    windows, filters, output = picture_of_matrices(view, call).grids
    np.testing.assert_array_equal(matrix(windows) @ matrix(filters), matrix(output))
    expected = group_of(view, call.run(operations), "output")
    np.testing.assert_array_equal(matrix(output).ravel(), expected.ravel())
    (summed,) = output.marked[Mark.SUM]
    assert int(output.texts[summed]) == element(view, call)
    assert {row for row, _ in windows.marked[Mark.TAKEN]} == {summed[0]}
    assert all(windows.texts[place] == "0" for place in windows.marked[Mark.PADDING])


@pytest.mark.parametrize("case", [replace(case, batch=1) for case in (*GENERAL_CASES, *SMALL_CASES)], ids=str)
def test_filter_gradient_is_windows_turned_times_errors(case, monkeypatch):
    monkeypatch.setattr(as_matrices, "MOST_ACROSS", 999)
    call = call_of(case, "conv2d_backprop_filter")
    position = tuple(size - 1 for size in case.kernel_size)
    view = View.chosen(case, "conv2d_backprop_filter", position, output_channel=case.output_channels - 1)
    windows, errors, gradient = picture_of_matrices(view, call).grids
    np.testing.assert_array_equal(matrix(windows) @ matrix(errors), matrix(gradient))
    outputs = [each.output_channel for each in view.outputs()]
    np.testing.assert_array_equal(matrix(gradient).ravel(), call.run(operations)[..., outputs].ravel())
    (summed,) = gradient.marked[Mark.SUM]
    assert int(gradient.texts[summed]) == element(view, call)


@pytest.mark.parametrize("operation", ["conv2d_backprop_input", "conv2d_transpose"])
@pytest.mark.parametrize("case", [*GENERAL_CASES, *SMALL_CASES], ids=str)
def test_input_gradient_is_a_product_that_is_folded(case, operation, monkeypatch):
    monkeypatch.setattr(as_matrices, "MOST_ACROSS", 999)
    call = call_of(case, operation)
    view = View.chosen(case, operation, image=case.batch - 1, input_channel=case.input_channels - 1)
    for position in [view.position, *cells.positions(case.convolution, "input")[:3]]:
        here = replace(view, position=position)
        errors, filters, products, folded = picture_of_matrices(here, call).grids
        np.testing.assert_array_equal(matrix(errors) @ matrix(filters), matrix(products))
        assert sum(int(products.texts[place]) for place in products.marked[Mark.TAKEN]) == element(here, call)
        assert int(folded.texts[position]) == element(here, call)


def test_windows_in_another_order_are_seen(monkeypatch):
    case = Case.parse("n1_h4w5c2_k2x3o2")
    call = call_of(case, "conv2d")
    right = as_matrices._pixels
    monkeypatch.setattr(
        as_matrices, "_pixels", lambda view: {place: (c, r, i) for place, (r, c, i) in right(view).items()}
    )
    _, _, output = picture_of_matrices(View.chosen(case, "conv2d"), call).grids
    assert (matrix(output).ravel() != call.run(operations).ravel()).any()


@pytest.mark.parametrize(
    ("spec", "options", "said"),
    [
        ("n1_h9w9c1_k2x2o1_SAME", {}, "at most 64 windows; n1_h9w9c1_k2x2o1_SAME has 81"),
        ("n1_h3w3c17_k2x2o1", {}, "at most 64 elements of a window; n1_h3w3c17_k2x2o1 has 68"),
        ("n1_h3w3c1_k2x2o1", {"all_channels": True}, "a matrix product has all channels"),
    ],
    ids=["windows", "taps", "both"],
)
def test_draw_says_which_matrix_is_too_large(spec, options, said):
    with pytest.raises(ValueError, match=said):
        drawing.draw(spec, as_matrices=True, **options)

"""Gradients drawn as convolutions: their numbers are the oracle's, and what is drawn is what is convolved."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from general_cases import GENERAL_CASES, SMALL_CASES
from integer_arrays import distinct_integers

from reference_impl import drawing, operations
from reference_impl.cases.case import Case
from reference_impl.drawing import cells
from reference_impl.drawing.as_convolution import GRADIENTS, SpreadAxis, convolution_of, gradient
from reference_impl.drawing.convolution_view import ConvolutionView
from reference_impl.drawing.marks import Mark
from reference_impl.drawing.picture import picture
from reference_impl.drawing.view import View
from reference_impl.verdicts.call import Call, array_shapes

PADDINGS = ("VALID", "SAME", "SAME_LOWER", "FULL", (0, 2), (2, 1))
LEFTOVER = "n1_h6w6c1_k3x3o1_s2"


def call_of(case, operation):
    case = Case.parse(case) if isinstance(case, str) else case
    shapes = array_shapes(case, operation)
    return Call(operation, case, {name: distinct_integers(shape, 5 + len(name)) for name, shape in shapes.items()})


def cases_along_one_axis():
    """Yield every case of a small scope along one axis; the other axis stays as it is."""
    for padding, size, kernel, stride, dilation in product(PADDINGS, range(1, 6), (1, 2, 3), (1, 2, 3), (1, 2)):
        pads = padding if isinstance(padding, str) else (padding, (1, 0))
        try:
            yield Case(1, size, 3, 1, (kernel, 2), 1, (stride, 2), (dilation, 1), padding=pads)
        except ValueError:  # the kernel does not fit
            continue


def turned(case):
    """Return the case with height and width exchanged."""
    pads = case.padding if isinstance(case.padding, str) else case.padding[::-1]
    pairs = (case.kernel_size[::-1], 1, case.strides[::-1], case.dilations[::-1], 1, pads)
    return Case(1, case.width, case.height, 1, *pairs)


def disagrees(call):
    """True if the convolution gives other numbers than the oracle; None if no window reads the input."""
    case = call.case
    try:
        convolution = convolution_of(call)
    except ValueError:
        return None if len(cells.unread(case.convolution)) == case.height * case.width else True
    assert convolution.operation == "conv2d"
    if call.operation != "conv2d_backprop_filter":
        assert convolution.case.strides == (1, 1)
    expected, actual = call.run(operations), gradient(call, convolution)
    return actual.shape != expected.shape or bool((actual != expected).any())


@pytest.mark.parametrize("turn", [lambda case: case, turned], ids=["height", "width"])
@pytest.mark.parametrize("operation", GRADIENTS)
def test_numbers_are_the_oracles_along_one_axis(operation, turn):
    verdicts = {case: disagrees(call_of(turn(case), operation)) for case in cases_along_one_axis()}
    assert [str(case) for case, verdict in verdicts.items() if verdict] == []
    assert list(verdicts.values()).count(False) > 300


@pytest.mark.parametrize("operation", GRADIENTS)
@pytest.mark.parametrize("case", [*GENERAL_CASES, *SMALL_CASES], ids=str)
def test_numbers_are_the_oracles_with_channels_groups_and_images(case, operation):
    assert disagrees(call_of(case, operation)) is False


# Zeros that are missing before the errors and after them, in the field of an axis.
WRONG_FIELDS = {
    "leftover-forgotten": lambda axis: (0, axis.leftover),
    "leftover-before": lambda axis: (-axis.leftover, axis.leftover),
    "padded-by-the-kernel": lambda axis: (-1, -1),
    "padding-forgotten": lambda axis: (-axis.pad_before, -axis.pad_after),
    "dilation-forgotten": lambda axis: [axis.kernel_extent - axis.kernel_size] * 2,
}


@pytest.mark.parametrize("wrong", WRONG_FIELDS)
def test_fields_that_are_wrong_are_seen(monkeypatch, wrong):
    right = SpreadAxis.around

    def around(axis):
        field, (before, after) = right(axis), WRONG_FIELDS[wrong](axis)
        return replace(field, before=max(field.before - before, 0), after=max(field.after - after, 0))

    call = call_of("n1_h8w10c1_k3x2o1_s2x3_d2x2_p1,1,0,1", "conv2d_backprop_input")
    assert disagrees(call) is False
    monkeypatch.setattr(SpreadAxis, "around", around)
    assert disagrees(call) is True


def test_unrotated_filters_are_seen():
    call = call_of(LEFTOVER, "conv2d_backprop_input")
    unrotated = call.with_arrays(lambda array: array if array.shape[:2] != (3, 3) else array[::-1, ::-1])
    assert (gradient(unrotated, convolution_of(unrotated)) != call.run(operations)).any()


# The picture


def picture_of(spec, operation, position=None, **shown):
    call = call_of(spec, operation)
    convolution = convolution_of(call)
    view = View.chosen(call.case, operation, position, **shown)
    return picture(ConvolutionView.of(view, convolution), convolution)


def test_field_shows_the_zeros_between_around_and_left_over():
    field, filters, result = picture_of(LEFTOVER, "conv2d_backprop_input", (2, 2)).grids
    assert (field.name, filters.name, result.name) == ("out_backprop, spread", "filters, rotated", "input_backprop")
    assert field.notes == ("2x2 errors", "zeros between: 1 and 1", "zeros around: 2+3 rows, 2+3 columns")
    assert field.rows == field.columns == range(-2, 6)
    assert field.marked[Mark.BETWEEN] == {(0, 1), (1, 0), (1, 1), (1, 2), (2, 1)}
    assert field.marked[Mark.LEFTOVER] == {place for place in product(range(-2, 6), repeat=2) if 5 in place}
    assert field.marked[Mark.TAKEN] == set(product(range(3), repeat=2))
    assert result.marked[Mark.UNREAD] == {place for place in product(range(6), repeat=2) if 5 in place}
    assert {
        field.texts[place] for place in product(field.rows, repeat=2) if place not in {(0, 0), (0, 2), (2, 0), (2, 2)}
    } == {"0"}


def test_field_is_cropped_where_windows_lie_in_the_padding():
    field, _, _ = picture_of("n1_h4w4c1_k1x1o1_s2_p2,1,0,0", "conv2d_backprop_input").grids
    assert field.notes[-1] == "cropped: 2+1 rows, 0+0 columns"
    assert field.rows == range(4)


def test_filter_gradient_shows_the_spread_errors_as_the_kernel():
    input, errors, result = picture_of("n1_h6w7c1_k3x3o1_s2", "conv2d_backprop_filter", (1, 0)).grids
    assert (input.name, errors.name, result.name) == ("input", "out_backprop, spread", "filter_backprop")
    assert input.notes == ("5x7 of 6x7: no window reads the rest",)
    assert errors.marked[Mark.BETWEEN] == {
        place for place in product(range(3), range(5)) if place[0] % 2 or place[1] % 2
    }
    assert input.marked[Mark.TAKEN] == set(product(range(1, 4), range(5)))


@pytest.mark.parametrize("operation", GRADIENTS)
@pytest.mark.parametrize("case", GENERAL_CASES, ids=str)
def test_titles_and_element_are_those_of_the_gradient(case, operation):
    channels = {"input_channel": case.filter_sizes[2] - 1, "output_channel": 0}
    call = call_of(case, operation)
    view = View.chosen(case, operation, None, case.batch - 1, **channels)
    drawn = ConvolutionView.of(view, convolution_of(call))
    assert drawn.original == view
    assert drawn.element_in_words == view.element_in_words
    planes = (
        {"input": "input", "tap": "output", "output": "tap"}
        if "filter" in operation
        else {"input": "output", "tap": "tap", "output": "input"}
    )
    assert [drawn.title(plane).split(", spread")[0].split(", rotated")[0] for plane in planes] == [
        view.title(plane) for plane in planes.values()
    ]


def test_formula_gives_the_same_sum_as_the_gradient():
    (line,) = picture_of(LEFTOVER, "conv2d_transpose", (2, 2)).lines
    assert line.endswith(f"= {call_of(LEFTOVER, 'conv2d_transpose').run(operations)[0, 2, 2, 0]}")


# Errors


@pytest.mark.parametrize(
    ("spec", "operation", "said"),
    [
        (LEFTOVER, "conv2d", "conv2d is a convolution as it is; as_convolution is for conv2d_backprop_input, "),
        (
            "n1_h1w1c1_k1x1o1_s9_p8,0,0,0",
            "conv2d_backprop_input",
            "along height, or .*: input 1, padding 8.0, kernel 1, stride 9, dil",
        ),
        ("n1_h1w1c1_k1x1o1_s9_p0,0,8,0", "conv2d_backprop_filter", "must read the input along width"),
        ("n1_h40w1c1_k40x1o1", "conv2d_backprop_input", "at most 64 positions along an axis; n1_h1w1c1_k40x1o1_p39,39"),
    ],
    ids=lambda value: value.partition(" ")[0],
)
def test_draw_says_why_it_cannot(spec, operation, said):
    with pytest.raises(ValueError, match=said):
        drawing.draw(spec, operation, as_convolution=True)


def test_infinite_numbers_are_refused():
    arrays = {"filters": np.ones((1, 1, 1, 1)), "out_backprop": np.full((1, 2, 2, 1), np.inf)}
    with pytest.raises(ValueError, match="out_backprop must be finite to be drawn as a convolution"):
        drawing.draw("n1_h2w2c1_k1x1o1", "conv2d_backprop_input", arrays=arrays, as_convolution=True)


def test_animation_goes_through_all_positions():
    frames = list(drawing.animate("n1_h3w2c1_k2x2o1", "conv2d_backprop_input", as_convolution=True))
    assert len(frames) == 6
    assert "the sum: 2,1" in frames[-1].get_label()

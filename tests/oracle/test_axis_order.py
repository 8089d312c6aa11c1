"""`convert` puts every element where the letters of its axes say."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import reference_impl
from reference_impl.axis_order import convert

ARRAY = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
ACTIVATIONS = [("NHWC", "NCHW"), ("NCHW", "NHWC"), ("NHWC", "CHWN"), ("CHWN", "NCHW")]
FILTERS = list(itertools.permutations(("HWIO", "OIHW", "IOHW", "OHWI"), 2))


@pytest.mark.parametrize(("source", "target"), ACTIVATIONS + FILTERS)
def test_convert_puts_every_element_where_its_letters_say(source, target):
    converted = convert(ARRAY, source, target)
    for index, element in np.ndenumerate(ARRAY):
        place = dict(zip(source, index, strict=True))
        assert converted[tuple(place[letter] for letter in target)] == element


@pytest.mark.parametrize(
    ("source", "target", "shape"),
    [
        ("NHWC", "NCHW", (2, 5, 3, 4)),
        ("NCHW", "NHWC", (2, 4, 5, 3)),
        ("HWIO", "OIHW", (5, 4, 2, 3)),
        ("HWIO", "IOHW", (4, 5, 2, 3)),
        ("OIHW", "HWIO", (4, 5, 3, 2)),
        ("IOHW", "HWIO", (4, 5, 2, 3)),
        ("OIHW", "IOHW", (3, 2, 4, 5)),
    ],
)
def test_convert_gives_the_literal_shape(source, target, shape):
    assert convert(ARRAY, source, target).shape == shape


@pytest.mark.parametrize(("source", "target"), ACTIVATIONS + FILTERS)
def test_convert_there_and_back_changes_nothing(source, target):
    np.testing.assert_array_equal(convert(convert(ARRAY, source, target), target, source), ARRAY, strict=True)


def test_convert_is_offered_as_readme_shows_it():
    assert reference_impl.layout.convert is reference_impl.axis_order.convert is convert


def test_convert_is_a_view():
    assert np.shares_memory(convert(ARRAY, "NHWC", "NCHW"), ARRAY)


def test_convert_takes_lists_and_any_letters():
    assert convert([[1, 2, 3], [4, 5, 6]], "ab", "ba").tolist() == [[1, 4], [2, 5], [3, 6]]


@pytest.mark.parametrize(
    ("source", "target", "error", "message"),
    [
        ("NHWC", "NCHH", ValueError, "a layout must name each axis once, not 'NCHH'"),
        ("NHHC", "NCHW", ValueError, "a layout must name each axis once, not 'NHHC'"),
        ("NHWC", "OIHW", ValueError, "layouts must have the same letters: 'NHWC' and 'OIHW' do not"),
        ("NHWC", "NHW", ValueError, "layouts must have the same letters: 'NHWC' and 'NHW' do not"),
        ("NHWC", "nchw", ValueError, "layouts must have the same letters: 'NHWC' and 'nchw' do not"),
        ("HWC", "CHW", ValueError, r"layout 'HWC' must name every axis of the array, whose shape is \(2, 3, 4, 5\)"),
        ("NHWC", None, TypeError, "a layout must be a string of axis letters, not None"),
        ((0, 1, 2, 3), "NHWC", TypeError, r"a layout must be a string of axis letters, not \(0, 1, 2, 3\)"),
    ],
)
def test_convert_refuses(source, target, error, message):
    with pytest.raises(error, match=message):
        convert(ARRAY, source, target)


@pytest.mark.parametrize("wrap", [lambda array: array, list], ids=["array", "list"])
def test_convert_refuses_a_masked_array(wrap):
    with pytest.raises(TypeError, match="array must be a plain array, not a masked one"):
        convert(wrap(np.ma.masked_equal(ARRAY, 3)), "NHWC", "NCHW")

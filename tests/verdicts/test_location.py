"""Where wrong elements lie, in words."""

from __future__ import annotations

import numpy as np
import pytest

from reference_impl.verdicts.location import AXES, locate

SHAPE = (2, 5, 7, 6)


def wrong_at(*index):
    wrong = np.zeros(SHAPE, bool)
    wrong[index] = True
    return wrong


def border(width=1):
    wrong = np.ones(SHAPE, bool)
    wrong[:, width:-width, width:-width] = False
    return wrong


EVERY = slice(None)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (wrong_at(EVERY), "everywhere"),
        (wrong_at(EVERY, -1), "the last row only"),
        (wrong_at(EVERY, EVERY, 0), "the first column only"),
        (wrong_at(1, EVERY, 3), "the last image only, column 3 only"),
        (wrong_at(EVERY, EVERY, EVERY, slice(2, 5)), "output channels 2 to 4 of 0 to 5"),
        (wrong_at(EVERY, slice(1, None, 2)), "every 2nd row from 1"),
        (wrong_at(EVERY, EVERY, slice(0, None, 3)), "every 3rd column from 0"),
        (wrong_at(EVERY, [0, 4]), "the first and last row only"),
        (wrong_at(EVERY, EVERY, [0, 1, 4]), "3 of 7 columns (0, 1, 4)"),
        (border(), "the border of the image only"),
        (border(2), "the border of the image only, 2 wide"),
        (border() & wrong_at(1), "the last image only, the border of the image only"),
        (wrong_at([0, 0, 1], [0, 1, 1], 2, 3), "rows 0 to 1 of 0 to 4, column 2 only, output channel 3 only, 75%"),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_locate_says_where(wrong, words):
    assert locate(wrong, AXES["conv2d"]).startswith(words)


@pytest.mark.parametrize(
    ("channels", "words"),
    [
        (slice(2, 4), "group 1 of 0 to 2 only"),
        (slice(1, 3), "output channels 1 to 2 of 0 to 5"),
        (slice(2, 3), "output channel 2 only"),
    ],
    ids=["one-group", "across-groups", "part-of-a-group"],
)
def test_locate_names_a_group(channels, words):
    assert locate(wrong_at(EVERY, EVERY, EVERY, channels), AXES["conv2d"], groups=3) == words


def test_locate_says_scattered_when_nothing_else_fits():
    wrong = np.zeros(SHAPE, bool)
    for index in range(7):
        wrong[index % 2, index % 5, index, index % 6] = True
    assert locate(wrong, AXES["conv2d"]) == "scattered, 1.7% of all elements"

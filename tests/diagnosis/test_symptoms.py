"""A wrong answer is described by what it resembles."""

from __future__ import annotations

import numpy as np
import pytest

from reference_impl.diagnosis.symptoms import IN_FLOAT16, resemblance, rounded_arguments

RIGHT = np.random.default_rng(0).integers(1, 100, (2, 5, 7, 3)).astype(np.float32)


def shifted(down, right):
    rows, columns = slice(max(down, 0), 5 + min(down, 0)), slice(max(right, 0), 7 + min(right, 0))
    back = slice(max(-down, 0), 5 + min(-down, 0)), slice(max(-right, 0), 7 + min(-right, 0))
    moved = np.full_like(RIGHT, -7)
    moved[:, rows, columns] = RIGHT[:, back[0], back[1]]
    return moved


@pytest.mark.parametrize(
    ("actual", "words"),
    [
        (RIGHT * 0, "all zeros"),
        (RIGHT * 2, "the right one times 2"),
        (-RIGHT, "the right one times -1"),
        (RIGHT / 3, "the right one times 1/3"),
        (RIGHT[:, ::-1, ::-1], "the right one rotated by 180 degrees"),
        (RIGHT[:, ::-1], "the right one upside down"),
        (RIGHT[:, :, ::-1], "the right one mirrored, left for right"),
        (RIGHT[..., ::-1], "the right one with its last axis reversed"),
        (shifted(0, 1), "the right one shifted by (0, 1)"),
        (shifted(-1, 0), "the right one shifted by (-1, 0)"),
        (shifted(2, -1), "the right one shifted by (2, -1)"),
        (RIGHT.reshape(2, 7, 5, 3), "the right elements, in order, in another shape"),
        (RIGHT.transpose(0, 3, 1, 2), "the right one with its axes in the order (0, 3, 1, 2)"),
        (RIGHT[:, :4], "the right one as far as both reach, but of the wrong size"),
        (RIGHT + 1, None),
        (RIGHT, None),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_resemblance_says_how(actual, words):
    assert resemblance(actual, RIGHT, is_filter=False) == words


def test_resemblance_of_a_filter_gradient_looks_at_its_first_axes():
    assert resemblance(RIGHT[::-1, ::-1], RIGHT, is_filter=True) == "the right one rotated by 180 degrees"


def test_errors_of_float16_are_told():
    large = RIGHT * 601
    assert resemblance(large.astype(np.float16).astype(np.float32), large, is_filter=False) == IN_FLOAT16
    assert resemblance(RIGHT + 1, RIGHT, is_filter=False) is None


@pytest.mark.parametrize(
    ("errors", "told"),
    [
        ([2.0**-9, 2.0**-12], "bfloat16"),
        ([2.0**-7.5], "bfloat16"),  # bits that are cut off
        ([2.0**-11], "TF32"),
        ([2.0**-20], None),  # another order of adding
        ([2.0**-5, 2.0**-9], None),  # no rounding alone
        ([], None),
    ],
)
def test_format_of_rounded_arguments_is_told_by_the_largest_error(errors, told):
    assert rounded_arguments(errors) == told

"""Orders of vectors: planted lanes and blocks are told rightly."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from passport.planted_sums import POINTWISE, Planted, told
from summation import ORDERS as ORDERS_OF_SUMS

from reference_impl.cases.case import Case


def _chain(terms, arithmetic):
    return ORDERS_OF_SUMS["sequential"](np.stack(list(terms)), arithmetic)


def _aligned(first, count, in_vectors, terms, arithmetic):
    """Products from `first` on go to lanes, those before it to the first lane. Vectors of two may be added first."""
    full = first + (len(terms) - first) // count * count
    lanes = [
        _chain([*(terms[:first] if not lane else ()), *terms[first + lane : full : count]], arithmetic)
        for lane in range(count)
    ]
    if in_vectors:
        while len(lanes) > 2:
            lanes = [
                arithmetic.add(lanes[place + lane], lanes[place + 2 + lane])
                for place in range(0, len(lanes), 4)
                for lane in (0, 1)
            ]
    merged = ORDERS_OF_SUMS["pairwise"](np.stack(lanes), arithmetic)
    return _chain([merged, *terms[full:]], arithmetic)


def _blocks_in_pairs(size, terms, arithmetic):
    blocks = [_chain(terms[start : start + size], arithmetic) for start in range(0, len(terms), size)]
    return ORDERS_OF_SUMS["pairwise"](np.stack(blocks), arithmetic)


def _blocks_in_lanes(size, count, terms, arithmetic):
    blocks = [_chain(terms[start : start + size], arithmetic) for start in range(0, len(terms), size)]
    return _aligned(0, count, False, np.stack(blocks), arithmetic)


def _lanes_in_groups(count, size, terms, arithmetic):
    lanes = [_chain(terms[lane::count], arithmetic) for lane in range(count)]
    return _chain([_chain(lanes[start : start + size], arithmetic) for start in range(0, count, size)], arithmetic)


@pytest.mark.parametrize(
    ("scheme", "name"),
    [
        (
            partial(_aligned, 3, 4, False),
            "4 lanes from product 3 on, added pairwise, with those before in the first lane",
        ),
        (
            partial(_aligned, 4, 8, False),
            "8 lanes from product 4 on, added pairwise, with those before in the first lane",
        ),
        (
            partial(_aligned, 2, 8, True),
            "8 lanes from product 2 on, added in vectors of 2, with those before in the first lane",
        ),
        (partial(_aligned, 0, 8, True), "8 lanes, added in vectors of 2"),
        (partial(_blocks_in_pairs, 2), "blocks of 2, added pairwise; within each one after another"),
        (partial(_blocks_in_pairs, 4), "blocks of 4, added pairwise; within each one after another"),
        (partial(_blocks_in_lanes, 2, 4), "blocks of 2 in 4 lanes, added pairwise; within each one after another"),
        (partial(_lanes_in_groups, 8, 4), "8 lanes, added in groups of 4"),
    ],
    ids=[
        "3 before 4 lanes",
        "4 before 8 lanes",
        "in vectors",
        "all in vectors",
        "blocks of 2",
        "blocks of 4",
        "blocks in lanes",
        "lanes in groups",
    ],
)
def test_planted_order_of_vectors_is_told(scheme, name):
    class OfVectors(Planted):
        def add(self, terms):
            return scheme(terms, self.arithmetic)

    assert told(OfVectors(), "conv2d", POINTWISE) == name


def _wide_and_narrow(terms, arithmetic):
    """Fill 32 lanes, then 4 lanes by vectors of 8, and add the rest one after another."""
    full = len(terms) // 32 * 32
    end = full + (len(terms) - full) // 8 * 8
    lanes = [
        ORDERS_OF_SUMS["pairwise"](
            np.stack([_chain(some[lane::count], arithmetic) for lane in range(count)]), arithmetic
        )
        for count, some in ((32, terms[:full]), (4, terms[full:end]))
    ]
    return _chain([*lanes, *terms[end:]], arithmetic)


@pytest.mark.parametrize("channels", [60, 79])
def test_wide_lanes_and_then_narrow_ones_are_told(channels):
    class OfTwoWidths(Planted):
        def add(self, terms):
            return _wide_and_narrow(terms, self.arithmetic)

    found = told(OfTwoWidths(), "conv2d", Case.parse(f"n1_h1w1c{channels}_k1x1o2"))
    assert found == "32 lanes and then 4, each added pairwise, and then the rest"


@pytest.mark.parametrize(("size", "of"), [(8, "8, the last of 3"), (6, "6 or 5")])
def test_blocks_along_each_row_are_told(size, of):
    """The last of a row is a block of its own: TensorFlow's filter gradient in bfloat16 adds so."""

    class AlongRows(Planted):
        def add(self, terms):
            swapped = [place ^ 1 if place ^ 1 < size else place for place in range(size)]
            blocks = [
                _chain([row[start + place] for place in swapped if start + place < len(row)], self.arithmetic)
                for row in terms.reshape(-1, 11, *terms.shape[1:])
                for start in range(0, 11, size)
            ]
            return _chain(blocks, self.arithmetic)

    found = told(AlongRows(), "conv2d_backprop_filter", Case.parse("n1_h4w11c1_k1x1o1"))
    sizes = f"blocks of {of}" if "last" in of else f"2 parts of {of}"
    assert found == (
        f"{sizes}, along the columns, added one after another; within each "
        "one after another in swapped pairs (1 0 3 2 ...)"
    )


def test_sum_that_is_taken_four_times_and_divided_again_is_told_in_float16():
    """A derivative at a point computes so. Four times the largest mask is no number of float16."""

    class AtAPoint(Planted):
        def add(self, terms):
            parts = [4 * _chain(terms[start : start + 12], self.arithmetic) for start in (0, 12)]
            return _chain([part.astype(np.float16).astype(float) for part in parts], self.arithmetic) / 4

    found = told(AtAPoint(), "conv2d", POINTWISE.with_dtype("float16"))
    assert found == "2 parts of 12; within each one after another"


def test_sums_of_channels_are_told_where_no_vector_has_so_many_lanes():
    """ONNX Runtime adds few channels so: all taps of one, and then those of the next."""

    class ByChannel(Planted):
        def add(self, terms):
            return _chain([_chain(terms[channel::3], self.arithmetic) for channel in range(3)], self.arithmetic)

    found = told(ByChannel(), "conv2d", Case.parse("n1_h4w4c3_k2x3o2"))
    assert found == "one sum for each channel, added one after another; within it one after another"

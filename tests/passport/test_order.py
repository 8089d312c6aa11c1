"""The order of a sum: planted kernels of a known order are told rightly, and what has no order is told as that."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from passport.planted_sums import CHANNELS_OUTER, Planted
from summation import ORDERS as ORDERS_OF_SUMS

from reference_impl.cases.case import Case
from reference_impl.operations import OPERATIONS
from reference_impl.passport.element import Element, Probe
from reference_impl.passport.labels import Labels
from reference_impl.passport.masks import Masks
from reference_impl.passport.naming import name_of
from reference_impl.passport.order import reveal
from reference_impl.verdicts.call import oracle
from reference_impl.verdicts.integers import integer_call

CASE = Case.parse("n2_h5w4c5_k3x2o6_p1,0,0,1")
SHAPES = {"conv2d": CASE.output_shape, "conv2d_backprop_filter": CASE.filter_sizes}


def told(kernel, operation="conv2d", case=CASE):
    shape = {"conv2d": case.output_shape, "conv2d_backprop_filter": case.filter_sizes}.get(operation, case.input_sizes)
    element = Element(operation, case, tuple(size // 2 for size in shape))
    tree = reveal(Masks(Probe(lambda calls: [call.run(kernel) for call in calls], element)))
    if tree is None:
        return "exact"
    return name_of(tree, Labels(tuple(term.label for term in element.terms), element.axes))


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("spec", ["n2_h5w4c5_k3x2o6_p1,0,0,1", "n2_h7w5c4_k2x3o6_s2x1_d2x1_g2_SAME"])
def test_products_of_every_element_add_up_to_the_oracle(operation, spec):
    case = Case.parse(spec)
    shape = {"conv2d": case.output_shape, "conv2d_backprop_filter": case.filter_sizes}.get(operation, case.input_sizes)
    random = np.random.default_rng(0)
    for index in np.ndindex(*shape):
        element = Element(operation, case, index)
        first, second = random.integers(-9, 10, (2, len(element.terms)))
        if len(first):
            answer = oracle(element.call(first, second))
            assert answer[index] == first @ second


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("spec", ["n2_h5w4c5_k3x2o6_p1,0,0,1", "n2_h7w5c4_k2x3o6_s2x1_d2x1_SAME"])
def test_planted_kernel_equals_the_oracle_on_integers(operation, spec):
    call = integer_call(Case.parse(spec), operation, 0)
    assert (call.run(Planted("8 lanes")) == oracle(call)).all()


ORDERS = {
    "sequential": "one after another",
    "reversed": "one after another, reversed",
    "4 lanes": "4 lanes, added pairwise",
    "8 lanes": "8 lanes, added pairwise",
    "16 lanes": "16 lanes, added pairwise",
    "pairwise": "pairwise",
    "blocks of 16": "blocks of 16, the last of 8; within each one after another",
    "split in 2": "2 parts of 12; within each one after another",
    **{
        f"split in {count}": f"{count} parts of {24 // count}, added one after another; within each one after another"
        for count in (3, 4, 6, 8)
    },
    "split in 5": "5 parts of 5 or 4, added one after another; within each one after another",
    "split in 7": "7 parts of 4 or 3, added one after another; within each one after another",
    "fused": "one after another",
}
POINTWISE = Case.parse("n2_h3w4c24_k1x1o24")


@pytest.mark.parametrize(("order", "name"), ORDERS.items(), ids=list(ORDERS))
def test_planted_order_is_told(order, name):
    assert told(Planted(order), "conv2d", POINTWISE) == name


@pytest.mark.parametrize("operation", OPERATIONS[1:])
@pytest.mark.parametrize("order", ["reversed", "8 lanes", "pairwise", "split in 3"])
def test_planted_order_is_told_in_each_operation(order, operation):
    name, found = ORDERS[order], told(Planted(order), operation, POINTWISE)
    if operation != "conv2d_backprop_filter":
        assert found == name
    else:  # its products have three axes
        assert found.startswith((name.partition(";")[0].partition(",")[0], "one sum for each"))


@pytest.mark.parametrize(
    ("nested", "name"),
    [((0, 1, 2), "one after another, channels inner"), (CHANNELS_OUTER, "one after another, taps inner")],
)
def test_nesting_of_taps_and_channels_is_told(nested, name):
    assert told(Planted(nested=nested)) == name


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


class InBlocks(Planted):
    """Adds the products of each four channels, all taps of them, before those of the next four."""

    def _sum(self, terms, dtype):
        ordered = sorted(terms, key=lambda label: (label[2] // 4, label[0], label[1], label[2]))
        return super()._sum({(place, 0, 0): terms[label] for place, label in enumerate(ordered)}, dtype)


def test_blocks_of_channels_are_told():
    case = Case.parse("n1_h3w3c10_k2x2o3")
    assert told(InBlocks(), "conv2d", case) == "one after another, in blocks of 4 channels, channels inner"


def test_chain_without_a_name_is_told_as_a_chain():
    class Shuffled(Planted):
        def add(self, terms):
            return super().add(terms[np.random.default_rng(1).permutation(len(terms))])

    assert told(Shuffled()) == "one after another, in an order that has no name here"


_BEFORE = ", with those before in the first lane"


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
    ],
    ids=["3 before 4 lanes", "4 before 8 lanes", "in vectors", "all in vectors", "blocks of 2", "of 4", "in lanes"],
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

"""The order of a sum: planted kernels of a known order are told rightly, and what has no order is told as that."""

from __future__ import annotations

import numpy as np
import pytest
from passport.planted_sums import CHANNELS_OUTER, POINTWISE, Planted, told

from reference_impl.cases.case import Case
from reference_impl.operations import OPERATIONS
from reference_impl.passport.element import Element
from reference_impl.verdicts.call import oracle
from reference_impl.verdicts.integers import integer_call

CASE = Case.parse("n2_h5w4c5_k3x2o6_p1,0,0,1")


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
    assert told(Planted(nested=nested), "conv2d", CASE) == name


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

    assert told(Shuffled(), "conv2d", CASE) == "one after another, in an order that has no name here"

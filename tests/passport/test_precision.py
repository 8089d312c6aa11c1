"""The precision of a sum: planted accumulators, roundings and factors are told rightly."""

from __future__ import annotations

import numpy as np
import pytest
from passport.planted_sums import Planted
from summation import NEAREST, ORDERS, Arithmetic

from reference_impl.cases.case import Case
from reference_impl.operations import OPERATIONS
from reference_impl.passport.element import Element, Probe
from reference_impl.passport.masks import Masks
from reference_impl.passport.order import reveal
from reference_impl.passport.precision import AT_RANDOM, precision
from reference_impl.passport.telling import told_sum

CASE = Case.parse("n1_h4w2c8_k1x1o8")


def told(kernel, operation="conv2d", dtype="float32"):
    case = CASE.with_dtype(dtype)
    probe = Probe(lambda calls: [call.run(kernel) for call in calls], Element(operation, case, (0, 0, 0, 1)))
    return precision(probe, reveal(Masks(probe)))


@pytest.mark.parametrize("order", ["sequential", "4 lanes", "pairwise", "split in 3"])
@pytest.mark.parametrize("bits", [8, 11, 24])
def test_bits_of_the_accumulator_are_told(bits, order):
    found = told(Planted(order, Arithmetic(bits)))
    assert set(found.additions.values()) == {bits}
    assert found.rounding == "to nearest"
    assert found.factors == (24, 24)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_bits_of_the_accumulator_are_told_in_each_operation(operation):
    assert set(told(Planted("sequential", Arithmetic(11)), operation).additions.values()) == {11}


@pytest.mark.parametrize(
    ("rounding", "said"), [("truncated", "toward zero (truncated)"), ("down", "down"), ("stochastic", AT_RANDOM)]
)
def test_rounding_is_told(rounding, said):
    assert (
        told(Planted("8 lanes" if rounding != "stochastic" else "sequential", Arithmetic(24, rounding))).rounding
        == said
    )


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("bits", [8, 11, 24])
def test_accumulator_of_halves_is_told(dtype, bits):
    assert set(told(Planted("sequential", Arithmetic(bits)), dtype=dtype).additions.values()) == {bits}


def test_factors_of_tf32_are_told():
    assert told(Planted(factors=11)).factors == (11, 11)


@pytest.mark.parametrize(
    ("order", "said"), [("fused", "fused"), ("sequential", "rounded to float32"), ("Kahan", "rounded")]
)
def test_products_are_told(order, said):
    assert told(Planted(order)).products.startswith(said)


@pytest.mark.parametrize("fused", ["4 lanes", "split in 2", "reversed"])
def test_fused_products_are_told_in_other_orders(fused):
    assert told(Planted(fused, fused=True)).products.startswith("fused")


class StoredOnTheWay(Planted):
    """Adds halves in float32, and stores some sums as halves."""

    case = Case.parse("n1_h1w2c24_k1x1o2_float16")

    def told(self):
        return told_sum(lambda calls: [call.run(self) for call in calls], "conv2d", self.case)

    def stored(self, terms):
        return _sequential(terms).astype(np.float16).astype(float)


def _sequential(terms):
    return ORDERS["sequential"](np.stack(list(terms)), NEAREST)


def test_sum_that_is_stored_once_on_the_way_is_told_and_replayed():
    """A matrix product for each image adds so: the sum of the first one is stored before the second is added."""

    class Continued(StoredOnTheWay):
        def add(self, terms):
            return _sequential([self.stored(terms[:14]), *terms[14:]])

    found = Continued().told()
    assert found.order == "one after another"
    assert found.precision.words.startswith(
        "adds in float32 (24 bits), and rounds the sums of 14 products to float16 (11 bits) on the way"
    )
    assert found.replayed.right == found.replayed.count


def test_blocks_that_are_stored_and_added_in_halves_are_told_and_replayed():
    class InBlocks(StoredOnTheWay):
        def add(self, terms):
            total = self.stored(terms[:4])
            for start in range(4, 24, 4):
                total = self.stored([total, self.stored(terms[start : start + 4])])
            return total

    found = InBlocks().told()
    assert found.precision.words.startswith(
        "adds in float32 (24 bits) up to 3 products, and in float16 (11 bits) between such parts"
    )
    assert found.replayed.right == found.replayed.count


def test_wide_sum_that_is_added_to_a_stored_one_is_replayed():
    """A matrix product adds its wide sum to what is stored. So two sums of one size are not treated alike."""

    class AddedToStored(StoredOnTheWay):
        def add(self, terms):
            return _sequential([self.stored(terms[:12]), _sequential(terms[12:])])

    found = AddedToStored().told()
    assert found.order == "2 parts of 12; within each one after another"
    assert found.precision.stored == {(0, 12)}
    assert found.replayed.right == found.replayed.count

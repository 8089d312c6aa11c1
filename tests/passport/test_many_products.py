"""Sums of thousands of products are told in few calls, as all channels are asked at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reference_impl.cases.case import Case
from reference_impl.passport import order, places, text
from reference_impl.passport.element import Probe, middle_of
from reference_impl.passport.labels import Labels
from reference_impl.passport.masks import Masks
from reference_impl.passport.naming import name_of
from reference_impl.passport.order import reveal
from reference_impl.passport.telling import Passport, ToldSum, told_sum

MANY, FEWER = Case.parse("n1_h1w1c1152_k1x1o64"), Case.parse("n1_h1w2c200_k1x1o64")


def _in_turn(products):
    return np.add.accumulate(products, 0)[-1]


def _in_lanes(products):
    lanes = _in_turn(products.reshape(-1, 8, *products.shape[1:]))
    while len(lanes) > 1:
        lanes = lanes[: len(lanes) // 2] + lanes[len(lanes) // 2 :]
    return lanes[0]


def _split_in_4(products):
    return _in_turn(np.stack([_in_turn(some) for some in np.split(products, 4)]))


class Fast:
    """A 1x1 convolution in float32, in the order that a function of its products gives."""

    def __init__(self, add):
        self.add = add

    def conv2d(self, input, filters, **options):
        with np.errstate(all="ignore"):
            return self.add(np.moveaxis(input, 3, 0)[..., None] * filters[0, 0][:, None, None, None])


def ask(add):
    kernel = Fast(add)
    return lambda calls: [call.run(kernel) for call in calls]


ORDERS = {
    "one after another": _in_turn,
    "8 lanes, added pairwise": _in_lanes,
    "4 parts of {}, added one after another; within each one after another": _split_in_4,
}


@pytest.mark.parametrize(("name", "add"), ORDERS.items(), ids=list(ORDERS))
def test_a_thousand_products_are_told_in_few_calls(name, add):
    probe = Probe(ask(add), middle_of("conv2d", MANY))
    tree = reveal(Masks(probe, together=True))
    assert name_of(tree, Labels.of(probe.element)) == name.format(1152 // 4)
    assert probe.calls < 130  # one by one, it takes 1,151


@pytest.fixture
def _few_are_many(monkeypatch):
    monkeypatch.setattr(order, "MANY_TERMS", 100)
    monkeypatch.setattr(places, "_MOST_PAIRS", 400)


@pytest.mark.usefixtures("_few_are_many")
@pytest.mark.parametrize(("name", "add"), ORDERS.items(), ids=list(ORDERS))
def test_many_products_are_told_and_replayed(name, add):
    found = told_sum(ask(add), "conv2d", FEWER)
    assert found.order == name.format(200 // 4)
    assert found.replayed.right == found.replayed.count
    assert found.places.words.startswith("the same order at all 128 places, by 50 of ")


@pytest.mark.usefixtures("_few_are_many")
def test_many_products_are_told_where_channels_differ():
    def by_channel(products):
        found = _in_turn(products)
        found[..., :8] = _in_turn(products[::-1])[..., :8]
        return found

    found = told_sum(ask(by_channel), "conv2d", FEWER)
    assert found.order == "one after another"
    (one,) = found.places.differ
    assert (one.where, one.order) == ("output channels 0 to 7 of 0 to 63", "one after another, reversed")


def test_deep_trees_are_compared_and_written():
    tree = 0
    for number in range(1, 3_000):
        tree = (tree, number)
    one = ToldSum("conv2d", Case.parse("n1_h1w1c3000_k1x1o1"), 3_000, 0, "one after another", tree, None, None)
    passport = Passport("a", "1", "float32", (one,), {"conv2d": ()})
    other = replace(passport, name="b")
    assert "one after another (the same as b)" in "\n".join(text.lines(passport, [passport, other]))
    assert text.as_json(passport)["sums"][0]["tree"] is None

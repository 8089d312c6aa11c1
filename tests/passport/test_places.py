"""All elements of a result are compared: an order that only some of them have is told, and where they lie."""

from __future__ import annotations

import numpy as np
import pytest
from passport.planted_sums import Planted

from reference_impl.cases.case import Case
from reference_impl.operations import OPERATIONS
from reference_impl.passport import places as module
from reference_impl.passport.element import Probe, middle_of
from reference_impl.passport.masks import Masks
from reference_impl.passport.order import reveal
from reference_impl.passport.places import places

REMAINDER = Case.parse("n1_h2w3c8_k1x1o37")  # 37 channels are 32 and 5
PADDED = Case.parse("n2_h3w5c2_k3x2o4_p1,1,1,0")


class OtherwiseAt(Planted):
    """Adds from the last product to the first in some elements of its result."""

    def __init__(self, where, other="reversed"):
        super().__init__()
        self.where, self.other = where, Planted(other)

    def _sum(self, terms, dtype):
        found = super()._sum(terms, dtype)
        found[self.where] = self.other._sum(terms, dtype)[self.where]
        return found


class InGroups:
    """Calls a planted kernel for each group."""

    def __init__(self, order):
        self.kernel = Planted(order)

    def conv2d(self, input, filters, groups, **options):
        parts = zip(np.split(input, groups, 3), np.split(filters, groups, 3), strict=True)
        return np.concatenate([self.kernel.conv2d(x, w, groups=1, **options) for x, w in parts], 3)

    def conv2d_backprop_input(self, input_sizes, filters, out_backprop, groups, **options):
        sizes = (*input_sizes[:3], input_sizes[3] // groups)
        parts = zip(np.split(filters, groups, 3), np.split(out_backprop, groups, 3), strict=True)
        return np.concatenate(
            [self.kernel.conv2d_backprop_input(sizes, w, g, groups=1, **options) for w, g in parts], 3
        )

    def conv2d_transpose(self, input, filters, output_shape, **options):
        return self.conv2d_backprop_input(output_shape, filters, input, **options)

    def conv2d_backprop_filter(self, input, filter_sizes, out_backprop, groups, **options):
        sizes = (*filter_sizes[:3], filter_sizes[3] // groups)
        parts = zip(np.split(input, groups, 3), np.split(out_backprop, groups, 3), strict=True)
        return np.concatenate(
            [self.kernel.conv2d_backprop_filter(x, sizes, g, groups=1, **options) for x, g in parts], 3
        )


def compared(kernel, operation, case):
    masks = Masks(Probe(lambda calls: [call.run(kernel) for call in calls], middle_of(operation, case)))
    return places(masks, reveal(masks))


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("case", [PADDED, Case.parse("n2_h7w5c4_k2x3o6_s2x1_d2x1_g2_SAME")], ids=str)
def test_same_order_is_seen_at_all_places(case, operation):
    found = compared(InGroups("reversed"), operation, case)
    assert found.differ == ()
    assert found.unknown == ""
    assert found.compared > found.elements // 3  # with strides, others have other taps


@pytest.mark.parametrize(
    ("where", "said"),
    [
        (np.s_[:, :, -1], "the last column only"),
        (np.s_[:, 0], "the first row only"),
        (np.s_[:1], "the first image only"),
        (np.s_[:, -1, -1, -1], "the last row only, the last column only, the last output channel only"),
    ],
)
def test_other_order_at_a_border_is_told(where, said):
    found = compared(OtherwiseAt(where), "conv2d", PADDED)
    (one,) = {difference.order.partition(",")[0] for difference in found.differ}
    assert one == "one after another"
    assert any(difference.where.startswith(said.partition(",")[0]) for difference in found.differ)
    assert "reversed" in found.words
    assert found.words.startswith("ANOTHER order at ")


def test_lanes_in_which_padding_takes_part_are_named():
    """At a border fewer products are left, and their tree has no name of its own."""
    case = Case.parse("n1_h4w5c3_k3x3o3_SAME")
    orders = {one.order for one in compared(OtherwiseAt(np.s_[..., -1], "4 lanes"), "conv2d", case).differ}
    assert "4 lanes, added pairwise, channels inner" in orders
    assert "4 lanes, added pairwise, channels inner, where padding has products of 0" in orders
    assert not any("no order" in order for order in orders)


def test_other_order_in_the_remainder_of_channels_is_told():
    found = compared(OtherwiseAt(np.s_[..., 32:]), "conv2d", REMAINDER)
    (one,) = found.differ
    assert (one.where, one.count, one.order) == (
        "output channels 32 to 36 of 0 to 36",
        30,
        "one after another, reversed",
    )


@pytest.mark.parametrize(
    ("operation", "where", "said"),
    [
        ("conv2d_backprop_input", np.s_[:, :, -1], "last column"),
        ("conv2d_backprop_filter", np.s_[-1], "last kernel row"),
        ("conv2d_backprop_filter", np.s_[..., -1], "last output channel"),
        ("conv2d_transpose", np.s_[..., 0], "first output channel"),
    ],
)
def test_other_order_is_told_in_each_operation(operation, where, said):
    found = compared(OtherwiseAt(where), operation, PADDED)
    assert found.differ
    assert all(said in difference.where for difference in found.differ)


def test_fewest_elements_come_first():
    class Two(OtherwiseAt):
        def _sum(self, terms, dtype):
            found = super()._sum(terms, dtype)
            found[..., 0] = Planted("pairwise")._sum(terms, dtype)[..., 0]
            return found

    found = compared(Two(np.s_[..., 32:]), "conv2d", REMAINDER)
    assert [one.order for one in found.differ] == ["pairwise", "one after another, reversed"]
    assert found.words == (
        "ANOTHER order at 36 of 222 places: the first output channel only (6, first [0, 0, 0, 0]): pairwise; "
        "output channels 32 to 36 of 0 to 36 (30, first [0, 0, 0, 32]): one after another, reversed"
    )


def test_of_a_large_result_borders_and_the_last_tile_are_looked_at(monkeypatch):
    monkeypatch.setattr(module, "_MOST_LOOKED_AT", 100)
    found = compared(Planted(), "conv2d", REMAINDER)
    assert found.words == "the same order at all 114 places looked at, of 222"
    found = compared(OtherwiseAt(np.s_[..., 32:]), "conv2d", REMAINDER)
    (one,) = found.differ
    assert one.where == "output channel 32, 33, 34, 35, 36"


def test_kernel_that_looks_at_its_data_is_not_compared():
    class LooksAtData(Planted):
        def conv2d(self, input, filters, **options):
            self.order = "reversed" if (input == input.flat[0]).all() else "sequential"
            return super().conv2d(input, filters, **options)

    found = compared(LooksAtData(), "conv2d", REMAINDER)
    assert found.words.startswith("not compared: with one array the same everywhere")


def test_one_place_is_told_as_one():
    assert module.Places(1, 1).words == "the same order at the one place"

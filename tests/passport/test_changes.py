"""The number of channels at which a kernel turns to another order is found."""

from __future__ import annotations

import pytest
from passport.planted_sums import Pointwise

from reference_impl.passport import changes as module
from reference_impl.passport.changes import changes


def told(order_of, operation="conv2d", offers=lambda operation, case: True):
    kernel = Pointwise(order_of)
    return list(changes(lambda calls: [call.run(kernel) for call in calls], operation, "float32", offers))


@pytest.fixture(autouse=True)
def _fewer_channels(monkeypatch):
    monkeypatch.setattr(module, "CHANNELS", (8, 16, 64, 128))


@pytest.mark.parametrize("operation", ["conv2d", "conv2d_backprop_input"])
@pytest.mark.parametrize("most", [16, 63])
def test_change_is_found(most, operation):
    assert told(lambda channels: "sequential" if channels <= most else "8 lanes", operation) == [
        f"changes between {most} and {most + 1} channels: from one after another, to 8 lanes, added pairwise"
    ]


def test_two_changes_are_found():
    found = told(lambda channels: "pairwise" if channels < 10 else "sequential" if channels < 100 else "reversed")
    assert [one.partition(":")[0] for one in found] == [
        "changes between 9 and 10 channels",
        "changes between 99 and 100 channels",
    ]


@pytest.mark.parametrize("order", ["sequential", "reversed", "8 lanes", "pairwise", "split in 3"])
def test_order_that_is_kept_is_no_change(order):
    assert told(lambda channels: order) == []


def test_first_size_with_two_blocks_is_a_change():
    assert told(lambda channels: "blocks of 16") == [
        "changes between 17 and 18 channels: from one after another, "
        "to blocks of 16, the last of 2; within each one after another"
    ]


def test_cases_that_are_not_offered_are_not_asked():
    asked = []

    def order_of(channels):
        asked.append(channels)
        return "sequential"

    assert told(order_of, offers=lambda operation, case: case.input_channels < 20) == []
    assert set(asked) == {8, 16}

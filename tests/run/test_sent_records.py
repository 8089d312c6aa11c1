"""The records of a call come through the channel as they were, and take little memory."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace

import pytest

from reference_impl.run.outcome import FIELDS, Record
from reference_impl.run.processes.sent_records import received, sent

PLAIN = Record("torch", "2.13.0", "conv2d", "n2_h7w9c3_k3x2o4", "exact", "pass", argument="torch", environment="avx2")
# Every field is unlike that of PLAIN.
OTHER = Record(
    *(0.5 if name in ("ratio", "median_ratio") else 3 if name == "seed" else f"other {name}" for name in FIELDS)
)


def through_the_channel(records):
    return list(received(json.loads(json.dumps(sent(records)))))


@pytest.mark.parametrize(
    "records",
    [
        [],
        [PLAIN],
        [PLAIN, OTHER],
        [OTHER, PLAIN, OTHER],
        *([PLAIN, replace(PLAIN, **{name: getattr(OTHER, name)})] for name in FIELDS),
    ],
)
def test_records_come_through_as_they_were(records):
    assert through_the_channel(records) == records


def test_what_is_alike_is_sent_once():
    passed = [replace(PLAIN, check=f"check {number}") for number in range(10)]
    assert len(json.dumps(sent(passed))) < 3 * len(json.dumps(sent(passed[:1])))


def test_records_take_little_memory():
    """A run holds half a million: with a dictionary and strings of its own, each would take a kilobyte."""
    count = 1000
    calls = [json.dumps(sent([replace(PLAIN, check=f"check {check}") for check in range(10)]))] * (count // 10)
    tracemalloc.start()
    try:
        held = [record for call in calls for record in received(json.loads(call))]
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(held) == count
    assert taken / count < 250  # bytes

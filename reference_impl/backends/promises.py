"""Promises about the bits of answers, which a backend may declare, and which `verify --require` holds it to."""

from __future__ import annotations

DETERMINISTIC, BATCH, LAYOUT, THREAD = "deterministic", "batch-invariant", "layout-invariant", "thread-invariant"
# The promise of each word.
PROMISES = {
    DETERMINISTIC: "the same call gives the same bits each time",
    BATCH: "an image gives the same bits at every place in a batch, and at every batch size",
    LAYOUT: "arrays give the same bits in every memory layout",
    THREAD: "the same call gives the same bits on 1, 2 and 4 threads",
}

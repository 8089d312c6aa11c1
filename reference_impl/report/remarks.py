"""Observations on right answers, where more than one is right; and counts of invalid calls that were refused."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from rich import box
from rich.table import Table

from ..console import plain_name
from ..run import outcome
from ..run.outcome import Record
from ..run.whole_backend import REFUSES


def remarks_table(records: Iterable[Record], backends: Mapping[str, str]) -> Table | None:
    """Count the remarks: a row for each backend, a column for each subject of remarks.

    `backends` gives the name that is shown of each.
    """
    counted: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for record in records:
        if record.remark is not None and record.outcome == outcome.PASS:
            about, _, what = record.remark.partition(": ")
            counted[about][record.backend][what] += 1
    if not counted:
        return None
    table = Table("seen, in so many calls", *counted, box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for backend, shown in backends.items():
        told = (sorted(by_backend[backend].items()) for by_backend in counted.values())
        row = [", ".join(f"{what} {count}" for what, count in found) for found in told]
        if any(row):
            table.add_row(shown, *row)
    return table


def refusals(records: Iterable[Record]) -> list[str]:
    """Write a sentence on each backend that was given invalid calls."""
    counted: dict[str, Counter[str]] = {}
    for record in records:
        if record.check == REFUSES and record.outcome != outcome.UNSUPPORTED:
            counted.setdefault(record.backend, Counter())[record.outcome] += 1
    return [
        f"{plain_name(backend)} refused {counts[outcome.PASS]} of {counts.total()} invalid calls"
        + (f"; {counts[outcome.KNOWN]} it is known not to refuse" if counts[outcome.KNOWN] else "")
        for backend, counts in counted.items()
    ]

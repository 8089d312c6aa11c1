"""The records of a call on their way from the process that judges: fields that are alike are sent once."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any

from ..outcome import Record

Sent = list[list[Any]]
"""The values of the first record; of each further one, the values that differ from it, after their places."""


def sent(records: Sequence[Record]) -> Sent:
    """Make what is sent of the records of one call."""
    if not records:
        return []
    first = records[0].values
    return [list(first), *(_differing(first, record.values) for record in records[1:])]


def _differing(first: Sequence[Any], values: Sequence[Any]) -> list[Any]:
    return [part for place, value in enumerate(values) if value != first[place] for part in (place, value)]


def received(rows: Sent) -> Iterator[Record]:
    """Make the records anew. Equal strings are one object, also in records of other calls."""
    first: list[Any] = []
    for row in rows:
        if not first:
            first = [sys.intern(value) if type(value) is str else value for value in row]
            yield Record(*first)
            continue
        values = first.copy()
        for place, value in zip(row[::2], row[1::2], strict=True):
            values[place] = sys.intern(value) if type(value) is str else value
        yield Record(*values)

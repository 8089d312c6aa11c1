"""What was seen of right answers, where more than one way is right; and how invalid calls were met."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from rich import box
from rich.table import Table

from . import outcome
from .apart import REFUSES
from .outcome import Record


def remarks_table(records: Iterable[Record], backends: Sequence[str]) -> Table | None:
    """How often each backend was seen to do what; None if nothing was observed."""
    counted = Counter(
        (record.remark, record.backend)
        for record in records
        if record.remark is not None and record.outcome == outcome.PASS
    )
    seen = sorted({text for text, backend in counted if backend in backends})
    if not seen:
        return None
    shown = [backend for backend in backends if any(counted[text, backend] for text in seen)]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("seen, in so many calls", min_width=40)
    for backend in shown:
        table.add_column(backend.replace(":", "\n:"), justify="right")
    for text in seen:
        table.add_row(text, *(str(counted[text, backend] or "") for backend in shown))
    return table


def refusals(records: Iterable[Record]) -> list[str]:
    """A sentence on each backend that was given invalid calls."""
    counted: dict[str, Counter[str]] = {}
    for record in records:
        if record.check == REFUSES and record.outcome != outcome.UNSUPPORTED:
            counted.setdefault(record.backend, Counter())[record.outcome] += 1
    return [
        f"{backend} refused {counts[outcome.PASS]} of {counts.total()} invalid calls"
        + (f"; {counts[outcome.KNOWN]} it is known not to" if counts[outcome.KNOWN] else "")
        for backend, counts in counted.items()
    ]

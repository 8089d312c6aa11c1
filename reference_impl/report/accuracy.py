"""The accuracy table: how far answers on real data are from the exact ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from rich import box
from rich.table import Table

from ..operations import OPERATIONS
from ..run.outcome import PASS, Record

LEGEND = (
    "Accuracy: |answer - exact| / (eps * gauge). First the worst element of all cases, then the median of the cases' "
    "medians. Below 16 passes."
)

_Ratios = dict[tuple[str, str, str], list[Record]]


def accuracy_tables(records: Iterable[Record], backends: Mapping[str, str]) -> list[Table]:
    """Make a table for each dtype that was measured: a row for each backend, a column for each operation.

    `backends` gives the name that is shown of each. An operation that was not measured has no column.
    """
    measured = _measured(records)
    tables = []
    for dtype in sorted({dtype for *_, dtype in measured}):
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), title=dtype, title_justify="left")
        table.add_column("backend", no_wrap=True)
        operations = [name for name in OPERATIONS if any((one, name, dtype) in measured for one in backends)]
        for operation in operations:
            table.add_column(operation.replace("_", "_\n"), justify="right")
        for backend, shown in backends.items():
            row = [_cell(measured.get((backend, operation, dtype), [])) for operation in operations]
            if any(row):
                table.add_row(shown, *row)
        tables.append(table)
    return tables


def _measured(records: Iterable[Record]) -> _Ratios:
    """The records that have a ratio of accuracy, by backend, operation and dtype."""
    found: _Ratios = defaultdict(list)
    for record in records:
        if record.check == "rounded" and record.outcome == PASS and record.median_ratio is not None:
            found[record.backend, record.operation, record.dtype].append(record)
    return found


def _median(record: Record) -> float:
    assert record.median_ratio is not None
    return record.median_ratio


def _cell(records: Sequence[Record]) -> str:
    if not records:
        return ""
    worst = max(record.ratio for record in records if record.ratio is not None)
    return f"{worst:.2f} / {median(map(_median, records)):.3f}"

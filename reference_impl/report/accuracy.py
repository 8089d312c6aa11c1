"""How far answers on real data are from the exact ones: the accuracy table, and who is nearer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import median

from rich import box
from rich.table import Table

from ..operations import OPERATIONS
from ..run.outcome import PASS, Record

LEGEND = (
    "Accuracy: |answer - exact| / (eps * gauge), the worst element of all cases / the median of the cases' medians; "
    "below 16 passes."
)

_Ratios = dict[tuple[str, str, str], list[Record]]


def accuracy_tables(records: Iterable[Record], backends: Sequence[str]) -> list[Table]:
    """One for each dtype in which anything was measured; rows are backends, columns operations."""
    measured = _measured(records)
    tables = []
    for dtype in sorted({dtype for *_, dtype in measured}):
        table = Table("backend", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), title=dtype, title_justify="left")
        for operation in OPERATIONS:
            table.add_column(operation.replace("_", "_\n"), justify="right")
        for backend in backends:
            row = [_cell(measured.get((backend, operation, dtype), [])) for operation in OPERATIONS]
            if any(row):
                table.add_row(backend, *row)
        tables.append(table)
    return tables


def nearer(records: Iterable[Record], one: str, other: str) -> list[str]:
    """For each operation and dtype on which both were measured, which of two backends is nearer to the exact answer."""
    measured = _measured(records)
    said = []
    for _, operation, dtype in sorted(key for key in measured if key[0] == one):
        first = {record.case: record for record in measured[one, operation, dtype]}
        second = {record.case: record for record in measured.get((other, operation, dtype), [])}
        both = sorted(set(first) & set(second))
        differing = [case for case in both if _median(first[case]) != _median(second[case])]
        if not differing:
            continue
        wins = sum(_median(first[case]) < _median(second[case]) for case in differing)
        name, count = (one, wins) if 2 * wins >= len(differing) else (other, len(differing) - wins)
        medians = [median(_median(side[case]) for case in differing) for side in (first, second)]
        said.append(
            f"{operation} {dtype}: {name} is nearer to the exact answer in {count} of the {len(differing)} cases that "
            f"differ (median ratios {one} {medians[0]:.2g}, {other} {medians[1]:.2g})"
        )
    return said


def _measured(records: Iterable[Record]) -> _Ratios:
    """(backend, operation, dtype) -> the records that have a ratio of accuracy."""
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

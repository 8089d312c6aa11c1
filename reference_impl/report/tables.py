"""The tables of a run. Backends are rows, as there may be many; operations are columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from ..cases.case import PADDING_MODES
from ..console import PlainConsole, plain_name
from ..operations import OPERATIONS
from ..run import outcome
from ..run.subject import Subject
from . import accuracy, remarks
from .tally import Cells, Tally

LEGEND = (
    "A number counts the calls that agreed with the oracle to the bit: right shape and dtype, every element equal, "
    "arguments unchanged and, where asked again, the same bits twice. c: agreed too, but the adapter composed the "
    "call, as the framework has no such mode. ✗: failed. k: failed as known_failures/ expects of this version. "
    "m: agreed, on data that prove little. s: not judged, as the suite itself failed. u: declared unsupported. (25%): "
    "a slow backend, which was given that part of the cases."
)

# A terminal has room for this many columns of backends.
_MOST_COLUMNS = 4


def print_tables(console: PlainConsole, tally: Tally, subjects: Sequence[Subject], *, full: bool) -> None:
    """Print what a run says of the calls that passed."""
    cells, names = tally.cells(), [subject.name for subject in subjects]
    if cells:
        told = ((plain_name(subject.name).partition(" (")[0], plain_name(subject.version)) for subject in subjects)
        console.print(", ".join(dict.fromkeys(f"{name.partition(':')[0]} {version}" for name, version in told)))
        if len(subjects) > 1:
            console.print(by_operation(cells, subjects, full=full))
        plain = [subject for subject in subjects if not subject.is_route]
        console.print(by_padding(cells, subjects if len(subjects) <= _MOST_COLUMNS else plain[:_MOST_COLUMNS]))
        console.print(LEGEND)
        console.print()
    measured = accuracy.accuracy_tables(tally.records, names)
    if measured:
        console.print(*measured, accuracy.LEGEND)
    seen = remarks.remarks_table(tally.records, names)
    if seen:
        console.print(seen)
    for line in remarks.refusals(tally.records):
        console.print(line)


def by_operation(cells: Cells, subjects: Sequence[Subject], *, full: bool = True) -> Table:
    """Make a row for each backend. Unless `full`, it says which share of the cases the backend was given."""
    table = Table("backend", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for operation in OPERATIONS:
        table.add_column(operation.replace("_", "_\n"), justify="right")
    for subject in subjects:
        share = subject.capabilities.share
        note = f" ({share:.0%})" if share < 1 and not full else ""
        row: list[Text] = []
        for operation in OPERATIONS:
            counts = [found for (name, of, _), found in cells.items() if (name, of) == (subject.name, operation)]
            row.append(_cell(sum(counts, Counter())))
        table.add_row(Text(plain_name(subject.name)).append(note, "dim"), *row)
    return table


def by_padding(cells: Cells, subjects: Sequence[Subject]) -> Table:
    """Make a row for each padding mode of each operation that a backend offers, and a column for each backend."""
    table = Table("operation", "padding", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for subject in subjects:
        name = plain_name(subject.name)
        name = name.replace(":", "\n:") if subject.adapter else name.replace(" (", "\n(")
        table.add_column(f"{name}\n{plain_name(subject.version)}", justify="right")
    for operation in OPERATIONS:
        if not any(operation in subject.capabilities.operations for subject in subjects):
            continue
        modes = [mode for mode in PADDING_MODES if any((s.name, operation, mode) in cells for s in subjects)]
        for mode in modes:
            row = [_cell(cells.get((subject.name, operation, mode))) for subject in subjects]
            table.add_row(operation if mode == modes[0] else "", mode, *row, end_section=mode == modes[-1])
    return table


def _cell(counts: Counter[str] | None) -> Text:
    if not counts:
        return Text()
    said: list[str | tuple[str, str]] = []
    if counts[outcome.PASS]:
        said.append(str(counts[outcome.PASS]))
    if counts["composed"]:
        said.append(f"c{counts['composed']}")
    failed = sum(counts[name] for name in outcome.UNEXPECTED if name != outcome.SUITE)
    if failed:
        said.append((f"✗{failed}", "bold red"))
    if counts[outcome.SUITE]:
        said.append(f"s{counts[outcome.SUITE]}")
    if counts[outcome.KNOWN]:
        said.append((f"k{counts[outcome.KNOWN]}", "yellow"))
    if counts[outcome.MISTRUSTED]:
        said.append(f"m{counts[outcome.MISTRUSTED]}")
    if counts[outcome.UNSUPPORTED]:
        said.append((f"u{counts[outcome.UNSUPPORTED]}", "dim"))
    return Text(" ").join(Text.assemble(one) for one in said)

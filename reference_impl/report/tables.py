"""The tables of a run. Backends are rows, as there may be many; operations are columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from ..cases.case import PADDING_MODES
from ..console import PlainConsole, plain_name, short_name
from ..operations import OPERATIONS
from ..run import outcome
from ..run.subject import Subject
from . import accuracy, remarks
from .tally import SLOW, Cells, Tally

AGREED = (
    "A number counts the calls that agreed with the oracle to the bit: right shape and dtype, every element equal, "
    "arguments unchanged and, where asked again, the same bits twice."
)
_MARKS = {
    "c": "agreed too, but the adapter composed the call, as the framework has no such mode.",
    "✗": "failed.",
    "k": "failed as expected of this version.",
    "m": "agreed, on data that prove little.",
    "s": "not judged, as the suite itself failed.",
    "t": "not made, as calls take too long or hang.",
    "u": "declared unsupported.",
    "%": "a slow backend, which was given that part of the cases.",
}
# At up to so many columns of a terminal, names have at most so many letters.
_NARROW, _MOST_OF_A_NAME = 100, 28

# A terminal has room for this many columns of backends.
_MOST_COLUMNS = 4


def print_summary(
    console: PlainConsole, tally: Tally, subjects: Sequence[Subject], operations: Sequence[str], *, full: bool
) -> None:
    """Print a row for each backend, with the versions and the legend."""
    cells = tally.cells()
    if cells:
        _print_versions(console, subjects)
        table = by_operation(cells, subjects, operations, full=full, most=_most_of_a_name(console))
        console.print(table)
        slow = not full and any(subject.capabilities.share < 1 for subject in subjects)
        console.prose(legend(cells, slow=slow))
        console.print()


def print_tables(
    console: PlainConsole, tally: Tally, subjects: Sequence[Subject], operations: Sequence[str] = OPERATIONS
) -> None:
    """Print the tables of the calls by padding mode, of accuracy, and of what was seen."""
    cells, most = tally.cells(), _most_of_a_name(console)
    names = {subject.name: short_name(subject.name, most) for subject in subjects}
    if cells:
        plain = [subject for subject in subjects if not subject.is_route]
        shown = subjects if len(subjects) <= _MOST_COLUMNS else plain[:_MOST_COLUMNS]
        if shown:
            if len(subjects) == 1:
                _print_versions(console, subjects)
            console.print(by_padding(cells, shown, operations))
            if len(subjects) == 1:
                offered = {key: counts for key, counts in cells.items() if key[1] in shown[0].capabilities.operations}
                console.prose(legend(offered))
            console.print()
    measured = accuracy.accuracy_tables(tally.records, names)
    if measured:
        console.print(*measured)
        console.prose(accuracy.LEGEND)
    seen = remarks.remarks_table(tally.records, names)
    if seen:
        console.print(seen)
    for line in remarks.refusals(tally.records):
        console.prose(line)


def _print_versions(console: PlainConsole, subjects: Sequence[Subject]) -> None:
    told = ((plain_name(subject.name).partition(" (")[0], plain_name(subject.version)) for subject in subjects)
    console.prose(", ".join(dict.fromkeys(f"{name.partition(':')[0]} {version}" for name, version in told)))


def _most_of_a_name(console: PlainConsole) -> int:
    return _MOST_OF_A_NAME if console.width <= _NARROW else 100


def legend(cells: Cells, *, slow: bool = False) -> str:
    """Explain the marks that are in the cells, and no others; `slow` if a share is shown beside a name."""
    shown = "".join(_cell(counts).plain for counts in cells.values()) + ("%" if slow else "")
    told = [f"{'(25%)' if mark == '%' else mark}: {said}" for mark, said in _MARKS.items() if mark in shown]
    return " ".join([AGREED, *told])


def by_operation(
    cells: Cells,
    subjects: Sequence[Subject],
    operations: Sequence[str] = OPERATIONS,
    *,
    full: bool = True,
    most: int = 100,
) -> Table:
    """Make a row for each backend, with `most` letters of its name.

    Unless `full`, it says which share of the cases the backend was given.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("backend", no_wrap=True)
    for operation in operations:
        table.add_column(operation.replace("_", "_\n"), justify="right")
    for subject in subjects:
        share = subject.capabilities.share
        note = f" ({share:.0%})" if share < 1 and not full else ""
        row: list[Text] = []
        for operation in operations:
            counts = [found for (name, of, _), found in cells.items() if (name, of) == (subject.name, operation)]
            row.append(_cell(sum(counts, Counter())))
        table.add_row(Text(short_name(subject.name, most - len(note))).append(note, "dim"), *row)
    return table


def by_padding(cells: Cells, subjects: Sequence[Subject], operations: Sequence[str] = OPERATIONS) -> Table:
    """Make a row for each padding mode of each operation that a backend offers, and a column for each backend."""
    table = Table("operation", "padding", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for subject in subjects:
        name = plain_name(subject.name)
        name = name.replace(":", "\n:") if subject.adapter else name.replace(" (", "\n(")
        table.add_column(f"{name}\n{plain_name(subject.version)}", justify="right")
    for operation in operations:
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
    if counts[SLOW]:
        said.append((f"t{counts[SLOW]}", "dim"))
    if counts[outcome.UNSUPPORTED]:
        said.append((f"u{counts[outcome.UNSUPPORTED]}", "dim"))
    return Text(" ").join(Text.assemble(one) for one in said)

"""The calls of a run in little room: a page of 200,000 records must open at once.

Columns of small numbers stand for the records, and each text is written once. The page unpacks them when they are
asked for.
"""

from __future__ import annotations

import base64
import gzip
import json
import math
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ...console import plain_name, plain_text
from ...run.outcome import UNEXPECTED, Record
from ...run.whole_backend import WHOLE_BACKEND_CHECKS
from ..tally import severity

# A text of others has at most so many letters on the page, and all of them together so many. --json keeps them.
_MOST_LETTERS, _MOST_OF_ALL = 4_000, 8_000_000
_LEFT_OUT = "(The page has no room for this text: --json FILE has it.)"


@dataclass(frozen=True)
class Calls:
    """Packed calls. `left_out` says which calls are not among them, or is empty."""

    packed: str
    calls: int
    records: int
    backends: Sequence[str]
    operations: Sequence[str]
    checks: Sequence[str]
    outcomes: Sequence[str]
    left_out: str = ""


class _Words:
    """Texts, each with its number. A text that is met again keeps its number."""

    def __init__(self, first: Iterable[str] = ()) -> None:
        self.numbers = {word: number for number, word in enumerate(first)}

    def __call__(self, word: str) -> int:
        return self.numbers.setdefault(word, len(self.numbers))

    @property
    def shown(self) -> list[str]:
        return list(map(plain_name, self.numbers))


class _Texts(_Words):
    """Texts of any length, cut to the room that there is. Number 0 is no text."""

    def __init__(self) -> None:
        super().__init__([""])
        self.cut = [""]
        self._room = _MOST_OF_ALL

    def __call__(self, word: str) -> int:
        number = super().__call__(word)
        if number == len(self.cut):
            shown = cut(word) if self._room > 0 else _LEFT_OUT
            self._room -= len(shown)
            self.cut.append(shown)
        return number


def cut(text: str) -> str:
    """Make a text of others fit for a page: control characters become visible, and a long text is cut."""
    shown = plain_text(text[: 2 * _MOST_LETTERS])
    if max(len(text), len(shown)) <= _MOST_LETTERS:
        return shown
    return f"{shown[:_MOST_LETTERS]}... ({len(text):,} letters: --json FILE has them all)"


def packed(records: Iterable[Record], backends: Sequence[str], *, left_out: str = "") -> Calls:
    """Pack records, those of one call together, the worst calls first. `backends` numbers the backends."""
    by_call: dict[tuple, list[Record]] = {}
    for record in records:
        of_whole = record.check if record.check in WHOLE_BACKEND_CHECKS else None
        by_call.setdefault((*record.call, of_whole), []).append(record)
    whole = {id(some) for key, some in by_call.items() if key[-1]}
    calls = sorted(by_call.values(), key=lambda some: (min(map(severity, some)), id(some) in whole))
    names, operations, cases, checks = _Words(backends), _Words(), _Words(), _Words()
    outcomes, modes, texts = _Words(), _Words(), _Texts()
    commands: dict[tuple[str, str], int] = {}
    of_calls: list[list[int]] = [[], [], [], [], [], []]
    of_records: list[list[float | None]] = [[], [], [], [], []]
    for some in calls:
        first = some[0]
        row = names(first.backend), operations(first.operation), cases(first.case), texts(first.invalid_call or "")
        command = commands.setdefault(_command(first), len(commands))
        for column, number in zip(of_calls, (*row, command, len(some)), strict=True):
            column.append(number)
        for record in sorted(some, key=severity):
            said = texts(_said(record))
            facts = checks(record.check), outcomes(record.outcome), modes(record.mode), _ratio(record.ratio), said
            for each, fact in zip(of_records, facts, strict=True):
                each.append(fact)
    data = {
        "calls": of_calls,
        "records": of_records,
        "backends": names.shown,
        "operations": operations.shown,
        "cases": list(cases.numbers),
        "checks": checks.shown,
        "outcomes": outcomes.shown,
        "bad": [name in UNEXPECTED for name in outcomes.numbers],
        "modes": modes.shown,
        "texts": texts.cut,
        "commands": list(commands),
    }
    text = json.dumps(data, separators=(",", ":"))
    return Calls(
        packed=base64.b64encode(gzip.compress(text.encode(), 6, mtime=0)).decode(),
        calls=len(calls),
        records=len(of_records[0]),
        backends=names.shown,
        operations=operations.shown,
        checks=checks.shown,
        outcomes=outcomes.shown,
        left_out=left_out,
    )


def _said(record: Record) -> str:
    return "\n".join(filter(None, (record.message, record.diagnosis, record.remark, record.implementation)))


def _ratio(ratio: float | None) -> float | None:
    """JSON knows no infinity."""
    return None if ratio is None or not math.isfinite(ratio) else float(f"{ratio:.3g}")


def _command(record: Record) -> tuple[str, str]:
    """Return the start of the command that makes a call like this again, and the option that names the call."""
    if record.argument is None:
        return f"check_backend(your_backend, seed={record.seed}, cases=[", "python"
    start = f"python -m reference_impl verify --seed {record.seed} --backend {shlex.quote(record.argument)}"
    return plain_text(start), "check" if record.check in WHOLE_BACKEND_CHECKS else "cases"

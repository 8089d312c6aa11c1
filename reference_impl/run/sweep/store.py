"""Store: the results of a sweep in one file, an SQLite database, chunk by chunk.

A chunk is added in one transaction, which is on the disk before the next chunk is told of. So a sweep that is killed
loses only the chunks that were being judged.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from ...bugs.judged_call import JudgedCall
from ...cases.case import Case
from .database import StoreError, check, connect, make_tables, told, transaction
from .judging import ChunkResult, Failure
from .machine import Machine


@dataclass(frozen=True)
class Sweep:
    """A sweep, as it was begun.

    Parameters
    ----------
    scope : the name of the scope, or the path of its file
    identity : what `Scope.identity` says of its content
    dtype : that of all calls, or None for those of the cases
    chunks, configurations : int, or None for a scope without end
    machine : the one that judges
    """

    scope: str
    identity: str
    dtype: str | None
    chunks: int | None
    configurations: int | None
    seed: int
    machine: Machine

    def difference(self, other: Sweep) -> str | None:
        """Say in which way another sweep differs, or None if their results belong together."""
        if self.identity != other.identity:
            names = f"{self.scope} and {other.scope}"
            return f"scope: {names}" if self.scope != other.scope else f"content of the scope {self.scope}"
        if self.dtype != other.dtype:
            return f"dtype: {self.dtype or 'that of the cases'} and {other.dtype or 'that of the cases'}"
        if self.seed != other.seed:
            return f"seed: {self.seed} and {other.seed}"
        return self.machine.difference(other.machine)


@dataclass(frozen=True)
class Backend:
    """A backend that is swept: the argument that loads it, its name in reports, and its version."""

    argument: str
    name: str
    version: str


@dataclass
class Totals:
    """The sums over all chunks of a backend that are done."""

    chunks: int = 0
    asked: int = 0
    passed: int = 0
    known: int = 0
    failed: int = 0
    unsupported: Counter[str] = field(default_factory=Counter)
    unasked: Counter[str] = field(default_factory=Counter)
    doubts: list[str] = field(default_factory=list)
    seconds: Counter[str] = field(default_factory=Counter)

    @property
    def configurations(self) -> int:
        """The number of configurations that are dealt with, whatever came of them."""
        return number_of_configurations(self)


def number_of_configurations(result: ChunkResult | Totals) -> int:
    """Return the number of configurations that a result is about. Each doubt is about one."""
    return result.asked + sum(result.unsupported.values()) + sum(result.unasked.values()) + len(result.doubts)


class Store:
    """A store that is open. Nobody else can write to it, or read it, until it is closed."""

    def __init__(self, connection: sqlite3.Connection, path: Path | None) -> None:
        self._connection, self.path = connection, path
        self.sweep = self._read_sweep()
        self._numbers = {backend.argument: number for number, backend in self._backends()}

    @classmethod
    def create(cls, path: Path | None, sweep: Sweep) -> Store:
        """Make the store of a sweep that begins. The file must not exist, or be empty. None: keep it in memory."""
        if path is not None and path.exists() and path.stat().st_size:
            raise StoreError(f"{path} exists: continue it with --resume, or give another file")
        with told(path):
            connection = connect(path)
            try:
                with transaction(connection):
                    make_tables(connection)
                    row = {**vars(sweep), "machine": json.dumps(asdict(sweep.machine))}
                    connection.execute(
                        "INSERT INTO sweep (scope, identity, dtype, chunks, configurations, seed, machine) "
                        "VALUES (:scope, :identity, :dtype, :chunks, :configurations, :seed, :machine)",
                        row,
                    )
                return cls(connection, path)
            except BaseException:
                connection.close()
                raise

    @classmethod
    def open(cls, path: Path, *, writable: bool = True) -> Store:
        """Open a store. Raises StoreError if it is missing, damaged, of another program or version, or in use."""
        if not path.exists():
            raise StoreError(f"there is no store {path}")
        if not path.is_file():
            raise StoreError(f"a store must be a file; {path} is none")
        if not path.stat().st_size:
            raise StoreError(f"{path} is empty: no sweep was begun in it")
        with told(path):
            connection = connect(path, writable=writable)
            try:
                check(connection, path)
                return cls(connection, path)
            except BaseException:
                connection.close()
                raise

    def add_backend(self, backend: Backend) -> None:
        """Add a backend to those of the store. Raises StoreError if it was another version before."""
        former = next((one for _, one in self._backends() if one.argument == backend.argument), None)
        if former is None:
            with self._writing():
                self._connection.execute(
                    "INSERT INTO backend (argument, name, version) VALUES (:argument, :name, :version)", vars(backend)
                )
            self._numbers = {one.argument: number for number, one in self._backends()}
        elif former.version != backend.version:
            raise StoreError(
                f"{self.path} has results of {former.name} {former.version}, and it is {backend.version} now: "
                "sweep the new version into another store"
            )

    def add(self, number: int, results: Mapping[str, ChunkResult]) -> None:
        """Add the results of a chunk, by the argument of the backend, and write them to the disk.

        A backend's chunk that is there already stays as it is.
        """
        self.add_all((argument, number, result) for argument, result in results.items())

    def add_all(self, results: Iterable[tuple[str, int, ChunkResult]]) -> None:
        """Add the results of many chunks, all or none: the backend's argument, the chunk's number, the result."""
        with self._writing():
            for argument, number, result in results:
                self._add(self._numbers[argument], number, result)

    def _add(self, backend: int, number: int, result: ChunkResult) -> None:
        added = self._connection.execute(
            "INSERT OR IGNORE INTO chunk "
            "(backend, number, asked, passed, known, failed, unsupported, unasked, doubts, seconds) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                backend,
                number,
                result.asked,
                result.passed,
                len(result.known),
                len(result.failures),
                *map(json.dumps, (result.unsupported, result.unasked, result.doubts, result.seconds)),
            ),
        )
        if added.rowcount:
            rows = [_row(backend, number, place, one) for place, one in enumerate((*result.failures, *result.known))]
            self._connection.executemany(f"INSERT INTO failure VALUES ({', '.join('?' * 14)})", rows)

    def backends(self) -> list[Backend]:
        return [backend for _, backend in self._backends()]

    def done(self, argument: str) -> set[int]:
        """Return the numbers of the chunks of a backend that are done."""
        rows = self._query("SELECT number FROM chunk WHERE backend = ?", self._numbers.get(argument))
        return {number for (number,) in rows}

    def totals(self, argument: str) -> Totals:
        """Return the sums over all chunks of a backend that are done."""
        number = self._numbers.get(argument)
        sums = "count(*), total(asked), total(passed), total(known), total(failed)"
        (row,) = self._query(f"SELECT {sums} FROM chunk WHERE backend = ?", number)
        chunks, asked, passed, known, failed = map(int, row)
        found = Totals(chunks, asked, passed, known, failed)
        lists = "unsupported, unasked, doubts, seconds"
        for texts in self._query(f"SELECT {lists} FROM chunk WHERE backend = ? ORDER BY number", number):
            unsupported, unasked, doubts, seconds = map(json.loads, texts)
            found.unsupported.update(unsupported)
            found.unasked.update(unasked)
            found.doubts += doubts
            found.seconds.update(seconds)
        return found

    def failures(self, argument: str) -> Iterator[tuple[int, Failure]]:
        """Yield all failures of a backend, known ones too, with the numbers of their chunks."""
        rows = self._query(
            "SELECT * FROM failure WHERE backend = ? ORDER BY chunk, number", self._numbers.get(argument)
        )
        return ((row[1], _failure(row)) for row in rows)

    def chunk(self, argument: str, number: int) -> ChunkResult:
        """Return the result of a chunk that is done."""
        place = self._numbers[argument], number
        columns = "asked, passed, unsupported, unasked, doubts, seconds"
        (row,) = self._query(f"SELECT {columns} FROM chunk WHERE backend = ? AND number = ?", *place)
        asked, passed, *texts = row
        unsupported, unasked, doubts, seconds = map(json.loads, texts)
        rows = self._query("SELECT * FROM failure WHERE backend = ? AND chunk = ? ORDER BY number", *place)
        failures = [_failure(one) for one in rows]
        return ChunkResult(
            argument,
            asked,
            passed,
            Counter(unsupported),
            Counter(unasked),
            [one for one in failures if one.known is None],
            [one for one in failures if one.known is not None],
            doubts,
            seconds,
        )

    def has_gaps(self, argument: str, number: int) -> bool:
        """Return True if some calls of a chunk were not made, or gave reason to doubt the oracle."""
        place = self._numbers[argument], number
        (row,) = self._query("SELECT unasked, doubts FROM chunk WHERE backend = ? AND number = ?", *place)
        return any(map(json.loads, row))

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        with told(self.path), transaction(self._connection):
            yield

    def _query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with told(self.path):
            return self._connection.execute(statement, values).fetchall()

    def _read_sweep(self) -> Sweep:
        columns = "scope, identity, dtype, chunks, configurations, seed, machine"
        ((scope, identity, dtype, chunks, configurations, seed, machine),) = self._query(f"SELECT {columns} FROM sweep")
        return Sweep(scope, identity, dtype, chunks, configurations, seed, Machine(**json.loads(machine)))

    def _backends(self) -> list[tuple[int, Backend]]:
        rows = self._query("SELECT id, argument, name, version FROM backend ORDER BY id")
        return [(number, Backend(*facts)) for number, *facts in rows]


def _row(backend: int, chunk: int, number: int, failure: Failure) -> tuple[Any, ...]:
    call = failure.call
    facts = call.backend, call.route, call.environment, call.operation, str(call.case), call.outcome, call.check
    return (backend, chunk, number, failure.known, *facts, call.diagnosis, call.implementation, failure.message)


def _failure(row: tuple[Any, ...]) -> Failure:
    known, framework, route, environment, operation, spec, outcome, check, diagnosis, implementation, message = row[3:]
    call = JudgedCall(
        framework, operation, Case.parse(spec), outcome, route, environment, check, diagnosis, implementation
    )
    return Failure(call, message, known)

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
from .judging import ChunkResult, Failure
from .machine import Machine

SCHEMA = 1
# It marks the file as ours: "c2ds" in ASCII.
_APPLICATION = 0x63326473
_IN_MEMORY = ":memory:"
_TABLES = """
CREATE TABLE sweep (
    scope TEXT NOT NULL, identity TEXT NOT NULL, dtype TEXT, chunks INTEGER, configurations INTEGER,
    seed INTEGER NOT NULL, machine TEXT NOT NULL, begun TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE backend (
    id INTEGER PRIMARY KEY, argument TEXT NOT NULL UNIQUE, name TEXT NOT NULL, version TEXT NOT NULL
);
CREATE TABLE chunk (
    backend INTEGER NOT NULL REFERENCES backend, number INTEGER NOT NULL,
    asked INTEGER NOT NULL, passed INTEGER NOT NULL, known INTEGER NOT NULL, failed INTEGER NOT NULL,
    unsupported TEXT NOT NULL, unasked TEXT NOT NULL, doubts TEXT NOT NULL, seconds TEXT NOT NULL,
    at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (backend, number)
) WITHOUT ROWID;
CREATE TABLE failure (
    backend INTEGER NOT NULL, chunk INTEGER NOT NULL, number INTEGER NOT NULL, known TEXT,
    framework TEXT NOT NULL, route TEXT NOT NULL, environment TEXT NOT NULL, operation TEXT NOT NULL,
    spec TEXT NOT NULL, outcome TEXT NOT NULL, name TEXT NOT NULL, diagnosis TEXT, implementation TEXT,
    message TEXT NOT NULL,
    PRIMARY KEY (backend, chunk, number), FOREIGN KEY (backend, chunk) REFERENCES chunk (backend, number)
) WITHOUT ROWID;
"""


class StoreError(ValueError):
    """A store cannot be used. The message says why, and what to do."""


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
        with _told(path):
            connection = _connect(path)
            try:
                with _transaction(connection):
                    for statement in filter(str.strip, _TABLES.split(";")):
                        connection.execute(statement)
                    connection.execute(f"PRAGMA application_id = {_APPLICATION}")
                    connection.execute(f"PRAGMA user_version = {SCHEMA}")
                    told = {**vars(sweep), "machine": json.dumps(asdict(sweep.machine))}
                    connection.execute(
                        "INSERT INTO sweep (scope, identity, dtype, chunks, configurations, seed, machine) "
                        "VALUES (:scope, :identity, :dtype, :chunks, :configurations, :seed, :machine)",
                        told,
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
        with _told(path):
            connection = _connect(path, writable=writable)
            try:
                _check(connection, path)
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
        with _told(self.path), _transaction(self._connection):
            yield

    def _query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with _told(self.path):
            return self._connection.execute(statement, values).fetchall()

    def _read_sweep(self) -> Sweep:
        columns = "scope, identity, dtype, chunks, configurations, seed, machine"
        ((scope, identity, dtype, chunks, configurations, seed, machine),) = self._query(f"SELECT {columns} FROM sweep")
        return Sweep(scope, identity, dtype, chunks, configurations, seed, Machine(**json.loads(machine)))

    def _backends(self) -> list[tuple[int, Backend]]:
        rows = self._query("SELECT id, argument, name, version FROM backend ORDER BY id")
        return [(number, Backend(*told)) for number, *told in rows]


def _connect(path: Path | None, *, writable: bool = True) -> sqlite3.Connection:
    """Open a database, and keep others out of it as long as it is open."""
    if path is None:
        return sqlite3.connect(_IN_MEMORY, isolation_level=None, check_same_thread=False)
    mode = "rwc" if writable else "ro"
    connection = sqlite3.connect(
        f"{path.resolve().as_uri()}?mode={mode}", uri=True, timeout=1, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        if writable:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            # A commit is on the disk, and the file is whole without a second one beside it: a log would be one.
            connection.execute("PRAGMA synchronous = EXTRA")
            connection.execute("PRAGMA journal_mode = DELETE")
            connection.execute("BEGIN EXCLUSIVE")  # it is locked from now on, and not from the first chunk on
            connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection, path: Path) -> None:
    """Raise StoreError unless the file is a whole store of this version."""
    ((application,),) = connection.execute("PRAGMA application_id")
    if application != _APPLICATION:
        raise StoreError(f"{path} is a database of another program: give another file")
    ((schema,),) = connection.execute("PRAGMA user_version")
    if schema != SCHEMA:
        raise StoreError(
            f"the schema of a store must be {SCHEMA}; that of {path} is {schema}: "
            "use the version of conv2d-reference-impl that made it, or another file"
        )
    wrong = [said for (said,) in connection.execute("PRAGMA quick_check(1)") if said != "ok"]
    wrong += [
        f"chunk {number} has {failed} failures, of which {there} are there"
        for number, failed, there in connection.execute(
            "SELECT number, failed + known, (SELECT count(*) FROM failure WHERE failure.backend = chunk.backend "
            "AND chunk = chunk.number) AS there FROM chunk WHERE failed + known != there LIMIT 1"
        )
    ]
    if wrong:
        raise sqlite3.DatabaseError(wrong[0])


@contextlib.contextmanager
def _told(path: Path | None) -> Iterator[None]:
    """Tell errors of SQLite in our words."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        said = str(error)
        if "locked" in said or "busy" in said:
            reason = "is in use: wait for the sweep that writes to it, or give another file"
        elif path is not None and Path(f"{path}-journal").exists() and "readonly" in said:
            reason = "was left in the middle of a write: go on with its sweep first (--resume), which puts it right"
        elif "readonly" in said or "read-only" in said:
            reason = "must be writable; it is not, or its folder is not"
        elif "not a database" in said:
            reason = "is no store of a sweep: give another file"
        elif "unable to open" in said:
            reason = "cannot be opened: its folder must exist and be writable"
        elif "disk" in said and "full" in said:
            reason = "could not be written, as the disk is full: make room, and continue with --resume"
        elif "disk I/O" in said:
            reason = "could not be read or written (disk I/O error): see to the disk, and continue with --resume"
        else:
            reason = f"is damaged ({said}): restore a copy of it, or begin another"
        raise StoreError(f"{path or 'the store in memory'} {reason}") from error


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _row(backend: int, chunk: int, number: int, failure: Failure) -> tuple[Any, ...]:
    call = failure.call
    told = call.backend, call.route, call.environment, call.operation, str(call.case), call.outcome, call.check
    return (backend, chunk, number, failure.known, *told, call.diagnosis, call.implementation, failure.message)


def _failure(row: tuple[Any, ...]) -> Failure:
    known, framework, route, environment, operation, spec, outcome, check, diagnosis, implementation, message = row[3:]
    call = JudgedCall(
        framework, operation, Case.parse(spec), outcome, route, environment, check, diagnosis, implementation
    )
    return Failure(call, message, known)

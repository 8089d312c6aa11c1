"""The database of a store: its tables, and SQLite's errors in our words."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

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


def connect(path: Path | None, *, writable: bool = True) -> sqlite3.Connection:
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


def make_tables(connection: sqlite3.Connection) -> None:
    """Make the tables of a store, and mark the file as one."""
    for statement in filter(str.strip, _TABLES.split(";")):
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {_APPLICATION}")
    connection.execute(f"PRAGMA user_version = {SCHEMA}")


def check(connection: sqlite3.Connection, path: Path) -> None:
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
def told(path: Path | None) -> Iterator[None]:
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
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")

"""Begin a sweep, or go on with one: its store, its scope and its backends."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from ..console import PlainConsole
from ..exit_status import ExitStatus
from ..options import BadUsage
from ..run.processes.worker import Died
from ..run.subject import Loaded, NotLoaded, Subject, load, not_here
from ..run.sweep import scope as scopes
from ..run.sweep.database import StoreError
from ..run.sweep.machine import Machine
from ..run.sweep.scope import Scope
from ..run.sweep.store import Backend, Store, Sweep
from ..words import counted

DEFAULT_SCOPE = "tiny"


@dataclass(frozen=True)
class Begun:
    """A sweep that can be run: its store, its scope and its backends."""

    store: Store
    scope: Scope
    subjects: dict[str, Subject]
    errors: dict[str, NotLoaded | Died]

    @property
    def backends(self) -> list[Backend]:
        return [one for one in self.store.backends() if one.argument in self.subjects]


def begin(
    console: PlainConsole,
    words: Sequence[str] | None,
    scope_word: str | None,
    dtype: str | None,
    seed: int | None,
    path: Path | None,
    *,
    resume: bool,
) -> Begun:
    """Load the backends, and open the store or make it."""
    former = _opened(path, resume=resume) if resume or (path is not None and path.exists()) else None
    try:
        wanted = words or ([one.argument for one in former.backends()] if former else [])
        if not wanted:
            raise BadUsage("must be given: torch, for example", "--backend")
        if former is not None:
            scope_word = scope_word or former.sweep.scope
            dtype, seed = dtype or former.sweep.dtype, former.sweep.seed if seed is None else seed
        scope = _scope(scope_word or DEFAULT_SCOPE, seed or 0)
        name = scope.name if scope.name in scopes.NAMES else os.path.abspath(scope.name)
        asked = Sweep(
            name, scope.identity, dtype, scope.number_of_chunks, scope.configurations, seed or 0, Machine.here()
        )
        if former is not None and (difference := former.sweep.difference(asked)) is not None:
            raise StoreError(
                f"{path} has another sweep than this. They differ in the {difference}. "
                "Give another store, or ask the same"
            )
        loaded = _loaded(wanted)
        subjects = {one.argument or one.name: one for one in loaded.subjects}
        for line in not_here(loaded):
            console.print(line, soft_wrap=True)
        for one, error in loaded.errors.items():
            console.print(f"Not loaded: {one}: {error}", soft_wrap=True)
        if not subjects:
            console.verdict("No backend could be loaded: nothing was judged.")
            raise typer.Exit(ExitStatus.FAILED if loaded.errors else ExitStatus.JUDGED_TOO_LITTLE)
        store = former or Store.create(path, asked)
        for argument, subject in subjects.items():
            store.add_backend(Backend(argument, subject.name, subject.version))
    except BaseException:
        if former is not None:
            former.close()
        raise
    return Begun(store, scope, subjects, loaded.errors)


def _opened(path: Path | None, *, resume: bool) -> Store | None:
    """Open a store that exists. None: it is an empty file, for a new sweep."""
    assert path is not None
    if not resume and path.is_file() and not path.stat().st_size:
        return None
    if resume and not path.exists():
        raise StoreError(f"there is no store {path} to go on with: leave out --resume to begin it")
    opened = Store.open(path)
    done = sum(opened.totals(backend.argument).chunks for backend in opened.backends())
    if done and not resume:
        opened.close()
        raise StoreError(
            f"{path} has the results of {counted(done, 'chunk')} of scope {opened.sweep.scope}: go on with --resume, "
            "or give another file"
        )
    return opened


def _scope(word: str, seed: int) -> Scope:
    try:
        return Scope.named(word, seed) if word in scopes.NAMES or not Path(word).is_file() else Scope.read(word)
    except (OSError, ValueError) as error:
        raise BadUsage(error, "--scope") from error


def _loaded(words: Sequence[str]) -> Loaded:
    try:
        loaded = load(words)
    except (ImportError, ValueError) as error:
        raise BadUsage(error, "--backend") from error
    misused = [one for one in loaded.errors.values() if isinstance(one, NotLoaded) and one.is_misuse]
    if misused and not loaded.subjects:
        raise BadUsage(misused[0].said, "--backend")
    return loaded

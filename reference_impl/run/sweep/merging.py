"""Merge stores: the chunks of all of them in a new one, each counted once."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from .database import StoreError
from .judging import ChunkResult
from .store import Store


def merge(sources: Sequence[Path], target: Path) -> None:
    """Write the chunks of all `sources` to the store `target`, which must not exist yet.

    Raises
    ------
    StoreError
        If the stores are not of one sweep, if two differ on a chunk, or if one cannot be used. Nothing is then written.
    """
    if target.exists():
        raise StoreError(f"{target} exists: give the file of a new store")
    if not target.absolute().parent.is_dir():
        raise StoreError(f"there is no folder {target.absolute().parent} to write to")
    with ExitStack() as stack:
        stores = [stack.enter_context(Store.open(path, writable=False)) for path in sources]
        for other in stores[1:]:
            difference = stores[0].sweep.difference(other.sweep)
            if difference is not None:
                raise StoreError(f"{sources[0]} and {other.path} are not of one sweep. They differ in the {difference}")
        versions: dict[str, str] = {}
        for backend in (one for store in stores for one in store.backends()):
            former = versions.setdefault(backend.argument, backend.version)
            if former != backend.version:
                raise StoreError(
                    f"the stores have results of {backend.name} {former} and {backend.version}: "
                    "merge those of one version alone"
                )
        try:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix=".", dir=target.absolute().parent))
        except OSError as error:
            raise StoreError(f"{target} cannot be written: {error}") from error
        partial = Path(folder, target.name)
        with Store.create(partial, stores[0].sweep) as merged:
            for store in stores:
                for backend in store.backends():
                    merged.add_backend(backend)
            merged.add_all(_each_once(stores))
        os.replace(partial, target)


def _each_once(stores: Sequence[Store]) -> Iterator[tuple[str, int, ChunkResult]]:
    """Yield each chunk of each backend once. Raise StoreError if two stores differ on one."""
    seen: dict[tuple[str, int], Store] = {}
    for store in stores:
        for backend in store.backends():
            for number in sorted(store.done(backend.argument)):
                result = store.chunk(backend.argument, number)
                former = seen.setdefault((backend.argument, number), store)
                if former is store:
                    yield backend.argument, number, result
                else:
                    _check_equal(backend.argument, number, former, store)


def _check_equal(argument: str, number: int, former: Store, store: Store) -> None:
    one, other = (each.chunk(argument, number) for each in (former, store))
    if _outcome(one) == _outcome(other):
        return
    raise StoreError(
        f"{former.path} and {store.path} differ on chunk {number} of {argument}: {_said(one)}, and {_said(other)}. "
        "Calls that fail by chance differ so. Sweep once more into a new store, or merge without one of the two"
    )


def _outcome(result: ChunkResult) -> tuple[Any, ...]:
    failures = [*result.failures, *result.known]
    failed = sorted((one.call.operation, str(one.call.case), one.call.outcome, bool(one.known)) for one in failures)
    return result.asked, result.passed, result.unsupported, result.unasked, failed


def _said(result: ChunkResult) -> str:
    return f"{result.passed:,} of {result.asked:,} calls passed and {len(result.failures):,} failed"

"""Long tests: those that long_tests.txt names. They run with `pytest --long`, as on CI, and where their file is named.

Any other run says in its last lines how many it left out.
"""

from __future__ import annotations

import functools
from collections import Counter
from pathlib import Path

import pytest

_TESTS = Path(__file__).parent


def _read(text: str) -> dict[str, int]:
    """Return N of each name in the table, which explains itself."""
    rows = (line.split(maxsplit=2) for line in text.splitlines() if not line.startswith("#"))
    return {name: int(every) for every, _, name in rows}


LONG = _read(Path(__file__).with_suffix(".txt").read_text("utf-8"))
_LEFT_OUT = pytest.StashKey[Counter]()


def left_out(config: pytest.Config) -> Counter:
    """Return the number of tests that this run left out: of those that need a package, by its name, and of "long"."""
    return config.stash.setdefault(_LEFT_OUT, Counter())


def run(config: pytest.Config, path: Path) -> bool:
    """Return True if the long tests of this file run."""
    return config.getoption("--long") or path in _named(config)


@functools.cache
def _named(config: pytest.Config) -> frozenset[Path]:
    words = (word.partition("::")[0] for word in config.args)
    return frozenset((config.invocation_params.dir / word).resolve() for word in words)


def mark(items: list[pytest.Item]) -> None:
    """Mark those items as long that LONG names."""
    count: Counter[str] = Counter()
    for item in items:
        name = _entry(item)
        if name is None:
            continue
        if not LONG[name] or count[name] % LONG[name]:
            item.add_marker("long")
        count[name] += 1


def _entry(item: pytest.Item) -> str | None:
    """The name in LONG that stands for an item."""
    if not item.path.is_relative_to(_TESTS):
        return None
    file = item.path.relative_to(_TESTS).as_posix()
    names = (f"{file}::{item.name}", f"{file}::{item.name.partition('[')[0]}", file)
    return next((name for name in names if name in LONG), None)

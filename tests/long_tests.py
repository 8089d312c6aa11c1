"""Long tests: those marked `long`. They run with `pytest --long`, as on CI, and where the user names their file.

Any other run says in its last lines how many it left out.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

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


def all_but_one_in(every: int, values: Iterable[Any]) -> list[Any]:
    """Mark values of a parameter as long, but for the first, and each `every`th after it."""
    return [value if number % every == 0 else _long(value) for number, value in enumerate(values)]


def _long(value: Any) -> Any:
    found = value if hasattr(value, "marks") else pytest.param(*(value if isinstance(value, tuple) else (value,)))
    return pytest.param(*found.values, id=found.id, marks=(*found.marks, pytest.mark.long))

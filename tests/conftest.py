"""The tests that are collected, and their order: no test runs before the tests of what it relies on."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

_SUITE = Path(__file__).parent / "equivalence"
# From what relies on nothing to what relies on most. A folder that is not listed comes last.
_ORDER = (
    "oracle/test_1_definition.py",
    "oracle/test_geometry.py",
    "oracle/test_2_operations_equal_definition.py",
    "oracle/test_3_identities.py",
    "oracle/test_4_minimal.py",
    "oracle",
    "exact",
    "cases",
    "verdicts",
    "run",
    "backends",
    "diagnosis",
    "report",
    "equivalence",
)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the tests of the tests where --operation, --padding or --case is given, unless they are named."""
    if not any(map(config.getoption, ("--operation", "--padding", "--case"))):
        return None
    if collection_path.is_relative_to(_SUITE) or _SUITE.is_relative_to(collection_path):
        return None
    arguments = [config.invocation_params.dir / word.partition("::")[0] for word in config.args]
    named = [path.resolve() for path in arguments if not _SUITE.is_relative_to(path.resolve())]
    return None if any(map(collection_path.is_relative_to, named)) else True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the items. pytest-xdist gives each worker a run of them, so there a later one may start early."""
    items.sort(key=lambda item: _place(item.path))


@cache  # thousands of items are in a file
def _place(path: Path) -> int:
    places = [place for place, name in enumerate(_ORDER) if path.is_relative_to(_SUITE.parent / name)]
    return min(places, default=len(_ORDER))

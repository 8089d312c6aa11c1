"""Collect the suite: an item for each operation, backend and case, as far as the options ask for it.

The id of an item is `operation-backend-PADDING-case`. As `-k` matches parts of words, a hyphen ends a word:
`-k "conv2d- and torch- and SAME-"` takes neither `conv2d_transpose`, nor `torch:autograd`, nor `SAME_LOWER`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from equivalence.every_operation import test_agrees_on_generated_cases
from hypothesis import given, settings

from reference_impl.cases.case import PADDING_MODES, Case
from reference_impl.cases.strategies import cases, seeds
from reference_impl.operations import OPERATIONS
from reference_impl.run import whole_backend
from reference_impl.run.selection import cases_for_pytest, dtypes_of
from reference_impl.run.subject import Subject, subjects
from reference_impl.verdicts.invalid_calls import INVALID_CALLS

_SUBJECTS = pytest.StashKey[list[Subject]]()
# Without parameters pytest would make an item that is skipped; this one is taken out again.
_NOTHING = "nothing"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for name, parameters in _PARAMETERS.items():
        if name in metafunc.fixturenames:
            names = [name for name in ("subject", "operation", name) if name in metafunc.fixturenames]
            found = parameters(metafunc.config, _operations(metafunc.config, metafunc.module))
            metafunc.parametrize(names, found or [pytest.param(*[None] * len(names), id=_NOTHING)])


def pytest_pycollect_makeitem(collector: pytest.Module, name: str, obj: object) -> list[pytest.Item] | None:
    if obj is not test_agrees_on_generated_cases:
        return None
    config = collector.config
    return [
        _generated(collector, f"{name}[{operation}-{subject.name}-{padding}]", subject, operation, padding)
        for operation in _operations(config, collector.obj)
        for subject in _subjects(config)
        for padding in _paddings(config)
        if operation in subject.capabilities.operations and not config.getoption("--case")
    ]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items[:] = [item for item in items if not item.name.endswith(f"[{_NOTHING}]")]


def _generated(collector: pytest.Module, name: str, subject: Subject, operation: str, padding: str) -> pytest.Item:
    """An item of its own for Hypothesis, with the number of examples that the backend has time for."""
    share = subject.capabilities.share / len(PADDING_MODES)
    # The first example is always the simplest case.
    examples = 1 + max(1, round(settings().max_examples * share))

    @settings(max_examples=examples)
    @given(case=cases(dtypes=dtypes_of(subject), paddings=(padding,)), data_seed=seeds())
    def agrees(case: Case, data_seed: int) -> None:
        test_agrees_on_generated_cases(subject, operation, case, data_seed)

    item = pytest.Function.from_parent(collector, name=name, callobj=agrees)
    # The failures that Hypothesis has found are then kept apart for each item.
    item.add_marker(pytest.mark.parametrize("padding", [padding]))
    return item


def _subjects(config: pytest.Config) -> list[Subject]:
    if _SUBJECTS not in config.stash:
        config.stash[_SUBJECTS] = subjects(config.getoption("--backend") or ())
    return config.stash[_SUBJECTS]


def _operations(config: pytest.Config, module: object) -> list[str]:
    """The operations that are asked for; in the file of one operation, at most that one."""
    asked = config.getoption("--operation") or OPERATIONS
    return [name for name in OPERATIONS if name in asked and name == getattr(module, "OPERATION", name)]


def _paddings(config: pytest.Config) -> list[str]:
    asked = config.getoption("--padding") or PADDING_MODES
    return [mode for mode in PADDING_MODES if mode in asked]


def _asks_for_cases(config: pytest.Config) -> bool:
    """Tell whether the user wants some cases, and so nothing that is not about a case."""
    return bool(config.getoption("--case") or config.getoption("--padding"))


def _on_cases(config: pytest.Config, operations: Sequence[str]) -> list[Any]:
    asked, seed, paddings = config.getoption("--case") or (), config.getoption("--seed"), _paddings(config)
    takers: dict[Case, list[Subject]] = {}
    for subject in _subjects(config):
        for case in cases_for_pytest(subject, asked, seed):
            if case.padding_mode in paddings:
                takers.setdefault(case, []).append(subject)
    # All backends that take a call stand together. pytest-xdist hands out runs of items, so a task is made but once.
    return [
        pytest.param(subject, operation, case, id=f"{operation}-{subject.name}-{case.padding_mode}-{case}")
        for case, its_takers in takers.items()
        for operation in operations
        for subject in its_takers
        if subject.capabilities.unsupported(operation, case) is None
    ]


def _invalid_calls(config: pytest.Config, operations: Sequence[str]) -> list[Any]:
    return [
        pytest.param(subject, operation, invalid, id=f"{operation}-{subject.name}-{invalid.name}")
        for subject in ([] if _asks_for_cases(config) else _subjects(config))
        if not subject.is_route and whole_backend.REFUSES not in subject.capabilities.unclaimed
        for invalid in INVALID_CALLS
        for operation in operations
        if operation in invalid.operations and operation in subject.capabilities.operations
    ]


def _thread_counts(config: pytest.Config, operations: Sequence[str]) -> list[Any]:
    return [
        pytest.param(subject, operations, id=subject.name)
        for subject in ([] if _asks_for_cases(config) else _subjects(config))
        if subject.capabilities.same_bits_on_any_threads or subject.name == "reference"
    ]


_PARAMETERS = {"case": _on_cases, "invalid": _invalid_calls, "operations": _thread_counts}
"""Name of a test's last argument -> the function that finds its parameters."""

"""Collect the suite: an item for each operation, backend and case, as far as the options ask for it.

The id of an item is `operation-backend-PADDING-case`. As `-k` matches parts of words, a hyphen ends a word:
`-k "conv2d- and torch- and SAME-"` takes neither `conv2d_transpose`, nor `torch:autograd`, nor `SAME_LOWER`.
"""

from __future__ import annotations

import functools
import inspect
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import long_tests
import pytest
from equivalence.backends import loaded
from equivalence.every_operation import test_agrees_on_generated_cases
from hypothesis import Phase, given, settings

from reference_impl.backends import registry
from reference_impl.cases.boundaries import boundaries_of
from reference_impl.cases.case import PADDING_MODES, Case
from reference_impl.cases.strategies import cases, seeds
from reference_impl.operations import OPERATIONS
from reference_impl.run import whole_backend
from reference_impl.run.choice import cases_for_pytest
from reference_impl.run.spread import dtypes_of
from reference_impl.run.subject import Loaded, Subject
from reference_impl.verdicts.invalid_calls import INVALID_CALLS


def pytest_pycollect_makeitem(collector: pytest.Module, name: str, obj: Any) -> list[pytest.Item] | None:
    """Make the items of the generated cases. Make none of a test without parameters, as pytest would then skip one."""
    if not name.startswith("test_"):
        return None
    if obj is not test_agrees_on_generated_cases:
        return None if _parameters(collector.config, collector.obj, obj)[1] else []
    config = collector.config
    asked = [
        (operation, subject, padding)
        for operation in _operations(config, collector.obj)
        for subject in _subjects(config)
        for padding in _paddings(config)
        if operation in subject.capabilities.operations and not config.getoption("--case")
    ]
    every = _asks_for_some(config) or long_tests.run(config, collector.path)
    given = [one for one in asked if every or _has_its_turn(*one)]
    long_tests.left_out(config)["long"] += len(asked) - len(given)
    return [
        _generated(collector, f"{name}[{operation}-{subject.name}-{padding}]", subject, operation, padding)
        for operation, subject, padding in given
    ]


def _has_its_turn(operation: str, subject: Subject, padding: str) -> bool:
    """True for a route in one padding mode of each operation, by turns. Its other generated cases are long tests."""
    turn = zlib.crc32(subject.name.encode()) + OPERATIONS.index(operation)
    return not subject.is_route or PADDING_MODES.index(padding) == turn % len(PADDING_MODES)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    metafunc.parametrize(*_parameters(metafunc.config, metafunc.module, metafunc.function))


@functools.cache
def _parameters(config: pytest.Config, module: ModuleType, test: Callable) -> tuple[list[str], list[Any]]:
    """The arguments of a test, and what they are in each of its items."""
    names = [name for name in inspect.signature(test).parameters if name != "seed"]
    find = {
        "case": functools.partial(_on_cases, long=long_tests.run(config, Path(module.__file__))),
        "invalid": _invalid_calls,
        "operations": _thread_counts,
        "error": _loads,
        "supported": _supported,
    }
    return names, find[names[-1]](config, _operations(config, module))


class GeneratedItem(pytest.Function):
    """The item of generated cases. It is skipped if the backend supports none that was drawn."""

    lacks: Counter[str | None]
    """Why draws were unsupported, each with their number; None for those that were judged."""

    def runtest(self) -> None:
        super().runtest()
        if None not in self.lacks:
            reasons = ", ".join(f"{reason} ({count})" for reason, count in self.lacks.most_common(4))
            pytest.skip(f"nothing was judged, as no case that was drawn is supported: {reasons}")


def _generated(collector: pytest.Module, name: str, subject: Subject, operation: str, padding: str) -> pytest.Item:
    """Make the item of the cases that Hypothesis generates; a backend that declares a `share` gets fewer of them."""
    share = subject.capabilities.share / len(PADDING_MODES)
    # The first example is always the simplest case.
    examples = 1 + max(1, round(settings().max_examples * share))

    lacks: Counter[str | None] = Counter()

    # No `explain`: it traces every line of many more calls, and the report says more.
    @settings(max_examples=examples, phases=[phase for phase in settings().phases if phase != Phase.explain])
    @given(case=cases(dtypes=dtypes_of(subject), paddings=(padding,)), data_seed=seeds())
    def agrees(case: Case, data_seed: int) -> None:
        lacks[subject.capabilities.unsupported(operation, case)] += 1
        test_agrees_on_generated_cases(subject, operation, case, data_seed)

    item = GeneratedItem.from_parent(collector, name=name, callobj=agrees)
    item.lacks = lacks
    # With this mark Hypothesis keeps the failures of each item apart, to try them first in the next run.
    item.add_marker(pytest.mark.parametrize("padding", [padding]))
    return item


def _loaded(config: pytest.Config) -> Loaded:
    return loaded(tuple(config.getoption("--backend") or ()))


def _subjects(config: pytest.Config) -> list[Subject]:
    return _loaded(config).subjects


def _operations(config: pytest.Config, module: ModuleType) -> list[str]:
    """The operations that are asked for; in the file of one operation, at most that one."""
    asked = config.getoption("--operation") or OPERATIONS
    return [name for name in OPERATIONS if name in asked and name == getattr(module, "OPERATION", name)]


def _paddings(config: pytest.Config) -> list[str]:
    asked = config.getoption("--padding") or PADDING_MODES
    return [mode for mode in PADDING_MODES if mode in asked]


def _asks_for_some(config: pytest.Config) -> bool:
    """Tell whether the user wants some operations, padding modes or cases: then none of their tests is left out."""
    return _asks_for_cases(config) or bool(config.getoption("--operation"))


def _asks_for_cases(config: pytest.Config) -> bool:
    """Tell whether the user wants some cases, and so nothing that is not about a case."""
    return bool(config.getoption("--case") or config.getoption("--padding"))


def _on_cases(config: pytest.Config, operations: Sequence[str], *, long: bool) -> list[Any]:
    asked, seed, paddings = config.getoption("--case") or (), config.getoption("--seed"), _paddings(config)
    all_of_them = long or _asks_for_some(config)
    takers: dict[Case, list[Subject]] = {}
    taken: dict[tuple[str, str], set[Case]] = {}
    for subject in _subjects(config):
        given = [case for case in cases_for_pytest(subject, asked, seed) if case.padding_mode in paddings]
        for case in given:
            takers.setdefault(case, []).append(subject)
        for operation in operations:  # all cases at once: the declarations may be in another process
            supported = subject.capabilities.supported(operation, given)
            is_all = all_of_them or subject.adapter is None  # a backend of the user's gets all
            some = supported if is_all else _covering(supported, few=subject.capabilities.share < 1)
            long_tests.left_out(config)["long"] += len(supported) - len(some)
            taken[subject.name, operation] = set(some)
    # All backends that take a call stand together. pytest-xdist hands out runs of items, so a task is made but once.
    return [
        pytest.param(subject, operation, case, id=f"{operation}-{subject.name}-{case.padding_mode}-{case}")
        for case, its_takers in takers.items()
        for operation in operations
        for subject in its_takers
        if case in taken[subject.name, operation]
    ]


def _covering(cases: Sequence[Case], *, few: bool) -> list[Case]:
    """Keep a case if it is the first on a boundary, or in its dtype and padding mode. The others are long tests.

    If `few`, keep the first in each padding mode.
    """
    seen: set[Any] = set()
    kept = []
    for case in cases:
        mode = case.padding_mode
        shows = {mode} if few else {(case.dtype, mode), *_boundaries(case.with_dtype("float32"))}
        if not shows <= seen:
            kept.append(case)
            seen |= shows
    return kept


_boundaries = functools.cache(boundaries_of)


def _loads(config: pytest.Config, operations: Sequence[str]) -> list[Any]:
    """An item for each backend: its error, if it could not be loaded."""
    if (_asks_for_cases(config) or config.getoption("--operation")) and not _loaded(config).errors:
        return []
    errors = dict.fromkeys(subject.name for subject in _subjects(config)) | _loaded(config).errors
    return [pytest.param(error, id=name) for name, error in errors.items()]


def _supported(config: pytest.Config, operations: Sequence[str]) -> list[Any]:
    """The number of calls that each backend of a user's supports, of those that it is given."""
    asked, seed, paddings = config.getoption("--case") or (), config.getoption("--seed"), _paddings(config)
    counts = []
    for subject in _subjects(config):
        if registry.adapter_of(subject.argument or subject.name) is None:
            given = [case for case in cases_for_pytest(subject, asked, seed) if case.padding_mode in paddings]
            count = sum(len(subject.capabilities.supported(operation, given)) for operation in operations)
            counts.append(pytest.param(subject, count, id=subject.name))
    return counts


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

"""Options and fixtures of the suite: which backends, which cases, which seed."""

from __future__ import annotations

import functools
import importlib.util
import os

import pytest
from hypothesis import HealthCheck, settings

from reference_impl import backends
from reference_impl.conformance import catalogue, runner

# Threads that spin while they wait take the processors from other pytest workers; read when a framework is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

pytest_plugins = ["pytester"]  # for the tests of what users' own pytest runs

# Compiling a shape for the first time is slow and says nothing about the case.
_ANY_TIME = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("dev", max_examples=20, **_ANY_TIME)
settings.register_profile("ci", max_examples=20, derandomize=True, print_blob=True, **_ANY_TIME)
settings.register_profile("nightly", max_examples=1000, **_ANY_TIME)
settings.load_profile("dev")

# Test files that need a framework, and what they import.
_FRAMEWORK_TESTS = {
    "tests/test_geometry_frameworks.py": ("keras", "torch"),
    "tests/test_routes_keras.py": ("keras",),
    "tests/test_routes_mlx.py": ("mlx",),
    "tests/test_routes_openvino.py": ("openvino",),
    "tests/test_routes_tensorflow.py": ("tensorflow",),
    "tests/test_routes_torch.py": ("torch",),
    "tests/test_torch_style.py": ("torch",),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("reference_impl")
    group.addoption(
        "--backend",
        action="append",
        metavar="B",
        help="backends to test: torch, torch:autograd, 'torch:*', package.module:Object, or all; each must load "
        "(default: what is installed)",
    )
    group.addoption("--case", action="append", metavar="C", help="catalogue name, file or spec, instead of the default")
    group.addoption("--seed", type=int, default=0, help="seed of the data (default 0)")


def pytest_configure(config: pytest.Config) -> None:
    try:
        _subjects(tuple(config.getoption("--backend") or ()))
        for word in config.getoption("--case") or ():
            catalogue.resolve(word)
    except (ImportError, OSError, ValueError) as error:
        raise pytest.UsageError(str(error)) from error


def pytest_report_header(config: pytest.Config) -> list[str]:
    subjects = _subjects(tuple(config.getoption("--backend") or ()))
    lines = ["backends: " + ", ".join(f"{subject.name} {subject.version}" for subject in subjects)]
    missing = [name for name, there in backends.installed().items() if not there]
    if missing:
        lines.append(f"not installed, so not checked: {', '.join(missing)}")
    return [*lines, f"seed: {config.getoption('--seed')}"]


def pytest_ignore_collect(collection_path, config: pytest.Config) -> bool | None:
    for file, frameworks in _FRAMEWORK_TESTS.items():
        if collection_path == config.rootpath / file:
            return any(importlib.util.find_spec(name) is None for name in frameworks) or None
    return None


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    return request.config.getoption("--seed")


@functools.cache
def _subjects(words: tuple[str, ...]) -> list[runner.Subject]:
    return runner.subjects(words)

"""The options of pytest here: which backends, operations, padding modes and cases, and which seed.

`tests/equivalence/` is the suite that holds backends to the oracle; all else in `tests/` tests this package itself.
"""

from __future__ import annotations

import gc
import importlib.metadata
import os
import sys
import uuid
from collections.abc import Sequence
from typing import Any

import long_tests
import needed
import pytest
from equivalence.backends import loaded
from hypothesis import HealthCheck, settings

from reference_impl.backends import registry
from reference_impl.cases import catalogue
from reference_impl.cases.case import PADDING_MODES
from reference_impl.operations import OPERATIONS
from reference_impl.run.processes.origins import ORIGINS

# Modules are compiled once, and not in each of the hundreds of processes that the tests start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# A framework reads this when it is imported. Threads that spin while they wait would slow the other pytest workers.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# There are as many pytest workers as processors, so each gets one thread. A process alone, as `verify`, gets all.
if "PYTEST_XDIST_WORKER" in os.environ:
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.setdefault(variable, "1")

pytest_plugins = ["pytester"]  # some tests run pytest

# Compiling a shape for the first time is slow, and this says nothing about the case.
_ANY_TIME = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("dev", max_examples=20, **_ANY_TIME)
settings.register_profile("ci", max_examples=20, derandomize=True, print_blob=True, **_ANY_TIME)
settings.register_profile("nightly", max_examples=1000, **_ANY_TIME)
settings.load_profile("dev")

# Test files that are collected only where the packages that they import are installed.
_FRAMEWORK_TESTS = {
    "tests/drawing/test_all_channels.py": ("matplotlib",),
    "tests/drawing/test_as_convolution.py": ("matplotlib",),
    "tests/docs/test_learn_frameworks.py": ("tensorflow", "torch"),
    "tests/drawing/test_drawing.py": ("matplotlib",),
    "tests/oracle/test_framework_sizes.py": ("keras", "torch"),
    "tests/vectors/test_onnx_files.py": ("onnx", "onnxruntime"),
    "tests/conversion/test_in_onnxruntime.py": ("onnx", "onnxruntime"),
    "tests/backends/test_jax_style.py": ("jax",),
    "tests/examples/test_kernel_numba.py": ("numba",),
    "tests/examples/test_kernel_triton.py": ("torch", "triton"),
    "tests/backends/test_onnx_models.py": ("onnx",),
    "tests/backends/test_onnxruntime_hangs.py": ("onnxruntime",),
    "tests/backends/test_autograd_planted_faults.py": ("autograd",),
    "tests/backends/test_jax_planted_faults.py": ("jax",),
    "tests/backends/test_keras_planted_faults.py": ("keras",),
    "tests/backends/test_mlx_planted_faults.py": ("mlx",),
    "tests/backends/test_openvino_planted_faults.py": ("openvino",),
    "tests/backends/test_scipy_planted_faults.py": ("scipy",),
    "tests/backends/test_tensorflow_planted_faults.py": ("tensorflow",),
    "tests/backends/test_tinygrad_planted_faults.py": ("tinygrad",),
    "tests/backends/test_torch_planted_faults.py": ("torch",),
    "tests/backends/test_torch_devices.py": ("torch",),
    "tests/backends/test_torch_style.py": ("torch",),
    "tests/run/sweep/test_dask.py": ("distributed",),
    "tests/backends/test_torch_module.py": ("torch",),
    "tests/backends/test_kernelbench.py": ("torch",),
    "tests/backends/test_keras_layer.py": ("keras", "tensorflow"),
    "tests/examples/test_kernel_cuda.py": ("torch",),
    "tests/examples/test_worked_convnet.py": ("matplotlib", "sklearn", "tensorflow", "torch"),
    "tests/examples/test_worked_convolution_layer.py": ("matplotlib", "sklearn", "tensorflow"),
    "tests/examples/test_worked_im2col.py": ("tensorflow",),
    "tests/examples/test_worked_four_functions.py": ("tensorflow", "torch"),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("reference_impl", "reference_impl: hold backends to the oracle (each may be repeated)")
    group.addoption(
        "--backend",
        action="append",
        metavar="B",
        help="test this backend: torch, torch:autograd, 'torch:*' (all routes), package.module:Object (yours), or all "
        "(default: what is installed)",
    )
    group.addoption(
        "--operation",
        action="append",
        choices=OPERATIONS,
        metavar="O",
        help=f"run only the equivalence tests of this operation: {', '.join(OPERATIONS)}",
    )
    group.addoption(
        "--padding",
        action="append",
        choices=PADDING_MODES,
        metavar="P",
        help=f"run only the equivalence tests on cases of this padding mode: {', '.join(PADDING_MODES)}",
    )
    group.addoption(
        "--case",
        action="append",
        metavar="C",
        help=f"run only the equivalence tests on this case: a spec, a file of specs, or a catalogue "
        f"({', '.join(catalogue.NAMES)})",
    )
    group.addoption("--seed", type=int, default=0, help="draw all data with this seed (default: 0)")
    group.addoption(
        "--long", action="store_true", help="run the long tests too, as CI does (default: only in files that you name)"
    )


def pytest_configure(config: pytest.Config) -> None:
    words = tuple(config.getoption("--backend") or ())
    if not hasattr(config, "workerinput"):  # the workers inherit it
        os.environ.setdefault(ORIGINS, uuid.uuid4().hex)
    if not _is_divided(config):
        # Collection makes hardly any garbage, and looking for it takes a fifth of the time of an import.
        gc.disable()
    try:
        _check_cases(config.getoption("--case") or (), config.getoption("--padding") or ())
        registry.require(words)
        # The workers load the known backends. This process needs to import only others, to see whether it can.
        sure = (*registry.ADAPTERS, "all", *(f"{name}:*" for name in registry.ADAPTERS))
        if not _is_divided(config) or not set(words) <= set(sure):
            loaded(words)
    except (ImportError, OSError, ValueError) as error:
        raise pytest.UsageError(str(error)) from error


def _check_cases(words: Sequence[str], paddings: Sequence[str]) -> None:
    found = {case.padding_mode for word in words for case in catalogue.resolve(word)}
    if found and paddings and not found & set(paddings):
        raise ValueError(f"no case of --case has --padding {' or '.join(paddings)}; it has {', '.join(sorted(found))}")


def pytest_report_header(config: pytest.Config) -> list[str]:
    words = tuple(config.getoption("--backend") or ())
    if _is_divided(config):
        there = ", ".join(f"{name} {version}" for name, version in _versions().items())
        lines = [f"backends: {' '.join(words) or 'all that are installed'}; frameworks installed: {there or 'none'}"]
    else:
        lines = ["backends: " + ", ".join(f"{subject.name} {subject.version}" for subject in loaded(words).subjects)]
    missing = [name for name, there in registry.installed().items() if not there]
    if missing:
        lines.append(f"not installed, so not tested: {', '.join(missing)}")
    asked = {name: config.getoption(f"--{name}") for name in ("operation", "padding", "case")}
    if any(asked.values()):
        only = [f"{name} {', '.join(words)}" for name, words in asked.items() if words]
        lines.append(f"only the equivalence tests: {'; '.join(only)}")
    return [*lines, f"seed: {config.getoption('--seed')}"]


def _is_divided(config: pytest.Config) -> bool:
    """Tell whether other processes run the tests, so that this one need not import frameworks."""
    return bool(getattr(config.option, "numprocesses", None)) and not hasattr(config, "workerinput")


def _versions() -> dict[str, str]:
    """Name and version of each framework that is installed."""
    packages = {registry.ADAPTERS.get(name) for name, there in registry.installed().items() if there}
    # The package tensorflow may be the distribution tensorflow-cpu.
    distributions = importlib.metadata.packages_distributions()
    return {
        name: importlib.metadata.version(distributions[name][0]) if name in distributions else "of unknown version"
        for name in sorted(filter(None, packages))
    }


def pytest_ignore_collect(collection_path, config: pytest.Config) -> bool | None:
    for file, frameworks in _FRAMEWORK_TESTS.items():
        if collection_path == config.rootpath / file:
            return not all(map(needed.is_there, frameworks)) or None
    return None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    kept, without, left_out = [], [], long_tests.left_out(config)
    long_tests.mark(items)
    for item in items:
        reasons = [name for name in _frameworks(item) if not needed.is_there(name)]
        if not reasons and item.get_closest_marker("long") and not long_tests.run(config, item.path):
            reasons = ["long"]
        left_out.update(reasons)
        (without if reasons else kept).append(item)
    if without:
        config.hook.pytest_deselected(items=without)
        items[:] = kept


def pytest_collection_finish(session: pytest.Session) -> None:
    gc.freeze()
    # Tests make next to no garbage in cycles. Looking for it after 700 objects, as usual, takes a fortieth of the time.
    gc.set_threshold(20_000)
    gc.enable()
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left_out"] = dict(long_tests.left_out(session.config))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over the counts of a worker of pytest-xdist. All workers collect the same items."""
    counts = getattr(node, "workeroutput", {}).get("left_out", {})
    long_tests.left_out(node.config).update(counts if not long_tests.left_out(node.config) else {})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    left_out = long_tests.left_out(config)
    for name in sorted(set(left_out) - {"long"}):
        terminalreporter.write_line(f"{name} is missing: {left_out[name]} tests that need it were not run")
    if left_out["long"]:
        terminalreporter.write_line(f"{left_out['long']} long tests were not run; this runs them too: pytest --long")


def _frameworks(item: pytest.Item) -> list[str]:
    """Names in the item's marks `framework(name)`: what it needs."""
    return [mark.args[0] for mark in item.iter_markers("framework")]


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    return request.config.getoption("--seed")

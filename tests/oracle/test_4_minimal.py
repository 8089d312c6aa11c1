"""Step 4 of the proof: the one screen equals the definition and the oracle. Spoilt copies of it do not."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from general_cases import GENERAL_CASES
from hypothesis import given
from integer_arrays import Arrays, arrays_of, by_definition, dtype_name, run
from small_geometries import ALONG_ONE_AXIS, Geometry, with_windows

import reference_impl
from reference_impl import minimal
from reference_impl.backends import registry
from reference_impl.backends.minimal import Minimal
from reference_impl.cases.case import Case
from reference_impl.cases.strategies import cases, seeds
from reference_impl.operations import OPERATIONS

UNGROUPED_CASES = [case for case in GENERAL_CASES if case.groups == 1]
EVERY_OPERATION = pytest.mark.parametrize("operation", OPERATIONS)
EVERY_UNGROUPED_CASE = pytest.mark.parametrize("case", UNGROUPED_CASES, ids=str)
SOURCE = inspect.getsource(minimal)

# The name of a mistake, a text of the file, and the text that puts the mistake in its place.
SPOILT = [
    ("kernel-flipped-in-the-gradient", "+= products[..., p, q]", "+= products[..., -1 - p, -1 - q]"),
    ("fold-overwrites", "windows[..., p, q] +=", "windows[..., p, q] ="),
    ("zeros-of-SAME-as-SAME_LOWER", '"SAME": (less, more)', '"SAME": (more, less)'),
    ("zeros-of-SAME-as-for-stride-1", "(-(-size // stride) - 1) * stride", "(size - 1)"),
    ("dilation-ignored-in-the-extent", "pads(padding, height, extents[0], sh)", "pads(padding, height, kh, sh)"),
    ("strides-swapped", "::sh, ::sw", "::sw, ::sh"),
    ("pads-cut-off-at-the-wrong-end", "top : top + height", "bottom : bottom + height"),
    ("axes-of-the-filters-gradient-swapped", "->pqio", "->qpio"),
]
EVERY_SPOILT = pytest.mark.parametrize(("old", "new"), [row[1:] for row in SPOILT], ids=[row[0] for row in SPOILT])


class Copy:
    """A copy of the file with its text changed, under the signatures of the oracle."""

    def __init__(self, old: str = "", new: str = "") -> None:
        self.functions: dict[str, Any] = {}
        exec(SOURCE.replace(old, new, 1), self.functions)

    def __getattr__(self, operation: str) -> Any:
        return lambda *arguments, groups, **options: self.functions[operation](*arguments, **options)


def disagrees(backend: Any, operation: str, problem: Geometry | Case, arrays: Arrays) -> bool:
    """Say if the answer differs from the definition's or the oracle's: in an element, the shape or the dtype."""
    oracle = run(operation, problem, arrays)
    try:
        actual = run(operation, problem, arrays, backend)
    except ValueError:  # some spoilt copies find that the shapes do not fit
        return True
    if (actual.shape, actual.dtype) != (oracle.shape, oracle.dtype):
        return True
    return not actual.tolist() == oracle.tolist() == by_definition(operation, problem, arrays)


def is_wrong(backend: Any, problems: list) -> bool:
    """Say if the backend disagrees on any of the problems."""
    return any(
        disagrees(backend, operation, problem, arrays)
        for problem in problems
        for arrays in [arrays_of(problem)]
        for operation in OPERATIONS
    )


@pytest.mark.parametrize(("axis", "kernel", "padding"), ALONG_ONE_AXIS)
def test_minimal_equals_the_definition_and_the_oracle_along_one_axis(axis, kernel, padding):
    wrong = [
        (operation, geometry)
        for geometry in with_windows(axis, kernel, padding)
        for arrays in [arrays_of(geometry)]
        for operation in OPERATIONS
        if disagrees(Minimal(), operation, geometry, arrays)
    ]
    assert not wrong


@EVERY_OPERATION
@EVERY_UNGROUPED_CASE
def test_minimal_equals_the_definition_and_the_oracle_when_all_sizes_differ(case, operation):
    assert not disagrees(Minimal(), operation, case, arrays_of(case))


@EVERY_OPERATION
@given(case=cases(max_products=3000, max_groups=1), seed=seeds())
def test_minimal_equals_the_definition_and_the_oracle_when_drawn(operation, case, seed):
    assert not disagrees(Minimal(), operation, case, arrays_of(case, seed))


# The dtype holds integers of so many bits, but not their products. int64 and float64 hold all sums.
@EVERY_OPERATION
@pytest.mark.parametrize(
    ("dtype", "bits"),
    [
        *((dtype, 7) for dtype in (np.int8, np.uint8)),
        *((np.int16, 15), (np.int32, 22), (np.int64, 22)),
        *((np.float16, 11), (ml_dtypes.bfloat16, 8), (np.float32, 22), (np.float64, 22)),
    ],
    ids=lambda value: None if isinstance(value, int) else dtype_name(value),
)
def test_minimal_adds_without_wrapping_or_rounding_in_every_dtype(dtype, bits, operation):
    case, random = UNGROUPED_CASES[0], np.random.default_rng(bits)
    arrays = Arrays(*(random.integers(0, 2**bits, array.shape).astype(dtype) for array in arrays_of(case)))
    np.testing.assert_array_equal(run(operation, case, arrays, Minimal()), run(operation, case, arrays), strict=True)


@pytest.mark.parametrize("option", [1, (1, 1), [1, 1], np.array([1, 1])], ids=repr)
def test_minimal_takes_an_integer_or_a_pair(option):
    image, filters = np.arange(30).reshape(1, 5, 6, 1), np.arange(6).reshape(3, 2, 1, 1)
    actual = minimal.conv2d(image, filters, strides=option, dilations=option)
    np.testing.assert_array_equal(actual, reference_impl.conv2d(image, filters), strict=True)


@EVERY_SPOILT
def test_general_cases_see_a_spoilt_copy(old, new):
    assert SOURCE.count(old) == 1
    assert is_wrong(Copy(old, new), UNGROUPED_CASES)


@EVERY_SPOILT
def test_geometries_along_one_axis_see_a_spoilt_copy(old, new):
    assert any(is_wrong(Copy(old, new), with_windows(*scope.values)) for scope in ALONG_ONE_AXIS)


def test_unspoilt_copy_is_right():
    assert not is_wrong(Copy(), UNGROUPED_CASES)


def test_minimal_is_one_screen_that_imports_numpy_alone():
    tree = ast.parse(SOURCE)
    imports = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    assert imports == ["import numpy as np"]
    assert 40 <= len(SOURCE.splitlines()) <= 60


def test_page_of_the_oracle_shows_the_file():
    page = Path(__file__).parents[2].joinpath("docs/oracle.md").read_text()
    assert SOURCE in re.findall(r"```python\n(.*?)```", page, re.DOTALL)


@EVERY_OPERATION
def test_minimal_has_the_signature_of_the_oracle_but_for_groups(operation):
    oracle = inspect.signature(getattr(reference_impl, operation)).parameters
    arrays = {name: parameter for name, parameter in oracle.items() if parameter.default is parameter.empty}
    options = {name: parameter.default for name, parameter in oracle.items() if name not in {*arrays, "groups"}}
    found = inspect.signature(getattr(minimal, operation)).parameters
    assert list(found)[: len(arrays)] == list(arrays)
    if operation != "conv2d_transpose":  # hands its options on
        assert {name: parameter.default for name, parameter in list(found.items())[len(arrays) :]} == options


def test_minimal_is_a_backend_that_lacks_groups_alone():
    assert "minimal" in registry.ALL
    (backend,) = [registry.load(name) for name in registry.expand(["minimal"])]
    case = Case.parse("n1_h3w4c2_k2x1o2")
    grouped = Case.parse("n1_h3w4c2_k2x1o2_g2")
    for operation in OPERATIONS:
        assert backend.capabilities.unsupported(operation, case) is None
        assert backend.capabilities.unsupported(operation, grouped) == "knows no groups"

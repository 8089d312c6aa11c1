"""The quick look accepts most right answers, and none that the slow way refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from asserted import same_verdict, verdict

from reference_impl import operations
from reference_impl.cases.case import Case
from reference_impl.exact.formats import FORMATS
from reference_impl.operations import OPERATIONS
from reference_impl.testing import judgement, screening
from reference_impl.verdicts.call import Call, numpy_dtype
from reference_impl.verdicts.real_data import real_task

CASE = Case.parse("n2_h7w9c6_k3x2o4_s2x3_d1x2_g2_p1,2,0,1")
# In each operation an element sums 64 products or more, and there are 576 elements or more.
MANY = Case.parse("n4_h8w8c8_k3x3o8_SAME")


def rounded(values, dtype):
    return values.astype(numpy_dtype(dtype))


@pytest.fixture
def _only_quickly(monkeypatch):
    """Fail if the quick look leaves an answer to the slow way."""

    def slow(problem):
        pytest.fail("the quick look did not accept a right answer")

    monkeypatch.setattr(judgement, "real", slow)


@pytest.mark.usefixtures("_only_quickly")
@pytest.mark.parametrize("kind", ["normal", "uniform"])
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("case", [CASE, MANY], ids=str)
def test_right_answer_is_accepted_quickly(case, dtype, operation, kind):
    task = real_task(case.with_dtype(dtype), operation, 0, kind)
    verdict(task.call, rounded(task.exact, dtype))


def one_error_near_the_bound(near, dtype, operation):
    task = real_task(CASE.with_dtype(dtype), operation, 0, "normal")
    answer = rounded(task.exact, dtype)
    bound = 16 * FORMATS[dtype].eps * task.gauge * (1 + near)
    for place in np.flatnonzero(task.gauge)[:4]:
        spoilt = answer.copy()
        spoilt.flat[place] = rounded(np.array(task.exact.flat[place] + bound.flat[place]), dtype)
        same_verdict(task.call, spoilt)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("near", [-1e-3, -1e-6, -1e-9, 0.0, 1e-9, 1e-6, 1e-3])
def test_error_near_the_bound_is_judged_as_before(near, dtype, operation):
    one_error_near_the_bound(near, dtype, operation)


def astray(exact, gauge, dtype, kind, size, random):
    """Return an answer whose errors lean, or are large, the more so the larger `size` is."""
    nearest = rounded(exact, dtype)
    if kind == "truncated":
        away = np.abs(nearest.astype(np.float64)) > np.abs(exact)
        cut = nearest * (1 - numpy_dtype(dtype).type(FORMATS[dtype].eps))
        return np.where(away & (random.random(exact.shape) < size), cut, nearest)
    noise = random.uniform(-1, 1, exact.shape)
    errors = 0.5 * noise + 0.3 * size if kind == "shifted" else 15 * size * noise
    return rounded(exact + errors * FORMATS[dtype].eps * gauge, dtype)


def around_the_limit(dtype, kind, operation):
    """Halve the distance between an answer that is right and one that is not, and require the same verdicts."""
    task = real_task(MANY.with_dtype(dtype), operation, 1, "normal")
    right, wrong = 0.0, 1.0
    for size in (right, wrong):
        answer = astray(task.exact, task.gauge, dtype, kind, size, np.random.default_rng(0))
        assert (same_verdict(task.call, answer) is None) == (size == right)
    for _ in range(12):
        middle = (right + wrong) / 2
        answer = astray(task.exact, task.gauge, dtype, kind, middle, np.random.default_rng(0))
        right, wrong = (middle, wrong) if same_verdict(task.call, answer) is None else (right, middle)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    ("dtype", "kind"),
    [
        ("float32", "truncated"),
        ("float32", "shifted"),
        ("float32", "scattered"),
        ("float64", "shifted"),
        ("float64", "scattered"),
        ("bfloat16", "truncated"),
        ("bfloat16", "scattered"),
        ("float16", "truncated"),
    ],
)
def test_bias_and_spread_near_their_limits_are_judged_as_before(dtype, kind, operation):
    around_the_limit(dtype, kind, operation)


@pytest.mark.parametrize(
    ("name", "try_it"),
    [
        ("most_lean", lambda: around_the_limit("float32", "truncated", "conv2d")),
        ("most_spread", lambda: around_the_limit("float32", "scattered", "conv2d")),
        ("THRESHOLD", lambda: one_error_near_the_bound(1e-3, "float32", "conv2d")),
    ],
)
def test_limit_that_is_one_percent_too_wide_is_caught(name, try_it, monkeypatch):
    """Were the quick look to accept more than the slow way, the tests above would show it."""
    limit = getattr(screening, name)
    wider = 1.01 * limit if name == "THRESHOLD" else lambda *args: 1.01 * limit(*args)
    monkeypatch.setattr(screening, name, wider)
    with pytest.raises(AssertionError, match="the quick look says None, and the slow way "):
        try_it()


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_large_answer_is_judged_as_before(dtype, operation, monkeypatch):
    monkeypatch.setattr(judgement, "MOST_EXACT", 1000)
    monkeypatch.setattr(judgement, "MOST_SAMPLED", 300)
    for near in (-1e-3, 1e-3):
        one_error_near_the_bound(near, dtype, operation)
    if dtype == "float32":
        around_the_limit(dtype, "truncated", operation)
    else:  # bias and spread are not judged; 20 eps are too much only where the answer is exact
        task = real_task(CASE.with_dtype(dtype), operation, 0, "normal")
        same_verdict(task.call, task.exact)
        assert same_verdict(task.call, task.exact + 20 * FORMATS[dtype].eps * task.gauge)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("bits", [8, 20, 31, 40])
def test_integers_with_an_answer_in_floats_are_judged_as_before(bits, dtype, operation):
    """The sums pass what the accumulator holds, and then int64."""
    random = np.random.default_rng(0)
    drawn = real_task(MANY.with_dtype(dtype), operation, 0, "normal").call
    call = drawn.with_arrays(lambda array: random.integers(-(2**bits), 2**bits, array.shape))
    exact = call.with_arrays(lambda array: array.astype(object)).run(operations).astype(np.float64)
    gauge = call.with_arrays(lambda array: np.abs(array.astype(np.float64))).run(operations)
    with np.errstate(all="ignore"):
        assert same_verdict(call, rounded(exact, dtype), dtype=dtype) is None
        for size in (0.2, 0.5, 20):
            errors = size * random.uniform(-0.5, 1, exact.shape) * FORMATS[dtype].eps * gauge
            same_verdict(call, rounded(exact + errors, dtype), dtype=dtype)


def repeated(call, axis):
    """Repeat the first half of an argument along an axis, so that sums are equal."""
    arrays = dict(call.arrays)
    name = "filters" if "filters" in arrays else "out_backprop"
    array = arrays[name].copy()
    half = array.shape[axis] // 2
    array[(slice(None),) * axis + (slice(half, 2 * half),)] = array[(slice(None),) * axis + (slice(half),)]
    return Call(call.operation, call.case, {**arrays, name: array})


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("coarse", [False, True])
def test_equal_sums_are_counted_as_before(coarse, operation):
    """Equal filters give equal sums, and coarse numbers sums that are zero or a power of two."""
    task = real_task(MANY, operation, 2, "normal")
    call = repeated(task.call, 3)
    if coarse:
        call = call.with_arrays(lambda array: (np.rint(array * 2) / 16).astype(np.float32))
    task = replace(task, call=call)
    unit = FORMATS["float32"].eps * task.gauge
    noise = np.random.default_rng(0).uniform(-1, 1, unit.shape)
    for size in np.linspace(0, 0.5, 11):
        same_verdict(task.call, rounded(task.exact + (0.5 * noise + size) * unit, "float32"))


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("name", [0, 1])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_special_values_are_judged_as_before(operation, name, dtype):
    """A NaN and an infinity in one array: right, then lost, then astray, then beside one wrong element."""
    call = real_task(CASE.with_dtype(dtype), operation, 0, "normal").call.with_arrays(np.copy)
    special = list(call.arrays.values())[name]
    special.flat[0], special.flat[special.size // 2] = np.nan, np.inf
    with np.errstate(all="ignore"):
        answer = rounded(call.with_arrays(lambda array: array.astype(np.float64)).run(operations), dtype)
        assert same_verdict(call, answer) is None
        assert same_verdict(call, np.where(np.isnan(answer), answer.dtype.type(0), answer))
        finite = np.flatnonzero(np.isfinite(answer.astype(np.float64)))
        for value in (np.nan, 1e4):
            astray = answer.copy()
            astray.flat[finite[len(finite) // 2]] = value
            same_verdict(call, astray)


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("kind", ["wide", "cancelling", "subnormal"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_numbers_of_odd_sizes_are_judged_as_before(operation, kind, dtype):
    task = real_task(CASE.with_dtype(dtype), operation, 0, kind)
    answer = rounded(task.exact, dtype)
    same_verdict(task.call, answer)
    answer.flat[np.argmax(task.gauge)] *= numpy_dtype(dtype).type(1.5)
    same_verdict(task.call, answer)

"""Search for false alarms of bias and spread: 10,000 right products of matrices, in every order of adding.

`tox run -e bias-and-spread`. Not part of the default run, as it takes minutes.
"""

from __future__ import annotations

import numpy as np
import pytest
from summation import NEAREST, ORDERS, WRONG, product

from reference_impl.verdicts.statistics import FEWEST_TERMS, Sums, statistics

# Random data, whose terms come in any order; and data that no chance mixed: only the wider threshold is for these.
RANDOM = ("normal", "uniform")
KINDS = (*RANDOM, "positive", "ramp", "smooth", "image", "rectified", "sorted", "wide")
ALL = 10_000


def drawn(random, kind, shape):
    values = random.standard_normal(shape)
    if kind == "uniform":
        values = random.uniform(-1, 1, shape)
    elif kind == "positive":
        values = random.random(shape)
    elif kind == "ramp":
        values = np.linspace(random.uniform(-1, 0), 1, values.size).reshape(shape)
    elif kind == "smooth":
        values = np.sin(np.arange(values.size) * random.uniform(0.001, 0.5)).reshape(shape)
    elif kind == "image":
        values = random.integers(0, 256, shape) / 255
    elif kind == "rectified":
        values = np.maximum(values, 0)
    elif kind == "sorted":
        values = np.sort(values.ravel()).reshape(shape)
    elif kind == "wide":
        values = np.ldexp(values, random.integers(-8, 9, shape))
    return values.astype(np.float32)


def sums(a, b):
    """Exact sums, to 2**-64 of the gauge: far below the errors of float32."""
    left, right = a.astype(np.longdouble), b.astype(np.longdouble)
    exact = (left[:, :, None] * right[None]).sum(1).astype(np.float64)
    a, b = a.astype(np.float64), b.astype(np.float64)
    return Sums(exact, np.abs(a) @ np.abs(b), np.square(a) @ np.square(b), a.shape[1])


def sizes(random):
    rows, terms, columns = (int(2 ** random.uniform(*reach)) for reach in ((0, 6.5), (3, 8.5), (0, 5)))
    return rows, max(terms, FEWEST_TERMS), columns


def found(random, order, arithmetic, kind, size, dtype="float32"):
    """Return the statistics with each of the two thresholds that apply to this kind of data."""
    rows, terms, columns = size
    a = drawn(random, kind, (rows, terms))
    b = drawn(random, kind if kind in RANDOM else "normal", (terms, columns))
    answer = product(a, b, order, arithmetic).astype(dtype)
    exact = sums(a, b)
    tried = [statistics(answer, exact, dtype, "float32", any_order=any_order) for any_order in (True, False)]
    return tried if kind in RANDOM else tried[:1]


@pytest.mark.parametrize("order", ORDERS)
def test_right_order_raises_no_alarm(order):
    random = np.random.default_rng(list(ORDERS).index(order))
    complaints = [
        (kind, size, one.complaint)
        for trial in range(-(-ALL // len(ORDERS)))
        for kind, size in [(KINDS[trial % len(KINDS)], sizes(random))]
        for one in found(random, order, NEAREST, kind, size, ("float32", "float16")[trial % 3 == 2])
        if one is not None and one.complaint
    ]
    assert complaints == []


@pytest.mark.parametrize("wrong", WRONG)
def test_share_of_wrong_accumulators_that_is_caught(wrong, capsys):
    order, arithmetic = WRONG[wrong]
    random = np.random.default_rng(0)
    caught = [
        any(one.complaint for one in found(random, order, arithmetic, RANDOM[trial % 2], (60, 100, 20)))
        for trial in range(100)
    ]
    with capsys.disabled():
        print(f"{wrong}: caught {sum(caught)} of {len(caught)}")
    assert all(caught)

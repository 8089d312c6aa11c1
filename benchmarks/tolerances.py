"""What a tolerance costs: how often it rejects a correct kernel, and how often it accepts a dropped product.

    python benchmarks/tolerances.py [--trials 10000] [--seed 0] [--only sequential]

One trial is one output element: a float32 dot product of n terms (a 3x3 kernel over 1, 64 and 512 channels), summed
by correct kernels that differ in their order alone, and by the same kernels with one random product left out.
Printed is the share of trials, over all orders, in which the right sum was rejected / the wrong one accepted.

For the exact verdict the data are those of `conformance.data.integer_call`; for all others they are normal. The
product of two float32 is exact in float64, so `math.fsum` of them is the exact sum, rounded once to float64. A
framework's tolerance compares with that sum rounded to float32, as its users would; both bounds with a gauge compare
with the sum itself. A second table has the worst ratio, |actual - exact| / (eps * gauge), that each order reached
on normal data and on uniform data from 0 to 1, whose errors grow faster, and the share of trials at 16 or above.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import numpy as np
import typer
from rich import box
from rich.console import Console
from rich.progress import track
from rich.table import Table

from reference_impl.cases.case import Case
from reference_impl.verdicts.integers import integer_call

# Terms -> a case of which one output element sums that many.
CASES = {
    9: Case.parse("n1_h3w3c1_k3x3o1"),
    576: Case.parse("n1_h3w3c64_k3x3o1"),
    4608: Case.parse("n1_h3w3c512_k3x3o1"),
}
EPS = 2.0**-23
THRESHOLD = 16.0
BATCH = 500

Orders = dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]]


@dataclass(frozen=True)
class Sums:
    """What one order of summation gave, per trial, and what it should have given."""

    actual: np.ndarray
    exact: np.ndarray
    gauge: np.ndarray
    terms: int

    @property
    def ratio(self) -> np.ndarray:
        return np.abs(self.actual - self.exact) / (EPS * self.gauge)


# A framework's defaults for float32, (rtol, atol): |actual - expected| <= atol + rtol * |expected|.
FRAMEWORKS = {
    # https://docs.pytorch.org/docs/stable/testing.html (as in 2.13.0)
    "torch `assert_close`": (1.3e-6, 1e-5),
    # For one element; its check_close multiplies both by the size of the array.
    # https://github.com/jax-ml/jax/blob/055a88344ffe252fd8d57d5470c3201493aeb5b8/jax/_src/public_test_util.py
    "JAX `default_tolerance`": (1e-6, 1e-6),
    # https://github.com/onnx/onnx/blob/054f0c36fa966de926ecff5b4ecbfc34a14ad585/onnx/backend/test/loader/__init__.py
    "ONNX backend tests": (1e-3, 1e-7),
    # https://numpy.org/doc/stable/reference/generated/numpy.allclose.html (as in 2.4.6)
    "NumPy `allclose`": (1e-5, 1e-8),
    # https://numpy.org/doc/stable/reference/generated/numpy.testing.assert_allclose.html
    "NumPy `assert_allclose`": (1e-7, 0.0),
    # https://github.com/NVIDIA/cudnn-frontend/blob/534de6d3e4b7656c4c006fd5356ac134b80cbff2/test/python/conv/graph/test_conv_fixed.py
    "cuDNN front end": (1e-2, 1e-2),
}


def _close(sums: Sums, rtol: float, atol: float) -> np.ndarray:
    expected = sums.exact.astype(np.float32).astype(np.float64)
    return np.abs(sums.actual - expected) <= atol + rtol * np.abs(expected)


VERDICTS: dict[str, Callable[[Sums], np.ndarray]] = {
    "rounded: ratio < 16": lambda sums: sums.ratio < THRESHOLD,
    # u = eps / 2, and the bound holds for every order: https://doi.org/10.1137/120894488
    "worst case: n * u * gauge": lambda sums: sums.ratio <= sums.terms / 2,
    **{
        f"{name} ({rtol:g}, {atol:g})": partial(_close, rtol=rtol, atol=atol)
        for name, (rtol, atol) in FRAMEWORKS.items()
    },
}


def _exact_verdict(
    orders: Orders, random: np.random.Generator, terms: int, seeds: range
) -> Iterator[tuple[str, tuple[float, float]]]:
    """(name, (rejected, accepted)) of the exact verdict: of all products, and of those that are not zero.

    Integers may be zero, and leaving out a product of zero is no mistake in that sum.
    """
    calls = [integer_call(CASES[terms], "conv2d", seed) for seed in seeds]
    left = np.stack([call.arrays["input"].ravel() for call in calls], axis=1)
    right = np.stack([call.arrays["filters"].ravel() for call in calls], axis=1)
    products = left.astype(np.int64) * right.astype(np.int64)
    expected = products.sum(axis=0)
    dropped = random.integers(terms, size=len(seeds))
    changed = products[dropped, np.arange(len(seeds))] != 0
    rejected = np.mean([order(left, right) != expected for order in orders.values()])
    accepted = np.array([order(_without(left, dropped), right) == expected for order in orders.values()])
    yield "exact: integers, equal", (rejected, accepted.mean())
    yield "exact, where the product is not 0", (rejected, accepted[:, changed].mean())


def _tolerances(
    orders: Orders, random: np.random.Generator, left: np.ndarray, right: np.ndarray
) -> Iterator[tuple[str, tuple[float, float]]]:
    """(name, (rejected, accepted)) of every verdict that allows an error."""
    correct = [sums for _, sums in _summed(orders, left, right)]
    without = _without(left, random.integers(len(left), size=left.shape[1]))
    wrong = [
        Sums(order(without, right).astype(np.float64), sums.exact, sums.gauge, sums.terms)
        for order, sums in zip(orders.values(), correct, strict=True)
    ]
    for name, accepts in VERDICTS.items():
        rejected = np.mean([~accepts(sums) for sums in correct])
        yield name, (rejected, np.mean([accepts(sums) for sums in wrong]))


def _without(left: np.ndarray, dropped: np.ndarray) -> np.ndarray:
    """The left factors, one a trial replaced by zero: adding a zero changes no sum."""
    without = left.copy()
    without[dropped, np.arange(left.shape[1])] = 0
    return without


def _summed(orders: Orders, left: np.ndarray, right: np.ndarray) -> Iterator[tuple[str, Sums]]:
    """Each column's dot product, in each order."""
    products = left.astype(np.float64) * right
    exact = np.array([math.fsum(column) for column in products.T.tolist()])
    gauge = np.abs(products).sum(axis=0)
    for name, order in orders.items():
        yield name, Sums(order(left, right).astype(np.float64), exact, gauge, len(left))


def _sequential(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    total = np.zeros(left.shape[1:], np.float32)
    for product in left * right:
        total += product
    return total


def _reversed(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return _sequential(left[::-1], right[::-1])


def _fused(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """As with fused multiply-adds: the product is not rounded (the sum is twice, by way of float64)."""
    total = np.zeros(left.shape[1], np.float32)
    for product in left.astype(np.float64) * right:
        total = (total + product).astype(np.float32)
    return total


def _pairwise(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return _halved(left * right)


def _blocked(lanes: int) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Term i goes to lane i % lanes, as in a vector register; the lanes are added at the end."""

    def blocked(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        products = np.pad(left * right, ((0, -len(left) % lanes), (0, 0)))
        total = np.zeros((lanes, products.shape[1]), np.float32)
        for block in products.reshape(-1, *total.shape):
            total += block
        return _halved(total)

    return blocked


def _halved(terms: np.ndarray) -> np.ndarray:
    while len(terms) > 1:
        half = len(terms) // 2
        terms = np.concatenate([terms[:half] + terms[half : 2 * half], terms[2 * half :]])
    return terms[0]


ORDERS: Orders = {
    "sequential": _sequential,
    "reversed": _reversed,
    "fused": _fused,
    "8 lanes": _blocked(8),
    "16 lanes": _blocked(16),
    "pairwise": _pairwise,
}


def main(
    trials: Annotated[int, typer.Option(min=BATCH, help=f"rounded down to a multiple of {BATCH}")] = 10_000,
    seed: int = 0,
    only: Annotated[str | None, typer.Option(help=f"one order: {', '.join(ORDERS)}")] = None,
) -> None:
    """Print both tables."""
    if only is not None and only not in ORDERS:
        raise typer.BadParameter(f"--only must be one of {', '.join(ORDERS)}; not {only!r}")
    orders = ORDERS if only is None else {only: ORDERS[only]}
    batches = [(terms, batch) for terms in CASES for batch in range(trials // BATCH)]
    shares: dict[tuple[str, int], list[tuple[float, float]]] = {}
    ratios: dict[tuple[str, str, int], list[np.ndarray]] = {}
    for terms, batch in track(batches, "trials", console=Console(stderr=True)):
        random = np.random.default_rng([seed, terms, batch])
        seeds = range(seed + batch * BATCH, seed + (batch + 1) * BATCH)
        for name, share in _exact_verdict(orders, random, terms, seeds):
            shares.setdefault((name, terms), []).append(share)
        left, right = random.standard_normal((2, terms, BATCH), np.float32)
        for name, share in _tolerances(orders, random, left, right):
            shares.setdefault((name, terms), []).append(share)
        for data, arrays in (("normal", (left, right)), ("uniform", random.random((2, terms, BATCH), np.float32))):
            for order, sums in _summed(orders, *arrays):
                ratios.setdefault((data, order, terms), []).append(sums.ratio)
    console = Console(width=130)
    count = trials // BATCH * BATCH
    console.print(f"correct kernel rejected / dropped product accepted, {count} trials, orders: {', '.join(orders)}")
    console.print(_share_table({key: tuple(np.mean(values, axis=0)) for key, values in shares.items()}))
    console.print(f"worst ratio of a correct kernel (share at {THRESHOLD:g} or above)")
    console.print(_ratio_table({key: np.concatenate(values) for key, values in ratios.items()}))


def _share_table(shares: dict[tuple[str, int], tuple[float, float]]) -> Table:
    table = Table("verdict", *(f"n = {terms}" for terms in CASES), box=box.SIMPLE_HEAD)
    for name in dict.fromkeys(name for name, _ in shares):
        table.add_row(name, *(" / ".join(map(_percent, shares[name, terms])) for terms in CASES))
    return table


def _ratio_table(ratios: dict[tuple[str, str, int], np.ndarray]) -> Table:
    table = Table("data", "order", *(f"n = {terms}" for terms in CASES), box=box.SIMPLE_HEAD)
    for data, order in dict.fromkeys((data, order) for data, order, _ in ratios):
        found = [ratios[data, order, terms] for terms in CASES]
        cells = (f"{ratio.max():.2g} ({_percent(np.mean(ratio >= THRESHOLD))})" for ratio in found)
        table.add_row(data, order, *cells)
    return table


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if 100 * share < 99.5 else f"{100 * share:.0f} %"


if __name__ == "__main__":
    typer.run(main)

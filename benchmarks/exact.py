"""Speed and scratch memory of the exact operations against the plain float64 ones, on the layers of ResNet-50.

    python benchmarks/exact.py [--threads 2] [--repeats 3] [--batch 4]

Normal random data; exact from float32 and from float64 arrays, rounded to the same dtype; plain from float64. The
three run in turns, each round in another order. Printed are G multiply-adds/s of the medians, exact time over plain
time, and the peak of memory beyond the arguments and the result, also as a multiple of these; at the end the
geometric means over all 53 layers of the network.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
import typer
from networks import resnet50
from operations import PRODUCTS, medians
from rich import box
from rich.console import Console
from rich.progress import track
from rich.table import Table
from threadpoolctl import threadpool_limits

import reference_impl
from reference_impl.cases.case import Case

DTYPES = ("float32", "float64")


def main(
    threads: Annotated[int, typer.Option(min=1)] = 2,
    repeats: Annotated[int, typer.Option(min=1)] = 3,
    batch: Annotated[int, typer.Option(min=1)] = 4,
) -> None:
    """Print the speed of exact results, and what they cost over plain ones."""
    threadpool_limits(threads)
    table = Table("layer", "times", "operation", "plain G/s", box=box.SIMPLE_HEAD)
    for dtype in DTYPES:
        for column in (f"{dtype} G/s", "/ plain", "scratch MiB", "/ arrays"):
            table.add_column(column, justify="right")
    found: dict[tuple[str, str], list[tuple[float, float, int]]] = {}
    for (_, spec), times in track(resnet50().items(), "layers", console=Console(stderr=True)):
        case = replace(Case.parse(spec), batch=batch)
        for product in PRODUCTS:
            calls = {"plain": _call(reference_impl, product, case, "float64")}
            exact = {dtype: _call(reference_impl.exact, product, case, dtype, dtype=dtype) for dtype in DTYPES}
            taken = medians(calls | exact, repeats)
            speeds = {name: case.multiply_adds / seconds / 1e9 for name, seconds in taken.items()}
            row = [spec, str(times), product, f"{speeds['plain']:.1f}"]
            for dtype, call in exact.items():
                ratio = taken[dtype] / taken["plain"]
                scratch, arrays = _scratch(call, case, dtype)
                row += [f"{speeds[dtype]:.2f}", f"{ratio:.1f}", f"{scratch / 2**20:.1f}", f"{scratch / arrays:.1f}"]
                found.setdefault((product, dtype), []).append((speeds[dtype], ratio, times))
            table.add_row(*row)
    console = Console(width=160)
    console.print(table)
    console.print(f"geometric means over the network, {threads} threads, batch {batch}:")
    for dtype in DTYPES:
        for product in PRODUCTS:
            _print_means(console, f"{dtype} {product}", found[product, dtype])
        _print_means(console, f"{dtype} all", [entry for product in PRODUCTS for entry in found[product, dtype]])


def _print_means(console: Console, name: str, entries: list[tuple[float, float, int]]) -> None:
    speeds, ratios, times = map(np.array, zip(*entries))
    speed, ratio = (np.exp(np.average(np.log(values), weights=times)) for values in (speeds, ratios))
    console.print(
        f"  {name}: {speed:.2f} G multiply-adds/s (least {speeds.min():.2f}), "
        f"{ratio:.1f} times plain (most {ratios.max():.1f})"
    )


def _call(module: Any, product: str, case: Case, held_as: str, **options: str) -> Callable[[], np.ndarray]:
    random = np.random.default_rng(0)
    input, filters, out_backprop = (
        random.standard_normal(shape).astype(held_as)
        for shape in (case.input_sizes, case.filter_sizes, case.output_shape)
    )
    positional = {
        "conv2d": (input, filters),
        "conv2d_backprop_input": (input.shape, filters, out_backprop),
        "conv2d_backprop_filter": (input, filters.shape, out_backprop),
    }[product]
    return lambda: getattr(module, product)(*positional, **case.options, **options)


def _scratch(call: Callable[[], np.ndarray], case: Case, dtype: str) -> tuple[int, int]:
    """Peak bytes beyond the arguments and the result, and the bytes of these, all three arrays of the layer."""
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    result = call()
    scratch = tracemalloc.get_traced_memory()[1] - before - result.nbytes
    tracemalloc.stop()
    sizes = (case.input_sizes, case.filter_sizes, case.output_shape)
    return scratch, sum(int(np.prod(shape)) for shape in sizes) * np.dtype(dtype).itemsize


if __name__ == "__main__":
    typer.run(main)

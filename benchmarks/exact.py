"""Time the exact operations beside the plain ones in float64, on the convolution layers of two networks.

    python benchmarks/exact.py [--threads 2] [--repeats 3] [--batch 4] [--write docs/speed.md]

The data are normal. Exact results are from float32 to float32, and from float64 to float64. The three take turns, each
round in another order. Printed are multiply-adds a second, exact time over plain time, both by the medians, and the
peak of memory beyond the arguments and the result. Means are geometric, over all layers of the network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from contenders import PRODUCTS
from measure import medians, scratch
from networks import NETWORKS, TRANSPOSED
from rich import box
from rich.console import Console
from rich.progress import track
from rich.table import Table
from speed_tables import head, line, write
from threadpoolctl import threadpool_limits

import reference_impl
from reference_impl.cases.case import Case

DTYPES = ("float32", "float64")
DEFAULT = ("ResNet-50", "MobileNetV2")


class Timed(NamedTuple):
    """One exact call beside the plain one."""

    network: str
    layer: str
    times: int
    product: str
    dtype: str
    speed: float
    ratio: float
    scratch: int


def main(
    network: Annotated[
        list[str] | None, typer.Option(help=f"One of {', '.join(NETWORKS)}. Default: {', '.join(DEFAULT)}.")
    ] = None,
    threads: Annotated[int, typer.Option(min=1)] = 2,
    repeats: Annotated[int, typer.Option(min=1)] = 3,
    batch: Annotated[int, typer.Option(min=1)] = 4,
    layers: Annotated[bool, typer.Option("--layers", help="Show each layer.")] = False,
    page: Annotated[Path | None, typer.Option("--write", help="Put the table of means into this page.")] = None,
) -> None:
    """Print the speed of exact results, and their time over that of plain ones."""
    threadpool_limits(threads)
    found: list[Timed] = []
    for name in network or DEFAULT:
        for (kind, spec), times in track(NETWORKS[name]().items(), name, console=Console(stderr=True)):
            for product in PRODUCTS if kind != TRANSPOSED else ("conv2d_backprop_input",):
                case = replace(Case.parse(spec), batch=batch)
                exact = {dtype: _call(reference_impl.exact, product, case, dtype, dtype=dtype) for dtype in DTYPES}
                for call in exact.values():
                    call()
                taken = medians({"plain": _call(reference_impl, product, case, "float64")} | exact, repeats, threads)
                for dtype, call in exact.items():
                    speed, ratio = case.multiply_adds / taken[dtype] / 1e9, taken[dtype] / taken["plain"]
                    found.append(Timed(name, spec, times, product, dtype, speed, ratio, scratch(call)))
    console = Console(width=160)
    if layers:
        console.print(
            _table(("network", "layer", "product", "dtype", "G/s", "/ plain", "scratch MiB"), map(_cells, found))
        )
    rows = list(_means(found))
    console.print(_table(_COLUMNS, rows))
    if page is not None:
        of_each = f"{threads} {'thread' if threads == 1 else 'threads'}"
        said = f"Batch {batch}, {of_each}, medians of {repeats}, on the same machine."
        write(page, "exact.py", "\n".join([*head(*_COLUMNS), *(line(*row) for row in rows), "", said, ""]))


_COLUMNS = (
    "network", "from and to", "product", "G multiply-adds a second", "times plain", "the most", "its layer",
    "most scratch, MiB",
)  # fmt: skip


def _means(found: list[Timed]) -> Any:
    """Yield a row for each network, dtype and product, with the layer that is slowest beside the plain operation."""
    for network, dtype in dict.fromkeys((one.network, one.dtype) for one in found):
        for product in ("all", *PRODUCTS):
            some = [
                one for one in found if (one.network, one.dtype) == (network, dtype) and product in ("all", one.product)
            ]
            weights = [one.times for one in some]
            speed, ratio = (
                np.exp(np.average(np.log(values), weights=weights))
                for values in ([one.speed for one in some], [one.ratio for one in some])
            )
            worst, most = max(some, key=lambda one: one.ratio), max(one.scratch for one in some) / 2**20
            where = f"`{worst.layer}` {worst.product}"
            yield network, dtype, product, f"{speed:.2f}", f"{ratio:.1f}", f"{worst.ratio:.1f}", where, f"{most:.0f}"


def _cells(one: Timed) -> tuple[str, ...]:
    return (*one[:2], *one[3:5], f"{one.speed:.2f}", f"{one.ratio:.1f}", f"{one.scratch / 2**20:.1f}")


def _table(columns: Any, rows: Any) -> Table:
    table = Table(*columns, box=box.SIMPLE_HEAD)
    for row in rows:
        table.add_row(*row)
    return table


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


if __name__ == "__main__":
    typer.run(main)

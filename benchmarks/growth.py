"""Measure how time and memory grow with the multiply-adds of a call, from 1e3 to 1e10.

    python benchmarks/growth.py --plot docs/pictures/speed/growth.svg --write docs/speed.md

One thread, processor time, float64; exact results from and to float32, up to 1e9. Each family of calls grows
in its own way. Slopes are fits in log-log: 1 means that twice the work takes twice the time. Scratch is the peak of
memory beyond the arguments and the result.
"""

from __future__ import annotations

import math
import os
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import typer
from measure import scratch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from speed_tables import head, line, write
from threadpoolctl import threadpool_limits

import reference_impl
from reference_impl.cases.case import Case
from reference_impl.operations import OPERATIONS

# The spec of each family, for a side that grows, and the decades of its multiply-adds.
FAMILIES: dict[str, tuple[Callable[[int], str], int]] = {
    "image and channels": (lambda side: f"n1_h{side}w{side}c{side}_k3x3o{side}_SAME", 10),
    "image, 16 channels": (lambda side: f"n1_h{side}w{side}c16_k3x3o16_SAME", 10),
    "image, depthwise": (lambda side: f"n1_h{side}w{side}c16_k3x3o16_g16_SAME", 9),
    "exact, image and channels": (lambda side: f"n1_h{side}w{side}c{side}_k3x3o{side}_SAME", 9),
}
_ENOUGH = 0.1  # seconds of one call, over its repetitions
_FIXED = 1e6  # multiply-adds from which the fixed costs of a call no longer count


class Point(NamedTuple):
    """One call: its work, its time and its scratch."""

    multiply_adds: int
    seconds: float
    scratch: int


def main(
    plot: Annotated[Path | None, typer.Option(help="Draw time and scratch to this file, .svg or .png.")] = None,
    page: Annotated[Path | None, typer.Option("--write", help="Put the table into this page.")] = None,
) -> None:
    """Measure how time and memory grow with the multiply-adds of a call."""
    threadpool_limits(1)
    found = {}
    for family, operation in track(
        [(family, operation) for family in FAMILIES for operation in OPERATIONS], console=Console(stderr=True)
    ):
        found[family, operation] = list(_points(family, operation))
    rows = [_summary(*key, points) for key, points in found.items()]
    table = Table(*_COLUMNS)
    for row in rows:
        table.add_row(*row)
    Console(width=150).print(table)
    if plot is not None:
        draw(found, plot)
    if page is not None:
        lines = [*head(*_COLUMNS), *(line(*row) for row in rows), ""]
        if plot is not None:
            picture = os.path.relpath(plot, page.parent)
            lines = [f"![Time and scratch memory over multiply-adds, both logarithmic]({picture})", "", *lines]
        write(page, "growth.py", "\n".join(lines))


def _points(family: str, operation: str) -> Iterator[Point]:
    spec, decades = FAMILIES[family]
    last = None
    for work in np.logspace(3, decades, 2 * (decades - 3) + 1):
        case = _nearest(spec, work)
        if case != last:
            call = _call(operation, case, exact=family.startswith("exact"))
            yield Point(case.multiply_adds, _seconds(call), scratch(call))
        last = case


def _nearest(spec: Callable[[int], str], work: float) -> Case:
    """Return the member of a family with about so many multiply-adds."""
    first = Case.parse(spec(64))
    power = math.log(Case.parse(spec(128)).multiply_adds / first.multiply_adds, 2)
    side = round(64 * (work / first.multiply_adds) ** (1 / power))
    return Case.parse(spec(max(side, 2)))


def _call(operation: str, case: Case, *, exact: bool) -> Callable[[], np.ndarray]:
    random, dtype = np.random.default_rng(0), np.float32 if exact else np.float64
    input, filters, out_backprop = (
        random.random(shape, dtype) - dtype(0.5) for shape in (case.input_sizes, case.filter_sizes, case.output_shape)
    )
    positional: tuple[Any, ...] = {
        "conv2d": (input, filters),
        "conv2d_backprop_input": (input.shape, filters, out_backprop),
        "conv2d_backprop_filter": (input, filters.shape, out_backprop),
        "conv2d_transpose": (out_backprop, filters, input.shape),
    }[operation]
    module = reference_impl.exact if exact else reference_impl
    return lambda: getattr(module, operation)(*positional, **case.options)


def _seconds(call: Callable[[], Any]) -> float:
    """Return the median of the processor seconds that a call takes."""
    times: list[float] = []
    call()
    while not times or (sum(times) < _ENOUGH and len(times) < 1000):
        start = time.thread_time()
        call()
        times.append(time.thread_time() - start)
    return statistics.median(times)


_COLUMNS = ("family", "operation", "slope", f"from {_FIXED:.0e} on", "1e3", "1e6", "largest", "most scratch, MiB")


def _summary(family: str, operation: str, points: list[Point]) -> tuple[str, ...]:
    middle = min(points, key=lambda point: abs(math.log(point.multiply_adds / _FIXED)))
    times = (f"{point.seconds * 1e3:.3g} ms" for point in (points[0], middle, points[-1]))
    slopes = (slope(points), slope([point for point in points if point.multiply_adds >= _FIXED / 2]))
    most = max(point.scratch for point in points) / 2**20
    return family, f"`{operation}`", *(f"{number:.2f}" for number in slopes), *times, f"{most:.1f}"


def slope(points: list[Point]) -> float:
    """Return the slope of the straight line that fits time over work best, both as logarithms."""
    work, seconds, _ = np.log(np.transpose([(*point[:2], 1) for point in points]))
    return float(np.polyfit(work, seconds, 1)[0])


_COLOURS = dict(zip(OPERATIONS, ("#0072B2", "#D55E00", "#009E73", "#CC79A7"), strict=True))
_LINES = dict(zip(FAMILIES, ("-", "--", ":", "-."), strict=True))


def draw(found: dict[tuple[str, str], list[Point]], file: Path) -> None:
    """Draw time and scratch over the multiply-adds, both axes logarithmic."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.8), layout="constrained")
    above, below = figure.subplots(1, 2)
    for (family, operation), points in found.items():
        look = {"color": _COLOURS[operation], "linestyle": _LINES[family], "linewidth": 1.2}
        work = [point.multiply_adds for point in points]
        above.plot(work, [point.seconds for point in points], **look)
        below.plot(work, [max(point.scratch, 1) / 2**20 for point in points], **look)
    below.axhline(64, color="#808080", linewidth=1)
    below.text(1e3, 70, "64 MiB", size=8)
    for axes, label in ((above, "seconds, one thread"), (below, "scratch memory, MiB")):
        axes.set(xscale="log", yscale="log", xlabel="multiply-adds", ylabel=label)
        axes.grid(linewidth=0.4)
    for operation, colour in _COLOURS.items():
        above.plot([], [], color=colour, label=operation)
    for family, style in _LINES.items():
        below.plot([], [], color="#404040", linestyle=style, label=family)
    above.legend(fontsize="small")
    below.legend(fontsize="small")
    figure.savefig(file, metadata={"Date": None} if file.suffix == ".svg" else None)


if __name__ == "__main__":
    typer.run(main)

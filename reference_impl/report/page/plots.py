"""Plots of accuracy against the number of terms, one for each dtype and operation, as SVG."""

from __future__ import annotations

import io
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from statistics import median
from typing import TYPE_CHECKING

from ...cases.case import DTYPES, Case
from ...console import plain_name
from ...operations import OPERATIONS
from ...run.outcome import KNOWN, Record
from ...verdicts.agreement import THRESHOLD
from .content import Plot, Plots, Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_COLOURS = 8
_LEAST, _MOST = 1e-3, 1e3  # where smaller and larger errors are drawn
_FIRST = "float32"  # it is shown open
# These stand for colours of the page, which has a light and a dark form.
INK, FAINT, LIMIT, OTHERS = "#010101", "#020202", "#030303", "#050505"
LINES = [f"#0404{number:02x}" for number in range(MOST_COLOURS)]
PALETTE = {INK: "currentColor", FAINT: "var(--line)", LIMIT: "var(--bad)", OTHERS: "var(--soft)"} | {
    line: f"var(--line-{number})" for number, line in enumerate(LINES)
}

_Points = dict[int, list[Record]]
"""The records by the number of terms: a power of two, and all numbers up to the next."""


def accuracy_plots(records: Iterable[Record], backends: Sequence[str]) -> list[Plots]:
    """Plot the largest ratio of each backend against the number of terms.

    The backends with the largest ratios have colours. The others are grey lines.
    """
    found: dict[str, dict[tuple[str, str], _Points]] = {}
    for record in records:
        known = record.outcome == KNOWN
        if record.check == "rounded" and not known and record.ratio is not None and math.isfinite(record.ratio):
            dtype, terms = _facts(record.case, record.operation)
            points = found.setdefault(dtype, {}).setdefault((record.backend, record.operation), defaultdict(list))
            points[1 << (terms.bit_length() - 1 if terms else 0)].append(record)
    order = sorted(DTYPES, key=_FIRST.__ne__)
    return [_of_dtype(dtype, found[dtype], backends) for dtype in order if dtype in found]


@lru_cache(100_000)
def _facts(case: str, operation: str) -> tuple[str, int]:
    parsed = Case.parse(case)
    return parsed.dtype, parsed.convolution.terms(operation)


def _of_dtype(dtype: str, found: Mapping[tuple[str, str], _Points], backends: Sequence[str]) -> Plots:
    largest = {name: _largest(points for (one, _), points in found.items() if one == name) for name in backends}
    measured = [name for name in backends if largest[name] > 0 or any(one == name for one, _ in found)]
    coloured = sorted(measured, key=lambda name: -largest[name])[:MOST_COLOURS]
    numbers = {name: coloured.index(name) if name in coloured else None for name in measured}
    operations = [name for name in OPERATIONS if any(one == name for _, one in found)]
    plots = []
    for operation in operations:
        lines = {name: found[name, operation] for name in measured if (name, operation) in found}
        plots.append(Plot(operation, _svg(lines, numbers, f"{dtype} {operation}")))
    legend = [(plain_name(name), numbers[name]) for name in coloured]
    if len(measured) > len(coloured):
        legend.append((f"{len(measured) - len(coloured)} others, with smaller errors", None))
    return Plots(dtype, plots, legend, _table(found, measured, operations))


def _largest(some: Iterable[_Points]) -> float:
    return max((_worst(records) for points in some for records in points.values()), default=0.0)


def _worst(records: Sequence[Record]) -> float:
    return max(record.ratio for record in records if record.ratio is not None)


def _svg(lines: Mapping[str, _Points], numbers: Mapping[str, int | None], name: str) -> str:
    def draw(axes: Axes) -> None:
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        # matplotlib's own labels are formulas: reading these took a third of the time of a page.
        for axis, base in ((axes.xaxis, 2), (axes.yaxis, 10)):
            axis.set_major_formatter(partial(_power, base))
            axis.set_minor_formatter("")
        axes.axhline(THRESHOLD, color=LIMIT, linestyle="--", linewidth=1.2)
        grey_first = sorted(((numbers[name], name) for name in lines), key=lambda one: -1 if one[0] is None else one[0])
        for number, backend in grey_first:
            points = sorted(lines[backend].items())
            worst = [min(max(_worst(records), _LEAST), _MOST) for _, records in points]
            colour, marker = (OTHERS, "") if number is None else (LINES[number], "o")
            # Later lines are thinner, so that equal ones do not hide each other.
            behind = 0 if number is None else min(len(lines), MOST_COLOURS) - 1 - number
            terms = [terms for terms, _ in points]
            axes.plot(terms, worst, color=colour, marker=marker, markersize=3, linewidth=1 + 0.4 * max(behind, 0))
        axes.set_xlabel("terms of a sum")
        axes.set_ylabel("largest error / (eps · gauge)")

    return svg_of(draw, name, (4.2, 2.9))


def _power(base: int, value: float, place: float | None = None) -> str:
    """Write a power of the base: "10⁻¹"."""
    exponent = str(round(math.log(value, base)))
    return f"{base}{exponent.translate(str.maketrans('-0123456789', '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'))}"


def svg_of(draw: Callable[[Axes], None], name: str, size: tuple[float, float]) -> str:
    """Return a plot in the colours of the page. `draw` draws on its axes; no other plot of the page has its name."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    # Ids differ from those of the other plots of the page. Text stays text, so that it has the page's font.
    with rc_context({"svg.hashsalt": name, "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots()
        draw(axes)
        _with_colours(axes)
        return coloured_svg(figure, PALETTE)


def _with_colours(axes: Axes) -> None:
    axes.grid(color=FAINT, linewidth=0.4)
    axes.tick_params(colors=INK, which="both")
    axes.set_axisbelow(True)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_color(INK)
    for spine in axes.spines.values():
        spine.set_color(FAINT)


def coloured_svg(figure: Figure, colours: Mapping[str, str]) -> str:
    """Return the picture alone, with the page's own colours for those that stand in for them."""
    written = io.StringIO()
    figure.savefig(written, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = written.getvalue()
    svg = svg[svg.index("<svg") :]
    for stand_in, colour in colours.items():
        svg = svg.replace(stand_in, colour)
    return svg


def _table(found: Mapping[tuple[str, str], _Points], names: Sequence[str], operations: Sequence[str]) -> Table:
    rows = []
    for name in names:
        row = [plain_name(name)]
        for operation in operations:
            records = [record for some in found.get((name, operation), {}).values() for record in some]
            medians = [record.median_ratio for record in records if record.median_ratio is not None]
            middle = f" / {median(medians):.3f}" if medians else ""
            row.append(f"{_worst(records):.2f}{middle}" if records else "")
        rows.append(row)
    return Table(("backend", *operations), rows, (False, *(True for _ in operations)), "largest / median")

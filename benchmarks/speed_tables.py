"""Tables and a picture of the times that `operations.py` measures: our time over another's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from networks import NETWORKS
from rich import box
from rich.table import Table

from reference_impl.cases.case import Case

WIDE = "64 channels or more"  # of a group
# The most that our time may be of a contender's, over these layers and the three products.
TARGETS = (
    ("ResNet-50", "all", "torch", 1.0),
    ("ResNet-50", "stem", "torch", 1.3),
    *((network, "depthwise", "torch", 1.2) for network in ("MobileNetV2", "EfficientNet-B0")),
    *((network, kind, "torch", 1.5) for network in ("MobileNetV2", "EfficientNet-B0") for kind in ("stem", "1x1")),
    ("ResNeXt-50", "grouped", "torch", 1.2),
    ("U-Net", "all", "torch", 1.0),
    ("U-Net", "transposed", "torch", 1.0),
    *((network, WIDE, "BLAS", 1.3) for network in NETWORKS),
)
_SHORT = {"conv2d": "conv2d", "conv2d_backprop_input": "input gradient", "conv2d_backprop_filter": "filter gradient"}


class Mean(NamedTuple):
    """Geometric means of our time over that of each contender, for some layers of a network."""

    batch: int
    network: str
    kind: str
    product: str
    ratios: dict[str, float]


def means(found: dict[str, Any]) -> Iterator[Mean]:
    """Yield the means of each batch, network, kind of layer and product, and of all kinds and all products."""
    rows = found["rows"]
    for batch, network in dict.fromkeys((row["batch"], row["network"]) for row in sorted(rows, key=_batch)):
        of_network = [row for row in rows if (row["batch"], row["network"]) == (batch, network)]
        for kind in ("all", WIDE, *dict.fromkeys(row["kind"] for row in of_network)):
            of_kind = [row for row in of_network if kind in ("all", row["kind"], _width(row))]
            products = dict.fromkeys(row["product"] for row in of_kind)
            for product in ("all", *products) if products else ():
                chosen = [row for row in of_kind if product in ("all", row["product"])]
                ratios = {name: _mean(chosen, name) for name in found["contenders"]}
                there = {name: ratio for name, ratio in ratios.items() if ratio is not None}
                yield Mean(batch, network, kind, product, there)


def _batch(row: dict[str, Any]) -> int:
    return row["batch"]


def _width(row: dict[str, Any]) -> str:
    return WIDE if Case.parse(row["layer"]).filter_sizes[2] >= 64 else ""


def _mean(rows: list[dict[str, Any]], name: str) -> float | None:
    """Return the geometric mean of ours over `name`; None if a call of it is missing: means are of equal layers."""
    if not all(name in row["seconds"] for row in rows):
        return None
    logs = [np.log(row["seconds"]["ours"] / row["seconds"][name]) for row in rows]
    return float(np.exp(np.average(logs, weights=[row["times"] for row in rows])))


def of_layers(found: dict[str, Any]) -> Table:
    others = found["contenders"]
    table = Table("batch", "layer", "times", "kind", "product", "ours ms", *others, box=box.SIMPLE_HEAD)
    for row in found["rows"]:
        seconds = row["seconds"]
        ratios = [f"{seconds['ours'] / seconds[name]:.2f}" if name in seconds else "" for name in others]
        named = str(row["batch"]), row["layer"], str(row["times"]), row["kind"], row["product"]
        table.add_row(*named, f"{seconds['ours'] * 1e3:.2f}", *ratios)
    return table


def of_means(found: dict[str, Any]) -> list[Table]:
    others = found["contenders"]
    table = Table("batch", "network", "layers", "product", *(f"/ {name}" for name in others), box=box.SIMPLE_HEAD)
    for mean in means(found):
        table.add_row(str(mean.batch), *mean[1:4], *(_number(mean.ratios.get(name)) for name in others))
    return [table]


def before_and_after(old: dict[str, Any] | None, found: dict[str, Any]) -> list[Table]:
    """Return a table of ours over torch and over BLAS, before and now; no table without an old run."""
    if old is None:
        return []
    table = Table(*_COMPARED, box=box.SIMPLE_HEAD)
    for row in _compared(old, found):
        table.add_row(*row)
    return [table]


_COMPARED = ("network", "layers", "product", "batch", "/ torch, before", "now", "/ BLAS, before", "now")


def _compared(old: dict[str, Any], found: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    earlier = {mean[:4]: mean.ratios for mean in means(old)}
    for mean in means(found):
        was = earlier.get(mean[:4])
        if was is not None:
            numbers = [_number(ratios.get(name)) for name in ("torch", "BLAS") for ratios in (was, mean.ratios)]
            yield mean.network, mean.kind, _SHORT.get(mean.product, "all"), str(mean.batch), *numbers


def against_targets(found: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yield each target that was measured: the layers, the most, and the ratio for each batch. Misses are marked."""
    measured = {(mean.network, mean.kind, mean.batch): mean.ratios for mean in means(found) if mean.product == "all"}
    for network, kind, contender, most in TARGETS:
        ratios = [measured.get((network, kind, batch), {}).get(contender) for batch in _batches(found)]
        if any(ratio is not None for ratio in ratios):
            cells = (_number(ratio) + (" (missed)" if ratio is not None and ratio > most else "") for ratio in ratios)
            yield network, kind, f"{most} of {contender}", *cells


def _batches(found: dict[str, Any]) -> list[int]:
    return sorted({row["batch"] for row in found["rows"]})


def _number(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f}"


def markdown(found: dict[str, Any], old: dict[str, Any] | None, picture: str | None) -> str:
    """Return the tables as Markdown, with all that was measured stated."""
    others, lines = found["contenders"], [f"Measured on: {found['machine']}.", ""]
    if picture is not None:
        lines += [f"![Our time over that of others, for each kind of layer]({picture})", ""]
    lines += ["The targets, for the three products together:", ""]
    lines += head("network", "layers", "at most", *(f"batch {batch}" for batch in _batches(found)))
    lines += [*(line(*row) for row in against_targets(found)), ""]
    of_all = [mean for mean in means(found) if mean.product == "all"]
    for batch in _batches(found):
        lines += [f"Batch {batch}, the three products together:", "", *head("network", "layers", *others)]
        for mean in of_all:
            if mean.batch == batch:
                lines.append(line(mean.network, mean.kind, *(_number(mean.ratios.get(name)) for name in others)))
        lines.append("")
    if found["left out"]:
        lines += ["Left out:", "", *(f"- {name}: {why}" for name, why in found["left out"].items()), ""]
    lines += ["A small call (8x8 image, 3x3 kernel, 4 channels), in microseconds:", ""]
    lines += head("product", "ours", *others)
    for product, times in found["small call"].items():
        lines.append(
            line(f"`{product}`", *(f"{times[name]:.0f}" if name in times else "" for name in ("ours", *others)))
        )
    lines += ["", "Scratch memory on 16 images of 224x224x64, 3x3x64 filters, in MiB: "]
    lines[-1] += ", ".join(f"{size:.1f} (`{product}`)" for product, size in found["scratch"].items()) + "."
    if old is not None:
        lines += ["", "Before and now, by product:", "", *head(*_COMPARED)]
        lines += [line(*row) for row in _compared(old, found)]
        lines += ["", f"Before was measured on: {old['machine']}."]
    return "\n".join([*lines, ""])


def head(*names: str) -> list[str]:
    return [line(*names), line(*["---"] * len(names))]


def line(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def write(page: Path, script: str, text: str) -> None:
    """Put `text` into `page`, in place of what the script wrote there last."""
    begin, end = f"<!-- {script} writes from here -->\n", f"<!-- {script} writes to here -->\n"
    head, begins, rest = page.read_text().partition(begin)
    _, ends, tail = rest.partition(end)
    if not begins or not ends:
        raise ValueError(f"{page} must have the lines {begin.strip()} and {end.strip()}, in this order")
    page.write_text(f"{head}{begin}\n{text}\n{end}{tail}")


_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#000000")


def draw(found: dict[str, Any], file: Path) -> None:
    """Draw the means of each kind of layer: a dot for each contender, right of 1 where it is faster."""
    from matplotlib.figure import Figure

    kinds = [mean for mean in means(found) if mean.product == "all" and mean.kind not in ("all", WIDE)]
    batches = list(dict.fromkeys(mean.batch for mean in kinds))
    names = list(dict.fromkeys(f"{mean.network}, {mean.kind}" for mean in kinds))
    figure = Figure(figsize=(4.5 * len(batches) + 2, 0.27 * len(names) + 1.2), layout="constrained")
    panels = figure.subplots(1, len(batches), sharey=True, squeeze=False)[0]
    for axes, batch in zip(panels, batches, strict=True):
        axes.axvline(1, color="#808080", linewidth=1)
        for contender, colour in zip(found["contenders"], _COLOURS):
            dots = {
                f"{mean.network}, {mean.kind}": mean.ratios[contender]
                for mean in kinds
                if mean.batch == batch and contender in mean.ratios
            }
            places = [names.index(name) for name in dots]
            axes.plot(list(dots.values()), places, "o", color=colour, label=contender, markersize=5, alpha=0.8)
        axes.set(xscale="log", title=f"batch {batch}", xlabel="our time over theirs")
        axes.set_yticks(range(len(names)), names)
        axes.grid(axis="y", linewidth=0.4)
    axes.invert_yaxis()
    axes.legend(fontsize="small")
    figure.savefig(file, metadata={"Date": None} if file.suffix == ".svg" else None)

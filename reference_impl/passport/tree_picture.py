"""Draw the tree of a sum: products below, and a joint for each addition. The extra `draw`."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING

from .element import Index
from .order import Tree, leaves, smallest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Pages replace these. A pure black would not be written to the file.
LINE, INK = "#0072b2", "#010101"
_FONT = "DejaVu Sans"
_NARROWEST, _WIDEST = 5.0, 14.0  # inches
_LETTERS = 13  # of the title, in an inch


def draw_tree(tree: Tree, labels: Sequence[Index], title: str) -> Figure:
    """Draw a tree. Below each product stands its place along the axes of the sum, and each joint is an addition."""
    from matplotlib.collections import LineCollection
    from matplotlib.figure import Figure

    ordered = _ordered(tree)
    across = {number: place for place, number in enumerate(ordered)}
    lines: list[list[tuple[float, float]]] = []

    def laid(node: Tree) -> tuple[float, int]:
        """Draw what is below a node. Return where it stands, and its height."""
        if not isinstance(node, tuple):
            return float(across[node]), 0
        below = [laid(part) for part in node]
        height = 1 + max(top for _, top in below)
        places = [place for place, _ in below]
        lines.extend([[(place, top), (place, height)] for place, top in below])
        lines.append([(min(places), height), (max(places), height)])
        return sum(places) / len(places), height

    middle, height = laid(tree)
    lines.append([(middle, height), (middle, height + 1)])
    count = len(ordered)
    width, tall = min(max(1 + 0.22 * count, _NARROWEST), _WIDEST), 1.6 + 0.12 * height
    said = fill(title, int(width * _LETTERS))
    figure = Figure(figsize=(width, tall), label=title)
    axes = figure.add_axes((0.02, 0.5 / tall, 0.96, 1 - (0.65 + 0.17 * said.count("\n") + 0.2) / tall))
    axes.add_collection(LineCollection(lines, colors=LINE, linewidths=1.1))
    axes.set(xlim=(-1, count), ylim=(-0.1, height + 1.2))
    axes.axis("off")
    axes.set_title(said, fontdict={"family": _FONT, "size": 9}, loc="left", color=INK)
    for number, place in across.items():
        axes.text(
            place,
            -0.3,
            ",".join(map(str, labels[number])),
            ha="center",
            va="top",
            rotation=90,
            size=7,
            family=_FONT,
            color=INK,
        )
    return figure


def _ordered(tree: Tree) -> list[int]:
    """The products from left to right: at each addition the larger sum first, so that a chain is a staircase."""
    if not isinstance(tree, tuple):
        return [tree]
    parts = sorted(tree, key=lambda part: (-len(leaves(part)), smallest(part)))
    return [number for part in parts for number in _ordered(part)]

"""Two pictures of the documentation that `reference_impl.drawing` does not draw: `make.py` saves them."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

sys.path.insert(0, str(Path(__file__).parents[2]))  # the examples are not installed

from examples.worked.upsampling import overlaps

_FONT = {"family": "DejaVu Sans"}
_FRAME, _FORWARD, _BACKWARD = "#808080", "#0072B2", "#D55E00"


def checkerboard() -> Figure:
    """Draw how many windows of a transposed convolution cover each pixel, for two kernels."""
    said = ["windows that cover a pixel, at stride 2"]
    figure = Figure(figsize=(9, 4.9))
    for place, size in enumerate((3, 4)):
        counts = overlaps(6, size, 2)
        axes = figure.add_axes((0.03 + 0.5 * place, 0.03, 0.45, 0.82))
        axes.imshow(counts, cmap="Blues", vmin=0, vmax=7)
        for (row, column), count in np.ndenumerate(counts):
            axes.text(column, row, str(count), ha="center", va="center", size=9, **_FONT)
        axes.set(xticks=[], yticks=[])
        even = "evenly, but for the border" if size == 4 else "in a checkerboard"
        axes.set_title(f"kernel {size}x{size}: {even}", size=11, weight="bold", **_FONT)
        said.append(f"kernel {size}x{size}: {even}; row 4: {' '.join(map(str, counts[4]))}")
    figure.text(0.03, 0.95, said[0], size=11, **_FONT)
    figure.set_label("\n".join(said))
    return figure


# Each array of the network: its name, its size, and the step to the next array, forwards and backwards.
_LAYERS = [
    ("image", (4, 4), ("conv w1 (2x2)", "dw1")),
    ("l1", (3, 3), ("tanh", "· (1 - a1²)")),
    ("a1", (3, 3), ("conv w2 (2x2)", "dw2")),
    ("l2", (2, 2), ("arctan", "/ (1 + l2²)")),
    ("a2", (2, 2), ("flatten", "reshape")),
    ("flat", (1, 4), ("times w3 (4x1)", "dw3")),
    ("l3", (1, 1), ("arctan", "/ (1 + l3²)")),
    ("out", (1, 1), None),
]


def two_layer_network() -> Figure:
    """Draw the network of the two-layer article: its arrays in cells, forwards above, backwards below."""
    cell, gap, middle = 0.2, 1.15, 0.95
    widths = [size[1] * cell for _, size, _ in _LAYERS]
    figure = Figure(figsize=(sum(widths) + gap * (len(_LAYERS) - 1) + 0.5, 1.75))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, figure.get_figwidth()), ylim=(1.75, 0))
    axes.axis("off")
    left, said = 0.25, ["the network of two convolutions"]
    for (name, (rows, columns), step), width in zip(_LAYERS, widths, strict=True):
        top = middle - rows * cell / 2
        for row, column in np.ndindex(rows, columns):
            corner = left + column * cell, top + row * cell
            axes.add_patch(Rectangle(corner, cell, cell, facecolor="#CBE6F7", edgecolor=_FRAME, linewidth=0.8))
        axes.text(left + width / 2, top - 0.2, name, ha="center", size=9, weight="bold", **_FONT)
        axes.text(left + width / 2, top + rows * cell + 0.22, f"{rows}x{columns}", ha="center", size=8, **_FONT)
        left += width
        if step is not None:
            forward, backward = step
            for words, level, side, colour in ((forward, -0.12, 1, _FORWARD), (backward, 0.12, -1, _BACKWARD)):
                ends = (left + 0.1, middle + level), (left + gap - 0.1, middle + level)
                arrow = {"arrowstyle": "->", "lw": 1.3, "color": colour}
                axes.annotate("", ends[side > 0], ends[side < 0], arrowprops=arrow)
                beside = middle + level - 0.07 * side
                axes.text(
                    left + gap / 2, beside, words, ha="center", va="bottom" if side > 0 else "top", size=8, **_FONT
                )
            said.append(f"{name} ({rows}x{columns}): {forward}; backwards {backward}")
            left += gap
    figure.set_label("\n".join(said))
    return figure

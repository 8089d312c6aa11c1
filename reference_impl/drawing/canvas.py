"""Draw a `Picture` as a matplotlib `Figure`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure

from .cells import Position
from .marks import Mark
from .picture import Grid, Picture
from .sheet import FONT, HEADING, INDEX, LETTER, LINE, MARGIN, NAME, NOTE, NUMBER, SPACE, SWATCH, Sheet, leading


@dataclass(frozen=True)
class Look:
    """The look of a marked cell. Colour is never all: each mark has a hatch, an outline or a sign of its own."""

    fill: str | None = None
    hatch: str | None = None
    outline: str | None = None
    width: float = 0.0
    sign: str = ""


# Colours of Okabe and Ito, and tints of them, which colour-blind eyes can tell apart: https://jfly.uni-koeln.de/color/
LOOKS = {
    Mark.PADDING: Look("#EEEEEE", "////"),
    Mark.BETWEEN: Look("#F4F4F4", "----"),
    Mark.LEFTOVER: Look("#E4DCEB", "\\\\\\\\"),
    Mark.UNREAD: Look(None, "xxxx"),
    Mark.TAKEN: Look("#CBE6F7", None, "#0072B2", 1.8),
    Mark.WRONG: Look("#F6C6A8", None, None, 0, "✗"),
    Mark.SUM: Look("#FCE29E", None, "#000000", 2.6),
    Mark.WORST: Look("#F6C6A8", None, "#000000", 2.6, "✗"),
}
# The height of numbers in a cell, below the letters in its corners.
_MIDDLE = 0.54
_HATCH, _BORDER, _FAINT = "#B0B0B0", "#808080", "#555555"


def figures(pictures: Sequence[Picture]) -> Iterator[Figure]:
    """Yield a figure for each picture, all of one size; the pictures must be of the same planes."""
    sheet = Sheet(pictures)
    for picture in pictures:
        yield _figure(picture, sheet)


def _figure(picture: Picture, sheet: Sheet) -> Figure:
    figure = Figure(figsize=(sheet.width, sheet.height), label=picture.description)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, sheet.width), ylim=(sheet.height, 0))
    axes.axis("off")
    _write(axes, sheet.heading(picture), MARGIN, MARGIN, HEADING, weight="bold")
    for grid, (left, top) in zip(picture.grids, sheet.placed(), strict=True):
        _draw_grid(axes, grid, sheet, left, top)
    middle = (sheet.grids_top + sheet.lines_top - MARGIN) / 2
    for left, right in sheet.arrows():
        axes.annotate("", (right, middle), (left, middle), arrowprops={"arrowstyle": "->", "lw": 1.5})
    _write(axes, sheet.lines(picture), MARGIN, sheet.lines_top, LINE)
    _draw_legend(axes, sheet)
    return figure


def _draw_grid(axes: Any, grid: Grid, sheet: Sheet, left: float, top: float) -> None:
    _write(axes, [grid.name], left, top, NAME, weight="bold")
    _write(axes, grid.notes, left, top + leading(NAME), NOTE)
    cell, left, top = sheet.cell, left + sheet.beside, top + sheet.above(grid)
    corners = {
        (row, column): (left + across * cell, top + down * cell)
        for down, row in enumerate(grid.rows)
        for across, column in enumerate(grid.columns)
    }
    for mark in Mark:
        _draw_squares(axes, [corners[position] for position in sorted(grid.marked.get(mark, ()))], cell, LOOKS[mark])
    right, bottom = left + len(grid.columns) * cell, top + len(grid.rows) * cell
    across = [[(left, top + down * cell), (right, top + down * cell)] for down in range(len(grid.rows) + 1)]
    along = [[(left + beside * cell, top), (left + beside * cell, bottom)] for beside in range(len(grid.columns) + 1)]
    axes.add_collection(LineCollection(across + along, colors=_BORDER, linewidths=min(0.8, cell * 4), zorder=3))
    _write_indices(axes, grid, corners, cell)
    for position, (x, y) in corners.items():
        _write_in_cell(axes, grid, position, x, y, sheet)


def _draw_squares(axes: Any, corners: list[tuple[float, float]], cell: float, look: Look) -> None:
    """Draw cells in one look. From bottom to top lie fills, hatches, the lines of the grid, and outlines."""
    squares = [[(x, y), (x + cell, y), (x + cell, y + cell), (x, y + cell)] for x, y in corners]

    def lay(zorder: int, **style: Any) -> None:
        axes.add_collection(PolyCollection(squares, zorder=zorder, **style))

    if squares and look.fill:
        lay(1, facecolors=look.fill, edgecolors="none")
    if squares and look.hatch:
        lay(2, facecolors="none", edgecolors=_HATCH, hatch=look.hatch, hatch_linewidth=0.6, linewidths=0)
    if squares and look.outline:
        lay(4, facecolors="none", edgecolors=look.outline, linewidths=min(look.width, cell * 12))


def _write_indices(axes: Any, grid: Grid, corners: dict[Position, tuple[float, float]], cell: float) -> None:
    """Write the indices of rows and columns that do not lie all around the array: as many as fit."""
    seen = [position for position in corners if not _is_around(grid, position)]
    every = ceil(2 * INDEX / 72 / cell)
    left, top = corners[grid.rows[0], grid.columns[0]]
    for row in sorted({row for row, _ in seen})[::every]:
        _, y = corners[row, grid.columns[0]]
        _write_one(axes, str(row), left - SPACE / 2, y + cell * _MIDDLE, INDEX, ha="right", color=_FAINT)
    for column in sorted({column for _, column in seen})[::every]:
        x, _ = corners[grid.rows[0], column]
        _write_one(axes, str(column), x + cell / 2, top - leading(INDEX) / 2, INDEX, color=_FAINT)


def _is_around(grid: Grid, position: Position) -> bool:
    return any(position in grid.marked.get(mark, ()) for mark in (Mark.PADDING, Mark.LEFTOVER))


def _write_in_cell(axes: Any, grid: Grid, position: Position, x: float, y: float, sheet: Sheet) -> None:
    """Write the number in the middle, and letter and sign in the corners; without numbers these take the middle."""
    cell = sheet.cell
    signs = {LOOKS[mark].sign for mark in Mark if position in grid.marked.get(mark, ())} - {""}
    if sheet.numbered and grid.texts:
        faint = {"color": _FAINT} if _is_around(grid, position) else {}
        _write_one(axes, grid.texts.get(position, ""), x + cell / 2, y + cell * _MIDDLE, NUMBER, **faint)
        for letter in grid.letters.get(position, ""):
            _write_one(axes, letter, x + 0.035, y + 0.075, LETTER, ha="left", style="italic")
        for sign in signs:
            _write_one(axes, sign, x + cell - 0.025, y + 0.08, LETTER, ha="right")
        return
    for text in (*grid.letters.get(position, ""), *signs):
        _write_one(axes, text, x + cell / 2, y + cell / 2, min(NUMBER, cell * 72 * 0.75))


def _draw_legend(axes: Any, sheet: Sheet) -> None:
    for number, row in enumerate(sheet.legend):
        left, top = MARGIN, sheet.legend_top + number * (SWATCH + SPACE)
        for mark, text in row:
            x = left
            if mark is not None:
                look = LOOKS[mark]
                look = look if look.outline else replace(look, outline=_BORDER, width=0.8)
                _draw_squares(axes, [(x, top)], SWATCH, look)
                _write_one(axes, look.sign, x + SWATCH / 2, top + SWATCH / 2, LETTER)
                x += SWATCH + SPACE
            _write(axes, [text], x, top, LINE)
            left += sheet.width_of_entry(mark, text)


def _write(axes: Any, lines: Iterable[str], x: float, y: float, size: float, **look: Any) -> None:
    for number, line in enumerate(lines):
        axes.text(x, y + number * leading(size), line, size=size, va="top", family=FONT, **look)


def _write_one(axes: Any, text: str, x: float, y: float, size: float, ha: str = "center", **look: Any) -> None:
    """Write text vertically centred at y; an empty text is left out."""
    if text:
        axes.text(x, y, text, size=size, ha=ha, va="center_baseline", family=FONT, zorder=5, **look)

"""Sheet: the layout of a picture, in inches from the upper left. Sizes of text are in points."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from .marks import Mark
from .picture import Block, Grid, Picture

HEADING, NAME, NOTE, LINE, NUMBER, LETTER, INDEX = 11.0, 10.0, 8.0, 9.0, 9.0, 6.5, 7.0

MARGIN, GAP, SWATCH, SPACE = 0.15, 0.4, 0.17, 0.08
_GAP_OF_CHANNELS = 0.12
_CELL = 0.38
_WIDEST, _TALLEST, _NARROWEST = 12.0, 9.0, 6.0

FONT = "DejaVu Sans"  # comes with matplotlib
# As pixels, glyphs take a little more width than their shapes have.
_HINTING = 1.05

LETTERS = "same letter: multiplied"


def leading(size: float) -> float:
    """Return the height of a line of text."""
    return size * 1.45 / 72


@cache
def width_of(text: str, size: float, weight: str = "normal") -> float:
    width, _, _ = text_to_path.get_text_width_height_descent(
        text, FontProperties(family=FONT, size=size, weight=weight), False
    )
    return width / 72 * _HINTING


def wrapped(text: str, size: float, width: float) -> list[str]:
    """Break a text at blanks into lines of at most that width; a word that is too long stays whole."""
    lines: list[str] = []
    for word in text.split(" "):
        if lines and width_of(f"{lines[-1]} {word}", size) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


@dataclass(frozen=True)
class Sheet:
    """The layout shared by pictures of the same planes, so that each has everything in the same place."""

    pictures: Sequence[Picture]

    @property
    def blocks(self) -> tuple[Block, ...]:
        return self.pictures[0].blocks

    @property
    def grids(self) -> tuple[Grid, ...]:
        return self.pictures[0].grids

    @cached_property
    def numbered(self) -> bool:
        """True if there is room for the numbers."""
        return self._cell_of_numbers <= self._largest_cell

    @cached_property
    def cell(self) -> float:
        return self._cell_of_numbers if self.numbered else min(_CELL, self._largest_cell)

    @cached_property
    def beside(self) -> float:
        """Width that the indices of rows take, left of a grid."""
        return max(width_of(str(row), INDEX) for grid in self.grids for row in (grid.rows[0], grid.rows[-1])) + SPACE

    def width_of_grid(self, grid: Grid) -> float:
        words = [width_of(grid.name, NAME, "bold"), *(width_of(note, NOTE) for note in grid.notes)]
        return max(*words, self.beside + len(grid.columns) * self.cell)

    def above(self, grid: Grid) -> float:
        """Return the height that the grid's name, its notes and the indices of its columns take."""
        return leading(NAME) + len(grid.notes) * leading(NOTE) + leading(INDEX)

    def columns(self, block: Block) -> list[float]:
        """Return the widths of a block's columns of grids."""
        return [max(map(self.width_of_grid, column)) for column in zip(*block, strict=True)]

    def width_of_block(self, block: Block) -> float:
        columns = self.columns(block)
        return sum(columns) + _GAP_OF_CHANNELS * (len(columns) - 1)

    @cached_property
    def rows(self) -> dict[int, list[float]]:
        """Heights of the rows of grids, by their number: blocks with as many rows have them side by side."""
        heights: dict[int, list[float]] = {}
        for block in self.blocks:
            mine = [max(map(self.height_of_grid, row)) for row in block]
            heights[len(block)] = [max(both) for both in zip(mine, heights.get(len(block), mine), strict=True)]
        return heights

    def height_of_grid(self, grid: Grid) -> float:
        return self.above(grid) + len(grid.rows) * self.cell

    def height_of_block(self, block: Block) -> float:
        return sum(self.rows[len(block)]) + _GAP_OF_CHANNELS * (len(block) - 1)

    @cached_property
    def width(self) -> float:
        blocks = sum(map(self.width_of_block, self.blocks)) + GAP * (len(self.blocks) - 1)
        return max(2 * MARGIN + blocks, _NARROWEST)

    def heading(self, picture: Picture) -> list[str]:
        return wrapped(picture.heading, HEADING, self.width - 2 * MARGIN)

    def lines(self, picture: Picture) -> list[str]:
        return [part for line in picture.lines for part in wrapped(line, LINE, self.width - 2 * MARGIN)]

    @cached_property
    def legend(self) -> list[list[tuple[Mark | None, str]]]:
        """Rows of the marks that occur, with their texts; the last entry has no mark and explains the letters."""
        every = [grid for picture in self.pictures for grid in picture.grids]
        entries: list[tuple[Mark | None, str]] = [
            (mark, mark.value) for mark in Mark if any(grid.marked.get(mark) for grid in every)
        ]
        if any(grid.letters for grid in every):
            entries.append((None, LETTERS))
        rows: list[list[tuple[Mark | None, str]]] = [[]]
        for entry in entries:
            if MARGIN + sum(self.width_of_entry(*one) for one in [*rows[-1], entry]) > self.width:
                rows.append([])
            rows[-1].append(entry)
        return rows

    @staticmethod
    def width_of_entry(mark: Mark | None, text: str) -> float:
        return (SWATCH + SPACE if mark else 0) + width_of(text, LINE) + 2 * MARGIN

    @cached_property
    def grids_top(self) -> float:
        return MARGIN + max(len(self.heading(one)) for one in self.pictures) * leading(HEADING) + SPACE

    @cached_property
    def lines_top(self) -> float:
        return self.grids_top + max(map(self.height_of_block, self.blocks)) + MARGIN

    @cached_property
    def legend_top(self) -> float:
        return self.lines_top + max(len(self.lines(one)) for one in self.pictures) * leading(LINE) + SPACE

    @cached_property
    def height(self) -> float:
        return self.legend_top + len(self.legend) * (SWATCH + SPACE) + MARGIN / 2

    def placed(self) -> Iterator[tuple[float, float]]:
        """Yield the left edge of each grid and the top of its name; all blocks are centred on one line."""
        left, room = MARGIN, self.lines_top - MARGIN - self.grids_top
        for block in self.blocks:
            top = self.grids_top + (room - self.height_of_block(block)) / 2
            for row, height in zip(block, self.rows[len(block)], strict=True):
                at = left
                for grid, width in zip(row, self.columns(block), strict=True):
                    yield at, top + (height - self.height_of_grid(grid)) / 2
                    at += width + _GAP_OF_CHANNELS
                top += height + _GAP_OF_CHANNELS
            left += self.width_of_block(block) + GAP

    def arrows(self) -> Iterator[tuple[float, float]]:
        """Yield the left and right end of each arrow: one before each block that is computed from those before it."""
        left = MARGIN
        for number, block in enumerate(self.blocks):
            if number > 1:
                yield left - GAP + 0.05, left - 0.05
            left += self.width_of_block(block) + GAP

    @cached_property
    def _cell_of_numbers(self) -> float:
        texts = {text for picture in self.pictures for grid in picture.grids for text in grid.texts.values()}
        return max(_CELL, max((width_of(text, NUMBER) for text in texts), default=0.0) + 2 * SPACE)

    @cached_property
    def _largest_cell(self) -> float:
        across = [
            max(len(grid.columns) for grid in column) for block in self.blocks for column in zip(*block, strict=True)
        ]
        down = max(sum(max(len(grid.rows) for grid in row) for row in block) for block in self.blocks)
        beside = 2 * MARGIN + self.beside * len(across) + GAP * (len(self.blocks) - 1)
        return min((_WIDEST - beside) / sum(across), _TALLEST / down)

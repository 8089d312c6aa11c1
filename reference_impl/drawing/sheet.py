"""Sheet: the layout of a picture, in inches from the upper left. Sizes of text are in points."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from .marks import Mark
from .picture import Grid, Picture

HEADING, NAME, NOTE, LINE, NUMBER, LETTER, INDEX = 11.0, 10.0, 8.0, 9.0, 9.0, 6.5, 7.0

MARGIN, GAP, SWATCH, SPACE = 0.15, 0.4, 0.17, 0.08
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

    @cached_property
    def width(self) -> float:
        grids = sum(map(self.width_of_grid, self.grids)) + GAP * (len(self.grids) - 1)
        return max(2 * MARGIN + grids, _NARROWEST)

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
        tallest = max(self.above(grid) + len(grid.rows) * self.cell for grid in self.grids)
        return self.grids_top + tallest + MARGIN

    @cached_property
    def legend_top(self) -> float:
        return self.lines_top + max(len(self.lines(one)) for one in self.pictures) * leading(LINE) + SPACE

    @cached_property
    def height(self) -> float:
        return self.legend_top + len(self.legend) * (SWATCH + SPACE) + MARGIN / 2

    def placed(self) -> Iterator[tuple[float, float]]:
        """Yield the left edge of each grid and the top of its name; all grids are centred on one line."""
        left = MARGIN
        for grid in self.grids:
            height = self.above(grid) + len(grid.rows) * self.cell
            yield left, self.grids_top + (self.lines_top - MARGIN - self.grids_top - height) / 2
            left += self.width_of_grid(grid) + GAP

    @cached_property
    def _cell_of_numbers(self) -> float:
        texts = {text for picture in self.pictures for grid in picture.grids for text in grid.texts.values()}
        return max(_CELL, max((width_of(text, NUMBER) for text in texts), default=0.0) + 2 * SPACE)

    @cached_property
    def _largest_cell(self) -> float:
        columns, rows = sum(len(grid.columns) for grid in self.grids), max(len(grid.rows) for grid in self.grids)
        beside = 2 * MARGIN + self.beside * len(self.grids) + GAP * (len(self.grids) - 1)
        return min((_WIDEST - beside) / columns, _TALLEST / rows)

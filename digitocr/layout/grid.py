"""A ruled grid: where its lines run, and which cell a place is in."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from digitocr.core.geometry import Box


@dataclass(frozen=True, slots=True)
class Span:
    """Cells of a table that are one: the first, and how many rows and columns they fill."""

    row: int  # from 0
    column: int
    rows: int
    columns: int


@dataclass(frozen=True, slots=True)
class Grid:
    """A ruled table: where its lines run, pixels of the deskewed page."""

    columns: tuple[float, ...]  # x of the lines, left to right, at least two
    rows: tuple[float, ...]  # y of the lines, from the top, at least two
    spans: tuple[Span, ...] = ()

    def cell(self, x: float, y: float) -> tuple[int, int] | None:
        """Return row and column, from 0, of the cell that a place is in, None outside.

        Of cells that are one it is the first.
        """
        row, column = bisect_right(self.rows, y) - 1, bisect_right(self.columns, x) - 1
        if not (0 <= row < len(self.rows) - 1 and 0 <= column < len(self.columns) - 1):
            return None
        for one in self.spans:
            if 0 <= row - one.row < one.rows and 0 <= column - one.column < one.columns:
                return one.row, one.column
        return row, column

    def has_line_at(self, box: Box) -> bool:
        """Tell whether one of its lines runs within half a box's height of its middle."""
        x, y = box.middle
        near = box.height / 2
        on_column = any(abs(x - at) < near for at in self.columns)
        on_row = any(abs(y - at) < near for at in self.rows)
        in_rows = self.rows[0] - near < y < self.rows[-1] + near
        in_columns = self.columns[0] - near < x < self.columns[-1] + near
        return (on_column and in_rows) or (on_row and in_columns)

    @property
    def box(self) -> Box:
        """What it fills."""
        x, y = round(self.columns[0]), round(self.rows[0])
        return Box(x, y, round(self.columns[-1]) - x, round(self.rows[-1]) - y)

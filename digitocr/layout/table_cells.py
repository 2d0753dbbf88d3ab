"""Which table and cell numbers are in, and the tables with the numbers in their cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from digitocr.core.document import Number, Table
from digitocr.core.geometry import Box
from digitocr.layout.grid import Grid


def numbers_and_tables(
    numbers: Sequence[Number], grids: Sequence[Grid]
) -> tuple[tuple[Number, ...], tuple[Table, ...]]:
    """Return numbers with their places in tables, and the tables.

    Args:
        numbers: in reading order, boxes in pixels of the deskewed page.
        grids: the tables' cells.
    """
    placed: list[Number] = []
    rows = [[[""] * (len(g.columns) - 1) for _ in g.rows[1:]] for g in grids]
    for one, table in zip(numbers, grid_numbers([one.box for one in numbers], grids), strict=True):
        cell = grids[table - 1].cell(*one.box.middle) if table else None
        if cell is None:
            placed.append(one)
            continue
        row, column = cell
        placed.append(replace(one, table=table, row=row + 1, column=column + 1))
        before = rows[table - 1][row][column]
        rows[table - 1][row][column] = f"{before} {one.text}".strip()
    tables = (
        Table(grid.box, tuple(map(tuple, texts))) for grid, texts in zip(grids, rows, strict=True)
    )
    return tuple(placed), tuple(tables)


def cell_numbers(boxes: Sequence[Box], grids: Sequence[Grid]) -> list[int]:
    """Return a number for the cell that each box is in; 0 outside of all tables."""
    found, before = [0] * len(boxes), 1
    inside = grid_numbers(boxes, grids)
    for number, grid in enumerate(grids, 1):
        n_columns = len(grid.columns) - 1
        for i in (i for i, at in enumerate(inside) if at == number):
            row, column = grid.cell(*boxes[i].middle) or (0, 0)
            found[i] = before + row * n_columns + column
        before += (len(grid.rows) - 1) * n_columns
    return found


def grid_numbers(boxes: Sequence[Box], grids: Sequence[Grid]) -> list[int]:
    """Return for each box which grid it is in, from 1; 0 outside of all."""
    at = [[i for i, grid in enumerate(grids, 1) if grid.cell(*box.middle)] for box in boxes]
    return [inside[0] if inside else 0 for inside in at]

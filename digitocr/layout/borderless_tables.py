"""Numbers outside of ruled tables → tables without ruling lines: columns that align."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from digitocr.core.document import Number
from digitocr.core.geometry import Box, around
from digitocr.layout.grid import Grid
from digitocr.layout.table_cells import grid_numbers

# Ruled cells with more numbers each, on average, are columns and lines that ruling lines do not
# part.
_CROWDED = 1.4
# Columns that align, without ruling lines: so many lines and columns at least, white strips this
# wide between them, that no more than this part of the lines cross, and this part of the cells
# filled.
_LEAST_LINES, _LEAST_COLUMNS, _GUTTER, _CROSSING, _FILLED = 3, 2, 0.15, 0.2, 0.5
# Columns have edges or middles above each other, usually within this; this part of them does.
_FLUSH, _MOST_FLUSH = 0.3, 0.75
_MOST_LEADING = 5.0  # lines farther apart are not of one table


def ruled_and_borderless_tables(numbers: Sequence[Number], grids: Sequence[Grid]) -> list[Grid]:
    """Return all tables: the ruled ones, and those of numbers that align without ruling lines.

    Ruled cells that hold several numbers each are none: their columns and rows align, as in tables
    with ruling lines at the head alone.

    Args:
        numbers: in reading order, boxes in pixels of the deskewed page.
        grids: ruled tables.
    """
    places = [[grid.cell(*one.box.middle) for one in numbers] for grid in grids]
    ruled = [
        grid
        for grid, cells in zip(grids, places, strict=True)
        if not _is_crowded([cell for cell in cells if cell is not None])
    ]
    inside = grid_numbers([one.box for one in numbers], ruled)
    free = [one for one, grid in zip(numbers, inside, strict=True) if grid == 0]
    aligned = (_grid_of_columns(block) for block in _blocks(free))
    return [*ruled, *filter(None, aligned)]


def _is_crowded(cells: Sequence[tuple[int, int]]) -> bool:
    """Tell whether cells hold several numbers each."""
    return len(cells) > _CROWDED * len(set(cells))


def _blocks(numbers: Sequence[Number]) -> list[list[list[Box]]]:
    """Return the boxes of lines of numbers that follow each other downwards, in blocks."""
    lines: dict[int, list[Box]] = {}
    for one in numbers:
        lines.setdefault(one.line, []).append(one.box)
    blocks: list[list[list[Box]]] = []
    for line in lines.values():
        last = blocks[-1][-1] if blocks else line
        height = max(float(np.median([one.height for one in some])) for some in (last, line))
        if 0 < line[0].y - last[0].y <= _MOST_LEADING * height:
            blocks[-1].append(line)
        else:
            blocks.append([line])
    return blocks


def _grid_of_columns(block: Sequence[Sequence[Box]]) -> Grid | None:
    """Return the cells of lines of numbers in columns; None where they do not align."""
    if len(block) < _LEAST_LINES:
        return None
    box = around([one for line in block for one in line])
    height = float(np.median([one.height for line in block for one in line]))
    inked = np.zeros(box.width, np.int64)
    for line in block:
        own = np.zeros(box.width, bool)
        for one in line:
            own[one.x - box.x : one.right - box.x] = True
        inked += own
    white = np.flatnonzero(np.diff(np.pad(inked <= _CROSSING * len(block), 1).astype(np.int8)))
    strips = [(a, b) for a, b in white.reshape(-1, 2).tolist() if b - a >= _GUTTER * height]
    between = [box.x + (a + b) / 2 for a, b in strips if a > 0 and b < box.width]
    middles = [float(np.mean([one.middle[1] for one in line])) for line in block]
    taken = sum(len({bisect_right(between, one.middle[0]) for one in line}) for line in block)
    n_columns = len(between) + 1
    if n_columns < _LEAST_COLUMNS or taken < _FILLED * len(block) * n_columns:
        return None
    if not _are_flush([one for line in block for one in line], between, height):
        return None
    rows = (box.y - 1.0, *((a + b) / 2 for a, b in pairwise(middles)), box.bottom + 1.0)
    return Grid((box.x - 1.0, *between, box.right + 1.0), rows)


def _are_flush(boxes: Sequence[Box], between: Sequence[float], height: float) -> bool:
    """Tell whether the numbers of most columns begin, end or have their middles above each other.

    Gaps of numbers strewn over a page fall above each other by chance.
    """
    column = np.array([bisect_right(between, box.middle[0]) for box in boxes])
    edges = np.array([(box.x, box.right, box.middle[0]) for box in boxes])
    found = []
    for number in range(len(between) + 1):
        own = edges[column == number]
        aside = np.median(np.abs(own - np.median(own, axis=0)), axis=0) if len(own) else np.inf
        found.append(np.min(aside) <= _FLUSH * height)
    return float(np.mean(found)) >= _MOST_FLUSH

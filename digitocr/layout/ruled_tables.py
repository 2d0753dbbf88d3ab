"""Ruling lines → ruled tables: the cells between them, told from squared paper and from combs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from digitocr.core.geometry import Box, Corners, around, corners_of
from digitocr.core.statistics import median
from digitocr.imaging.ruling_lines import RulingLine
from digitocr.layout.grid import Grid
from digitocr.layout.merged_cells import (
    find_spans,
    spans_of_one_number,
)

# Lengths are parts of the page's digit height, unless said otherwise.
_REACH = 0.008  # of the page's longer side: ruling lines meet when their ends are no farther apart
# Parts of a table: ruling lines this near each other are one (double lines, pieces of a broken
# one), cells are no smaller than this, and lines between them meet this part of the lines across.
_SAME, _LEAST_CELL, _CROSSES = 0.008, 0.012, 0.45
# Where cells have the same size but for so much, and one side no more than so many times as long as
# the other, as those of puzzles, an outer one that differs by more than that is none: a frame, a
# heading's line or the page's edge stands beside the grid.
_EVEN, _SQUARE, _ODD = 0.15, 1.4, 0.25
_LEAST_EVEN = 4  # cells that say so
# Where a line between such cells was not found, no more than this part of the digits in them, such
# as rests of it read as 1, is as near to it as digits of one number are to each other.
_MOST_ASTRIDE, _NEAR = 0.15, 0.12
# On squared paper digits stand on the lines; in tables no more than this part of them does, by more
# than this part of their size.
_MOST_CROSSED, _CROSSED = 0.15, 0.25
# A single row of boxes no wider than this, with a digit in each, is one number: a comb.
_COMB = 1.8
_Values = NDArray[np.float64]  # (N,)
Meets = NDArray[np.bool_]  # (N, N)


def find_grids(
    ruling_lines: Sequence[RulingLine], longer_side: int, bridged: Sequence[RulingLine] = ()
) -> list[Grid]:
    """Return what may be ruled tables on a page, from the top.

    Args:
        ruling_lines: level and upright ones, in pixels of the deskewed page.
        longer_side: of the page, pixels.
        bridged: lines over the gaps between some of them.
    """
    reach = _REACH * longer_side
    grids = [_grid(group, reach) for group in _groups_that_meet([*ruling_lines, *bridged], reach)]
    found = [grid_with_spans(grid, ruling_lines) for grid in grids if grid]
    return sorted(found, key=lambda grid: (grid.rows[0], grid.columns[0]))


def grid_with_spans(grid: Grid, ruling_lines: Sequence[RulingLine]) -> Grid:
    """Return a grid with the cells that are one, of which puzzles have none.

    Args:
        grid: lines, pixels of the deskewed page.
        ruling_lines: where they are inked.
    """
    puzzle = _are_square(np.diff(grid.rows), np.diff(grid.columns))
    return grid if puzzle else replace(grid, spans=find_spans(grid, ruling_lines))


def ruled_tables(grids: Sequence[Grid], digits: Sequence[Box]) -> list[Grid]:
    """Return the grids that are tables: no squared paper, no boxes of one number, not empty.

    Args:
        grids: what may be tables.
        digits: that were read.
    """
    if not digits:
        return []
    corners = corners_of(digits)
    height = median(box.height for box in digits)
    found = [
        _grid_with_lost_lines(grid, corners, height)
        for grid in grids
        if _is_table(grid, corners, height)
    ]
    return [replace(grid, spans=spans_of_one_number(grid, corners, height)) for grid in found]


def _groups_that_meet(ruling_lines: Sequence[RulingLine], reach: float) -> list[list[RulingLine]]:
    """Return groups of ruling lines: level ones with upright ones that they meet or cross."""
    meets = _meets(ruling_lines, reach)
    groups: list[list[RulingLine]] = []
    left = set(range(len(ruling_lines)))
    while left:
        group, ahead = [], [left.pop()]
        while ahead:
            group.append(ahead.pop())
            near = left & set(np.flatnonzero(meets[group[-1]]).tolist())
            left -= near
            ahead += near
        groups.append([ruling_lines[i] for i in sorted(group)])
    return groups


def _meets(ruling_lines: Sequence[RulingLine], reach: float) -> Meets:
    """Tell which of N ruling lines meet, (N, N): level ones upright ones."""
    corners = corners_of([ruling_line.box for ruling_line in ruling_lines])
    level = np.array([ruling_line.horizontal for ruling_line in ruling_lines], bool)
    first = np.maximum(corners[:, None, :2], corners[None, :, :2])
    last = np.minimum(corners[:, None, 2:], corners[None, :, 2:])
    near = (first - last <= reach).all(axis=2)
    return np.asarray(near & (level[:, None] != level[None]), np.bool_)


def _grid(ruling_lines: Sequence[RulingLine], reach: float) -> Grid | None:
    """Return the cells between ruling lines that meet, None where there are none."""
    box = around([ruling_line.box for ruling_line in ruling_lines])
    meets = _meets(ruling_lines, reach)
    level = _lines(
        ruling_lines,
        [i for i, ruling_line in enumerate(ruling_lines) if ruling_line.horizontal],
        box.height,
    )
    upright = _lines(
        ruling_lines,
        [i for i, ruling_line in enumerate(ruling_lines) if not ruling_line.horizontal],
        box.width,
    )
    n_before = -1
    while n_before != (n_before := len(level) + len(upright)):
        level = [line for line in level if _crosses_enough(line, upright, meets)]
        upright = [line for line in upright if _crosses_enough(line, level, meets)]
    rows, columns = _lines_without_odd(_places(ruling_lines, level), _places(ruling_lines, upright))
    if len(rows) < 2 or len(columns) < 2 or (len(rows) == len(columns) == 2):
        return None
    return Grid(tuple(columns), tuple(rows))


def _place_across(ruling_line: RulingLine) -> float:
    """Return where a ruling line is across its direction: y of a level one."""
    return ruling_line.box.middle[1 if ruling_line.horizontal else 0]


def _lines(
    ruling_lines: Sequence[RulingLine], chosen: Sequence[int], across: int
) -> list[list[int]]:
    """Return lines as the ruling lines that each is made of, by their places: pieces, double lines.

    Args:
        ruling_lines: all of a table.
        chosen: places of those that are level, or of the upright ones.
        across: the table's size across them.
    """
    lines: list[list[int]] = []
    for i in sorted(chosen, key=lambda i: _place_across(ruling_lines[i])):
        if (
            lines
            and _place_across(ruling_lines[i]) - _place_across(ruling_lines[lines[-1][-1]])
            <= _SAME * across
        ):
            lines[-1].append(i)
        else:
            lines.append([i])
    return lines


def _crosses_enough(line: Sequence[int], others: Sequence[Sequence[int]], meets: Meets) -> bool:
    """Tell whether a line meets as many lines across as those between cells do, or the outer two.

    Cells that are one have no lines in them to be met.
    """
    met = [bool(meets[np.ix_(line, other)].any()) for other in others]
    sides = len(met) > 1 and met[0] and met[-1]
    return sides or sum(met) >= max(1.0, _CROSSES * len(met))


def _places(ruling_lines: Sequence[RulingLine], lines: Sequence[Sequence[int]]) -> list[float]:
    """Return where lines are; of two that are too near each other for cells, the first."""
    places: list[float] = []
    for line in lines:
        lengths = [max(ruling_lines[i].box.width, ruling_lines[i].box.height) for i in line]
        places.append(
            float(np.average([_place_across(ruling_lines[i]) for i in line], weights=lengths))
        )
    least = _LEAST_CELL * (places[-1] - places[0]) if places else 0.0
    kept = places[:1]
    kept += [after for before, after in pairwise(places) if after - before >= least]
    return kept


def _lines_without_odd(rows: list[float], columns: list[float]) -> tuple[list[float], list[float]]:
    """Return the lines of a grid of even, square cells without outer ones beside it."""
    if not _are_square(np.diff(rows), np.diff(columns)):
        return rows, columns
    return _even_lines(rows), _even_lines(columns)


def _are_square(heights: _Values, widths: _Values) -> bool:
    """Tell whether cells are as those of puzzles: even, and about as high as wide."""
    if not (_are_even(heights) and _are_even(widths)):
        return False
    sides = float(np.median(heights)), float(np.median(widths))
    return max(sides) <= _SQUARE * min(sides)


def _are_even(sizes: _Values) -> bool:
    """Tell whether cells have the same size, but for outer ones."""
    usual = float(np.median(sizes)) if len(sizes) else 0.0
    even = np.count_nonzero(np.abs(sizes - usual) <= _EVEN * usual)
    return bool(even >= max(_LEAST_EVEN, len(sizes) - 2))


def _even_lines(lines: list[float]) -> list[float]:
    """Return lines without outer ones that are not a cell away from the next."""
    sizes = np.diff(lines)
    usual = float(np.median(sizes))
    odd = np.abs(sizes - usual) > _ODD * usual
    return lines[int(odd[0]) : len(lines) - int(odd[-1])]


def _is_table(grid: Grid, corners: Corners, height: float) -> bool:
    """Tell a table from squared paper, on whose lines digits stand, and from a comb."""
    left, top, right, bottom = corners.T
    middle_x, middle_y = (left + right) / 2, (top + bottom) / 2
    cells = [grid.cell(x, y) for x, y in zip(middle_x, middle_y, strict=True)]
    inside = np.array([cell is not None for cell in cells])
    if not inside.any() or np.median(np.diff(grid.rows)) < height:
        return False
    crossed = _are_crossed(left, right, grid.columns) | _are_crossed(top, bottom, grid.rows)
    if crossed[inside].mean() > _MOST_CROSSED:
        return False
    widths = np.diff(grid.columns)
    taken = [cell for cell in cells if cell is not None]
    single = len(grid.rows) == 2 and len(set(taken)) == len(taken)
    return not (single and np.median(widths) <= _COMB * height)


def _grid_with_lost_lines(grid: Grid, corners: Corners, height: float) -> Grid:
    """Return a grid of even cells with the lines that were not found: worn, or lost in the scan."""
    middles = (corners[:, :2] + corners[:, 2:]) / 2
    inside = np.array([grid.cell(x, y) is not None for x, y in middles.tolist()])
    left, top, right, bottom = corners[inside].T
    room = _NEAR * height
    columns = _lines_with_lost(grid.columns, left - room, right + room)
    rows = _lines_with_lost(grid.rows, top - room, bottom + room)
    return grid if (columns, rows) == (grid.columns, grid.rows) else Grid(columns, rows)


def _lines_with_lost(
    lines: tuple[float, ...], first: NDArray[np.float64], last: NDArray[np.float64]
) -> tuple[float, ...]:
    """Return lines with those added that part cells some times as large as usual evenly.

    Digits, with some room from `first` to `last`, (N,) each, stand on both sides of such a line.
    """
    sizes = np.diff(lines)
    usual = float(np.median(sizes))
    if np.count_nonzero(np.abs(sizes - usual) <= _EVEN * usual) < _LEAST_EVEN:
        return lines
    found = [lines[0]]
    for start, end in pairwise(lines):
        n = max(1, round((end - start) / usual))
        parts = np.linspace(start, end, n + 1)
        own = (first + last > 2 * start) & (first + last < 2 * end)
        held = np.histogram((first + last)[own] / 2, parts)[0].all()
        even = abs((end - start) / n - usual) <= _EVEN * usual
        added = parts[1:-1]
        astride = (first[own, None] < added) & (last[own, None] > added)
        clear = astride.any(axis=1).sum() <= _MOST_ASTRIDE * own.sum()
        found += [*added.tolist(), end] if even and held and clear else [end]
    return tuple(found)


def _are_crossed(
    first: NDArray[np.float64], last: NDArray[np.float64], lines: Sequence[float]
) -> NDArray[np.bool_]:
    """Tell which spans, (N,) each, a line cuts well inside."""
    at = np.array(lines)
    off = np.minimum(at[None] - first[:, None], last[:, None] - at[None])
    return np.asarray((off > _CROSSED * (last - first)[:, None]).any(axis=1), np.bool_)

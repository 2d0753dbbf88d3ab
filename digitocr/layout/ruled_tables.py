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
    one_number_each,
)

# Lengths are parts of the page's digit height, unless said otherwise.
_REACH = 0.008  # of the page's longer side: rules meet when their ends are no farther apart
# Parts of a table: rules this near each other are one (double lines, pieces of a broken one), cells
# are no smaller than this, and lines between them meet this part of the lines across.
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
    rules: Sequence[RulingLine], longer_side: int, bridged: Sequence[RulingLine] = ()
) -> list[Grid]:
    """Return what may be ruled tables on a page, from the top.

    Args:
        rules: level and upright ones, in level pixels.
        longer_side: of the page, pixels.
        bridged: lines over the gaps between some of them.
    """
    reach = _REACH * longer_side
    grids = [_grid(group, reach) for group in _meeting([*rules, *bridged], reach)]
    found = [with_spans(grid, rules) for grid in grids if grid]
    return sorted(found, key=lambda grid: (grid.rows[0], grid.columns[0]))


def with_spans(grid: Grid, rules: Sequence[RulingLine]) -> Grid:
    """Return a grid with the cells that are one, of which puzzles have none.

    Args:
        grid: lines, level pixels.
        rules: where they are inked.
    """
    puzzle = _are_square(np.diff(grid.rows), np.diff(grid.columns))
    return grid if puzzle else replace(grid, spans=find_spans(grid, rules))


def tables_among(grids: Sequence[Grid], digits: Sequence[Box]) -> list[Grid]:
    """Return the grids that are tables: no squared paper, no boxes of one number, not empty.

    Args:
        grids: what may be tables.
        digits: that were read.
    """
    if not digits:
        return []
    marks = corners_of(digits)
    height = median(box.height for box in digits)
    found = [_completed(grid, marks, height) for grid in grids if _is_table(grid, marks, height)]
    return [replace(grid, spans=one_number_each(grid, marks, height)) for grid in found]


def _meeting(rules: Sequence[RulingLine], reach: float) -> list[list[RulingLine]]:
    """Return groups of rules: level ones with upright ones that they meet or cross."""
    meets = _meets(rules, reach)
    groups: list[list[RulingLine]] = []
    left = set(range(len(rules)))
    while left:
        group, ahead = [], [left.pop()]
        while ahead:
            group.append(ahead.pop())
            near = left & set(np.flatnonzero(meets[group[-1]]).tolist())
            left -= near
            ahead += near
        groups.append([rules[i] for i in sorted(group)])
    return groups


def _meets(rules: Sequence[RulingLine], reach: float) -> Meets:
    """Tell which of N rules meet, (N, N): level ones upright ones."""
    corners = corners_of([rule.box for rule in rules])
    level = np.array([rule.horizontal for rule in rules], bool)
    first = np.maximum(corners[:, None, :2], corners[None, :, :2])
    last = np.minimum(corners[:, None, 2:], corners[None, :, 2:])
    near = (first - last <= reach).all(axis=2)
    return np.asarray(near & (level[:, None] != level[None]), np.bool_)


def _grid(rules: Sequence[RulingLine], reach: float) -> Grid | None:
    """Return the cells between rules that meet, None where there are none."""
    box = around([rule.box for rule in rules])
    meets = _meets(rules, reach)
    level = _lines(rules, [i for i, rule in enumerate(rules) if rule.horizontal], box.height)
    upright = _lines(rules, [i for i, rule in enumerate(rules) if not rule.horizontal], box.width)
    n_before = -1
    while n_before != (n_before := len(level) + len(upright)):
        level = [line for line in level if _crosses(line, upright, meets)]
        upright = [line for line in upright if _crosses(line, level, meets)]
    rows, columns = _without_odd(_places(rules, level), _places(rules, upright))
    if len(rows) < 2 or len(columns) < 2 or (len(rows) == len(columns) == 2):
        return None
    return Grid(tuple(columns), tuple(rows))


def _across(rule: RulingLine) -> float:
    """Return where a rule is across its direction: y of a level one."""
    return rule.box.middle[1 if rule.horizontal else 0]


def _lines(rules: Sequence[RulingLine], chosen: Sequence[int], across: int) -> list[list[int]]:
    """Return lines as the rules that each is made of, by their places: pieces, double lines.

    Args:
        rules: all of a table.
        chosen: places of those that are level, or of the upright ones.
        across: the table's size across them.
    """
    lines: list[list[int]] = []
    for i in sorted(chosen, key=lambda i: _across(rules[i])):
        if lines and _across(rules[i]) - _across(rules[lines[-1][-1]]) <= _SAME * across:
            lines[-1].append(i)
        else:
            lines.append([i])
    return lines


def _crosses(line: Sequence[int], others: Sequence[Sequence[int]], meets: Meets) -> bool:
    """Tell whether a line meets as many lines across as those between cells do, or the outer two.

    Cells that are one have no lines in them to be met.
    """
    met = [bool(meets[np.ix_(line, other)].any()) for other in others]
    sides = len(met) > 1 and met[0] and met[-1]
    return sides or sum(met) >= max(1.0, _CROSSES * len(met))


def _places(rules: Sequence[RulingLine], lines: Sequence[Sequence[int]]) -> list[float]:
    """Return where lines are; of two that are too near each other for cells, the first."""
    places: list[float] = []
    for line in lines:
        lengths = [max(rules[i].box.width, rules[i].box.height) for i in line]
        places.append(float(np.average([_across(rules[i]) for i in line], weights=lengths)))
    least = _LEAST_CELL * (places[-1] - places[0]) if places else 0.0
    kept = places[:1]
    kept += [after for before, after in pairwise(places) if after - before >= least]
    return kept


def _without_odd(rows: list[float], columns: list[float]) -> tuple[list[float], list[float]]:
    """Return the lines of a grid of even, square cells without outer ones beside it."""
    if not _are_square(np.diff(rows), np.diff(columns)):
        return rows, columns
    return _inner(rows), _inner(columns)


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


def _inner(lines: list[float]) -> list[float]:
    """Return lines without outer ones that are not a cell away from the next."""
    sizes = np.diff(lines)
    usual = float(np.median(sizes))
    odd = np.abs(sizes - usual) > _ODD * usual
    return lines[int(odd[0]) : len(lines) - int(odd[-1])]


def _is_table(grid: Grid, marks: Corners, height: float) -> bool:
    """Tell a table from squared paper, on whose lines digits stand, and from a comb."""
    left, top, right, bottom = marks.T
    middle_x, middle_y = (left + right) / 2, (top + bottom) / 2
    cells = [grid.cell(x, y) for x, y in zip(middle_x, middle_y, strict=True)]
    inside = np.array([cell is not None for cell in cells])
    if not inside.any() or np.median(np.diff(grid.rows)) < height:
        return False
    crossed = _cut(left, right, grid.columns) | _cut(top, bottom, grid.rows)
    if crossed[inside].mean() > _MOST_CROSSED:
        return False
    widths = np.diff(grid.columns)
    taken = [cell for cell in cells if cell is not None]
    single = len(grid.rows) == 2 and len(set(taken)) == len(taken)
    return not (single and np.median(widths) <= _COMB * height)


def _completed(grid: Grid, marks: Corners, height: float) -> Grid:
    """Return a grid of even cells with the lines that were not found: worn, or lost in the scan."""
    middles = (marks[:, :2] + marks[:, 2:]) / 2
    inside = np.array([grid.cell(x, y) is not None for x, y in middles.tolist()])
    left, top, right, bottom = marks[inside].T
    room = _NEAR * height
    columns = _with_lost(grid.columns, left - room, right + room)
    rows = _with_lost(grid.rows, top - room, bottom + room)
    return grid if (columns, rows) == (grid.columns, grid.rows) else Grid(columns, rows)


def _with_lost(
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


def _cut(
    first: NDArray[np.float64], last: NDArray[np.float64], lines: Sequence[float]
) -> NDArray[np.bool_]:
    """Tell which spans, (N,) each, a line cuts well inside."""
    at = np.array(lines)
    off = np.minimum(at[None] - first[:, None], last[:, None] - at[None])
    return np.asarray((off > _CROSSED * (last - first)[:, None]).any(axis=1), np.bool_)

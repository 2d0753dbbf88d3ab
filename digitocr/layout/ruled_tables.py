"""Rules and numbers → tables: cells between ruled lines, and columns of numbers that align."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from digitocr.core.document import (
    Number,
    Table,
)
from digitocr.core.geometry import (
    Box,
    around,
    corners_of,
)
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
# Ruled cells with more numbers each, on average, are columns and lines that rules do not part.
_CROWDED = 1.4
# On squared paper digits stand on the lines; in tables no more than this part of them does, by more
# than this part of their size.
_MOST_CROSSED, _CROSSED = 0.15, 0.25
# A single row of boxes no wider than this, with a digit in each, is one number: a comb.
_COMB = 1.8
# Columns that align, without rules: so many lines and columns at least, white strips this wide
# between them, that no more than this part of the lines cross, and this part of the cells filled.
_LEAST_LINES, _LEAST_COLUMNS, _GUTTER, _CROSSING, _FILLED = 3, 2, 0.15, 0.2, 0.5
# Columns have edges or middles above each other, usually within this; this part of them does.
_FLUSH, _MOST_FLUSH = 0.3, 0.75
_MOST_LEADING = 5.0  # lines farther apart are not of one table

_Corners = NDArray[np.float64]  # (N, 4): left, top, right, bottom
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


def _is_table(grid: Grid, marks: _Corners, height: float) -> bool:
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


def _completed(grid: Grid, marks: _Corners, height: float) -> Grid:
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


def _is_crowded(cells: Sequence[tuple[int, int]]) -> bool:
    """Tell whether cells hold several numbers each."""
    return len(cells) > _CROWDED * len(set(cells))


def _cut(
    first: NDArray[np.float64], last: NDArray[np.float64], lines: Sequence[float]
) -> NDArray[np.bool_]:
    """Tell which spans, (N,) each, a line cuts well inside."""
    at = np.array(lines)
    off = np.minimum(at[None] - first[:, None], last[:, None] - at[None])
    return np.asarray((off > _CROSSED * (last - first)[:, None]).any(axis=1), np.bool_)


def with_aligned(numbers: Sequence[Number], grids: Sequence[Grid]) -> list[Grid]:
    """Return all tables: the ruled ones, and those of numbers that align without rules.

    Ruled cells that hold several numbers each are none: their columns and rows align, as in tables
    with rules at the head alone.

    Args:
        numbers: in reading order, boxes in level pixels.
        grids: ruled tables.
    """
    places = [[grid.cell(*one.box.middle) for one in numbers] for grid in grids]
    ruled = [
        grid
        for grid, cells in zip(grids, places, strict=True)
        if not _is_crowded([cell for cell in cells if cell is not None])
    ]
    inside = grids_of([one.box for one in numbers], ruled)
    free = [one for one, grid in zip(numbers, inside, strict=True) if grid == 0]
    aligned = (_aligned(block) for block in _blocks(free))
    return [*ruled, *filter(None, aligned)]


def into_tables(
    numbers: Sequence[Number], grids: Sequence[Grid]
) -> tuple[tuple[Number, ...], tuple[Table, ...]]:
    """Return numbers with their places in tables, and the tables.

    Args:
        numbers: in reading order, boxes in level pixels.
        grids: the tables' cells.
    """
    placed: list[Number] = []
    rows = [[[""] * (len(g.columns) - 1) for _ in g.rows[1:]] for g in grids]
    for one, table in zip(numbers, grids_of([one.box for one in numbers], grids), strict=True):
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


def _aligned(block: Sequence[Sequence[Box]]) -> Grid | None:
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


def cells_of(boxes: Sequence[Box], grids: Sequence[Grid]) -> list[int]:
    """Return a number for the cell that each box is in; 0 outside of all tables."""
    found, before = [0] * len(boxes), 1
    inside = grids_of(boxes, grids)
    for number, grid in enumerate(grids, 1):
        n_columns = len(grid.columns) - 1
        for i in (i for i, at in enumerate(inside) if at == number):
            row, column = grid.cell(*boxes[i].middle) or (0, 0)
            found[i] = before + row * n_columns + column
        before += (len(grid.rows) - 1) * n_columns
    return found


def grids_of(boxes: Sequence[Box], grids: Sequence[Grid]) -> list[int]:
    """Return for each box which grid it is in, from 1; 0 outside of all."""
    at = [[i for i, grid in enumerate(grids, 1) if grid.cell(*box.middle)] for box in boxes]
    return [inside[0] if inside else 0 for inside in at]

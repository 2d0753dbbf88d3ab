"""A ruled grid → which of its cells are one, as no line parts them: heads over groups, totals."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from digitocr.core.geometry import Corners
from digitocr.imaging.ruling_lines import RulingLine
from digitocr.layout.grid import (
    Grid,
    Span,
)

# Set on drawn tables (benchmarks/ruled.py). This part of a cell's side, at both of its ends, is
# not looked at; a side is open where no more than this part of the rest is ruled, in a grid of
# whose other sides at least this part is: not in one whose lines have gaps.
_CORNER, _OPEN, _RULED = 0.2, 0.2, 0.85
_OFF = 0.2  # of a cell: a ruling line no farther off a line is of it
# Digits no farther apart than this, in digit heights, across or down, are of one number.
_APART, _DOWN = 1.2, 0.7

_Flags = NDArray[np.bool_]


def find_spans(grid: Grid, ruling_lines: Sequence[RulingLine]) -> tuple[Span, ...]:
    """Return the cells of a grid that no ruling line parts.

    Args:
        grid: lines, pixels of the deskewed page.
        ruling_lines: where lines are inked.
    """
    level = [(r.box.middle[1], r.box.x, r.box.right) for r in ruling_lines if r.horizontal]
    upright = [(r.box.middle[0], r.box.y, r.box.bottom) for r in ruling_lines if not r.horizontal]
    beside = _ruled_sides(grid.columns, grid.rows, upright).T  # (rows, columns - 1)
    below = _ruled_sides(grid.rows, grid.columns, level)  # (rows - 1, columns)
    sides = np.concatenate([beside.ravel(), below.ravel()])
    closed = sides[sides > _OPEN]
    if len(closed) == 0 or closed.mean() < _RULED:
        return ()
    return tuple(_areas(beside <= _OPEN, below <= _OPEN))


def _ruled_sides(
    lines: Sequence[float], across: Sequence[float], ruling_lines: Sequence[tuple[float, int, int]]
) -> NDArray[np.float64]:
    """Return of each inner line which parts of the sides of cells along it are inked.

    Args:
        lines: where they are.
        across: where the sides of cells along them begin and end.
        ruling_lines: along the lines: where each is across, and from where to where it runs.

    Returns:
        (lines, sides), 0..1.
    """
    off = _OFF * float(np.diff(lines).min())
    start, length = across[0], round(across[-1] - across[0]) + 1
    found = np.zeros((len(lines) - 2, len(across) - 1))
    for i, line in enumerate(lines[1:-1]):
        inked = np.zeros(length, bool)
        for place, first, last in ruling_lines:
            if abs(place - line) <= off:
                inked[max(0, round(first - start)) : max(0, round(last - start))] = True
        found[i] = [_inked_part(inked, a - start, b - start) for a, b in pairwise(across)]
    return found


def _inked_part(inked: _Flags, start: float, end: float) -> float:
    """Return the part of a side that is inked, its ends left off."""
    corner = _CORNER * (end - start)
    inner = inked[round(start + corner) : round(end - corner)]
    return float(inner.mean()) if len(inner) else 1.0


def _areas(beside: _Flags, below: _Flags) -> list[Span]:
    """Return the rectangles of cells between which all sides are open."""
    n_rows, n_columns = len(beside), below.shape[1]
    joined = np.zeros((2 * n_rows - 1, 2 * n_columns - 1), np.uint8)
    joined[::2, ::2] = 1
    joined[::2, 1::2] = beside
    joined[1::2, ::2] = below
    _, _, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=4)
    areas = []
    for x, y, width, height, _ in stats[1:].tolist():
        inner = joined[y : y + height, x : x + width]
        n_sides = np.count_nonzero(inner[::2, 1::2]) + np.count_nonzero(inner[1::2, ::2])
        rows, columns = (height + 1) // 2, (width + 1) // 2
        if n_sides and n_sides == rows * (columns - 1) + columns * (rows - 1):
            areas.append(Span(y // 2, x // 2, rows, columns))
    return areas


def spans_of_one_number(grid: Grid, corners: Corners, height: float) -> tuple[Span, ...]:
    """Return the spans of a grid in which digits are near each other, as those of one number.

    Args:
        grid: with its spans.
        corners: (N, 4) of digits.
        height: of these.
    """
    middles = (corners[:, :2] + corners[:, 2:]) / 2
    kept = []
    for span in grid.spans:
        x0, x1 = grid.columns[span.column], grid.columns[span.column + span.columns]
        y0, y1 = grid.rows[span.row], grid.rows[span.row + span.rows]
        inside = ((middles > (x0, y0)) & (middles < (x1, y1))).all(axis=1)
        own = corners[inside][np.argsort(corners[inside, 0], kind="stable")]
        gaps = own[1:, 0] - np.maximum.accumulate(own[:, 2])[:-1] if len(own) else own[:, 0]
        level = np.ptp(middles[inside, 1]) <= _DOWN * height if len(own) else True
        if level and (gaps <= _APART * height).all():
            kept.append(span)
    return tuple(kept)

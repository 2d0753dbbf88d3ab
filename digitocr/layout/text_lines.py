"""Boxes of components → the lines that they stand in, column by column, in reading order."""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from digitocr.core.geometry import Corners
from digitocr.core.statistics import median

Lines: TypeAlias = list[list[int]]  # the components of each line, left to right

# A line is followed from left to right as an alpha-beta filter follows a track (Benedict and
# Bordner 1962): each component moves the line's middle and its slope by these parts of its distance
# from where the line was expected, which counts for no more than this part of the line's height,
# so that a raised digit does not take the line along.
_ALPHA, _BETA, _MOST_SURPRISE = 0.35, 0.1, 0.4
_MOST_SLOPE = 0.3  # pages are level, but for the bend of a book's page
_SLOPE_REACH = 10.0  # heights: over wider gaps the slope at their left says little
# Components join a line whose middle is no farther off than this, in heights of the higher one.
_SAME_LINE = 0.7
# White strips at least this wide, in digit heights, that no component on the page crosses may part
# columns. They do where at least so many lines face each other and are off each other by more than
# this part of their pitch: it is a quarter by chance, and about a twentieth in tables.
_GUTTER = 2.5
_LEAST_LINES, _ALIGNED = 3, 0.17
_STARTS = 3  # components say where a line starts
# The lines of a column begin or end above each other, usually no farther aside than this, in digit
# heights; numbers strewn over a page do not.
_FLUSH = 0.7


@dataclass(slots=True)
class _Line:
    """A line as far as it has been followed to the right; lengths are pixels."""

    x: float  # of its last component's middle
    middle: float  # how far down it is there
    slope: float  # pixels down for one to the right
    height: float  # of its components
    components: list[int] = field(default_factory=list)

    def expected(self, x: float) -> float:
        """Return how far down the line's middle is expected at x."""
        return self.middle + self.slope * min(x - self.x, _SLOPE_REACH * self.height)

    def follow(self, i: int, x: float, middle: float, height: float) -> None:
        """Add component i to the line's right end; where it is, and its height."""
        most = _MOST_SURPRISE * self.height
        expected = self.expected(x)
        surprise = min(max(middle - expected, -most), most)
        slope = self.slope + _BETA * surprise / max(x - self.x, self.height)
        gain = max(_ALPHA, 1 / (len(self.components) + 1))
        self.slope = min(max(slope, -_MOST_SLOPE), _MOST_SLOPE)
        self.middle = expected + gain * surprise
        self.height += gain * (height - self.height)
        self.x = x
        self.components.append(i)


_middle = attrgetter("middle")


def text_lines(boxes: Corners) -> Lines:
    """Return the indices of N boxes by line in reading order, each line left to right."""
    columns: list[list[_Line]] = []
    for strip in _column_strips(boxes):
        lines = _traced_lines(strip, boxes)
        if columns and not _is_column(columns[-1], lines, boxes):
            _join_rows(columns[-1], lines, boxes)
        else:
            columns.append(lines)
    return [line.components for column in columns for line in _lines_from_top(column, boxes)]


def _column_strips(boxes: Corners) -> list[NDArray[np.intp]]:
    """Return the indices of boxes between wide gutters, left to right, each by its middle."""
    left, _, right, _ = boxes.T
    if len(left) == 0:
        return []
    order = np.argsort(left, kind="stable")
    gutter = left[order][1:] - np.maximum.accumulate(right[order])[:-1]
    ends = np.flatnonzero(gutter >= _GUTTER * median((boxes[:, 3] - boxes[:, 1]).tolist())) + 1
    # Ties are broken by what stands there, not by the order in which the boxes came.
    place = np.lexsort((boxes[:, 3], boxes[:, 1], left, left + right))
    rank = np.argsort(place)
    return [place[np.sort(rank[strip])] for strip in np.split(order, ends)]


def _traced_lines(strip: NDArray[np.intp], boxes: Corners) -> list[_Line]:
    """Return the lines of a strip by where they end: each component joins the nearest so far."""
    left, top, right, bottom = boxes[strip].T
    middles = ((left + right) / 2).tolist(), ((top + bottom) / 2).tolist()
    reach = (_SAME_LINE + _MOST_SLOPE * _SLOPE_REACH) * float((bottom - top).max())
    lines: list[_Line] = []  # by middle, top to bottom
    for i, x, middle, height in zip(strip.tolist(), *middles, (bottom - top).tolist(), strict=True):
        home = _nearest(lines, x, middle, height, reach)
        line = _Line(x, middle, 0.0, height) if home is None else lines.pop(home)
        line.follow(i, x, middle, height)
        insort(lines, line, key=_middle)
    return lines


def _nearest(
    lines: list[_Line], x: float, middle: float, height: float, reach: float
) -> int | None:
    """Return the place of a component's line among lines by middle, None for none.

    Lines whose ends are farther up or down than `reach` need not be looked at.
    """
    best, least = None, _SAME_LINE
    for at in range(bisect_left(lines, middle - reach, key=_middle), len(lines)):
        line = lines[at]
        if line.middle > middle + reach:
            break
        off = abs(middle - line.expected(x)) / max(height, line.height)
        if off < least:
            best, least = at, off
    return best


def _offsets(left: list[_Line], right: list[_Line], boxes: Corners) -> NDArray[np.float64]:
    """Return how far the starts of R lines are off the ends of L lines to their left, (R, L)."""
    starts = [boxes[line.components[:_STARTS]].mean(axis=0) for line in right]
    expected = [[line.expected((x0 + x1) / 2) for line in left] for x0, _, x1, _ in starts]
    middles = [[(top + bottom) / 2] for _, top, _, bottom in starts]
    offsets: NDArray[np.float64] = np.abs(np.array(middles) - np.array(expected))
    return offsets


def _is_column(left: list[_Line], right: list[_Line], boxes: Corners) -> bool:
    """Tell whether the lines right of a gutter do not align with those left of it.

    Only lines that face each other say anything, and only where both sides are columns.
    """
    height = max(line.height for line in left + right)
    top = max(left[0].middle, right[0].middle) - height
    bottom = min(left[-1].middle, right[-1].middle) + height
    left, right = (
        [line for line in side if top <= line.middle <= bottom] for side in (left, right)
    )
    if min(len(left), len(right)) < _LEAST_LINES:
        return False
    if not (_is_flush(left, boxes) and _is_flush(right, boxes)):
        return False
    offsets = _offsets(left, right, boxes)
    fewer, more = (1, left) if len(right) <= len(left) else (0, right)
    pitch = float(np.median(np.diff([line.middle for line in more])))
    return bool(offsets.min(axis=fewer).mean() > _ALIGNED * pitch)


def _is_flush(lines: list[_Line], boxes: Corners) -> bool:
    """Tell whether lines begin, or end, above each other."""
    edges = np.array(
        [(boxes[line.components[0], 0], boxes[line.components[-1], 2]) for line in lines]
    )
    aside = np.median(np.abs(edges - np.median(edges, axis=0)), axis=0)
    return bool(aside.min() <= _FLUSH * np.median([line.height for line in lines]))


def _join_rows(left: list[_Line], right: list[_Line], boxes: Corners) -> None:
    """Append each line right of a gutter to the line that it goes on, the nearest ones first."""
    heights = np.maximum.outer([line.height for line in right], [line.height for line in left])
    offsets = _offsets(left, right, boxes) / heights
    goes_on: dict[int, int] = {}
    for flat in np.argsort(offsets, axis=None, kind="stable").tolist():
        new, old = divmod(flat, len(left))
        if offsets[new, old] >= _SAME_LINE:
            break
        if new not in goes_on and old not in goes_on.values():
            goes_on[new] = old
    for new, line in enumerate(right):
        if new in goes_on:
            line.components = left[goes_on[new]].components + line.components
    stay = [line for old, line in enumerate(left) if old not in goes_on.values()]
    left[:] = sorted(stay + right, key=_middle)


def _lines_from_top(lines: list[_Line], boxes: Corners) -> list[_Line]:
    """Return lines from top to bottom, where all of them fall by their usual slope."""
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    run, fall = sum(middles[line.components[-1]] - middles[line.components[0]] for line in lines)
    slope = fall / run if run else 0.0
    level = middles[:, 1] - slope * middles[:, 0]
    return sorted(lines, key=lambda line: median(level[line.components].tolist()))

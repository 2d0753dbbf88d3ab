"""Gaps between digits in lines → which digits are one number, and how surely."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitocr.core.arrays import Values
from digitocr.core.geometry import Corners
from digitocr.layout.text_lines import Lines
from digitocr.numbers.signs import Signs

# Digits have the height that is usual among this many on either side of them.
NEIGHBOURS = 2
# Narrower digits (a 1) leave room on both sides in type and in careful writing; gaps are measured
# as if they were this wide. Gaps are parts of the height of the digits beside them.
_DIGIT_WIDTH = 0.45
# Where the gaps on a page fall into two kinds, numbers are parted in the middle between them: the
# step between the kinds must be this wide and its middle within these bounds, and there must be
# several wide gaps or at least one beyond doubt.
_LEAST_STEP = 0.2
_STEP_MIDDLE = (0.3, 1.2)
_WIDE_BEYOND_DOUBT = 0.7
# On pages with so many gaps some stand in any step. There the middle is also between what is usual
# of two kinds (Otsu 1979): a step among the widest gaps is none between kinds.
_MANY_GAPS = 100
# Else they are parted at this many times the usual gap, within these bounds.
_TIMES_USUAL = 4
_PARTING = (0.4, 0.8)
# Where the usual narrow gap is wider than this, digits stand by themselves, unless they stand as
# evenly as in the boxes of a form: from digit to digit their pitch usually changes, where there are
# that many changes, by less than this part. Then only gaps this many times as wide part them.
_APART = 0.6
_LEAST_CHANGES, _EVEN, _TIMES_EVEN = 3, 0.08, 1.5
# A gap is the more doubtful the nearer it is to where numbers are parted: logistic, with these
# parts of that gap for its scale, beyond and below.
_DOUBT_WIDE, _DOUBT_NARROW = 0.3, 0.08
# Where a page has more gaps than this, they say better where numbers are parted: the scale is the
# smaller, as the error of a mean is. Of numbers whose gaps were in doubt by 0.6 to 0.8, a third was
# right on pages with fewer (cheques), 0.9 on others (benchmarks/experiments.md).
FEW_GAPS = 6
# There, three digits that no wide gap parts are thousands of what stands before them, if the gap
# between is no wider than this, and as likely as not a number by themselves.
_THOUSANDS_GAP = 1.0


@dataclass(frozen=True, slots=True)
class NumberSpan:
    """The digits of one number."""

    places: list[int]  # among all digits, left to right
    sure: float  # 0..1, the chance that they are all of it, by the gaps


def number_spans(
    lines: Lines, boxes: Corners, signs: Signs, cells: NDArray[np.int64]
) -> list[list[NumberSpan]]:
    """Return for each line its numbers, parted where gaps are wide and hold no sign.

    Between the cells of a table they are always parted, and after a percent sign.
    """
    order = np.array([i for line in lines for i in line])
    left, _, right, _ = boxes[order].T
    number = np.repeat(np.arange(len(lines)), [len(line) for line in lines])
    inside = number[1:] == number[:-1]
    heights = boxes[order, 3] - boxes[order, 1]
    room = np.maximum(0, _DIGIT_WIDTH * local_medians(heights, number) - (right - left)) / 2
    before = local_medians(heights, number, (-NEIGHBOURS, 0))[:-1]
    after = local_medians(heights, number, (0, NEIGHBOURS))[1:]
    beside = (before + after) / 2
    gaps = (left[1:] - right[:-1] - room[1:] - room[:-1]) / beside
    pitches = np.diff(left + right) / 2 / beside
    apart = cells[order[1:]] != cells[order[:-1]]
    apart |= _are_in(order[:-1], signs.percent)
    joined = inside & ~apart & _are_in(order[:-1], signs.after)
    gaps[~inside | apart | joined] = np.inf
    parting = _parting(gaps, pitches)
    gap_sure = np.where(joined, 1.0, _sureness(gaps, parting))
    parted = (gaps > parting) & ~joined
    thousands = _thousands(gaps, parted)
    parted[thousands], gap_sure[thousands] = False, 0.5
    sure = np.array([1.0, *gap_sure, 1.0])  # before each digit, and after the last
    found: list[list[NumberSpan]] = [[] for _ in lines]
    for span in np.split(np.arange(len(order)), np.flatnonzero(parted) + 1):
        ends = float(np.prod(sure[span[0] : span[-1] + 2]))
        found[number[span[0]]].append(NumberSpan(order[span].tolist(), ends))
    return found


def _are_in(places: NDArray[np.int64], some: Container[int]) -> NDArray[np.bool_]:
    """Tell which of N places are among some; `np.isin` takes longer for a page."""
    return np.array([place in some for place in places.tolist()], np.bool_)


def _sureness(gaps: Values, parting: float) -> Values:
    """Return the chance that each gap was rightly taken for one inside or between numbers."""
    off = np.where(gaps > parting, (gaps - parting) / _DOUBT_WIDE, (parting - gaps) / _DOUBT_NARROW)
    off *= max(1.0, np.count_nonzero(gaps < np.inf) / FEW_GAPS) ** 0.5
    return np.asarray(1 / (1 + np.exp(-np.minimum(off / parting, 50))))


def _thousands(gaps: Values, parted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell which gaps between numbers stand before thousands, on a page with few gaps."""
    found = np.zeros(len(gaps), bool)
    if np.count_nonzero(gaps < np.inf) > FEW_GAPS:
        return found
    ends = [-1, *np.flatnonzero(parted).tolist(), len(gaps)]  # the last digit of each number
    for before, end, after in zip(ends, ends[1:], ends[2:], strict=False):
        found[end] = after - end == 3 and end - before <= 3 and gaps[end] <= _THOUSANDS_GAP
    return found


def local_medians(
    values: Values,
    line: NDArray[np.intp],
    reach: tuple[int, int] = (-NEIGHBOURS, NEIGHBOURS),
) -> Values:
    """Return for each of N values, line by line, what is usual among it and its neighbours.

    The median, of an even number the higher one: a low component says less of the digits' height.
    """
    at = np.arange(len(values))[:, None] + np.arange(reach[0], reach[1] + 1)
    near = np.minimum(np.maximum(at, 0), len(values) - 1)  # `np.clip` takes its time
    in_line = (near == at) & (line[near] == line[:, None])
    ordered = np.sort(np.where(in_line, values[near], np.inf), axis=1)
    middle: Values = ordered[np.arange(len(values)), np.count_nonzero(in_line, axis=1) // 2]
    return middle


def _parting(gaps: Values, pitches: Values) -> float:
    """Return the gap beyond which a new number begins, from all digits on a page, line by line.

    Args:
        gaps: from each digit but the last to the next, in digit heights; infinite at line ends.
        pitches: the same from middle to middle.
    """
    inside = gaps[gaps < np.inf]
    between = _between_kinds(inside)
    narrow = gaps <= (between or _STEP_MIDDLE[1])
    changes = np.abs(np.diff(pitches))[narrow[1:] & narrow[:-1]]
    if len(changes) >= _LEAST_CHANGES and np.median(gaps[narrow]) > _APART:
        even = np.median(changes) < _EVEN * np.median(pitches[narrow])
        return float(_TIMES_EVEN * np.median(gaps[narrow])) if even else _PARTING[0]
    if between or len(inside) == 0:
        return between or _PARTING[1]
    return float(np.clip(_TIMES_USUAL * np.median(inside), *_PARTING))


def _between_kinds(gaps: Values) -> float | None:
    """Return the middle between narrow gaps and wide ones, None where there is one kind only."""
    ordered = np.sort(np.clip(gaps, 0, _STEP_MIDDLE[1] + _LEAST_STEP))
    middles, steps = (ordered[1:] + ordered[:-1]) / 2, np.diff(ordered)
    several = np.arange(len(steps)) < len(steps) - 1  # gaps beyond the step
    fit = (middles >= _STEP_MIDDLE[0]) & (middles <= _STEP_MIDDLE[1]) & (steps >= _LEAST_STEP)
    fit &= several | (ordered[1:] >= _WIDE_BEYOND_DOUBT)
    if len(ordered) >= _MANY_GAPS:
        narrow, wide = _two_kinds(ordered)
        fit &= (middles > narrow) & (middles < wide)
    return float(middles[np.where(fit, steps, 0).argmax()]) if fit.any() else None


def _two_kinds(ordered: Values) -> tuple[float, float]:
    """Return the means of the two kinds that ordered values fall into best (Otsu 1979)."""
    below = np.arange(1, len(ordered))
    above = len(ordered) - below
    sums = np.cumsum(ordered)
    narrow, wide = sums[:-1] / below, (sums[-1] - sums[:-1]) / above
    best = (below * above * (wide - narrow) ** 2).argmax()
    return float(narrow[best]), float(wide[best])

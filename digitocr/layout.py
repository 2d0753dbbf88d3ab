"""Digits → numbers → lines → columns, in reading order."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from math import prod
from operator import attrgetter
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from digitocr.records import Box, Decimal, Digit, Number, Reading, around, corners_of
from digitocr.signs import Signs, find_signs, spelled
from digitocr.words import in_numbers

_Boxes: TypeAlias = NDArray[np.float64]  # (N, 4): left, top, right and bottom
_Values: TypeAlias = NDArray[np.float64]  # (N,)
_Lines: TypeAlias = list[list[int]]  # the marks of each line, left to right

# A line is followed from left to right as an alpha-beta filter follows a track (Benedict and
# Bordner 1962): each mark moves the line's middle and its slope by these parts of its distance
# from where the line was expected, which counts for no more than this part of the line's height,
# so that a raised digit does not take the line along.
_ALPHA, _BETA, _MOST_SURPRISE = 0.35, 0.1, 0.4
_MOST_SLOPE = 0.3  # pages are level, but for the bend of a book's page
_SLOPE_REACH = 10.0  # heights: over wider gaps the slope at their left says little
# Marks join a line whose middle is no farther off than this, in heights of the higher one.
_SAME_LINE = 0.7
# White strips at least this wide, in digit heights, that no mark on the page crosses may part
# columns. They do where at least so many lines face each other and are off each other by more than
# this part of their pitch: it is a quarter by chance, and about a twentieth in tables.
_GUTTER = 2.5
_LEAST_LINES, _ALIGNED = 3, 0.17
_STARTS = 3  # marks say where a line starts
# The lines of a column begin or end above each other, usually no farther aside than this, in digit
# heights; numbers strewn over a page do not.
_FLUSH = 0.7
# Digits have the height that is usual among this many on either side of them.
_NEIGHBOURS = 2
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
# right on pages with fewer (cheques), 0.9 on others (tests/bench/README.md).
_FEW_GAPS = 6
# There, three digits that no wide gap parts are thousands of what stands before them, if the gap
# between is no wider than this, and as likely as not a number by themselves.
_THOUSANDS_GAP = 1.0
# Where a mark stands beside a number, nearer than this part of its height, that was refused, be it
# a letter or digits that touch, or was taken for a letter that looks like a digit, the number may
# be all of it with this chance: on pages with few gaps, and on others, whose marks are letters.
_BESIDE = {True: 1.5, False: 0.3}
_REFUSED_BESIDE = {True: 0.25, False: 0.5}
# Digits lower than this part of their neighbours that hang below the baseline or stand off it by
# more than this part of their height are commas and specks, if they are read with less confidence.
_LOW = 0.65
_HANGS, _FLOATS = 0.15, 0.35
_SURE = 0.95
# Refused marks of these widths for their height are letters; brackets, strokes and slashes, which
# also stand around numbers, are narrower, and digits that touch and could not be read wider.
_LETTER_WIDTHS = 0.4, 1.7
# Refused marks that end this far above the foot and below the top of the digits beside them, in
# their heights, are signs between numbers, as + and x are. They are looked for so far aside.
_FREE, _ASIDE = 0.1, 3.0


@dataclass(slots=True)
class _Line:
    """A line as far as it has been followed to the right; lengths are pixels."""

    x: float  # of its last mark's middle
    middle: float  # how far down it is there
    slope: float  # pixels down for one to the right
    height: float  # of its marks
    marks: list[int] = field(default_factory=list)

    def expected(self, x: float) -> float:
        """Return how far down the line's middle is expected at x."""
        return self.middle + self.slope * min(x - self.x, _SLOPE_REACH * self.height)

    def follow(self, i: int, x: float, middle: float, height: float) -> None:
        """Add mark i to the line's right end; where it is, and its height."""
        most = _MOST_SURPRISE * self.height
        expected = self.expected(x)
        surprise = min(max(middle - expected, -most), most)
        slope = self.slope + _BETA * surprise / max(x - self.x, self.height)
        gain = max(_ALPHA, 1 / (len(self.marks) + 1))
        self.slope = min(max(slope, -_MOST_SLOPE), _MOST_SLOPE)
        self.middle = expected + gain * surprise
        self.height += gain * (height - self.height)
        self.x = x
        self.marks.append(i)


_middle = attrgetter("middle")


@dataclass(frozen=True, slots=True)
class _Group:
    """Marks of one number."""

    marks: list[int]  # left to right
    sure: float  # 0..1, the chance that they are all of it, by the gaps


def into_numbers(
    reading: Reading, cells: Sequence[int] | None = None, decimal: Decimal | None = None
) -> tuple[Number, ...]:
    """Return the numbers on a page in reading order; none where there are no digits.

    A number's confidence is the product of its digits' and of how sure it is that they are all of
    it. Its status is "ok".

    Columns whose lines do not align are read one after the other, everything else line by line.

    Args:
        reading: in any order, boxes in level pixels.
        cells: of a table, in which each digit is; digits in different cells are apart. Without it
            there are no tables.
        decimal: which mark stands before decimals; None for the one that is on the page.
    """
    digits = reading.digits
    least, most = _LETTER_WIDTHS
    own = corners_of([digit.box for digit in digits])
    refused = [
        box
        for box in reading.others
        if least <= box.width / box.height and not _is_operator(box, own)
    ]
    letters = [box for box in refused if box.width / box.height <= most]
    boxes = np.concatenate([own, corners_of(letters)])
    lines = _lines(boxes)
    read = np.array([int(digit.digit) for digit in digits] + [-1] * len(letters))
    confidence = np.array([digit.confidence for digit in digits] + [0.0] * len(letters))
    if letters:
        lines = _in_numbers(lines, boxes, read, confidence)
    if not lines:
        return ()
    kept = [i for line in lines for i in line]
    letters_read = np.delete(own, kept, axis=0)
    few = len(kept) - len(lines) <= _FEW_GAPS
    beside = _beside(own, kept, np.concatenate([letters_read, corners_of(refused)]), _BESIDE[few])
    stray = _strays(lines, boxes, confidence)
    lines = [kept for line in lines if (kept := [i for i in line if i not in stray])]
    if not lines:
        return ()
    low = np.concatenate([corners_of(reading.low), boxes[sorted(stray)]])
    signs = find_signs(lines, boxes, low, *map(corners_of, (reading.slashes, reading.percents)))
    rows = _groups(lines, boxes, signs, np.asarray([0] * len(boxes) if cells is None else cells))
    return tuple(
        _number(
            [digits[i] for i in group.marks],
            spelled(
                group.marks[0] in signs.minus,
                [digits[i].digit for i in group.marks],
                [signs.after.get(i, "") for i in group.marks],
                decimal,
                group.marks[-1] in signs.percent,
            ),
            group.sure * (_REFUSED_BESIDE[few] if beside.intersection(group.marks) else 1.0),
            line,
            item,
        )
        for line, row in enumerate(rows, 1)
        for item, group in enumerate(row, 1)
    )


def _is_operator(box: Box, digits: _Boxes) -> bool:
    """Tell whether a refused mark floats between digits, as no letter does."""
    left, top, right, bottom = digits.T
    heights = bottom - top
    aside = np.maximum(left - box.right, box.x - right)
    middle = box.y + box.height / 2
    beside = (aside < _ASIDE * heights) & (top < middle) & (middle < bottom)
    if not beside.any():
        return False
    free = _FREE * float(np.median(heights[beside]))
    highest, lowest = np.median(top[beside]), np.median(bottom[beside])
    return bool(box.y > highest + free and box.bottom < lowest - free)


def _in_numbers(
    lines: _Lines, boxes: _Boxes, read: NDArray[np.int64], confidence: _Values
) -> _Lines:
    """Return the lines without refused marks, which are read as -1, and without letters."""
    kept = (in_numbers(lines, boxes, read, confidence) > 0.5) & (read >= 0)
    return [found for line in lines if (found := [i for i in line if kept[i]])]


def _lines(boxes: _Boxes) -> _Lines:
    """Return the indices of N boxes by line in reading order, each line left to right."""
    columns: list[list[_Line]] = []
    for strip in _strips(boxes):
        lines = _followed(strip, boxes)
        if columns and not _is_column(columns[-1], lines, boxes):
            _join(columns[-1], lines, boxes)
        else:
            columns.append(lines)
    return [line.marks for column in columns for line in _top_down(column, boxes)]


def _strips(boxes: _Boxes) -> list[NDArray[np.intp]]:
    """Return the indices of boxes between wide gutters, left to right, each by its middle."""
    left, _, right, _ = boxes.T
    if len(left) == 0:
        return []
    order = np.argsort(left, kind="stable")
    gutter = left[order][1:] - np.maximum.accumulate(right[order])[:-1]
    ends = np.flatnonzero(gutter >= _GUTTER * np.median(boxes[:, 3] - boxes[:, 1])) + 1
    # Ties are broken by what stands there, not by the order in which the boxes came.
    place = np.lexsort((boxes[:, 3], boxes[:, 1], left, left + right))
    rank = np.argsort(place)
    return [place[np.sort(rank[strip])] for strip in np.split(order, ends)]


def _followed(strip: NDArray[np.intp], boxes: _Boxes) -> list[_Line]:
    """Return the lines of a strip by where they end: each mark joins the nearest so far."""
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
    """Return the place of the line that a mark belongs to, among lines by middle; None for none.

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


def _offsets(left: list[_Line], right: list[_Line], boxes: _Boxes) -> NDArray[np.float64]:
    """Return how far the starts of R lines are off the ends of L lines to their left, (R, L)."""
    starts = [boxes[line.marks[:_STARTS]].mean(axis=0) for line in right]
    expected = [[line.expected((x0 + x1) / 2) for line in left] for x0, _, x1, _ in starts]
    middles = [[(top + bottom) / 2] for _, top, _, bottom in starts]
    offsets: NDArray[np.float64] = np.abs(np.array(middles) - np.array(expected))
    return offsets


def _is_column(left: list[_Line], right: list[_Line], boxes: _Boxes) -> bool:
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


def _is_flush(lines: list[_Line], boxes: _Boxes) -> bool:
    """Tell whether lines begin, or end, above each other."""
    edges = np.array([(boxes[line.marks[0], 0], boxes[line.marks[-1], 2]) for line in lines])
    aside = np.median(np.abs(edges - np.median(edges, axis=0)), axis=0)
    return bool(aside.min() <= _FLUSH * np.median([line.height for line in lines]))


def _join(left: list[_Line], right: list[_Line], boxes: _Boxes) -> None:
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
            line.marks = left[goes_on[new]].marks + line.marks
    stay = [line for old, line in enumerate(left) if old not in goes_on.values()]
    left[:] = sorted(stay + right, key=_middle)


def _top_down(lines: list[_Line], boxes: _Boxes) -> list[_Line]:
    """Return lines from top to bottom, where all of them fall by their usual slope."""
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    run, fall = sum(middles[line.marks[-1]] - middles[line.marks[0]] for line in lines)
    slope = fall / run if run else 0.0
    level = middles[:, 1] - slope * middles[:, 0]
    return sorted(lines, key=lambda line: float(np.median(level[line.marks])))


def _groups(
    lines: _Lines, boxes: _Boxes, signs: Signs, cells: NDArray[np.int64]
) -> list[list[_Group]]:
    """Return for each line its marks in groups, parted where gaps are wide and hold no sign.

    Between the cells of a table they are always parted, and after a percent sign.
    """
    order = np.array([i for line in lines for i in line])
    left, _, right, _ = boxes[order].T
    number = np.repeat(np.arange(len(lines)), [len(line) for line in lines])
    inside = number[1:] == number[:-1]
    heights = boxes[order, 3] - boxes[order, 1]
    room = np.maximum(0, _DIGIT_WIDTH * _usual(heights, number) - (right - left)) / 2
    before = _usual(heights, number, (-_NEIGHBOURS, 0))[:-1]
    after = _usual(heights, number, (0, _NEIGHBOURS))[1:]
    beside = (before + after) / 2
    gaps = (left[1:] - right[:-1] - room[1:] - room[:-1]) / beside
    pitches = np.diff(left + right) / 2 / beside
    apart = cells[order[1:]] != cells[order[:-1]]
    apart |= _are_in(order[:-1], signs.percent)
    joined = inside & ~apart & _are_in(order[:-1], signs.after)
    gaps[~inside | apart | joined] = np.inf
    parting = _parting(gaps, pitches)
    known = np.where(joined, 1.0, _sureness(gaps, parting))
    parted = (gaps > parting) & ~joined
    thousands = _thousands(gaps, parted)
    parted[thousands], known[thousands] = False, 0.5
    sure = np.array([1.0, *known, 1.0])  # before each mark, and after the last
    found: list[list[_Group]] = [[] for _ in lines]
    for group in np.split(np.arange(len(order)), np.flatnonzero(parted) + 1):
        ends = float(np.prod(sure[group[0] : group[-1] + 2]))
        found[number[group[0]]].append(_Group(order[group].tolist(), ends))
    return found


def _are_in(places: NDArray[np.int64], some: Container[int]) -> NDArray[np.bool_]:
    """Tell which of N places are among some; `np.isin` takes longer for the marks of a page."""
    return np.array([place in some for place in places.tolist()], np.bool_)


def _sureness(gaps: _Values, parting: float) -> _Values:
    """Return the chance that each gap was rightly taken for one inside or between numbers."""
    off = np.where(gaps > parting, (gaps - parting) / _DOUBT_WIDE, (parting - gaps) / _DOUBT_NARROW)
    off *= max(1.0, np.count_nonzero(gaps < np.inf) / _FEW_GAPS) ** 0.5
    return np.asarray(1 / (1 + np.exp(-np.minimum(off / parting, 50))))


def _thousands(gaps: _Values, parted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell which gaps between numbers stand before thousands, on a page with few gaps."""
    found = np.zeros(len(gaps), bool)
    if np.count_nonzero(gaps < np.inf) > _FEW_GAPS:
        return found
    ends = [-1, *np.flatnonzero(parted).tolist(), len(gaps)]  # the last mark of each group
    for before, end, after in zip(ends, ends[1:], ends[2:], strict=False):
        found[end] = after - end == 3 and end - before <= 3 and gaps[end] <= _THOUSANDS_GAP
    return found


def _usual(
    values: _Values,
    line: NDArray[np.intp],
    reach: tuple[int, int] = (-_NEIGHBOURS, _NEIGHBOURS),
) -> _Values:
    """Return for each of N marks, line by line, what is usual among it and its neighbours.

    The median, of an even number the higher one: a low mark says less of the digits' height.
    """
    at = np.arange(len(values))[:, None] + np.arange(reach[0], reach[1] + 1)
    near = np.minimum(np.maximum(at, 0), len(values) - 1)  # `np.clip` takes its time
    known = (near == at) & (line[near] == line[:, None])
    ordered = np.sort(np.where(known, values[near], np.inf), axis=1)
    middle: _Values = ordered[np.arange(len(values)), np.count_nonzero(known, axis=1) // 2]
    return middle


def _parting(gaps: _Values, pitches: _Values) -> float:
    """Return the gap beyond which a new number begins, from all marks on a page, line by line.

    Args:
        gaps: from each mark but the last to the next, in digit heights; infinite at line ends.
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


def _between_kinds(gaps: _Values) -> float | None:
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


def _two_kinds(ordered: _Values) -> tuple[float, float]:
    """Return the means of the two kinds that ordered values fall into best (Otsu 1979)."""
    below = np.arange(1, len(ordered))
    above = len(ordered) - below
    sums = np.cumsum(ordered)
    narrow, wide = sums[:-1] / below, (sums[-1] - sums[:-1]) / above
    best = (below * above * (wide - narrow) ** 2).argmax()
    return float(narrow[best]), float(wide[best])


def _strays(lines: _Lines, boxes: _Boxes, confidence: _Values) -> set[int]:
    """Return the marks that are commas, specks or raised signs: low, and not where digits stand.

    Only those read with little confidence; small zeros stand on the baseline or in the middle.
    """
    found = set()
    heights, bottoms = boxes[:, 3] - boxes[:, 1], boxes[:, 3]
    for line in lines:
        usual = _usual(heights[line], np.zeros(len(line), np.intp))
        low = heights[line] < _LOW * usual
        for at in np.flatnonzero(low & (confidence[line] < _SURE)).tolist():
            near = line[max(0, at - _NEIGHBOURS) : at + _NEIGHBOURS + 1]
            baseline = np.median([bottoms[i] for i in near if heights[i] >= _LOW * usual[at]])
            hangs = (bottoms[line[at]] - baseline) / usual[at]
            if not -_FLOATS <= hangs <= _HANGS:
                found.add(line[at])
    return found


def _beside(boxes: _Boxes, digits: Sequence[int], others: _Boxes, reach: float) -> set[int]:
    """Return which digits, as places among boxes, a mark that is none stands beside.

    It is no farther off than `reach` of its height.
    """
    places = np.array(digits, np.intp)
    left, top, right, bottom = boxes[places].T
    found: set[int] = set()
    for one in others:
        height = one[3] - one[1]
        near = np.maximum(left, one[0]) - np.minimum(right, one[2])
        down = np.minimum(bottom, one[3]) - np.maximum(top, one[1])
        close = (near < reach * height) & (down > height / 2)
        found.update(places[close].tolist())
    return found


def _number(digits: Sequence[Digit], text: str, sure: float, line: int, item: int) -> Number:
    """Return neighbouring digits as one number.

    Args:
        digits: left to right.
        text: as it is written.
        sure: the chance that they are all of it.
        line: where it stands, from 1.
        item: the same in its line.
    """
    return Number(
        text=text,
        confidence=sure * prod(digit.confidence for digit in digits),
        status="ok",
        line=line,
        item=item,
        box=around([digit.box for digit in digits]),
        digits=tuple(digits),
    )

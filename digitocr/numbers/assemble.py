"""Digits → numbers, in reading order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from digitocr.core.arrays import Values
from digitocr.core.document import (
    Digit,
    Number,
    Reason,
)
from digitocr.core.geometry import (
    Box,
    Corners,
    around,
    corners_of,
)
from digitocr.core.settings import Decimal
from digitocr.layout.text_lines import (
    Lines,
    text_lines,
)
from digitocr.numbers.notation import number_text
from digitocr.numbers.signs import Signs, find_signs
from digitocr.numbers.spacing import (
    FEW_GAPS,
    NEIGHBOURS,
    NumberSpan,
    local_medians,
    number_spans,
)
from digitocr.numbers.word_filter import number_membership
from digitocr.recognition.hypotheses import PageReading

# Beside a number there may be a non-digit, nearer than this part of its height: a letter, digits
# that touch and were not read, or what was taken for a letter that looks like a digit. Then the
# number is all there is with this chance. On pages with few gaps; on others, which hold letters.
_BESIDE = {True: 1.5, False: 0.3}
_WHOLE_CHANCE = {True: 0.25, False: 0.5}
# Digits lower than this part of their neighbours that hang below the baseline or stand off it by
# more than this part of their height are commas and specks, if they are read with less confidence.
_LOW = 0.65
_HANGS, _FLOATS = 0.15, 0.35
_SURE = 0.95
# Non-digits of these widths for their height are letters; brackets, strokes and slashes,
# which also stand around numbers, are narrower, and digits that touch and could not be read wider.
_LETTER_WIDTHS = 0.4, 1.7
# Non-digits that end this far above the foot and below the top of the digits beside them,
# in their heights, are signs between numbers, as + and x are. They are looked for so far aside.
_FREE, _ASIDE = 0.1, 3.0


@dataclass(frozen=True, slots=True)
class DigitLines:
    """The digits of a page in lines, and what stands among them."""

    digits: tuple[Digit, ...]
    boxes: Corners  # of the digits, and then of letters
    lines: Lines  # digits alone, as places among all; columns one after the other
    signs: Signs
    beside: frozenset[int]  # digits that a non-digit stands beside
    sure: float  # the chance that numbers of these are all there is of them


def digit_lines(reading: PageReading) -> DigitLines:
    """Return digits in reading order, letters and strays left out.

    Columns whose lines do not align are read one after the other, everything else line by line.

    Args:
        reading: in any order, boxes in pixels of the deskewed page.
    """
    digits, (least, most) = reading.digits, _LETTER_WIDTHS
    own = corners_of([digit.box for digit in digits])
    non_digits = [
        box
        for box in reading.non_digits
        if least <= box.width / box.height and not _is_operator(box, own)
    ]
    letters = [box for box in non_digits if box.width / box.height <= most]
    boxes = np.concatenate([own, corners_of(letters)])
    lines = text_lines(boxes)
    read = np.array([int(digit.digit) for digit in digits] + [-1] * len(letters))
    confidence = np.array([digit.confidence for digit in digits] + [0.0] * len(letters))
    if letters:
        lines = _digits_in_lines(lines, boxes, read, confidence)
    kept = [i for line in lines for i in line]
    few = len(kept) - len(lines) <= FEW_GAPS
    apart = np.concatenate([np.delete(own, kept, axis=0), corners_of(non_digits)])
    beside = _digits_beside(own, kept, apart, _BESIDE[few])
    stray = _stray_places(lines, boxes, confidence)
    lines = [left for line in lines if (left := [i for i in line if i not in stray])]
    low = np.concatenate([corners_of(reading.low), boxes[sorted(stray)]])
    signs = find_signs(lines, boxes, low, *map(corners_of, (reading.slashes, reading.percents)))
    return DigitLines(digits, boxes, lines, signs, frozenset(beside), _WHOLE_CHANCE[few])


def assembled_numbers(
    found: DigitLines, cells: Sequence[int] | None = None, decimal: Decimal | None = None
) -> tuple[Number, ...]:
    """Return the numbers that digits make, in reading order; none where there are no digits.

    A number's confidence is the product of its digits' and of how sure it is that they are all of
    it. Its status is "ok"; that something beside it was left out is a reason to review it.

    Args:
        found: from `digit_lines`.
        cells: of a table, in which each digit is; digits in different cells are apart. Without it
            there are no tables.
        decimal: which mark stands before decimals; None for the one that is on the page.
    """
    if not found.lines:
        return ()
    places = np.asarray([0] * len(found.boxes) if cells is None else cells)
    rows = number_spans(found.lines, found.boxes, found.signs, places)
    return tuple(
        _number(found, span, decimal, line, item)
        for line, row in enumerate(rows, 1)
        for item, span in enumerate(row, 1)
    )


def _is_operator(box: Box, digits: Corners) -> bool:
    """Tell whether a non-digit floats between digits, as no letter does."""
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


def _digits_in_lines(
    lines: Lines, boxes: Corners, read: NDArray[np.int64], confidence: Values
) -> Lines:
    """Return the lines without non-digits, which are read as -1, and without letters."""
    kept = (number_membership(lines, boxes, read, confidence) > 0.5) & (read >= 0)
    return [found for line in lines if (found := [i for i in line if kept[i]])]


def _stray_places(lines: Lines, boxes: Corners, confidence: Values) -> set[int]:
    """Return the places of commas, specks and raised signs: low, and not where digits stand.

    Only those read with little confidence; small zeros stand on the baseline or in the middle.
    """
    found = set()
    heights, bottoms = boxes[:, 3] - boxes[:, 1], boxes[:, 3]
    for line in lines:
        tall = local_medians(heights[line], np.zeros(len(line), np.intp))
        low = heights[line] < _LOW * tall
        for at in np.flatnonzero(low & (confidence[line] < _SURE)).tolist():
            near = line[max(0, at - NEIGHBOURS) : at + NEIGHBOURS + 1]
            baseline = np.median([bottoms[i] for i in near if heights[i] >= _LOW * tall[at]])
            hangs = (bottoms[line[at]] - baseline) / tall[at]
            if not -_FLOATS <= hangs <= _HANGS:
                found.add(line[at])
    return found


def _digits_beside(
    boxes: Corners, digits: Sequence[int], non_digits: Corners, reach: float
) -> set[int]:
    """Return which digits, as places among boxes, a non-digit stands beside.

    It is no farther off than `reach` of its height.
    """
    places = np.array(digits, np.intp)
    left, top, right, bottom = boxes[places].T
    found: set[int] = set()
    for one in non_digits:
        height = one[3] - one[1]
        near = np.maximum(left, one[0]) - np.minimum(right, one[2])
        down = np.minimum(bottom, one[3]) - np.maximum(top, one[1])
        close = (near < reach * height) & (down > height / 2)
        found.update(places[close].tolist())
    return found


def _number(
    found: DigitLines, span: NumberSpan, decimal: Decimal | None, line: int, item: int
) -> Number:
    """Return neighbouring digits as one number.

    Args:
        found: where the digits are.
        span: those of the number.
        decimal: as for `assembled_numbers`.
        line: where it stands, from 1.
        item: the same in its line.
    """
    digits, signs = tuple(found.digits[i] for i in span.places), found.signs
    text = number_text(
        span.places[0] in signs.minus,
        [digit.digit for digit in digits],
        [signs.after.get(i, "") for i in span.places],
        decimal,
        span.places[-1] in signs.percent,
    )
    dropped = not found.beside.isdisjoint(span.places)
    sure = span.sure * (found.sure if dropped else 1.0)
    return Number(
        text=text,
        confidence=sure * prod(digit.confidence for digit in digits),
        status="ok",
        line=line,
        item=item,
        box=around([digit.box for digit in digits]),
        digits=digits,
        reasons=(Reason.MARK_DROPPED,) if dropped else (),
    )

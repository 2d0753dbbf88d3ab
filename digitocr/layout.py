"""Digits → numbers → lines, in reading order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import prod
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from digitocr.records import Box, Digit, Number, around

_Mark = TypeVar("_Mark")

# All lengths are parts of the page's digit height.
# Digits stand on one line when they share this part of the lower one's height.
_SAME_LINE = 0.5
# Narrower digits (a 1) leave room on both sides in type and in careful writing; gaps are measured
# as if they were this wide.
_DIGIT_WIDTH = 0.45
# Where the gaps on a page fall into two kinds, numbers are parted in the middle between them: the
# step between the kinds must be this wide and its middle within these bounds, and there must be
# several wide gaps or at least one beyond doubt.
_LEAST_STEP = 0.2
_STEP_MIDDLE = (0.3, 1.2)
_WIDE_BEYOND_DOUBT = 0.7
# Else they are parted at this many times the usual gap, within these bounds.
_TIMES_USUAL = 4
_PARTING = (0.4, 0.8)
# Refused marks at least this wide for their height are letters; brackets, strokes and slashes,
# which also stand around numbers, are narrower.
_LETTER_WIDTH = 0.4
# Lines with more than this many letters for each digit are text.
_TEXT = 2


def into_numbers(
    digits: Sequence[Digit],
    others: Sequence[Box],
    min_confidence: float,
    chance: Callable[[float], float] = float,
) -> tuple[Number, ...]:
    """Return the numbers on a page in reading order; none where there are no digits.

    Args:
        digits: in any order, boxes in level pixels.
        others: marks as high as digits that are none, in level pixels.
        min_confidence: numbers below it get status "review".
        chance: how often a number is right whose digits' confidences have a product.
    """
    digits = _outside_words(digits, others)
    if not digits:
        return ()
    height = float(np.median([digit.box.height for digit in digits]))
    lines = [[digits[i] for i in line] for line in _lines([digit.box for digit in digits])]
    gaps = [_gaps([digit.box for digit in line], height) for line in lines]
    parting = _parting(np.concatenate(gaps))
    return tuple(
        _number(group, line, item, min_confidence, chance)
        for line, (row, row_gaps) in enumerate(zip(lines, gaps, strict=True), 1)
        for item, group in enumerate(_split(row, row_gaps > parting), 1)
    )


def _outside_words(digits: Sequence[Digit], others: Sequence[Box]) -> list[Digit]:
    """Return the digits that are not letters taken for digits (O, l, S ... inside words).

    In a word of text letters outnumber digits, and so do they, on lines of text, around a digit
    that stands alone. "12kg" and "A4" keep their digits.
    """
    letters = [box for box in others if box.width >= _LETTER_WIDTH * box.height]
    if not letters:
        return list(digits)
    boxes = [digit.box for digit in digits] + letters
    height = float(np.median([box.height for box in boxes]))
    lines = _lines(boxes)
    gaps = [_gaps([boxes[i] for i in line], height) for line in lines]
    parting = _parting(np.concatenate(gaps))
    kept: list[int] = []
    for line, line_gaps in zip(lines, gaps, strict=True):
        read = sum(i < len(digits) for i in line)
        text = len(line) - read > _TEXT * read
        for word in _split(line, line_gaps > parting):
            found = [i for i in word if i < len(digits)]
            alone = text and len(word) == 1
            if 2 * len(found) >= len(word) and not alone:
                kept += found
    return [digits[i] for i in sorted(kept)]


def _lines(boxes: Sequence[Box]) -> list[list[int]]:
    """Return the indices of boxes by line, top to bottom, each line left to right.

    Lines grow from left to right, each box joining the line whose last box it shares most height
    with, so that a line may rise and fall.
    """
    lines: list[list[int]] = []
    spans = np.empty((0, 2))  # top and bottom of each line's last box
    for i in sorted(range(len(boxes)), key=lambda i: (*boxes[i].middle, boxes[i].height)):
        span = np.array([[boxes[i].y, boxes[i].bottom]], float)
        shared = np.minimum(spans[:, 1], span[0, 1]) - np.maximum(spans[:, 0], span[0, 0])
        fit = shared / np.minimum(spans[:, 1] - spans[:, 0], boxes[i].height)
        if len(fit) and fit.max() >= _SAME_LINE:
            home = int(fit.argmax())
            lines[home].append(i)
            spans[home] = span
        else:
            lines.append([i])
            spans = np.concatenate([spans, span])
    return sorted(lines, key=lambda line: float(np.median([boxes[i].middle[1] for i in line])))


def _gaps(line: Sequence[Box], height: float) -> NDArray[np.float64]:
    """Return the (N - 1) gaps between the N boxes of a line, as parts of the digit height."""
    return np.array(
        [
            (right.x - left.right - _room(left, height) - _room(right, height)) / height
            for left, right in pairwise(line)
        ]
    )


def _room(box: Box, height: float) -> float:
    """Return the room that a narrow digit leaves on each side, in pixels."""
    return max(0.0, _DIGIT_WIDTH * height - box.width) / 2


def _parting(gaps: NDArray[np.float64]) -> float:
    """Return the gap beyond which a new number begins, from all gaps on a page."""
    if len(gaps) == 0:
        return _PARTING[1]
    ordered = np.sort(np.clip(gaps, 0, _STEP_MIDDLE[1] + _LEAST_STEP))
    middles, steps = (ordered[1:] + ordered[:-1]) / 2, np.diff(ordered)
    several = np.arange(len(steps)) < len(steps) - 1  # gaps beyond the step
    fit = (middles >= _STEP_MIDDLE[0]) & (middles <= _STEP_MIDDLE[1]) & (steps >= _LEAST_STEP)
    fit &= several | (ordered[1:] >= _WIDE_BEYOND_DOUBT)
    if fit.any():
        return float(middles[np.where(fit, steps, 0).argmax()])
    return float(np.clip(_TIMES_USUAL * np.median(ordered), *_PARTING))


def _split(line: Sequence[_Mark], parted: NDArray[np.bool_]) -> list[Sequence[_Mark]]:
    """Return a line's marks in groups, parted after each digit whose flag is set."""
    ends = [*(np.flatnonzero(parted) + 1).tolist(), len(line)]
    return [line[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def _number(
    digits: Sequence[Digit],
    line: int,
    item: int,
    min_confidence: float,
    chance: Callable[[float], float],
) -> Number:
    """Return neighbouring digits as one number; its confidence is that all are right."""
    confidence = chance(prod(digit.confidence for digit in digits))
    return Number(
        text="".join(digit.digit for digit in digits),
        confidence=confidence,
        status="ok" if confidence >= min_confidence else "review",
        line=line,
        item=item,
        box=around([digit.box for digit in digits]),
        digits=tuple(digits),
    )

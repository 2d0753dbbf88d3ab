"""Ink on a filled form → what is in its fields; hypotheses about that → numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

import cv2
import numpy as np

from digitocr.core.arrays import BinaryImage
from digitocr.core.document import (
    Digit,
    Number,
)
from digitocr.core.geometry import (
    Box,
    around,
    corners_of,
)
from digitocr.numbers.notation import number_text
from digitocr.numbers.signs import find_signs
from digitocr.recognition.hypotheses import GroupHypotheses, Hypothesis

# Components belong to a field with more than this part of their ink in its box.
_INSIDE = 0.5
# A component of which less is inside crosses a field where so many of its pixels, in field heights,
# are farther than this from the field's edges, in the same.
_CROSSING, _EDGE = 0.4, 0.3


def ink_in_fields(ink: BinaryImage, boxes: Sequence[Box]) -> tuple[BinaryImage, list[bool]]:
    """Return the components that are in a field, whole, and which fields others cross.

    What crosses a field runs through the middle of its height: a line that strikes it out, say.
    """
    n, components, stats, _ = cv2.connectedComponentsWithStats(ink)
    inside = np.zeros(n, np.int64)
    for box in boxes:
        here = components[box.y : box.bottom, box.x : box.right]
        inside = np.maximum(inside, np.bincount(here.ravel(), minlength=n))
    kept = inside > _INSIDE * stats[:, cv2.CC_STAT_AREA]
    kept[0] = False
    crossing = ~kept
    crossing[0] = False
    crossed = []
    for box in boxes:
        aside = round(_EDGE * box.height)
        middle = components[box.y + aside : box.bottom - aside, box.x + aside : box.right - aside]
        crossed.append(int(np.count_nonzero(crossing[middle])) > _CROSSING * box.height)
    return np.asarray(np.where(kept[components], 255, 0), np.uint8), crossed


def scaled_box(box: Box, scale: float) -> Box:
    """Return a box of a form's picture on one that is so many times as large."""
    x, y = round(box.x * scale), round(box.y * scale)
    return Box(x, y, round(box.right * scale) - x, round(box.bottom * scale) - y)


def groups_in(boxes: Sequence[Box], groups: Mapping[int, Box]) -> list[list[int]]:
    """Return for each field the numbers of the ink groups in it, left to right.

    Args:
        boxes: of the fields.
        groups: where each ink group is, by its number; it is in the field that has most of it.
    """
    found: list[list[int]] = [[] for _ in boxes]
    for number, group in sorted(groups.items(), key=lambda one: one[1].middle):
        shared = [_shared_pixels(box, group) for box in boxes]
        if max(shared, default=0) > 0:
            found[shared.index(max(shared))].append(number)
    return found


def _shared_pixels(one: Box, other: Box) -> int:
    """Return how many pixels two boxes have in common."""
    width = min(one.right, other.right) - max(one.x, other.x)
    height = min(one.bottom, other.bottom) - max(one.y, other.y)
    return max(0, width) * max(0, height)


def comb_hypotheses(
    hypotheses: GroupHypotheses, box: Box, cells: int
) -> tuple[GroupHypotheses, bool]:
    """Return what ink groups may be where each cell of a comb holds one digit at most.

    Besides, whether that leaves doubt: a cell holds two components that are digits, of which the
    surer one is kept, or there is a blank one between two digits.

    Args:
        hypotheses: of the ink groups in the comb.
        box: of the comb.
        cells: how many it has, all of one width.
    """
    allowed = {group: _comb_allowed(found, box, cells) for group, found in hypotheses.items()}
    taken: dict[int, int] = {}
    doubtful = False
    for group in sorted(allowed, key=lambda group: -allowed[group][0].chance):
        own = _cell_of_each([digit.box for digit in allowed[group][0].digits], box, cells)
        if any(cell in taken for cell in own):
            allowed[group], doubtful = (Hypothesis(1.0, ()),), True
        else:
            taken |= dict.fromkeys(own, group)
    gaps = len(taken) > 0 and max(taken) - min(taken) + 1 > len(taken)
    return allowed, doubtful or gaps


def _cell_of_each(boxes: Sequence[Box], comb: Box, cells: int) -> list[int]:
    """Return in which cell of a comb, from 0, the middle of each box is."""
    width = comb.width / cells
    return [int(np.clip((box.middle[0] - comb.x) // width, 0, cells - 1)) for box in boxes]


def _comb_allowed(hypotheses: Sequence[Hypothesis], box: Box, cells: int) -> tuple[Hypothesis, ...]:
    """Return the hypotheses with no two digits in a cell; their chances sum to 1 again."""
    kept = []
    for hypothesis in hypotheses:
        own = _cell_of_each([digit.box for digit in hypothesis.digits], box, cells)
        if len(set(own)) == len(own):
            kept.append(hypothesis)
    total = sum(hypothesis.chance for hypothesis in kept)
    if total <= 0:
        return (Hypothesis(1.0, ()),)
    return tuple(Hypothesis(hypothesis.chance / total, hypothesis.digits) for hypothesis in kept)


def number_in_field(
    hypotheses: GroupHypotheses, low: Sequence[Box], slashes: Sequence[Box], percents: Sequence[Box]
) -> tuple[Number | None, float]:
    """Return the number that the likeliest hypotheses in a field make, and how sure its blanks are.

    None where no digit is among them. The second is the chance that what is taken for no digit is
    none: 1.0 where there is nothing else. The number's confidence, which is not yet a chance, holds
    it. Its line and item are 0.

    Args:
        hypotheses: at the field's ink groups, left to right.
        low: what in the field is too low for digits: points, commas and dashes may be among it.
        slashes: in the field.
        percents: percent signs in the field.
    """
    best = [found[0] for found in hypotheses.values()]
    blank_chance = prod(hypothesis.chance for hypothesis in best if not hypothesis.digits)
    digits = tuple(digit for hypothesis in best for digit in hypothesis.digits)
    if not digits:
        return None, blank_chance
    sure = blank_chance * prod(digit.confidence for digit in digits)
    box = around([digit.box for digit in digits])
    return Number(
        _text_with_signs(digits, low, slashes, percents), sure, "ok", 0, 0, box, digits
    ), blank_chance


def _text_with_signs(
    digits: Sequence[Digit], low: Sequence[Box], slashes: Sequence[Box], percents: Sequence[Box]
) -> str:
    """Return digits with the signs among them."""
    boxes = corners_of([digit.box for digit in digits])
    components = map(corners_of, (low, slashes, percents))
    signs = find_signs([range(len(digits))], boxes, *components)
    after = [signs.after.get(i, "") for i in range(len(digits))]
    percent = len(digits) - 1 in signs.percent
    return number_text(0 in signs.minus, [digit.digit for digit in digits], after, percent=percent)

"""Ink → candidates: marks of a digit's size, broken digits put together again."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from digitocr.records import Box, Candidate, Mask, around

# All sizes are parts of the page's digit height, the usual height of its marks.
_LEAST_MARK_PX = 8  # lower marks say nothing of the digit height
_LEAST_ASPECT, _MOST_ASPECT = 0.15, 1.6  # width / height of digits, but for the thinnest 1
_PAGE = 5  # a page's sides are longer than this
_SPECK = 0.25  # smaller both ways: dust and points
_LEAST_HEIGHT = 0.45  # lower: dots, commas and dashes
_MOST_HEIGHT = 2.2  # higher: stains, boxes, brackets
_MOST_WIDTH = 3.0  # wider: strokes drawn under or through numbers
_WHOLE = 0.75  # lower: perhaps a piece of a broken digit
# Pieces of one digit lie over each other by this part of the narrower one's width, as the bar of
# a 5 does, with no wider a gap between them than this.
_OVERLAP = 0.5
_GAP = 0.22
_MOST_WHOLE = 1.35  # and together are no higher than this
# The bar of a 5 may also fly off: beside the top of the rest, to its right, no farther than this.
_BAR_HEIGHT = 0.4
_BAR_AWAY = 0.2


def find_candidates(mask: Mask) -> list[Candidate]:
    """Return the marks that may be digits, in no particular order; none for an empty mask."""
    contours = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    boxes = [Box(*cv2.boundingRect(contour)) for contour in contours]
    height = digit_height(boxes)
    kept = [i for i, box in enumerate(boxes) if max(box.width, box.height) > _SPECK * height]
    groups = _pieces([boxes[i] for i in kept], height)
    candidates = []
    for group in groups:
        box = around([boxes[kept[i]] for i in group])
        if _may_be_digit(box, height) and not _leaves_page(box, mask, height):
            candidates.append(_cut_out(mask, [contours[kept[i]] for i in group], box))
    return candidates


def digit_height(boxes: Sequence[Box]) -> float:
    """Return the usual height of the marks on a page, in pixels; 0 where there are none.

    The median by height, so that any number of specks weighs less than the digits, of the marks
    that are as wide as digits are, where there are any: a bracket is not.
    """
    marks = [box for box in boxes if box.height >= _LEAST_MARK_PX]
    usual = [box for box in marks if _LEAST_ASPECT < box.width / box.height < _MOST_ASPECT]
    heights = np.sort([box.height for box in usual or marks])
    if len(heights) == 0:
        return 0.0
    share = np.cumsum(heights) / heights.sum()
    return float(heights[np.searchsorted(share, 0.5)])


def _may_be_digit(box: Box, height: float) -> bool:
    """Tell whether a mark has the size of a digit."""
    return (
        _LEAST_HEIGHT * height <= box.height <= _MOST_HEIGHT * height
        and box.width <= _MOST_WIDTH * height
    )


def _leaves_page(box: Box, mask: Mask, height: float) -> bool:
    """Tell whether a mark is cut off by the edge of a page: the lid of a scanner, the desk.

    Pictures that a few digits fill are no pages; there a digit may touch the edge.
    """
    page_height, page_width = mask.shape
    inside = box.x > 0 and box.y > 0 and box.right < page_width and box.bottom < page_height
    return not inside and min(mask.shape) > _PAGE * height


def _pieces(boxes: Sequence[Box], height: float) -> list[list[int]]:
    """Return groups of indices, each the pieces of one mark; most have one piece."""
    groups = [[i] for i, box in enumerate(boxes) if box.height >= _WHOLE * height]
    wholes = _corners([boxes[i] for (i,) in groups])  # (G, 4), grows as marks are joined
    pieces = [i for i, box in enumerate(boxes) if box.height < _WHOLE * height]
    for i in sorted(pieces, key=lambda i: -boxes[i].height):
        corners = _corners([boxes[i]])
        homes = np.flatnonzero(_belongs(corners[0], wholes, height))
        if len(homes):
            home = homes[0]
            groups[home].append(i)
            wholes[home, :2] = np.minimum(wholes[home, :2], corners[0, :2])
            wholes[home, 2:] = np.maximum(wholes[home, 2:], corners[0, 2:])
        else:
            groups.append([i])
            wholes = np.concatenate([wholes, corners])
    return groups


def _corners(boxes: Sequence[Box]) -> NDArray[np.int64]:
    """Return (N, 4): left, top, right and bottom of each box."""
    corners = [(box.x, box.y, box.right, box.bottom) for box in boxes]
    return np.array(corners, np.int64).reshape(-1, 4)


def _belongs(
    piece: NDArray[np.int64], wholes: NDArray[np.int64], height: float
) -> NDArray[np.bool_]:
    """Tell for each mark, (G, 4), whether a lower piece, (4,), is a part of it."""
    overlap = np.minimum(piece[2], wholes[:, 2]) - np.maximum(piece[0], wholes[:, 0])
    narrower = np.minimum(piece[2] - piece[0], wholes[:, 2] - wholes[:, 0])
    gap = np.maximum(piece[1], wholes[:, 1]) - np.minimum(piece[3], wholes[:, 3])
    together = np.maximum(piece[3], wholes[:, 3]) - np.minimum(piece[1], wholes[:, 1])
    lies_over = (overlap >= _OVERLAP * narrower) & (gap <= _GAP * height)
    low = piece[3] - piece[1] < _BAR_HEIGHT * height
    beside_top = np.abs((piece[1] + piece[3]) / 2 - wholes[:, 1]) < _BAR_AWAY * height
    to_the_right = piece[0] > (wholes[:, 0] + wholes[:, 2]) / 2
    flies_off = low & beside_top & to_the_right & (-overlap < _BAR_AWAY * height)
    return np.asarray((lies_over | flies_off) & (together <= _MOST_WHOLE * height))


def _cut_out(mask: Mask, contours: Sequence[np.ndarray], box: Box) -> Candidate:
    """Return a mark with the ink inside its outlines and nothing of its neighbours."""
    inside = np.zeros((box.height, box.width), np.uint8)
    cv2.drawContours(inside, list(contours), -1, 255, cv2.FILLED, offset=(-box.x, -box.y))
    return Candidate(box, inside & mask[box.y : box.bottom, box.x : box.right])

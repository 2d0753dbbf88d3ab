"""Pictures: annotated pages, curves, confusion matrix, a grid of predictions."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from digitocr.records import Box, Gray, Number, PageResult

Picture = NDArray[np.uint8]  # (H, W, 3), blue green red

_OK, _REVIEW = (60, 140, 0), (0, 80, 230)  # green and orange-red, told apart by lightness too
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def annotated(gray: Gray, result: PageResult) -> Picture:
    """Return a copy of a page with each number's box, reading and confidence drawn on it.

    Boxes are green for "ok" and red for "review"; above each number its text and confidence,
    under each doubtful digit its own confidence.
    """
    picture = np.asarray(cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR), np.uint8)
    picture = np.asarray(cv2.addWeighted(picture, 0.6, np.full_like(picture, 255), 0.4, 0))
    for number in result.numbers:
        _draw_number(picture, number)
    return picture


def _draw_number(picture: Picture, number: Number) -> None:
    """Draw one number into the picture, in place."""
    colour = _OK if number.status == "ok" else _REVIEW
    # Text of a third of the digits' height, but readable and no wider than thick strokes allow.
    size = float(np.clip(number.box.height / 75, 0.35, 3.0))
    pen = max(1, round(size * 1.5))
    for digit in number.digits:
        _rectangle(picture, digit.box, colour, 1)
        place = (digit.box.x, digit.box.bottom + round(16 * size))
        text = f"{digit.digit} {100 * digit.confidence:.0f}"
        cv2.putText(picture, text, place, _FONT, 0.5 * size, colour, max(1, pen // 2), cv2.LINE_AA)
    _rectangle(picture, number.box, colour, pen)
    label = f"{number.text} {number.confidence:.2f}"
    place = (number.box.x, max(round(12 * size), number.box.y - round(6 * size)))
    cv2.putText(picture, label, place, _FONT, 0.7 * size, colour, pen, cv2.LINE_AA)


def _rectangle(picture: Picture, box: Box, colour: tuple[int, int, int], pen: int) -> None:
    cv2.rectangle(picture, (box.x, box.y), (box.right - 1, box.bottom - 1), colour, pen)

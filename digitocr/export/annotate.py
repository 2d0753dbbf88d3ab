"""A page with its readings drawn on it."""

from __future__ import annotations

import cv2
import numpy as np

from digitocr.core.arrays import Gray
from digitocr.core.document import FieldResult, Number, PageResult
from digitocr.imaging.drawing import BLUE, FONT, GREEN, RED, Picture, draw_box, jpeg_bytes

_COLOURS = {"ok": GREEN, "review": RED, "checked": BLUE}


def annotated_jpeg(gray: Gray, result: PageResult) -> bytes:
    """Return a JPEG of a page with each number's box, reading and confidence drawn on it.

    Boxes are green for "ok", red for "review" and blue for "checked"; above each number its text
    and confidence, under each digit that was read its own. What a person found to be no number is
    left out. A field for review in which no number was read is drawn with its name.
    """
    picture = np.asarray(cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR), np.uint8)
    picture = np.asarray(cv2.addWeighted(picture, 0.6, np.full_like(picture, 255), 0.4, 0))
    for number in result.numbers:
        if number.text:
            _draw_number(picture, number)
    read = {number.field for number in result.numbers}
    for field in result.fields:
        if field.status == "review" and field.name not in read:
            _draw_field(picture, field)
    return jpeg_bytes(picture)


def _draw_number(picture: Picture, number: Number) -> None:
    """Draw one number into the picture, in place."""
    colour, checked = _COLOURS[number.status], number.status == "checked"
    # Text of a third of the digits' height, but readable and no wider than thick strokes allow.
    size = float(np.clip(number.box.height / 75, 0.35, 3.0))
    thickness = max(1, round(size * 1.5))
    for digit in () if checked else number.digits:
        draw_box(picture, digit.box, colour, 1)
        place = (digit.box.x, digit.box.bottom + round(16 * size))
        text = f"{digit.digit} {100 * digit.confidence:.0f}"
        cv2.putText(
            picture, text, place, FONT, 0.5 * size, colour, max(1, thickness // 2), cv2.LINE_AA
        )
    draw_box(picture, number.box, colour, thickness)
    label = f"{number.text} checked" if checked else f"{number.text} {number.confidence:.2f}"
    if number.field:
        label = f"{number.field}: {label}"
    place = (number.box.x, max(round(12 * size), number.box.y - round(6 * size)))
    cv2.putText(picture, label, place, FONT, 0.7 * size, colour, thickness, cv2.LINE_AA)


def _draw_field(picture: Picture, field: FieldResult) -> None:
    """Draw a field for review without a number into the picture, in place."""
    size = float(np.clip(field.box.height / 75, 0.35, 3.0))
    thickness = max(1, round(size * 1.5))
    draw_box(picture, field.box, RED, thickness)
    place = (field.box.x + 2 * thickness, field.box.y + round(22 * size))
    cv2.putText(picture, field.name, place, FONT, 0.7 * size, RED, thickness, cv2.LINE_AA)

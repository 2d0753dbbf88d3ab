"""Numbers as read → numbers in page pixels, with their chance of being right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from digitocr.core.document import (
    Digit,
    Number,
)
from digitocr.core.geometry import (
    Box,
    Transform,
    corners_of,
)
from digitocr.recognition.model import (
    Model,
)


def judged(number: Number, model: Model, line: float) -> Number:
    """Return a number with its chance of being right, to be reviewed where that is below a line.

    What no rule allows has none.
    """
    chance = model.number_chance(number.confidence) if number.confidence else 0.0
    status = number.status if chance >= line else "review"
    return replace(number, confidence=chance, status=status)


def on_page(number: Number, model: Model, to_page: Transform, width: int, height: int) -> Number:
    """Return a number with its boxes in pixels of the page as given, its digits' chances known."""
    boxes = [number.box, *(digit.box for digit in number.digits)]
    whole, *each = boxes_on_page(boxes, to_page, width, height)
    digits = tuple(
        Digit(digit.digit, model.digit_chance(digit.confidence), box)
        for digit, box in zip(number.digits, each, strict=True)
    )
    return replace(number, digits=digits, box=whole)


def boxes_on_page(boxes: Sequence[Box], to_page: Transform, width: int, height: int) -> list[Box]:
    """Return the upright boxes around N straightened ones, within the page.

    Edges lie half a pixel outside of pixel centres, which is what transforms act on.
    """
    if not boxes:
        return []
    left, top, right, bottom = corners_of(boxes).T - 0.5
    corners = np.array([[left, right, right, left], [top, top, bottom, bottom]])  # (2, 4, N)
    x, y, w = np.einsum("ij,jkn->ikn", to_page[:, :2], corners) + to_page[:, 2, None, None]
    x, y = np.clip(x / w + 0.5, 0, width), np.clip(y / w + 0.5, 0, height)
    starts = np.floor(np.stack([x.min(axis=0), y.min(axis=0)], axis=1) + 1e-6)
    ends = np.ceil(np.stack([x.max(axis=0), y.max(axis=0)], axis=1) - 1e-6)
    return [Box(*row) for row in np.hstack([starts, ends - starts]).astype(int).tolist()]

"""Numbers as read → numbers in page pixels, with their chance of being right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from digitocr.core.document import (
    Digit,
    Note,
    Number,
    PageResult,
    Reason,
    Reasons,
    Table,
    sorted_reasons,
)
from digitocr.core.geometry import (
    Box,
    Transform,
    corners_of,
)
from digitocr.core.source import Page
from digitocr.core.statistics import median
from digitocr.imaging.deskew import UprightPage
from digitocr.recognition.components import is_page
from digitocr.recognition.model import (
    Model,
)

SMALL_PX = 12  # lower digits are read worse, however sure the readers are


def finished_page(
    page: Page,
    upright: UprightPage,
    numbers: Sequence[Number],
    tables: Sequence[Table],
    review_line: float,
    notes: Sequence[Note],
) -> PageResult:
    """Return what was read on a page, in pixels of the page as given.

    Args:
        page: as given.
        upright: the same, upright and level: what numbers and tables have their boxes in.
        numbers: with their chances.
        tables: with these numbers.
        review_line: chance below which a number is to be reviewed, 0..1.
        notes: about the page.
    """
    height, width = page.gray.shape
    boxes = boxes_on_page([one.box for one in tables], upright.to_page, width, height)
    return PageResult(
        page=page.number,
        width=width,
        height=height,
        dpi=page.dpi,
        rotation=upright.rotation,
        skew=upright.skew,
        numbers=tuple(finished_number(one, upright, page, review_line) for one in numbers),
        tables=tuple(replace(one, box=box) for one, box in zip(tables, boxes, strict=True)),
        notes=tuple(notes),
    )


def number_with_chances(number: Number, model: Model) -> Number:
    """Return a number with chances of being right, its digits' too, in place of confidences.

    What no constraint allows has none.
    """
    chance = model.number_chance(number.confidence) if number.confidence else 0.0
    digits = tuple(
        Digit(one.digit, model.digit_chance(one.confidence), one.box) for one in number.digits
    )
    return replace(number, confidence=chance, digits=digits)


def finished_number(number: Number, upright: UprightPage, page: Page, review_line: float) -> Number:
    """Return a number of an upright page as results have it.

    Its boxes are pixels of the page as given. It is to be reviewed where its chance is below a line
    or another of its reasons forces that; where none does it is "ok" and has no reasons.
    """
    height, width = page.gray.shape
    number = _number_on_page(number, upright.to_page, width, height)
    reasons = sorted_reasons(*number.reasons, *_place_reasons(number, upright.rotation, page))
    return _judged_number(replace(number, reasons=reasons), review_line)


def _judged_number(number: Number, review_line: float) -> Number:
    if number.confidence < review_line:
        number = number.because(Reason.UNSURE)
    if any(one.forces_review for one in number.reasons):
        return replace(number, status="review")
    return replace(number, status="ok", reasons=())


def _place_reasons(number: Number, rotation: int, page: Page) -> Reasons:
    """Return what speaks for a review in a number's size and place on the page as given.

    A picture cut around a number touches it without cutting anything off.
    """
    boxes = [digit.box for digit in number.digits]
    high = median([box.height if rotation in (0, 180) else box.width for box in boxes])
    height, width = page.gray.shape
    box = number.box
    at_edge = min(box.x, box.y, width - box.right, height - box.bottom) <= 0
    return sorted_reasons(
        *([Reason.SMALL] if high < SMALL_PX else []),
        *([Reason.CUT_OFF] if at_edge and is_page(page.gray.shape, high) else []),
    )


def _number_on_page(number: Number, to_page: Transform, width: int, height: int) -> Number:
    """Return a number with its boxes in pixels of the page as given."""
    boxes = [number.box, *(digit.box for digit in number.digits)]
    whole, *each = boxes_on_page(boxes, to_page, width, height)
    digits = (replace(digit, box=box) for digit, box in zip(number.digits, each, strict=True))
    return replace(number, digits=tuple(digits), box=whole)


def boxes_on_page(boxes: Sequence[Box], to_page: Transform, width: int, height: int) -> list[Box]:
    """Return the upright boxes around N ones of an upright page, within the page.

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

"""Ink on a filled form → what is written there, without the form's own print."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from digitocr.core.arrays import BinaryImage
from digitocr.core.geometry import Box
from digitocr.imaging.stroke_width import mean_stroke_width

# Print is found on the page no farther off than this, pixels of the form's picture: what paper
# bends and the map onto the page is off, and the blur around print.
_MISFIT = 1.5
# Where paper bends, the print around a field is looked for so far aside, in field heights; the less
# of it has to be found there, for each field height, the nearer it is. Wide fields are looked at in
# pieces about so wide.
_AROUND, _ASIDE, _FARTHER, _PIECE = 0.3, 0.25, 0.2, 2.0
# Ink that is so many times thicker than the form's strokes is more than a ruling line.
_THICKER = 1.6


def ink_without_print(ink: BinaryImage, printed: BinaryImage, scale: float) -> BinaryImage:
    """Return the ink on a page that is not the form's own.

    Strokes that cross a ruling line stay whole, and so does what is drawn along it with a thicker
    pen.

    Args:
        ink: all that is dark on the registered page.
        printed: what is dark on the form around its fields, where it is on the page.
        scale: pixels of the page for one of the form's picture.
    """
    off = max(1, round(_MISFIT * scale))
    near = cv2.dilate(printed, _disc(off))
    stroke = mean_stroke_width(printed)
    thick = round(_THICKER * (stroke + scale))
    bold = cv2.dilate(cv2.morphologyEx(printed, cv2.MORPH_OPEN, _square(thick)), _disc(2 * off))
    free = cv2.bitwise_and(ink, cv2.bitwise_not(near))
    across = cv2.morphologyEx(free, cv2.MORPH_CLOSE, _square(round(stroke) + 2 * off + 3))
    along = cv2.morphologyEx(ink, cv2.MORPH_OPEN, _square(thick))
    kept = cv2.bitwise_or(across, cv2.bitwise_and(along, cv2.bitwise_not(bold)))
    return np.asarray(cv2.bitwise_or(free, cv2.bitwise_and(ink, kept)), np.uint8)


def print_and_field_boxes(
    ink: BinaryImage, printed: BinaryImage, boxes: Sequence[Box]
) -> tuple[BinaryImage, list[Box]]:
    """Return a form's print around its fields where it is on the page, and the fields there.

    Args:
        ink: all that is dark on the registered page.
        printed: all that is dark on the form's picture, as large as the page is now.
        boxes: of the fields, where a page without bends has them.
    """
    found, places = np.zeros_like(printed), []
    for box in boxes:
        room, aside = round(_AROUND * box.height), max(1, round(_ASIDE * box.height))
        left, top = max(0, box.x - room), max(0, box.y - room)
        nearby = printed[top : box.bottom + room, left : box.right + room]
        pieces = np.array_split(
            nearby, max(1, round(nearby.shape[1] / _PIECE / box.height)), axis=1
        )
        at, shifts = left, []
        for own in pieces:
            x, y = _print_offset(ink, own, at, top, aside)
            _add_print(own, found, at + x, top + y)
            at += own.shape[1]
            shifts.append((x, y))
        x, y = np.median(shifts, axis=0).round().astype(int).tolist()
        places.append(Box(box.x + x, box.y + y, box.width, box.height))
    return found, places


def _print_offset(
    ink: BinaryImage, own: BinaryImage, left: int, top: int, aside: int
) -> tuple[int, int]:
    """Return how far to the right and down most of a piece of print is found in the ink."""
    wide = cv2.copyMakeBorder(ink, *(aside,) * 4, cv2.BORDER_CONSTANT, value=0)
    here = wide[top : top + own.shape[0] + 2 * aside, left : left + own.shape[1] + 2 * aside]
    most = float(own.sum(dtype=np.int64))
    if most == 0:
        return 0, 0
    met = cv2.matchTemplate(here / np.float32(255), own / np.float32(255), cv2.TM_CCORR)
    off = np.arange(-aside, aside + 1)
    farther = np.hypot(off[:, None], off) / aside * _ASIDE * _FARTHER
    y, x = np.unravel_index(np.argmax(met * 255 / most - farther), met.shape)
    return int(x) - aside, int(y) - aside


def _add_print(own: BinaryImage, onto: BinaryImage, left: int, top: int) -> None:
    """Add a piece of print to a binary image, in place; what is beyond its edge is left out."""
    height, width = onto.shape
    x, y = max(0, -left), max(0, -top)
    own = own[y : height - top, x : width - left]
    here = onto[top + y : top + y + own.shape[0], left + x : left + x + own.shape[1]]
    np.maximum(here, own, out=here)


def _disc(reach: int) -> NDArray[np.uint8]:
    """Return a disc of a radius in pixels."""
    size = (2 * reach + 1, 2 * reach + 1)
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, size), np.uint8)


def _square(side: int) -> NDArray[np.uint8]:
    return np.ones((side, side), np.uint8)


def enlarged_print(printed: BinaryImage, ink: BinaryImage) -> BinaryImage:
    """Return the print of a form's picture as large as a registered page."""
    large = cv2.resize(printed, ink.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.threshold(large, 127, 255, cv2.THRESH_BINARY)[1], np.uint8)

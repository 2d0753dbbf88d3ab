"""What is dark on a form → the boxes on it to write numbers in, combs as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from digitocr.core.arrays import BinaryImage
from digitocr.core.geometry import (
    Box,
    around,
)

# Boxes are at least this part of the page's longer side high, and no more than that: 3.5 and 45 mm
# of A4; they are no narrower than this part of their height, and what is white in them fills this
# part of them, as it does not in letters; nor are letters as high as this part of what is usual.
# Set by hand.
_LEAST_HEIGHT, _MOST_HEIGHT = 0.012, 0.15
_NARROWEST, _FILLS, _USUAL = 0.5, 0.85, 0.5
_GAP = 3  # pixels: gaps in lines that scans leave
# Cells of a comb have this part of each other's size, are as wide at the most as this part of their
# height, and no farther apart than that.
_ALIKE, _COMB, _WALL = 0.8, 1.3, 0.2
# Ticks of an open comb stand in this part of a box, at its foot, and fill that part of it; they are
# no farther off even places than this part of their pitch.
_FOOT, _TICK, _EVEN = (0.1, 0.25), 0.7, 0.2
_LEAST_TICKS = 2
_WRITTEN = 0.3  # components this high, for a box, are more than specks


_Outline = NDArray[np.int32]  # (N, 1, 2)


@dataclass(frozen=True, slots=True)
class Place:
    """A box to write a number in, without its lines."""

    box: Box
    cells: int | None  # of a comb; None: it is no comb


def find_boxes(dark: BinaryImage) -> list[Place]:
    """Return the closed boxes on a form in reading order; none where there are none.

    Boxes around others are left out: only the innermost are written in.

    Args:
        dark: all that is dark on the deskewed page, ruling lines too.
    """
    closed = cv2.morphologyEx(dark, cv2.MORPH_CLOSE, np.ones((_GAP, _GAP), np.uint8))
    contours, nesting = cv2.findContours(closed, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    longer = max(dark.shape)
    rings = [] if nesting is None else nesting[0]
    holes = [np.asarray(c, np.int32) for c, r in zip(contours, rings, strict=True) if r[3] >= 0]
    found = [box for hole in holes if _is_box(box := _hole_box(hole), hole, longer)]
    usual = float(np.median([box.height for box in found])) if found else 0.0
    high = [box for box in found if box.height >= _USUAL * usual]
    inner = [box for box in high if not any(_is_around(box, other) for other in high)]
    return [_place(cells, dark) for line in _line_groups(inner) for cells in _comb_groups(line)]


def _hole_box(contour: _Outline) -> Box:
    """Return the box that a hole fills; its outline runs on the ink around it."""
    x, y, width, height = cv2.boundingRect(contour)
    return Box(x + 1, y + 1, width - 2, height - 2)


def _is_box(box: Box, contour: _Outline, longer: int) -> bool:
    """Tell a box from what letters and frames enclose."""
    return bool(
        _LEAST_HEIGHT * longer <= box.height <= _MOST_HEIGHT * longer
        and box.width >= _NARROWEST * box.height
        and cv2.contourArea(contour) >= _FILLS * box.width * box.height
    )


def _is_around(box: Box, other: Box) -> bool:
    """Tell whether another box is inside of a larger one, its middle not on the edge."""
    x, y = other.middle
    larger = box.width * box.height > other.width * other.height
    return larger and box.x < x < box.right and box.y < y < box.bottom


def _line_groups(boxes: Sequence[Box]) -> list[list[Box]]:
    """Return boxes by lines from the top, each from left to right."""
    lines: list[list[Box]] = []
    for box in sorted(boxes, key=lambda box: box.middle[1]):
        if lines and box.middle[1] < lines[-1][0].bottom:
            lines[-1].append(box)
        else:
            lines.append([box])
    return [sorted(line, key=lambda box: box.x) for line in lines]


def _comb_groups(line: Sequence[Box]) -> list[list[Box]]:
    """Return the boxes of a line, those that are cells of a comb together."""
    found: list[list[Box]] = []
    for box in line:
        if found and _is_next_cell(found[-1][-1], box):
            found[-1].append(box)
        else:
            found.append([box])
    return found


def _is_next_cell(left: Box, right: Box) -> bool:
    sizes = ((left.width, right.width), (left.height, right.height))
    return (
        all(min(pair) >= _ALIKE * max(pair) for pair in sizes)
        and max(left.width, right.width) <= _COMB * left.height
        and right.x - left.right <= _WALL * left.height
        and abs(left.y - right.y) <= _WALL * left.height
    )


def _place(cells: Sequence[Box], dark: BinaryImage) -> Place:
    box = around(list(cells))
    return Place(box, len(cells) if len(cells) > 1 else _tick_cells(box, dark))


def _tick_cells(box: Box, dark: BinaryImage) -> int | None:
    """Return into how many cells short strokes at the foot of a box part it, None for no comb."""
    first, last = (box.bottom - round(part * box.height) for part in reversed(_FOOT))
    foot = dark[first:last, box.x : box.right] > 0
    inked = np.pad(foot.mean(axis=0) >= _TICK, 1).astype(np.int8)
    edges = np.flatnonzero(np.diff(inked)).reshape(-1, 2)
    ticks = edges.mean(axis=1)
    ticks = ticks[(ticks > _EVEN * box.height) & (ticks < box.width - _EVEN * box.height)]
    cells = len(ticks) + 1
    even = np.arange(1, cells) * box.width / cells
    if len(ticks) < _LEAST_TICKS or np.abs(ticks - even).max() > _EVEN * box.width / cells:
        return None
    return cells


def are_filled(places: Sequence[Place], dark: BinaryImage) -> bool:
    """Tell whether something is written in most boxes of a form."""
    written = 0
    for place in places:
        box = place.box
        rim = max(1, round(box.height * _FOOT[0]))
        inside = dark[box.y + rim : box.bottom - rim, box.x + rim : box.right - rim]
        parts = cv2.connectedComponentsWithStats(np.ascontiguousarray(inside))[2][1:]
        heights = parts[:, cv2.CC_STAT_HEIGHT]
        walls = heights >= len(inside)  # of cells
        written += bool((heights[~walls] >= _WRITTEN * box.height).any())
    return 2 * written > len(places)

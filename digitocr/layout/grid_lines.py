"""The frame of a grid that a page was set square by → where its lines run; ink without them.

Where the lines run is known for sure then: straight strokes inside of cells are no ruling lines.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from digitocr.core.arrays import (
    BinaryImage,
    Gray,
)
from digitocr.core.geometry import Box
from digitocr.core.statistics import usual_size
from digitocr.imaging.ruling_lines import (
    PageInk,
    RulingLine,
)
from digitocr.layout.grid import Grid

# Lines are looked for with the grid's longer side shrunk to this many pixels at the most. What
# follows was set on photographed puzzles: see the tables of benchmarks/README.md.
_LOOK = 720
# Ruling lines are darker than so much of the light within so many shrunk pixels, and as long as
# this part of the grid's side: the bars of most digits are shorter.
_WINDOW, _LIGHT, _LENGTH = 21, 0.985, 1 / 36
# A line is where ruling lines run along this part of the side, bending by no more than this part of
# it.
_COVERED, _BEND = 0.55, 0.008
_AROUND = 0.02  # of the side: so much around the frame is looked at
_EDGE = 0.03  # a line this near the frame's edge, as part of the side, is its outer one
# Ink of which this part is near to lines was not written: as near as this part of a cell, and of
# the usual height of components, so that no digit is.
_RESIDUE, _NEAR_LINE_CELL, _NEAR_LINE = 0.8, 0.1, 0.4
# Lower components say nothing of that height. Less than what is read as a digit (10), as what is
# left of lines is to be told from small digits too.
_LEAST_COMPONENT_PX = 8
# A stroke in a cell that was written keeps this part of it clear of the lines along it, and is at
# most this part of its shorter side long: what divides a cell runs from line to line.
_CLEAR, _LONGEST = 0.03, 0.9
_ERASED_PX = 3  # so much around a ruling line may have been taken out with it

_Profile = NDArray[np.float64]  # (N,), for each row of the picture


def grid_in_frame(gray: Gray, frame: Box) -> Grid:
    """Return the grid in a frame: of level and upright lines those that run along most of it.

    Args:
        gray: the page, set square.
        frame: the outer lines of the grid, pixels of the deskewed page.
    """
    room = round(_AROUND * max(frame.width, frame.height))
    left, top = max(0, frame.x - room), max(0, frame.y - room)
    part = gray[top : frame.bottom + room, left : frame.right + room]
    scale = min(1.0, _LOOK / max(part.shape))
    small = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    light = cv2.convertScaleAbs(cv2.blur(small, (_WINDOW, _WINDOW)), alpha=_LIGHT)
    dark = np.asarray(cv2.compare(cv2.GaussianBlur(small, (3, 3), 0), light, cv2.CMP_LT), np.uint8)
    rows = top + _lines(dark) / scale
    columns = left + _lines(np.asarray(cv2.transpose(dark), np.uint8)) / scale
    return Grid(
        _lines_with_edges(columns, frame.x, frame.right),
        _lines_with_edges(rows, frame.y, frame.bottom),
    )


def _lines(dark: BinaryImage) -> _Profile:
    """Return where level lines run, y."""
    side = dark.shape[1]
    runs = cv2.morphologyEx(dark, cv2.MORPH_OPEN, np.ones((1, max(3, round(_LENGTH * side)))))
    bend = 2 * max(1, round(_BEND * side)) + 1
    along = cv2.dilate(runs, np.ones((bend, 1))).mean(axis=1) / 255
    dense = np.asarray(runs, np.float64).mean(axis=1)
    found = np.flatnonzero(np.diff(np.pad(along >= _COVERED, 1).astype(np.int8))).reshape(-1, 2)
    middles = [np.average(np.arange(a, b), weights=dense[a:b] + 1e-6) for a, b in found.tolist()]
    return np.array(middles, np.float64) + 0.5


def _lines_with_edges(lines: _Profile, first: float, last: float) -> tuple[float, ...]:
    """Return lines between the outer ones of a frame, and these."""
    near = _EDGE * (last - first)
    inner = lines[(lines > first + near) & (lines < last - near)].tolist()
    return (float(first), *inner, float(last))


def ink_with_strokes(ink: PageInk, dark: BinaryImage, grid: Grid) -> PageInk:
    """Return the ink with strokes in cells that were taken for ruling lines, as the leg of a 9.

    Args:
        ink: of the page.
        dark: the same before ruling lines were taken out of it.
        grid: pixels of the deskewed page.
    """
    binary, ruling_lines = ink.binary.copy(), []
    for ruling_line in ink.ruling_lines:
        cell = _cell_around(ruling_line, grid)
        if cell is None:
            ruling_lines.append(ruling_line)
            continue
        box = ruling_line.box
        top, bottom = max(box.y - _ERASED_PX, cell.y), min(box.bottom + _ERASED_PX, cell.bottom)
        left, right = max(box.x - _ERASED_PX, cell.x), min(box.right + _ERASED_PX, cell.right)
        binary[top:bottom, left:right] = dark[top:bottom, left:right]
    return PageInk(binary, tuple(ruling_lines))


def _cell_around(ruling_line: RulingLine, grid: Grid) -> Box | None:
    """Return the cell that a stroke was written in, None of what is a ruling line."""
    place = grid.cell(*ruling_line.box.middle)
    if place is None:
        return None
    row, column = place
    box = ruling_line.box
    (left, right), (top, bottom) = grid.columns[column:][:2], grid.rows[row:][:2]
    width, height = right - left, bottom - top
    clear = min(box.x - left, right - box.right) >= _CLEAR * width
    if ruling_line.horizontal:
        clear = min(box.y - top, bottom - box.bottom) >= _CLEAR * height
    if not clear or max(box.width, box.height) > _LONGEST * min(width, height):
        return None
    return Box(round(left), round(top), round(width), round(height))


def ink_without_grid_lines(binary: BinaryImage, grid: Grid) -> BinaryImage:
    """Return the ink without what is left of a grid's lines.

    Args:
        binary: of the page, ruling lines taken out of it as far as they were seen.
        grid: pixels of the deskewed page.
    """
    box = grid.box
    within = slice(max(0, box.y), box.bottom), slice(max(0, box.x), box.right)
    n, labels, stats, _ = cv2.connectedComponentsWithStats(binary[within])
    heights = stats[1:, cv2.CC_STAT_HEIGHT]
    most = _NEAR_LINE * usual_size(heights[heights >= _LEAST_COMPONENT_PX])
    lines = np.zeros_like(binary[within])
    for across, places, start in (
        (lines.T, grid.columns, within[1].start),
        (lines, grid.rows, within[0].start),
    ):
        near = max(1, round(min(_NEAR_LINE_CELL * float(np.median(np.diff(places))), most)))
        for place in places:
            middle = round(place) - start
            across[max(0, middle - near) : max(0, middle + near)] = 255
    on_lines = np.bincount(labels[lines > 0], minlength=n) / stats[:, cv2.CC_STAT_AREA]
    on_lines[0] = 0.0  # paper
    cleaned = binary.copy()
    cleaned[within][on_lines[labels] >= _RESIDUE] = 0
    return cleaned

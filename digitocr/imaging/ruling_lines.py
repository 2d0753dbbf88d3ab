"""Binary image → the image without ruling lines, boxes and grids, and these kept aside.

Lines are found on a shrunk image, followed where they bend, and erased where nothing crosses them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from digitocr.core.arrays import BinaryImage
from digitocr.core.geometry import (
    Box,
    corners_of,
)
from digitocr.core.statistics import usual_size
from digitocr.imaging.pyramid import shrunk_image


@dataclass(frozen=True, slots=True)
class RulingLine:
    """A ruling line that was taken out of the ink."""

    box: Box
    horizontal: bool


@dataclass(frozen=True, slots=True)
class PageInk:
    """What was written on a page, and the ruling lines kept aside."""

    binary: BinaryImage
    ruling_lines: tuple[RulingLine, ...]


# The image is shrunk up to 4 times, as long as its longer side keeps this many cells: an A4 page
# at 300 dpi has 877.
_MOST_SHRINK = 4
_LEAST_CELLS = 700
# Page pixels: lower components say nothing of the component height. Less than what is read as a
# digit (10, recognition/components.py), as the cells of narrow grids count here too.
_LEAST_COMPONENT_PX = 8
# Lines that are looked for are this long in component heights (the usual height of components and
# of cells of a grid), so that a box around one digit has four; and this many cells at the least.
_LINE = 0.8
_LEAST_LINE = 12
# A line this long, in component heights, is a ruling line wherever it stands: strokes of digits are
# shorter.
_LONG = 2.5
# A shorter one is a ruling line if it ends at ruling lines on both sides, as the sides of boxes do:
# no farther off than this, or than so many cells where ruling lines have been found beyond doubt,
# since a 1 may nearly fill a square.
_TOUCH = 0.15
_TOUCH_ERASED = 3
# Ruling lines as long as this part of the page go first: on squared paper the component height is
# that of the squares until they are gone.
_SURE = 0.4
# What joins two ruling lines is often gone the second time, and what goes on another is seen to.
_TIMES = 2
# So do lines from edge to edge of a picture wider than high, as no stroke runs: components that
# ruling lines join say nothing of the component height.
_ACROSS = 0.95
# Any ruling line is this many times longer than thick, and has ink along this part of its length.
_ASPECT = 12
_INKED = 0.7
# Where it is this many times thicker than usual, something crosses it: along no more than this part
# of a short ruling line that stands free, or of a long one or one in a grid. Rows of digits that
# touch are crossed all along.
_CROSSING = 1.7
_CROSSED_FREE, _CROSSED = 0.25, 0.5
# What is inked and not crossed is at least this part: the tops of a printed 0000 are neither.
_BARE = 0.55
# A line that is no longer than the writing along it may be the feet or the tops of round digits. A
# ruling line runs to the page's edge or sticks out: along this part of it, or of a component's
# height, nothing is above or below it within this many component heights.
_BEYOND, _BEYOND_HEIGHTS, _ABOVE = 0.12, 0.5, 1.3
# Ruling lines bend little: the middle is off the line through the medians of stretches of this many
# cells, or of a component's height, by less than this part of a cell and this part of the
# thickness. A row of loops is not.
_STRETCH = 16
_OFF_CELL, _OFF_THICK = 0.35, 0.15


_TURNED = [1, 0, 3, 2]  # left, top, right, bottom of a transposed box


@dataclass(frozen=True, slots=True)
class _Cells:
    """A shrunk image, on which level lines are looked for; its transpose shows upright ones."""

    ink: BinaryImage  # (H, W), the part of each cell that is ink, of 255
    runs: BinaryImage  # (H, W), 255 in level runs of ink
    boxes: tuple[Box, ...]  # around long lines of such runs
    height: float  # of components, in cells

    @property
    def long(self) -> float:
        """A line this many cells long is a ruling line."""
        return float(_LONG * self.height)

    @property
    def sure(self) -> float:
        """A line this many cells long would be a ruling line on any page."""
        height, width = self.ink.shape
        sure = max(_SURE * width, self.long)
        return float(min(sure, _ACROSS * width) if width > height else sure)


@dataclass(frozen=True, slots=True)
class _Line:
    """A level line, in cells."""

    box: Box
    thickness: float
    x: NDArray[np.float64]  # (N,), N >= 2, from end to end
    y: NDArray[np.float64]  # (N,), its middle there


def separate_ruling_lines(binary: BinaryImage) -> PageInk:
    """Return the ink without ruling lines, and these; digits that cross a ruling line stay whole.

    Args:
        binary: any size; it may be changed. Without ruling lines, as when it is empty, it comes
            back as is.
    """
    shrink = _MOST_SHRINK
    while shrink > 1 and (max(binary.shape) < shrink * _LEAST_CELLS or min(binary.shape) < shrink):
        shrink //= 2
    seen = _cells_both_ways(binary, shrink)
    if not any(cells.boxes for cells in seen):
        return PageInk(binary, ())
    sure = [cells.sure for cells in seen]  # as long as squares say what the component height is
    ruling_lines: list[RulingLine] = []
    for _ in range(_TIMES):
        chosen = [_lengths_of(cells) > least for cells, least in zip(seen, sure, strict=True)]
        binary, found = _image_without_lines(binary, shrink, seen, chosen)
        if not found:
            break
        ruling_lines += found
        seen = _cells_both_ways(binary, shrink)
    for _ in range(_TIMES):
        binary, found = _image_without_lines(
            binary, shrink, seen, _are_ruling_lines(*seen, ruling_lines, shrink)
        )
        if not found:
            break
        ruling_lines += found
        again = _cells_both_ways(binary, shrink)
        if again[0].height < seen[0].height / 2:  # what is left is no component's height
            break
        seen = again
    return PageInk(binary, tuple(ruling_lines))


def _cells_both_ways(binary: BinaryImage, shrink: int) -> tuple[_Cells, _Cells]:
    """Return the lines on a page, the level ones and, transposed, the upright ones."""
    small = shrunk_image(binary, shrink)
    # A ruling line that is one page pixel thick fills this much of a cell.
    least = 255 // (shrink + 1)
    thin = np.asarray(cv2.threshold(small, least, 255, cv2.THRESH_BINARY)[1], np.uint8)
    height = _component_height(thin, _LEAST_COMPONENT_PX / shrink)
    turned, thin_turned = (np.asarray(cv2.transpose(one), np.uint8) for one in (small, thin))
    return _cells(small, thin, height), _cells(turned, thin_turned, height)


def _component_height(thin: BinaryImage, least: float) -> float:
    """Return the usual height of components and of what they enclose, in cells; 0 without any.

    The median by height, so that any number of specks weighs less than the digits.
    """
    contours = cv2.findContours(thin, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)[0]
    boxes = np.array([cv2.boundingRect(contour)[2:] for contour in contours]).reshape(-1, 2)
    width, height = boxes.T
    is_component = (height >= least) & (height < _ASPECT * width)  # higher ones are ruling lines
    return usual_size(height[is_component])


def _cells(ink: BinaryImage, thin: BinaryImage, height: float) -> _Cells:
    """Return a shrunk image with the level lines on it.

    A line that leans or bends is made of shorter runs, each a cell beside the one before.
    """
    length = max(_LEAST_LINE, round(_LINE * height))
    runs = cv2.morphologyEx(thin, cv2.MORPH_OPEN, np.ones((1, max(4, length // 3)), np.uint8))
    joined = cv2.dilate(runs, np.ones((3, 3), np.uint8))
    lines = cv2.morphologyEx(joined, cv2.MORPH_OPEN, np.ones((1, length), np.uint8))
    contours = cv2.findContours(lines, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]
    boxes = (Box(*cv2.boundingRect(contour)) for contour in contours)
    flat = tuple(box for box in boxes if box.width >= max(length, 4 * box.height))
    return _Cells(ink, np.asarray(runs, np.uint8), flat, height)


def _are_ruling_lines(
    level: _Cells, upright: _Cells, erased: Sequence[RulingLine], shrink: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell for each line whether it is a ruling line.

    It is if it is long, goes on a ruling line to the page's edge, or ends at ruling lines.

    The last are, on both sides, lines of which this holds, or ruling lines that have been erased.
    Taken away are, again and again, lines for which it does not hold, until none is left.
    """
    lines = corners_of(level.boxes).astype(np.int64), corners_of(upright.boxes).astype(np.int64)
    across = [
        corners_of(
            [ruling_line.box for ruling_line in erased if ruling_line.horizontal == horizontal]
        ).astype(np.int64)
        / shrink
        for horizontal in (False, True)
    ]
    free = [_lengths_of(cells) <= cells.long for cells in (level, upright)]
    upright_rules, level_rules = across[0], across[1][:, _TURNED]
    touching = [
        _end_at_lines(lines[0], upright_rules, _TOUCH_ERASED)
        | _run_to_edge(level, across[1], _TOUCH_ERASED),
        _end_at_lines(lines[1], level_rules, _TOUCH_ERASED)
        | _run_to_edge(upright, across[0][:, _TURNED], _TOUCH_ERASED),
    ]
    kept = [np.ones_like(one) for one in free]
    near = max(2.0, _TOUCH * level.height)
    n_before = -1
    while (n_kept := sum(map(np.count_nonzero, kept))) != n_before:
        n_before = n_kept
        for i in (0, 1):
            others = lines[1 - i][kept[1 - i]][:, _TURNED]
            kept[i] &= ~free[i] | touching[i] | _end_at_lines(lines[i], others, near)
    return kept[0], kept[1]


def _lengths_of(cells: _Cells) -> NDArray[np.int64]:
    return np.array([box.width for box in cells.boxes], np.int64)


def _end_at_lines(
    lines: NDArray[np.int64], across: NDArray[np.generic], near: float
) -> NDArray[np.bool_]:
    """Tell which level lines, (N, 4), end on both sides at upright ones, (M, 4)."""
    if not len(lines) or not len(across):
        return np.zeros(len(lines), np.bool_)
    left, top, right, bottom = across.T
    beside = (lines[:, 1:2] < bottom + near) & (lines[:, 3:4] > top - near)  # (N, M)
    ends = (
        (lines[:, [end]] > left - near) & (lines[:, [end]] < right + near) & beside
        for end in (0, 2)
    )
    return np.asarray(np.all([end.any(axis=1) for end in ends], axis=0), np.bool_)


def _run_to_edge(cells: _Cells, along: NDArray[np.generic], near: float) -> NDArray[np.bool_]:
    """Tell which level lines run to the page's edge as rest of level ruling lines, (M, 4)."""
    if not len(along):
        return np.zeros(len(cells.boxes), np.bool_)
    lines = corners_of(cells.boxes).astype(np.int64)
    at_edge = (lines[:, 0] <= 1) | (lines[:, 2] >= cells.ink.shape[1] - 1)
    _, top, _, bottom = along.T
    level = (lines[:, 1:2] < bottom + near) & (lines[:, 3:4] > top - near)
    return np.asarray(at_edge & level.any(axis=1), np.bool_)


def _image_without_lines(
    binary: BinaryImage, shrink: int, seen: Sequence[_Cells], chosen: Sequence[NDArray[np.bool_]]
) -> tuple[BinaryImage, list[RulingLine]]:
    """Return the page's ink without those lines, level and upright, that are ruled, and these."""
    ruling_lines = []
    for cells, which, horizontal in zip(seen, chosen, (True, False), strict=True):
        lines = [_traced_line(cells, cells.boxes[i]) for i in np.flatnonzero(which)]
        if not any(lines):
            continue
        turned = binary if horizontal else np.asarray(cv2.transpose(binary), np.uint8)
        for box in [_erase(turned, line, shrink) for line in lines if line]:
            upright = Box(box.y, box.x, box.height, box.width)
            ruling_lines.append(RulingLine(box if horizontal else upright, horizontal))
        binary = turned if horizontal else np.asarray(cv2.transpose(turned), np.uint8)
    return binary, ruling_lines


def _traced_line(cells: _Cells, box: Box) -> _Line | None:
    """Return the line in a box as it runs, or None where there is no straight and even one."""
    rows, columns = slice(box.y, box.bottom), slice(box.x, box.right)
    ink = cv2.bitwise_and(cells.ink[rows, columns], cells.runs[rows, columns]) / np.float32(255)
    cover = ink.sum(axis=0)  # (w,), how thick the line is
    inked = np.flatnonzero(cover)
    thickness = float(np.median(cover[inked])) if len(inked) >= _INKED * box.width else np.inf
    if thickness * _ASPECT > box.width:
        return None
    if not _is_bare(cells, box, thickness, len(inked) / box.width):
        return None
    bare = inked[cover[inked] <= _CROSSING * thickness]  # strokes that cross it would bend it
    middle = (np.arange(box.height) @ ink)[bare] / cover[bare]
    n_stretches = max(2, int(len(bare) / max(_STRETCH, cells.height)))
    each = len(bare) // n_stretches
    x = bare[: n_stretches * each].reshape(n_stretches, each).mean(axis=1)
    y = np.median(middle[: n_stretches * each].reshape(n_stretches, each), axis=1)
    off = np.median(np.abs(middle - np.interp(bare, x, y)))
    if off > _OFF_CELL + _OFF_THICK * thickness:
        return None
    return _Line(box, thickness, *_extended_to_ends(x, y, box.width))


def _is_bare(cells: _Cells, box: Box, thickness: float, inked: float) -> bool:
    """Tell whether strokes cross a line, inked along this part, as little as a ruling line."""
    room = int(np.ceil(_CROSSING * thickness)) + 1
    around = cells.ink[max(0, box.y - room) : box.bottom + room, box.x : box.right]
    crossed = ((around > 127).sum(axis=0) > _CROSSING * thickness + 1).mean()
    free = cells.long < box.width < min(2 * cells.long, cells.sure)
    most = _CROSSED_FREE if free else _CROSSED
    height, width = cells.ink.shape
    beyond_doubt = _ACROSS * width if width > 2 * height else cells.sure  # in a strip, in a page
    if cells.long < box.width < beyond_doubt and not _sticks_out(cells, box, thickness):
        return False
    return bool(crossed <= most and inked - crossed >= _BARE)


def _sticks_out(cells: _Cells, box: Box, thickness: float) -> bool:
    """Tell whether a line goes on where nothing is written above or below it."""
    if box.x <= 1 or box.right >= cells.ink.shape[1] - 1:
        return True
    reach = round(_ABOVE * cells.height)
    around = cells.ink[max(0, box.y - reach) : box.bottom + reach, box.x : box.right]
    bare = (around > 127).sum(axis=0) <= _CROSSING * thickness + 1
    return bool(bare.sum() >= min(_BEYOND * box.width, _BEYOND_HEIGHTS * cells.height))


def _extended_to_ends(
    x: NDArray[np.float64], y: NDArray[np.float64], length: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the points of a line, two or more, with its first and last drawn out to its ends."""
    slopes = np.diff(y)[[0, -1]] / np.diff(x)[[0, -1]]
    ends = np.array([-0.5, length - 0.5])
    at_ends = y[[0, -1]] + slopes * (ends - x[[0, -1]])
    return np.array([ends[0], *x, ends[1]]), np.array([at_ends[0], *y, at_ends[1]])


def _erase(binary: BinaryImage, line: _Line, shrink: int) -> Box:
    """Erase a level ruling line from the page's ink, in place, and return where it was.

    What is much thicker than the ruling line is a stroke that crosses it and stays.
    """
    box, thickness = line.box, line.thickness * shrink
    thickest = int(max(thickness * _CROSSING, thickness + 2)) + 1
    top, left = max(0, box.y * shrink - thickest), box.x * shrink
    part = binary[top : box.bottom * shrink + thickest, left : box.right * shrink]
    x = (line.x + 0.5) * shrink - 0.5
    y = (line.y + box.y + 0.5) * shrink - 0.5 - top
    ruling_line = np.zeros(part.shape, np.uint8)
    points = np.round(np.stack([x, y], axis=1)).astype(np.int32)
    cv2.polylines(ruling_line, [points], False, 255, int(np.ceil(thickness)) + 2)
    # Beyond the page is no ink: a ruling line at its edge is no thicker than it looks.
    upright = np.ones((thickest, 1), np.uint8)
    crossing = cv2.morphologyEx(
        part, cv2.MORPH_OPEN, upright, borderType=cv2.BORDER_CONSTANT, borderValue=0
    )
    part &= ~ruling_line | np.asarray(crossing, np.uint8)
    first, last = int(y.min() - thickness / 2), int(y.max() + thickness / 2)
    return Box(left, max(0, top + first), part.shape[1], last - first + 1)

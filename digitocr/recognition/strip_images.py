"""Ink groups → strips: what stands side by side as one picture."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from digitocr.core.arrays import (
    BinaryImage,
    StripImages,
)
from digitocr.core.geometry import (
    Box,
    Corners,
    around,
    corners_of,
)
from digitocr.recognition.hypotheses import (
    Candidate,
)
from digitocr.recognition.normalize import thickened_ink

ROWS = 32
_FILLED = 25  # of the rows: how high the ink is
_MARGIN = 5  # columns left and right of it
_LEAST_HEIGHT = 0.8  # in digit heights: lower ink is drawn as small as it is beside digits
# Ink groups stand side by side when their gap is no wider than this, in digit heights, and when
# they share this part of the lower one's height. Longer rows are read in parts.
_GAP, _SHARED, _MOST_GROUPS = 0.8, 0.5, 40
# An ink group this many digit heights high, such as digits of two lines that touch, stands alone:
# beside it the others would be drawn too small.
_TALL = 2.0
_NEAR = 5  # columns: a digit belongs to the ink group that has most ink among so many


@dataclass(frozen=True, slots=True)
class StripImage:
    """Ink groups that stand side by side, as one picture."""

    image: StripImages  # (1, ROWS, W)
    groups: tuple[int, ...]  # their numbers, left to right
    ink_by_column: NDArray[np.float64]  # (G, W / 2): pixels of each group near each second column
    left: float  # of the first column, in pixels of the binary image
    pitch: float  # pixels of the binary image from one answer to the next


@dataclass(frozen=True, slots=True)
class _GroupInk:
    """The ink of an ink group."""

    number: int
    box: Box
    binary: BinaryImage  # (box.height, box.width)
    digit_height: float


def find_strip_images(
    candidates: Sequence[Candidate], doubtful_groups: Collection[int]
) -> list[StripImage]:
    """Return the strips of doubtful ink groups, with what stands beside them.

    Args:
        candidates: of all ink groups; a group's pieces are among them, each alone.
        doubtful_groups: numbers of ink groups.
    """
    by_group: dict[int, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        by_group[candidate.group].append(candidate)
    numbers = list(by_group)
    boxes = [around([one.box for one in by_group[number]]) for number in numbers]
    corners = corners_of(boxes)
    first = next(iter(candidates), None)
    height = first.box.height / first.size if first else 0.0
    found, done = [], set[int]()
    for i, number in enumerate(numbers):
        if number in doubtful_groups and i not in done:
            row = _line_of(i, corners, height, done)
            done.update(row)
            inks = [_group_ink(numbers[j], boxes[j], by_group[numbers[j]], height) for j in row]
            found.append(_line_image(inks))
    return found


def _line_of(i: int, corners: Corners, height: float, done: set[int]) -> list[int]:
    """Return the ink groups that stand beside group i, and itself, left to right."""
    row = [i]
    for side in (-1, 1):
        at: int | None = i
        while at is not None and len(row) < _MOST_GROUPS:
            at = _neighbour(at, corners, height, side)
            if at is None or at in done or at in row:
                break
            row.append(at)
    return sorted(row, key=lambda j: float(corners[j, 0] + corners[j, 2]))


def _neighbour(i: int, corners: Corners, height: float, side: int) -> int | None:
    """Return the ink group next to group i on its left (side -1) or right (1), None for none."""
    own = corners[i]
    ahead = side * (corners[:, 0] + corners[:, 2] - own[0] - own[2])
    gap = np.maximum(corners[:, 0], own[0]) - np.minimum(corners[:, 2], own[2])
    shared = np.minimum(corners[:, 3], own[3]) - np.maximum(corners[:, 1], own[1])
    heights = corners[:, 3] - corners[:, 1]
    lower = np.minimum(heights, heights[i])
    near = (ahead > 0) & (gap < _GAP * height) & (shared > _SHARED * lower)
    near &= np.maximum(heights, heights[i]) < _TALL * height
    return int(np.where(near, ahead, np.inf).argmin()) if near.any() else None


def _group_ink(number: int, box: Box, candidates: Sequence[Candidate], height: float) -> _GroupInk:
    """Return an ink group's ink: that of all its pieces."""
    binary = np.zeros((box.height, box.width), np.uint8)
    for one in candidates:
        if one.end == one.start + 1:
            x, y = one.box.x - box.x, one.box.y - box.y
            here = binary[y : y + one.box.height, x : x + one.box.width]
            np.maximum(here, one.ink, out=here)
    return _GroupInk(number, box, binary, height)


def _line_image(inks: Sequence[_GroupInk]) -> StripImage:
    """Return ink groups as a strip."""
    box = around([ink.box for ink in inks])
    binary = np.zeros((box.height, box.width), np.uint8)
    scale = _FILLED / max(box.height, _LEAST_HEIGHT * inks[0].digit_height)
    wide, tall = max(1, round(box.width * scale)), max(1, round(box.height * scale))
    width = wide + 2 * _MARGIN + wide % 2
    by_column = np.zeros((len(inks), width // 2))
    for ink, own_columns in zip(inks, by_column, strict=True):
        x, y = ink.box.x - box.x, ink.box.y - box.y
        here = binary[y : y + ink.box.height, x : x + ink.box.width]
        np.maximum(here, ink.binary, out=here)
        columns = (_MARGIN + scale * (x + np.arange(ink.box.width))) / 2
        pixels = np.count_nonzero(ink.binary, axis=0)
        inked = np.bincount(columns.astype(int), pixels, minlength=width // 2)
        own_columns[:] = np.convolve(inked, np.ones(_NEAR), "same")[: len(own_columns)]
    if scale < 1:
        binary = thickened_ink(binary, _FILLED / scale)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    image = np.zeros((1, ROWS, width), np.float32)
    top = (ROWS - tall) // 2
    shrunk = cv2.resize(binary, (wide, tall), interpolation=how)
    image[0, top : top + tall, _MARGIN : _MARGIN + wide] = shrunk / np.float32(255)
    left = box.x + (0.5 - _MARGIN) / scale
    return StripImage(image, tuple(ink.number for ink in inks), by_column, left, 2 / scale)

"""Boxes and maps between the pixels of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Transform: TypeAlias = NDArray[np.float64]  # (3, 3), homogeneous, acts on (x, y, 1) columns
# Boxes as arrays, each of the two forms by its own name everywhere; right and bottom are exclusive.
Corners: TypeAlias = NDArray[np.float64]  # (N, 4): left, top, right and bottom
PixelCorners: TypeAlias = NDArray[np.int64]  # (..., 4): the same in whole pixels
BoxArray: TypeAlias = NDArray[np.float64]  # (N, 4): x, y, width and height


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels, origin top left; right and bottom are exclusive."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """The first column to the right of the box."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """The first row below the box."""
        return self.y + self.height

    @property
    def sides(self) -> tuple[int, int, int, int]:
        """How results write it: x, y, width and height."""
        return self.x, self.y, self.width, self.height

    @property
    def middle(self) -> tuple[float, float]:
        """The middle of the box, (x, y)."""
        return self.x + self.width / 2, self.y + self.height / 2

    def contains(self, point: tuple[float, float]) -> bool:
        """Tell whether a point, (x, y), is in the box; its right and bottom edges are outside."""
        x, y = point
        return self.x <= x < self.right and self.y <= y < self.bottom


def around(boxes: list[Box]) -> Box:
    """Return the smallest box that holds all boxes; `boxes` may not be empty."""
    x, y = min(box.x for box in boxes), min(box.y for box in boxes)
    right, bottom = max(box.right for box in boxes), max(box.bottom for box in boxes)
    return Box(x, y, right - x, bottom - y)


def overlap(one: Box, other: Box) -> bool:
    """Tell whether two boxes have pixels in common."""
    across = min(one.right, other.right) - max(one.x, other.x)
    down = min(one.bottom, other.bottom) - max(one.y, other.y)
    return across > 0 and down > 0


def corners_of(boxes: Sequence[Box]) -> Corners:
    """Return the corners of each box, (N, 4)."""
    corners = [(box.x, box.y, box.right, box.bottom) for box in boxes]
    return np.array(corners, np.float64).reshape(-1, 4)

"""Boxes on one page that stand for the same place, though they were found on two occasions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from digitocr.core.geometry import (
    Box,
    corners_of,
)

# Of two boxes of one place, what both fill is at least this part of what either fills: the line
# that is usual where found boxes are held against true ones (PASCAL VOC, Everingham et al. 2010).
_SAME = 0.5
# A box lies in another where at least this part of it does.
_WITHIN = 0.5


def pairs(one: Sequence[Box], other: Sequence[Box]) -> dict[int, int]:
    """Return which of N boxes is which of M others: index of the former → of the latter.

    Each is in one pair at most; those that overlap most come first. Empty where there are none.
    """
    ious = _shares_in_common(one, other)
    found: dict[int, int] = {}
    for flat in np.argsort(-ious, axis=None, kind="stable")[: np.count_nonzero(ious >= _SAME)]:
        i, j = divmod(int(flat), len(other))
        if i not in found and j not in found.values():
            found[i] = j
    return found


def same_place(boxes: Sequence[Box]) -> NDArray[np.bool_]:
    """Tell which of N boxes stand for the same place, (N, N)."""
    return np.asarray(_shares_in_common(boxes, boxes) >= _SAME)


def in_one_another(boxes: Sequence[Box], others: Sequence[Box]) -> list[bool]:
    """Tell for each of N boxes whether it lies in one of M others, or one of these in it."""
    smaller = np.minimum(_areas(boxes)[:, None], _areas(others)[None])
    inside = np.asarray(_pixels_in_common(boxes, others) >= _WITHIN * smaller)
    return [bool(row.any()) for row in inside]


def holding_box(box: Box, others: Sequence[Box]) -> int | None:
    """Return which of M boxes the middle of a box is in, from 0, the first; None where in none."""
    return next((i for i, other in enumerate(others) if other.contains(box.middle)), None)


def _shares_in_common(one: Sequence[Box], other: Sequence[Box]) -> NDArray[np.float64]:
    """Return what N boxes and M others have in common, of what both fill, (N, M), 0..1."""
    met = _pixels_in_common(one, other)
    return np.asarray(met / (_areas(one)[:, None] + _areas(other)[None] - met), np.float64)


def _pixels_in_common(one: Sequence[Box], other: Sequence[Box]) -> NDArray[np.float64]:
    """Return how many pixels each of N boxes has in common with each of M others, (N, M)."""
    first, second = corners_of(one)[:, None], corners_of(other)[None]
    sides = np.minimum(first[..., 2:], second[..., 2:]) - np.maximum(
        first[..., :2], second[..., :2]
    )
    return np.asarray(sides.clip(0).prod(axis=2), np.float64)


def _areas(boxes: Sequence[Box]) -> NDArray[np.float64]:
    """Return how many pixels each of N boxes has, (N,), at least one."""
    return np.array([max(1, box.width * box.height) for box in boxes], np.float64)

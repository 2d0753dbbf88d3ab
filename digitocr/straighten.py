"""Grey page → the page upright and level, with the map back to the given pixels."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from digitocr.records import Gray, Straight, Transform

# Pictures of single digits may have 28 rows or fewer; strokes must span several pixels to be cut.
_MIN_SIDE = 84
_MAX_ENLARGEMENT = 8
# The skew is measured on a picture halved to below this size: at 1000 px a line 0.1° off drifts
# by 1.7 px.
_LOOK = 1200
_MOST_SKEW = 8.0  # degrees
_LEAST_SKEW = 0.15  # degrees; less does not disturb lines or rules and isn't worth resampling
_LEAST_MARKS = 5  # fewer are no line to go by
# Level lines make the row profile this much sharper than the given ones, or nothing is turned:
# a few digits have no lines. Set by hand; tests/test_straighten.py holds what it must do.
_SHARPER = 1.1


def straighten(gray: Gray) -> Straight:
    """Return the page level, and large enough to find strokes on; paper fills what turning bares.

    Args:
        gray: the page as given, any size.
    """
    scale = _enlargement(gray)
    if scale > 1:
        gray = np.asarray(
            cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), np.uint8
        )
    skew = _skew(gray)
    level = np.eye(3) if skew == 0 else _turn_about_middle(gray, skew)
    if skew:
        gray = _warp(gray, level)
    # Pixel centres: column x of the page is at scale * (x + 0.5) - 0.5 when enlarged.
    to_large = np.array([[scale, 0, (scale - 1) / 2], [0, scale, (scale - 1) / 2], [0, 0, 1.0]])
    return Straight(gray, np.linalg.inv(level @ to_large), 0, skew)


def _enlargement(gray: Gray) -> int:
    """Return the whole factor that makes a tiny picture large enough."""
    if max(gray.shape) > _LOOK:
        return 1
    return int(np.clip(-(-_MIN_SIDE // min(gray.shape)), 1, _MAX_ENLARGEMENT))


def _turn_about_middle(gray: Gray, skew: float) -> Transform:
    """Return the turn that levels lines falling to the right by `skew` degrees."""
    height, width = gray.shape
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), skew, 1)
    return np.vstack([turn, [0, 0, 1]])


def _warp(gray: Gray, turn: Transform) -> Gray:
    """Return the page under a transform, its border continued."""
    size = gray.shape[::-1]
    warped = cv2.warpAffine(gray, turn[:2], size, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, np.uint8)


def _skew(gray: Gray) -> float:
    """Return the skew in degrees, 0 where lines are level or there are none to go by.

    Projection profile (Postl 1986): the turn whose row sums vary most, coarse and then fine.
    """
    x, y = _marks(gray)
    if len(x) == 0:
        return 0.0
    coarse = np.arange(-_MOST_SKEW, _MOST_SKEW + 0.1, 0.5)
    best = coarse[np.argmax([_sharpness(x, y, angle) for angle in coarse])]
    fine = np.arange(best - 0.5, best + 0.51, 0.1)
    sharpness = [_sharpness(x, y, angle) for angle in fine]
    skew = round(float(fine[np.argmax(sharpness)]), 1)
    if abs(skew) < _LEAST_SKEW or max(sharpness) < _SHARPER * _sharpness(x, y, 0):
        return 0.0
    return skew


def _sharpness(x: NDArray[np.float64], y: NDArray[np.float64], angle: float) -> float:
    """Return how unevenly marks fall into rows when lines fall by `angle` degrees."""
    turned = y - np.tan(np.radians(angle)) * x
    rows = np.bincount((turned - turned.min()).astype(int))
    return float((rows.astype(np.float64) ** 2).sum())


def _marks(gray: Gray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return x and y, at `_LOOK` size, of the upper and lower edges of what is written.

    Edges, because rows of digits begin and end sharply, while the ink between is even.
    """
    small = gray
    while (
        max(small.shape) > _LOOK and min(small.shape) > 1
    ):  # by halves, which OpenCV does ten times faster than thirds
        small = np.asarray(cv2.resize(small, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
    if np.median(small) < (float(small.min()) + float(small.max())) / 2:  # light on dark
        small = ~small
    ink = small < cv2.convertScaleAbs(cv2.blur(small, (31, 31)), alpha=0.85)
    marks = cv2.findContours(ink.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]
    if len(marks) < _LEAST_MARKS:
        return np.empty(0), np.empty(0)
    y, x = np.nonzero(ink[1:] != ink[:-1])
    return x.astype(np.float64), y.astype(np.float64)

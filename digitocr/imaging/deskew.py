"""Rectified page → the page upright: quarter turns applied, the skew of its lines undone."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from digitocr.core.arrays import Gray
from digitocr.core.geometry import Box, BoxArray, Transform
from digitocr.core.statistics import median, weighted_median
from digitocr.imaging.perspective import Quad, mapped_points
from digitocr.imaging.pyramid import halved_image
from digitocr.imaging.rectify import RectifiedPage, rectify


@dataclass(frozen=True, slots=True)
class UprightPage:
    """A page set upright and level."""

    gray: Gray
    to_page: Transform  # its pixels → pixels of the page as given
    rotation: int  # clockwise turn that sets the page upright: 0, 90, 180, 270 degrees
    skew: float  # the rest, in degrees; positive where lines fall to the right
    frame: Box | None = None  # of a ruled grid that the page was set square by
    blurred: bool = False  # a small photograph that was enlarged


# The skew is measured on a picture halved to below this size: at 1000 px a line 0.1° off drifts
# by 1.7 px.
_LOOK = 1200

MOST_SKEW = 15.0  # degrees
_COARSE = 8000  # points of edges are enough to find the skew to half a degree
_AT_ONCE = 16_000  # points that are turned at once: their arrays fit into a core's own cache
# Degrees; less does not disturb text lines or ruling lines and isn't worth resampling
_LEAST_SKEW = 0.15
# Level lines make the row profile this much sharper than the given ones, or nothing is turned.
# Set by hand; tests/imaging/test_deskew.py holds what it must do.
_SHARPER = 1.1
# This much sharper where little is written: only ruling lines do that, no noise of the paper
_RULED = 2.0
_FEW_COMPONENTS = 16  # as many or fewer are levelled by the lines that they stand in
_MOST_NOISE = 500  # components of any size; more are a page of lines, or nothing to tell lines from
_LEAST_IN_LINE = 4  # fewer components stand in line by chance
_STEEPEST = 0.75  # lines climb and fall by 37° at the most
_GAP = 2.0  # components of a line are this far apart at the most, in heights,
_WAVER = 0.2  # and this far off it on average
_SURE = 3.0  # a slope is this many times the chance deviation of one
_RATHER = 0.6  # squares off a slope, at the most this part of those off two steps
_AGREE = 0.05  # slopes of the lines of a page differ by less


def upright_page(gray: Gray, rotation: int = 0) -> UprightPage:
    """Return the page rectified, upright and deskewed.

    Args:
        gray: the page as given, any size.
        rotation: clockwise turn that sets it upright: 0, 90, 180 or 270 degrees.
    """
    return deskew(rectify(gray), rotation)


def deskew(page: RectifiedPage, rotation: int = 0) -> UprightPage:
    """Return a rectified page turned upright and its lines level; paper fills what turning bares.

    Args:
        page: what `rectify` returned.
        rotation: clockwise turn that sets it upright: 0, 90, 180 or 270 degrees.
    """
    gray, to_rectified = _quarter_turned_page(page.gray, rotation)
    if page.frame is not None:
        frame = _box_around(mapped_points(page.frame, np.linalg.inv(to_rectified)))
        return UprightPage(
            gray, page.to_page @ to_rectified, rotation, page.skew, frame, page.blurred
        )
    skew = _skew(gray)
    if skew:
        gray, to_skewed = _rotated_page(gray, skew)
        to_rectified = to_rectified @ to_skewed
    return UprightPage(gray, page.to_page @ to_rectified, rotation, skew)


def _box_around(quad: Quad) -> Box:
    """Return the upright box that corners are those of, as far as whole pixels go."""
    left, top = np.round(quad.min(axis=0) + 0.5).astype(int).tolist()
    right, bottom = np.round(quad.max(axis=0) + 0.5).astype(int).tolist()
    return Box(left, top, right - left, bottom - top)


def _quarter_turned_page(gray: Gray, rotation: int) -> tuple[Gray, Transform]:
    """Return a page turned clockwise by 0, 90, 180 or 270 degrees, and the map back."""
    if rotation == 0:
        return gray, np.eye(3)
    bottom, right = gray.shape[0] - 1, gray.shape[1] - 1
    code, to_given = {
        90: (cv2.ROTATE_90_CLOCKWISE, [[0, 1, 0], [-1, 0, bottom], [0, 0, 1]]),
        180: (cv2.ROTATE_180, [[-1, 0, right], [0, -1, bottom], [0, 0, 1]]),
        270: (cv2.ROTATE_90_COUNTERCLOCKWISE, [[0, -1, right], [1, 0, 0], [0, 0, 1]]),
    }[rotation]
    return np.asarray(cv2.rotate(gray, code), np.uint8), np.array(to_given, np.float64)


def _rotated_page(gray: Gray, skew: float) -> tuple[Gray, Transform]:
    """Return a page turned so that lines falling by `skew` degrees are level, and the map back.

    It grows so that it holds all of what was given; the border is continued.
    """
    height, width = gray.shape
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), skew, 1)
    cos, sin = turn[0, 0], abs(turn[0, 1])
    size = int(np.ceil(width * cos + height * sin)), int(np.ceil(width * sin + height * cos))
    turn[:, 2] += (size[0] - width) / 2, (size[1] - height) / 2
    turned = cv2.warpAffine(gray, turn, size, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(turned, np.uint8), np.linalg.inv(np.vstack([turn, [0, 0, 1]]))


def _skew(gray: Gray) -> float:
    """Return the skew in degrees, 0 where lines are level or there are none to go by."""
    ink = _ink(halved_image(gray, _LOOK)[0])
    components = _few_tall_components(ink)
    if components is None:
        return _skew_of_rows(ink, _SHARPER)
    return _skew_of_few(components) or _skew_of_rows(ink, _RULED)


def _few_tall_components(ink: Gray) -> BoxArray | None:
    """Return the components at least half as tall as most of the ink, None where there are many.

    That leaves points, dashes, specks and the paper's noise out. Pieces of a table's lines are
    taller than digits but hold little ink.
    """
    contours, nesting = cv2.findContours(ink, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    if not contours:
        return np.empty((0, 4))
    if len(contours) > _MOST_NOISE:
        return None
    outer = [one for one, ring in zip(contours, nesting[0], strict=True) if ring[3] < 0]  # no holes
    boxes = np.array([cv2.boundingRect(one) for one in outer], np.float64).reshape(-1, 4)
    height, width = ink.shape
    inner = (boxes[:, 2] < width / 2) | (boxes[:, 3] < height / 2)  # no frames
    boxes = boxes[inner]
    filled = np.array([cv2.contourArea(one) for one in outer])[inner]
    tall = np.asarray(boxes[boxes[:, 3] >= weighted_median(boxes[:, 3], filled) / 2], np.float64)
    return tall if len(tall) <= _FEW_COMPONENTS else None


def _ink(small: Gray) -> Gray:
    """Return what is written, 1, on paper, 0."""
    middle = (float(small.min()) + float(small.max())) / 2
    if np.count_nonzero(small < middle) > small.size / 2:  # light on dark
        small = ~small
    dark = small < cv2.convertScaleAbs(cv2.blur(small, (31, 31)), alpha=0.85)
    return dark.astype(np.uint8)


def _skew_of_rows(ink: Gray, sharper: float) -> float:
    """Return the skew of a page of lines, 0 if it makes these less than so many times sharper.

    Projection profile (Postl 1986): the turn whose row sums vary most, coarse and then fine. Of
    the upper and lower edges of what is written, because rows of digits begin and end sharply,
    while the ink between is even.
    """
    edges = cv2.findNonZero(ink[1:] ^ ink[:-1])  # None where there are none
    if edges is None:
        return 0.0
    x, y = edges.reshape(-1, 2).T.astype(np.float64)
    some = slice(None, None, max(1, len(x) // _COARSE))
    coarse = np.arange(-MOST_SKEW, MOST_SKEW + 0.1, 0.5)
    best = coarse[np.argmax(_sharpness(x[some], y[some], coarse))]
    fine = np.arange(best - 0.5, best + 0.51, 0.1)
    sharpness = _sharpness(x, y, fine)
    skew = round(float(fine[np.argmax(sharpness)]), 1)
    if abs(skew) < _LEAST_SKEW:
        return 0.0
    return skew if max(sharpness) >= sharper * _sharpness(x, y, np.zeros(1))[0] else 0.0


def _sharpness(
    x: NDArray[np.float64], y: NDArray[np.float64], angles: NDArray[np.float64]
) -> list[float]:
    """Return how unevenly components fall into rows when lines fall by each of some degrees.

    Few components are turned by many angles at once: small arrays take as long as larger ones.
    """
    slopes, found = np.tan(np.radians(angles))[:, None], list[float]()
    n_at_once = max(1, _AT_ONCE // len(x))
    for some in (slopes[i : i + n_at_once] for i in range(0, len(slopes), n_at_once)):
        turned = y - some * x  # (angles, components)
        rows = (turned - turned.min(axis=1, keepdims=True)).astype(int)
        n_rows = int(rows.max()) + 1
        rows += n_rows * np.arange(len(some))[:, None]
        counts = np.bincount(rows.ravel(), minlength=n_rows * len(some)).reshape(-1, n_rows)
        found += (counts.astype(np.float64) ** 2).sum(axis=1).tolist()
    return found


def _skew_of_few(components: BoxArray) -> float:
    """Return the skew of the lines that a few components stand in, 0 where that is not clear."""
    slopes = [_slope(line) for line in _lines(components) if len(line) >= _LEAST_IN_LINE]
    if not slopes or np.ptp(slopes) > _AGREE:
        return 0.0
    skew = round(float(np.degrees(np.arctan(np.mean(slopes)))), 1)
    return skew if abs(skew) >= _LEAST_SKEW else 0.0


def _lines(boxes: BoxArray) -> list[BoxArray]:
    """Return the lines that components stand in, each from left to right.

    Each component goes on the line that ends nearest to its left (O'Gorman 1993).
    """
    height = median(boxes[:, 3].tolist())
    lines: list[list[NDArray[np.float64]]] = []
    for box in boxes[np.argsort(boxes[:, 0] + boxes[:, 2] / 2)]:
        near = []
        for line in lines:
            gap = box[0] - line[-1][0] - line[-1][2]
            across, down = _middles(box) - _middles(line[-1])
            if -height / 2 < gap < _GAP * height and abs(down) < _STEEPEST * across + height / 4:
                near.append((float(np.hypot(across, down)), line))
        if near:
            min(near, key=lambda found: found[0])[1].append(box)
        else:
            lines.append([box])
    return [np.array(line) for line in lines]


def _middles(boxes: BoxArray) -> NDArray[np.float64]:
    """Return the middles of boxes, (..., 2)."""
    return np.asarray(boxes[..., :2] + boxes[..., 2:] / 2, np.float64)


def _slope(line: BoxArray) -> float:
    """Return how steeply a line of components falls, 0 where that may be chance.

    It is a slope rather than two level numbers at different heights if components are nearer to it.
    """
    x, y = _middles(line).T
    height = float(np.median(line[:, 3]))
    slope, start = np.polyfit(x, y, 1)
    off = y - slope * x - start
    wavers = max(float(off.std()), _WAVER / 2 * height)
    sure = abs(slope) * x.std() * len(x) ** 0.5 > _SURE * wavers
    steps = [y[:i].var() * i + y[i:].var() * (len(y) - i) for i in range(1, len(y))]
    if not sure or wavers > _WAVER * height or (off**2).sum() > _RATHER * min(steps):
        return 0.0
    return float(slope)

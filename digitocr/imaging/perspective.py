"""Quadrilaterals on a picture: corners from an outline, and pictures seen square by them."""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from digitocr.core.arrays import Gray
from digitocr.core.geometry import Transform

Quad: TypeAlias = NDArray[np.float64]  # (4, 2), x and y of corners, clockwise from the top left one
Points: TypeAlias = NDArray[np.float64]  # (N, 2), x and y

CORNER = 0.05  # part of a side at either end that may be bent or covered
_MOST_GROWTH = 4  # a page turned by 45° has twice its pixels, and perspective needs some more
NEAR = 13  # pixels of the shrunk picture; what is this far off a side is no part of it


def clockwise_corners(quad: Quad) -> Quad:
    """Return corners clockwise, the one that is top left after the smallest turn first."""
    x, y = (quad - quad.mean(axis=0)).T
    quad = quad[np.argsort(np.arctan2(y, x))]
    return np.asarray(np.roll(quad, -int(np.argmin(quad.sum(axis=1))), axis=0), np.float64)


def quad_around(points: Points) -> Quad | None:
    """Return the smallest convex quadrilateral around points, roughly; None where there is none."""
    hull = cv2.convexHull(points.astype(np.float32))
    if len(hull) < 4:
        return None
    corners = cv2.approxPolyN(hull, 4, ensure_convex=True).reshape(-1, 2)
    return clockwise_corners(corners.astype(np.float64)) if len(corners) == 4 else None


def fitted_quad(around: Quad, outline: Points) -> Quad | None:
    """Return the corners of the lines that run along an outline, given its corners roughly.

    Lines are fitted to most of it, not to what sticks out, is bent or covered.
    """
    lines = []
    for start, end in zip(around, np.roll(around, -1, axis=0), strict=True):
        side, to = end - start, outline - start
        part = to @ side / (side @ side)
        off = np.abs(to @ [-side[1], side[0]]) / np.hypot(*side)
        near = outline[(part > CORNER) & (part < 1 - CORNER) & (off < NEAR)]
        if len(near) < NEAR:
            return None
        points = near[::3].astype(np.float32)  # fewer only cost less
        dx, dy, x, y = cv2.fitLine(points, cv2.DIST_WELSCH, 0, 0.1, 0.01).ravel()
        lines.append([-dy, dx, dy * x - dx * y])
    corners = np.cross(np.roll(lines, 1, axis=0), lines)  # (4, 3), where neighbours cross
    if np.abs(corners[:, 2]).min() < 1e-6:
        return None
    return np.asarray(corners[:, :2] / corners[:, 2:], np.float64)


def mapped_points(points: Quad, transform: NDArray[np.floating]) -> Quad:
    """Return corners where a transform takes them."""
    return np.asarray(cv2.perspectiveTransform(points[None], transform)[0], np.float64)


def quad_size(quad: Quad) -> tuple[float, float]:
    """Return the mean length of a quadrilateral's level sides, and of its upright ones."""
    across, down = quad[[1, 2]] - quad[[0, 3]], quad[[3, 2]] - quad[[0, 1]]
    return float(np.hypot(*across.T).mean()), float(np.hypot(*down.T).mean())


def warped_rectangle(gray: Gray, quad: Quad) -> tuple[Gray, Transform]:
    """Return what is within these corners as a rectangle, and the map back."""
    width, height = (max(1, round(side)) for side in quad_size(quad))
    return _warped_picture(gray, _to_rectangle(quad, width, height), width, height)


def squared_page(gray: Gray, quad: Quad) -> tuple[Gray, Transform] | None:
    """Return a picture of which this part is a rectangle, with what is around it, and the map back.

    None where the quadrilateral is seen so steeply that perspective draws what is around it out to
    more than `_MOST_GROWTH` times the picture's pixels.
    """
    width, height = quad_size(quad)
    to_quad = _to_rectangle(quad, width, height)
    bottom, right = gray.shape[0] - 0.5, gray.shape[1] - 0.5
    corners = np.array([[-0.5, right, right, -0.5], [-0.5, -0.5, bottom, bottom], [1, 1, 1, 1]])
    x, y, w = np.linalg.inv(to_quad) @ corners
    if w.min() <= 0:  # a part of the picture is beyond the horizon
        return None
    around = np.array([x / w, y / w])
    first = around.min(axis=1)
    columns, rows = np.ceil(around.max(axis=1) - first).astype(int).tolist()
    if columns * rows > _MOST_GROWTH * gray.size:
        return None
    shift = np.array([[1, 0, first[0] + 0.5], [0, 1, first[1] + 0.5], [0, 0, 1.0]])
    return _warped_picture(gray, to_quad @ shift, columns, rows)


def _to_rectangle(quad: Quad, width: float, height: float) -> Transform:
    """Return the map to these corners from a rectangle at the origin, edges half a pixel out."""
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]]) - 0.5
    found = cv2.getPerspectiveTransform(corners.astype(np.float32), quad.astype(np.float32))
    return np.asarray(found, np.float64)


def _warped_picture(
    gray: Gray, to_page: Transform, width: int, height: int
) -> tuple[Gray, Transform]:
    """Return a picture drawn by the map back from it, and that map."""
    rectified = cv2.warpPerspective(
        gray,
        to_page,
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(rectified, np.uint8), to_page

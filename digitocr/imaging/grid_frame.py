"""Grey page → the corners of the largest ruled grid on it, by which the page can be set square."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from digitocr.core.arrays import (
    BinaryImage,
    Gray,
)
from digitocr.imaging.perspective import (
    Points,
    Quad,
    fitted_quad,
    quad_around,
)
from digitocr.imaging.pyramid import halved_image

# What follows was set on photographed puzzles, scanned forms and composed pages: see the tables of
# benchmarks/README.md.
_LOOK = 1024  # a grid is looked for on a picture halved to below this size
_MIN_SIDE = 200  # page pixels; smaller pictures are crops of a number or two
# Ruling lines are darker than so much of the light within so many shrunk pixels: so that a desk
# does not run into them; on small pictures, halved once at the most, then also so that blurred ones
# hold together. On large ones only digits that touch ruling lines would.
_LEVEL, _BLURRED = (15, 0.9), (21, 0.97)
_LEAST_GRID = 0.03  # of the picture; smaller ones say little of the page
_LEAST_CELLS, _CELL = 4, 0.002  # so many are enclosed, each at least this part of the grid,
_CELLS_FILL = 0.6  # and all of them this part of it: what a desk's pattern encloses is less
# Along this part of each side runs the outline, no farther off than so many shrunk pixels.
_STATIONS, _RULED, _OFF = 64, 0.8, 4


def find_frame(gray: Gray) -> Quad | None:
    """Return the corners of the largest ruled grid on a page, (4, 2), pixels; None without one.

    Its ruling lines hold together, and the outer ones are the sides of a quadrilateral, as a grid's
    are from wherever it is seen.

    Args:
        gray: the page as given, any size.
    """
    if min(gray.shape) < _MIN_SIDE:
        return None
    small, _ = halved_image(gray, _LOOK)
    for window, light in (_LEVEL, _BLURRED) if max(gray.shape) <= 2 * _LOOK else (_LEVEL,):
        found = max(_grids(_dark_pixels(small, window, light)), key=_area, default=None)
        if found is not None:
            shrunk = np.array(gray.shape[::-1]) / small.shape[::-1]
            return np.asarray((found + 0.5) * shrunk - 0.5, np.float64)
    return None


def _dark_pixels(small: Gray, window: int, light: float) -> BinaryImage:
    """Return what is darker than its surroundings, gaps of a pixel closed."""
    around = cv2.convertScaleAbs(cv2.blur(small, (window, window)), alpha=light)
    dark = cv2.compare(cv2.GaussianBlur(small, (3, 3), 0), around, cv2.CMP_LT)
    return np.asarray(cv2.morphologyEx(dark, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)), np.uint8)


def _area(quad: Quad) -> float:
    return float(cv2.contourArea(quad.astype(np.float32)))


def _grids(dark: BinaryImage) -> Iterator[Quad]:
    """Yield the corners of what may be grids."""
    contours, nesting = cv2.findContours(dark, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    cells: dict[int, list[float]] = {}
    for i, contour in enumerate(contours):
        outer = int(nesting[0, i, 3])
        if outer >= 0:
            cells.setdefault(outer, []).append(cv2.contourArea(contour))
    for i, enclosed in cells.items():
        _, _, width, height = cv2.boundingRect(contours[i])
        large = width * height >= _LEAST_GRID * dark.size
        if not large or not _has_cells(cv2.convexHull(contours[i]), enclosed):
            continue
        outline = contours[i].reshape(-1, 2).astype(np.float64)
        around = quad_around(outline)
        quad = None if around is None else fitted_quad(around, outline)
        if quad is not None and _is_outlined(quad, outline):
            yield quad


def _has_cells(hull: cv2.typing.MatLike, enclosed: list[float]) -> bool:
    """Tell whether what is enclosed, areas, are the cells of a grid with this hull."""
    area = cv2.contourArea(hull)
    cells = [one for one in enclosed if one >= _CELL * area]
    return len(cells) >= _LEAST_CELLS and _CELLS_FILL * area <= sum(cells)


def _is_outlined(quad: Quad, outline: Points) -> bool:
    """Tell whether an outline runs along all four sides."""
    return all(
        _share_along(start, end, outline) >= _RULED
        for start, end in zip(quad, np.roll(quad, -1, axis=0), strict=True)
    )


def _share_along(start: NDArray[np.float64], end: NDArray[np.float64], outline: Points) -> float:
    """Return along which part of a side an outline runs."""
    side, to = end - start, outline - start
    part = to @ side / (side @ side)
    off = np.abs(to @ [-side[1], side[0]]) / np.hypot(*side)
    near = part[(part >= 0) & (part < 1) & (off <= _OFF)]
    return len(np.unique((near * _STATIONS).astype(int))) / _STATIONS

"""Page as given → the page rectified: a photographed sheet cut out, a ruled grid set square."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from digitocr.core.arrays import Gray
from digitocr.core.geometry import Transform
from digitocr.imaging.grid_frame import find_frame
from digitocr.imaging.perspective import (
    Quad,
    mapped_points,
    quad_size,
    squared_page,
    warped_rectangle,
)
from digitocr.imaging.sheet import find_sheet

# Pictures of single digits may have 28 rows or fewer; strokes must span several pixels to be cut.
_MIN_SIDE = 84
_MAX_ENLARGEMENT = 8
# Small photographs of a grid have 20 to 40 pixels a cell, blurred: they are enlarged so many times.
_GRID_ENLARGEMENT = 2
_LARGE_PX = 1200  # of the longer side; pages larger than this are not enlarged

# A grid whose corners are no farther off an upright rectangle's, as parts of its sides, is left.
_ASKEW = 0.003


@dataclass(frozen=True, slots=True)
class RectifiedPage:
    """A page seen from above, not yet upright."""

    gray: Gray
    to_page: Transform  # its pixels → pixels of the page as given
    frame: Quad | None  # the corners of a ruled grid that it was set square by
    skew: float  # of that grid before, as in `UprightPage`; means nothing without one
    blurred: bool  # as `UprightPage` says


def rectify(gray: Gray, by_grid: bool = True) -> RectifiedPage:
    """Return the sheet out of a photo of one, any other page whole; large enough to find strokes.

    `deskew` takes it from here, for as many rotations as are to be tried.

    Args:
        gray: the page as given.
        by_grid: a page with a ruled grid that stands askew is set square by it.
    """
    sheet = find_sheet(gray)
    to_page = np.eye(3)
    if sheet is not None:
        gray, to_page = warped_rectangle(gray, sheet)
    frame, skew = find_frame(gray) if by_grid else None, 0.0
    if frame is not None:
        skew = _grid_skew(frame)
        gray, to_sheet, frame = _page_squared_by_grid(gray, frame)
        to_page = to_page @ to_sheet
    scale = _enlargement(gray, frame is not None)
    if scale > 1:
        gray = np.asarray(
            cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), np.uint8
        )
    # Pixel centres: column x of the page is at scale * (x + 0.5) - 0.5 when enlarged.
    shift = (1 / scale - 1) / 2
    to_small = np.array([[1 / scale, 0, shift], [0, 1 / scale, shift], [0, 0, 1.0]])
    if frame is not None:
        frame = mapped_points(frame, np.linalg.inv(to_small))
    return RectifiedPage(gray, to_page @ to_small, frame, skew, scale > 1 and frame is not None)


def _page_squared_by_grid(gray: Gray, frame: Quad) -> tuple[Gray, Transform, Quad | None]:
    """Return a page set square by a grid, the map back, and where the grid is then.

    The page stays as it is where the grid is square, and where it is seen so steeply that it is of
    no use.
    """
    if not _is_askew(frame):
        return gray, np.eye(3), frame
    squared = squared_page(gray, frame)
    if squared is None:
        return gray, np.eye(3), None
    return *squared, mapped_points(frame, np.linalg.inv(squared[1]))


def _grid_skew(frame: Quad) -> float:
    """Return by how many degrees the level sides of a grid fall."""
    (x, y) = (frame[[1, 2]] - frame[[0, 3]]).sum(axis=0)
    return round(float(np.degrees(np.arctan2(y, x))), 1)


def _is_askew(frame: Quad) -> bool:
    """Tell whether a grid is no upright rectangle, as far as would disturb its ruling lines."""
    width, height = quad_size(frame)
    x, y = (frame - frame.mean(axis=0)).T
    off = np.abs(np.abs(x) - width / 2) / width, np.abs(np.abs(y) - height / 2) / height
    return bool(np.max(off) > _ASKEW)


def _enlargement(gray: Gray, has_grid: bool) -> int:
    """Return the whole factor that makes a tiny picture large enough, or a small one of a grid."""
    if max(gray.shape) > _LARGE_PX:
        return 1
    least = _GRID_ENLARGEMENT if has_grid else 1
    return int(np.clip(-(-_MIN_SIDE // min(gray.shape)), least, _MAX_ENLARGEMENT))

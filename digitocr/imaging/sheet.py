"""Photo of a sheet of paper → the sheet's corners, where it lies whole on something darker."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from digitocr.core.arrays import Gray
from digitocr.imaging.perspective import CORNER, Quad, fitted_quad, quad_around
from digitocr.imaging.pyramid import halved_image

# A sheet's outline is looked for on a picture halved to below this size. What follows was set by
# hand, on sheets put on photographed desks and on pages where nothing may be found.
_SHEET_LOOK = 512
_SHEET_MIN_SIDE = 200  # page pixels; smaller pictures are crops of a number or two
_LEVELS = 9  # light levels tried, as a sheet's light is not known
_LEAST_SHEET = 0.25  # of the picture; smaller ones are panels, labels and pictures as a ruling line
_CUT_OFF = 0.05  # part of its outline that may lie at the picture's border
_FILLED = 0.8  # part of the quadrilateral around it that a sheet fills; bright things may adjoin
_BEYOND = 5  # shrunk pixels in and out of an edge where light is compared: wider than its blur
_DARKER = 0.8  # a desk shows at the most this part of the sheet's light; tinted paper shows more
_EDGE_SEEN = 0.8  # part of a side along which that must hold
_RUN_ON = 0.3  # part of a side's length past its ends where an edge may not go on like that,
_SHADED = 0.3  # on something lighter than this part of the sheet's light
_MOST_SLANT = 0.5  # cosine of corners; sheets seen more aslant can't be read
_SQUARE = 0.025  # cosine of corners (1.4°): less may be a printed panel on a scan,
_EMPTY = 16  # unless nothing is around it: grey levels differ by less than this
_TRIM = 0.01  # cut off along the edges, which are never quite straight; part of the half sheet


def find_sheet(gray: Gray) -> Quad | None:
    """Return the corners of a bright sheet that lies whole on something darker, if one does."""
    if min(gray.shape) < _SHEET_MIN_SIDE:
        return None
    small, _ = halved_image(gray, _SHEET_LOOK)
    # twice, as OpenCV is ten times faster at medians of up to 5 pixels
    bare = np.asarray(cv2.medianBlur(cv2.medianBlur(small, 5), 5), np.uint8)
    darkest, brightest = np.percentile(bare, (2, 98))
    for light in np.linspace(darkest, brightest, _LEVELS + 2)[1:-1]:
        quad = _largest_quad(bare > light)
        if quad is not None and _is_brighter_than_around(quad, bare):
            if not _is_sheet(quad, small):
                return None
            trimmed = (1 - _TRIM) * quad + _TRIM * quad.mean(axis=0)
            shrunk = np.array(gray.shape[::-1]) / small.shape[::-1]
            return np.asarray((trimmed + 0.5) * shrunk - 0.5, np.float64)
    return None


def _largest_quad(bright: NDArray[np.bool_]) -> Quad | None:
    """Return the corners of the largest bright thing, if it is large, whole and has four sides."""
    contours = cv2.findContours(bright.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    largest = max(contours[0], key=cv2.contourArea, default=None)
    if largest is None or cv2.contourArea(largest) < _LEAST_SHEET * bright.size:
        return None
    outline = largest.reshape(-1, 2).astype(np.float64)  # (N, 2)
    at_border = (outline == 0) | (outline == np.array(bright.shape[::-1]) - 1)
    if at_border.any(axis=1).mean() > _CUT_OFF:
        return None
    around = quad_around(outline)
    if around is None:
        return None
    filled = cv2.contourArea(largest) >= _FILLED * cv2.contourArea(around.astype(np.float32))
    return fitted_quad(around, outline) if filled else None


def _is_sheet(quad: Quad, small: Gray) -> bool:
    """Tell a sheet from printed panels and patches of light, by its corners and what is around."""
    sides = np.roll(quad, -1, axis=0) - quad  # (4, 2)
    sides = sides / np.hypot(*sides.T)[:, None]
    slant = np.abs((sides * np.roll(sides, -1, axis=0)).sum(axis=1)).max()
    inside = np.zeros_like(small)
    cv2.fillConvexPoly(inside, np.round(quad).astype(np.int32), 1)
    within = small[inside > 0]
    around = small[cv2.dilate(inside, np.ones((2 * _BEYOND + 1, 2 * _BEYOND + 1))) == 0]
    if slant > _MOST_SLANT or len(around) == 0:
        return False
    darker = np.median(around) <= _DARKER * np.median(within)
    return bool(darker and (slant > _SQUARE or np.ptp(around) < _EMPTY))


def _is_brighter_than_around(quad: Quad, bare: Gray) -> bool:
    """Tell whether light falls off across all sides of a quadrilateral, from corner to corner.

    It doesn't at a box that is drawn. At a shadow it does, but there the sheet's edges run on.

    Args:
        quad: corners of something bright.
        bare: the shrunk picture with the writing taken out.
    """
    lengths = np.roll(quad, -1, axis=0) - quad
    outward = np.stack([lengths[:, 1], -lengths[:, 0]], axis=1)
    outward = _BEYOND * outward / np.hypot(*lengths.T)[:, None]

    def falls(first: float, last: float, least: float) -> NDArray[np.float64]:
        """Return for what part of a stretch of each side, (4,), it does, from over `least`."""
        points = quad + np.linspace(first, last, 32)[:, None, None] * lengths  # (32, 4, 2)
        outer, inner = _light_at(points + outward, bare), _light_at(points - outward, bare)
        return np.asarray(((outer <= _DARKER * inner) & (inner > least)).mean(axis=0), np.float64)

    if falls(CORNER, 1 - CORNER, 0).min() < _EDGE_SEEN:
        return False
    shaded = _SHADED * float(np.percentile(bare, 90))
    runs_on = falls(-_RUN_ON, -CORNER, shaded), falls(1 + CORNER, 1 + _RUN_ON, shaded)
    return bool(np.max(runs_on) < _EDGE_SEEN)


def _light_at(points: NDArray[np.float64], picture: Gray) -> NDArray[np.float64]:
    """Return the light at (..., 2) points of a picture, outside of it that at its border."""
    x, y = np.moveaxis(np.round(points).astype(int), -1, 0)
    height, width = picture.shape
    light = picture[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]
    return np.asarray(light, np.float64)

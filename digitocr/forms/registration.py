"""A page → the map from a form's picture onto it, or that it is no page of that form."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from digitocr.core.arrays import (
    BinaryImage,
    Gray,
)
from digitocr.core.geometry import (
    Box,
    Transform,
)
from digitocr.imaging.deskew import UprightPage

# Features are looked for on pictures shrunk to this many pixels on their longer side: print of
# 8 points still has 9 rows there.
_LOOK = 1200
_MOST_FEATURES = 2500
# A feature's match is this much nearer than the next best (Lowe 2004, section 7.1); matches agree
# with a map when they are no farther off than this, shrunk pixels.
_NEARER, _OFF = 0.8, 3.0
_LEAST_AGREEING = 15  # matches; fewer agree by chance
# Sides of the form on the page have this part of each other's length, and of what the page would
# have, at the least: sheets seen more aslant can't be read, smaller ones neither.
_LEAST_SIDE, _LEAST_SIZE = 0.4, 0.2
# What is printed on the form is found on the page within so many shrunk pixels, on this part of
# its ink more than ink would be found there by chance. Pieces of it this large may be so far off,
# as paper bends. Set by hand: pages of the form have 0.98 or more, also where paper bulges by 2.5
# mm; a form that has its rows in another order 0.7 at the most (benchmarks/forms.py), one that has
# other labels beside the same boxes 0.87 (tests/e2e/test_forms.py).
_NEAR, _LEAST_FOUND = 2, 0.93
_PIECE, _BENDS = 80, 8
# Ink is this part of the darkest as dark, as ruling lines are much lighter than a pen; and this
# many grey levels, or paper's noise would be.
_AS_DARK, _LEAST_DARK = 0.15, 6
_PAPER = 31  # shrunk pixels: wider than strokes, narrower than shadows

_RIM = 0.1  # of a field that may be cut off
# Pages that are a form from edge to edge are as high for their width but for this part; how high
# a sheet is that was photographed at a slant is not known that well.
_AS_HIGH, _AS_HIGH_ASLANT = 0.04, 0.25
_MOST_PIXELS = 200_000_000  # of a registered page

_Points = NDArray[np.float32]  # (N, 2), x and y


@dataclass(frozen=True, slots=True)
class Reference:
    """The picture of a form, and what its pages are recognised by."""

    gray: Gray
    points: _Points  # of features, shrunk pixels
    descriptors: NDArray[np.float32]  # (N, 128)


def reference_of(gray: Gray) -> Reference:
    """Return a form's picture with its features (SIFT: Lowe 2004)."""
    return Reference(gray, *_features(_small_picture(gray)[0]))


def find_form(gray: Gray, reference: Reference) -> Transform | None:
    """Return the map from pixels of a form's picture to those of a page, however that lies.

    None where the page does not show the form: too few features agree (RANSAC: Fischler and Bolles
    1981), the form would be seen from behind, too small or too much aslant, or what is printed on
    it is not found.

    Args:
        gray: the page as given.
        reference: the form's picture.
    """
    page, to_page = _small_picture(gray)
    small, to_reference = _small_picture(reference.gray)
    points, descriptors = _features(page)
    pairs = _pairs(reference.descriptors, descriptors)
    if len(pairs) < _LEAST_AGREEING:
        return None
    found, agree = cv2.findHomography(
        reference.points[pairs[:, 0]], points[pairs[:, 1]], cv2.USAC_MAGSAC, _OFF
    )
    if found is None or np.count_nonzero(agree) < _LEAST_AGREEING:
        return None
    onto = np.asarray(found, np.float64)
    if not _is_plausible(onto, small, page) or _found_print(onto, small, page) < _LEAST_FOUND:
        return None
    return np.asarray(to_page @ onto @ np.linalg.inv(to_reference), np.float64)


def edge_to_edge_map(
    size: tuple[int, int], sheet: tuple[int, int], aslant: bool, deskewed: UprightPage
) -> Transform | None:
    """Return the map from pixels of a form to those of a page that is the form from edge to edge.

    None where the page has other proportions.

    Args:
        size: of the form, width and height.
        sheet: height and width of the page's sheet, neither turned nor deskewed.
        aslant: it was photographed at a slant.
        deskewed: the page upright and deskewed. It may have grown around its middle.
    """
    tall, wide = sheet if deskewed.rotation in (0, 180) else sheet[::-1]
    across, down = wide / size[0], tall / size[1]
    if abs(np.log(across / down)) > (_AS_HIGH_ASLANT if aslant else _AS_HIGH):
        return None
    height, width = deskewed.gray.shape
    left = (width - across * (size[0] - 1) - 1) / 2  # between pixel centres
    top = (height - down * (size[1] - 1) - 1) / 2
    to_level = np.array([[across, 0, left], [0, down, top], [0, 0, 1]])
    return np.asarray(deskewed.to_page @ to_level, np.float64)


def registered_page(
    gray: Gray, to_page: Transform, size: tuple[int, int]
) -> tuple[UprightPage, float]:
    """Return a page as the form's picture shows it, and its pixels for one of that.

    It keeps about the page's resolution; what is beyond the page has its border's light.

    Args:
        gray: the page as given.
        to_page: pixels of the form's picture → pixels of the page.
        size: of the form's picture, width and height.
    """
    middle = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]) + np.array(size)[:, None] / 2
    x, y, w = to_page @ np.vstack([middle, np.ones(3)])
    (x0, x1, x2), (y0, y1, y2) = x / w, y / w
    area = abs((x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0))
    scale = float(min(area, _MOST_PIXELS / (size[0] * size[1])) ** 0.5)
    shift = (1 / scale - 1) / 2  # of pixel centres
    to_form = np.array([[1 / scale, 0, shift], [0, 1 / scale, shift], [0, 0, 1.0]])
    large = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    onto = cv2.warpPerspective(
        gray, to_page @ to_form, large, flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    falls = float(np.degrees(np.arctan2(y1 - y0, x1 - x0)))  # of the form's lines on the page
    quarters = round(falls / 90)
    upright = UprightPage(
        np.asarray(onto, np.uint8), to_page @ to_form, -90 * quarters % 360, falls - 90 * quarters
    )
    return upright, scale


def is_visible(box: Box, upright: UprightPage, gray: Gray) -> bool:
    """Tell whether a page shows all of a box, but for a rim.

    Args:
        box: on the registered page.
        upright: that page.
        gray: the page as given.
    """
    rim_x, rim_y = _RIM * box.width, _RIM * box.height
    left, right, top, bottom = box.x + rim_x, box.right - rim_x, box.y + rim_y, box.bottom - rim_y
    x, y, w = upright.to_page @ np.array(
        [[left, right, right, left], [top, top, bottom, bottom], [1, 1, 1, 1]]
    )
    height, width = gray.shape
    return bool(min(x / w) >= 0 and min(y / w) >= 0 and max(x / w) < width and max(y / w) < height)


def _small_picture(gray: Gray) -> tuple[Gray, Transform]:
    """Return a picture no larger than is looked at, and the map back."""
    scale = min(1.0, _LOOK / max(gray.shape))
    if scale == 1.0:
        return gray, np.eye(3)
    size = max(1, round(gray.shape[1] * scale)), max(1, round(gray.shape[0] * scale))
    small = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
    times = np.array(gray.shape[::-1]) / size
    back = np.array([[times[0], 0, (times[0] - 1) / 2], [0, times[1], (times[1] - 1) / 2]])
    return np.asarray(small, np.uint8), np.vstack([back, [0, 0, 1]])


def _features(small: Gray) -> tuple[_Points, NDArray[np.float32]]:
    """Return where features are, (N, 2), and what they look like, (N, 128)."""
    found, descriptors = cv2.SIFT.create(_MOST_FEATURES).detectAndCompute(small, None)
    points = np.array([one.pt for one in found], np.float32).reshape(-1, 2)
    found_descriptors = descriptors if len(points) else np.empty((0, 128))
    return points, np.asarray(found_descriptors, np.float32)


def _pairs(
    descriptors: NDArray[np.float32], other_descriptors: NDArray[np.float32]
) -> NDArray[np.int64]:
    """Return which features match, (M, 2), beyond doubt."""
    if len(descriptors) < 2 or len(other_descriptors) < 2:
        return np.empty((0, 2), np.int64)
    near = cv2.BFMatcher(cv2.NORM_L2).knnMatch(descriptors, other_descriptors, k=2)
    pairs = [(a.queryIdx, a.trainIdx) for a, b in near if a.distance < _NEARER * b.distance]
    return np.array(pairs, np.int64).reshape(-1, 2)


def _is_plausible(found: Transform, small: Gray, page: Gray) -> bool:
    """Tell whether a map shows the form from the front, large enough and not too much aslant."""
    height, width = small.shape
    corners = np.array([[0, width, width, 0], [0, 0, height, height], [1, 1, 1, 1]], np.float64)
    x, y, w = found @ corners
    if w.min() <= 0:
        return False
    quad = np.stack([x / w, y / w], axis=1)
    sides = np.roll(quad, -1, axis=0) - quad
    following = np.roll(sides, -1, axis=0)
    turns = sides[:, 0] * following[:, 1] - sides[:, 1] * following[:, 0]  # > 0: clockwise
    across, down = np.hypot(*sides.T).reshape(2, 2).T / [[width], [height]]
    lengths = np.array([*across, *down])
    fills = max(small.shape) / max(page.shape)
    return bool(
        turns.min() > 0
        and lengths.min() >= _LEAST_SIDE * lengths.max()
        and lengths.mean() * fills >= _LEAST_SIZE
    )


def _found_print(found: Transform, small: Gray, page: Gray) -> float:
    """Return on what part of the form's print the page has ink, more than by chance; up to 1.

    Each piece of the print counts where most of it is found, as paper bends.
    """
    size = small.shape[1], small.shape[0]
    inverse = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    onto = cv2.warpPerspective(page, found, size, flags=inverse, borderMode=cv2.BORDER_REPLICATE)
    shown = cv2.warpPerspective(np.ones_like(page), found, size, flags=inverse)
    near = np.ones((2 * _NEAR + 1, 2 * _NEAR + 1), np.uint8)
    ink = cv2.dilate(_dark_pixels(np.asarray(onto, np.uint8)), near) // 255 * shown
    printed = _dark_pixels(small) // 255
    wide = cv2.copyMakeBorder(ink, *(_BENDS,) * 4, cv2.BORDER_CONSTANT, value=0)
    met = 0.0
    for y in range(0, size[1], _PIECE):
        for x in range(0, size[0], _PIECE):
            piece = printed[y : y + _PIECE, x : x + _PIECE]
            if piece.any():
                rows, columns = piece.shape
                here = wide[y : y + rows + 2 * _BENDS, x : x + columns + 2 * _BENDS]
                met += float(cv2.matchTemplate(here, piece, cv2.TM_CCORR).max())
    chance, n_printed = float(ink.mean()), float(np.count_nonzero(printed))
    return (met / max(n_printed, 1.0) - chance) / max(1 - chance, 1e-9)


def _dark_pixels(small: Gray) -> BinaryImage:
    """Return what is darker than the paper around it."""
    depth = cv2.subtract(cv2.medianBlur(small, _PAPER), small)
    least = max(_LEAST_DARK, _AS_DARK * float(np.percentile(depth, 99)))
    return np.asarray(cv2.threshold(depth, least, 255, cv2.THRESH_BINARY)[1], np.uint8)

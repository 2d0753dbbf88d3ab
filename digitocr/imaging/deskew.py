"""Grey page → the page flat, upright and level, with the map back to the given pixels."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from digitocr.core.arrays import Gray
from digitocr.core.geometry import (
    Box,
    Transform,
)
from digitocr.core.statistics import median
from digitocr.imaging.grid_frame import find_frame
from digitocr.imaging.perspective import (
    CORNER,
    Quad,
    fitted,
    quad_around,
    seen_from_above,
    set_square,
    size_of,
)


@dataclass(frozen=True, slots=True)
class UprightPage:
    """A page set upright and level."""

    gray: Gray
    to_page: Transform  # straightened pixels → pixels of the page as given
    rotation: int  # clockwise turn that sets the page upright: 0, 90, 180, 270 degrees
    skew: float  # the rest, in degrees; positive where lines fall to the right
    frame: Box | None = None  # of a ruled grid that the page was set square by
    blurred: bool = False  # a small photograph that was enlarged


BoxArray = NDArray[np.float64]  # (N, 4), x, y, width and height

# Pictures of single digits may have 28 rows or fewer; strokes must span several pixels to be cut.
_MIN_SIDE = 84
_MAX_ENLARGEMENT = 8
# Small photographs of a grid have 20 to 40 pixels a cell, blurred: they are enlarged so many times.
_GRID_ENLARGEMENT = 2
# The skew is measured on a picture halved to below this size: at 1000 px a line 0.1° off drifts
# by 1.7 px.
_LOOK = 1200

# A sheet's outline is looked for on a picture halved to below this size. What follows was set by
# hand, on sheets put on photographed desks and on pages where nothing may be found.
_SHEET_LOOK = 512
_SHEET_MIN_SIDE = 200  # page pixels; smaller pictures are crops of a number or two
_LEVELS = 9  # light levels tried, as a sheet's light is not known
_LEAST_SHEET = 0.25  # of the picture; smaller ones are panels, labels and pictures as a rule
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

# A grid whose corners are no farther off an upright rectangle's, as parts of its sides, is left.
_ASKEW = 0.003

_MOST_SKEW = 15.0  # degrees
_COARSE = 8000  # points of edges are enough to find the skew to half a degree
_AT_ONCE = 16_000  # points that are turned at once: their arrays fit into a core's own cache
_LEAST_SKEW = 0.15  # degrees; less does not disturb lines or rules and isn't worth resampling
# Level lines make the row profile this much sharper than the given ones, or nothing is turned.
# Set by hand; tests/imaging/test_deskew.py holds what it must do.
_SHARPER = 1.1
_RULED = 2.0  # and this much where little is written: only rules do that, no noise of the paper
_FEW_MARKS = 16  # as many or fewer are levelled by the lines that they stand in
_MOST_NOISE = 500  # marks of any size; more are a page of lines, or nothing to tell lines from
_LEAST_IN_LINE = 4  # fewer marks stand in line by chance
_STEEPEST = 0.75  # lines climb and fall by 37° at the most
_GAP = 2.0  # marks of a line are this far apart at the most, in heights,
_WAVER = 0.2  # and this far off it on average
_SURE = 3.0  # a slope is this many times the chance deviation of one
_RATHER = 0.6  # squares off a slope, at the most this part of those off two steps
_AGREE = 0.05  # slopes of the lines of a page differ by less


@dataclass(frozen=True, slots=True)
class RectifiedPage:
    """A page seen from above, not yet upright."""

    gray: Gray
    to_page: Transform  # its pixels → pixels of the page as given
    frame: Quad | None  # the corners of a ruled grid that it was set square by
    skew: float  # of that grid before, as in `UprightPage`; means nothing without one
    blurred: bool  # as `UprightPage` says


def straighten(gray: Gray, rotation: int = 0) -> UprightPage:
    """Return the page flat, upright and level.

    Args:
        gray: the page as given, any size.
        rotation: clockwise turn that sets it upright: 0, 90, 180 or 270 degrees.
    """
    return deskew(rectify(gray), rotation)


def rectify(gray: Gray, by_grid: bool = True) -> RectifiedPage:
    """Return the sheet out of a photo of one, any other page whole; large enough to find strokes.

    `deskew` takes it from here, for as many rotations as are to be tried.

    Args:
        gray: the page as given.
        by_grid: a page with a ruled grid that stands askew is set square by it.
    """
    sheet = _find_sheet(gray)
    to_page = np.eye(3)
    if sheet is not None:
        gray, to_page = seen_from_above(gray, sheet)
    frame, skew = find_frame(gray) if by_grid else None, 0.0
    if frame is not None:
        skew = _leaning(frame)
        gray, to_sheet, frame = _squared(gray, frame)
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
        frame = _mapped(frame, np.linalg.inv(to_small))
    return RectifiedPage(gray, to_page @ to_small, frame, skew, scale > 1 and frame is not None)


def deskew(flat: RectifiedPage, rotation: int = 0) -> UprightPage:
    """Return a flat page turned upright and its lines level; paper fills what turning bares.

    Args:
        flat: what `rectify` returned.
        rotation: clockwise turn that sets it upright: 0, 90, 180 or 270 degrees.
    """
    gray, to_flat = _quarter_turn(flat.gray, rotation)
    if flat.frame is not None:
        frame = _box_around(_mapped(flat.frame, np.linalg.inv(to_flat)))
        return UprightPage(gray, flat.to_page @ to_flat, rotation, flat.skew, frame, flat.blurred)
    skew = _skew(gray)
    if skew:
        gray, to_skewed = _turn(gray, skew)
        to_flat = to_flat @ to_skewed
    return UprightPage(gray, flat.to_page @ to_flat, rotation, skew)


def _squared(gray: Gray, frame: Quad) -> tuple[Gray, Transform, Quad | None]:
    """Return a page set square by a grid, the map back, and where the grid is then.

    The page stays as it is where the grid is square, and where it is seen so steeply that it is of
    no use.
    """
    if not _is_askew(frame):
        return gray, np.eye(3), frame
    squared = set_square(gray, frame)
    if squared is None:
        return gray, np.eye(3), None
    return *squared, _mapped(frame, np.linalg.inv(squared[1]))


def _mapped(points: Quad, transform: NDArray[np.floating]) -> Quad:
    """Return corners where a transform takes them."""
    return np.asarray(cv2.perspectiveTransform(points[None], transform)[0], np.float64)


def _box_around(quad: Quad) -> Box:
    """Return the upright box that corners are those of, as far as whole pixels go."""
    left, top = np.round(quad.min(axis=0) + 0.5).astype(int).tolist()
    right, bottom = np.round(quad.max(axis=0) + 0.5).astype(int).tolist()
    return Box(left, top, right - left, bottom - top)


def _leaning(frame: Quad) -> float:
    """Return by how many degrees the level sides of a grid fall."""
    (x, y) = (frame[[1, 2]] - frame[[0, 3]]).sum(axis=0)
    return round(float(np.degrees(np.arctan2(y, x))), 1)


def _is_askew(frame: Quad) -> bool:
    """Tell whether a grid is no upright rectangle, as far as would disturb its rules."""
    width, height = size_of(frame)
    x, y = (frame - frame.mean(axis=0)).T
    off = np.abs(np.abs(x) - width / 2) / width, np.abs(np.abs(y) - height / 2) / height
    return bool(np.max(off) > _ASKEW)


def _enlargement(gray: Gray, has_grid: bool) -> int:
    """Return the whole factor that makes a tiny picture large enough, or a small one of a grid."""
    if max(gray.shape) > _LOOK:
        return 1
    least = _GRID_ENLARGEMENT if has_grid else 1
    return int(np.clip(-(-_MIN_SIDE // min(gray.shape)), least, _MAX_ENLARGEMENT))


def _quarter_turn(gray: Gray, rotation: int) -> tuple[Gray, Transform]:
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


def _turn(gray: Gray, skew: float) -> tuple[Gray, Transform]:
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


def _halved(gray: Gray, most: int) -> Gray:
    """Return a picture halved until no side is longer than `most`.

    By halves, which OpenCV does ten times faster than thirds.
    """
    while max(gray.shape) > most and min(gray.shape) > 1:
        half = cv2.resize(gray, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        gray = np.asarray(half, np.uint8)
    return gray


# The sheet in a photo


def _find_sheet(gray: Gray) -> Quad | None:
    """Return the corners of a bright sheet that lies whole on something darker, if one does."""
    if min(gray.shape) < _SHEET_MIN_SIDE:
        return None
    small = _halved(gray, _SHEET_LOOK)
    # twice, as OpenCV is ten times faster at medians of up to 5 pixels
    bare = np.asarray(cv2.medianBlur(cv2.medianBlur(small, 5), 5), np.uint8)
    darkest, brightest = np.percentile(bare, (2, 98))
    for light in np.linspace(darkest, brightest, _LEVELS + 2)[1:-1]:
        quad = _largest_quad(bare > light)
        if quad is not None and _falls_off(quad, bare):
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
    return fitted(around, outline) if filled else None


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


def _falls_off(quad: Quad, bare: Gray) -> bool:
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


# Skew


def _skew(gray: Gray) -> float:
    """Return the skew in degrees, 0 where lines are level or there are none to go by."""
    ink = _ink(_halved(gray, _LOOK))
    marks = _few_tall_marks(ink)
    if marks is None:
        return _skew_of_rows(ink, _SHARPER)
    return _skew_of_few(marks) or _skew_of_rows(ink, _RULED)


def _few_tall_marks(ink: Gray) -> BoxArray | None:
    """Return the marks at least half as tall as most of the ink, None where there are many.

    That leaves points, dashes, specks and the paper's noise out. Pieces of a table's lines are
    taller than digits but hold little ink.
    """
    contours, nesting = cv2.findContours(ink, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    if not contours:
        return np.empty((0, 4))
    if len(contours) > _MOST_NOISE:
        return None
    marks = [c for c, ring in zip(contours, nesting[0], strict=True) if ring[3] < 0]  # no holes
    boxes = np.array([cv2.boundingRect(mark) for mark in marks], np.float64).reshape(-1, 4)
    height, width = ink.shape
    inner = (boxes[:, 2] < width / 2) | (boxes[:, 3] < height / 2)  # no frames
    boxes = boxes[inner]
    filled = np.array([cv2.contourArea(mark) for mark in marks])[inner]
    tall = np.asarray(boxes[boxes[:, 3] >= _usual(boxes[:, 3], filled) / 2], np.float64)
    return tall if len(tall) <= _FEW_MARKS else None


def _usual(heights: NDArray[np.float64], areas: NDArray[np.float64]) -> float:
    """Return the median of heights by area, 0 without any."""
    order = np.argsort(heights)
    share = np.cumsum(areas[order])
    return float(heights[order][np.searchsorted(share, share[-1] / 2)]) if len(order) else 0.0


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
    coarse = np.arange(-_MOST_SKEW, _MOST_SKEW + 0.1, 0.5)
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
    """Return how unevenly marks fall into rows when lines fall by each of some degrees.

    Few marks are turned by many angles at once: small arrays take as long as larger ones.
    """
    slopes, found = np.tan(np.radians(angles))[:, None], list[float]()
    n_at_once = max(1, _AT_ONCE // len(x))
    for some in (slopes[i : i + n_at_once] for i in range(0, len(slopes), n_at_once)):
        turned = y - some * x  # (angles, marks)
        rows = (turned - turned.min(axis=1, keepdims=True)).astype(int)
        n_rows = int(rows.max()) + 1
        rows += n_rows * np.arange(len(some))[:, None]
        counts = np.bincount(rows.ravel(), minlength=n_rows * len(some)).reshape(-1, n_rows)
        found += (counts.astype(np.float64) ** 2).sum(axis=1).tolist()
    return found


def _skew_of_few(marks: BoxArray) -> float:
    """Return the skew of the lines that a few marks stand in, 0 where that is not clear."""
    slopes = [_slope(line) for line in _lines(marks) if len(line) >= _LEAST_IN_LINE]
    if not slopes or np.ptp(slopes) > _AGREE:
        return 0.0
    skew = round(float(np.degrees(np.arctan(np.mean(slopes)))), 1)
    return skew if abs(skew) >= _LEAST_SKEW else 0.0


def _lines(boxes: BoxArray) -> list[BoxArray]:
    """Return the lines that marks stand in, each from left to right.

    Each mark goes on the line that ends nearest to its left (O'Gorman 1993).
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
    """Return how steeply a line of marks falls, 0 where that may be chance.

    It is a slope rather than two level numbers at different heights if marks are nearer to it.
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

"""Percent signs among the components on a page: a leaning stroke between two small rings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from digitocr.core.arrays import BinaryImage
from digitocr.core.geometry import (
    Box,
    Corners,
    around,
    corners_of,
)
from digitocr.imaging.stroke_width import stroke_width

# Looked up on the percent signs of 113 typefaces, digits 12 to 60 pixels high. A sign is so high,
_HEIGHT = 0.45, 1.5  # of the page's digit height
_LEAST_PX, _LEAST_TOUCHING_PX = 8, 12  # lower ones are too coarse to tell, where its parts touch
_ASPECT = 0.45, 1.9  # width / height
# and its rings are so large, in lengths of its stroke, and no farther off the stroke's box.
_PART, _OFF = (0.2, 0.72), 0.3
# The stroke leans to the right by so much for one up (or up for one to the right), and so much of
# the sign's height (or width) is ink along it. It is so many times as wide as all its strokes.
_LEANS = np.arange(0.1, 1.3, 0.05)
_COVERED = 0.9
_EQUAL = 0.97  # lines that are covered by this part of the best are in the stroke too
_STROKES = (1.0, 1.4)
# A stroke that touches no ring may bend: in heights of the sign, how far its ink is off a line
# (deviation), and how long it is.
_BENT, _LONG = 0.1, 0.6
# Without it two parts are left, and bits smaller than this part of them. In heights of the sign
# parts are so high and wide; one is no more than so many times as large as the other, their middles
# are so far apart, and they are round, with this part of their hull inside their outline.
_BITS, _TOUCHING_BITS = 0.25, 0.1
_RING, _TOUCHING_RING = (0.22, 0.68), 0.6
_ALIKE, _APART = 1.5, 0.3
_ROUND, _HULL = (0.5, 1.8), 0.86
_LEAST_HOLE = 0.03  # of the hull of a ring

_Ink = NDArray[np.bool_]  # (H, W)
_Off = NDArray[np.float64]  # (H, W): pixels to the right of a stroke, 0 in it


def find_percents(
    contours: Sequence[np.ndarray], boxes: Sequence[Box], binary: BinaryImage, height: float
) -> list[tuple[int, ...]]:
    """Return the components of each percent sign on a page, as places among all components.

    Three components, or fewer where its parts touch.

    Args:
        contours: the outline of each component.
        boxes: the same components' boxes.
        binary: of the page.
        height: of its digits, pixels; 0 where there are none.
    """
    if height == 0:
        return []
    n_holes = _n_holes(boxes, binary)
    if n_holes.sum() < 2:
        return []
    corners = corners_of(boxes)
    corners = corners[np.argsort(corners[:, 0], kind="stable")]
    order = sorted(range(len(boxes)), key=lambda i: boxes[i].x)
    longest = (corners[:, 2:] - corners[:, :2]).max(axis=1, initial=0)
    least, most = max(_LEAST_PX, _HEIGHT[0] * height), _HEIGHT[1] * height
    holes = n_holes[order]
    rings = (longest >= _PART[0] * least) & (longest <= _PART[1] * height) & (holes > 0)
    small = np.flatnonzero(rings)
    sizes = (longest >= least) & (longest <= most)
    strokes = np.flatnonzero(sizes & ((holes > 1) | _have_near(corners, small, height)))
    found: list[tuple[int, ...]] = []
    taken: set[int] = set()
    for i in strokes.tolist():
        for places in _possible_signs(i, corners, small):
            members = tuple(order[one] for one in places)
            box = around([boxes[one] for one in members])
            if not _LEAST_PX <= box.height <= most or holes[list(places)].sum() < 2:
                continue
            stroke = _ink(members[1:2], contours, box, binary) if len(members) == 3 else None
            if taken.isdisjoint(members) and _is_percent(
                _ink(members, contours, box, binary), stroke
            ):
                found.append(members)
                taken.update(members)
                break
    return found


def _n_holes(boxes: Sequence[Box], binary: BinaryImage) -> NDArray[np.int64]:
    """Return how many holes each component has, (N,)."""
    outlines, tree = cv2.findContours(binary, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    around_holes = Counter(tree[0, :, 3].tolist() if len(outlines) else [])
    counts = {cv2.boundingRect(outlines[i]): n for i, n in around_holes.items() if i >= 0}
    found = [counts.get((box.x, box.y, box.width, box.height), 0) for box in boxes]
    return np.array(found, np.int64)


def _have_near(corners: Corners, small: NDArray[np.intp], height: float) -> NDArray[np.bool_]:
    """Tell for each component whether one that may be a ring is near it.

    In its square of a chequered page or in one beside that.
    """
    x, y = ((corners[:, :2] + corners[:, 2:]).T // (2 * _HEIGHT[1] * height)).astype(np.int64)
    width = int(x.max(initial=0)) + 3  # no square is beside one of the row below
    squares = y * width + x
    beside = [down * width + right for down in (-1, 0, 1) for right in (-1, 0, 1)]
    return np.isin(squares, np.add.outer(squares[small], beside))


def _possible_signs(i: int, corners: Corners, small: NDArray[np.intp]) -> Iterator[tuple[int, ...]]:
    """Yield the components that may be a sign with component i, those of most parts first.

    Args:
        i: the component that holds the stroke.
        corners: (N, 4) of all components, from the left.
        small: components that may be rings, from the left.
    """
    left, top, right, bottom = corners[i]
    own = max(right - left, bottom - top)
    reach = left - (_PART[1] + _OFF) * own, right + _OFF * own
    near = small[slice(*np.searchsorted(corners[small, 0], reach))]
    boxes = corners[near]
    sizes = boxes[:, 2:] - boxes[:, :2]
    fits = (sizes.max(axis=1) <= _PART[1] * own) & (sizes.min(axis=1) >= _PART[0] * own)
    fits &= (boxes[:, 1] >= top - _PART[1] * own) & (boxes[:, 3] <= bottom + _PART[1] * own)
    near, boxes = near[fits & (near != i)], boxes[fits & (near != i)]
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    off = middles - ((left + right) / 2, (top + bottom) / 2)
    first = near[(off < 0).all(axis=1)][-1:].tolist()
    last = near[(off > 0).all(axis=1)][:1].tolist()
    if first and last:
        yield first[0], i, last[0]
    if right - left >= _ASPECT[0] * own:
        yield from ((i, one) for one in (*first, *last))
        yield (i,)


def _ink(
    members: Sequence[int], contours: Sequence[np.ndarray], box: Box, binary: BinaryImage
) -> _Ink:
    """Return the ink of some components in a box."""
    inside = np.zeros((box.height, box.width), np.uint8)
    own = [contours[i] for i in members]
    cv2.drawContours(inside, own, -1, 255, cv2.FILLED, offset=(-box.x, -box.y))
    return np.asarray((inside & binary[box.y : box.bottom, box.x : box.right]) > 0)


def _is_percent(ink: _Ink, stroke: _Ink | None) -> bool:
    """Tell whether ink is a leaning stroke with a ring above its left and below its right side.

    Args:
        ink: (H, W), of what may be a sign.
        stroke: the same of its stroke, where that touches no ring. Then these may be filled, else
            they can't be told from the arms of an X.
    """
    height, width = ink.shape
    if not _ASPECT[0] <= width / height <= _ASPECT[1]:
        return False
    if stroke is not None:
        ways = ((ink, stroke), (ink.T, stroke.T))
        return any(_are_rings(own, _off_line(line), None) for own, line in ways)
    holes = _holes(ink)
    if height < _LEAST_TOUCHING_PX or not _is_pair(holes):
        return False
    breadth = stroke_width(np.asarray(ink, np.uint8))
    return any(
        _are_rings(own, _off_stroke(own, max(1.0, wide * breadth)), within)
        for own, within in ((ink, holes), (ink.T, holes.T))
        for wide in _STROKES
    )


def _off_line(stroke: _Ink) -> _Off | None:
    """Return how far each place is to the right of a stroke, 0 in it; None if it is none."""
    rows, columns = np.nonzero(stroke)
    slope, start = np.polyfit(rows, columns, 1) if np.ptp(rows) else (0.0, 0.0)
    height, width = stroke.shape
    off = np.arange(width) - (slope * np.arange(height)[:, None] + start)
    is_straight = off[stroke].std() <= _BENT * height
    long = np.ptp(rows) >= _LONG * height
    off[stroke] = 0
    leans = _LEANS[0] <= -slope <= _LEANS[-1]
    return np.asarray(off) if is_straight and long and leans else None


def _holes(ink: _Ink) -> _Ink:
    """Return the paper that ink encloses."""
    paper = np.pad(~ink, 1, constant_values=True).astype(np.uint8)
    parts = cv2.connectedComponents(paper, connectivity=4)[1]
    return np.asarray((paper > 0) & (parts != parts[0, 0]))[1:-1, 1:-1]


def _is_pair(holes: _Ink) -> bool:
    """Tell whether the largest holes are one to the left above the other: no 8 has them so."""
    n, _, stats, middles = cv2.connectedComponentsWithStats(holes.astype(np.uint8), connectivity=4)
    if n < 3:
        return False
    one, other = middles[1 + np.argsort(stats[1:, cv2.CC_STAT_AREA])[-2:]]
    least = _APART * min(holes.shape)
    return bool(min((other - one) * np.sign(other[0] - one[0])) >= least)


def _off_stroke(ink: _Ink, breadth: float) -> _Off | None:
    """Return how far each place is to the right of a leaning stroke, 0 in it; None without one.

    The stroke is where most rows have ink along a line, and so many pixels wide.
    """
    height, width = ink.shape
    rows = np.arange(height)[:, None] - (height - 1) / 2
    best = _COVERED * height
    off: _Off | None = None
    for lean in _LEANS:
        places = np.arange(width) + lean * rows
        inked = np.round(places[ink]).astype(int)
        least = int(inked.min())
        covered = np.bincount(inked - least)
        if covered.max() > best:
            best = covered.max()
            off = places - (least + float(np.flatnonzero(covered >= _EQUAL * best).mean()))
    if off is None:
        return None
    off[abs(off) <= breadth / 2] = 0
    return off


def _are_rings(ink: _Ink, off: _Off | None, holes: _Ink | None) -> bool:
    """Tell whether what a stroke leaves is a ring above its left and one below its right side.

    Args:
        ink: of the sign.
        off: its places from the stroke; None for no stroke.
        holes: what the rings enclose, where they touch the stroke; a 9 and a 6 that touch look much
            like that.
    """
    if off is None:
        return False
    n, labels, stats, middles = cv2.connectedComponentsWithStats(
        (ink & (off != 0)).astype(np.uint8)
    )
    areas = stats[1:, cv2.CC_STAT_AREA]
    bits, most = (_BITS, _RING[1]) if holes is None else (_TOUCHING_BITS, _TOUCHING_RING)
    if n < 3 or np.sort(areas)[:-2].sum() > bits * np.sort(areas)[-2]:
        return False
    pair = sorted((1 + np.argsort(areas)[-2:]).tolist(), key=lambda part: float(middles[part][0]))
    first, last = labels == pair[0], labels == pair[1]
    (x0, y0), (x1, y1) = middles[pair]
    sides = off[first].mean() < 0 < off[last].mean() and y0 < len(ink) / 2 < y1
    sizes = stats[pair][:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]]
    alike = (sizes.max(axis=0) <= _ALIKE * sizes.min(axis=0) + 1).all()
    beside = min(x1 - x0, y1 - y0) >= _APART * min(ink.shape)
    large = (sizes >= _RING[0] * min(ink.shape)).all() and (sizes <= most * max(ink.shape)).all()
    return bool(sides and alike and beside and large) and all(
        _is_ring(one, holes) for one in (first, last)
    )


def _is_ring(part: _Ink, holes: _Ink | None) -> bool:
    """Tell whether a part of a sign is round, and holds one of its holes where these are given."""
    own = part.astype(np.uint8)
    _, _, width, tall = cv2.boundingRect(own)
    outline = cv2.findContours(own, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    hull, solid = np.zeros_like(own), np.zeros_like(own)
    cv2.fillConvexPoly(hull, cv2.convexHull(outline[0]), 1)
    cv2.drawContours(solid, outline, -1, 1, cv2.FILLED)
    is_round = _ROUND[0] <= width / tall <= _ROUND[1] and solid.sum() >= _HULL * hull.sum()
    open_ring = holes is None or (hull * holes).sum() >= _LEAST_HOLE * hull.sum()
    return bool(is_round and open_ring)

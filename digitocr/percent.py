"""Percent signs among the marks on a page: a leaning stroke between two small rings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from digitocr.crops import stroke_width
from digitocr.records import Box, Mask, around

# Looked up on the percent signs of 113 typefaces, digits 12 to 60 pixels high. A sign is so high,
_HEIGHT = 0.45, 1.5  # of the page's digit height
_LEAST_PX, _LEAST_TOUCHING_PX = 8, 15  # lower ones are too coarse to tell, where its parts touch
_ASPECT = 0.45, 1.9  # width / height
# and its rings are so large, in lengths of its stroke, and no farther off the stroke's box.
_PART, _OFF = (0.2, 0.72), 0.3
# The stroke leans to the right by so much for one up (or up for one to the right), and so much of
# the sign's height (or width) is ink along it. It is so many times as wide as all its strokes.
_LEANS = np.arange(0.1, 1.3, 0.05)
_COVERED = 0.9
_EQUAL = 0.97  # lines that are covered by this part of the best are in the stroke too
_PENS = (1.0, 1.4)
# Without it two parts are left, and bits smaller than this part of them. In heights of the sign
# parts are so high and wide; one is no more than so many times as large as the other, their middles
# are so far apart, and they are round, with this part of their hull inside their outline.
_BITS, _TOUCHING_BITS = 0.25, 0.1
_RING, _TOUCHING_RING = (0.22, 0.68), 0.6
_ALIKE, _APART = 1.5, 0.3
_ROUND, _HULL = (0.5, 1.8), 0.86
_LEAST_HOLE = 0.03  # of the hull of a ring

_Ink = NDArray[np.bool_]  # (H, W)


def find_percents(
    contours: Sequence[np.ndarray], boxes: Sequence[Box], mask: Mask, height: float
) -> list[tuple[int, ...]]:
    """Return the marks of each percent sign on a page, as places among all marks.

    Three marks, or fewer where its parts touch.

    Args:
        contours: the outline of each mark.
        boxes: the same marks' boxes.
        mask: of the page.
        height: of its digits, pixels; 0 where there are none.
    """
    corners = np.array([(b.x, b.y, b.right, b.bottom) for b in boxes], np.float64).reshape(-1, 4)
    corners = corners[np.argsort(corners[:, 0], kind="stable")]
    order = sorted(range(len(boxes)), key=lambda i: boxes[i].x)
    longest = (corners[:, 2:] - corners[:, :2]).max(axis=1, initial=0)
    least, most = max(_LEAST_PX, _HEIGHT[0] * height), _HEIGHT[1] * height
    small = np.flatnonzero((longest >= _PART[0] * least) & (longest <= _PART[1] * most))
    found: list[tuple[int, ...]] = []
    taken: set[int] = set()
    for i in np.flatnonzero((longest >= least) & (longest <= most)).tolist():
        for way in _ways(i, corners, small):
            marks = tuple(order[one] for one in way)
            ink = _ink(marks, contours, boxes, mask)
            free = _LEAST_PX <= len(ink) <= most and taken.isdisjoint(marks)
            if free and _is_percent(ink, len(way) == 3):
                found.append(marks)
                taken.update(marks)
                break
    return found


def _ways(
    i: int, corners: NDArray[np.float64], small: NDArray[np.intp]
) -> Iterator[tuple[int, ...]]:
    """Yield the marks that may be a sign with mark i, those of most parts first.

    Args:
        i: the mark that holds the stroke.
        corners: (N, 4) of all marks, from the left.
        small: marks that may be rings, from the left.
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
    marks: Sequence[int], contours: Sequence[np.ndarray], boxes: Sequence[Box], mask: Mask
) -> _Ink:
    """Return the ink of some marks in the box around them."""
    box = around([boxes[i] for i in marks])
    inside = np.zeros((box.height, box.width), np.uint8)
    own = [contours[i] for i in marks]
    cv2.drawContours(inside, own, -1, 255, cv2.FILLED, offset=(-box.x, -box.y))
    return np.asarray((inside & mask[box.y : box.bottom, box.x : box.right]) > 0)


def _is_percent(ink: _Ink, apart: bool) -> bool:
    """Tell whether ink is a leaning stroke with a ring above its left and below its right side.

    Args:
        ink: of what may be a sign.
        apart: it is three marks: then rings may be filled, else they can't be told from the arms
            of an X.
    """
    height, width = ink.shape
    if not _ASPECT[0] <= width / height <= _ASPECT[1]:
        return False
    holes = _holes(ink)
    if not apart and (height < _LEAST_TOUCHING_PX or not _is_pair(holes)):
        return False
    pen = stroke_width(np.asarray(ink, np.uint8))
    for own, own_holes in ((ink, holes), (ink.T, holes.T)):
        off = _off_stroke(own)
        if off is not None:
            for wide in _PENS:
                beyond = np.where(abs(off) > max(1.0, wide * pen) / 2, off, 0)
                parts = _beside_stroke(own, beyond, apart)
                if parts and all(_is_ring(one, None if apart else own_holes) for one in parts):
                    return True
    return False


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


def _off_stroke(ink: _Ink) -> NDArray[np.float64] | None:
    """Return how far each place is to the right of a leaning stroke's middle, None without one.

    The stroke is where most rows have ink along a line.
    """
    height, width = ink.shape
    rows = np.arange(height)[:, None] - (height - 1) / 2
    best, off = _COVERED * height, None
    for lean in _LEANS:
        places = np.arange(width) + lean * rows
        inked = np.round(places[ink]).astype(int)
        least = int(inked.min())
        covered = np.bincount(inked - least)
        if covered.max() > best:
            best = covered.max()
            off = places - (least + float(np.flatnonzero(covered >= _EQUAL * best).mean()))
    return off


def _beside_stroke(ink: _Ink, off: NDArray[np.float64], apart: bool) -> tuple[_Ink, ...]:
    """Return the part above a stroke's left side and that below its right, () if there is more.

    Args:
        ink: of the sign.
        off: how far each place is to the right of the stroke, 0 in it.
        apart: it is three marks; else a 9 and a 6 that touch look much like one.
    """
    n, labels, stats, middles = cv2.connectedComponentsWithStats(
        (ink & (off != 0)).astype(np.uint8)
    )
    areas = stats[1:, cv2.CC_STAT_AREA]
    bits, most = (_BITS, _RING[1]) if apart else (_TOUCHING_BITS, _TOUCHING_RING)
    if n < 3 or np.sort(areas)[:-2].sum() > bits * np.sort(areas)[-2]:
        return ()
    pair = sorted((1 + np.argsort(areas)[-2:]).tolist(), key=lambda part: float(middles[part][0]))
    first, last = (labels == part for part in pair)
    (x0, y0), (x1, y1) = middles[pair]
    sides = off[first].max() < 0 < off[last].min() and y0 < len(ink) / 2 < y1
    sizes = stats[pair][:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]]
    alike = (sizes.max(axis=0) <= _ALIKE * sizes.min(axis=0) + 1).all()
    beside = min(x1 - x0, y1 - y0) >= _APART * min(ink.shape)
    large = (sizes >= _RING[0] * min(ink.shape)).all() and (sizes <= most * max(ink.shape)).all()
    return (first, last) if sides and alike and beside and large else ()


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

"""Binary image → connected components → ink groups: what may be pieces of one digit together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from digitocr.core.arrays import BinaryImage
from digitocr.core.geometry import Box, PixelCorners, Transform, around
from digitocr.core.statistics import median, usual_size
from digitocr.imaging.stroke_width import stroke_width
from digitocr.recognition.hypotheses import Candidate
from digitocr.recognition.percent import find_percents
from digitocr.recognition.splitting import (
    LEAST_SIZE,
    MOST_DIGIT_HEIGHT,
    MOST_HEIGHT,
    WHOLE,
    WIDE,
    WIDEST,
    split_candidates,
)

# All sizes are parts of the page's digit height, the usual height of its components.
_LEAST_COMPONENT_PX = 10  # lower components are no digits, and say nothing of their height
_LEAST_ASPECT, _MOST_ASPECT = 0.15, 1.6  # width / height of digits, but for the thinnest 1
_DIGIT_WIDTH = 0.7  # of touching digits, as a part of their height
# Where so many components are as wide as digits are, touching ones are no more than so many times
# higher, as signatures and logos are.
_MANY, _MOST_TOUCHING = 8, 3.0
_SOLID = 0.7  # of its box
# On a page as large as this no stroke is as thin as this, but the dashes along a sheet's edge are.
_LARGE_PX, _HAIR_PX, _HAIR_ASPECT = 2000, 2, 4
# Components as large as this part of a page, both ways, are frames around it; smaller pictures than
# this are filled by a digit or two.
_FRAME, _LEAST_FRAMED_PX = 0.6, 300
_PAGE = 2.2  # a page's sides are longer than this, in digit heights
_AT_EDGE = 2.0  # pixels; components this near to the edge of a page are cut off
_SPECK = 0.25  # smaller both ways: dust and points,
# and what is smaller than these times the usual stroke is wide, dust alone: points and dashes are
# made by the same pen. It is measured on about so many components.
_POINT_STROKES, _DASH_STROKES, _MEASURED = 0.8, 0.5, 60
_MOST_WIDTH = 8.0  # wider: strokes drawn under or through numbers
_LOW, _LOW_WIDTH = 0.3, 0.9  # as low and wider: dashes, and what is left of ruling lines
# Low components thinner than this, or than this part of the page's strokes where these are finer,
# are what is left of ruling lines and of the paper's pattern; others may be pieces of finely drawn
# digits.
_HAIR, _HAIR_STROKES = 0.05, 0.5
# What is no wider than this part of its height is a side of a box, finer and straighter than a 1.
_UPRIGHT = 0.045
# Components may be pieces of one digit when they are no farther apart than this, across and down,
_ASIDE, _APART = 0.2, 0.3
# when one is low, or they stand over each other by this part of the narrower one's width,
_OVERLAP = 0.3
# or when they are two tall strokes this close and together no wider, as the sides of an open 0.
_OPEN, _OPEN_WIDTH = 0.1, 0.75
# Components no larger than this, both ways, that stand this far aside are points beside a digit.
_POINT, _CLEAR = 0.34, 0.03
_AT_ONCE = 64  # components that are looked at together: a compromise of time and memory
_MOST_IN_GROUP = 30  # in an ink group: more are a pattern of dots or strokes, each for itself


@dataclass(frozen=True, slots=True)
class InkGroup:
    """Ink that is read together: most often one component, else pieces of one or more digits."""

    number: int  # from 0
    box: Box
    components: tuple[BinaryImage, ...]  # (box.height, box.width) each
    height: float  # the page's digit height

    @property
    def whole(self) -> Candidate | None:
        """All of it as one digit, where it is one component, no wider than the widest digits."""
        if len(self.components) > 1 or self.box.width >= WIDEST * self.height:
            return None
        size = self.box.height / self.height
        return Candidate(self.box, self.components[0], self.number, 0, 1, size, 0.0)

    @property
    def is_wide(self) -> bool:
        """Whether it is wider than most digits are."""
        return self.box.width >= WIDE * self.height

    @property
    def candidates(self) -> list[Candidate]:
        """A candidate for each way to take neighbouring pieces, from the left, for one digit.

        Every piece alone is one too.
        """
        return split_candidates(self.components, self.box, self.number, self.height)


def find_candidates(binary: BinaryImage) -> list[Candidate]:
    """Return what may be digits, group by group: whole components, splits and merges."""
    return [candidate for group in find_components(binary).groups for candidate in group.candidates]


@dataclass(frozen=True, slots=True)
class Components:
    """What is written on a page."""

    groups: list[InkGroup]  # that may be digits
    low: list[Box]  # beside them: points, dashes, dust
    percents: list[Box]  # percent signs


def find_components(binary: BinaryImage, tables: Sequence[Box] = ()) -> Components:
    """Return the ink groups that may be digits, low components beside them, and percent signs.

    Args:
        binary: of the page.
        tables: where they may be: components in them tell the digit height better than others, as
            the cloth that a sheet lies on is full of components.
    """
    contours, boxes = _contours_and_boxes(binary)
    edges = [
        _is_at_edge(box, binary) and _is_solid(box, contours[i]) for i, box in enumerate(boxes)
    ]
    inner = [box for box, edge in zip(boxes, edges, strict=True) if not edge]
    in_tables = [box for box in inner if any(table.contains(box.middle) for table in tables)]
    height = _digit_height(next((some for some in (in_tables, inner) if len(some) >= _MANY), boxes))
    percents = find_percents(contours, boxes, binary, height)
    signs = {i for percent in percents for i in percent}
    tall = [i for i, box in enumerate(boxes) if _is_tall(box, height)]
    stroke_width = _usual_stroke_width(binary, [(contours[i], boxes[i]) for i in tall])
    # Few tall ones may be dust themselves.
    fine = _HAIR_STROKES * stroke_width if len(tall) >= _MANY else np.inf
    hair = min(_HAIR * height, fine)
    kept = [
        i
        for i, box in enumerate(boxes)
        if i not in signs
        and _may_be_ink_of_digits(box, binary, height)
        and not (box.height < LEAST_SIZE * height and _is_hair(contours[i], box, hair))
    ]
    groups: list[InkGroup] = []
    taken = set(signs)
    for group in _index_groups([boxes[i] for i in kept], height):
        box = around([boxes[kept[i]] for i in group])
        if len(group) > 1 or box.height >= LEAST_SIZE * height:
            components = tuple(ink_inside(binary, contours[kept[i]], box) for i in group)
            groups.append(InkGroup(len(groups), box, components, height))
            taken.update(kept[i] for i in group)
    low = [
        box for i, box in enumerate(boxes) if i not in taken and _is_low(box, height, stroke_width)
    ]
    return Components(groups, low, [around([boxes[i] for i in percent]) for percent in percents])


def unclipped_components(
    components: Components, to_page: Transform, page: tuple[int, ...]
) -> Components:
    """Return components without the ink groups that the page's edge cuts off.

    Those are meant that deskewing has moved away from the edge.

    Args:
        components: of the deskewed page.
        to_page: its pixels → pixels of the page as given.
        page: height and width of that.
    """
    kept = [group for group in components.groups if not _is_cut_off(group, to_page, page)]
    return replace(components, groups=kept)


def is_page(shape: tuple[int, ...], height: float) -> bool:
    """Tell whether a picture (H, W) is more than a cut around digits of a height, pixels."""
    return min(shape) > _PAGE * height


def _is_cut_off(group: InkGroup, to_page: Transform, page: tuple[int, ...]) -> bool:
    box = group.box
    if not is_page(page, group.height):
        return False
    corners = np.array([[box.x, box.right] * 2, [box.y, box.y, box.bottom, box.bottom], [1] * 4])
    if not _touches_edge(to_page @ corners, page):
        return False
    y, x = np.nonzero(np.maximum.reduce(group.components))
    return _touches_edge(to_page @ np.stack([x + box.x, y + box.y, np.ones_like(x)]), page)


def _touches_edge(places: NDArray[np.float64], page: tuple[int, ...]) -> bool:
    """Tell whether any of (3, N) homogeneous places is at the edge of a page."""
    x, y = places[:2] / places[2]
    height, width = page
    off = min(x.min(), y.min(), width - 1 - x.max(), height - 1 - y.max())
    return bool(off < _AT_EDGE)


def _contours_and_boxes(binary: BinaryImage) -> tuple[Sequence[np.ndarray], list[Box]]:
    """Return the outline and box of each component.

    A frame around the page, as the edge of a sheet with the desk beyond it, is left out, so that
    what it encloses are components too.
    """
    while True:
        contours = cv2.findContours(binary, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
        boxes = [Box(*cv2.boundingRect(contour)) for contour in contours]
        frames = [i for i, box in enumerate(boxes) if _is_frame(box, binary)]
        if not frames:
            return contours, boxes
        binary = binary.copy()
        for i in frames:
            x, y = contours[i][0, 0].tolist()
            cv2.floodFill(binary, None, (x, y), 0, flags=8)


def _is_frame(box: Box, binary: BinaryImage) -> bool:
    height, width = binary.shape
    large = min(height, width) >= _LEAST_FRAMED_PX
    return bool(large and box.width > _FRAME * width and box.height > _FRAME * height)


def _is_tall(box: Box, height: float) -> bool:
    """Tell whether a component is as high as digits are."""
    low, high = LEAST_SIZE * height, MOST_HEIGHT * height
    return low <= box.height <= high and box.width <= _MOST_WIDTH * height


def _usual_stroke_width(binary: BinaryImage, components: Sequence[tuple[np.ndarray, Box]]) -> float:
    """Return the usual width of components' strokes in pixels, 0 where there are none."""
    some = components[:: max(1, len(components) // _MEASURED)]
    widths = [stroke_width(ink_inside(binary, contour, box)) for contour, box in some]
    return median(widths)


def _is_low(box: Box, height: float, stroke_width: float) -> bool:
    """Tell whether a component is as large as points and dashes are that a pen has made."""
    smaller, larger = sorted((box.width, box.height))
    made = larger >= _POINT_STROKES * stroke_width and smaller >= _DASH_STROKES * stroke_width
    return made and larger <= _LOW_WIDTH * height and box.height < LEAST_SIZE * height


def _digit_height(boxes: Sequence[Box]) -> float:
    """Return the usual height of the components on a page, in pixels; 0 where there are none.

    The median by height, so that any number of specks weighs less than the digits, of the
    components that are as wide as digits are, where there are any: a bracket is not. Higher
    components that are wider count for as many digits as may touch in them.
    """
    components = [box for box in boxes if box.height >= _LEAST_COMPONENT_PX]
    usual = [box for box in components if _LEAST_ASPECT < box.width / box.height < _MOST_ASPECT]
    if not usual:
        return usual_size([box.height for box in components])
    alone = usual_size([box.height for box in usual])
    highest = np.inf if len(usual) < _MANY else _MOST_TOUCHING * alone
    wide = [
        box for box in components if box.width >= _MOST_ASPECT * box.height > _MOST_ASPECT * alone
    ]
    each = [
        [box.height] * round(box.width / (_DIGIT_WIDTH * box.height))
        for box in wide
        if box.height <= highest
    ]
    return usual_size([box.height for box in usual] + [h for row in each for h in row])


def _may_be_ink_of_digits(box: Box, binary: BinaryImage, height: float) -> bool:
    """Tell whether a component is neither a speck nor too large nor cut off by the page's edge."""
    large = max(binary.shape) >= _LARGE_PX
    return (
        max(box.width, box.height) > _SPECK * height
        and box.height <= MOST_HEIGHT * height
        and _UPRIGHT * box.height < box.width <= _MOST_WIDTH * height
        and (box.width > _HAIR_PX or box.height < _HAIR_ASPECT * box.width or not large)
        and not (box.height <= _LOW * height and box.width > _LOW_WIDTH * height)
        and not _leaves_page(box, binary, height)
    )


def _is_hair(contour: np.ndarray, box: Box, thinnest: float) -> bool:
    """Tell whether a component is thinner than a pen's stroke, which is so many pixels wide."""
    pixels = cv2.contourArea(contour) + cv2.arcLength(contour, True) / 2 + 1  # Pick's theorem
    return bool(pixels < thinnest * max(box.width, box.height))


def _leaves_page(box: Box, binary: BinaryImage, height: float) -> bool:
    """Tell whether a component is cut off by the edge of a page: the lid of a scanner, the desk.

    Pictures that a few digits fill are no pages; there a digit may touch the edge.
    """
    return _is_at_edge(box, binary) and is_page(binary.shape, height)


def _is_solid(box: Box, contour: np.ndarray) -> bool:
    """Tell whether a component fills its box, as the desk beside a sheet does."""
    return bool(cv2.contourArea(contour) > _SOLID * box.width * box.height)


def _is_at_edge(box: Box, binary: BinaryImage) -> bool:
    height, width = binary.shape
    return box.x == 0 or box.y == 0 or box.right == width or box.bottom == height


def _index_groups(boxes: Sequence[Box], height: float) -> list[list[int]]:
    """Return groups of indices: components that may be pieces of one digit, most of them alone."""
    order = sorted(range(len(boxes)), key=lambda i: boxes[i].x)
    corners = np.array(
        [(boxes[i].x, boxes[i].y, boxes[i].right, boxes[i].bottom) for i in order], np.int64
    ).reshape(-1, 4)
    widest = max((box.width for box in boxes), default=0)
    parent = np.arange(len(order))  # of each component another of its group, or itself
    for start in range(0, len(corners), _AT_ONCE):
        some = corners[start : start + _AT_ONCE]
        first = int(np.searchsorted(corners[:, 0], some[0, 0] - widest - _ASIDE * height))
        may_join = _may_join(some[:, None], corners[None, first : start + len(some)], height)
        for i, j in (np.argwhere(may_join) + np.array([start, first])).tolist():
            if j < i:
                parent[_root(parent, i)] = _root(parent, j)
    groups: dict[int, list[int]] = {}
    for i in range(len(order)):
        groups.setdefault(_root(parent, i), []).append(order[i])
    return [
        group
        for group in groups.values()
        for group in (
            [[i] for i in group]
            if len(group) > _MOST_IN_GROUP
            else _line_by_line(group, boxes, height)
        )
    ]


def _line_by_line(group: list[int], boxes: Sequence[Box], height: float) -> Iterator[list[int]]:
    """Yield the components of an ink group, those of each line where it is higher than any digit.

    The foot of a broken 7 may be near to the top of a broken 5 in the line below.
    """
    group = sorted(group, key=lambda i: boxes[i].y)
    ends = np.maximum.accumulate([boxes[i].bottom for i in group])
    gaps = np.array([boxes[i].y for i in group[1:]]) - ends[:-1]
    high = ends[-1] - boxes[group[0]].y > MOST_DIGIT_HEIGHT * height
    if not high or gaps.max(initial=0) <= 0:
        yield group
        return
    end = int(gaps.argmax()) + 1
    yield from _line_by_line(group[:end], boxes, height)
    yield from _line_by_line(group[end:], boxes, height)


def _root(parent: NDArray[np.intp], i: int) -> int:
    """Return which component stands for a group (union-find with path halving, Tarjan 1975)."""
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = int(parent[i])
    return i


def _may_join(some: PixelCorners, others: PixelCorners, height: float) -> NDArray[np.bool_]:
    """Tell which two of components, (..., 4) against (..., 4), may be pieces of one digit."""
    size, sizes = some[..., 2:] - some[..., :2], others[..., 2:] - others[..., :2]
    starts, ends = (some[..., :2], others[..., :2]), (some[..., 2:], others[..., 2:])
    gap = np.maximum(*starts) - np.minimum(*ends)  # < 0: overlap
    together = np.maximum(*ends) - np.minimum(*starts)
    near = (gap[..., 0] <= _ASIDE * height) & (gap[..., 1] <= _APART * height)
    near &= together[..., 1] <= MOST_DIGIT_HEIGHT * height
    low = np.minimum(size[..., 1], sizes[..., 1]) < WHOLE * height
    low &= (gap[..., 0] < _CLEAR * height) | (
        np.minimum(size.max(axis=-1), sizes.max(axis=-1)) > _POINT * height
    )
    over = -gap[..., 0] >= _OVERLAP * np.minimum(size[..., 0], sizes[..., 0])
    sides = (gap[..., 0] <= _OPEN * height) & (together[..., 0] <= _OPEN_WIDTH * height)
    return np.asarray(near & (low | over | sides))


def ink_inside(binary: BinaryImage, contour: np.ndarray, box: Box) -> BinaryImage:
    """Return the ink inside one outline, and nothing of its neighbours', in a box."""
    inside = np.zeros((box.height, box.width), np.uint8)
    cv2.drawContours(inside, [contour], -1, 255, cv2.FILLED, offset=(-box.x, -box.y))
    return inside & binary[box.y : box.bottom, box.x : box.right]

"""Signs of numbers: points, commas and dashes, told from specks by their place, slashes and %."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from digitocr.core.geometry import Corners

# All lengths are parts of the height of the digits beside a component; heights are counted upwards
# from their feet. Looked up on cheques, printed tables, forms and invoices.
_LEAST, _MOST_POINT, _MOST_COMMA = 0.07, 0.34, 0.5
_ROUND = 2.2  # points are no more than so many times longer one way than the other
_COMMA_TOP, _COMMA_FOOT = 0.3, -0.04  # a comma begins lower than this and hangs lower than that
_DASH_WIDTH, _FLAT, _DASH_AT = (0.18, 0.9), 1.7, (0.25, 0.75)
# Where the middle of a point is: at the foot or raised. Where a page has so many points and this
# part of them are of one kind, all are, no farther from the usual place than this.
_AT_FOOT, _RAISED = (-0.2, 0.28), (0.28, 0.66)
_HIGHEST = 0.78  # raised points on pages where they are usual
_TELLING, _ALIKE, _ASTRAY = 8, 0.8, 0.14
# Digits with a point between them are one number when they are no farther apart than this, and the
# point no farther off either; with a dash, when it is this close to both. A dash nearer to the
# number after it than this, and so many times nearer than to the one before, is a minus.
_POINT_GAP, _POINT_OFF = 1.5, 0.75
_DASH_OFF, _MINUS_OFF, _NEARER = 0.4, 0.7, 2.0
# A slash is no farther from the digits on both sides than this.
_SLASH_OFF = 0.4
# A percent sign is no farther from the digit before it than this (a space is wider), and its height
# is so many times theirs.
_PERCENT_OFF, _PERCENT_HEIGHT = 0.35, (0.45, 1.5)
# Raised components that reach into a digit's box farther than this part of their width are its
# bits.
_ROOM = 0.1
# Where there are so many times more specks, nearly as large as a point, than points, it is a speck.
_SPECKS, _AS_LARGE = 3.0, 0.7


@dataclass(frozen=True, slots=True)
class Signs:
    """Signs by the digits that they belong to."""

    after: dict[int, str]  # between a digit and the next one of its number
    minus: frozenset[int]  # digits with a minus before them
    percent: frozenset[int]  # digits with a percent sign after them


@dataclass(frozen=True, slots=True)
class _LowComponent:
    """A low component beside digits; lengths are parts of their height."""

    kind: str  # what it looks like: "." for a point, "^" for a raised one, ",", "-", or ""
    before: float  # from the digit on its left to it, below 0 where it reaches into its box
    after: float  # from it to the digit on its right
    at: float  # how high its middle is above the digits' feet
    left: float  # pixels, as the next ones
    right: float
    size: float  # side of a square as large as its box
    width: float


@dataclass(frozen=True, slots=True)
class _Gap:
    """What stands between two neighbours in a line, or before the first digit."""

    left: int | None  # digits
    right: int
    width: float  # in digit heights
    components: list[_LowComponent]  # left to right


def find_signs(
    lines: Sequence[Sequence[int]],
    boxes: Corners,
    low: Corners,
    slashes: Corners,
    percents: Corners,
) -> Signs:
    """Return the signs among digits.

    The page says where its points stand: where nearly all are raised, a speck on the line is none.

    Args:
        lines: indices of digits, left to right.
        boxes: (N, 4), of the digits.
        low: (M, 4), of components too low for digits, in any order.
        slashes: (K, 4), in any order.
        percents: (L, 4), percent signs, in any order.
    """
    gaps = list(_gaps_in_lines(lines, boxes, low[np.argsort(low[:, 0], kind="stable")]))
    place = _heights_of_points(gaps)
    after: dict[int, str] = {}
    minus: set[int] = set()
    sizes: dict[int, float] = {}  # of points
    for gap in gaps:
        sign = _sign_in(gap, place)
        if sign == "minus":
            minus.add(gap.right)
        elif sign and gap.left is not None:
            after[gap.left] = sign
            sizes[gap.left] = max(component.size for component in gap.components)
    points = [i for i, sign in after.items() if sign in ".,"]
    dirt = np.sort(_sizes(low))
    for i in points:
        larger = len(dirt) - int(np.searchsorted(dirt, _AS_LARGE * sizes[i]))
        if larger - len(points) > _SPECKS * len(points):
            del after[i]
    after |= dict.fromkeys(_digits_before_slashes(lines, boxes, slashes), "/")
    percent = frozenset(_digits_before_percents(lines, boxes, percents))
    for i in percent:
        after.pop(i, None)
    return Signs(after, frozenset(minus), percent)


def _sizes(low: Corners) -> NDArray[np.float64]:
    """Return the side of a square as large as each box."""
    sizes: NDArray[np.float64] = np.sqrt((low[:, 2:] - low[:, :2]).prod(axis=1))
    return sizes


def _gaps_in_lines(lines: Sequence[Sequence[int]], boxes: Corners, low: Corners) -> Iterator[_Gap]:
    """Yield the gaps in lines that hold low components."""
    for line in lines:
        near = _low_in_line(boxes[list(line)], low)
        for left, right in pairwise([None, *line]) if len(near) else ():
            if right is None:
                continue
            between = _components_between(left, right, boxes, near)
            if len(between):
                yield _gap_between(left, right, boxes, between)


def _low_in_line(digits: Corners, low: Corners) -> Corners:
    """Return the low components that stand in a line's height or hang a little below it."""
    if len(low) == 0:
        return low
    top, bottom = digits[:, 1].min(), digits[:, 3].max()
    middle = (low[:, 1] + low[:, 3]) / 2
    near: Corners = low[(middle >= top) & (middle <= bottom + 0.25 * (bottom - top))]
    return near


def _components_between(left: int | None, right: int, boxes: Corners, low: Corners) -> Corners:
    """Return the low components with their middle between two digits', or before the first."""
    middles = (low[:, 0] + low[:, 2]) / 2
    first = -np.inf if left is None else (boxes[left, 0] + boxes[left, 2]) / 2
    last = (boxes[right, 0] + boxes[right, 2]) / 2
    between: Corners = low[(middles > first) & (middles < last)]
    return between


def _gap_between(left: int | None, right: int, boxes: Corners, low: Corners) -> _Gap:
    """Return a gap with the components in it."""
    beside = boxes[[right] if left is None else [left, right]]
    height = float((beside[:, 3] - beside[:, 1]).mean())
    foot = float(beside[:, 3].mean())
    start = -np.inf if left is None else float(boxes[left, 2])
    end = float(boxes[right, 0])
    components = [
        _LowComponent(
            kind=_kind_of((x1 - x0) / height, (foot - y0) / height, (foot - y1) / height),
            before=(x0 - start) / height,
            after=(end - x1) / height,
            at=(foot - (y0 + y1) / 2) / height,
            left=x0,
            right=x1,
            size=size,
            width=(x1 - x0) / height,
        )
        for (x0, y0, x1, y1), size in zip(low.tolist(), _sizes(low).tolist(), strict=True)
    ]
    return _Gap(left, right, (end - start) / height, components)


def _kind_of(width: float, top: float, bottom: float) -> str:
    """Return what a low component looks like: ".", "^" for a raised point, ",", "-", or ""."""
    tall, at = top - bottom, (top + bottom) / 2
    if min(width, tall) < _LEAST / 2 or max(width, tall) < _LEAST:
        return ""
    if _DASH_WIDTH[0] <= width <= _DASH_WIDTH[1] and width >= _FLAT * tall:
        return "-" if _DASH_AT[0] <= at <= _DASH_AT[1] else ""
    if max(width, tall) <= _MOST_POINT and max(width, tall) <= _ROUND * min(width, tall):
        if _AT_FOOT[0] <= at <= _AT_FOOT[1]:
            return "," if bottom < 2 * _COMMA_FOOT and tall > 1.3 * width else "."
        return "^" if _RAISED[0] <= at <= _HIGHEST else ""
    if width <= _MOST_POINT and width < tall <= _MOST_COMMA:
        return "," if top <= _COMMA_TOP and bottom <= _COMMA_FOOT else ""
    return ""


def _digits_before_slashes(
    lines: Sequence[Sequence[int]], boxes: Corners, slashes: Corners
) -> Iterator[int]:
    """Yield the digits between which and the next one a slash stands."""
    for line in lines:
        near = _low_in_line(boxes[list(line)], slashes)
        for left, right in pairwise(line) if len(near) else ():
            for slash in _components_between(left, right, boxes, near):
                first, last = boxes[left], boxes[right]
                off = _SLASH_OFF * (first[3] - first[1] + last[3] - last[1]) / 2
                beside = max(slash[0] - first[2], last[0] - slash[2]) <= off
                middle = (slash[1] + slash[3]) / 2
                if beside and max(first[1], last[1]) < middle < min(first[3], last[3]):
                    yield left


def _digits_before_percents(
    lines: Sequence[Sequence[int]], boxes: Corners, percents: Corners
) -> Iterator[int]:
    """Yield the digits right after which a percent sign stands."""
    for line in lines:
        own = boxes[list(line)]
        for percent in _low_in_line(own, percents):
            i = line[np.searchsorted(own[:, 0], percent[0]) - 1]
            height = boxes[i, 3] - boxes[i, 1]
            tall, off = (percent[3] - percent[1], percent[0] - boxes[i, 2]) / height
            middle = (percent[1] + percent[3]) / 2
            beside = -_PERCENT_OFF <= off <= _PERCENT_OFF and boxes[i, 1] < middle < boxes[i, 3]
            if beside and _PERCENT_HEIGHT[0] <= tall <= _PERCENT_HEIGHT[1]:
                yield i


def _heights_of_points(gaps: Sequence[_Gap]) -> tuple[float, float]:
    """Return between which heights the middles of a page's points are.

    Anywhere at the foot or raised, where the page does not say.
    """
    alone = [points[0] for gap in gaps if len(points := _points_in(gap, (-np.inf, np.inf))) == 1]
    at = np.array(
        [component.at for component in alone if min(component.before, component.after) >= 0]
    )
    raised = at > _RAISED[0]
    usual = at[raised] if 2 * np.count_nonzero(raised) > len(at) else at[~raised]
    if len(at) < _TELLING or len(usual) < _ALIKE * len(at):
        return _AT_FOOT[0], _RAISED[1]
    middle = float(np.median(usual))
    return middle - _ASTRAY, middle + _ASTRAY


def _points_in(gap: _Gap, place: tuple[float, float]) -> list[_LowComponent]:
    """Return the components between two digits that look like points or commas, in their place."""
    if gap.left is None or gap.width > _POINT_GAP:
        return []
    return [
        component
        for component in gap.components
        if (
            component.kind == ","
            or (component.kind in (".", "^") and place[0] <= component.at <= place[1])
        )
        and (
            component.kind != "^"
            or min(component.before, component.after) >= -_ROOM * component.width
        )
        and max(component.before, component.after) <= _POINT_OFF
    ]


def _sign_in(gap: _Gap, place: tuple[float, float]) -> str:
    """Return the sign between two digits: ".", ",", ":", "-", "minus", or "" for none."""
    dashes = [component for component in gap.components if component.kind == "-"]
    if dashes:
        return _dash_sign(dashes[-1]) if len(dashes) == 1 else ""
    if _is_colon(_points_in(gap, (_AT_FOOT[0], _RAISED[1]))):
        return ":"
    text = "".join(sorted(component.kind for component in _points_in(gap, place)))
    return {".": ".", "^": ".", ",": ","}.get(text, "")


def _is_colon(points: Sequence[_LowComponent]) -> bool:
    """Tell whether points stand over each other; after a word a colon has a space after it."""
    if sorted(component.kind for component in points) != [".", "^"]:
        return False
    first, last = points
    over = min(first.right, last.right) > max(first.left, last.left)
    return over and max(first.before, last.after) <= _DASH_OFF


def _dash_sign(component: _LowComponent) -> str:
    """Return whether a dash is a minus, stands within a number, or is no part of one."""
    if max(component.before, component.after) <= _DASH_OFF and component.before <= _NEARER * max(
        component.after, 0.1
    ):
        return "-"
    nearer = (
        component.before >= _NEARER * max(component.after, 0.0) and component.before > _DASH_OFF
    )
    return "minus" if component.after <= _MINUS_OFF and nearer else ""

"""Low marks among digits: points, commas and dashes of numbers, told from specks by their place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

# All lengths are parts of the height of the digits beside a mark; heights are counted upwards from
# their feet. Looked up on cheques, printed tables, forms and invoices.
_LEAST, _MOST_POINT, _MOST_COMMA = 0.07, 0.34, 0.5
_ROUND = 2.2  # points are no more than so many times longer one way than the other
_AT_FOOT, _RAISED = (-0.2, 0.28), (0.28, 0.66)  # where the middle of a point is
_COMMA_TOP, _COMMA_FOOT = 0.3, -0.04  # a comma begins lower than this and hangs lower than that
_DASH_WIDTH, _FLAT, _DASH_AT = (0.18, 0.9), 1.7, (0.25, 0.75)
# Digits with a point between them are one number when they are no farther apart than this, and the
# point no farther off either; with a dash, when it is this close to both. A dash nearer to the
# number after it than this, and so many times nearer than to the one before, is a minus.
_POINT_GAP, _POINT_OFF = 1.5, 0.75
_DASH_OFF, _MINUS_OFF, _NEARER = 0.4, 0.7, 2.0
# Raised points leave this part of their width to the digits on either side.
_ROOM = 0.25
# Where there are so many times more specks, nearly as large as a point, than points, it is a speck.
_SPECKS, _AS_LARGE = 3.0, 0.7

# Several signs make sense between thousands, before a last part of another sign, and in dates.
_SENSIBLE = re.compile(
    r"-?(\d+([.,:-]\d+)?|\d{1,3}([.,])\d{3}(\3\d{3})*([.,]\d+)?|\d{1,4}([.:-])\d{1,2}\6\d{1,4})"
)

_Boxes = NDArray[np.float64]  # (N, 4): left, top, right, bottom


@dataclass(frozen=True, slots=True)
class Signs:
    """Signs by the digits that they belong to."""

    after: dict[int, str]  # between a digit and the next one of its number
    minus: frozenset[int]  # digits with a minus before them


def find_signs(lines: Sequence[Sequence[int]], boxes: _Boxes, low: _Boxes) -> Signs:
    """Return the signs among digits.

    Args:
        lines: indices of digits, left to right.
        boxes: (N, 4), of the digits.
        low: (M, 4), of marks too low for digits, in any order.
    """
    after: dict[int, str] = {}
    minus: set[int] = set()
    sizes: dict[int, float] = {}  # of points
    low = low[np.argsort(low[:, 0], kind="stable")]
    for line in lines:
        near = _near(boxes[list(line)], low)
        for left, right in pairwise([None, *line]):
            if right is None:
                continue
            between = _between(left, right, boxes, near)
            sign = _sign(left, right, boxes, between)
            if sign == "minus":
                minus.add(right)
            elif sign and left is not None:
                after[left] = sign
                sizes[left] = float(_sizes(between).max())
    points = [i for i, sign in after.items() if sign in ".,"]
    dirt = np.sort(_sizes(low))
    for i in points:
        larger = len(dirt) - int(np.searchsorted(dirt, _AS_LARGE * sizes[i]))
        if larger - len(points) > _SPECKS * len(points):
            del after[i]
    return Signs(after, frozenset(minus))


def _sizes(low: _Boxes) -> NDArray[np.float64]:
    """Return the side of a square as large as each box."""
    sizes: NDArray[np.float64] = np.sqrt((low[:, 2:] - low[:, :2]).prod(axis=1))
    return sizes


def spelled(minus: bool, digits: Sequence[str], after: Sequence[str]) -> str:
    """Return a number as it is written; without its signs where they make no sense together.

    Args:
        minus: a minus stands before it.
        digits: left to right.
        after: what stands after each of them, "" for nothing.
    """
    inside = "".join(digit + sign for digit, sign in zip(digits, [*after[:-1], ""], strict=True))
    text = "-" * minus + inside
    return text if _SENSIBLE.fullmatch(text) else "".join(digits)


def _near(digits: _Boxes, low: _Boxes) -> _Boxes:
    """Return the low marks that stand in a line's height or hang a little below it."""
    if len(low) == 0:
        return low
    top, bottom = digits[:, 1].min(), digits[:, 3].max()
    middle = (low[:, 1] + low[:, 3]) / 2
    near: _Boxes = low[(middle >= top) & (middle <= bottom + 0.25 * (bottom - top))]
    return near


def _between(left: int | None, right: int, boxes: _Boxes, low: _Boxes) -> _Boxes:
    """Return the low marks whose middle is between those of two digits, or before the first."""
    middles = (low[:, 0] + low[:, 2]) / 2
    first = -np.inf if left is None else (boxes[left, 0] + boxes[left, 2]) / 2
    last = (boxes[right, 0] + boxes[right, 2]) / 2
    between: _Boxes = low[(middles > first) & (middles < last)]
    return between


def _sign(left: int | None, right: int, boxes: _Boxes, low: _Boxes) -> str:
    """Return the sign between two digits: ".", ",", ":", "-", "minus", or "" for none."""
    if len(low) == 0:
        return ""
    beside = boxes[[right] if left is None else [left, right]]
    height = float((beside[:, 3] - beside[:, 1]).mean())
    foot = float(beside[:, 3].mean())
    kinds = [(_kind(mark, foot, height), mark) for mark in low]
    dashes = [mark for kind, mark in kinds if kind == "-"]
    if dashes:
        return _dash(left, right, boxes, dashes[-1], height) if len(dashes) == 1 else ""
    if left is None or boxes[right, 0] - boxes[left, 2] > _POINT_GAP * height:
        return ""
    found = [
        (kind, mark)
        for kind, mark in kinds
        if (kind != "^" or _fits(left, right, boxes, mark))
        and kind
        and max(mark[0] - boxes[left, 2], boxes[right, 0] - mark[2]) <= _POINT_OFF * height
    ]
    text = "".join(sorted(kind for kind, _ in found))
    if text == ".^" and _over(found[0][1], found[1][1]):
        first, last = found[0][1], found[1][1]
        off = max(first[0] - boxes[left, 2], boxes[right, 0] - last[2])
        return ":" if off <= _DASH_OFF * height else ""  # one after a word has a space after it
    return {".": ".", "^": ".", ",": ","}.get(text, "")


def _fits(left: int, right: int, boxes: _Boxes, mark: NDArray[np.float64]) -> bool:
    """Tell whether a mark has room between two digits, as raised points are given."""
    room = _ROOM * (mark[2] - mark[0])
    return bool(mark[0] - boxes[left, 2] >= room and boxes[right, 0] - mark[2] >= room)


def _kind(mark: NDArray[np.float64], foot: float, height: float) -> str:
    """Return what a low mark looks like: ".", "^" for a raised point, ",", "-", or ""."""
    width, tall = (mark[2] - mark[0]) / height, (mark[3] - mark[1]) / height
    top, bottom = (foot - mark[1]) / height, (foot - mark[3]) / height
    at = (top + bottom) / 2
    if min(width, tall) < _LEAST / 2 or max(width, tall) < _LEAST:
        return ""
    if _DASH_WIDTH[0] <= width <= _DASH_WIDTH[1] and width >= _FLAT * tall:
        return "-" if _DASH_AT[0] <= at <= _DASH_AT[1] else ""
    if max(width, tall) <= _MOST_POINT and max(width, tall) <= _ROUND * min(width, tall):
        if _AT_FOOT[0] <= at <= _AT_FOOT[1]:
            return "," if bottom < 2 * _COMMA_FOOT and tall > 1.3 * width else "."
        return "^" if _RAISED[0] <= at <= _RAISED[1] else ""
    if width <= _MOST_POINT and width < tall <= _MOST_COMMA:
        return "," if top <= _COMMA_TOP and bottom <= _COMMA_FOOT else ""
    return ""


def _dash(
    left: int | None, right: int, boxes: _Boxes, mark: NDArray[np.float64], height: float
) -> str:
    """Return whether a dash is a minus, stands within a number, or is no part of one."""
    after = (boxes[right, 0] - mark[2]) / height
    before = np.inf if left is None else (mark[0] - boxes[left, 2]) / height
    if max(before, after) <= _DASH_OFF and before <= _NEARER * max(after, 0.1):
        return "-"
    nearer = before >= _NEARER * max(after, 0.0) and before > _DASH_OFF
    return "minus" if after <= _MINUS_OFF and nearer else ""


def _over(first: NDArray[np.float64], second: NDArray[np.float64]) -> bool:
    """Tell whether two marks stand over each other."""
    return bool(min(first[2], second[2]) > max(first[0], second[0]))

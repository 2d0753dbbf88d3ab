"""A number that the reader missed → its place among those it read: line and item, cell, field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import cos, hypot, radians, sin

import numpy as np

from digitocr.core.document import (
    Number,
    PageResult,
    Table,
)
from digitocr.core.geometry import Box
from digitocr.results.matching import holding_box

# Numbers of one line have their middles no farther off each other, in heights of the higher one.
_SAME_LINE = 0.5
# How much farther off a number upwards or downwards seems to be than aside.
_DOWN = 4.0


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where a box is on the deskewed page, in pixels from any origin."""

    across: float  # of its middle, to the right
    down: float  # of its middle
    height: float


def page_with_missed(page: PageResult, box: Box, text: str) -> PageResult:
    """Return a page with a number that a person saw on it; those after it move on, as if read.

    It has the line of the nearest number beside it, else a line of its own. In a table it gets the
    cell it is in, of a form its field.

    Args:
        page: what is known of it; boxes are page pixels.
        box: where the number is, the same.
        text: what it is.
    """
    number = Number(text, 1.0, "checked", 1, 1, box, ())
    if page.fields:
        return _in_reading_order(page, [*page.numbers, _with_field(number, page)])
    spots = [_spot(one.box, page) for one in page.numbers]
    line, item, new = _place(_spot(box, page), spots, page.numbers)
    table, row, column = _cell(box, page)
    number = replace(number, line=line, item=item, table=table, row=row, column=column)
    taken = any(one.line == line and (new or one.item == item) for one in page.numbers)
    moved = [_moved_on(one, line, item, new) if taken else one for one in page.numbers]
    return _in_reading_order(page, [*moved, number])


def _with_field(number: Number, page: PageResult) -> Number:
    """Return a number with its field; beside all fields it is on a line after theirs."""
    at = holding_box(number.box, [field.box for field in page.fields])
    line = len(page.fields) + 1 if at is None else at + 1
    name = None if at is None else page.fields[at].name
    item = 1 + max((one.item for one in page.numbers if one.line == line), default=0)
    return replace(number, line=line, item=item, field=name)


def _in_reading_order(page: PageResult, numbers: Sequence[Number]) -> PageResult:
    ordered = sorted(numbers, key=lambda one: (one.line, one.item))
    return replace(page, numbers=tuple(ordered))


def _spot(box: Box, page: PageResult) -> _Spot:
    """Return where a box is once the page is turned upright and deskewed."""
    angle = radians(page.rotation - page.skew)  # clockwise
    x, y = box.middle
    height = box.height if page.rotation in (0, 180) else box.width
    return _Spot(x * cos(angle) - y * sin(angle), x * sin(angle) + y * cos(angle), height)


def _place(own: _Spot, spots: Sequence[_Spot], numbers: Sequence[Number]) -> tuple[int, int, bool]:
    """Return line and item of a number among others, and whether the line is a new one."""
    if not spots:
        return 1, 1, True

    def distance(i: int) -> float:
        return hypot(spots[i].across - own.across, _DOWN * (spots[i].down - own.down))

    beside = [
        i
        for i, one in enumerate(spots)
        if abs(one.down - own.down) <= _SAME_LINE * max(one.height, own.height)
    ]
    if beside:
        line = numbers[min(beside, key=distance)].line
        before = [
            one.item
            for one, spot in zip(numbers, spots, strict=True)
            if one.line == line and spot.across < own.across
        ]
        return line, 1 + max(before, default=0), False
    nearest = min(range(len(spots)), key=distance)
    return numbers[nearest].line + (own.down > spots[nearest].down), 1, True


def _moved_on(number: Number, line: int, item: int, new: bool) -> Number:
    """Return a number's line and item when another has come in at these."""
    if new:
        return replace(number, line=number.line + (number.line >= line))
    return replace(number, item=number.item + (number.line == line and number.item >= item))


def _cell(box: Box, page: PageResult) -> tuple[int, int, int] | tuple[None, None, None]:
    """Return table, row and column, from 1, of the cell that a box is in, None outside."""
    tables = [(i, table) for i, table in enumerate(page.tables, 1) if table.rows]
    at = holding_box(box, [table.box for _, table in tables])
    if at is None:
        return None, None, None
    number, table = tables[at]
    return number, *_row_and_column(_spot(box, page), table, number, page)


def _row_and_column(own: _Spot, table: Table, number: int, page: PageResult) -> tuple[int, int]:
    inside = [one for one in page.numbers if one.table == number]
    spots = [_spot(one.box, page) for one in inside]
    x, y, width, height = table.box.x, table.box.y, table.box.width, table.box.height
    ends = [_spot(Box(*at, 0, 0), page) for at in ((x, y), (x + width, y), (x, y + height))]
    ends.append(_spot(Box(x + width, y + height, 0, 0), page))
    downs, acrosses = [one.down for one in ends], [one.across for one in ends]
    rows = {one.row or 1: spot.down for one, spot in zip(inside, spots, strict=True)}
    columns = {one.column or 1: spot.across for one, spot in zip(inside, spots, strict=True)}
    return (
        _nearest(own.down, rows, len(table.rows), min(downs), max(downs)),
        _nearest(own.across, columns, len(table.rows[0]), min(acrosses), max(acrosses)),
    )


def _nearest(at: float, middles: dict[int, float], n: int, start: float, end: float) -> int:
    """Return which of n rows or columns is nearest, from 1; those without numbers are between.

    Args:
        at: a place along them.
        middles: where some have their middle.
        n: how many there are.
        start: of the first.
        end: of the last.
    """
    counted = [0.5, *sorted(middles), n + 0.5]
    places = [start, *(middles[i] for i in sorted(middles)), end]
    all_middles = np.interp(np.arange(1, n + 1), counted, places)
    return 1 + int(np.argmin(np.abs(all_middles - at)))

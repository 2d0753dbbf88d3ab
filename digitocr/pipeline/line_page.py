"""Lines read on a page as given → places with both readings on the upright page, in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from digitocr.core.document import Number
from digitocr.core.geometry import Box, Transform, corners_of
from digitocr.core.settings import Decimal
from digitocr.layout.grid import Grid
from digitocr.layout.text_lines import text_lines
from digitocr.numbers.fusion import Place, hearing, places
from digitocr.numbers.notation import with_decimal
from digitocr.recognition.page_lines import PageLines, ReadNumber


def places_on_page(
    numbers: Sequence[Number], boxes: Sequence[Box], lines: PageLines, to_lines: Transform,
    decimal: Decimal | None = None,
) -> list[Place]:  # fmt: skip
    """Return what both readers read in each place of the upright page.

    Args:
        numbers: of the component reader, on the upright page.
        boxes: where these are on the page that lines were read on.
        lines: of the line reader.
        to_lines: from the upright page to the one that lines were read on.
        decimal: which mark stands before decimals; None for the one that is on the page.
    """
    from_lines: Transform = np.linalg.inv(to_lines).astype(np.float64)
    hears = hearing(lines, [one.text for one in numbers], boxes)
    return list(
        places(numbers, [_number_on(one, from_lines, decimal) for one in lines.numbers], hears)
    )


def is_ruling(place: Place, grids: Sequence[Grid]) -> bool:
    """Tell whether the line reader alone read something that lies on a grid's line: that line."""
    boxes = [one.box for one in place.lines]
    return not place.components and all(
        any(grid.has_line_at(box) for grid in grids) for box in boxes
    )


def _number_on(number: ReadNumber, from_lines: Transform, decimal: Decimal | None) -> ReadNumber:
    """Return a number read on another page as it is on the upright page."""
    box, *characters = _mapped_boxes([number.box, *number.character_boxes], from_lines)
    text = with_decimal(number.text, decimal) if decimal else number.text
    if len(text) < len(number.text):  # marks are left out where there are no decimals
        kept = [i for i, one in enumerate(number.text) if one not in ".,"]
        characters = [characters[i] for i in kept]
    return replace(number, text=text, box=box, character_boxes=tuple(characters))


def _mapped_boxes(boxes: Sequence[Box], transform: Transform) -> list[Box]:
    """Return the upright boxes around mapped ones, which may lie outside of the picture."""
    left, top, right, bottom = corners_of(boxes).T
    corners = np.array([[left, right, right, left], [top, top, bottom, bottom]])  # (2, 4, N)
    x, y, w = np.einsum("ij,jkn->ikn", transform[:, :2], corners) + transform[:, 2, None, None]
    x, y = x / w, y / w
    starts = np.floor(np.stack([x.min(axis=0), y.min(axis=0)], axis=1))
    ends = np.ceil(np.stack([x.max(axis=0), y.max(axis=0)], axis=1))
    return [Box(*row) for row in np.hstack([starts, ends - starts]).astype(int).tolist()]


def in_lines(numbers: Sequence[Number]) -> list[Number]:
    """Return numbers in reading order, with the lines and items that they stand at."""
    lines = text_lines(corners_of([one.box for one in numbers]))
    return [
        replace(numbers[i], line=line, item=item)
        for line, members in enumerate(lines, 1)
        for item, i in enumerate(members, 1)
    ]

"""How far a line reaches beyond what the finder sees of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from digitocr.core.geometry import Box
from digitocr.recognition.finder import TextLine


def widened(line: TextLine, boxes: Sequence[Box]) -> TextLine:
    """Return a line that reaches over all of each box that it lies on in part.

    Args:
        line: found on a page.
        boxes: of numbers as their contours show them, on the same page.
    """
    if not boxes:
        return line
    sizes = np.array([(box.width, box.height) for box in boxes])
    along, down = line.place(np.array([box.middle for box in boxes])).T
    turn = np.deg2rad(line.angle)
    reach, rise = np.abs([[np.cos(turn), np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ sizes.T / 2
    is_level = np.abs(down) < np.minimum(line.height / 2, rise)
    on_line = is_level & (np.abs(along) < line.width / 2 + reach)
    if not on_line.any():
        return line
    start = min(-line.width / 2, float((along - reach)[on_line].min()))
    end = max(line.width / 2, float((along + reach)[on_line].max()))
    shift = (start + end) / 2 * np.array([np.cos(turn), np.sin(turn)])
    return replace(line, x=line.x + shift[0], y=line.y + shift[1], width=end - start)


def row_across(lines: Sequence[TextLine], shape: tuple[int, ...], longest: float) -> list[TextLine]:
    """Return the line from side to side of a picture that shows a single line of writing, or none.

    Cells, fields and meter windows are cut out so; in faint or blurred ones the finder sees parts.

    Args:
        lines: found in the picture.
        shape: of the picture (H, W).
        longest: line to return, in digit heights.
    """
    if not lines:
        return []
    main = max(lines, key=lambda line: line.area * line.score)
    down = main.place(np.array([(line.x, line.y) for line in lines]))[:, 1]
    height, width = shape
    middle = (width - 1) / 2
    slope = float(np.tan(np.deg2rad(main.angle)))
    ends = main.y + slope * (np.array([0, width - 1]) - main.x)
    leaves_at_sides = bool(((ends >= 0) & (ends < height)).all())
    is_upright = np.cos(np.deg2rad(main.angle)) > 0
    if (np.abs(down) > main.height / 2).any() or not leaves_at_sides or not is_upright:
        return []
    if max(shape) > longest * main.height:  # a page, that may hold other lines unseen
        return []
    return [replace(main, x=middle, y=float(ends.mean()), width=width - 1.0)]

"""Rectified page → upright and level, what is written on it, and what may be its tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from digitocr.core.arrays import (
    BinaryImage,
)
from digitocr.core.geometry import (
    overlap,
)
from digitocr.imaging.binarize import (
    binarize,
    page_ink,
)
from digitocr.imaging.deskew import UprightPage, deskew
from digitocr.imaging.rectify import RectifiedPage
from digitocr.imaging.ruling_lines import PageInk, separate_ruling_lines
from digitocr.layout.faint_lines import find_faint_lines
from digitocr.layout.grid import Grid
from digitocr.layout.grid_lines import (
    grid_in_frame,
    ink_with_strokes,
    ink_without_grid_lines,
)
from digitocr.layout.ruled_tables import find_grids, grid_with_spans
from digitocr.recognition.model import (
    Model,
)
from digitocr.recognition.orientation import quarter_turn

_LEAST_ROWS = 3  # of a table that is told by faint or broken lines


def upright_ink(rectified: RectifiedPage, model: Model) -> tuple[UprightPage, PageInk, list[Grid]]:
    """Return a page upright and level, what is written on it, and what may be its tables."""
    upright = deskew(rectified)
    ink, grids = _ink_and_grids(upright)
    turn = quarter_turn(_table_ink(ink.binary, grids), model)
    if turn:
        upright = deskew(rectified, turn)
        ink, grids = _ink_and_grids(upright)
    return upright, ink, grids


def _ink_and_grids(upright: UprightPage) -> tuple[PageInk, list[Grid]]:
    """Return what is written on a page, and what may be its tables, from the top."""
    if upright.frame is None:
        return _with_broken_lines(upright, page_ink(upright.gray, upright.blurred))
    dark = binarize(upright.gray, upright.blurred)
    framed = grid_in_frame(upright.gray, upright.frame)
    ink = ink_with_strokes(separate_ruling_lines(dark.copy()), dark, framed)
    grids = find_grids(ink.ruling_lines, max(ink.binary.shape))
    framed = grid_with_spans(framed, ink.ruling_lines)
    grids = [framed, *(grid for grid in grids if not overlap(grid.box, framed.box))]
    return replace(ink, binary=ink_without_grid_lines(ink.binary, framed)), grids


def _with_broken_lines(upright: UprightPage, ink: PageInk) -> tuple[PageInk, list[Grid]]:
    """Return ink and grids, those among them whose lines are faint or broken.

    Of these only ones with lines between their rows: in others rows and columns align.
    """
    longer = max(ink.binary.shape)
    grids = find_grids(ink.ruling_lines, longer)
    whole, bridged = find_faint_lines(upright.gray, ink)
    found = find_grids(whole.ruling_lines, longer, bridged)
    broken = [grid for grid in found if len(grid.rows) > _LEAST_ROWS]
    if not broken:
        return ink, grids
    apart = [one for one in grids if not any(overlap(one.box, grid.box) for grid in broken)]
    return whole, sorted([*broken, *apart], key=lambda grid: (grid.rows[0], grid.columns[0]))


def _table_ink(binary: BinaryImage, grids: Sequence[Grid]) -> BinaryImage:
    """Return the ink in what may be tables, all of it where there are none.

    Around a puzzle in a newspaper there is text, which says less of which way up it is.
    """
    if not grids:
        return binary
    inside = np.zeros_like(binary)
    for box in (grid.box for grid in grids):
        where = slice(box.y, box.bottom), slice(box.x, box.right)
        inside[where] = binary[where]
    return inside

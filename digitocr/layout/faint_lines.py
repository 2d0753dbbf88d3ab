"""Grey page and its ink → lines of tables that are faint, dashed or have gaps, whole."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from digitocr.core.arrays import (
    BinaryImage,
    Gray,
)
from digitocr.core.geometry import Box
from digitocr.core.statistics import usual_size
from digitocr.imaging.noise import noise_sigma
from digitocr.imaging.pyramid import halved_image, shrunk_image
from digitocr.imaging.ruling_lines import (
    PageInk,
    RulingLine,
)

# Lines are looked for on a page halved to no longer than this, in cells of so many pixels along
# them and one across. What follows was set on drawn tables (benchmarks/ruled.py).
_LOOK, _CELL = 1800, 8
# A cell is in a line that is darker than both of the cells so many pixels aside, by this many grey
# levels and deviations of what noise leaves in a cell.
_ASIDE, _LEAST_LEVELS, _LEAST_SIGMAS = 3, 2.0, 4.0
# Pieces of lines have so many cells. One goes on a line, over a gap no longer than this in heights
# of components, where it is off its end by so many pixels, and this part of the gap: pages are
# level to half a degree. It is no higher than so many pixels, and that part of its length.
_PIECE, _GAP, _OFF_PX, _SLOPE, _HIGH_PX = 3, 6.0, 2.0, 0.015, 5
# A line has pieces along so many heights of components, and along this part of it.
_LONG, _COVERED = 4.0, 0.4
# Components this thin are pieces of lines where they are lower, or higher, than digits.
_THIN, _SHORT, _LONGER = 0.25, 0.6, 2.0
_REST = 3  # pixels: components no farther off lines are rests of these
# Lower components say nothing of that height; of a page halved, often to a half or a quarter.
_LEAST_COMPONENT_PX = 4


@dataclass(frozen=True, slots=True)
class _Piece:
    """A stretch of a level line, pixels of the shrunk page."""

    x: float
    y: float
    end_x: float
    end_y: float


def find_faint_lines(gray: Gray, ink: PageInk) -> tuple[PageInk, list[RulingLine]]:
    """Return ink with pieces of lines among its ruling lines, and the lines over gaps.

    These are as long as all of their pieces, and by their largest gap longer at both ends.

    Args:
        gray: the deskewed page.
        ink: what is written on it.
    """
    small, shrink = halved_image(gray, _LOOK)
    binary = shrunk_image(ink.binary, shrink)
    text, height = _text_components(binary)
    if height == 0 or max(small.shape) < _LONG * height:  # as on a picture of a few digits
        return ink, []
    turned = np.asarray(cv2.transpose(small), np.uint8), np.asarray(cv2.transpose(text), np.uint8)
    lines = [
        (line, horizontal)
        for horizontal, seen in ((True, (small, text)), (False, turned))
        for line in _lines_of_pieces(_pieces(*seen), height)
    ]
    if not lines:
        return ink, []
    bridged = [_ruling_line(*_outline(line), shrink, horizontal) for line, horizontal in lines]
    pieces = [
        _ruling_line(one.x, (one.y + one.end_y) / 2, one.end_x, shrink, horizontal)
        for line, horizontal in lines
        for one in line
    ]
    beside = np.zeros(gray.shape, np.uint8)
    for line, horizontal in lines:
        start, _, end = _outline(line)
        ends = [place for one in line for place in ((one.x, one.y), (one.end_x, one.end_y))]
        ends = [(start, line[0].y), *ends, (end, line[-1].end_y)]
        points = np.round(np.array(ends) * shrink).astype(np.int32)
        points = points if horizontal else points[:, ::-1]
        cv2.polylines(beside, [points], False, 255, (2 * _REST + 1) * shrink)
    return PageInk(_ink_without_rests(ink.binary, beside), (*ink.ruling_lines, *pieces)), bridged


def _ruling_line(
    start: float, across: float, end: float, shrink: int, horizontal: bool
) -> RulingLine:
    """Return a line of the shrunk page as one of the page."""
    x, y, width = round(start * shrink), round(across * shrink), round((end - start) * shrink)
    return RulingLine(
        Box(x, y, width, shrink) if horizontal else Box(y, x, shrink, width), horizontal
    )


def _ink_without_rests(binary: BinaryImage, beside: BinaryImage) -> BinaryImage:
    """Return the ink without components that are all beside lines."""
    x, y, width, height = cv2.boundingRect(beside)
    within = slice(y, y + height), slice(x, x + width)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(binary[within])
    near = np.bincount(labels[beside[within] > 0], minlength=len(stats))
    rest = near == stats[:, cv2.CC_STAT_AREA]
    rest[0] = False  # paper
    cleaned = binary.copy()
    cleaned[within][rest[labels]] = 0
    return cleaned


def _text_components(binary: BinaryImage) -> tuple[BinaryImage, float]:
    """Return the components that are no pieces of lines, and their usual height, 0 without any."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats((binary > 127).astype(np.uint8))
    sizes = stats[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].astype(np.float64)
    sizes[0] = 0  # paper
    thick, long = sizes.min(axis=1), sizes.max(axis=1)
    tall = sizes[(sizes[:, 1] >= _LEAST_COMPONENT_PX) & (thick > 1) & (long < 8 * thick), 1]
    if len(tall) == 0:
        return binary, 0.0
    height = usual_size(tall)
    as_tall = (sizes[:, 1] >= _SHORT * height) & (sizes[:, 1] <= _LONGER * height)
    piece = (thick <= _THIN * height) & ~as_tall
    piece[0] = True
    return np.where(piece, 0, 255).astype(np.uint8)[labels], height


def _pieces(gray: Gray, text: BinaryImage) -> list[_Piece]:
    """Return the stretches along which cells are darker than those above and below, by x."""
    size = gray.shape[1] // _CELL, gray.shape[0]
    if min(size) < 2 * _ASIDE + 1:
        return []
    cells, written = (
        cv2.resize(
            np.ascontiguousarray(one[:, : size[0] * _CELL]), size, interpolation=cv2.INTER_AREA
        )
        for one in (gray.astype(np.float32), text)
    )
    bare = written == 0
    beside = np.minimum(np.roll(cells, _ASIDE, axis=0), np.roll(cells, -_ASIDE, axis=0))
    second = np.abs(2 * cells - np.roll(cells, 1, axis=1) - np.roll(cells, -1, axis=1))
    sigma = noise_sigma(second[bare]) if bare.any() else 0.0
    found = (beside - cells > max(_LEAST_LEVELS, _LEAST_SIGMAS * sigma)) & bare
    found[:_ASIDE] = found[-_ASIDE:] = False
    wide = cv2.dilate(found.astype(np.uint8), np.ones((3, 1), np.uint8))
    runs = cv2.morphologyEx(wide, cv2.MORPH_OPEN, np.ones((1, _PIECE), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(runs)
    pieces = []
    for i in range(1, len(stats)):
        x, y, width, tall = stats[i, :4].tolist()
        if width < _PIECE or tall > _HIGH_PX + _SLOPE * width * _CELL:
            continue
        within = slice(y, y + tall), slice(x, x + width)
        rows, columns = np.nonzero((labels[within] == i) & found[within])
        if len(set(columns.tolist())) < max(_PIECE, _COVERED * width):
            continue
        at = np.sort(columns)
        start, end = (
            y + float(rows[near].mean()) for near in (columns <= at[2], columns >= at[-3])
        )
        pieces.append(_Piece((x + at[0]) * _CELL, start, (x + at[-1] + 1) * _CELL, end))
    return sorted(pieces, key=lambda piece: piece.x)


def _lines_of_pieces(pieces: list[_Piece], height: float) -> list[list[_Piece]]:
    """Return lines as the pieces that each is made of, left to right."""
    lines: list[list[_Piece]] = []
    for piece in pieces:
        off = [_distance_off(line[-1], piece, height) for line in lines]
        if min(off, default=np.inf) < np.inf:
            lines[int(np.argmin(off))].append(piece)
        else:
            lines.append([piece])
    return [line for line in lines if _is_line(line, height)]


def _distance_off(before: _Piece, piece: _Piece, height: float) -> float:
    """Return how far a piece is off the end of the one before, inf where it does not go on that."""
    gap, off = piece.x - before.end_x, abs(piece.y - before.end_y)
    fits = -2 * _CELL <= gap <= _GAP * height and off <= _OFF_PX + _SLOPE * max(gap, 0)
    return off if fits else float(np.inf)


def _is_line(line: list[_Piece], height: float) -> bool:
    """Tell whether pieces are long enough, and near enough to each other, for a line."""
    inked = sum(piece.end_x - piece.x for piece in line)
    return inked >= max(_LONG * height, _COVERED * (line[-1].end_x - line[0].x))


def _outline(line: list[_Piece]) -> tuple[float, float, float]:
    """Return where a line starts, how far down it is and where it ends, with its largest gap."""
    gaps = [after.x - before.end_x for before, after in pairwise(line)]
    room = max(0.0, *gaps, 0.0)
    lengths = [piece.end_x - piece.x for piece in line]
    y = float(np.average([(piece.y + piece.end_y) / 2 for piece in line], weights=lengths))
    return line[0].x - room, y, line[-1].end_x + room

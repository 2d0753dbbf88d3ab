"""An ink group → candidates: where touching digits may be split, what may be one digit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from digitocr.core.arrays import BinaryImage
from digitocr.core.geometry import Box
from digitocr.imaging.stroke_width import stroke_width
from digitocr.recognition.hypotheses import Candidate

# All sizes are parts of the page's digit height, the usual height of its components.
LEAST_SIZE = 0.45  # lower: dots, commas and dashes
MOST_HEIGHT = 2.2  # higher: stains, boxes, brackets
WHOLE = 0.75  # lower: perhaps a piece of a broken digit
_MOST_PIECES = 6  # of one digit
MOST_DIGIT_HEIGHT, _MOST_DIGIT_WIDTH = 1.35, 1.4  # of pieces taken together

# Splits: sizes are parts of the height of the component's digits, ink is counted in widths of its
# stroke.
WIDEST = 1.15  # wider components are no digit, whatever they look like when they are shrunk
WIDE = 0.9  # wider components are split wherever there is little ink, narrower ones
_ONE_STROKE = 2.0  # only through one stroke
_LEAST_SPLIT_WIDTH = 0.4  # narrower components are one digit
_MOST_STROKES = 3.2
_SEAMS_APART, _SEAM_FROM_END = 0.06, 0.12  # seams are no closer to each other and to the ends
_SEAM_REACH = 0.12  # how far they wind
_SLANTS = (-0.25, 0.0, 0.25, 0.5)  # of seams, in pixels to the right for one up
_SEAM_ROWS = 40  # higher components are looked at shrunk
_ASIDE_COST = 0.1  # of a pixel of ink: what a step aside costs, so that seams are straight
_SAME = 0.05  # seams this little apart in cost are equally good
# A piece that holds this part of a loop's rim gets all its wall, if that is this part of its ink.
_MOST_OF_LOOP, _LEAST_LENT = 0.55, 0.04
_MOST_LOOPS = 12  # of an ink group are looked at, the largest
_FRAGMENT = 0.5  # of a piece's ink: less that hangs on the next piece alone belongs there

Pieces = NDArray[np.int16]  # (H, W), 0 paper, 1..n the pieces of an ink group from the left


def split_candidates(
    components: Sequence[BinaryImage], box: Box, group: int, height: float
) -> list[Candidate]:
    """Return a candidate for each way to take neighbouring pieces of an ink group, for one digit.

    Every piece alone is one too.

    Args:
        components: of the ink group, (box.height, box.width) each; at least one.
        box: of the ink group.
        group: its number.
        height: the page's digit height, pixels.
    """
    return list(_candidates(_pieces(components, height), box, group, height))


def _pieces(components: Sequence[BinaryImage], height: float) -> Pieces:
    """Return the pieces of an ink group, given the ink of each of its components."""
    found = [piece for component in components for piece in _pieces_of(component, height)]
    if len(found) > 1:
        found.sort(key=lambda piece: float(np.flatnonzero(piece.any(axis=0)).mean()))
    pieces = np.zeros(components[0].shape, np.int16)
    for number, piece in enumerate(found, 1):
        pieces[piece] = number
    return pieces


def _pieces_of(component: BinaryImage, height: float) -> list[NDArray[np.bool_]]:
    """Return the pieces, (H, W) each, of a component that is split where digits may touch."""
    ink = component > 0
    _, _, width, own = cv2.boundingRect(component)
    tall = float(np.clip(own, WHOLE * height, MOST_DIGIT_HEIGHT * height))
    if width < _LEAST_SPLIT_WIDTH * tall:
        return [ink]
    rows, columns = np.nonzero(ink)
    down = rows - rows.min()
    slant = max(_SLANTS, key=lambda slant: _unevenness(rows, columns, slant))
    places = _places(rows, columns, slant)
    narrow = width < WIDE * tall
    most = (_ONE_STROKE if narrow else _MOST_STROKES) * stroke_width(component)
    seams = _seams(down, places, most, tall)  # (S, H)
    if len(seams) == 0:
        return [ink]
    pieces = np.zeros(ink.shape, np.int16)
    pieces[rows, columns] = 1 + sum(places >= seam[down] for seam in seams)
    parts = _with_fragments_home(pieces)
    if narrow and min(_tallness(part) for part in parts) < LEAST_SIZE * height:
        return [ink]  # the flag of a 5 or the arm of a 4 alone
    return parts


def _tallness(part: NDArray[np.bool_]) -> int:
    """Return the height of ink in pixels, 0 where there is none."""
    return int(np.ptp(np.flatnonzero(part.any(axis=1)))) + 1 if part.any() else 0


def _places(rows: NDArray[np.intp], columns: NDArray[np.intp], slant: float) -> NDArray[np.intp]:
    """Return the column, from 0, that each pixel of ink has once the slant is taken out."""
    upright = np.round(columns + slant * rows).astype(np.intp)
    return np.asarray(upright - upright.min())


def _unevenness(rows: NDArray[np.intp], columns: NDArray[np.intp], slant: float) -> float:
    """Return how unevenly ink falls into columns of a slant: most where strokes are upright."""
    return float((np.bincount(_places(rows, columns, slant)).astype(np.float64) ** 2).sum())


def _seams(
    rows: NDArray[np.intp], places: NDArray[np.intp], most: float, tall: float
) -> NDArray[np.float64]:
    """Return the seams through a component that cross little ink: (S, H), a column for each row.

    For each column the cheapest way down that stays near it (Avidan and Shamir 2007); kept are
    those that no seam near them betters, if they cross no more ink than `most`.

    Args:
        rows: of each pixel of ink.
        places: its column, the slant taken out.
        most: pixels of ink.
        tall: the height of the component's digits, pixels.
    """
    times = max(1, -(-(int(rows.max()) + 1) // _SEAM_ROWS))  # fewer rows are enough to go by
    height, width = int(rows.max()) // times + 1, int(places.max()) // times + 1
    ink = np.zeros((height, width), np.float32)
    cells = rows // times * width + places // times
    np.add.at(ink.reshape(-1), cells, np.float32(1 / times))  # pixels crossed going down
    apart = max(1, round(_SEAMS_APART * tall / times))
    end = max(1, round(_SEAM_FROM_END * tall / times))
    cost, paths = _cheapest_paths(ink, max(1, round(_SEAM_REACH * tall / times)))
    lowest = cv2.erode(cost, np.ones((1, 2 * apart + 1), np.uint8))[0]
    few = (cost[0] <= lowest + _SAME) & (cost[0] <= most)
    few[:end] = few[-end:] = False
    where = np.flatnonzero(few)
    plateaus = np.split(where, np.flatnonzero(np.diff(where) > 1) + 1)  # equally good, side by side
    kept = [int(plateau[len(plateau) // 2]) for plateau in plateaus if len(plateau)]
    return np.repeat(paths[kept] * times + (times - 1) / 2, times, axis=1)


def _cheapest_paths(
    ink: NDArray[np.float32], reach: int
) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Return the ink on the cheapest path down near each column, (1, W), and the paths, (W, H).

    Paths keep within `reach` of their column and move at most one pixel aside a row.
    """
    height, width = ink.shape
    padded = cv2.copyMakeBorder(ink, 0, 0, reach, reach, cv2.BORDER_CONSTANT)
    near = np.lib.stride_tricks.sliding_window_view(padded, width, axis=1)  # (H, B, W)
    cost = np.full((height + 1, 2 * reach + 3, width), np.inf, np.float32)  # beyond the reach
    cost[0, 1:-1] = 0
    for before, then, row in zip(cost[:-1], cost[1:], near, strict=True):
        aside = before + _ASIDE_COST
        least = np.minimum(aside[:-2], aside[2:])
        np.add(np.minimum(least, before[1:-1], out=least), row, out=then[1:-1])
    left, stay, right = cost[:-1, :-2] + _ASIDE_COST, cost[:-1, 1:-1], cost[:-1, 2:] + _ASIDE_COST
    moves = np.where(left <= np.minimum(stay, right), -1, stay > right)
    columns = np.arange(width)
    at = cost[-1, 1:-1].argmin(axis=0)
    paths = np.empty((height, width), np.intp)
    for path, move in zip(paths[::-1], moves[::-1], strict=True):
        path[:] = columns + at - reach
        at += move[at, columns]
    return cost[-1, 1:-1].min(axis=0)[None], paths.T


def _with_fragments_home(pieces: Pieces) -> list[NDArray[np.bool_]]:
    """Return each piece, with what a seam left hanging on its neighbour.

    A flag over the next digit falls to that side of the seam, but touches only its own.
    """
    for number in range(1, int(pieces.max()) + 1):
        n, parts = cv2.connectedComponents((pieces == number).view(np.uint8))
        if n <= 2:  # paper and all of the piece
            continue
        areas = np.bincount(parts.ravel(), minlength=n)
        areas[0] = 0
        for part in np.flatnonzero((areas > 0) & (areas < _FRAGMENT * areas.max())):
            fragment = parts == part
            rim = cv2.dilate(fragment.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
            touched = pieces[rim & (pieces > 0) & (pieces != number)]
            if len(touched):
                pieces[fragment] = np.bincount(touched).argmax()
    found = (pieces == number for number in range(1, int(pieces.max()) + 1))
    return [piece for piece in found if piece.any()]


def _candidates(pieces: Pieces, box: Box, group: int, height: float) -> Iterator[Candidate]:
    """Yield a candidate for each way to take neighbouring pieces of an ink group for one digit.

    A second one where loops that it holds most of have a wall in common with the next digit.
    """
    n = int(pieces.max())
    loops = list(_loops(pieces)) if n > 1 else []
    for start in range(n):
        for end in range(start + 1, min(n, start + _MOST_PIECES) + 1):
            ink = (pieces > start) & (pieces <= end)
            seam = _seam_length(ink, pieces)
            alone = end == start + 1
            if alone or _is_of_digit_size(ink, height, seam == 0):
                place = group, start, end
                yield _candidate(ink, box, place, height, seam)
                closed = _with_loop_walls(ink, loops)
                if closed is not None and _is_of_digit_size(closed, height, False):
                    yield _candidate(closed, box, place, height, seam)


def _candidate(
    ink: NDArray[np.bool_], box: Box, place: tuple[int, int, int], height: float, seam: int
) -> Candidate:
    """Return some of an ink group's ink as a candidate; its place is group, start and end."""
    x, y, width, tall = cv2.boundingRect(ink.astype(np.uint8))
    part = np.multiply(ink[y : y + tall, x : x + width], 255, dtype=np.uint8)
    inside = Box(box.x + x, box.y + y, width, tall)
    return Candidate(inside, part, *place, tall / height, seam / height)


def _is_of_digit_size(ink: NDArray[np.bool_], height: float, whole: bool) -> bool:
    """Tell whether ink is no larger than digits are; a whole component may be a bit larger."""
    _, _, width, tall = cv2.boundingRect(ink.astype(np.uint8))
    if whole and tall <= MOST_HEIGHT * height and width <= WIDE * tall:
        return True
    return tall <= MOST_DIGIT_HEIGHT * height and width <= _MOST_DIGIT_WIDTH * height


def _loops(pieces: Pieces) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Yield the rim and the wall, (H, W) each, of what an ink group encloses: ink around it."""
    ink = pieces > 0
    paper = cv2.copyMakeBorder((~ink).view(np.uint8), *(1,) * 4, cv2.BORDER_CONSTANT, value=1)
    n, parts = cv2.connectedComponents(paper, connectivity=4)
    stroke = max(1, round(stroke_width(ink.astype(np.uint8))))
    areas = np.bincount(parts.ravel(), minlength=n)
    areas[[0, parts[0, 0]]] = 0  # ink, and what is around the ink group
    for number in np.argsort(-areas)[:_MOST_LOOPS].tolist():
        if areas[number]:
            hole = (parts == number).astype(np.uint8)
            rim, wall = (
                _grown_hole(hole, 1, cv2.MORPH_RECT),
                _grown_hole(hole, stroke, cv2.MORPH_ELLIPSE),
            )
            yield rim[1:-1, 1:-1] & ink, wall[1:-1, 1:-1] & ink


def _grown_hole(hole: BinaryImage, reach: int, shape: int) -> NDArray[np.bool_]:
    """Return a hole with what is within reach, pixels, the square or the disc around each."""
    x, y, width, height = cv2.boundingRect(hole)
    rows = slice(max(0, y - reach), y + height + reach)
    columns = slice(max(0, x - reach), x + width + reach)
    kernel = cv2.getStructuringElement(shape, (2 * reach + 1, 2 * reach + 1))
    grown = np.zeros(hole.shape, np.bool_)
    grown[rows, columns] = cv2.dilate(hole[rows, columns], kernel) > 0
    return grown


def _with_loop_walls(
    ink: NDArray[np.bool_], loops: Sequence[tuple[NDArray[np.bool_], NDArray[np.bool_]]]
) -> NDArray[np.bool_] | None:
    """Return ink with the walls of the loops that it holds most of; None if it has them all."""
    closed = ink.copy()
    for rim, wall in loops:
        if np.count_nonzero(rim & ink) >= _MOST_OF_LOOP * np.count_nonzero(rim):
            closed |= wall
    lent = np.count_nonzero(closed) - np.count_nonzero(ink)
    return closed if lent >= _LEAST_LENT * np.count_nonzero(ink) else None


def _seam_length(ink: NDArray[np.bool_], pieces: Pieces) -> int:
    """Return how many pixels of the other pieces ink meets."""
    rim = cv2.dilate(ink.astype(np.uint8), np.ones((3, 3), np.uint8))
    return int(np.count_nonzero((rim > 0) & ~ink & (pieces > 0)))

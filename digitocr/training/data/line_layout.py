"""Several drawn texts as one line: cells of a row, digits in a comb, struck-out numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from digitocr.recognition.alphabet import OTHER
from digitocr.training.data.drawn_text import DrawnText

Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class Laid:
    """A line of ink, and where vertical rulings cross it (x in pixels of the ink)."""

    drawn: DrawnText
    bars: tuple[float, ...] = ()


def _side_by_side(
    pieces: Sequence[DrawnText], lefts: Sequence[int], width: int, between: str
) -> DrawnText:
    """Return pieces on one baseline, each at its left edge."""
    above = max(piece.baseline for piece in pieces)
    below = max(piece.ink.shape[0] - piece.baseline for piece in pieces)
    ink = np.zeros((int(np.ceil(above + below)) + 1, width), np.float32)
    for piece, left in zip(pieces, lefts, strict=True):
        top = round(above - piece.baseline)
        rows, columns = piece.ink.shape
        place = ink[top : top + rows, left : left + columns]
        np.maximum(place, piece.ink[: place.shape[0], : place.shape[1]], out=place)
    moved = list(zip(pieces, lefts, strict=True))
    return DrawnText(
        ink,
        between.join(piece.truth for piece in pieces),
        tuple(x + left for piece, left in moved for x in piece.x_left),
        tuple(x + left for piece, left in moved for x in piece.x_right),
        tuple(word for piece in pieces for word in piece.words),
        above,
        pieces[0].digit_height,
    )


def row_of_cells(rng: Rng, pieces: Sequence[DrawnText]) -> Laid:
    """Return texts as neighbours in a table: wide gaps, bars in half of them.

    Single digits may stand nearer: the digits of one number are never drawn so far apart.
    """
    least_gap = 0.6 if all(len(piece.truth) == 1 for piece in pieces) else 0.9
    height = pieces[0].digit_height
    ruled = rng.random() < 0.5
    lefts, bars, cursor = [], [], 0.0
    for piece in pieces:
        lefts.append(round(cursor))
        gap = least_gap * np.exp(rng.uniform(0, np.log(4 / least_gap))) * height
        end = cursor + piece.ink.shape[1]
        if ruled:
            bars.append(end + gap * rng.uniform(0.25, 0.75))
        cursor = end + gap
    width = lefts[-1] + pieces[-1].ink.shape[1]
    return Laid(_side_by_side(pieces, lefts, width, " "), tuple(bars[:-1]))


def beside(rng: Rng, main: DrawnText, small: DrawnText, between: str) -> Laid:
    """Return a text with a smaller one behind it: a unit, or the last digits of a meter."""
    gap = rng.uniform(0.12, 0.3) if not between else rng.uniform(0.4, 0.9)
    left = round(main.ink.shape[1] + gap * main.digit_height)
    width = left + small.ink.shape[1]
    return Laid(_side_by_side((main, small), (0, left), width, between))


def comb(rng: Rng, digits: Sequence[DrawnText]) -> Laid:
    """Return single characters in the cells of a comb: a bar between two is read as a space."""
    height = digits[0].digit_height
    pitch = max(rng.uniform(1.0, 1.9) * height, max(d.ink.shape[1] for d in digits) + 0.15 * height)
    lefts = []
    for index, digit in enumerate(digits):
        free = pitch - digit.ink.shape[1]
        lefts.append(round(index * pitch + free * rng.uniform(0.25, 0.75)))
    width = round(len(digits) * pitch)
    bars = tuple(index * pitch for index in range(len(digits) + 1))
    return Laid(_side_by_side(digits, lefts, width, " "), bars)


def struck_out(rng: Rng, drawn: DrawnText) -> DrawnText:
    """Return a text crossed out by a scribble or two lines: it is read as one "other"."""
    ink = drawn.ink.copy()
    rows, columns = ink.shape
    height = drawn.digit_height
    thick = max(1, round(rng.uniform(0.06, 0.16) * height))
    middle = drawn.baseline - height / 2
    if rng.random() < 0.5:
        turns = np.linspace(0, columns, max(4, round(columns / (rng.uniform(0.15, 0.5) * height))))
        ys = middle + height * rng.uniform(0.2, 0.5) * np.where(np.arange(len(turns)) % 2, 1, -1)
        points = np.stack([turns, ys], axis=1).round().astype(np.int32)
        cv2.polylines(ink, [points.reshape(-1, 1, 2)], False, 1.0, thick)
    else:
        for share in (rng.uniform(-0.35, -0.05), rng.uniform(0.05, 0.35)):
            y = round(middle + share * height)
            tilt = round(rng.normal(0, 0.15) * height)
            cv2.line(ink, (0, min(y, rows - 1)), (columns, y + tilt), 1.0, thick)
    return replace(
        drawn, ink=ink, truth=OTHER, words=(OTHER,), x_left=(0.0,), x_right=(float(columns),)
    )

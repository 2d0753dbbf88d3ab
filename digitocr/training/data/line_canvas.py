"""A canvas that a line of symbols is written on from left to right, and the hand that writes."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from digitocr.core.arrays import Gray
from digitocr.training.data.strokes import bezier_curve
from digitocr.training.data.written_symbols import Font

# Lengths are parts of the height of digits, which is so many pixels while they are written. All of
# them were set by looking at written lines beside the ink of real pages (cheques, forms,
# photographs).
HEIGHT_PX = 44
_ASPECT_OF_ONE, _SLANT_OF_ONE = 0.07, 0.05  # deviations within a number
_JOIN_LEVELS = (0.92, 0.7, 0.1)  # of the height, from the foot
_SPACE = (0.25, 0.8)  # between words
_MOST_CUT_OFF = 0.4  # of the height, where a picture ends


@dataclass(frozen=True, slots=True)
class Hand:
    """How one number is written."""

    font: Font | None  # None for handwriting
    slant: float
    own_slant: float
    aspect: float
    size: float
    rise: float
    gap: float
    loops: bool
    joins: float
    pen: float
    drift: float
    leans: float  # what ones are slanted more than the others


class LineCanvas:
    """Paper that a line is written on from left to right; lengths are pixels."""

    def __init__(self, hand: Hand, n: int, rng: np.random.Generator) -> None:
        """Take a sheet for n digits and what stands around them."""
        self.hand, self.rng = hand, rng
        width = round((1.6 * (n + 26) * max(hand.aspect, 0.8) + 3) * HEIGHT_PX)
        self.pixels = np.zeros((round(2.6 * HEIGHT_PX), width), np.uint8)
        self.ends = np.full(len(self.pixels), -1e9)  # of the ink so far, by row
        self.baseline = round(1.9 * HEIGHT_PX)
        self.left = self.right = round(0.6 * HEIGHT_PX)  # of the last symbol
        self.blank = True

    @property
    def pen(self) -> int:
        """The width of a stroke."""
        return max(1, round(self.hand.pen * HEIGHT_PX))

    def put(
        self, symbol: Gray, size: float, rise: float, gap: float, join: bool, leans: float = 0.0
    ) -> None:
        """Write a symbol, `size` high and `rise` off the line, `gap` beside the last one.

        It is slanted more than others by `leans`.
        """
        hand, rng = self.hand, self.rng
        aspect = hand.aspect * float(np.exp(rng.normal(0, _ASPECT_OF_ONE)))
        slant = hand.slant + leans + rng.normal(0, _SLANT_OF_ONE)
        patch = _patch(symbol, size * HEIGHT_PX, aspect, slant, hand.own_slant)
        tall, wide = patch.shape
        up = rise + rng.normal(0, hand.rise) - hand.drift * (self.right / HEIGHT_PX - 0.6)
        top = int(np.clip(self.baseline - tall - up * HEIGHT_PX, 0, len(self.pixels) - tall))
        ink = patch > 100
        left = self._place(ink, top, gap)
        if left + wide >= self.pixels.shape[1]:
            return
        if join and not self.blank:
            self._join(ink, left, top)
        here = self.pixels[top : top + tall, left : left + wide]
        np.maximum(here, patch, out=here)
        ends = np.where(ink.any(axis=1), left + wide - ink[:, ::-1].argmax(axis=1), -1e9)
        self.ends[top : top + tall] = np.maximum(self.ends[top : top + tall], ends)
        self.left, self.right, self.blank = left, max(self.right, left + wide), False

    def _place(self, ink: NDArray[np.bool_], top: int, gap: float) -> int:
        """Return where a symbol begins that is `gap` off the ink before it where it is closest."""
        if self.blank:
            return self.right
        own = self.ends[top : top + len(ink), None].astype(np.float32)
        before = cv2.dilate(own, np.ones((9, 1), np.uint8))[:, 0]
        starts = np.where(ink.any(axis=1), ink.argmax(axis=1), 1e6)
        near = float((starts - before).min())
        left = round(gap * HEIGHT_PX - near) if near < 1e6 else self.right
        least = max(self.right - ink.shape[1] // 2, (7 * self.left + 3 * self.right) // 10)
        return int(max(left, least))

    def _join(self, ink: NDArray[np.bool_], left: int, top: int) -> None:
        """Lead a stroke from the last symbol on to one that is placed, at one height."""
        rng = self.rng
        level = self.baseline - HEIGHT_PX * float(rng.choice(_JOIN_LEVELS))
        start = max(0, self.right - round(0.6 * HEIGHT_PX))
        y, x = np.nonzero(self.pixels[:, start : self.right] > 100)
        end_y, end_x = np.nonzero(ink)
        if len(y) == 0 or len(end_y) == 0:
            return
        at = np.argmin(np.abs(y - level) - 0.6 * x)
        to = np.argmin(np.abs(end_y + top - level) + 0.6 * end_x)
        first = np.array([x[at] + start, y[at]])
        last = np.array([end_x[to] + left, end_y[to] + top])
        middle = (first + last) / 2 + [0, rng.uniform(-0.15, 0.15) * HEIGHT_PX]
        self._draw(bezier_curve(first, middle, last, 8), max(1, round(0.8 * self.pen)))

    def point(self) -> None:
        """Write a point or a comma."""
        rng, x = self.rng, self.right + round(self.rng.uniform(0.03, 0.22) * HEIGHT_PX)
        radius = max(1.5, self.hand.pen * HEIGHT_PX * rng.uniform(0.5, 0.9))
        raised = rng.uniform(0, 0.5) if rng.random() < 0.15 else rng.uniform(-0.12, 0.12)
        y = round(self.baseline - radius - raised * HEIGHT_PX)
        if rng.random() < 0.6:
            axes = round(radius * rng.uniform(0.8, 1.4)) + 1, round(radius) + 1
            cv2.ellipse(self.pixels, (round(x + radius), y), axes, 0, 0, 360, 255, cv2.FILLED)
        else:
            tail = np.array([-rng.uniform(0, 0.15), rng.uniform(0.05, 0.25)]) * HEIGHT_PX
            start = np.array([x + radius, y])
            self._draw(np.stack([start, start + tail]), self.pen)
        self._end(x + round(2 * radius), y)

    def dashes(self, n: int) -> None:
        """Write n dashes over each other, at mid height."""
        rng, x = self.rng, self.right + round(self.rng.uniform(0.03, 0.22) * HEIGHT_PX)
        y = self.baseline - round(rng.uniform(0.2, 0.7) * HEIGHT_PX)
        length = round(rng.uniform(0.2, 0.7) * HEIGHT_PX)
        for down in 0.22 * HEIGHT_PX * np.arange(n):
            rise = rng.normal(0, 0.08) * length
            self._draw(np.array([[x, y + down], [x + length, y + down + rise]]), self.pen)
        self._end(x + length, y)

    def space(self) -> None:
        """Leave a space, as between words."""
        self.right += round(self.rng.uniform(*_SPACE) * HEIGHT_PX)
        self.ends[:] = self.right

    def scrawl(self) -> None:
        """Draw a ring or a piece of one, a blot, or strokes, as cups and pens leave them."""
        rng, h = self.rng, HEIGHT_PX
        x, y = self.right + rng.uniform(0.2, 0.8) * h, self.baseline - rng.uniform(0.2, 0.8) * h
        middle, kind = (round(x), round(y)), int(rng.integers(3))
        width = max(1, round(rng.uniform(0.02, 0.15) * h))
        if kind == 0:
            axes = round(rng.uniform(0.2, 0.7) * h), round(rng.uniform(0.2, 0.7) * h)
            first, turn = float(rng.uniform(0, 360)), float(rng.uniform(0, 180))
            last = first + float(rng.uniform(60, 360))
            cv2.ellipse(self.pixels, middle, axes, turn, first, last, 255, width)
        elif kind == 1:
            angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
            reach = rng.uniform(0.1, 0.5) * h * rng.uniform(0.5, 1.2, 12)
            rim = np.stack([x + reach * np.cos(angles), y + reach * np.sin(angles)], axis=1)
            cv2.fillPoly(self.pixels, [np.round(rim).astype(np.int32)], 255)
        else:
            ends = np.array([x, y]) + rng.normal(0, 0.5, (int(rng.integers(2, 6)), 2)) * h
            self._draw(ends, width)
        self.right = round(x + 0.7 * h)

    def _end(self, x: int, y: int) -> None:
        self.ends[max(0, y - 5) : y + 8] = x
        self.right = x

    def _draw(self, points: NDArray[np.float64], width: int) -> None:
        cv2.polylines(self.pixels, [np.round(points).astype(np.int32)], False, 255, width)

    def cut_off(self) -> None:
        """Cut the foot or the top of all ink off, as where a picture ends."""
        part = self.rng.uniform(0, _MOST_CUT_OFF) * HEIGHT_PX
        if self.rng.random() < 0.5:
            self.pixels[round(self.baseline - part) :] = 0
        else:
            self.pixels[: round(self.baseline - HEIGHT_PX + part)] = 0

    def ruling_line(self, y: float, first: float, last: float, width: int) -> None:
        """Draw a line that is nearly level."""
        wander = self.rng.normal(0, 0.015, 6).cumsum() + self.rng.normal(0, 0.02)
        across = np.linspace(first, max(first, last), 6)
        self._draw(np.stack([across, y + wander * HEIGHT_PX], axis=1), width)

    def extent(self, digits: bool) -> tuple[int, int, int, int] | None:
        """Return left, top, right and bottom of the ink, None where there is none."""
        rows = np.flatnonzero(self.pixels.max(axis=1) > 100)
        columns = np.flatnonzero(self.pixels.max(axis=0) > 100)
        if len(rows) == 0:
            return None
        top, bottom = int(rows[0]), int(rows[-1]) + 1
        if not digits:  # letters and non-digits are as large as they would be beside digits
            top, bottom = min(top, self.baseline - HEIGHT_PX), max(bottom, self.baseline)
        return int(columns[0]), top, int(columns[-1]) + 1, bottom


def _patch(symbol: Gray, height: float, aspect: float, slant: float, own: float) -> Gray:
    """Return a symbol's ink, 0 to 255, at a height in pixels, slanted to the right.

    Args:
        symbol: (28, 28).
        height: of its ink, or of nearly half its width if that is more.
        aspect: what its width is multiplied by.
        slant: x for one of y upwards.
        own: the part of the slant that it has which stays.
    """
    x, y, width, tall = cv2.boundingRect((symbol > 64).astype(np.uint8))
    moments = cv2.moments(symbol)
    leans = float(np.clip(moments["mu11"] / max(moments["mu02"], 1e-6), -0.8, 0.8))
    shear = -leans * (1 - own) - slant
    scale = height / max(tall, 0.45 * width, 1)
    reach = [
        scale * aspect * (across + shear * (down - tall / 2))
        for across in (x, x + width)
        for down in (0, tall)
    ]
    first = min(reach) - 1
    size = round(max(reach) - first + 3), round(scale * tall + 3)
    wider, sheared = scale * aspect, scale * aspect * shear
    to_patch = np.array(
        [[wider, sheared, -first - sheared * (y + tall / 2)], [0, scale, 1 - scale * y]]
    )
    patch = cv2.warpAffine(symbol, to_patch, size, flags=cv2.INTER_LINEAR)
    x, y, width, tall = cv2.boundingRect((patch > 90).astype(np.uint8))
    inside = patch[y : y + max(1, tall), x : x + max(1, width)]
    strength = 255 / max(120, int(inside.max()))
    return np.asarray(np.minimum(inside * strength, 255), np.uint8)

"""Numbers as people and printers put them on paper, with what stands around: for training on.

Digits of many hands and fonts are set side by side, looped through and joined to each other, with
points, dashes, letters, ruling lines and dirt, and come out as a scan's ink. What is written is
known.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from digitocr.core.arrays import (
    BinaryImage,
    Gray,
    Labels,
)
from digitocr.training.data.datasets import (
    NON_DIGIT,
    Digits,
    joined_digits,
)

# Lengths are parts of the height of digits, which is so many pixels while they are written,
_HEIGHT = 44
# and chances parts of all numbers, unless said otherwise. All of them were set by looking at
# written lines beside the ink of real pages (cheques, forms, photographs).
_LENGTHS = (0.24, 0.16, 0.12, 0.12, 0.11, 0.1, 0.09, 0.04, 0.02)  # 0, 1, 2, ... digits
_MOST_ZEROS, _ZEROS = 5, 0.45  # numbers end in some
_HANDWRITTEN = 0.72
_SAME_FORM = 0.3  # all 4s of a number, say, are written alike
_SLANT, _SLANT_OF_TYPE = (0.12, 0.24), (0.0, 0.1)  # mean and deviation, x for one of y
_OWN_SLANT = 0.4  # at most this part of what slant a digit came with stays
_ASPECT, _ASPECT_OF_ONE, _SLANT_OF_ONE = 0.2, 0.07, 0.05  # deviations
_LEANING, _LEANS = (
    0.3,
    (0.1, 0.5),
)  # hands whose ones lean more than their other digits, and by what
_SIZE, _RISE = 0.08, 0.045  # deviations, of handwritten digits
_SIZE_OF_TYPE, _RISE_OF_TYPE = 0.02, 0.01
_DRIFT = 0.03  # deviation of the slope of the line
_GAPS = ((-0.04, 0.03), (0.02, 0.2), (0.1, 0.5))  # touching, usual and wide
_GAP_KINDS, _GAP = (0.25, 0.45, 0.3), 0.05  # how usual they are; deviation within a number
_LOOPING, _LOOPED, _LOOP = 0.3, 0.8, (0.02, 0.3)  # numbers, zeros of those, how far they overlap
_JOINS, _JOIN_KINDS = (0.0, 0.25, 0.8), (0.65, 0.2, 0.15)  # a stroke leads on to the next digit
_JOIN_LEVELS = (0.92, 0.7, 0.1)  # of the height, from the foot
_PEN = (0.05, 0.14)
_SMALL_TAIL, _TAIL = 0.3, (0.45, 1.0)  # zeros at the end are smaller: so much
_POINTS, _SYMBOL_BEFORE, _SYMBOL_AFTER, _SIGN_AFTER = 0.4, 0.09, 0.09, 0.22
_WORD_BESIDE, _SPACE = 0.35, (0.25, 0.8)  # of those symbols: words, so far off
# Lines without digits are words, blots and strokes, or else a few non-digits of any size.
_WORDS, _SCRAWLS, _WORD_LENGTH = 0.62, 0.15, (1, 10)
_CUT_OFF, _MOST_CUT_OFF = 0.08, 0.4  # by the edge of a picture; so much of the height
_UNDERLINE, _OVERLINE, _SPECKS, _HAIRS, _ERASED = 0.2, 0.06, 0.3, 0.05, 0.12
_TURN = np.radians(2.2)  # deviation
_BEND = 0.05  # at most, deviation of a grid of displacements
# How usual letters are in English, from a to z, in 1,000 (Norvig 2013, mayzner.html).
_PER_1000 = (80, 15, 33, 38, 125, 24, 19, 51, 76, 2, 5, 41, 25, 72, 76, 21, 1, 63, 65, 93, 27, 11)
_USUAL_LETTERS = np.array([*_PER_1000, 17, 2, 17, 1]) / sum([*_PER_1000, 17, 2, 17, 1])
_LOW_LETTERS, _HANGING_LETTERS = set("aceimnorsuvwxzgpqy"), set("gpqyj")
# The line image: digits have this part of its height, and stand so far off its middle.
LINE_HEIGHT_PX = 64
_FILLS, _OFF_MIDDLE, _MARGINS = (0.59, 0.94), 0.06, (4, 18)
_THICK, _THIN, _SOFT, _NOISY = 0.22, 0.12, 0.5, 0.5
_BLUR, _NOISE, _CUT, _LEAST_CUT = (0.6, 2.0), (5, 45), (70, 165), 45
_LEFT = 0.65  # of the ink has to be left after the scan


@dataclass(frozen=True, slots=True)
class Font:
    """The symbols of one font."""

    digits: Digits  # each of the ten, and non-digits
    letters: Gray | None  # (52, 28, 28), `string.ascii_letters`


@dataclass(frozen=True, slots=True)
class Symbols:
    """What numbers are written with."""

    digits: Digits  # of any hands
    non_digits: Digits
    fonts: tuple[Font, ...]  # may be empty
    places: dict[int, NDArray[np.intp]]  # of each digit that there is among `digits`


@dataclass(frozen=True, slots=True)
class WrittenLine:
    """A line's ink as it is scanned, and the digits on it."""

    mask: BinaryImage  # (STRIP, W)
    digits: Labels  # (n,), left to right; n may be 0


@dataclass(frozen=True, slots=True)
class _Hand:
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


def symbols(hands: Digits, fonts: Sequence[Font]) -> Symbols:
    """Return what numbers are written with: single digits and non-digits, and those of fonts."""
    known = hands.labels != NON_DIGIT
    digits, non_digits = hands[np.flatnonzero(known)], hands[np.flatnonzero(~known)]
    others = [font.digits[np.flatnonzero(font.digits.labels == NON_DIGIT)] for font in fonts]
    places = {digit: np.flatnonzero(digits.labels == digit) for digit in range(10)}
    there = {digit: at for digit, at in places.items() if len(at)}
    return Symbols(digits, joined_digits(non_digits, *others), tuple(fonts), there)


def write_line(given: Symbols, rng: np.random.Generator, plain: bool = False) -> WrittenLine:
    """Return a line with a number on it, or with letters and non-digits alone.

    Args:
        given: holds a digit at least.
        rng: of every choice.
        plain: the number stands alone, its digits apart, on clean paper.
    """
    while True:
        hand = _some_hand(given, rng)
        digits = _some_digits(given, rng)
        if plain:
            usual = float(np.clip(hand.gap, *_GAPS[1]))
            hand = replace(hand, gap=usual, loops=False, joins=0.0, drift=0.0)
        canvas = _LineCanvas(hand, len(digits), rng)
        (_write_digits if plain else _write)(canvas, given, digits)
        if not plain and rng.random() < _CUT_OFF:
            canvas.cut_off()
        extent = canvas.extent(len(digits) > 0)
        if extent is not None:
            if not plain:
                _add_dirt(canvas, extent)
            return WrittenLine(scanned_ink(canvas.pixels, extent, len(digits) > 0, rng), digits)


def _some_hand(given: Symbols, rng: np.random.Generator) -> _Hand:
    handwritten = not given.fonts or rng.random() < _HANDWRITTEN
    font = None if handwritten else given.fonts[rng.integers(len(given.fonts))]
    return _Hand(
        font=font,
        slant=rng.normal(*(_SLANT if handwritten else _SLANT_OF_TYPE)),
        own_slant=rng.uniform(0, _OWN_SLANT),
        aspect=float(np.exp(rng.normal(0, _ASPECT))),
        size=_SIZE if handwritten else _SIZE_OF_TYPE,
        rise=_RISE if handwritten else _RISE_OF_TYPE,
        gap=rng.uniform(*_GAPS[rng.choice(len(_GAPS), p=_GAP_KINDS)]),
        loops=rng.random() < _LOOPING,
        joins=float(rng.choice(_JOINS, p=_JOIN_KINDS)),
        pen=rng.uniform(*_PEN),
        drift=rng.normal(0, _DRIFT),
        leans=rng.uniform(*_LEANS) if handwritten and rng.random() < _LEANING else 0.0,
    )


def _some_digits(given: Symbols, rng: np.random.Generator) -> Labels:
    """Return the digits of a number, (n,); many end in zeros."""
    n = int(rng.choice(len(_LENGTHS), p=_LENGTHS))
    digits = rng.choice(list(given.places), n)
    if n > 1 and 0 in given.places and rng.random() < _ZEROS:
        digits[-int(rng.integers(1, min(n - 1, _MOST_ZEROS) + 1)) :] = 0
    return np.asarray(digits, np.int64)


class _LineCanvas:
    """Paper that a line is written on from left to right; lengths are pixels."""

    def __init__(self, hand: _Hand, n: int, rng: np.random.Generator) -> None:
        """Take a sheet for n digits and what stands around them."""
        self.hand, self.rng = hand, rng
        width = round((1.6 * (n + 26) * max(hand.aspect, 0.8) + 3) * _HEIGHT)
        self.pixels = np.zeros((round(2.6 * _HEIGHT), width), np.uint8)
        self.ends = np.full(len(self.pixels), -1e9)  # of the ink so far, by row
        self.baseline = round(1.9 * _HEIGHT)
        self.left = self.right = round(0.6 * _HEIGHT)  # of the last symbol
        self.blank = True

    @property
    def pen(self) -> int:
        """The width of a stroke."""
        return max(1, round(self.hand.pen * _HEIGHT))

    def put(
        self, symbol: Gray, size: float, rise: float, gap: float, join: bool, leans: float = 0.0
    ) -> None:
        """Write a symbol, `size` high and `rise` off the line, `gap` beside the last one.

        It is slanted more than others by `leans`.
        """
        hand, rng = self.hand, self.rng
        aspect = hand.aspect * float(np.exp(rng.normal(0, _ASPECT_OF_ONE)))
        slant = hand.slant + leans + rng.normal(0, _SLANT_OF_ONE)
        patch = _patch(symbol, size * _HEIGHT, aspect, slant, hand.own_slant)
        tall, wide = patch.shape
        up = rise + rng.normal(0, hand.rise) - hand.drift * (self.right / _HEIGHT - 0.6)
        top = int(np.clip(self.baseline - tall - up * _HEIGHT, 0, len(self.pixels) - tall))
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
        left = round(gap * _HEIGHT - near) if near < 1e6 else self.right
        least = max(self.right - ink.shape[1] // 2, (7 * self.left + 3 * self.right) // 10)
        return int(max(left, least))

    def _join(self, ink: NDArray[np.bool_], left: int, top: int) -> None:
        """Lead a stroke from the last symbol on to one that is placed, at one height."""
        rng = self.rng
        level = self.baseline - _HEIGHT * float(rng.choice(_JOIN_LEVELS))
        start = max(0, self.right - round(0.6 * _HEIGHT))
        y, x = np.nonzero(self.pixels[:, start : self.right] > 100)
        end_y, end_x = np.nonzero(ink)
        if len(y) == 0 or len(end_y) == 0:
            return
        at = np.argmin(np.abs(y - level) - 0.6 * x)
        to = np.argmin(np.abs(end_y + top - level) + 0.6 * end_x)
        first = np.array([x[at] + start, y[at]])
        last = np.array([end_x[to] + left, end_y[to] + top])
        middle = (first + last) / 2 + [0, rng.uniform(-0.15, 0.15) * _HEIGHT]
        t = np.linspace(0, 1, 8)[:, None]
        curve = (1 - t) ** 2 * first + 2 * t * (1 - t) * middle + t**2 * last
        self._draw(curve, max(1, round(0.8 * self.pen)))

    def point(self) -> None:
        """Write a point or a comma."""
        rng, x = self.rng, self.right + round(self.rng.uniform(0.03, 0.22) * _HEIGHT)
        radius = max(1.5, self.hand.pen * _HEIGHT * rng.uniform(0.5, 0.9))
        raised = rng.uniform(0, 0.5) if rng.random() < 0.15 else rng.uniform(-0.12, 0.12)
        y = round(self.baseline - radius - raised * _HEIGHT)
        if rng.random() < 0.6:
            axes = round(radius * rng.uniform(0.8, 1.4)) + 1, round(radius) + 1
            cv2.ellipse(self.pixels, (round(x + radius), y), axes, 0, 0, 360, 255, cv2.FILLED)
        else:
            tail = np.array([-rng.uniform(0, 0.15), rng.uniform(0.05, 0.25)]) * _HEIGHT
            start = np.array([x + radius, y])
            self._draw(np.stack([start, start + tail]), self.pen)
        self._end(x + round(2 * radius), y)

    def dashes(self, n: int) -> None:
        """Write n dashes over each other, at mid height."""
        rng, x = self.rng, self.right + round(self.rng.uniform(0.03, 0.22) * _HEIGHT)
        y = self.baseline - round(rng.uniform(0.2, 0.7) * _HEIGHT)
        length = round(rng.uniform(0.2, 0.7) * _HEIGHT)
        for down in 0.22 * _HEIGHT * np.arange(n):
            rise = rng.normal(0, 0.08) * length
            self._draw(np.array([[x, y + down], [x + length, y + down + rise]]), self.pen)
        self._end(x + length, y)

    def space(self) -> None:
        """Leave a space, as between words."""
        self.right += round(self.rng.uniform(*_SPACE) * _HEIGHT)
        self.ends[:] = self.right

    def scrawl(self) -> None:
        """Draw a ring or a piece of one, a blot, or strokes, as cups and pens leave them."""
        rng, h = self.rng, _HEIGHT
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
        part = self.rng.uniform(0, _MOST_CUT_OFF) * _HEIGHT
        if self.rng.random() < 0.5:
            self.pixels[round(self.baseline - part) :] = 0
        else:
            self.pixels[: round(self.baseline - _HEIGHT + part)] = 0

    def ruling_line(self, y: float, first: float, last: float, width: int) -> None:
        """Draw a line that is nearly level."""
        wander = self.rng.normal(0, 0.015, 6).cumsum() + self.rng.normal(0, 0.02)
        across = np.linspace(first, max(first, last), 6)
        self._draw(np.stack([across, y + wander * _HEIGHT], axis=1), width)

    def extent(self, digits: bool) -> tuple[int, int, int, int] | None:
        """Return left, top, right and bottom of the ink, None where there is none."""
        rows = np.flatnonzero(self.pixels.max(axis=1) > 100)
        columns = np.flatnonzero(self.pixels.max(axis=0) > 100)
        if len(rows) == 0:
            return None
        top, bottom = int(rows[0]), int(rows[-1]) + 1
        if not digits:  # letters and non-digits are as large as they would be beside digits
            top, bottom = min(top, self.baseline - _HEIGHT), max(bottom, self.baseline)
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


def _write(canvas: _LineCanvas, given: Symbols, digits: Labels) -> None:
    """Write a number and what stands beside it, or what else there is where it has no digits."""
    rng, n = canvas.rng, len(digits)
    if n == 0:
        _write_others(canvas, given)
        return
    if rng.random() < _SYMBOL_BEFORE:
        _write_beside(canvas, given, rng.uniform(0.5, 1.1), rng.uniform(-0.1, 0.2))
    _write_digits(canvas, given, digits)
    if rng.random() < _SYMBOL_AFTER:
        _write_beside(canvas, given, rng.uniform(0.3, 1.0), rng.uniform(-0.1, 0.4))
    if rng.random() < _SIGN_AFTER:
        kind = int(rng.integers(4))  # . - = .-
        if kind in (0, 3):
            canvas.point()
        if kind:
            canvas.dashes(2 if kind == 2 else 1)


def _write_beside(canvas: _LineCanvas, given: Symbols, size: float, rise: float) -> None:
    """Write a non-digit, or a word, before or after a number."""
    if canvas.rng.random() >= _WORD_BESIDE:
        _write_non_digit(canvas, given, size, rise)
        return
    if not canvas.blank:
        canvas.space()
    _write_word(canvas, given)
    canvas.space()


def _write_digits(canvas: _LineCanvas, given: Symbols, digits: Labels) -> None:
    """Write the digits of a number, with points between thousands in some."""
    rng, hand, n = canvas.rng, canvas.hand, len(digits)
    alike, points = rng.random() < _SAME_FORM, n > 3 and rng.random() < _POINTS
    small = rng.uniform(*_TAIL) if rng.random() < _SMALL_TAIL else 1.0
    tail = n - int(np.argmax([*(digits[::-1] != 0), True]))
    raised = float(rng.choice([0, 0, 0.5]))  # where small ones stand
    forms: dict[int, Gray] = {}
    for i, digit in enumerate(digits.tolist()):
        form = forms.get(digit) if alike else None
        forms[digit] = form = _form(given, hand, digit, rng) if form is None else form
        size, rise = (small, raised * (1 - small)) if i >= tail else (1.0, 0.0)
        gap = hand.gap + rng.normal(0, _GAP)
        if hand.loops and i and digits[i - 1] == digit == 0 and rng.random() < _LOOPED:
            gap = -rng.uniform(*_LOOP)
        size *= float(np.exp(rng.normal(0, hand.size)))
        leans = hand.leans if digit == 1 else 0.0
        canvas.put(form, size, rise, gap, rng.random() < hand.joins, leans)
        if points and (n - 1 - i) % 3 == 0 and i < n - 1:
            canvas.point()


def _form(given: Symbols, hand: _Hand, digit: int, rng: np.random.Generator) -> Gray:
    """Return a picture of a digit, (28, 28), in a hand."""
    if hand.font is None:
        return np.asarray(given.digits.images[rng.choice(given.places[digit])])
    font = hand.font.digits
    return np.asarray(font.images[font.labels == digit][0])


def _write_others(canvas: _LineCanvas, given: Symbols) -> None:
    """Write what is no number: a word or two, blots and strokes, or a few non-digits."""
    rng, kind = canvas.rng, canvas.rng.random()
    if kind < _WORDS:
        _write_word(canvas, given)
        if rng.random() < 0.3:
            canvas.space()
            _write_word(canvas, given)
        return
    if kind < _WORDS + _SCRAWLS:
        for _ in range(int(rng.integers(1, 4))):
            canvas.scrawl()
        return
    for _ in range(int(rng.integers(1, 4))):
        _write_non_digit(canvas, given, rng.uniform(0.25, 1), rng.uniform(-0.2, 0.2))


def _write_word(canvas: _LineCanvas, given: Symbols) -> None:
    """Write letters of one font in a row; non-digits where there is none with letters."""
    rng = canvas.rng
    n = int(rng.integers(_WORD_LENGTH[0], _WORD_LENGTH[1] + 1))
    font = canvas.hand.font or (
        given.fonts[rng.integers(len(given.fonts))] if given.fonts else None
    )
    if font is None or font.letters is None:
        for _ in range(min(n, 4)):
            _write_non_digit(canvas, given, rng.uniform(0.5, 1), 0.0)
        return
    size, capitals = rng.uniform(0.7, 1.15), rng.random() < 0.25
    letters = rng.choice(26, n, p=_USUAL_LETTERS)
    large = capitals | ((np.arange(n) == 0) & (rng.random() < 0.4))
    for letter in (letters + 26 * large).tolist():
        name = string.ascii_letters[letter]
        low, hangs = name in _LOW_LETTERS, name in _HANGING_LETTERS
        rise = -0.3 * size if hangs else 0.0
        gap = canvas.hand.gap / 2 + rng.normal(0, _GAP / 2)
        form = np.asarray(font.letters[letter])
        canvas.put(form, size * (0.7 if low else 1.0), rise, gap, rng.random() < canvas.hand.joins)


def _write_non_digit(canvas: _LineCanvas, given: Symbols, size: float, rise: float) -> None:
    """Write a non-digit, if there is any: of the same font, if it is type."""
    rng, font = canvas.rng, canvas.hand.font
    images = given.non_digits.images
    if font is not None:
        images = font.digits.images[font.digits.labels == NON_DIGIT]
    if len(images) == 0:
        canvas.dashes(1)
        return
    gap = canvas.hand.gap + rng.normal(0, _GAP)
    canvas.put(images[rng.integers(len(images))], size, rise, gap, False)


def _add_dirt(canvas: _LineCanvas, extent: tuple[int, int, int, int]) -> None:
    """Draw ruling lines, specks and hairs, and take a band out as of a removed ruling line."""
    rng, base, (left, top, right, bottom) = canvas.rng, canvas.baseline, extent
    h = _HEIGHT
    if rng.random() < _UNDERLINE:
        whole = rng.random() < 0.7
        first = left + rng.uniform(-0.6, 0.8) * h if whole else rng.uniform(left, right)
        last = right + rng.uniform(-0.8, 0.6) * h
        canvas.ruling_line(base + rng.uniform(-0.06, 0.3) * h, first, last, int(rng.integers(1, 5)))
    if rng.random() < _OVERLINE:
        first = rng.uniform(0, right)
        y = max(0.0, base - rng.uniform(1, 1.3) * h)
        canvas.ruling_line(y, first, first + rng.uniform(0.3, 3) * h, int(rng.integers(1, 4)))
    if rng.random() < _SPECKS:
        for _ in range(int(rng.integers(1, 9))):
            x = rng.uniform(left - 0.3 * h, right + 0.3 * h)
            y = rng.uniform(top - 0.3 * h, bottom + 0.3 * h)
            axes = int(rng.integers(0, 4)), int(rng.integers(0, 3))
            cv2.ellipse(canvas.pixels, (round(x), round(y)), axes, 0, 0, 360, 255, cv2.FILLED)
    if rng.random() < _HAIRS:
        for _ in range(int(rng.integers(1, 4))):
            x, y = rng.uniform(left, right), rng.uniform(top, bottom)
            end = round(x + rng.normal(0, 0.8) * h), round(y + rng.normal(0, 0.5) * h)
            cv2.line(canvas.pixels, (round(x), round(y)), end, 255, 1)
    if rng.random() < _ERASED:
        y, x = round(rng.uniform(base - 0.9 * h, base + 2)), round(rng.uniform(left - h, right))
        thick, wide = int(rng.integers(1, 5)), round(rng.uniform(0.5, 6) * h)
        canvas.pixels[y : y + thick, max(0, x) : max(0, x + wide)] = 0


def scanned_ink(
    canvas: Gray, extent: tuple[int, int, int, int], digits: bool, rng: np.random.Generator
) -> BinaryImage:
    """Return what is written as a line image: turned and bent, thick or thin, soft or noisy."""
    left, top, right, bottom = extent
    fills = rng.uniform(*_FILLS) * LINE_HEIGHT_PX
    scale = fills / max(bottom - top, (0.8 if digits else 0.6) * _HEIGHT)
    margins = rng.uniform(*_MARGINS, 2)
    width = round(scale * (right - left) + margins.sum())
    room = (LINE_HEIGHT_PX - fills) / 2 + 2
    down = LINE_HEIGHT_PX / 2 + np.clip(rng.normal(0, _OFF_MIDDLE) * LINE_HEIGHT_PX, -room, room)
    across = margins[0] + scale * (right - left) / 2
    turn = rng.normal(0, _TURN)
    y, x = np.mgrid[:LINE_HEIGHT_PX, :width].astype(np.float32)
    x, y = x - np.float32(across), y - np.float32(down)
    from_x = (x * np.cos(turn) + y * np.sin(turn)) / scale + (left + right) / 2
    from_y = (y * np.cos(turn) - x * np.sin(turn)) / scale + (top + bottom) / 2
    grid = (4, max(2, round(3.2 * width / LINE_HEIGHT_PX)), 2)
    coarse = rng.normal(0, rng.uniform(0, _BEND) * _HEIGHT, grid).astype(np.float32)
    bends = cv2.resize(coarse, (width, LINE_HEIGHT_PX), interpolation=cv2.INTER_CUBIC)
    maps = (from_x + bends[..., 0]).astype(np.float32), (from_y + bends[..., 1]).astype(np.float32)
    return _binary_ink(np.asarray(cv2.remap(canvas, *maps, cv2.INTER_LINEAR), np.uint8), rng)


def _binary_ink(image: Gray, rng: np.random.Generator) -> BinaryImage:
    """Return a line image's ink, 0 or 255, as pens and thresholds leave it; most of it is left."""
    whole = np.count_nonzero(image > 100)
    pen = rng.random()
    if pen < _THICK:
        size = int(rng.integers(2, 5))
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
        image = np.asarray(cv2.dilate(image, disc), np.uint8)
    elif pen < _THICK + _THIN:
        image = np.asarray(cv2.erode(image, np.ones((2, 2), np.uint8)), np.uint8)
    if rng.random() < _SOFT:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(*_BLUR)), np.uint8)
    seen = image.astype(np.float32)
    if rng.random() < _NOISY:
        coarse = rng.normal(0, rng.uniform(*_NOISE), (len(seen) // 2, -(-seen.shape[1] // 2)))
        seen = seen + cv2.resize(coarse.astype(np.float32), (seen.shape[1], len(seen)))
    cut = rng.uniform(*_CUT)
    while cut > _LEAST_CUT and np.count_nonzero(seen > cut) < _LEFT * whole:
        cut -= 20
    return np.where(seen > cut, 255, 0).astype(np.uint8)

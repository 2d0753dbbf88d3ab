"""Numbers as people and printers put them on paper, with what stands around: for training on.

Digits of many hands and fonts are set side by side, looped through and joined to each other, with
points, dashes, letters, ruling lines and dirt, and come out as a scan's ink. What is written is
known.
"""

from __future__ import annotations

import string
from dataclasses import dataclass, replace

import numpy as np

from digitocr.core.arrays import (
    BinaryImage,
    Gray,
    Labels,
)
from digitocr.training.data.datasets import NON_DIGIT
from digitocr.training.data.line_canvas import Hand, LineCanvas
from digitocr.training.data.line_scan import add_dirt, scanned_ink
from digitocr.training.data.written_symbols import Symbols

# Lengths are parts of the height of digits, and chances parts of all numbers, unless said
# otherwise. All of them were set by looking at written lines beside the ink of real pages (cheques,
# forms, photographs).
_LENGTHS = (0.24, 0.16, 0.12, 0.12, 0.11, 0.1, 0.09, 0.04, 0.02)  # 0, 1, 2, ... digits
_MOST_ZEROS, _ZEROS = 5, 0.45  # numbers end in some
_HANDWRITTEN = 0.72
_SAME_FORM = 0.3  # all 4s of a number, say, are written alike
_SLANT, _SLANT_OF_TYPE = (0.12, 0.24), (0.0, 0.1)  # mean and deviation, x for one of y
_ASPECT = 0.2  # deviation of log(width / height), of hands
_OWN_SLANT = 0.4  # at most this part of what slant a digit came with stays
# Hands whose ones lean more than their other digits, and by what.
_LEANING, _LEANS = 0.3, (0.1, 0.5)
_SIZE, _RISE = 0.08, 0.045  # deviations, of handwritten digits
_SIZE_OF_TYPE, _RISE_OF_TYPE = 0.02, 0.01
_DRIFT = 0.03  # deviation of the slope of the line
_GAPS = ((-0.04, 0.03), (0.02, 0.2), (0.1, 0.5))  # touching, usual and wide
_GAP_KINDS, _GAP = (0.25, 0.45, 0.3), 0.05  # how usual they are; deviation within a number
_LOOPING, _LOOPED, _LOOP = 0.3, 0.8, (0.02, 0.3)  # numbers, zeros of those, how far they overlap
_JOINS, _JOIN_KINDS = (0.0, 0.25, 0.8), (0.65, 0.2, 0.15)  # a stroke leads on to the next digit
_PEN = (0.05, 0.14)
_SMALL_TAIL, _TAIL = 0.3, (0.45, 1.0)  # zeros at the end are smaller: so much
_POINTS, _SYMBOL_BEFORE, _SYMBOL_AFTER, _SIGN_AFTER = 0.4, 0.09, 0.09, 0.22
_WORD_BESIDE = 0.35  # of those symbols are words
# Lines without digits are words, blots and strokes, or else a few non-digits of any size.
_WORDS, _SCRAWLS, _WORD_LENGTH = 0.62, 0.15, (1, 10)
_CUT_OFF = 0.08  # by the edge of a picture
# How usual letters are in English, from a to z, in 1,000 (Norvig 2013, mayzner.html).
_PER_1000 = (80, 15, 33, 38, 125, 24, 19, 51, 76, 2, 5, 41, 25, 72, 76, 21, 1, 63, 65, 93, 27, 11)
_USUAL_LETTERS = np.array([*_PER_1000, 17, 2, 17, 1]) / sum([*_PER_1000, 17, 2, 17, 1])
_LOW_LETTERS, _HANGING_LETTERS = set("aceimnorsuvwxzgpqy"), set("gpqyj")


@dataclass(frozen=True, slots=True)
class WrittenLine:
    """A line's ink as it is scanned, and the digits on it."""

    mask: BinaryImage  # (LINE_HEIGHT_PX, W)
    digits: Labels  # (n,), left to right; n may be 0


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
        canvas = LineCanvas(hand, len(digits), rng)
        (_write_digits if plain else _write)(canvas, given, digits)
        if not plain and rng.random() < _CUT_OFF:
            canvas.cut_off()
        extent = canvas.extent(len(digits) > 0)
        if extent is not None:
            if not plain:
                add_dirt(canvas, extent)
            return WrittenLine(scanned_ink(canvas.pixels, extent, len(digits) > 0, rng), digits)


def _some_hand(given: Symbols, rng: np.random.Generator) -> Hand:
    handwritten = not given.fonts or rng.random() < _HANDWRITTEN
    font = None if handwritten else given.fonts[rng.integers(len(given.fonts))]
    return Hand(
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


def _write(canvas: LineCanvas, given: Symbols, digits: Labels) -> None:
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


def _write_beside(canvas: LineCanvas, given: Symbols, size: float, rise: float) -> None:
    """Write a non-digit, or a word, before or after a number."""
    if canvas.rng.random() >= _WORD_BESIDE:
        _write_non_digit(canvas, given, size, rise)
        return
    if not canvas.blank:
        canvas.space()
    _write_word(canvas, given)
    canvas.space()


def _write_digits(canvas: LineCanvas, given: Symbols, digits: Labels) -> None:
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


def _form(given: Symbols, hand: Hand, digit: int, rng: np.random.Generator) -> Gray:
    """Return a picture of a digit, (28, 28), in a hand."""
    if hand.font is None:
        return np.asarray(given.digits.images[rng.choice(given.places[digit])])
    font = hand.font.digits
    return np.asarray(font.images[font.labels == digit][0])


def _write_others(canvas: LineCanvas, given: Symbols) -> None:
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


def _write_word(canvas: LineCanvas, given: Symbols) -> None:
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


def _write_non_digit(canvas: LineCanvas, given: Symbols, size: float, rise: float) -> None:
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

"""What a model is shown again while it learns something new, so that it does not forget.

MNIST's digits where they are at hand, and else, as no pictures come with a model, digits that are
drawn here: stroke by stroke, and with the type that OpenCV has.
"""

from __future__ import annotations

import string
from dataclasses import dataclass

import cv2
import numpy as np

from digitocr.core.arrays import Gray
from digitocr.training.data.datasets import (
    NON_DIGIT,
    Digits,
    joined_digits,
)
from digitocr.training.data.strokes import draw_forms
from digitocr.training.data.symbols import mnist_image
from digitocr.training.data.touching import touching_digits
from digitocr.training.data.written_symbols import (
    Font,
    Symbols,
    symbols,
)

_MNIST, _FORMS, _CUTS = 8000, 2000, 1500  # digits of MNIST, drawn ones, and cut ones
_TYPE_TIMES = 5  # that digits of type are shown more often than each of the others
FONTS = (  # that OpenCV has
    *(cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_PLAIN, cv2.FONT_HERSHEY_DUPLEX),
    *(cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_TRIPLEX, cv2.FONT_HERSHEY_SCRIPT_SIMPLEX),
)
_HEIGHT, _PENS = 80, (4, 7, 11)  # px
_OTHERS = "ACEFGHJKLMNPRUVWXYabcdefhkmnpruvwx+-=*/()&%#?"  # that no hand draws like a digit


@dataclass(frozen=True, slots=True)
class Replay:
    """What is shown again; only what the model says of it counts, not what it is."""

    name: str  # "MNIST" or "drawn digits"
    digits: Digits  # with non-digits
    symbols: Symbols  # that lines are written with


def replay(mnist: Digits | None, seed: int) -> Replay:
    """Return what is shown again: MNIST's training digits, if there are any, and drawn ones."""
    forms, fonts = draw_forms(_FORMS, seed), draw_type()
    typed = joined_digits(*(font.digits for font in fonts))
    if mnist is None:
        hands = joined_digits(
            forms, *[typed[np.flatnonzero(typed.labels != NON_DIGIT)]] * _TYPE_TIMES
        )
    else:
        some = np.random.default_rng(seed).permutation(len(mnist))[:_MNIST]
        hands = joined_digits(mnist[some], forms)
    cuts = touching_digits(hands, _CUTS, seed)
    wrong = cuts[np.flatnonzero(cuts.labels == NON_DIGIT)]
    return Replay(
        "drawn digits" if mnist is None else "MNIST",
        joined_digits(hands, cuts, typed, typed),
        symbols(joined_digits(hands, wrong), fonts),
    )


def draw_type() -> list[Font]:
    """Return OpenCV's type with each of some pens: ten digits, non-digits, letters."""
    return [_type_font(font, pen) for font in FONTS for pen in _PENS]


def _type_font(font: int, pen: int) -> Font:
    signs = [_glyph(sign, font, pen) for sign in string.digits + _OTHERS]
    labels = np.array([*range(10), *[NON_DIGIT] * len(_OTHERS)], np.int64)
    letters = [_glyph(letter, font, pen) for letter in string.ascii_letters]
    return Font(Digits(np.stack(signs), labels), np.stack(letters))


def _glyph(sign: str, font: int, pen: int) -> Gray:
    """Return a symbol as OpenCV draws it, 28×28."""
    canvas = np.zeros((4 * _HEIGHT, 4 * _HEIGHT), np.uint8)
    scale = cv2.getFontScaleFromHeight(font, _HEIGHT, pen)
    cv2.putText(canvas, sign, (_HEIGHT, 3 * _HEIGHT), font, scale, 255, pen, cv2.LINE_AA)
    x, y, width, height = cv2.boundingRect(canvas)
    return mnist_image(canvas[y : y + height, x : x + width])

"""What numbers are written with: digits of any hands, the symbols of fonts, non-digits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitocr.core.arrays import Gray
from digitocr.training.data.datasets import (
    NON_DIGIT,
    Digits,
    joined_digits,
)


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


def symbols(hands: Digits, fonts: Sequence[Font]) -> Symbols:
    """Return what numbers are written with: single digits and non-digits, and those of fonts."""
    known = hands.labels != NON_DIGIT
    digits, non_digits = hands[np.flatnonzero(known)], hands[np.flatnonzero(~known)]
    others = [font.digits[np.flatnonzero(font.digits.labels == NON_DIGIT)] for font in fonts]
    places = {digit: np.flatnonzero(digits.labels == digit) for digit in range(10)}
    there = {digit: at for digit, at in places.items() if len(at)}
    return Symbols(digits, joined_digits(non_digits, *others), tuple(fonts), there)

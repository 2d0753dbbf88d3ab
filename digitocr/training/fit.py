"""Fit what makes chances of a trained model's scores: to digits and lines that it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from digitocr.numbers.assemble import (
    assembled_numbers,
    digit_lines,
)
from digitocr.recognition.classifier import logits
from digitocr.recognition.components import find_components
from digitocr.recognition.model import Model
from digitocr.recognition.reader import read_components
from digitocr.training.calibration import (
    Chances,
    Right,
    chance_curve,
    fitted_temperature,
    share_wrong,
)
from digitocr.training.data.augment import distorted
from digitocr.training.data.datasets import (
    NO_DIGIT,
    joined,
)
from digitocr.training.data.touching import cut_digits
from digitocr.training.data.written_lines import (
    Symbols,
    write_line,
)
from digitocr.training.recipes import (
    Material,
    Recipe,
)

_LINES = 0.6  # written for each held-out digit; one in so many is as hard as those trained on,
_HARD = 30  # the others are plain


def calibrated(model: Model, found: Material, recipe: Recipe) -> dict[str, Any]:
    """Return the part of the card that makes chances of scores.

    The temperature is fitted to held-out digits, unseen hands and cuts of both, distorted as for
    training; the curves to lines written with them and read as on pages.
    """
    rng = np.random.default_rng(recipe.seed)
    facts: dict[str, Any] = {"temperature": _temperature(model, found, recipe, rng)}
    model = replace(model, card=facts)
    n = max(1, round(_LINES * (len(found.held_out) + len(found.hands))))
    digit, number = read_written(model, found.unseen, n, rng)
    chances = chance_curve(*number)
    expected = np.interp(number[0], *chances) if chances[0] else number[0]
    return facts | {
        "digit_chance": chance_curve(*digit),
        "number_chance": chances,
        "share_wrong": share_wrong(expected, number[1]),
    }


def _temperature(model: Model, found: Material, recipe: Recipe, rng: np.random.Generator) -> float:
    """Return what divides the first network's logits so that they are chances."""
    shown = joined(found.held_out, found.hands)
    known = shown[np.flatnonzero(shown.labels != NO_DIGIT)]
    if recipe.cuts:
        n = max(1, round(recipe.cuts * len(known)))
        shown = joined(shown, cut_digits(known, n, recipe.seed))
    plain = np.asarray(shown.images / np.float32(255), np.float32)
    crops = distorted(shown.images, rng) if recipe.distort else plain
    return round(fitted_temperature(logits(model, crops), shown.labels), 4)


def read_written(
    model: Model, given: Symbols, n: int, rng: np.random.Generator
) -> tuple[tuple[Chances, Right], tuple[Chances, Right]]:
    """Return confidences and what was right, of digits and of numbers, on n written lines."""
    of_digits: list[tuple[float, bool]] = []
    of_numbers: list[tuple[float, bool]] = []
    for i in range(n):
        line = write_line(given, rng, plain=i % _HARD != 0)
        reading = read_components(find_components(line.mask), model)
        text = "".join(map(str, line.digits))
        for number in assembled_numbers(digit_lines(reading)):
            read = "".join(digit.digit for digit in number.digits)
            of_numbers.append((number.confidence, read == text))
            if len(read) == len(text):
                pairs = zip(number.digits, text, strict=True)
                of_digits += [(digit.confidence, digit.digit == true) for digit, true in pairs]
    return _columns(of_digits), _columns(of_numbers)


def _columns(rows: Sequence[tuple[float, bool]]) -> tuple[Chances, Right]:
    return np.array([row[0] for row in rows]), np.array([row[1] for row in rows], bool)

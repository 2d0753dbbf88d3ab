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
    likeliest_temperature,
    share_wrong,
)
from digitocr.training.data.augment import distorted_crops
from digitocr.training.data.datasets import (
    NON_DIGIT,
    joined_digits,
)
from digitocr.training.data.touching import touching_digits
from digitocr.training.data.written_lines import (
    write_line,
)
from digitocr.training.data.written_symbols import (
    Symbols,
)
from digitocr.training.recipes import (
    Material,
    Recipe,
)

_LINES_PER_DIGIT = 0.6  # written for each held-out digit
_HARD_ONE_IN = 30  # of these lines one in so many is as hard as those trained on, the rest plain


def calibration_facts(model: Model, found: Material, recipe: Recipe) -> dict[str, Any]:
    """Return the part of the card that makes chances of scores.

    The temperature is fitted to held-out digits, unseen hands and cuts of both, distorted as for
    training; the curves to lines written with them and read as on pages.
    """
    rng = np.random.default_rng(recipe.seed)
    facts: dict[str, Any] = {"temperature": _fitted_temperature(model, found, recipe, rng)}
    model = replace(model, card=facts)
    n = max(1, round(_LINES_PER_DIGIT * (len(found.held_out) + len(found.hands))))
    digit, number = confidences_on_written_lines(model, found.unseen, n, rng)
    chances = chance_curve(*number)
    expected = np.interp(number[0], *chances) if chances[0] else number[0]
    return facts | {
        "digit_chance": chance_curve(*digit),
        "number_chance": chances,
        "share_wrong": share_wrong(expected, number[1]),
    }


def _fitted_temperature(
    model: Model, found: Material, recipe: Recipe, rng: np.random.Generator
) -> float:
    """Return what divides the first network's logits so that they are chances."""
    shown = joined_digits(found.held_out, found.hands)
    known = shown[np.flatnonzero(shown.labels != NON_DIGIT)]
    if recipe.cuts:
        n = max(1, round(recipe.cuts * len(known)))
        shown = joined_digits(shown, touching_digits(known, n, recipe.seed))
    plain = np.asarray(shown.images / np.float32(255), np.float32)
    crops = distorted_crops(shown.images, rng) if recipe.distort else plain
    return round(likeliest_temperature(logits(model, crops), shown.labels), 4)


def confidences_on_written_lines(
    model: Model, given: Symbols, n: int, rng: np.random.Generator
) -> tuple[tuple[Chances, Right], tuple[Chances, Right]]:
    """Return confidences and what was right, of digits and of numbers, on n written lines."""
    of_digits: list[tuple[float, bool]] = []
    of_numbers: list[tuple[float, bool]] = []
    for i in range(n):
        line = write_line(given, rng, plain=i % _HARD_ONE_IN != 0)
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

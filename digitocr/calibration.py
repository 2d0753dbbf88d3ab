"""How far confidences can be trusted: temperature, calibration error, the line for review."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitocr.model import softmax
from digitocr.records import Answers, Labels

Chances = NDArray[np.floating]  # (N,), 0..1
Right = NDArray[np.bool_]  # (N,)

# Numbers at or above the line for review are right this often, on held-out digits.
_WANTED_RIGHT = 0.99
_NUMBER_LENGTH = 5  # held-out digits are put together to numbers of this many
_BINS = 15  # Guo et al. 2017
LEVELS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)


@dataclass(frozen=True, slots=True)
class Calibration:
    """How a network's answers become chances of being right."""

    temperature: float  # logits are divided by it
    calibration_error: float  # expected, 0..1, after that
    min_confidence: float  # numbers below it are to be reviewed


@dataclass(frozen=True, slots=True)
class Level:
    """What is left when only answers of at least some confidence are taken."""

    confidence: float  # at least
    share: float  # 0..1, of all answers
    right: float | None  # 0..1, of those; None where there are none


def calibrate(answers: Answers, labels: Labels) -> Calibration:
    """Return the calibration fitted to held-out logits, (N, 10), and their (N,) labels."""
    temperature = fitted_temperature(answers, labels)
    scores = softmax(answers / np.float32(temperature))
    confidence, right = scores.max(axis=1), scores.argmax(axis=1) == labels
    return Calibration(
        temperature=round(temperature, 4),
        calibration_error=round(calibration_error(confidence, right), 5),
        min_confidence=_review_line(*_as_numbers(confidence, right)),
    )


def fitted_temperature(answers: Answers, labels: Labels) -> float:
    """Return the temperature that makes the labels likeliest (Guo et al. 2017).

    Found among 200 between 0.2 and 5, which is closer than held-out digits can tell.
    """
    temperatures = np.geomspace(0.2, 5, 200).astype(np.float32)
    return float(min(temperatures, key=lambda t: _surprise(softmax(answers / t), labels)))


def _surprise(scores: NDArray[np.float32], labels: Labels) -> float:
    """Return the mean negative log-likelihood of the labels."""
    return float(-np.log(scores[np.arange(len(labels)), labels] + 1e-12).mean())


def calibration_error(confidence: Chances, right: Right) -> float:
    """Return the mean distance between confidence and share right, over `_BINS` equal bins.

    0 for no answers at all.
    """
    bins = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    too_sure = np.bincount(bins, confidence - right, minlength=_BINS)
    return float(np.abs(too_sure).sum() / max(1, len(confidence)))


def confusion_matrix(labels: Labels, read: Labels) -> NDArray[np.int64]:
    """Return (10, 10) counts of (N,) readings: row the truth, column the reading."""
    matrix = np.zeros((10, 10), np.int64)
    np.add.at(matrix, (labels, read), 1)
    return matrix


def levels(confidence: Chances, right: Right, at: Sequence[float] = LEVELS) -> list[Level]:
    """Return, for each confidence, the share of answers at least so sure and how many are right."""
    found = []
    for least in at:
        sure = confidence >= least
        share = float(sure.mean()) if len(sure) else 0.0
        found.append(Level(least, share, float(right[sure].mean()) if sure.any() else None))
    return found


def _as_numbers(confidence: Chances, right: Right) -> tuple[Chances, Right]:
    """Return confidence and rightness of numbers put together of the digits in their order."""
    whole = len(confidence) // _NUMBER_LENGTH * _NUMBER_LENGTH
    shape = (-1, _NUMBER_LENGTH)
    numbers = confidence[:whole].reshape(shape).prod(axis=1)
    return numbers, np.asarray(right[:whole].reshape(shape).all(axis=1))


def _review_line(confidence: Chances, right: Right) -> float:
    """Return the lowest confidence from which on `_WANTED_RIGHT` are right, in hundredths."""
    for least in np.arange(0.5, 1.0, 0.01):
        level = levels(confidence, right, [float(least)])[0]
        if level.right is None or level.right >= _WANTED_RIGHT:
            return round(float(least), 2)
    return 0.99

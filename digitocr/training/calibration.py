"""How far confidences can be trusted: temperature, curves of the share right, calibration error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitocr.core.arrays import (
    Answers,
    Labels,
)
from digitocr.recognition.classifier import softmax
from digitocr.training.data.datasets import NON_DIGIT

Chances = NDArray[np.floating]  # (N,), 0..1
Right = NDArray[np.bool_]  # (N,)
Curve = tuple[list[float], list[float]]  # x, rising, and y

_BINS = 15  # Guo et al. 2017
_GROUPS = 40  # of answers, whose share right is a point of the curve
LINES = (*np.arange(0.5, 0.95, 0.01), *np.arange(0.95, 0.99, 0.0025), *np.arange(0.99, 1, 0.0005))
LEVELS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)


@dataclass(frozen=True, slots=True)
class Level:
    """What is left when only answers of at least some confidence are taken."""

    confidence: float  # at least
    share: float  # 0..1, of all answers
    right: float | None  # 0..1, of those; None where there are none


def chance_curve(confidence: Chances, right: Right) -> Curve:
    """Return the share right as a curve of confidence, never falling: x and y, 0..1 each.

    Isotonic regression (Zadrozny and Elkan 2002) over groups of equally many answers. The curve
    of no answers is empty.
    """
    if len(confidence) == 0:
        return [], []
    order = np.argsort(confidence, kind="stable")
    groups = [group for group in np.array_split(order, _GROUPS) if len(group)]
    x = [float(confidence[group].mean()) for group in groups]
    # One answer more, right as often as it is sure, so that no small group is beyond doubt.
    y = [(float(right[g].sum()) + mean) / (len(g) + 1) for g, mean in zip(groups, x, strict=True)]
    rising = _isotonic_fit(np.array(y), np.array([len(group) for group in groups]))
    return _rounded_curve(x), _rounded_curve(rising)


def _isotonic_fit(values: Chances, weights: NDArray[np.integer]) -> Chances:
    """Return the nearest values that never fall (pool adjacent violators, Ayer et al. 1955)."""
    pools: list[list[float]] = []  # mean, weight, number of values
    for value, weight in zip(values, weights, strict=True):
        pools.append([float(value), float(weight), 1])
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            mean, heavy, n = pools.pop()
            before = pools[-1]
            total = before[1] + heavy
            pools[-1] = [(before[0] * before[1] + mean * heavy) / total, total, before[2] + n]
    return np.concatenate([np.full(int(n), mean) for mean, _, n in pools])


def share_wrong(confidence: Chances, right: Right) -> Curve:
    """Return confidences and the share wrong of the answers at least so sure, never rising.

    One wrong answer more is counted than there is, so that a few answers promise little.
    """
    lines = np.array(LINES)
    share = []
    for line in lines:
        sure = confidence >= line
        share.append((np.count_nonzero(~right[sure]) + 1) / (np.count_nonzero(sure) + 1))
    # From below: beyond the surest answers are so few that the one counted more is all there is.
    return _rounded_curve(lines), _rounded_curve(np.minimum.accumulate(share))


def _rounded_curve(values: Sequence[float] | Chances) -> list[float]:
    return [round(float(value), 5) for value in values]


def likeliest_temperature(answers: Answers, labels: Labels) -> float:
    """Return the temperature that makes the labels likeliest (Guo et al. 2017).

    Where the label is `NON_DIGIT`, every digit should be as likely.

    Found among 200 between 0.2 and 5, which is closer than held-out digits can tell.
    """
    temperatures = np.geomspace(0.2, 5, 200).astype(np.float32)
    return float(min(temperatures, key=lambda t: _mean_surprise(softmax(answers / t), labels)))


def _mean_surprise(scores: NDArray[np.float32], labels: Labels) -> float:
    """Return the mean negative log-likelihood of the labels, where there is none of all digits."""
    surprise = -np.log(scores + 1e-12)  # (N, 10)
    own = surprise[np.arange(len(labels)), labels]
    return float(np.where(labels == NON_DIGIT, surprise.mean(axis=1), own).mean())


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

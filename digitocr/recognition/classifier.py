"""The classifier in NumPy: crops → the probability of each digit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from digitocr.core.arrays import Answers, Crops, Scores
from digitocr.recognition.model import PIXELS, Model

# The classifier is trained to answer 1/10 for each digit on non-digits. How far something is none
# is told from its lowest answers, so that what looks like both 4 and 9 is a digit all the same.
_N_LOWEST = 8
_SUREST = 0.999  # no answer is surer than this, or it alone would decide


def scores(model: Model, crops: Crops) -> Scores:
    """Return the calibrated probability of each digit for each crop.

    Args:
        model: weights from `load_model`.
        crops: (N, 28, 28) float32, ink 1.0 on paper 0.0. N may be 0.

    Returns:
        (N, 10) float32, every row summing to 1.
    """
    return softmax(logits(model, crops) / np.float32(model.temperature))


def logits(model: Model, crops: Crops) -> Answers:
    """Return the network's raw answers, (N, 10) float32, for (N, 28, 28) crops."""
    hidden = np.maximum(crops.reshape(-1, PIXELS) @ model.w1 + model.b1, 0)  # (N, H)
    return np.asarray(hidden @ model.w2 + model.b2, np.float32)


def digit_chances(scores: Scores) -> NDArray[np.float64]:
    """Return the chance of each digit, (N, 10); rows sum to the chance of any digit.

    They are chances where there are as many digits for each non-digit as training shows: on a page
    the one is weighed against the other anew.
    """
    lowest = np.sort(scores, axis=1)[:, :_N_LOWEST].mean(axis=1, keepdims=True).astype(np.float64)
    likely = np.maximum(scores - lowest, 0)
    non_digit = np.clip(10 * lowest, 1 - _SUREST, _SUREST)
    return np.asarray(likely * (1 - non_digit) / np.maximum(likely.sum(1, keepdims=True), 1e-9))


def softmax(answers: Answers) -> Scores:
    """Return (N, 10) logits as probabilities."""
    powers = np.exp(answers - answers.max(axis=1, keepdims=True, initial=-np.inf))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)

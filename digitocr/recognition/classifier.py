"""The classifier in NumPy: crops → the probability of each digit."""

from __future__ import annotations

import numpy as np

from digitocr.core.arrays import Answers, Crops, Scores
from digitocr.recognition.model import PIXELS, Model


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


def softmax(answers: Answers) -> Scores:
    """Return (N, 10) logits as probabilities."""
    powers = np.exp(answers - answers.max(axis=1, keepdims=True, initial=-np.inf))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)

"""Calibration, checked on answers whose chances are known."""

from __future__ import annotations

import numpy as np
import pytest

from digitocr.calibration import calibrate, calibration_error, confusion_matrix, levels
from digitocr.model import softmax

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_made_the_labels_is_found(temperature: float) -> None:
    answers = RNG.normal(0, 3, (20_000, 10)).astype(np.float32)
    chances = softmax(answers / np.float32(temperature))
    labels = (chances.cumsum(axis=1) > RNG.random((20_000, 1))).argmax(axis=1)
    found = calibrate(answers, labels)
    assert found.temperature == pytest.approx(temperature, rel=0.05)
    assert found.calibration_error < 0.02


def test_error_is_the_distance_between_promise_and_truth() -> None:
    assert calibration_error(np.full(10, 0.9), np.arange(10) < 9) == pytest.approx(0)
    assert calibration_error(np.full(10, 0.9), np.arange(10) < 5) == pytest.approx(0.4)
    assert calibration_error(np.empty(0), np.empty(0, bool)) == 0


def test_levels_tell_what_is_left_and_how_much_of_it_is_right() -> None:
    confidence, right = np.array([0.2, 0.6, 0.9, 1.0]), np.array([False, False, True, True])
    found = {level.confidence: (level.share, level.right) for level in levels(confidence, right)}
    assert found[0.0] == (1.0, 0.5)
    assert found[0.5] == (0.75, pytest.approx(2 / 3))
    assert found[0.9] == (0.5, 1.0)
    assert levels(confidence[:2], right[:2], [0.95])[0].right is None


def test_the_line_for_review_rises_with_the_errors() -> None:
    answers = np.zeros((50_000, 10), np.float32)
    answers[:, 0] = RNG.uniform(9, 15, 50_000)
    few = (RNG.random(50_000) > softmax(answers)[:, 0]).astype(np.int64)
    many = np.where(RNG.random(50_000) < 0.004, 1, few)
    assert calibrate(answers, few).min_confidence < calibrate(answers, many).min_confidence


def test_confusions_are_counted_by_truth_and_reading() -> None:
    matrix = confusion_matrix(np.array([1, 1, 7]), np.array([1, 7, 7]))
    assert matrix[1, 1] == matrix[1, 7] == matrix[7, 7] == 1
    assert matrix.sum() == 3

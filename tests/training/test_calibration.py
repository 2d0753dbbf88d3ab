"""Calibration, checked on answers whose chances are known."""

from __future__ import annotations

import numpy as np
import pytest

from digitocr.recognition.classifier import softmax
from digitocr.training.calibration import (
    LINES,
    calibration_error,
    chance_curve,
    confusion_matrix,
    levels,
    likeliest_temperature,
    share_wrong,
)

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_made_the_labels_is_found(temperature: float) -> None:
    answers = RNG.normal(0, 3, (20_000, 10)).astype(np.float32)
    chances = softmax(answers / np.float32(temperature))
    labels = (chances.cumsum(axis=1) > RNG.random((20_000, 1))).argmax(axis=1)
    found = likeliest_temperature(answers, labels)
    assert found == pytest.approx(temperature, rel=0.05)
    chances = softmax(answers / np.float32(found))
    right = chances.argmax(axis=1) == labels
    assert calibration_error(chances.max(axis=1), right) < 0.02


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


@pytest.mark.parametrize("power", [0.5, 1.0, 3.0])
def test_the_curve_turns_confidences_into_chances(power: float) -> None:
    confidence = RNG.random(40_000)
    right = RNG.random(40_000) < confidence**power
    x, y = chance_curve(confidence, right)
    at = np.linspace(0.05, 0.95, 19)
    np.testing.assert_allclose(np.interp(at, x, y), at**power, atol=0.05)
    assert calibration_error(np.interp(confidence, x, y), right) < 0.02


@pytest.mark.parametrize("n", [1, 3, 39, 41, 1000])
def test_the_curve_never_falls_and_stays_within_chances(n: int) -> None:
    confidence = RNG.random(n)
    x, y = chance_curve(confidence, RNG.random(n) < 0.5)
    assert len(x) == len(y)
    assert (np.diff(x) >= 0).all()
    assert (np.diff(y) >= 0).all()
    assert 0 <= min(y) <= max(y) <= 1


def test_lines_that_no_answer_reaches_do_not_count_against_lower_ones() -> None:
    lines, wrong = share_wrong(np.full(9_999, 0.99), np.ones(9_999, bool))
    assert min(line for line, share in zip(lines, wrong, strict=True) if share <= 0.001) == 0.5


def test_few_answers_are_not_beyond_doubt() -> None:
    _, y = chance_curve(np.full(3, 0.8), np.ones(3, bool))
    assert max(y) < 1


def test_no_answers_give_no_curve() -> None:
    assert chance_curve(np.empty(0), np.empty(0, bool)) == ([], [])


def test_the_share_wrong_is_that_of_the_answers_as_sure() -> None:
    confidence = RNG.random(50_000)
    right = RNG.random(50_000) < confidence
    lines, wrong = share_wrong(confidence, right)
    assert lines == pytest.approx(LINES, abs=1e-5)
    at = dict(zip(lines, wrong, strict=True))
    assert at[0.5] == pytest.approx(0.25, abs=0.01)
    assert at[0.9] == pytest.approx(0.05, abs=0.01)
    assert (np.diff(wrong) <= 0).all()


def test_the_share_wrong_rises_with_the_errors() -> None:
    confidence = RNG.uniform(0.5, 1, 50_000)
    few = RNG.random(50_000) < confidence
    many = few & (RNG.random(50_000) > 0.02)
    assert (np.array(share_wrong(confidence, few)[1]) < share_wrong(confidence, many)[1]).all()


def test_a_few_right_answers_promise_little() -> None:
    _, wrong = share_wrong(np.ones(9), np.ones(9, bool))
    assert set(wrong) == {0.1}
    assert set(share_wrong(np.empty(0), np.empty(0, bool))[1]) == {1.0}


def test_confusions_are_counted_by_truth_and_reading() -> None:
    matrix = confusion_matrix(np.array([1, 1, 7]), np.array([1, 7, 7]))
    assert matrix[1, 1] == matrix[1, 7] == matrix[7, 7] == 1
    assert matrix.sum() == 3

"""The arbiter is fitted to what was read: on made-up places whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from digitocr.core.geometry import Box
from digitocr.numbers.fusion import N_FEATURES
from digitocr.training.fusion_fit import (
    arbiter_file,
    arbitrated,
    fitted_arbiter,
    has_digits,
    is_among,
    logistic_weights,
)

SURE = 5  # the feature that, in these places, tells the line reader's chance


def made_up_rows(n: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.str_]]:
    """Return places where the line reader is right as a feature says, the other one in half."""
    rng = np.random.default_rng(seed)
    rows = np.zeros((n, N_FEATURES + 2))
    rows[:, 0] = 1
    rows[:, SURE] = rng.normal(0, 2, n)
    rows[:, N_FEATURES] = rng.random(n) < 1 / (1 + np.exp(-rows[:, SURE]))
    rows[:, N_FEATURES + 1] = rng.random(n) < 0.5
    return rows, np.array(["a", "b", "c"])[np.arange(n) % 3]


def test_weights_are_those_that_the_answers_were_drawn_with() -> None:
    rng = np.random.default_rng(0)
    features = np.stack([np.ones(20_000), rng.normal(0, 1, 20_000)], axis=1)
    right = (rng.random(20_000) < 1 / (1 + np.exp(-(0.5 + 1.5 * features[:, 1])))).astype(float)
    weights = logistic_weights(features, right, np.ones(20_000))
    assert weights == pytest.approx([0.5, 1.5], abs=0.1)


def test_the_reader_that_is_right_is_chosen_and_its_chance_holds() -> None:
    rows, kinds = made_up_rows(3000, 1)
    arbiter = fitted_arbiter(rows, kinds)
    fresh, _ = made_up_rows(3000, 2)
    chance, right = arbitrated(fresh, arbiter.line_weights, arbiter.component_weights)
    assert right.mean() > fresh[:, N_FEATURES:].mean(axis=0).max() + 0.1
    assert chance.mean() == pytest.approx(right.mean(), abs=0.03)
    sure = chance >= arbiter.review_line(0.1)
    assert (1 - right[sure]).mean() < 0.13


def test_what_one_reader_did_not_read_is_not_chosen() -> None:
    rows, kinds = made_up_rows(300, 3)
    rows[::2, N_FEATURES] = np.nan
    _, right = arbitrated(rows, np.full(N_FEATURES, 9.0), np.full(N_FEATURES, -9.0))
    assert right[::2].tolist() == rows[::2, N_FEATURES + 1].tolist()
    assert fitted_arbiter(rows, kinds).kept >= 0.5


def test_the_same_places_give_the_same_file() -> None:
    first, second = (arbiter_file(fitted_arbiter(*made_up_rows(300, 4))) for _ in range(2))
    assert first == second


def test_readings_are_held_against_what_is_written() -> None:
    box = Box(0, 0, 9, 9)
    read = [("12.50", box), ("7", box)]
    assert is_among(["7", "12.50", "9"], read)
    assert not is_among(["7"], read)
    assert has_digits(["12,507"], read)
    assert not has_digits(["1250", "7"], read)

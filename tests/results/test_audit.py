"""What a sample of numbers says of all of them."""

from __future__ import annotations

import random

import numpy as np
import pytest

from digitocr.results.audit import (
    audit_sentence,
    random_sample,
    sample_size,
    wilson,
)


def test_samples_and_bounds_are_what_they_should_be() -> None:
    assert sorted(random_sample(50, 50, 1)) == list(range(50))
    assert (
        random_sample(1000, 20, 1)[:5]
        == random_sample(1000, 20, 1)[:5]
        != random_sample(1000, 20, 2)[:5]
    )
    counts = np.bincount([one for seed in range(2000) for one in random_sample(20, 5, seed)])
    assert counts.min() > 400  # of 500 that each is expected to be drawn
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(10, 100) == pytest.approx((0.05522914, 0.17436566), abs=1e-6)  # R's binom.wilson
    assert wilson(0, 50)[0] == 0.0
    assert wilson(50, 50)[1] == 1.0
    assert audit_sentence(0, 0) == "no number has been looked at"  # not: between 0 and 100 %
    assert audit_sentence(1, 200).startswith("1 of 200 wrong: between 0.088 % and 2.8 % of the ok")


def test_a_sample_as_large_as_said_shows_the_bound() -> None:
    chance = random.Random(1)
    for _ in range(200):
        share = chance.choice([0, 0.001, 0.01, 0.03])
        bound = share + chance.choice([0.002, 0.01, 0.05])
        size = sample_size(share, bound)
        assert size
        wrong = share * size  # not whole, as a share of a sample need not be
        assert _upper(wrong, size) <= bound + 1e-9 < _upper(wrong * 0.98, size * 0.98) + 2e-4
    assert sample_size(0.02, 0.02) is None


def _upper(wrong: float, size: float) -> float:
    """Return the upper end of Wilson's interval, by search: where the score test just refuses."""
    low, high = wrong / size, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        refused = middle - wrong / size > 1.959964 * (middle * (1 - middle) / size) ** 0.5
        low, high = (low, middle) if refused else (middle, high)
    return high

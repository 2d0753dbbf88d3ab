"""What networks are trained on."""

from __future__ import annotations

import numpy as np

from digitocr.training.data.datasets import Digits
from digitocr.training.recipes import balanced_digits


def of(label: int, n: int) -> Digits:
    return Digits(np.zeros((n, 28, 28), np.uint8), np.full(n, label, np.int64))


def test_sources_that_are_small_beside_the_first_are_repeated() -> None:
    found = np.bincount(
        balanced_digits([of(0, 1000), of(1, 400), of(2, 50), of(3, 0)]).labels
    ).tolist()
    assert found == [1000, 400, 150]

"""Digits cut out of touching ones, labelled by whose ink they hold."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digitocr.core.geometry import Box
from digitocr.recognition.hypotheses import Candidate
from digitocr.training.data.datasets import (
    NON_DIGIT,
    Digits,
)
from digitocr.training.data.touching import (
    TouchingNumber,
    _label_of,
    touching_digits,
    touching_number,
)


def drawn(n_each: int) -> Digits:
    """Return digits as MNIST's are, light on dark, each some times."""
    images, labels = [], []
    for digit in range(10):
        for i in range(n_each):
            image = np.zeros((28, 28), np.uint8)
            place, thickness = (6, 22), 1 + i % 3
            cv2.putText(image, str(digit), place, cv2.FONT_HERSHEY_SIMPLEX, 0.8, 255, thickness)
            images.append(image)
            labels.append(digit)
    return Digits(np.stack(images), np.array(labels))


@pytest.fixture(scope="module")
def digits() -> Digits:
    """Three drawings of each digit."""
    return drawn(3)


@pytest.fixture
def pair() -> TouchingNumber:
    """A 3 and an 8 that touch: their ink side by side, two columns shared."""
    inks = np.zeros((2, 80, 120), np.uint8)
    for ink, (text, x) in zip(inks, (("3", 20), ("8", 56)), strict=True):
        cv2.putText(ink, text, (x, 65), cv2.FONT_HERSHEY_SIMPLEX, 2, 255, 5)
    return TouchingNumber(inks.max(axis=0), inks > 0, np.array([3, 8]))


def candidate(ink: NDArray[np.bool_]) -> Candidate:
    """Return some ink of a page as a candidate."""
    mask = ink.astype(np.uint8) * np.uint8(255)
    box = Box(*cv2.boundingRect(mask))
    part = mask[box.y : box.bottom, box.x : box.right]
    return Candidate(box, part, 0, 0, 1, 1.0, 0.0)


def test_a_cut_that_holds_one_digit_is_labelled_with_it(pair: TouchingNumber) -> None:
    assert [_label_of(candidate(ink), pair) for ink in pair.digits] == [3, 8]


def test_both_digits_together_are_none(pair: TouchingNumber) -> None:
    assert _label_of(candidate(pair.mask > 0), pair) == NON_DIGIT


@pytest.mark.parametrize("which", [0, 1])
def test_half_a_digit_is_none(which: int, pair: TouchingNumber) -> None:
    half = pair.digits[which].copy()
    columns = np.flatnonzero(half.any(axis=0))
    half[:, columns[len(columns) // 2] :] = False
    assert _label_of(candidate(half), pair) == NON_DIGIT


def test_a_digit_and_half_its_neighbour_is_none(pair: TouchingNumber) -> None:
    first, second = pair.digits
    columns = np.flatnonzero(second.any(axis=0))
    half = second & (np.arange(second.shape[1]) <= columns[3 * len(columns) // 4])
    assert _label_of(candidate(first | half), pair) == NON_DIGIT


def test_what_is_neither_whole_nor_far_from_it_teaches_nothing(pair: TouchingNumber) -> None:
    first = pair.digits[0].copy()
    rows = np.flatnonzero(first.any(axis=1))
    held = np.cumsum(first.sum(axis=1)) / first.sum()
    first[np.searchsorted(held, 0.7) :] = False
    assert len(rows) > 10
    assert _label_of(candidate(first), pair) is None


def test_a_number_is_made_of_its_digits_from_left_to_right(digits: Digits) -> None:
    for seed in range(40):
        written = touching_number(digits, np.random.default_rng(seed))
        n, height, width = written.digits.shape
        assert 2 <= n <= 4
        assert written.mask.shape == (height, width)
        assert set(np.unique(written.mask)) == {0, 255}
        assert written.labels.shape == (n,)
        middles = [np.flatnonzero(ink.any(axis=0)).mean() for ink in written.digits]
        assert middles == sorted(middles)
        assert not (written.digits.any(axis=0) & (written.mask == 0)).any()


def test_some_digits_touch_and_others_do_not(digits: Digits) -> None:
    def n_components(seed: int) -> tuple[int, int]:
        written = touching_number(digits, np.random.default_rng(seed))
        return cv2.connectedComponents(written.mask)[0] - 1, len(written.labels)

    counts = [n_components(seed) for seed in range(80)]
    assert sum(found < n for found, n in counts) > 15
    assert sum(found >= n for found, n in counts) > 15


@pytest.mark.parametrize("n", [1, 30])
def test_as_many_right_cuts_as_wrong_ones_come_back(n: int, digits: Digits) -> None:
    found = touching_digits(digits, n, seed=0)
    assert found.images.shape == (2 * n, 28, 28)
    assert (found.labels != NON_DIGIT).tolist() == [True] * n + [False] * n
    assert all(max(cv2.boundingRect(image)[2:]) <= 20 for image in found.images)


def test_right_cuts_look_like_their_digits(digits: Digits) -> None:
    found = touching_digits(digits, 60, seed=1)
    right = found.labels != NON_DIGIT

    def squeezed(image: NDArray[np.uint8]) -> NDArray[np.float64]:
        x, y, width, height = cv2.boundingRect(image)
        small = cv2.resize(image[y : y + height, x : x + width], (12, 16))
        return cv2.GaussianBlur(small, (5, 5), 0).ravel().astype(np.float64)

    known = np.stack([squeezed(image) for image in digits.images])
    agree = 0
    for image, label in zip(found.images[right], found.labels[right], strict=True):
        like = [np.corrcoef(squeezed(image), other)[0, 1] for other in known]
        agree += int(digits.labels[int(np.argmax(like))] == label)
    assert agree > 0.65 * right.sum()  # a tenth would agree by chance


def test_the_same_seed_gives_the_same_cuts(digits: Digits) -> None:
    first, again, other = (touching_digits(digits, 20, seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first.images, again.images)
    np.testing.assert_array_equal(first.labels, again.labels)
    assert not np.array_equal(first.images, other.images)


def test_marks_that_are_no_digits_are_in_no_number(digits: Digits) -> None:
    blots = Digits(np.full((200, 28, 28), 255, np.uint8), np.full(200, NON_DIGIT))
    mixed = Digits(
        np.concatenate([blots.images, digits.images]), np.concatenate([blots.labels, digits.labels])
    )
    np.testing.assert_array_equal(
        touching_digits(mixed, 20, 0).images, touching_digits(digits, 20, 0).images
    )

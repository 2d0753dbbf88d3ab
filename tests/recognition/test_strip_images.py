"""Runs of ink as strips, and what a strip's columns say of each run."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from digitocr.core.geometry import Box
from digitocr.recognition.hypotheses import Candidate
from digitocr.recognition.strip_images import find_strip_images
from digitocr.recognition.strip_texts import _likeliest_texts, group_texts

NONE = 10


def solid(x: int, number: int, y: int = 0, width: int = 20, height: int = 40) -> Candidate:
    """Return an ink group of one solid component on a page with digits 40 px high."""
    ink = np.full((height, width), 255, np.uint8)
    return Candidate(Box(x, y, width, height), ink, number, 0, 1, height / 40, 0.0)


def columns(text: str) -> NDArray[np.float32]:
    """Return scores that are sure of a text: digits, and "-" where none begins."""
    scores = np.full((len(text), 11), 0.0001, np.float32)
    for row, letter in zip(scores, text, strict=True):
        row[NONE if letter == "-" else int(letter)] = 0.999
    return scores


def test_runs_side_by_side_are_one_strip_and_others_are_not() -> None:
    near = [solid(x, i) for i, x in enumerate((0, 30, 60))]
    far, below = solid(300, 3), solid(30, 4, y=80)
    strips = find_strip_images([*near, far, below], {1})
    assert [strip.groups for strip in strips] == [(0, 1, 2)]
    images = find_strip_images([*near, far, below], {0, 2, 3, 4})
    assert sorted(image.groups for image in images) == [(0, 1, 2), (3,), (4,)]
    assert find_strip_images([*near, far, below], set()) == []
    assert find_strip_images([], {1}) == []


def test_what_is_as_high_as_two_lines_stands_alone() -> None:
    groups = [solid(0, 0), solid(24, 1, width=6, height=90), solid(34, 2)]
    strips = find_strip_images(groups, {0, 1, 2})
    assert sorted(strip.groups for strip in strips) == [(0, 2), (1,)]


@pytest.mark.parametrize(("height", "rows"), [(40, 25), (80, 25), (20, 16)])
def test_a_strip_is_32_rows_high_and_low_ink_stays_low(height: int, rows: int) -> None:
    (strip,) = find_strip_images([solid(7, 0, height=height)], {0})
    assert strip.image.shape[:2] == (1, 32)
    assert strip.image.shape[2] % 2 == 0
    assert np.count_nonzero(strip.image[0].max(axis=1)) == rows
    assert strip.ink_by_column.shape == (1, strip.image.shape[2] // 2)


def test_a_fine_pens_strokes_are_as_wide_as_those_trained_on() -> None:
    ink = np.zeros((200, 120), np.uint8)
    ink[:, 58:61] = 255
    (strip,) = find_strip_images([Candidate(Box(0, 0, 120, 200), ink, 0, 0, 1, 1.0, 0.0)], {0})
    np.testing.assert_allclose(strip.image[0, 10:20].sum(axis=1), 0.07 * 25, rtol=0.15)


def test_pieces_of_a_run_are_drawn_together() -> None:
    ink = np.full((40, 10), 255, np.uint8)
    pieces = [
        Candidate(Box(10 * i, 0, 10, 40), ink, 0, i, i + 1, 1.0, 0.2) for i in range(2)
    ]  # fmt: skip
    (strip,) = find_strip_images(pieces, {0})
    assert np.count_nonzero(strip.image[0].max(axis=0)) in (12, 13)


def test_each_run_gets_the_digits_that_stand_in_it() -> None:
    (strip,) = find_strip_images([solid(0, 5), solid(40, 8)], {5})
    width = strip.ink_by_column.shape[1]
    text = ["-"] * width
    middles = [int(np.median(np.flatnonzero(ink == ink.max()))) for ink in strip.ink_by_column]
    text[middles[0]], text[middles[1]], text[middles[1] + 2] = "3", "4", "4"
    found = group_texts(strip, columns("".join(text)))
    assert max(found[5].chances, key=found[5].chances.__getitem__) == "3"
    assert max(found[8].chances, key=found[8].chances.__getitem__) == "44"
    assert sum(found[8].chances.values()) == pytest.approx(1)
    assert found[5].places["3"] == pytest.approx((10,), abs=4)
    assert 40 <= found[8].places["44"][0] < found[8].places["44"][1] <= 60


def test_a_strip_without_digits_says_so() -> None:
    (strip,) = find_strip_images([solid(0, 5)], {5})
    found = group_texts(strip, columns("-" * strip.ink_by_column.shape[1]))
    assert found[5].chances[""] > 0.9


@pytest.mark.parametrize(
    ("path", "text"), [("-33-", "3"), ("3-3", "33"), ("---", ""), ("1123", "123"), ("", "")]
)
def test_a_digit_that_goes_on_is_one(path: str, text: str) -> None:
    assert _likeliest_texts(columns(path).astype(np.float64))[0][1] == text


@pytest.mark.parametrize("seed", range(20))
def test_the_search_agrees_with_all_paths(seed: int) -> None:
    """Of few columns and answers every path can be counted."""
    rng = np.random.default_rng(seed)
    scores = np.zeros((5, 11))
    some = [1, 7, NONE]
    scores[:, some] = rng.dirichlet((0.5, 0.5, 0.5), 5)
    totals: dict[str, float] = {}
    for path in product(some, repeat=5):
        starts = [now for before, now in zip((NONE, *path), path, strict=False) if now != before]
        text = "".join(str(digit) for digit in starts if digit != NONE)
        chance = float(np.prod([scores[i, answer] for i, answer in enumerate(path)]))
        totals[text] = totals.get(text, 0.0) + chance
    chance, text, places = _likeliest_texts(scores)[0]
    assert text == max(totals, key=totals.__getitem__)
    assert chance == pytest.approx(totals[text], rel=0.05)
    assert len(places) == len(text)

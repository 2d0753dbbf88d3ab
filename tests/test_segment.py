"""Marks out of ink."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digitocr.records import Box
from digitocr.segment import find_candidates


def page(*boxes: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """Return a mask with filled boxes of ink (x, y, width, height)."""
    mask = np.zeros((400, 600), np.uint8)
    for x, y, width, height in boxes:
        mask[y : y + height, x : x + width] = 255
    return mask


DIGITS = [(50, 50, 30, 60), (100, 50, 32, 58), (150, 52, 28, 60)]


def boxes_of(mask: NDArray[np.uint8]) -> list[Box]:
    return sorted((c.box for c in find_candidates(mask)), key=lambda box: (box.x, box.y))


def test_each_mark_is_a_candidate_with_its_box() -> None:
    assert boxes_of(page(*DIGITS)) == [Box(*box) for box in DIGITS]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param((300, 100, 5, 5), id="a speck"),
        pytest.param((300, 95, 14, 14), id="a point"),
        pytest.param((300, 80, 40, 8), id="a dash"),
        pytest.param((300, 10, 20, 300), id="a bracket"),
        pytest.param((250, 300, 300, 40), id="a bar"),
    ],
)
def test_marks_that_have_not_the_size_of_a_digit_are_left_out(
    other: tuple[int, int, int, int],
) -> None:
    assert boxes_of(page(*DIGITS, other)) == [Box(*box) for box in DIGITS]


def test_ten_thousand_specks_do_not_change_what_is_found() -> None:
    mask = page(*DIGITS)
    rng = np.random.default_rng(0)
    mask[rng.integers(150, 400, 10_000), rng.integers(0, 600, 10_000)] = 255
    assert boxes_of(mask)[:3] == [Box(*box) for box in DIGITS]


def test_the_bar_of_a_five_belongs_to_it() -> None:
    five = [(210, 62, 26, 48), (215, 48, 30, 8)]
    assert boxes_of(page(*DIGITS, *five))[-1] == Box(210, 48, 35, 62)


def test_digits_one_above_the_other_stay_two() -> None:
    assert len(boxes_of(page((50, 50, 30, 60), (50, 116, 30, 60)))) == 2


def test_a_candidate_holds_none_of_its_neighbours_ink() -> None:
    mask = np.zeros((200, 300), np.uint8)
    cv2.line(mask, (100, 150), (160, 40), 255, 8)  # leans over the next
    cv2.line(mask, (130, 150), (190, 40), 255, 8)
    left, right = sorted(find_candidates(mask), key=lambda c: c.box.x)
    assert left.box.right > right.box.x
    assert int((left.ink > 0).sum()) + int((right.ink > 0).sum()) == int((mask > 0).sum())


def test_holes_stay_holes() -> None:
    mask = np.zeros((200, 200), np.uint8)
    cv2.ellipse(mask, (100, 100), (30, 45), 0, 0, 360, 255, 8)
    (ring,) = find_candidates(mask)
    assert ring.ink[ring.box.height // 2, ring.box.width // 2] == 0


def test_no_ink_gives_no_candidates() -> None:
    assert find_candidates(page()) == []


def test_marks_that_the_edge_of_a_page_cuts_off_are_left_out() -> None:
    wedge = (570, 0, 30, 60)
    assert boxes_of(page(*DIGITS, wedge)) == [Box(*box) for box in DIGITS]


def test_a_digit_that_fills_its_picture_may_touch_the_edge() -> None:
    assert boxes_of(np.full((60, 30), 255, np.uint8)) == [Box(0, 0, 30, 60)]

"""Ruled lines out of ink."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digitocr.imaging.ruling_lines import separate_ruling_lines

BinaryImage = NDArray[np.uint8]

TEXT = "3581"
THICK = 9  # of strokes


def digits(height: int = 600, width: int = 1200, at: tuple[int, int] = (200, 400)) -> BinaryImage:
    """Return a mask with a line of digits 85 pixels high."""
    binary = np.zeros((height, width), np.uint8)
    cv2.putText(binary, TEXT, at, cv2.FONT_HERSHEY_SIMPLEX, 4, 255, THICK)
    return binary


def line(
    binary: BinaryImage, start: tuple[int, int], end: tuple[int, int], thickness: int = 3
) -> None:
    cv2.line(binary, start, end, 255, thickness)


def left_beside(found: BinaryImage, true: BinaryImage) -> float:
    """Return how much ink there is that is no digit's, as a part of the digits'."""
    near = cv2.dilate(true, np.ones((5, 5), np.uint8))
    return float(np.count_nonzero(found & ~near) / np.count_nonzero(true))


def kept(found: BinaryImage, true: BinaryImage) -> float:
    """Return how much of the digits' ink there still is."""
    return float(np.count_nonzero(found & true) / np.count_nonzero(true))


def n_components(binary: BinaryImage) -> int:
    contours = cv2.findContours(binary, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]
    return sum(cv2.contourArea(contour) > 200 for contour in contours)


def check(ruled: BinaryImage, true: BinaryImage, n_rules: int) -> None:
    """Check that so many rules are gone and that the digits are whole."""
    ink = separate_ruling_lines(ruled.copy())
    assert len(ink.ruling_lines) == n_rules
    assert left_beside(ink.binary, true) < 0.03
    assert kept(ink.binary, true) > 0.95
    assert n_components(ink.binary) == n_components(true)


@pytest.mark.parametrize("y", [280, 360, 403, 2, 597])
@pytest.mark.parametrize("slope", [0, 0.01])
def test_a_rule_across_at_the_foot_of_or_away_from_digits_goes(y: int, slope: float) -> None:
    true = digits()
    ruled = true.copy()
    line(ruled, (0, y), (1199, min(598, round(y + 1200 * slope))))
    check(ruled, true, 1)


def test_a_wavy_rule_goes() -> None:
    true = digits()
    ruled = true.copy()
    x = np.arange(1200)
    points = np.stack([x, 370 + 6 * np.sin(x / 150)], axis=1).round().astype(np.int32)
    cv2.polylines(ruled, [points], False, 255, 3)
    check(ruled, true, 1)


def test_an_underline_that_digits_touch_goes() -> None:
    true = digits()
    ruled = true.copy()
    line(ruled, (150, 404), (600, 404), 4)
    check(ruled, true, 1)


def test_squares_lower_than_digits_go_and_digits_are_not_drawn_aside() -> None:
    true = digits(1200)
    ruled = true.copy()
    for at in range(20, 1200, 59):
        line(ruled, (0, at), (1199, at))
        line(ruled, (at, 0), (at, 1199))
    ink = separate_ruling_lines(ruled)
    assert left_beside(ink.binary, true) < 0.03
    assert kept(ink.binary, true) > 0.95


def test_boxes_around_single_digits_go() -> None:
    true = digits()
    ruled = true.copy()
    for x in range(190, 560, 83):
        line(ruled, (x, 290), (x, 420), 2)
    line(ruled, (190, 290), (522, 290), 2)
    line(ruled, (190, 420), (522, 420), 2)
    ink = separate_ruling_lines(ruled)
    assert left_beside(ink.binary, true) < 0.03
    assert kept(ink.binary, true) > 0.95


def test_rules_that_digits_join_in_a_small_picture_go() -> None:
    true = np.zeros((130, 260), np.uint8)
    for x in (60, 150):
        line(true, (x, 120), (x + 30, 10), THICK)
    ruled = true.copy()
    line(ruled, (0, 25), (259, 25))
    line(ruled, (0, 112), (259, 112))
    check(ruled, true, 2)


@pytest.mark.parametrize("text", ["1", "7", "4", "1111", "7777", "4444", "-5"])
@pytest.mark.parametrize("scale", [1.0, 4.0, 12.0])
def test_strokes_are_no_rules(text: str, scale: float) -> None:
    thickness = max(1, round(2 * scale))
    (width, height), base = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, thickness)
    binary = np.zeros((height + 2 * base, width + 2 * base), np.uint8)
    at = (base, height + base)
    cv2.putText(binary, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, 255, thickness)
    ink = separate_ruling_lines(binary.copy())
    assert ink.ruling_lines == ()
    np.testing.assert_array_equal(ink.binary, binary)


def test_the_feet_of_looped_zeros_are_no_rule() -> None:
    binary = np.zeros((300, 900), np.uint8)
    for x in range(150, 750, 125):
        cv2.ellipse(binary, (x, 150), (60, 40), -25, 0, 360, 255, THICK)
    cv2.line(binary, (140, 190), (660, 190), 255, 5)
    assert separate_ruling_lines(binary.copy()).ruling_lines == ()


def test_what_a_stroke_parts_of_a_rule_goes_with_it() -> None:
    true = np.zeros((900, 1600), np.uint8)
    cv2.line(true, (480, 60), (430, 840), 255, 12)
    ruled = true.copy()
    for y in range(90, 900, 90):
        line(ruled, (0, y), (1599, y))
    found = separate_ruling_lines(ruled.copy())
    assert left_beside(found.binary, true) < 0.1


def test_a_rule_is_where_it_was_drawn() -> None:
    binary = digits()
    line(binary, (100, 500), (1100, 500))
    line(binary, (800, 50), (800, 450))
    level, upright = sorted(
        separate_ruling_lines(binary).ruling_lines, key=lambda rule: not rule.horizontal
    )
    assert level.horizontal and not upright.horizontal
    assert abs(level.box.x - 100) <= 6 and abs(level.box.width - 1001) <= 12
    assert abs(level.box.middle[1] - 500.5) <= 3
    assert abs(upright.box.y - 50) <= 6 and abs(upright.box.height - 401) <= 12
    assert abs(upright.box.middle[0] - 800.5) <= 3


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1), (28, 28), (1, 1400), (5000, 1)])
def test_no_ink_has_no_rules(size: tuple[int, int]) -> None:
    ink = separate_ruling_lines(np.zeros(size, np.uint8))
    assert ink.binary.shape == size
    assert ink.ruling_lines == ()

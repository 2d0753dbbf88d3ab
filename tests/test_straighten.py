"""Skew, and the way back to the page as given."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digitocr.straighten import straighten


def turned(gray: NDArray[np.uint8], degrees: float) -> NDArray[np.uint8]:
    """Return a page turned clockwise, so that its lines fall to the right."""
    height, width = gray.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1)
    warped = cv2.warpAffine(gray, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, np.uint8)


@pytest.fixture(scope="module")
def level(samples: Path) -> NDArray[np.uint8]:
    """A page whose lines are level."""
    gray = cv2.imread(str(samples / "ledger.png"), cv2.IMREAD_GRAYSCALE)
    return straighten(np.asarray(gray, np.uint8)).gray


@pytest.mark.parametrize("degrees", [-5, -2.5, -1, 0, 0.5, 1, 3, 5])
def test_skew_is_found_to_a_quarter_degree(level: NDArray[np.uint8], degrees: float) -> None:
    assert straighten(turned(level, degrees)).skew == pytest.approx(degrees, abs=0.25)


def test_a_point_finds_its_way_back_to_the_page(level: NDArray[np.uint8]) -> None:
    page = turned(level, 3)
    dot = (700, 400)
    cv2.circle(page, dot, 12, 0, -1)
    straight = straighten(page)
    x, y, w = straight.to_page @ [*_darkest(straight.gray), 1.0]
    assert (x / w, y / w) == pytest.approx(dot, abs=2)


def _darkest(gray: NDArray[np.uint8]) -> tuple[float, float]:
    """Return the middle of the blackest disk of a page."""
    smooth = cv2.blur(gray, (19, 19))
    y, x = np.unravel_index(np.argmin(smooth), smooth.shape)
    return float(x), float(y)


def test_a_picture_of_a_digit_is_not_turned(samples: Path) -> None:
    gray = cv2.imread(str(samples / "digit.png"), cv2.IMREAD_GRAYSCALE)
    assert straighten(np.asarray(gray, np.uint8)).skew == 0


@pytest.mark.parametrize("text", ["7", "1", "4", "6", "77", "941"])
def test_a_few_digits_are_not_turned(text: str) -> None:
    page = np.full((300, 500), 240, np.uint8)
    cv2.putText(page, text, (80, 200), cv2.FONT_HERSHEY_SIMPLEX, 4, 40, 9, cv2.LINE_AA)
    assert straighten(page).skew == 0


@pytest.mark.parametrize("size", [(1, 1), (28, 28), (20, 300), (500, 700), (1, 5000)])
def test_blank_pictures_are_left_level_and_map_back(size: tuple[int, int]) -> None:
    straight = straighten(np.full(size, 255, np.uint8))
    assert straight.skew == 0
    scale = straight.gray.shape[0] / size[0]
    corner = straight.to_page @ [-0.5, -0.5, 1]
    assert corner[:2] == pytest.approx([-0.5, -0.5])
    far = straight.to_page @ [size[1] * scale - 0.5, size[0] * scale - 0.5, 1]
    assert far[:2] == pytest.approx([size[1] - 0.5, size[0] - 0.5])

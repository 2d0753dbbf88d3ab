"""Ink out of grey pages."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digitocr.imaging.binarize import page_ink

PAPER, INK = 235, 60
RNG = np.random.default_rng(0)


def digits_page(paper: float = PAPER, ink: float = INK) -> NDArray[np.uint8]:
    """Return a page with a line of digits."""
    page = np.full((900, 1200), paper, np.uint8)
    cv2.putText(page, "3581", (200, 500), cv2.FONT_HERSHEY_SIMPLEX, 4, ink, 9, cv2.LINE_AA)
    return page


def noisy(page: NDArray[np.generic], sigma: float = 2.0) -> NDArray[np.uint8]:
    return np.clip(page + RNG.normal(0, sigma, page.shape), 0, 255).astype(np.uint8)


TRUE = digits_page(255, 0) < 128


def agreement(binary: NDArray[np.uint8]) -> float:
    """Return how well a mask and the true ink overlap, 0..1."""
    return float(((binary > 0) & TRUE).sum() / ((binary > 0) | TRUE).sum())


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(noisy(digits_page()), id="pen"),
        pytest.param(noisy(digits_page(200, 150), 1.5), id="pale pencil on grey"),
        pytest.param(noisy(255 - digits_page()), id="light on dark"),
        pytest.param(noisy(digits_page(), 8), id="much noise"),
        pytest.param(digits_page(255, 0), id="black on white"),
        pytest.param(
            noisy(digits_page() * np.linspace(0.4, 1, 1200)), id="light that falls off sideways"
        ),
    ],
)
def test_ink_is_found(page: NDArray[np.uint8]) -> None:
    assert agreement(page_ink(page).binary) > 0.75


def test_pencil_that_fades_along_the_line_is_kept() -> None:
    fading = PAPER - (PAPER - digits_page()) * np.linspace(1.0, 0.35, 1200)
    assert agreement(page_ink(noisy(fading, 1.5)).binary) > 0.75


@pytest.mark.parametrize("level", [0, 20, 128, 255])
@pytest.mark.parametrize("sigma", [0, 2, 6])
def test_bare_paper_has_no_ink(level: int, sigma: float) -> None:
    binary = page_ink(noisy(np.full((600, 800), level), sigma)).binary
    assert (binary > 0).mean() < 1e-4


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (3, 2), (28, 28)])
def test_pictures_of_any_size_have_a_mask_of_their_size(size: tuple[int, int]) -> None:
    assert page_ink(np.full(size, 200, np.uint8)).binary.shape == size


@pytest.mark.parametrize("slope", [0, 0.002])
def test_rules_are_taken_out_and_kept_aside_and_digits_on_them_stay_whole(slope: float) -> None:
    page = digits_page()
    for y in (300, 460, 620):
        cv2.line(page, (0, y), (1199, round(y + 1200 * slope)), 120, 3)
    ink = page_ink(noisy(page))
    assert agreement(ink.binary) > 0.7
    assert len([rule for rule in ink.ruling_lines if rule.horizontal]) == 3
    n_components = sum(cv2.contourArea(c) > 200 for c in cv2.findContours(ink.binary, 0, 2)[0])
    assert n_components == 4


def test_double_rules_are_taken_out() -> None:
    page = digits_page()
    for y in (600, 607):
        cv2.line(page, (0, y), (1199, y), 90, 2)
    assert (page_ink(page).binary[590:620] > 0).mean() < 0.01


def test_a_grid_is_taken_out() -> None:
    page = digits_page()
    for x in range(40, 1200, 160):
        cv2.line(page, (x, 50), (x, 850), 90, 2)
    for y in range(50, 900, 160):
        cv2.line(page, (40, y), (1160, y), 90, 2)
    ink = page_ink(noisy(page))
    assert agreement(ink.binary) > 0.65
    assert {rule.horizontal for rule in ink.ruling_lines} == {True, False}


def test_a_page_without_rules_has_none() -> None:
    assert page_ink(noisy(digits_page())).ruling_lines == ()


def test_the_page_itself_is_not_changed() -> None:
    page = digits_page()
    before = page.copy()
    page_ink(page)
    np.testing.assert_array_equal(page, before)

"""Crops: what MNIST did to its digits, done to any ink."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from digitocr.recognition.normalize import (
    BOX,
    SIDE,
    normalized_crops,
)


def drawn(digit: int, height: int = 90, slant: float = 0.0) -> NDArray[np.uint8]:
    """Return a digit in thick strokes, sheared, on a roomy canvas."""
    picture = np.zeros((height * 2, height * 3), np.uint8)
    size = height / 22
    cv2.putText(
        picture, str(digit), (height, height * 3 // 2), cv2.FONT_HERSHEY_SIMPLEX,
        size, 255, max(1, height // 9), cv2.LINE_AA,
    )  # fmt: skip
    shear = np.array([[1, -slant, slant * height], [0, 1, 0]])
    return np.asarray(cv2.warpAffine(picture, shear, picture.shape[::-1]), np.uint8)


def middle(crop: NDArray[np.float32]) -> tuple[float, float]:
    """Return the centre of mass of a crop, (x, y)."""
    y, x = np.mgrid[:SIDE, :SIDE]
    return float((crop * x).sum() / crop.sum()), float((crop * y).sum() / crop.sum())


@pytest.mark.parametrize("digit", range(10))
def test_ink_fills_the_box_and_is_centred_by_mass(digit: int) -> None:
    (crop,) = normalized_crops([drawn(digit)])
    rows, columns = np.nonzero(crop.max(axis=1) > 0.25)[0], np.nonzero(crop.max(axis=0) > 0.25)[0]
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == pytest.approx(BOX, abs=2)
    assert middle(crop) == pytest.approx(((SIDE - 1) / 2, (SIDE - 1) / 2), abs=0.35)
    assert crop.dtype == np.float32
    assert crop.max() > 0.8
    assert crop.min() == 0.0


@pytest.mark.parametrize("digit", range(10))
@pytest.mark.parametrize("height", [30, 200])
def test_size_and_place_do_not_matter(digit: int, height: int) -> None:
    usual, other = normalized_crops(
        [drawn(digit), np.pad(drawn(digit, height), ((3, 50), (20, 0)))]
    )
    assert np.corrcoef(usual.ravel(), other.ravel())[0, 1] > 0.85


@pytest.mark.parametrize("slant", [-0.4, 0.4])
def test_slanted_digits_come_out_upright(slant: float) -> None:
    upright, slanted = normalized_crops([drawn(1), drawn(1, slant=slant)])
    assert np.corrcoef(upright.ravel(), slanted.ravel())[0, 1] > 0.95


def test_edges_are_smooth_though_the_ink_is_black_or_white() -> None:
    ink = np.where(drawn(8) > 127, 255, 0).astype(np.uint8)
    (crop,) = normalized_crops([ink])
    assert np.unique(crop.round(2)).size > 20


def test_a_fine_pen_on_a_large_photo_is_seen_as_a_stroke() -> None:
    fine, usual = np.zeros((700, 400), np.uint8), np.zeros((700, 400), np.uint8)
    for picture, pen in ((fine, 6), (usual, 60)):
        cv2.ellipse(picture, (200, 350), (150, 300), 0, 0, 360, 255, pen)
    thin, thick = normalized_crops([fine, usual])
    assert thin.max() > 0.8
    assert np.corrcoef(thin.ravel(), thick.ravel())[0, 1] > 0.7


def test_no_patches_give_no_crops() -> None:
    assert normalized_crops([]).shape == (0, SIDE, SIDE)


def test_a_crop_does_not_depend_on_the_others_in_its_batch() -> None:
    patches = [drawn(digit) for digit in range(10)]
    together = normalized_crops(patches)
    alone = np.concatenate([normalized_crops([patch]) for patch in patches])
    np.testing.assert_array_equal(together, alone)


@given(st.integers(1, 70), st.integers(1, 70), st.integers(0, 2**32), st.sampled_from([0, 1, 255]))
def test_any_patch_gives_a_crop_of_finite_ink(height: int, width: int, seed: int, top: int) -> None:
    rng = np.random.default_rng(seed)
    patch = rng.integers(0, top, (height, width), dtype=np.uint8, endpoint=True)
    (crop,) = normalized_crops([patch])
    assert np.isfinite(crop).all()
    assert 0 <= crop.min() <= crop.max() <= 1
    assert crop.max() > 0 or patch.max() <= 1

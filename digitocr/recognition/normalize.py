"""Candidates → (N, 28, 28) MNIST-style crops: the one normalisation of scanning and training."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from digitocr.core.arrays import (
    Crops,
    Gray,
)
from digitocr.imaging.stroke_width import stroke_width

SIDE = 28  # MNIST: LeCun et al. 1998, a 20×20 box centred by mass in 28×28
BOX = 20
# Ink is shrunk to this size first, by area, which keeps thin strokes.
CANVAS = 2 * BOX
# Strokes are at least this part of a digit's longer side wide: 1.4 of 20 pixels, as the thinnest of
# MNIST's. Digits on scans have thicker ones, those of a fine pen on a large photo have not.
_THINNEST = 0.07
# Ink fainter than this part of the darkest counts as paper when the box is measured.
_FAINT = 0.25
# Slants beyond this (pixels of x for one of y, about 39°) are a shape, not a hand's.
_MOST_SLANT = 0.8


def normalized_crops(patches: Sequence[Gray], shifts: NDArray[np.float64] | None = None) -> Crops:
    """Return each patch of ink upright, in a 20×20 box, centred by its mass in 28×28.

    The slant is taken out by the second moments (LeCun et al. 1998, section III-A "deslanted"),
    the aspect ratio is kept.

    Args:
        patches: uint8 pictures of any size, ink bright (255) on paper 0, one component each.
        shifts: (N, 2, 3) affine maps that then act on each crop, about its centre, in crop pixels:
            what training adds, because components on pages are never quite as they should be.

    Returns:
        (N, 28, 28) float32, ink 1.0 on paper 0.0; an empty patch gives an empty crop.
    """
    canvases = np.zeros((len(patches), CANVAS, CANVAS), np.uint8)
    for canvas, patch in zip(canvases, patches, strict=True):
        small = _small_patch(patch)
        canvas[: small.shape[0], : small.shape[1]] = small
    if len(patches) == 0:
        return np.zeros((0, SIDE, SIDE), np.float32)
    # Drawn twice as large and halved by area, so that no thin stroke falls between two samples.
    large = np.zeros((len(patches), 2 * SIDE, 2 * SIDE), np.uint8)
    maps = _crop_maps(canvases, 2)
    if shifts is not None:
        maps = _shifted_maps(maps, shifts, 2)
    for crop, canvas, to_crop in zip(large, canvases, maps, strict=True):
        cv2.warpAffine(canvas, to_crop, (2 * SIDE, 2 * SIDE), dst=crop, flags=cv2.INTER_LINEAR)
    column = large.reshape(-1, 2 * SIDE).astype(np.float32)  # all crops one above the other
    halved = cv2.resize(column, (SIDE, len(patches) * SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(halved, np.float32).reshape(-1, SIDE, SIDE) / np.float32(255)


def _small_patch(patch: Gray) -> Gray:
    """Return the patch made smaller, by area, until its longer side is at most `CANVAS`.

    Strokes that would become too thin to be seen are thickened first.
    """
    height, width = patch.shape
    longer = max(height, width)
    if longer <= CANVAS:
        return patch
    if longer > 2 * CANVAS:
        patch = thickened_ink(patch, longer)
    size = (max(1, round(width * CANVAS / longer)), max(1, round(height * CANVAS / longer)))
    return np.asarray(cv2.resize(patch, size, interpolation=cv2.INTER_AREA), np.uint8)


def thickened_ink(patch: Gray, size: float) -> Gray:
    """Return ink with strokes as wide, at the least, as the thinnest that networks are shown.

    Args:
        patch: (H, W) uint8, paper 0.
        size: pixels that a digit is high in it, or wide if that is more.
    """
    lacking = round(_THINNEST * size - stroke_width(patch))
    if lacking <= 0:
        return patch
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (lacking + 1, lacking + 1))
    return np.asarray(cv2.dilate(patch, kernel), np.uint8)


_AXIS = np.arange(CANVAS, dtype=np.float64)  # x from left to right, y from top to bottom


def _crop_maps(canvases: Gray, times: int) -> NDArray[np.float64]:
    """Return the (N, 2, 3) affine maps from canvas pixels to those of crops `times` as large."""
    x, y, slant = _middles(canvases)
    inked = canvases > _FAINT * canvases.max(axis=(1, 2), keepdims=True)
    scale = times * BOX / _longer_sides(inked, slant)
    middle = (times * SIDE - 1) / 2
    maps = np.zeros((len(canvases), 2, 3))
    maps[:, 0, 0] = maps[:, 1, 1] = scale
    maps[:, 0, 1] = -scale * slant
    maps[:, 0, 2] = middle - scale * (x - slant * y)
    maps[:, 1, 2] = middle - scale * y
    return maps


def _shifted_maps(
    maps: NDArray[np.float64], shifts: NDArray[np.float64], times: int
) -> NDArray[np.float64]:
    """Return (N, 2, 3) maps to crops `times` as large, followed by shifts about their centre."""
    middle = (times * SIDE - 1) / 2
    about_centre = maps.copy()
    about_centre[:, :, 2] -= middle
    shifted = shifts[:, :, :2] @ about_centre
    shifted[:, :, 2] += times * shifts[:, :, 2] + middle
    return np.asarray(shifted, np.float64)


def _middles(canvases: Gray) -> tuple[NDArray[np.float64], ...]:
    """Return x and y of the centre of mass, and the slant, of each of N components.

    Sums are of whole numbers that float32 (by row, below 2^24) and float64 hold exactly: a crop
    must not depend on the others in its batch.
    """
    by_row = canvases.astype(np.float32) @ np.stack([np.ones(CANVAS), _AXIS], 1).astype(np.float32)
    rows, rows_x = by_row[:, :, 0].astype(np.float64), by_row[:, :, 1].astype(np.float64)
    mass = np.maximum(rows.sum(axis=1), 1)  # an empty patch has none
    x, y = rows_x.sum(axis=1) / mass, rows @ _AXIS / mass
    xy, yy = rows_x @ _AXIS / mass - x * y, rows @ _AXIS**2 / mass - y * y
    return x, y, np.clip(xy / np.maximum(yy, 1e-6), -_MOST_SLANT, _MOST_SLANT)


def _longer_sides(inked: NDArray[np.bool_], slant: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the longer side, in canvas pixels, of (N, CANVAS, CANVAS) components once upright."""
    rows = np.asarray(inked.any(axis=2))  # (N, CANVAS)
    shift = slant[:, None] * _AXIS
    left = np.where(rows, np.argmax(inked, axis=2) - shift, np.inf).min(axis=1)
    last = CANVAS - 1 - np.argmax(inked[:, :, ::-1], axis=2)
    right = np.where(rows, last - shift, -np.inf).max(axis=1)
    height = CANVAS - np.argmax(rows[:, ::-1], axis=1) - np.argmax(rows, axis=1)
    return np.asarray(np.where(rows.any(axis=1), np.maximum(right - left + 1, height), 1))

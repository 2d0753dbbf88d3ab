"""Candidates → (N, 28, 28) MNIST-style crops: the one normalisation of scanning and training."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from digitocr.records import Crops, Gray

SIDE = 28  # MNIST: LeCun et al. 1998, a 20×20 box centred by mass in 28×28
BOX = 20
# Ink is shrunk to this size first, by area, which keeps thin strokes.
CANVAS = 2 * BOX
# Ink fainter than this part of the darkest counts as paper when the box is measured.
_FAINT = 0.25
# Slants beyond this (pixels of x for one of y, about 39°) are a shape, not a hand's.
_MOST_SLANT = 0.8


def normalise(patches: Sequence[Gray]) -> Crops:
    """Return each patch of ink upright, in a 20×20 box, centred by its mass in 28×28.

    The slant is taken out by the second moments (LeCun et al. 1998, section III-A "deslanted"),
    the aspect ratio is kept.

    Args:
        patches: uint8 pictures of any size, ink bright (255) on paper 0, one mark each.

    Returns:
        (N, 28, 28) float32, ink 1.0 on paper 0.0; an empty patch gives an empty crop.
    """
    canvases = np.zeros((len(patches), CANVAS, CANVAS), np.uint8)
    for canvas, patch in zip(canvases, patches, strict=True):
        small = _shrunk(patch)
        canvas[: small.shape[0], : small.shape[1]] = small
    if len(patches) == 0:
        return np.zeros((0, SIDE, SIDE), np.float32)
    # Drawn twice as large and halved by area, so that no thin stroke falls between two samples.
    large = np.zeros((len(patches), 2 * SIDE, 2 * SIDE), np.uint8)
    for crop, canvas, to_crop in zip(large, canvases, _to_crops(canvases, 2), strict=True):
        cv2.warpAffine(canvas, to_crop, (2 * SIDE, 2 * SIDE), dst=crop, flags=cv2.INTER_LINEAR)
    column = large.reshape(-1, 2 * SIDE).astype(np.float32)  # all crops one above the other
    halved = cv2.resize(column, (SIDE, len(patches) * SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(halved, np.float32).reshape(-1, SIDE, SIDE) / np.float32(255)


def _shrunk(patch: Gray) -> Gray:
    """Return the patch made smaller, by area, until its longer side is at most `CANVAS`."""
    height, width = patch.shape
    longer = max(height, width)
    if longer <= CANVAS:
        return patch
    size = (max(1, round(width * CANVAS / longer)), max(1, round(height * CANVAS / longer)))
    return np.asarray(cv2.resize(patch, size, interpolation=cv2.INTER_AREA), np.uint8)


_Y, _X = (axis.ravel().astype(np.float64) for axis in np.mgrid[:CANVAS, :CANVAS])
_POWERS = np.stack([np.ones_like(_X), _X, _Y, _X * _Y, _Y * _Y], axis=1)  # (CANVAS², 5)


def _to_crops(canvases: Gray, times: int) -> NDArray[np.float64]:
    """Return the (N, 2, 3) affine maps from canvas pixels to those of crops `times` as large."""
    ink = canvases.reshape(len(canvases), CANVAS * CANVAS)
    # Whole numbers below 2^53 add up exactly, in whatever order BLAS takes them: a crop must not
    # depend on the others in its batch.
    mass, x, y, xy, yy = (ink.astype(np.float64) @ _POWERS).T
    mass = np.maximum(mass, 1e-6)  # an empty patch has none
    x, y = x / mass, y / mass
    slant = (xy / mass - x * y) / np.maximum(yy / mass - y * y, 1e-6)
    slant = np.clip(slant, -_MOST_SLANT, _MOST_SLANT)
    scale = times * BOX / _longer_sides(ink > _FAINT * ink.max(axis=1, keepdims=True), slant)
    middle = (times * SIDE - 1) / 2
    maps = np.zeros((len(ink), 2, 3))
    maps[:, 0, 0] = maps[:, 1, 1] = scale
    maps[:, 0, 1] = -scale * slant
    maps[:, 0, 2] = middle - scale * (x - slant * y)
    maps[:, 1, 2] = middle - scale * y
    return maps


def _longer_sides(inked: NDArray[np.bool_], slant: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the longer side, in canvas pixels, of (N, CANVAS²) marks once upright; at least 1."""
    upright = _X - slant[:, None] * _Y  # (N, CANVAS²)
    right = np.where(inked, upright, -np.inf).max(axis=1)
    left = np.where(inked, upright, np.inf).min(axis=1)
    rows = np.asarray(inked.reshape(len(inked), CANVAS, CANVAS).any(axis=2))
    height = CANVAS - np.argmax(rows[:, ::-1], axis=1) - np.argmax(rows, axis=1)
    width = np.where(inked.any(axis=1), right - left + 1, 1)
    return np.asarray(np.maximum(width, height), np.float64)

"""Dirt on a written line, and what a scanner and a threshold leave of its ink."""

from __future__ import annotations

import cv2
import numpy as np

from digitocr.core.arrays import (
    BinaryImage,
    Gray,
)
from digitocr.training.data.line_canvas import HEIGHT_PX, LineCanvas

# Chances of kinds of dirt. All constants were set by looking at written lines beside the ink of
# real pages.
_UNDERLINE, _OVERLINE, _SPECKS, _HAIRS, _ERASED = 0.2, 0.06, 0.3, 0.05, 0.12
_TURN = np.radians(2.2)  # deviation
_BEND = 0.05  # of the height of digits, at most: deviation of a grid of displacements
# The strip: digits have this part of its height, and stand so far off its middle.
LINE_HEIGHT_PX = 64
_FILLS, _OFF_MIDDLE, _MARGINS = (0.59, 0.94), 0.06, (4, 18)
_THICK, _THIN, _SOFT, _NOISY = 0.22, 0.12, 0.5, 0.5
_BLUR, _NOISE, _CUT, _LEAST_CUT = (0.6, 2.0), (5, 45), (70, 165), 45
_LEFT = 0.65  # of the ink has to be left after the scan


def add_dirt(canvas: LineCanvas, extent: tuple[int, int, int, int]) -> None:
    """Draw ruling lines, specks and hairs, and take a band out as of a removed ruling line."""
    rng, base, (left, top, right, bottom) = canvas.rng, canvas.baseline, extent
    h = HEIGHT_PX
    if rng.random() < _UNDERLINE:
        whole = rng.random() < 0.7
        first = left + rng.uniform(-0.6, 0.8) * h if whole else rng.uniform(left, right)
        last = right + rng.uniform(-0.8, 0.6) * h
        canvas.ruling_line(base + rng.uniform(-0.06, 0.3) * h, first, last, int(rng.integers(1, 5)))
    if rng.random() < _OVERLINE:
        first = rng.uniform(0, right)
        y = max(0.0, base - rng.uniform(1, 1.3) * h)
        canvas.ruling_line(y, first, first + rng.uniform(0.3, 3) * h, int(rng.integers(1, 4)))
    if rng.random() < _SPECKS:
        for _ in range(int(rng.integers(1, 9))):
            x = rng.uniform(left - 0.3 * h, right + 0.3 * h)
            y = rng.uniform(top - 0.3 * h, bottom + 0.3 * h)
            axes = int(rng.integers(0, 4)), int(rng.integers(0, 3))
            cv2.ellipse(canvas.pixels, (round(x), round(y)), axes, 0, 0, 360, 255, cv2.FILLED)
    if rng.random() < _HAIRS:
        for _ in range(int(rng.integers(1, 4))):
            x, y = rng.uniform(left, right), rng.uniform(top, bottom)
            end = round(x + rng.normal(0, 0.8) * h), round(y + rng.normal(0, 0.5) * h)
            cv2.line(canvas.pixels, (round(x), round(y)), end, 255, 1)
    if rng.random() < _ERASED:
        y, x = round(rng.uniform(base - 0.9 * h, base + 2)), round(rng.uniform(left - h, right))
        thick, wide = int(rng.integers(1, 5)), round(rng.uniform(0.5, 6) * h)
        canvas.pixels[y : y + thick, max(0, x) : max(0, x + wide)] = 0


def scanned_ink(
    canvas: Gray, extent: tuple[int, int, int, int], digits: bool, rng: np.random.Generator
) -> BinaryImage:
    """Return what is written as a strip: turned and bent, thick or thin, soft or noisy."""
    left, top, right, bottom = extent
    fills = rng.uniform(*_FILLS) * LINE_HEIGHT_PX
    scale = fills / max(bottom - top, (0.8 if digits else 0.6) * HEIGHT_PX)
    margins = rng.uniform(*_MARGINS, 2)
    width = round(scale * (right - left) + margins.sum())
    room = (LINE_HEIGHT_PX - fills) / 2 + 2
    down = LINE_HEIGHT_PX / 2 + np.clip(rng.normal(0, _OFF_MIDDLE) * LINE_HEIGHT_PX, -room, room)
    across = margins[0] + scale * (right - left) / 2
    turn = rng.normal(0, _TURN)
    y, x = np.mgrid[:LINE_HEIGHT_PX, :width].astype(np.float32)
    x, y = x - np.float32(across), y - np.float32(down)
    from_x = (x * np.cos(turn) + y * np.sin(turn)) / scale + (left + right) / 2
    from_y = (y * np.cos(turn) - x * np.sin(turn)) / scale + (top + bottom) / 2
    grid = (4, max(2, round(3.2 * width / LINE_HEIGHT_PX)), 2)
    coarse = rng.normal(0, rng.uniform(0, _BEND) * HEIGHT_PX, grid).astype(np.float32)
    bends = cv2.resize(coarse, (width, LINE_HEIGHT_PX), interpolation=cv2.INTER_CUBIC)
    maps = (from_x + bends[..., 0]).astype(np.float32), (from_y + bends[..., 1]).astype(np.float32)
    return _binary_ink(np.asarray(cv2.remap(canvas, *maps, cv2.INTER_LINEAR), np.uint8), rng)


def _binary_ink(image: Gray, rng: np.random.Generator) -> BinaryImage:
    """Return a strip's ink, 0 or 255, as pens and thresholds leave it; most of it is left."""
    whole = np.count_nonzero(image > 100)
    pen = rng.random()
    if pen < _THICK:
        size = int(rng.integers(2, 5))
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
        image = np.asarray(cv2.dilate(image, disc), np.uint8)
    elif pen < _THICK + _THIN:
        image = np.asarray(cv2.erode(image, np.ones((2, 2), np.uint8)), np.uint8)
    if rng.random() < _SOFT:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(*_BLUR)), np.uint8)
    seen = image.astype(np.float32)
    if rng.random() < _NOISY:
        coarse = rng.normal(0, rng.uniform(*_NOISE), (len(seen) // 2, -(-seen.shape[1] // 2)))
        seen = seen + cv2.resize(coarse.astype(np.float32), (seen.shape[1], len(seen)))
    cut = rng.uniform(*_CUT)
    while cut > _LEAST_CUT and np.count_nonzero(seen > cut) < _LEFT * whole:
        cut -= 20
    return np.where(seen > cut, 255, 0).astype(np.uint8)

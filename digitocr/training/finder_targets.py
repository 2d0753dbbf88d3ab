"""What the finder should say of a drawn page: kernels of lines, rulings, heights, directions."""

import cv2
import numpy as np
from numpy.typing import NDArray

from digitocr.recognition.finder import (
    DIRECTION_X,
    DIRECTION_Y,
    HEIGHT,
    HEIGHT_UNIT,
    KERNEL_END,
    KERNEL_HEIGHT,
    MAPS,
    NUMBER,
    OTHER,
    RULING,
    STRIDE,
)  # fmt: skip
from digitocr.training.data.pages import DrawnPage
from digitocr.training.data.sheet import PageLine, Quad

Maps = NDArray[np.float32]

IGNORED = MAPS
"""Index of the last target map: 1 where nothing should be learned (too small or large, cut off)."""

_SMALLEST = 5.0  # digit height in pixels below which writing need not be found
_UNSEEN = 3.5  # and below which it is texture, that must not be found
_LARGEST = 44.0  # above which it need not be found: a coarser look sees it
_STROKES = 60.0  # and above which it is strokes, that must not be taken for lines
_FINE = 2  # kernels are painted so many times as fine, then averaged
_LEAST_KERNEL = 5.0  # pixels of the picture that a kernel is high and long at least


def page_targets(page: DrawnPage) -> Maps:
    """Return targets (MAPS + 1, H / 4, W / 4): what the network should say, and what to ignore."""
    rows, columns = (side // STRIDE for side in page.gray.shape)
    targets = np.zeros((MAPS + 1, rows, columns), np.float32)
    _paint_rulings(page, targets[RULING])
    for line in page.lines:
        _paint_line(line, page.gray.shape, targets)
    return targets


def kernel(quad: Quad) -> Quad:
    """Return the core of a line: thinner than its digits are high, and a little shorter."""
    along = (quad[1] + quad[2] - quad[0] - quad[3]) / 2
    down = (quad[3] + quad[2] - quad[0] - quad[1]) / 2
    length, height = float(np.linalg.norm(along)), float(np.linalg.norm(down))
    half_length = max(length / 2 - KERNEL_END * height, 0.25 * height, _LEAST_KERNEL / 2)
    half_height = max(KERNEL_HEIGHT * height / 2, _LEAST_KERNEL / 2)
    x, y = along / max(length, 1e-6) * half_length, down / max(height, 1e-6) * half_height
    middle = quad.mean(axis=0)
    return np.stack([middle - x - y, middle + x - y, middle + x + y, middle - x + y])


def _fill(target: NDArray[np.float32], quad: Quad) -> tuple[slice, slice, NDArray[np.float32]]:
    """Return rows, columns and cover 0..1 of the part of a map that a quad of the picture takes."""
    rows, columns = target.shape
    scaled = (quad + 0.5) / STRIDE
    low = np.clip(np.floor(scaled.min(axis=0)).astype(int) - 1, 0, (columns, rows))
    high = np.clip(np.ceil(scaled.max(axis=0)).astype(int) + 1, 0, (columns, rows))
    size = (high - low)[::-1] * _FINE
    if size.min() <= 0:
        return slice(0, 0), slice(0, 0), np.zeros((0, 0), np.float32)
    fine = np.zeros(tuple(size.tolist()), np.uint8)
    points = ((scaled - low) * _FINE - 0.5) * 16
    cv2.fillConvexPoly(fine, points.round().astype(np.int32), 255, cv2.LINE_AA, 4)
    cover = cv2.resize(fine, tuple((high - low).tolist()), interpolation=cv2.INTER_AREA)
    part = slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))
    return *part, np.asarray(cover, np.float32) / np.float32(255)


def _paint_line(line: PageLine, shape: tuple[int, ...], targets: Maps) -> None:
    core = kernel(line.quad)
    rows, columns, cover = _fill(targets[0], core)
    if not cover.size or not _UNSEEN <= line.digit_height <= _STROKES:
        return
    inside = cover > 0.5
    if not _SMALLEST <= line.digit_height <= _LARGEST:
        targets[IGNORED, rows, columns][inside] = 1
        return
    target = targets[NUMBER if line.is_number else OTHER, rows, columns]
    np.maximum(target, inside.astype(np.float32), out=target)
    along = line.quad[1] + line.quad[2] - line.quad[0] - line.quad[3]
    along = along / max(float(np.linalg.norm(along)), 1e-6)
    targets[HEIGHT, rows, columns][inside] = np.log(line.digit_height / HEIGHT_UNIT)
    targets[DIRECTION_X, rows, columns][inside] = along[0]
    targets[DIRECTION_Y, rows, columns][inside] = along[1]
    if _is_cut_away(line, shape):
        targets[IGNORED, rows, columns][inside] = 1


def _is_cut_away(line: PageLine, shape: tuple[int, ...]) -> bool:
    """Tell whether the picture shows less than a fifth of a line's length or half its height."""
    ends = line.quad[[0, 3]].mean(axis=0), line.quad[[1, 2]].mean(axis=0)
    spots = np.linspace(*ends, 9)
    inside = ((spots >= 0) & (spots < shape[1::-1])).all(axis=1)
    return float(inside.mean()) < 0.2


def _paint_rulings(page: DrawnPage, target: NDArray[np.float32]) -> None:
    canvas = np.zeros(target.shape, np.uint8)
    for ruling in page.rulings:
        ends = [
            (round((x + 0.5) / STRIDE * 16 - 8), round((y + 0.5) / STRIDE * 16 - 8))
            for x, y in (ruling.start, ruling.end)
        ]
        if all(abs(value) < 30000 for end in ends for value in end):
            thick = max(1, round(ruling.thickness / STRIDE))
            cv2.line(canvas, ends[0], ends[1], 1, thick, cv2.LINE_8, 4)
    np.maximum(target, canvas, out=target)

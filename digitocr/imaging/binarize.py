"""Grey page → binary image: light evened, polarity found, ruling lines taken out and kept aside.

How light bare paper is, how dark ink is and how dark the paper's pattern gets is looked for on a
grid of cells, around each cell; a pixel is ink where it is darker than these three say.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from digitocr.core.arrays import (
    BinaryImage,
    Gray,
)
from digitocr.imaging.noise import noise_sigma
from digitocr.imaging.pyramid import shrunk_image
from digitocr.imaging.ruling_lines import PageInk, separate_ruling_lines

Cells: TypeAlias = NDArray[np.float32]  # (H / cell, W / cell)

# Cells have this many pixels a side, fewer where the page would have too few cells across.
_MOST_CELL = 8
_LEAST_CELLS = 64
# Side of the neighbourhood, in pixels or as a part of the page's longer side, whichever is more:
# wider than any stroke of digits up to 600 pixels high, narrower than a shadow; but no more than
# this part of the page's shorter side.
_REACH_PX, _REACH_PART, _MOST_REACH = 160, 1 / 20, 1 / 2
# Pictures with a shorter side than this show a few digits, light on dark or dark on light.
_ONE_PAPER_PX = 200
# Light is written on dark where paper (what is usual in two reaches) is this far from the light
# to the dark, where strokes, thinner than this part of the reach, make up that much of the
# contrast, and this is that much of the light: light falls off and shines back by less.
_DARK_PAPER = 0.65
_LIGHT_STROKE, _LIGHT_STROKE_THIN = 0.5, 1 / 3
_LIGHT_CONTRAST, _LIGHT_CONTRAST_LEVELS = 0.25, 24
_EDGE_CELLS = 5  # a stroke's edges are in cells no farther apart than this
# A narrower band is dark where it has less than this part of the light around, is this many cells
# high at the least, and dark on this part of its outline's area, which is that of its box.
_BAND, _LEAST_BAND, _BAND_FILLED, _BAND_STRAIGHT = 0.65, 4, 0.5, 0.85
# A stroke's edge is where it has this part of the ink's darkness: lower than half, so that thin and
# faint strokes hold together.
_EDGE = 0.25
# But it is no nearer to paper than this part of the light, and this many deviations of the noise.
_LEAST_CONTRAST = 0.08
_LEAST_SIGMAS = 4.5
# And it is beyond this many times the paper's pattern, up to this part of the ink's darkness. A
# pattern is what fills, with gaps this wide in pixels, more than half of the neighbourhood.
_PATTERNS = 1.4
_MOST_EDGE = 0.5
_PATTERN_GAP = 12
# On a page so many neighbourhoods wide and high, what has more than this part of the ink's darkness
# is small print in a table (0.5 to 0.75; patterns 0.4 at most): its hairlines need a lower edge.
_PAGE, _DENSE, _DENSE_EDGE = 4, 0.45, 0.45
# Beside ink the edge may be lower, if no pattern is: strokes that fade hold together. They are
# followed so many times, so many pixels each (hysteresis: Canny 1986).
_FAINT_EDGE, _FAINT_STEPS, _FAINT_STEP = 0.15, 2, 3
_THICK = 5  # pixels around strokes wider than two; there nothing is added
# Where less than this part of the ink is as dark as twice that the page is blurred; components lose
# the blur that fill this part of their boxes, as those with closed loops do, and do not fall apart
# and become smaller by no more than that part.
_SHARP, _CLOSED_UP, _SHRUNK = 0.75, 0.5, 0.25
# Small photographs that were enlarged are sharpened first (unsharp masking) by so much: strokes,
# and what blurs them, are about so many pixels wide. What was tried: benchmarks/experiments.md.
_UNSHARP, _UNSHARP_SIGMA = 2.0, 5.0
_WIDEST_MEDIAN = 101  # cells; wider ones take long and change nothing
# Noise with more than this deviation, in grey levels, is smoothed: with 1 2 1, to this part.
_COARSE_NOISE = 4.0
_SMOOTHED = 0.375


def page_ink(gray: Gray, blurred: bool = False) -> PageInk:
    """Return what is written on a page, dark on light or light on dark, on all or parts of it.

    Args:
        gray: the deskewed page. One that shows nothing but paper gives an empty image.
        blurred: a small photograph that was enlarged, on which loops of digits are nearly closed.
    """
    return separate_ruling_lines(binarize(gray, blurred))


def binarize(gray: Gray, blurred: bool = False) -> BinaryImage:
    """Return all ink on a page, with its ruling lines; see `page_ink`."""
    if blurred:
        gray = _unsharp(gray)
    grid = _grid(gray)
    paper, light_on_dark = _paper_light(gray, grid)
    if light_on_dark.any():
        gray = _dark_on_light(gray, light_on_dark)
    sigma = _noise(gray)
    if sigma > _COARSE_NOISE:
        gray = np.asarray(cv2.GaussianBlur(gray, (3, 3), 0), np.uint8)
        sigma *= _SMOOTHED
    edge, faint_edge = _ink_contrasts(
        paper - _darkest_of_cells(gray, grid, paper.shape), paper, sigma, grid
    )
    binary = _ink_without_blur(_darker_pixels(gray, paper - edge), gray, paper - 2 * edge)
    return _ink_with_faint(binary, _darker_pixels(gray, paper - faint_edge))


def _ink_with_faint(binary: BinaryImage, faint: BinaryImage) -> BinaryImage:
    """Return the ink with faint ink beside thin strokes; both masks are changed.

    One more array serves for all steps: those of a whole page take longer to get than to fill.
    """
    around = cv2.erode(binary, _square(3))
    cv2.dilate(around, _square(_THICK), around)
    cv2.subtract(faint, around, faint)
    for _ in range(_FAINT_STEPS):
        cv2.dilate(binary, _square(_FAINT_STEP), around)
        cv2.bitwise_and(around, faint, around)
        cv2.bitwise_or(binary, around, binary)
    return binary


def _unsharp(gray: Gray) -> Gray:
    """Return a page on which what is darker than its surroundings is darker still."""
    around = cv2.GaussianBlur(gray, (0, 0), _UNSHARP_SIGMA)
    return np.asarray(cv2.addWeighted(gray, 1 + _UNSHARP, around, -_UNSHARP, 0), np.uint8)


def _ink_without_blur(binary: BinaryImage, gray: Gray, threshold: Cells) -> BinaryImage:
    """Return the ink with the blur around it taken off, where the page is blurred.

    Components that stay whole at a threshold nearer to the ink's own darkness lose what is lighter,
    so that loops do not close up; thin and faint ones, which would break, stay as they are.

    Args:
        binary: what is darker than a threshold.
        gray: the page.
        threshold: one that is nowhere lighter.
    """
    core = _darker_pixels(gray, threshold)
    n_core, n_ink = cv2.countNonZero(core), cv2.countNonZero(binary)
    if n_core == 0 or n_core > _SHARP * n_ink:
        return binary
    n, labels, stats, _ = cv2.connectedComponentsWithStats(binary)
    n_parts, parts, own, _ = cv2.connectedComponentsWithStats(core)
    whose = np.zeros(n_parts, np.int64)
    at = np.flatnonzero(core)
    whose[parts.ravel()[at]] = labels.ravel()[at]
    alone = np.bincount(whose[1:], minlength=n) == 1
    part = np.zeros(n, np.int64)
    part[whose[1:]] = np.arange(1, n_parts)
    size = stats[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]]
    core_size = own[part][:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]]
    whole = alone & (size - core_size <= np.maximum(2, _SHRUNK * size)).all(axis=1)
    whole &= stats[:, cv2.CC_STAT_AREA] > _CLOSED_UP * size.prod(axis=1)
    whole[0] = False
    return np.asarray(np.where(whole[labels], core, binary), np.uint8)


def _darker_pixels(gray: Gray, threshold: Cells) -> BinaryImage:
    """Return the pixels that are darker than their cell's threshold."""
    enlarged = _cells_as_pixels(np.clip(threshold, 0, 255).astype(np.uint8), gray)
    cv2.compare(gray, enlarged, cv2.CMP_LT, enlarged)  # in place
    return enlarged


@dataclass(frozen=True, slots=True)
class _Grid:
    """How a page is divided."""

    cell: int  # pixels a side, a power of two
    reach: int  # cells, odd: the side of a cell's neighbourhood


def _grid(gray: Gray) -> _Grid:
    """Return how to divide a page."""
    longer, shorter = max(gray.shape), min(gray.shape)
    cell = _MOST_CELL
    while cell > 1 and shorter < cell * _LEAST_CELLS:
        cell //= 2
    reach = min(max(_REACH_PX, longer * _REACH_PART), shorter * _MOST_REACH)
    return _Grid(cell, max(1, round(reach / cell)) | 1)


@cache
def _square(side: int) -> NDArray[np.uint8]:
    return np.ones((side, side), np.uint8)


def _paper_light(gray: Gray, grid: _Grid) -> tuple[Cells, NDArray[np.bool_]]:
    """Return how light bare paper would be in each cell, and where it is written on in light.

    There the light is that of the paper turned over, which is what it will be read as.
    """
    small = shrunk_image(gray, grid.cell)
    room = grid.reach  # beyond the page, or light that falls off would be overrated at its border
    wide = np.asarray(cv2.copyMakeBorder(small, *(room,) * 4, cv2.BORDER_REPLICATE), np.uint8)
    light = np.asarray(cv2.morphologyEx(wide, cv2.MORPH_CLOSE, _square(grid.reach)), np.uint8)
    dark = np.asarray(cv2.morphologyEx(wide, cv2.MORPH_OPEN, _square(grid.reach)), np.uint8)
    if min(gray.shape) < _ONE_PAPER_PX:
        on_dark = np.full(wide.shape, _is_light_on_dark(small))
    else:
        on_dark = _light_on_dark(wide, light, dark, grid)
    page = slice(room, -room), slice(room, -room)
    paper = np.where(on_dark, 255 - cv2.blur(dark, (3, 3)), cv2.blur(light, (3, 3)))
    return paper[page].astype(np.float32), on_dark[page]


def _is_light_on_dark(small: Gray) -> bool:
    """Tell whether a picture of a few digits shows light ones: most of it is paper."""
    paper = float(np.median(small))
    return float(small.max()) - paper > paper - float(small.min())


def _light_on_dark(small: Gray, light: Gray, dark: Gray, grid: _Grid) -> NDArray[np.bool_]:
    """Tell for each cell whether it belongs to dark paper that is written on in light.

    Args:
        small: the page in cells.
        light: the same without dark strokes.
        dark: the same without light strokes.
        grid: how wide strokes may be.
    """
    contrast = cv2.subtract(light, dark)
    usual = cv2.blur(small, (2 * grid.reach + 1,) * 2)
    thin = _square(max(3, round(grid.reach * _LIGHT_STROKE_THIN)))
    strokes = cv2.dilate(cv2.morphologyEx(small, cv2.MORPH_TOPHAT, thin), _square(grid.reach))
    written = cv2.subtract(light, usual) > _DARK_PAPER * contrast
    written &= strokes > _LIGHT_STROKE * contrast
    written &= contrast > np.maximum(_LIGHT_CONTRAST * light, _LIGHT_CONTRAST_LEVELS)
    around = np.asarray(cv2.dilate(light, _square(grid.reach)), np.uint8)
    written |= _dark_bands(small, around)
    if not written.any():
        return written
    # Strokes fill their outer cells in part; these are as dark without what is light in them.
    middle = np.where(written, light / 2 + dark / 2, 0).astype(np.float32)
    return np.asarray(dark < cv2.dilate(middle, _square(_EDGE_CELLS)), np.bool_)


def _dark_bands(small: Gray, light: Gray) -> NDArray[np.bool_]:
    """Tell for each cell whether it belongs to a dark band, as table headers are.

    It is a filled rectangle, so that digits in it are holes, and wider than high, as no digit is.
    """
    dark = (small < _BAND * light).astype(np.uint8)
    dark = np.asarray(cv2.morphologyEx(dark, cv2.MORPH_OPEN, _square(2)), np.uint8)
    bands = np.zeros_like(dark)
    for contour in cv2.findContours(dark, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]:
        x, y, width, height = cv2.boundingRect(contour)
        inside = dark[y : y + height, x : x + width]
        is_straight = cv2.contourArea(contour) > _BAND_STRAIGHT * (width - 1) * (height - 1)
        wide = height >= _LEAST_BAND and width >= 2 * height
        if is_straight and wide and inside.mean() > _BAND_FILLED:
            cv2.drawContours(bands, [contour], -1, 1, cv2.FILLED)
    return bands > 0


def _dark_on_light(gray: Gray, light_on_dark: NDArray[np.bool_]) -> Gray:
    """Return the page with those cells turned over, so that all ink is dark on light."""
    where = _cells_as_pixels(light_on_dark.astype(np.uint8) * 255, gray)
    return np.asarray(cv2.bitwise_xor(gray, where), np.uint8)


def _cells_as_pixels(cells: Gray, gray: Gray) -> Gray:
    """Return cells as large as the page, sharp: papers differ where one ends.

    Rows of cells are widened, then repeated: OpenCV is four times slower at both ways at once.
    """
    height, width = gray.shape
    wide = cv2.resize(cells, (width, len(cells)), interpolation=cv2.INTER_NEAREST)
    numbers = np.arange(len(cells), dtype=np.float32)[:, None]
    rows = cv2.resize(numbers, (1, height), interpolation=cv2.INTER_NEAREST)[:, 0]
    return np.asarray(wide[rows.astype(np.intp)], np.uint8)


def _noise(gray: Gray) -> float:
    """Return the deviation of the page's noise from pixel to pixel, in grey levels.

    Second differences along some rows; their median, because strokes have large ones. Where paper
    is as light as grey levels go, half of its noise is cut off, which halves these.
    """
    rows = gray[:: max(1, len(gray) // 100), : gray.shape[1] // 3 * 3].astype(np.int16)
    if rows.size == 0:
        return 0.0
    second = np.abs(rows[:, ::3] - 2 * rows[:, 1::3] + rows[:, 2::3])
    white = np.count_nonzero(rows == 255) > rows.size / 2
    cut_off = 2.0 if white else 1.0
    return cut_off * noise_sigma(second)


def _darkest_of_cells(gray: Gray, grid: _Grid, shape: tuple[int, ...]) -> Cells:
    """Return how dark each cell of a page of this shape, in cells, gets."""
    half = shrunk_image(gray, min(2, grid.cell))  # strokes that are read are wider than one pixel
    darkest = cv2.erode(half, _square(max(1, grid.cell // 2)))
    darkest = cv2.resize(darkest, shape[::-1], interpolation=cv2.INTER_NEAREST)
    return np.asarray(darkest, np.float32)


def _ink_contrasts(depth: Cells, paper: Cells, sigma: float, grid: _Grid) -> tuple[Cells, Cells]:
    """Return how much darker than paper ink must be around each cell, in grey levels.

    First anywhere, then beside ink.

    Args:
        depth: how much darker than paper each cell gets.
        paper: how light bare paper is.
        sigma: the deviation of the noise.
        grid: how far to look.
    """
    around = (grid.reach, grid.reach)
    ink = cv2.blur(cv2.dilate(depth, _square(grid.reach)), around)
    gaps = _square(max(1, _PATTERN_GAP // grid.cell))
    filled = np.clip(cv2.morphologyEx(depth, cv2.MORPH_CLOSE, gaps), 0, 255).astype(np.uint8)
    pattern = cv2.medianBlur(filled, min(2 * grid.reach + 1, _WIDEST_MEDIAN)).astype(np.float32)
    least = np.maximum(_LEAST_CONTRAST * paper, _LEAST_SIGMAS * sigma)
    dense = (pattern > _DENSE * ink) & (min(depth.shape) > _PAGE * grid.reach)
    most = np.where(dense, _DENSE_EDGE, _MOST_EDGE)
    least = np.maximum(least, np.minimum(_PATTERNS * pattern, most * ink))
    edge, faint = (np.maximum(part * ink, least) for part in (_EDGE, _FAINT_EDGE))
    return np.asarray(edge, np.float32), np.asarray(faint, np.float32)

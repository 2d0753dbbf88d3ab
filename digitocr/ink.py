"""Grey page → ink mask: light evened, polarity found, ruled lines taken out and kept aside."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from digitocr.records import Box, Gray, Ink, Mask, Rule

# Light is evened on a picture this much smaller: shadows are wide, and averaging 64 pixels
# takes the paper's grain away.
_SHRINK = 8
# Side of the neighbourhood whose lightest cell is paper, as a part of the page's longer side:
# wider than any stroke, narrower than a shadow.
_PAPER_REACH = 1 / 20
# Pictures with a shorter side than this show a digit or two in one light.
_EVEN_MIN_SIDE = 200
# Evened paper has this value, so that paper noise above it still fits into 8 bits.
_PAPER = 200
# Ink must be this much darker than evened paper, in grey levels and in deviations of the paper's
# noise, or the page is blank.
_LEAST_CONTRAST = 16
_LEAST_SIGMAS = 5.0
_MOST_SIGMA = 8.0  # noisier pages than this are covered with ink
# Paper darker than this is evened no further: its noise would pass for ink.
_DARKEST_PAPER = 40
# A stroke's edge is where it has this part of the ink's darkness: lower than half, so that
# thin and faint strokes hold together.
_EDGE = 0.25
# Rules are looked for on a mask shrunk this much; they are this long (part of the page's width or
# height), and at the most this thick in page pixels.
_RULE_SHRINK = 4
_RULE_LENGTH = 1 / 12
_RULE_MIN_SIDE = 400
# A rule is this many times longer than thick; the longest strokes of digits reach 20 times,
_RULE_ASPECT = 40
# and covers this part of the strip it was seen in.
_RULE_COVERS = 0.5
# A column of ink thicker than this many times the rule is a stroke that crosses it.
_CROSSING = 1.7


def find_ink(gray: Gray) -> Ink:
    """Return what is written on a page, dark on light or light on dark.

    Args:
        gray: the level page. One that shows nothing but paper gives an empty mask.
    """
    small = _shrunk(gray)
    if _light_on_dark(gray, small):
        gray, small = ~gray, ~small
    paper = _paper(gray, small)
    depths = _depths(gray, paper)
    if depths is None:
        return Ink(np.zeros_like(gray), ())
    threshold = cv2.resize(_threshold(gray, paper, depths), gray.shape[::-1])
    mask = np.asarray(cv2.compare(gray, np.asarray(threshold, np.uint8), cv2.CMP_LT), np.uint8)
    return Ink(*_without_rules(mask))


def _threshold(gray: Gray, paper: NDArray[np.float32], depths: _Depths) -> NDArray[np.uint8]:
    """Return the grey below which a pixel is ink, as large as `paper`.

    It lies `_EDGE`-way from paper to the darkest ink in the neighbourhood, so that pencil that
    fades along the page keeps its strokes, but no nearer to paper than its noise allows.
    """
    depth = np.float32(depths.ink) if paper.size == 1 else _local_depth(gray, paper)
    edge = np.clip(_EDGE * depth, depths.noise, max(depths.noise, _EDGE * depths.ink))
    return np.asarray(paper * (1 - edge / _PAPER), np.uint8)


def _local_depth(gray: Gray, paper: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how much darker than paper the darkest ink near each cell is, of `_PAPER`."""
    # Every second pixel is enough: strokes that are read are wider than one.
    darkest = cv2.erode(gray[::2, ::2], np.ones((_SHRINK // 2, _SHRINK // 2), np.uint8))
    darkest = cv2.resize(darkest, paper.shape[::-1], interpolation=cv2.INTER_NEAREST)
    depth = (_PAPER * (1 - darkest / paper)).astype(np.float32)
    reach = _reach(paper)
    near = cv2.dilate(depth, np.ones((reach, reach), np.uint8))
    return np.asarray(cv2.blur(near, (reach, reach)), np.float32)


def _light_on_dark(gray: Gray, small: Gray) -> bool:
    """Tell whether paper, which fills most of a page, is darker than what is written on it.

    On a small picture a thick digit may fill more than the paper: there the border tells.
    """
    if small.shape == gray.shape:
        paper = np.median(np.concatenate([gray[0], gray[-1], gray[:, 0], gray[:, -1]]))
    else:
        paper = np.median(small)
    return bool(float(small.max()) - paper > paper - float(small.min()))


def _shrunk(gray: Gray) -> Gray:
    """Return the page smaller by `_SHRINK`, pictures of a digit or two as they are."""
    if min(gray.shape) < _EVEN_MIN_SIDE:
        return gray
    return _smaller(gray, _SHRINK)


def _smaller(picture: Gray, times: int) -> Gray:
    """Return a picture smaller by a power of two, by area: halves are what OpenCV does fastest."""
    while times > 1:
        halved = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        picture, times = np.asarray(halved, np.uint8), times // 2
    return picture


def _reach(small: NDArray[np.float32] | Gray) -> int:
    """Return the side of the neighbourhood in which paper and ink are looked for, in cells."""
    longer: int = max(small.shape)
    return max(3, round(longer * _PAPER_REACH))


def _paper(gray: Gray, small: Gray) -> NDArray[np.float32]:
    """Return the light that bare paper would show everywhere, as large as the shrunk page.

    One value, (1, 1), for pictures of a digit or two.
    """
    if small.shape == gray.shape:
        light = max(_DARKEST_PAPER, float(np.percentile(small, 95)))
        return np.full((1, 1), light, np.float32)
    reach = _reach(small)
    lightest = cv2.morphologyEx(small, cv2.MORPH_CLOSE, np.ones((reach, reach), np.uint8))
    lightest = np.maximum(lightest, _DARKEST_PAPER).astype(np.float32)
    return np.asarray(cv2.blur(lightest, (reach, reach)), np.float32)


@dataclass(frozen=True, slots=True)
class _Depths:
    """How much darker than evened paper, of `_PAPER`, things are."""

    ink: float  # a quarter of the ink on the page is darker
    noise: float  # paper at its darkest


def _depths(gray: Gray, paper: NDArray[np.float32]) -> _Depths | None:
    """Return how dark ink and noise are; None where nothing is darker than the noise.

    Taken from what is darker than noise, which unlike Otsu's threshold does not depend on how
    little is written.
    """
    step = max(1, round((gray.size / 500_000) ** 0.5))
    sample = gray[::step, ::step]
    light = cv2.resize(paper, sample.shape[::-1])
    even = np.clip(sample * (_PAPER / light), 0, 255).astype(np.uint8)
    histogram = np.bincount(even.ravel(), minlength=256)
    peak = int(np.argmax(histogram))
    noise = max(_LEAST_CONTRAST, _LEAST_SIGMAS * _paper_sigma(histogram, peak))
    dark = even[even < peak - noise]
    if len(dark) == 0:
        return None
    return _Depths(ink=float(peak - np.percentile(dark, 25)), noise=noise + _PAPER - peak)


def _paper_sigma(histogram: NDArray[np.int64], peak: int) -> float:
    """Return the deviation of the paper's noise.

    Taken from its lighter half, which holds no ink. Where scanners cut that off at white it is
    taken from the darkest 30 % of the page instead, for the most part paper.
    """
    lighter = histogram[peak:].astype(np.float64)
    lighter[0] /= 2
    distance = np.arange(len(lighter))
    sigma = float(np.sqrt((lighter * distance**2).sum() / lighter.sum()))
    darkest = int(np.searchsorted(np.cumsum(histogram), 0.3 * histogram.sum()))
    return max(sigma, min((peak - darkest) / 0.52, _MOST_SIGMA))  # 30 % lie 0.52 sigmas below


@dataclass(frozen=True, slots=True)
class _Strip:
    """Where a rule was seen on the shrunk mask, in page pixels, with room on both sides."""

    top: int
    bottom: int
    left: int
    right: int


def _without_rules(mask: Mask) -> tuple[Mask, tuple[Rule, ...]]:
    """Return the mask without ruled lines, and these; digits that cross a rule stay whole."""
    if min(mask.shape) < _RULE_MIN_SIDE:
        return mask, ()
    small = _smaller(mask, _RULE_SHRINK)
    rules = [Rule(box, horizontal=True) for box in _erase_rules(mask, _rule_strips(small))]
    upright = _rule_strips(np.ascontiguousarray(small.T))
    if upright:
        turned = np.asarray(cv2.transpose(mask), np.uint8)
        boxes = _erase_rules(turned, upright)
        rules += [Rule(Box(box.y, box.x, box.height, box.width), False) for box in boxes]
        mask = np.asarray(cv2.transpose(turned), np.uint8)
    return mask, tuple(rules)


def _rule_strips(small: Mask) -> list[_Strip]:
    """Return where long horizontal lines run on a shrunk mask."""
    # A rule one page pixel thick fills a quarter of a cell.
    thin = (small > 255 // (_RULE_SHRINK + 1)).astype(np.uint8)
    length = max(1, round(thin.shape[1] * _RULE_LENGTH))
    lines = cv2.morphologyEx(thin, cv2.MORPH_OPEN, np.ones((1, length), np.uint8))
    strips = []
    for contour in cv2.findContours(lines, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]:
        x, y, width, height = (side * _RULE_SHRINK for side in cv2.boundingRect(contour))
        if width > 4 * height:
            strips.append(_Strip(max(0, y - 3), y + height + 3, x, x + width))
    return strips


def _erase_rules(mask: Mask, strips: list[_Strip]) -> list[Box]:
    """Erase the horizontal rules from the mask, in place, and return where they were."""
    boxes = []
    for strip in strips:  # a strip may hold several, as under a total
        while box := _erase_rule(mask, strip):
            boxes.append(box)
    return boxes


def _erase_rule(mask: Mask, strip: _Strip) -> Box | None:
    """Erase the topmost rule in a strip of the mask, in place, and return where it was, if any is.

    In each column the rule is the run of ink at its middle height; a run much thicker than the
    rule is a stroke that crosses it and stays.
    """
    part = mask[strip.top : strip.bottom, strip.left : strip.right]
    ink = part > 0  # (h, w)
    if ink.any(axis=0).mean() < _RULE_COVERS:
        return None
    middle = _rule_middle(ink)  # (w,)
    rows = np.arange(ink.shape[0])[:, None]
    paper_above = np.where(~ink & (rows <= middle), rows, -1).max(axis=0)
    paper_below = np.where(~ink & (rows >= middle), rows, ink.shape[0]).min(axis=0)
    thickness = paper_below - paper_above - 1  # (w,), -1 where the middle is paper
    usual = float(np.median(thickness[thickness > 0])) if (thickness > 0).any() else 0.0
    if usual == 0 or usual * _RULE_ASPECT > ink.shape[1]:
        return None
    rule = thickness <= max(usual * _CROSSING, usual + 1)
    part[(rows > paper_above) & (rows < paper_below) & rule] = 0
    top = int(middle.min())
    return Box(strip.left, strip.top + top, part.shape[1], int(middle.max()) - top + 1)


def _rule_middle(ink: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the row of the topmost rule's middle in each column: a straight line through ink.

    Fitted to the medians of a few stretches, so that strokes that cross it do not pull it.
    """
    height, width = ink.shape
    first = np.argmax(ink, axis=0)  # (w,), the top of the topmost run of ink
    beyond = ~ink & (np.arange(height)[:, None] > first)
    thickness = np.where(beyond.any(axis=0), np.argmax(beyond, axis=0), height) - first
    centre = first + (thickness - 1) / 2
    inked = ink.any(axis=0)
    x = np.flatnonzero(inked & (thickness <= np.median(thickness[inked]) * _CROSSING))
    stretches = [s for s in np.array_split(x, 16) if len(s)]
    at = [float(np.median(s)) for s in stretches]
    line = np.polyfit(at, [float(np.median(centre[s])) for s in stretches], min(1, len(at) - 1))
    return np.clip(np.round(np.polyval(line, np.arange(width))), 0, height - 1).astype(np.intp)

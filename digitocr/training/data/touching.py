"""Digits cut out of touching ones: what splitting makes of numbers whose digits are known."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from digitocr.core.arrays import (
    BinaryImage,
    Gray,
    Labels,
)
from digitocr.imaging.stroke_width import broad_stroke_width
from digitocr.recognition.components import find_candidates
from digitocr.recognition.hypotheses import Candidate
from digitocr.training.data.datasets import (
    NON_DIGIT,
    Digits,
)
from digitocr.training.data.strokes import bezier_curve
from digitocr.training.data.symbols import mnist_image

_HEIGHT = (36, 60)  # px, of digits
_SIZES = 0.12  # deviation of log(size) within a number
_LENGTH = (2, 4)
_TOUCHING = 0.35  # of the digits meet the one before them
_OVERLAP = (0.05, 2.5)  # of their ink, in squares of a stroke; most overlap little
_DEEP = 3.0  # times as much for two zeros: rings are looped through each other
_ZEROS = 0.2  # of the digits are zeros besides, half of them like the one before: amounts end so
_GAP = (0.02, 0.25)  # between the others, where they are closest, of the height
_RISE = 0.08  # deviation of the baseline, of the height
_JOINED = 0.2  # of the digits have a stroke that leads on to the next, as looped zeros have
_DASHED = 0.1  # of the numbers have a dash, point or ruling line besides
# A candidate is a digit when it holds this part of its ink and little of others', and a wrong cut
# when it is far from that; what is between teaches nothing.
_WHOLE, _PURE = 0.8, 0.8
_HALF, _MIXED = 0.6, 0.65


@dataclass(frozen=True, slots=True)
class TouchingNumber:
    """A number's ink and whose it is."""

    mask: BinaryImage  # (H, W)
    digits: NDArray[np.bool_]  # (n, H, W)
    labels: NDArray[np.int64]  # (n,)


def touching_digits(digits: Digits, n: int, seed: int) -> Digits:
    """Return n digits, at the most, as they are cut out of touching ones, and as many wrong cuts.

    Numbers are put together of digits that overlap and are joined by strokes, splitting proposes
    cuts and merges, and those that hold one whole digit keep its label; halves, pairs and halves
    of pairs get `NON_DIGIT`.

    Args:
        digits: what numbers are put together of; non-digits are left out.
        n: how many of each.
        seed: of every choice.
    """
    rng = np.random.default_rng(seed)
    known = digits[np.flatnonzero(digits.labels != NON_DIGIT)]
    right: list[tuple[Gray, int]] = []
    wrong: list[tuple[Gray, int]] = []
    while min(len(right), len(wrong)) < n:
        written = touching_number(known, rng)
        for candidate in find_candidates(written.mask):
            label = _label_of(candidate, written)
            if label is not None:
                (wrong if label == NON_DIGIT else right).append((mnist_image(candidate.ink), label))
    kept = [*right[:n], *wrong[:n]]
    return Digits(np.stack([image for image, _ in kept]), np.array([label for _, label in kept]))


def touching_number(digits: Digits, rng: np.random.Generator) -> TouchingNumber:
    """Return a number of digits side by side, some overlapping, some joined by a stroke.

    Args:
        digits: what it is put together of.
        rng: of every choice.
    """
    chosen = _chosen(digits.labels, rng)
    height = rng.uniform(*_HEIGHT)
    patches = [_patch(digits.images[i], height * np.exp(rng.normal(0, _SIZES))) for i in chosen]
    canvas = (round(2.2 * height), round(sum(p.shape[1] for p in patches) + 3 * height))
    masks = np.zeros((len(patches), *canvas), np.uint8)
    right = round(0.5 * height)  # of the ink so far
    for i, patch in enumerate(patches):
        tall, width = patch.shape
        top = int(np.clip(1.6 * height - tall + rng.normal(0, _RISE) * height, 0, canvas[0] - tall))
        rows = masks[:i, top : top + tall].max(axis=0, initial=0)
        meets = rng.random() < _TOUCHING
        deep = _DEEP if i and digits.labels[chosen[i - 1 : i + 1]].max() == 0 else 1.0
        left = _place(rows, patch, right, deep if meets else 0.0, height, rng)
        masks[i, top : top + tall, left : left + width] = patch
        right = max(right, left + width)
    for mask, following in pairwise(masks):
        if rng.random() < _JOINED:
            _join(mask, following, rng)
    ink = masks.max(axis=0)
    if rng.random() < _DASHED:
        _dash(ink, height, rng)
    return TouchingNumber(ink, masks > 0, digits.labels[chosen])


def _chosen(labels: Labels, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the places of a number's digits among the labelled ones."""
    chosen = rng.integers(len(labels), size=rng.integers(_LENGTH[0], _LENGTH[1] + 1))
    zeros = np.flatnonzero(labels == 0)
    for i in range(1, len(chosen) if len(zeros) else 0):
        if rng.random() < _ZEROS:
            again = labels[chosen[i - 1]] == 0 and rng.random() < 0.5
            chosen[i] = chosen[i - 1] if again else rng.choice(zeros)
    return chosen


def _place(
    rows: BinaryImage,
    patch: BinaryImage,
    right: int,
    deep: float,
    height: float,
    rng: np.random.Generator,
) -> int:
    """Return where a digit begins that meets the ink before it, or keeps a gap to it.

    Args:
        rows: the ink before it, in its rows.
        patch: the digit.
        right: where the ink so far ends.
        deep: how many times more than usual it overlaps; 0 for a gap.
        height: of digits, pixels.
        rng: of every choice.
    """
    overlap = np.exp(rng.uniform(*np.log(_OVERLAP)))
    wanted = deep * overlap * broad_stroke_width(patch) ** 2
    meets = right
    for left in range(right, max(0, right - round(0.6 * height)), -1):
        under = rows[:, left : left + patch.shape[1]]
        if np.count_nonzero(under & patch) > wanted:
            meets = left
            break
    return meets if deep else meets + round(rng.uniform(*_GAP) * height)


def _patch(image: Gray, height: float) -> Gray:
    """Return a digit's ink alone, 0 or 255, at a height in pixels."""
    ink = float(image.max())
    x, y, width, tall = cv2.boundingRect((image > 0.25 * ink).astype(np.uint8))
    scale = height / max(tall, 0.5 * width)
    size = (max(3, round(width * scale)), max(3, round(tall * scale)))
    large = cv2.resize(image[y : y + tall, x : x + width], size, interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.where(large > 0.4 * ink, 255, 0), np.uint8)


def _join(mask: BinaryImage, following: BinaryImage, rng: np.random.Generator) -> None:
    """Lead a stroke from a digit to the next one, near their tops or feet; ink of the first."""
    left, right = np.argwhere(mask), np.argwhere(following)
    if len(left) == 0 or len(right) == 0:
        return
    level = rng.choice([0.1, 0.3, 0.9])  # of the height, from the top
    start, end = _outermost(left, level, 1), _outermost(right, level, -1)
    middle = (start + end) / 2 + [0, rng.uniform(-0.15, 0.15) * np.ptp(left[:, 0])]
    curve = bezier_curve(start, middle, end, 12)
    thickness = int(rng.integers(2, 5))
    cv2.polylines(mask, [np.round(curve).astype(np.int32)], False, 255, thickness)


def _outermost(ink: NDArray[np.intp], level: float, side: int) -> NDArray[np.float64]:
    """Return the rightmost (side 1) or leftmost (-1) pixel, (x, y), of ink near a height."""
    top, tall = ink[:, 0].min(), np.ptp(ink[:, 0])
    near = ink[np.abs(ink[:, 0] - (top + level * tall)) <= 0.12 * tall + 1]
    y, x = near[np.argmax(side * near[:, 1])] if len(near) else ink[len(ink) // 2]
    return np.array([x, y], float)


def _dash(ink: BinaryImage, height: float, rng: np.random.Generator) -> None:
    """Draw a dash, a point or a piece of a ruling line near a number."""
    x, y = int(rng.integers(0, ink.shape[1])), int(rng.uniform(0.9, 1.8) * height)
    length = int(rng.choice([0.05, 0.4, 1.5]) * height)
    rise = int(rng.normal(0, 0.06) * length)
    cv2.line(ink, (x, y), (x + length, y + rise), 255, int(rng.integers(2, 6)))


def _label_of(candidate: Candidate, written: TouchingNumber) -> int | None:
    """Return the digit that a candidate is, `NON_DIGIT` for a wrong cut, None for neither."""
    box = candidate.box
    ink = candidate.ink > 0
    inside = written.digits[:, box.y : box.bottom, box.x : box.right] & ink  # (n, h, w)
    held = inside.sum(axis=(1, 2))
    whole = held / np.maximum(1, written.digits.sum(axis=(1, 2)))
    pure = held / max(1, int(ink.sum()))
    of = int(whole.argmax())
    if whole[of] >= _WHOLE and pure[of] >= _PURE:
        return int(written.labels[of])
    if whole[of] < _HALF or pure[of] < _MIXED:
        return NON_DIGIT
    return None

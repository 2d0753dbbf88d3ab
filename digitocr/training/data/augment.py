"""Digits as other hands, pens and scanners make them: what training distorts, anew each epoch."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from numpy.typing import NDArray

from digitocr.core.arrays import (
    Crops,
    Gray,
    Labels,
)
from digitocr.recognition.normalize import (
    CANVAS,
    normalized_crops,
)
from digitocr.training.data.datasets import Digits

_CHUNK = 2000  # crops distorted at a time: 13 MB of maps

# Distortions, all drawn anew for each digit in each epoch. Turns, aspect and cut were chosen on
# held-out digits, 40 epochs each; the strong bends and the shifts below because milder ones
# overfit in long runs: benchmarks/experiments.md.
_TURN = np.radians(6.7)  # deviation; turns beyond `_MOST_TURN` are cut off
_MOST_TURN = 0.5
_ASPECT = 0.15  # deviation of log(width / height)
_ELASTIC = 1.0  # deviation, in MNIST pixels, of a grid of displacements (Simard et al. 2003)
_ELASTIC_GRID = 5
_ENLARGED = 1.45  # 20 rows of digit become 29 of the 40 on the canvas: room to turn
# And of the crop itself, because boxes are found with less care on pages: deviations of the shift
# in crop pixels, of log(size), and of the slant.
_SHIFT, _SIZE, _SLANT = 0.5, 0.05, 0.08
# Stroke width and scanner threshold: ink is cut at a level between these, this sharply.
_CUT = (70.0, 185.0)
_SHARPNESS = (1.0, 4.0)


def distorted_epochs(digits: Digits, epochs: int, seed: int) -> Iterator[tuple[Crops, Labels]]:
    """Yield each epoch's crops and labels, shuffled; the next epoch is made meanwhile.

    Crops are uint8-valued float32 in 0..1, (N, 28, 28), distorted and then normalised as
    scanning does it. The same seed gives the same epochs.
    """
    with ThreadPoolExecutor(1) as ahead:
        following = ahead.submit(_distorted_epoch, digits, [seed, 0])
        for epoch in range(1, epochs + 1):
            ready = following.result()
            if epoch < epochs:
                following = ahead.submit(_distorted_epoch, digits, [seed, epoch])
            yield ready


def _distorted_epoch(digits: Digits, seed: list[int]) -> tuple[Crops, Labels]:
    rng = np.random.default_rng(seed)
    shuffled = digits[rng.permutation(len(digits))]
    return distorted_crops(shuffled.images, rng), shuffled.labels


def distorted_crops(images: Gray, rng: np.random.Generator) -> Crops:
    """Return the crops, (N, 28, 28), of N digits as other hands, pens and scanners make them."""
    chunks = range(0, len(images), _CHUNK)
    return np.concatenate([_distorted_chunk(images[i : i + _CHUNK], rng) for i in chunks])


def _distorted_chunk(images: Gray, rng: np.random.Generator) -> Crops:
    n = len(images)
    shifts = np.zeros((n, 2, 3))
    shifts[:, 0, 0] = shifts[:, 1, 1] = np.exp(rng.normal(0, _SIZE, n))
    shifts[:, 0, 1] = rng.normal(0, _SLANT, n)
    shifts[:, :, 2] = rng.normal(0, _SHIFT, (n, 2))
    return normalized_crops(list(_scanned_digits(_rewritten_digits(images, rng), rng)), shifts)


def _rewritten_digits(images: Gray, rng: np.random.Generator) -> Gray:
    """Return N digits turned, stretched and bent, (N, CANVAS, CANVAS)."""
    n = len(images)
    turn = rng.normal(0, _TURN, n).clip(-_MOST_TURN, _MOST_TURN)
    wide = np.exp(rng.normal(0, _ASPECT, n))
    cos, sin = np.cos(turn) / _ENLARGED, np.sin(turn) / _ENLARGED
    affine = np.array([[cos * wide, -sin], [sin * wide, cos]], np.float32).transpose(2, 0, 1)
    bends = rng.normal(0, _ELASTIC, (n, _ELASTIC_GRID, _ELASTIC_GRID, 2)).astype(np.float32)
    y, x = np.mgrid[:CANVAS, :CANVAS].astype(np.float32) - (CANVAS - 1) / 2
    from_middle = np.stack([x, y], axis=-1)  # (CANVAS, CANVAS, 2)
    canvases = np.empty((n, CANVAS, CANVAS), np.uint8)
    for i, canvas in enumerate(canvases):
        places = cv2.transform(from_middle, affine[i]) + np.float32((images.shape[1] - 1) / 2)
        places += cv2.resize(bends[i], (CANVAS, CANVAS), interpolation=cv2.INTER_CUBIC)
        # The stubs do not know that there is no second map where the first holds x and y.
        cv2.remap(images[i], places, None, cv2.INTER_LINEAR, dst=canvas)  # type: ignore[call-overload]
    return canvases


def _scanned_digits(canvases: Gray, rng: np.random.Generator) -> Gray:
    """Return N digits in ink as thick or thin, soft or sharp, as scans and thresholds leave it."""
    n = len(canvases)
    sharpness = rng.uniform(*_SHARPNESS, n)
    # Full ink stays full and bare paper bare, whatever the cut.
    lowest = np.maximum(_CUT[0], 127.5 / sharpness)
    highest = np.minimum(_CUT[1], 255 - 127.5 / sharpness)
    cut = lowest + (highest - lowest) * rng.random(n)
    stretched = (canvases - _per_picture(cut)) * _per_picture(sharpness) + np.float32(127.5)
    return np.asarray(np.clip(stretched, 0, 255), np.uint8)


def _per_picture(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return N values shaped to act on N pictures."""
    return values.astype(np.float32)[:, None, None]

"""Labelled digits: load, split, distort; and folders of pictures with their truth."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from digitocr.crops import CANVAS, normalise
from digitocr.errors import DataMissing
from digitocr.records import Crops, Gray, Labels

TRUTH = "truth.csv"
_RAW = Path("MNIST", "raw")  # where torchvision keeps the files below its root
_CHUNK = 2000  # crops distorted at a time: 13 MB of maps

# Distortions, all drawn anew for each digit in each epoch. Turns, aspect and cut were chosen on
# held-out digits, 40 epochs each; the strong bends and the shifts below because milder ones
# overfit in long runs: tests/bench/README.md, "Experiments".
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


@dataclass(frozen=True, slots=True)
class Digits:
    """Labelled digits."""

    images: Gray  # (N, 28, 28), ink 255 on paper 0
    labels: Labels  # (N,)

    def __len__(self) -> int:
        """Return N."""
        return len(self.labels)

    def __getitem__(self, which: NDArray[np.int64]) -> Digits:
        """Return the digits at the given places."""
        return Digits(self.images[which], self.labels[which])


def load_mnist(folder: Path) -> tuple[Digits, Digits]:
    """Return MNIST's official training and test digits.

    Args:
        folder: holds MNIST/raw/*-ubyte, as torchvision lays it out.

    Raises:
        DataMissing: the files are not there or are damaged.
    """
    return _read_pair(folder, "train"), load_mnist_test(folder)


def load_mnist_test(folder: Path) -> Digits:
    """Return MNIST's official test digits alone; as `load_mnist`."""
    return _read_pair(folder, "t10k")


def mnist_folder() -> Path:
    """Return the user's cache folder with MNIST in it, downloading it once.

    Raises:
        DataMissing: it is not there and can't be downloaded.
    """
    from torchvision.datasets import MNIST

    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "digitocr"
    try:
        MNIST(str(cache), download=True)
    except (OSError, RuntimeError) as error:
        raise DataMissing(
            f"MNIST is not in {cache} and can't be downloaded",
            "Connect to the network, or name a folder that holds MNIST/raw with: --data DIR",
        ) from error
    return cache


def is_mnist(folder: Path) -> bool:
    """Tell whether a folder holds MNIST as torchvision lays it out."""
    return (folder / _RAW).is_dir()


def _read_pair(folder: Path, part: str) -> Digits:
    """Return one part of MNIST, "train" or "t10k"."""
    images = _read_idx(folder / _RAW / f"{part}-images-idx3-ubyte")
    labels = _read_idx(folder / _RAW / f"{part}-labels-idx1-ubyte").astype(np.int64)
    fits = images.shape[1:] == (28, 28) and labels.shape == images.shape[:1] and len(labels) > 0
    if not fits or labels.max() > 9:
        raise DataMissing(f"{folder / _RAW}: the {part} files are no labelled 28×28 digits")
    return Digits(images, labels)


def _read_idx(path: Path) -> NDArray[np.uint8]:
    """Return the array in an IDX file of bytes (http://yann.lecun.com/exdb/mnist/)."""
    try:
        data = path.read_bytes()
        shape = np.frombuffer(data, ">u4", count=data[3], offset=4)
        return np.frombuffer(data, np.uint8, offset=4 + 4 * len(shape)).reshape(shape)
    except FileNotFoundError as error:
        advice = "--data DIR must hold MNIST/raw/*-ubyte; without --data it is downloaded."
        raise DataMissing(f"{path}: is not there", advice) from error
    except (OSError, ValueError, IndexError) as error:
        raise DataMissing(f"{path}: is damaged: {error}", "Download it again.") from error


def split(digits: Digits, held_out: float, seed: int) -> tuple[Digits, Digits]:
    """Return digits in two random parts, of which the second has the share `held_out` (0..1)."""
    order = np.random.default_rng(seed).permutation(len(digits))
    n = max(1, round(len(digits) * held_out))
    return digits[order[n:]], digits[order[:n]]


def joined(first: Digits, second: Digits) -> Digits:
    """Return two sets of digits as one."""
    return Digits(
        np.concatenate([first.images, second.images]),
        np.concatenate([first.labels, second.labels]),
    )


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
    return distorted(shuffled.images, rng), shuffled.labels


def distorted(images: Gray, rng: np.random.Generator) -> Crops:
    """Return the crops, (N, 28, 28), of N digits as other hands, pens and scanners make them."""
    chunks = range(0, len(images), _CHUNK)
    return np.concatenate([_distorted_chunk(images[i : i + _CHUNK], rng) for i in chunks])


def _distorted_chunk(images: Gray, rng: np.random.Generator) -> Crops:
    n = len(images)
    shifts = np.zeros((n, 2, 3))
    shifts[:, 0, 0] = shifts[:, 1, 1] = np.exp(rng.normal(0, _SIZE, n))
    shifts[:, 0, 1] = rng.normal(0, _SLANT, n)
    shifts[:, :, 2] = rng.normal(0, _SHIFT, (n, 2))
    return normalise(list(_scanned(_rewritten(images, rng), rng)), shifts)


def _rewritten(images: Gray, rng: np.random.Generator) -> Gray:
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


def _scanned(canvases: Gray, rng: np.random.Generator) -> Gray:
    """Return N digits in ink as thick or thin, soft or sharp, as scans and thresholds leave it."""
    n = len(canvases)
    sharpness = rng.uniform(*_SHARPNESS, n)
    # Full ink stays full and bare paper bare, whatever the cut.
    lowest = np.maximum(_CUT[0], 127.5 / sharpness)
    highest = np.minimum(_CUT[1], 255 - 127.5 / sharpness)
    cut = lowest + (highest - lowest) * rng.random(n)
    stretched = (canvases - _each(cut)) * _each(sharpness) + np.float32(127.5)
    return np.asarray(np.clip(stretched, 0, 255), np.uint8)


def _each(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return N values shaped to act on N pictures."""
    return values.astype(np.float32)[:, None, None]


@dataclass(frozen=True, slots=True)
class Truth:
    """What is written on the pictures of a folder."""

    file: str  # relative to the folder
    numbers: tuple[str, ...]  # in reading order


def read_truth(folder: Path) -> list[Truth]:
    """Return the rows of a folder's truth.csv (file,truth; numbers separated by spaces).

    Raises:
        DataMissing: the folder has no truth.csv, or it has no such columns, or it names a file
            outside of the folder.
    """
    try:
        with (folder / TRUTH).open(encoding="utf-8-sig", newline="") as file:  # Excel adds a BOM
            rows = [(row["file"], row["truth"]) for row in csv.DictReader(file)]
        found = [Truth(name, tuple(truth.split())) for name, truth in rows]
    except FileNotFoundError as error:
        advice = "It must hold MNIST/raw, or a truth.csv with the columns file,truth."
        raise DataMissing(f"{folder}: holds neither MNIST nor {TRUTH}", advice) from error
    except (OSError, KeyError, UnicodeDecodeError, AttributeError, csv.Error) as error:
        raise DataMissing(f"{folder / TRUTH}: can't be read as file,truth: {error}") from error
    for row in found:
        if Path(row.file).is_absolute() or ".." in Path(row.file).parts:
            raise DataMissing(f"{folder / TRUTH}: {row.file} leads out of the folder")
    return found

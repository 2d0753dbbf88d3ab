"""Labelled digits: load and split; and folders of pictures with their truth."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digitocr.core.arrays import (
    Gray,
    Labels,
)
from digitocr.core.errors import DataMissing

TRUTH = "truth.csv"
NON_DIGIT = -1  # the label of a symbol that is no digit
_RAW = Path("MNIST", "raw")  # where torchvision keeps the files below its root


@dataclass(frozen=True, slots=True)
class Digits:
    """Labelled digits and non-digits."""

    images: Gray  # (N, 28, 28), ink 255 on paper 0
    labels: Labels  # (N,), 0..9, or NON_DIGIT

    def __len__(self) -> int:
        """Return N."""
        return len(self.labels)

    def __getitem__(self, which: NDArray[np.int64] | slice) -> Digits:
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

    cache = _cache()
    try:
        MNIST(str(cache), download=True)
    except (OSError, RuntimeError) as error:
        raise DataMissing(
            f"MNIST is not in {cache} and can't be downloaded",
            "Connect to the network, or name a folder that holds MNIST/raw with Training.data.",
        ) from error
    return cache


def mnist_at_hand(folder: Path | None) -> Path | None:
    """Return the folder, or the user's cache if MNIST is in it; nothing is downloaded."""
    if folder is not None:
        return folder
    return _cache() if is_mnist(_cache()) else None


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "digitocr"


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
        advice = "Training.data must hold MNIST/raw/*-ubyte; without it, it is downloaded."
        raise DataMissing(f"{path}: is not there", advice) from error
    except (OSError, ValueError, IndexError) as error:
        raise DataMissing(f"{path}: is damaged: {error}", "Download it again.") from error


def train_and_held_out(digits: Digits, held_out: float, seed: int) -> tuple[Digits, Digits]:
    """Return digits in two random parts, of which the second has the share `held_out` (0..1)."""
    order = np.random.default_rng(seed).permutation(len(digits))
    n = max(1, round(len(digits) * held_out))
    return digits[order[n:]], digits[order[:n]]


def joined_digits(*sets: Digits) -> Digits:
    """Return sets of digits as one."""
    return Digits(
        np.concatenate([digits.images for digits in sets]),
        np.concatenate([digits.labels for digits in sets]),
    )


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

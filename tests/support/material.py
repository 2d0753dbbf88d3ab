"""A small MNIST that is drawn here, a font, and copies of the supplied model."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digitocr.recognition.model import models_folder
from digitocr.training.data import replay

FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_PLAIN, cv2.FONT_HERSHEY_COMPLEX)


def drawn(n: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return n pictures of digits and their labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 10, n, dtype=np.uint8)
    images = np.zeros((n, 28, 28), np.uint8)
    for image, label in zip(images, labels, strict=True):
        font = FONTS[rng.integers(len(FONTS))]
        size = 1.4 if font == cv2.FONT_HERSHEY_PLAIN else 0.75
        place = (int(rng.integers(5, 9)), int(rng.integers(20, 24)))
        cv2.putText(image, str(label), place, font, size, 255, int(rng.integers(1, 3)), cv2.LINE_AA)
    return images, labels


def write_mnist(folder: Path, n: int, n_test: int) -> Path:
    """Write the four IDX files of an MNIST."""
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part, size, seed in (("train", n, 0), ("t10k", n_test, 1)):
        images, labels = drawn(size, seed)
        head = struct.pack(">IIII", 2051, size, 28, 28)
        (raw / f"{part}-images-idx3-ubyte").write_bytes(head + images.tobytes())
        head = struct.pack(">II", 2049, size)
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(head + labels.tobytes())
    return folder


def font_folder(folder: Path) -> Path:
    """Make a folder with a font that matplotlib brings; return the font."""
    import matplotlib

    folder.mkdir()
    font = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return Path(shutil.copy(font, folder))


def copied_model(folder: Path, name: str) -> Path:
    """Copy the supplied model with all of its files into a folder under a name; return its path."""
    for path in models_folder().glob("digits.*"):
        shutil.copy(path, folder / path.name.replace("digits", name, 1))
    return folder / f"{name}.safetensors"


def learn_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `train --from` take a second, where what it learns does not count."""
    from digitocr.training import finetune, finetune_lines

    for module, name, value in (
        (replay, "_FORMS", 200),
        (replay, "_CUTS", 60),
        (finetune, "_STEPS", 2),
        (finetune, "_LINE_STEPS", 2),
        (finetune_lines, "_STEPS", 1),
        (finetune_lines, "_MEASURED", 20),
        (finetune, "MOST_WORSE", 1.0),
    ):
        monkeypatch.setattr(module, name, value)

"""Photographed and scanned lines to train on beside the drawn ones: cheques and sudoku cells."""

import csv
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from digitocr.training.data.line_images import LineImage

Rng = np.random.Generator
CHEQUE = "cheque"
"""Kind of lines whose truth holds the digits alone, though there are signs on them."""

_TRAINING_CHEQUES = 450  # the others are kept for measuring


def _cheques(folder: Path) -> list[tuple[NDArray[np.uint8], str]]:
    with (folder / "truth.csv").open(encoding="utf-8", newline="") as rows:
        listed = list(csv.reader(rows))[1 : 1 + _TRAINING_CHEQUES]
    found = []
    for name, digits in listed:
        image = cv2.imread(str(folder / name), cv2.IMREAD_GRAYSCALE)
        if image is not None:
            found.append((np.asarray(image, np.uint8), digits))
    return found


def _sudoku_cells(path: Path) -> list[tuple[NDArray[np.uint8], str]]:
    """Return cells with a digit or with none; those with small pencilled notes are left out."""
    with np.load(path, allow_pickle=False) as data:
        images, labels = data["images"], data["labels"]
    pairs = zip(images, labels, strict=True)
    cells = [(image, str(label) if label > 0 else "") for image, label in pairs if label > -2]
    blank = [cell for cell in cells if not cell[1]]
    return [cell for cell in cells if cell[1]] + blank[: len(blank) // 4]


class RealLines:
    """Real lines, each time seen a little differently."""

    def __init__(self, data: Path, seed: int) -> None:
        """Read the first 450 cheque amounts and the sudoku cells of `data` (../shared/data)."""
        self._rng = np.random.default_rng(seed)
        self._cheques = _cheques(data / "pages" / "cheque_amounts")
        self._cells = _sudoku_cells(data / "sudoku_cells_train.npz")

    def lines(self) -> Iterator[LineImage]:
        """Yield lines without end; a third of them are sudoku cells."""
        rng = self._rng
        while True:
            if rng.random() < 0.33:
                image, truth = self._cells[int(rng.integers(len(self._cells)))]
                yield LineImage(seen_anew(rng, image, 0.1), truth, "cell")
            else:
                image, truth = self._cheques[int(rng.integers(len(self._cheques)))]
                yield LineImage(seen_anew(rng, image, 0.25), truth, CHEQUE)


def seen_anew(rng: Rng, image: NDArray[np.uint8], most_border: float) -> NDArray[np.uint8]:
    """Return a picture with another border, slant, width, brightness, sharpness and polarity."""
    height, width = image.shape
    rows = round(height * (1 + rng.uniform(-0.06, most_border)))
    pull, lean, turn = np.exp(rng.normal(0, 0.12)), rng.normal(0, 0.1), rng.normal(0, 0.02)
    size = max(8, round(width * pull * rng.uniform(1.0, 1.1))), rows
    matrix = np.array([[1 / pull, lean, 0], [turn, 1, 0]])
    centre = np.array([width / 2, height / 2 + rng.normal(0, 0.03) * height])
    matrix[:, 2] = centre - matrix[:, :2] @ np.array([size[0] / 2, rows / 2])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpAffine(image, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    grey = np.asarray(warped, np.float32)
    if rng.random() < 0.4:
        sigma = float(rng.uniform(0.3, 0.03 * height))
        grey = np.asarray(cv2.GaussianBlur(grey, (0, 0), sigma), np.float32)
    grey = (grey - 128) * float(rng.uniform(0.4, 1.1)) + 128 + float(rng.normal(0, 15))
    if rng.random() < 0.4:
        grey = grey + rng.standard_normal(grey.shape, np.float32) * np.float32(rng.uniform(0.5, 8))
    if rng.random() < 0.1:
        grey = 255 - grey
    return np.clip(grey, 0, 255).astype(np.uint8)

"""Counters of meters, put together from photographed digits of drums and displays."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from digitocr.training.data.hands import is_held_out

Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class Wheels:
    """Photographed digits, (38, 24) grey, in groups of one meter's look."""

    groups: tuple[tuple[tuple[NDArray[np.uint8], ...], ...], ...]
    """For each meter, for each digit 0..9, its pictures."""

    @staticmethod
    def load(path: Path, held_out: bool = False) -> "Wheels":
        """Read meter_wheels.npz: one source in twelve is held out of training."""
        with np.load(path, allow_pickle=False) as data:
            images, labels, source = data["images"], data["labels"], data["source"]
            names = data["sources"]
        groups = []
        for index, name in enumerate(names):
            of_source = source == index
            digits = tuple(tuple(images[of_source & (labels == digit)]) for digit in range(10))
            if is_held_out(str(name)) == held_out and sum(map(bool, digits)) >= 4:
                groups.append(digits)
        return Wheels(tuple(groups))

    def row(self, rng: Rng, digit_height: float) -> tuple[NDArray[np.float32], str]:
        """Return a counter of 3 to 8 drums side by side, grey, and what it shows."""
        group = self.groups[int(rng.integers(len(self.groups)))]
        present = [digit for digit in range(10) if group[digit]]
        shown = [present[int(rng.integers(len(present)))] for _ in range(int(rng.integers(3, 9)))]
        rows = max(12, round(digit_height / 0.66))
        columns = max(8, round(rows * 24 / 38 * rng.uniform(0.85, 1.25)))
        gap = int(rng.uniform(0, 0.35) * columns)
        between, light = rng.uniform(0, 255), rng.normal(0, 6, len(shown))
        pieces = []
        for digit, more in zip(shown, light, strict=True):
            pictures = group[digit]
            picture = pictures[int(rng.integers(len(pictures)))]
            cell = cv2.resize(picture, (columns, rows), interpolation=cv2.INTER_LINEAR)
            pieces += [cell.astype(np.float32) + more, np.full((rows, gap), between, np.float32)]
        return np.hstack(pieces[:-1]), "".join(map(str, shown))

"""What `accuracy.py --keep FOLDER` keeps: truths and readings of each set.

FOLDER/SET holds the pages of a composed set and their truth.csv, FOLDER/results/SET what was read
of any set.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from commands import SAMPLES, SHARED
from compose import Truth
from numpy.typing import NDArray

PAGES = SHARED / "data" / "pages"


@dataclass(frozen=True)
class Reading:
    """One number as it was read."""

    text: str
    confidence: float  # 0..1
    page: int  # from 1
    box: tuple[int, int, int, int]  # x, y, width, height
    digits: tuple[tuple[str, tuple[int, int, int, int]], ...]  # each with its box


def pages_of(name: str, kept: Path) -> Path:
    """Return the folder with the pages of a set."""
    if name == "samples":
        return SAMPLES
    return kept / name if (kept / name).is_dir() else PAGES / name


def results_of(name: str, kept: Path) -> Path:
    """Return the folder with what was read of a set."""
    return kept / "results" / name


def read_truth(pages: Path) -> Truth:
    """Return the numbers of each page of a set; empty where the truths are grids or tables."""
    if pages == SAMPLES:
        return _sample_truth()
    with (pages / "truth.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    if any(row["truth"].endswith((".txt", ".csv")) for row in rows):
        return {}
    return {row["file"]: row["truth"].split() for row in rows}


def _sample_truth() -> Truth:
    """Return the numbers on each sample page."""
    texts = {path.stem: path.read_text("utf-8").split() for path in SAMPLES.glob("*.txt")}
    pictures = [path for path in SAMPLES.iterdir() if path.suffix in (".png", ".jpg", ".tif")]
    return {path.name: texts[path.stem] for path in pictures if path.stem in texts}


def read_result(results: Path, file: str) -> list[Reading]:
    """Return the numbers read in a file, in reading order; none where there is no result."""
    path = results / f"{file}.json"
    if not path.exists():
        return []
    return [
        Reading(
            text=number["text"],
            confidence=number["confidence"],
            page=page["page"],
            box=tuple(number["box"]),
            digits=tuple((digit["digit"], tuple(digit["box"])) for digit in number["digits"]),
        )
        for page in json.loads(path.read_text("utf-8"))["pages"]
        for number in page["numbers"]
    ]


def digits_of(text: str) -> str:
    """Return a text without points, signs and dashes."""
    return "".join(letter for letter in text if letter.isdigit())


def hits(readings: Sequence[Reading], wanted: Sequence[str]) -> list[bool]:
    """Tell for each number whether it is right: in the truth, and not more often than there.

    As score.py's `wrong` counts, by digits alone. Of numbers read too often the surest are right,
    so that those at least so sure are judged as if there were no others.
    """
    left = Counter(map(digits_of, wanted))
    right = [False] * len(readings)
    for i in sorted(range(len(readings)), key=lambda i: -readings[i].confidence):
        text = digits_of(readings[i].text)
        right[i] = left[text] > 0
        left[text] -= 1
    return right


def judged(truth: Truth, results: Path) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return confidence, and whether it is right, of every number read in a set."""
    confidence: list[float] = []
    right: list[bool] = []
    for file, wanted in truth.items():
        readings = read_result(results, file)
        confidence += [reading.confidence for reading in readings]
        right += hits(readings, wanted)
    return np.array(confidence), np.array(right, bool)

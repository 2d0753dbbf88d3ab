"""Measure a model against the truth: MNIST, folders of digits, folders of pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from digitocr.core.arrays import (
    BinaryImage,
    Crops,
    Labels,
    Scores,
)
from digitocr.core.document import Number
from digitocr.core.errors import (
    DataMissing,
    InputUnreadable,
)
from digitocr.core.source import Source
from digitocr.export.annotate import annotated_jpeg
from digitocr.imaging.binarize import page_ink
from digitocr.imaging.deskew import upright_page
from digitocr.inputs.reader import read_pages
from digitocr.pipeline.scan import Scanner
from digitocr.recognition.classifier import scores
from digitocr.recognition.model import Model
from digitocr.recognition.normalize import normalized_crops
from digitocr.storage import atomic
from digitocr.training import plots
from digitocr.training.calibration import (
    Level,
    calibration_error,
    confusion_matrix,
    levels,
)
from digitocr.training.data.datasets import (
    Truth,
    is_mnist,
    load_mnist_test,
    read_truth,
)

_DIGITS = frozenset("0123456789")


@dataclass(frozen=True, slots=True)
class DigitReport:
    """How a model reads single digits."""

    n: int
    accuracy: float  # 0..1
    calibration_error: float  # expected, 0..1
    confusions: list[tuple[str, str, int]]  # truth, reading, how often; most often first
    levels: list[Level]
    unreadable: list[str]


@dataclass(frozen=True, slots=True)
class PageReport:
    """How a model reads pages of numbers."""

    n: int
    n_numbers: int  # in the truth
    digit_accuracy: float  # 1 - edit distance / length, the page's digits joined
    exact_pages: float  # the share of pages read without any fault
    number_f1: float  # whole numbers, whatever their order
    calibration_error: float  # of numbers
    confusions: list[tuple[str, str, int]]  # digit, reading, how often; most often first
    levels: list[Level]
    unreadable: list[str]


@dataclass(frozen=True, slots=True)
class Answered:
    """Single digits and what a model says of them."""

    crops: Crops  # (N, 28, 28)
    labels: Labels  # (N,)
    scores: Scores  # (N, 10)


def evaluate_digits(model: Model, folder: Path) -> tuple[DigitReport, Answered]:
    """Measure a model on MNIST's test digits, or on a folder of pictures of single digits.

    Raises:
        DataMissing: the folder holds neither, or nothing that can be read.
    """
    unreadable: list[str] = []
    if is_mnist(folder):
        test = load_mnist_test(folder)
        crops, labels = normalized_crops(list(test.images)), test.labels
    else:
        crops, labels, unreadable = _pictured_digits(folder, read_truth(folder))
    answered = Answered(crops, labels, scores(model, crops))
    return _digit_report(answered, unreadable), answered


def is_digit_folder(folder: Path) -> bool:
    """Tell whether a folder holds MNIST or pictures of single digits; else it holds pages."""
    return is_mnist(folder) or all(
        len(row.numbers) == 1 and row.numbers[0] in _DIGITS for row in read_truth(folder)
    )


def _pictured_digits(folder: Path, truth: Sequence[Truth]) -> tuple[Crops, Labels, list[str]]:
    """Return the crops and labels of pictures of single digits, and those not readable."""
    inks, labels, unreadable = [], [], []
    for row in truth:
        try:
            page = next(read_pages(Source(row.file, folder / row.file)))
        except InputUnreadable as error:
            unreadable.append(f"{row.file}: {error}")
            continue
        inks.append(page_ink(upright_page(page.gray).gray).binary)
        labels.append(int(row.numbers[0]))
    if not inks:
        raise DataMissing(f"{folder}: none of its {len(truth)} pictures can be read")
    return normalized_crops([_ink_of(ink) for ink in inks]), np.array(labels), unreadable


def _ink_of(binary: BinaryImage) -> BinaryImage:
    """Return the part of a mask that holds ink."""
    x, y, width, height = cv2.boundingRect(binary)
    return binary[y : y + max(1, height), x : x + max(1, width)]


def _digit_report(answered: Answered, unreadable: list[str]) -> DigitReport:
    best, sure = answered.scores.argmax(axis=1), answered.scores.max(axis=1)
    right = best == answered.labels
    pairs = zip(answered.labels[~right], best[~right], strict=True)
    wrong = Counter((str(truth), str(read)) for truth, read in pairs)
    return DigitReport(
        n=len(right),
        accuracy=float(right.mean()),
        calibration_error=calibration_error(sure, right),
        confusions=_most_common(wrong),
        levels=levels(sure, right),
        unreadable=unreadable,
    )


def write_digit_report(answered: Answered, folder: Path) -> None:
    """Write the confusions, and the crops of the surest wrong readings as the network sees them.

    Raises:
        OSError: the folder can't be written.
    """
    best, sure = answered.scores.argmax(axis=1), answered.scores.max(axis=1)
    wrong = np.flatnonzero(best != answered.labels)
    worst = wrong[np.argsort(-sure[wrong])][: plots.GRID]
    folder.mkdir(parents=True, exist_ok=True)
    plots.write_confusion(folder / "confusion.png", confusion_matrix(answered.labels, best))
    plots.write_digits(
        folder / "worst.png", answered.crops[worst], answered.labels[worst], best[worst]
    )


@dataclass(slots=True)
class _Tally:
    """Counts over pages."""

    edits: int = 0
    digits: int = 0
    exact: int = 0
    common: int = 0
    found: int = 0
    wanted: int = 0
    confused: Counter[tuple[str, str]] = field(default_factory=Counter)


def evaluate_pages(scanner: Scanner, folder: Path, pictures: Path | None = None) -> PageReport:
    """Measure a model on a folder of pages with their numbers in truth.csv.

    Args:
        scanner: what to measure.
        folder: the pages and truth.csv.
        pictures: where to write the pages with a fault, annotated; None writes none.

    Raises:
        DataMissing: there is no truth.csv, or it names no page.
    """
    rows = read_truth(folder)
    if not rows:
        raise DataMissing(f"{folder / 'truth.csv'}: names no page")
    tally, unreadable = _Tally(), []
    confidence: list[float] = []
    right: list[bool] = []
    for row in rows:
        try:
            numbers = _numbers_read(scanner, folder, row, pictures)
        except InputUnreadable as error:
            unreadable.append(f"{row.file}: {error}")
            numbers = []
        _add_page(tally, row.numbers, [number.text for number in numbers])
        confidence += [number.confidence for number in numbers]
        right += _found_in_truth(numbers, row.numbers)
    return _page_report(tally, len(rows), np.array(confidence), np.array(right, bool), unreadable)


def _numbers_read(
    scanner: Scanner, folder: Path, row: Truth, pictures: Path | None
) -> list[Number]:
    """Return the numbers of one file, and write its pages annotated where they have a fault."""
    pages = list(scanner.pages(Source(row.file, folder / row.file)))
    numbers = [number for _, result in pages for number in result.numbers]
    if pictures and list(row.numbers) != [number.text for number in numbers]:
        for page, result in pages:
            picture = annotated_jpeg(page.gray, result)
            atomic.write(pictures / f"{row.file}.page{page.number}.jpg", picture)
    return numbers


def _add_page(tally: _Tally, wanted: Sequence[str], found: Sequence[str]) -> None:
    """Add one page to the counts."""
    want, got = "".join(wanted), "".join(found)
    tally.edits += edit_distance(want, got)
    tally.digits += len(want)
    tally.confused += _confusions(want, got)
    tally.exact += list(wanted) == list(found)
    tally.common += (Counter(wanted) & Counter(found)).total()
    tally.found += len(found)
    tally.wanted += len(wanted)


def _confusions(want: str, got: str) -> Counter[tuple[str, str]]:
    """Return which digits stand in place of which, where as many were read as are missing."""
    parts = SequenceMatcher(None, want, got, autojunk=False).get_opcodes()
    return Counter(
        pair
        for kind, i, j, k, m in parts
        if kind == "replace" and j - i == m - k
        for pair in zip(want[i:j], got[k:m], strict=True)
    )


def _most_common(confused: Counter[tuple[str, str]]) -> list[tuple[str, str, int]]:
    return [(truth, read, n) for (truth, read), n in confused.most_common()]


def _found_in_truth(numbers: Sequence[Number], wanted: Sequence[str]) -> list[bool]:
    """Tell for each number whether it is among those wanted that no earlier one has met."""
    left = Counter(wanted)
    hits = []
    for number in numbers:
        hits.append(left[number.text] > 0)
        left[number.text] -= 1
    return hits


def _page_report(
    tally: _Tally,
    n_pages: int,
    confidence: NDArray[np.float64],
    right: NDArray[np.bool_],
    unreadable: list[str],
) -> PageReport:
    return PageReport(
        n=n_pages,
        n_numbers=tally.wanted,
        digit_accuracy=max(0.0, 1 - tally.edits / max(1, tally.digits)),
        exact_pages=tally.exact / n_pages,
        number_f1=2 * tally.common / max(1, tally.found + tally.wanted),
        calibration_error=calibration_error(confidence, right),
        confusions=_most_common(tally.confused),
        levels=levels(confidence, right),
        unreadable=unreadable,
    )


def edit_distance(first: str, second: str) -> int:
    """Return the Levenshtein distance between two texts."""
    row = np.arange(len(second) + 1)
    letters = np.array(list(second))
    for i, letter in enumerate(first, 1):
        changed = np.minimum(row[:-1] + (letters != letter), row[1:] + 1)
        # Insertions run along the row: a running minimum once their own cost is taken off.
        along = np.concatenate([[i], changed]) - np.arange(len(row))
        row = np.minimum.accumulate(along) + np.arange(len(row))
    return int(row[-1])


def as_json(report: DigitReport | PageReport) -> dict[str, Any]:
    """Return a report as JSON types."""
    kind = "digits" if isinstance(report, DigitReport) else "pages"
    return {"kind": kind, **asdict(report)}

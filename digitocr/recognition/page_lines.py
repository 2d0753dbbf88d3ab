"""Grey page → the numbers on its lines, as the finder and the line reader see them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digitocr.core.arrays import Gray
from digitocr.core.geometry import Box
from digitocr.recognition.alphabet import ALPHABET
from digitocr.recognition.ctc import LogProbs, best_path
from digitocr.recognition.finder import Finder, TextLine, line_crop
from digitocr.recognition.line_image import BOX_MARGIN
from digitocr.recognition.line_numbers import (
    IsAllowed,
    LineNumber,
    numbers_on_line,
    text_chance,
)
from digitocr.recognition.line_reader import LineReader

# Columns of the line reader's answer for one height of a crop.
_COLUMNS_PER_HEIGHT = 8
# What is heard around a text besides its own box, in digit heights: columns may lie beside ink.
_FREE = 0.15


@dataclass(frozen=True, slots=True)
class ReadNumber:
    """A number that the line reader read on a page."""

    text: str
    confidence: float  # 0..1, of the whole text
    line: TextLine  # that it stands on, as the finder sees it
    box: Box  # page pixels
    character_boxes: tuple[Box, ...]  # one a character of the text
    character_confidences: tuple[float, ...]  # 0..1


@dataclass(frozen=True, slots=True)
class ReadLine:
    """A line of a page with all that the line reader says of it."""

    line: TextLine
    log_probs: LogProbs
    column: float  # page pixels along the line for one of the reader's columns
    numbers: tuple[ReadNumber, ...]

    def text_chance(self, text: str, box: Box) -> float:
        """Return the chance, 0..1, that the line says just this text in a box on the page."""
        middle, _ = self.place(box)
        turn = np.deg2rad(self.line.angle)
        reach = (abs(np.cos(turn)) * box.width + abs(np.sin(turn)) * box.height) / 2
        start = middle + self.line.width / 2 + BOX_MARGIN * self.line.height
        free = _FREE * self.line.height
        first = max(0, int((start - reach - free) / self.column))
        after = min(len(self.log_probs), int((start + reach + free) / self.column) + 1)
        if first >= after or not set(text) <= set(ALPHABET):
            return 0.0
        return text_chance(self.log_probs[first:after], text)

    def place(self, box: Box) -> tuple[float, float]:
        """Return where a box's middle lies from the line's, along it and down, page pixels."""
        x, y = box.middle[0] - self.line.x, box.middle[1] - self.line.y
        turn = np.deg2rad(self.line.angle)
        return (
            float(x * np.cos(turn) + y * np.sin(turn)),
            float(y * np.cos(turn) - x * np.sin(turn)),
        )

    def holds(self, box: Box) -> bool:
        """Tell whether a box's middle lies on the line."""
        along, down = self.place(box)
        return abs(along) < self.line.width / 2 and abs(down) < self.line.height / 2


@dataclass(frozen=True, slots=True)
class PageLines:
    """What the line reader says of a page."""

    lines: tuple[ReadLine, ...]

    @property
    def numbers(self) -> list[ReadNumber]:
        """The numbers, line by line."""
        return [number for line in self.lines for number in line.numbers]

    def line_at(self, box: Box) -> ReadLine | None:
        """Return the line that a box on the page lies on, the nearest of several, or None."""
        holding = [line for line in self.lines if line.holds(box)]
        return min(holding, key=lambda line: abs(line.place(box)[1]), default=None)


class LineScanner:
    """The finder and the line reader, loaded once a process."""

    def __init__(self, finder: Path, line_reader: Path) -> None:
        """Load both networks from their ONNX files."""
        self._finder, self._reader = Finder(finder), LineReader(line_reader)

    def read(self, gray: Gray, is_allowed: IsAllowed | None = None) -> PageLines:
        """Return the lines of a page (H, W) and what they say; none on a blank one.

        `is_allowed` tells what numbers there may be; None: any.
        """
        lines = self._finder.find(gray).lines
        crops = [line_crop(gray, line, BOX_MARGIN) for line in lines]
        answers = zip(lines, crops, self._reader.read(crops), strict=True)
        return PageLines(
            tuple(
                _read_line(line, log_probs, crop.shape[0], gray.shape, is_allowed)
                for line, crop, log_probs in answers
            )
        )


@lru_cache(maxsize=1)
def line_scanner(finder: Path, line_reader: Path) -> LineScanner:
    """Return the networks, loaded once a process."""
    return LineScanner(finder, line_reader)


def _read_line(
    line: TextLine, log_probs: LogProbs, crop_height: int, shape: tuple[int, ...],
    is_allowed: IsAllowed | None,
) -> ReadLine:  # fmt: skip
    """Return a line with its numbers on a page of a shape (H, W)."""
    step = crop_height / _COLUMNS_PER_HEIGHT
    numbers = numbers_on_line(best_path(log_probs), log_probs, is_allowed)
    found = tuple(_on_page(one, line, step, shape) for one in numbers)
    return ReadLine(line, log_probs, step, found)


def _on_page(number: LineNumber, line: TextLine, step: float, shape: tuple[int, ...]) -> ReadNumber:
    """Return a number with its boxes on the page; `step`: page pixels for a column."""

    def box(start: int, end: int) -> Box:
        return _box_around(line, start * step, end * step, shape)

    return ReadNumber(
        number.text,
        number.confidence,
        line,
        box(number.start, number.end),
        tuple(box(start, end) for start, end in number.extents),
        number.probabilities,
    )


def _box_around(line: TextLine, start: float, end: float, shape: tuple[int, ...]) -> Box:
    """Return the upright box around part of a line, within the page of a shape (H, W).

    Args:
        line: on the page.
        start: pixels from the crop's left edge, which lies `BOX_MARGIN` before the line.
        end: the same.
        shape: of the page.
    """
    turn = np.deg2rad(line.angle)
    along = np.array([np.cos(turn), np.sin(turn)])
    down = np.array([-along[1], along[0]]) * line.height
    margin = BOX_MARGIN * line.height
    first, last = (line.quad[0] + along * (at - margin) for at in (start, end))
    corners: NDArray[np.float64] = np.stack([first, last, first + down, last + down])
    left, top = np.clip(np.floor(corners.min(axis=0)), 0, [shape[1] - 1, shape[0] - 1]).astype(int)
    right, bottom = np.clip(np.ceil(corners.max(axis=0)), [left + 1, top + 1], shape[1::-1])
    return Box(int(left), int(top), int(right - left), int(bottom - top))

"""Grey page → the numbers on its lines, as the finder and the line reader see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digitocr.core.arrays import Gray
from digitocr.core.geometry import Box
from digitocr.recognition.alphabet import ALPHABET
from digitocr.recognition.ctc import LogProbs, best_path
from digitocr.recognition.finder import Finder, Found, TextLine, line_crop
from digitocr.recognition.line_image import BOX_MARGIN, LINE_HEIGHT, LONGEST
from digitocr.recognition.line_numbers import (
    IsAllowed,
    LineNumber,
    numbers_on_line,
    text_chance,
)
from digitocr.recognition.line_reach import row_across, widened
from digitocr.recognition.line_reader import LineReader

# Columns of the line reader's answer for one height of a crop.
_COLUMNS_PER_HEIGHT = 8
_LONGEST = LONGEST / LINE_HEIGHT * (1 + 2 * BOX_MARGIN)  # line, in digit heights
# What is heard around a text besides its own box, in digit heights: columns may lie beside ink.
_FREE = 0.15


@dataclass(frozen=True, slots=True)
class ReadNumber:
    """A number that the line reader read on a page."""

    text: str
    confidence: float  # 0..1, of the whole text
    line: TextLine  # that it stands on, as the finder sees it
    is_ruling: float  # 0..1, the finder's chance that a ruling runs through all of it
    box: Box  # page pixels
    character_boxes: tuple[Box, ...]  # one a character of the text


@dataclass(frozen=True, slots=True)
class ReadLine:
    """A line of a page with all that the line reader says of it."""

    line: TextLine
    text: str
    certainty: float  # the log of the chances that here is a line, and of its text a column
    log_probs: LogProbs
    column: float  # page pixels along the line for one of the reader's columns
    numbers: tuple[ReadNumber, ...]

    def text_chance(self, text: str, box: Box) -> float:
        """Return the chance, 0..1, that the line says just this text in a box on the page."""
        middle = float(self.line.place(np.array(box.middle))[0])
        turn = np.deg2rad(self.line.angle)
        reach = (abs(np.cos(turn)) * box.width + abs(np.sin(turn)) * box.height) / 2
        start = middle + self.line.width / 2 + BOX_MARGIN * self.line.height
        free = _FREE * self.line.height
        first = max(0, int((start - reach - free) / self.column))
        after = min(len(self.log_probs), int((start + reach + free) / self.column) + 1)
        if first >= after or not set(text) <= set(ALPHABET):
            return 0.0
        return text_chance(self.log_probs[first:after], text)


@dataclass(frozen=True, slots=True)
class PageLines:
    """What the line reader says of a page."""

    lines: tuple[ReadLine, ...]
    is_one_line: bool = False  # whether the picture shows a single line, from side to side

    @property
    def numbers(self) -> list[ReadNumber]:
        """The numbers, line by line."""
        return [number for line in self.lines for number in line.numbers]

    @property
    def surest(self) -> float:
        """How sure the surest number is, 0..1; 0 where there is none."""
        return max((number.confidence for number in self.numbers), default=0.0)

    def lines_at(self, boxes: Sequence[Box]) -> list[ReadLine | None]:
        """Return the line that each box on the page lies on, the nearest of several, or None."""
        middles = np.array([box.middle for box in boxes]).reshape(-1, 2)
        nearest = np.full(len(boxes), np.inf)
        found: list[ReadLine | None] = [None] * len(boxes)
        for one in self.lines:
            down = np.abs(one.line.place(middles)[:, 1])
            for i in np.flatnonzero(one.line.holds(middles) & (down < nearest)):
                found[i], nearest[i] = one, down[i]
        return found


class LineScanner:
    """The finder and the line reader, loaded once a process."""

    def __init__(self, finder: Path, line_reader: Path) -> None:
        """Load both networks from their ONNX files."""
        self._finder, self._reader = Finder(finder), LineReader(line_reader)

    def read(
        self, gray: Gray, turn: int = 0, is_allowed: IsAllowed | None = None,
        boxes: Sequence[Box] = (),
    ) -> PageLines:  # fmt: skip
        """Return the lines of a page and what they say; none on a blank one.

        Where no number is read, the page is looked at otherwise, and what is surest there counts.

        Args:
            gray: (H, W), as given.
            turn: degrees clockwise (0, 90, 180, 270) that are thought to set it upright.
            is_allowed: tells what numbers there may be; None: any.
            boxes: of numbers that were seen there by their contours: lines reach over them.
        """
        read = partial(self._read_found, gray, is_allowed, boxes)
        lines = read(self._finder.find(gray, turn))
        if lines.numbers:
            return lines
        others = map(read, self._finder.second_looks(gray, turn))
        return max(lines, *others, key=lambda one: one.surest)

    def _read_found(
        self, gray: Gray, is_allowed: IsAllowed | None, boxes: Sequence[Box], found: Found
    ) -> PageLines:
        """Return what the lines say that were found on a page."""
        across = row_across(found.lines, gray.shape, _LONGEST)
        lines = [*(widened(line, boxes) for line in found.lines), *across]
        crops = [line_crop(gray, line, BOX_MARGIN) for line in lines]
        answers = zip(lines, crops, self._reader.read(crops), strict=True)
        read = [
            _read_line(found, line, log_probs, crop.shape, gray.shape, is_allowed)
            for line, crop, log_probs in answers
        ]
        return PageLines(best_explained(read), is_one_line=bool(across))


@lru_cache(maxsize=1)
def line_scanner(finder: Path, line_reader: Path) -> LineScanner:
    """Return the networks, loaded once a process."""
    return LineScanner(finder, line_reader)


def _read_line(
    found: Found, line: TextLine, log_probs: LogProbs, crop: tuple[int, ...],
    page: tuple[int, ...], is_allowed: IsAllowed | None,
) -> ReadLine:  # fmt: skip
    """Return a line with its numbers; `crop` and `page` are the shapes (H, W) of both."""
    step = crop[0] / _COLUMNS_PER_HEIGHT
    spelled = best_path(log_probs)
    certainty = float(np.log(line.score)) + spelled.log_probability / len(log_probs)
    numbers = tuple(
        _page_number(one, found, line, _boxes_of(one, line, step, page))
        for one in numbers_on_line(spelled, log_probs, is_allowed)
    )
    return ReadLine(line, spelled.text, certainty, log_probs, step, numbers)


def _boxes_of(number: LineNumber, line: TextLine, step: float, shape: tuple[int, ...]) -> list[Box]:
    """Return the boxes of a number and of its characters; `step`: page pixels for a column."""
    return _boxes_around(
        line, np.array([(number.start, number.end), *number.extents]) * step, shape
    )


def _page_number(number: LineNumber, found: Found, line: TextLine, boxes: list[Box]) -> ReadNumber:
    """Return a number with the boxes that it and its characters have on the page."""
    whole, *characters = boxes
    return ReadNumber(
        number.text, number.confidence, line, found.ruling_chance(whole), whole,
        tuple(characters),
    )  # fmt: skip


def best_explained(lines: Sequence[ReadLine]) -> tuple[ReadLine, ...]:
    """Return lines without those that are the same writing seen at another scale.

    Large digits fall to pieces where they are looked at closely, small lines melt from afar: what
    is surer of what it reads, the whole or its pieces together, stays. A line that reads as
    nothing explains nothing.
    """
    found = sorted((one for one in lines if one.text), key=lambda one: -one.line.area)
    middles = np.array([(one.line.x, one.line.y) for one in found]).reshape(-1, 2)
    is_left = np.ones(len(found), bool)
    kept: list[ReadLine] = []
    for i, whole in enumerate(found):
        if not is_left[i]:
            continue
        is_left[i] = False
        pieces = np.flatnonzero(is_left & whole.line.holds(middles))
        if whole.certainty >= _certainty([found[j] for j in pieces]):
            is_left[pieces] = False
            kept.append(whole)
    return tuple(kept)


def _certainty(lines: Sequence[ReadLine]) -> float:
    """Return the mean certainty of the columns of several lines; no line is sure of nothing."""
    columns = [len(one.log_probs) for one in lines]
    if not columns:
        return -np.inf
    return float(np.average([one.certainty for one in lines], weights=columns))


def _boxes_around(line: TextLine, spans: NDArray[np.float64], shape: tuple[int, ...]) -> list[Box]:
    """Return the upright boxes around parts of a line, within the page of a shape (H, W).

    Args:
        line: on the page.
        spans: (N, 2), where each part starts and ends: pixels from the crop's left edge, which
            lies `BOX_MARGIN` before the line.
        shape: of the page.
    """
    turn = np.deg2rad(line.angle)
    along = np.array([np.cos(turn), np.sin(turn)])
    down = np.array([-along[1], along[0]]) * line.height
    ends = line.quad[0] + (spans - BOX_MARGIN * line.height)[:, :, None] * along
    corners = np.concatenate([ends, ends + down], axis=1)  # (N, 4, 2)
    last = np.array(shape[1::-1]) - 1
    starts = np.clip(np.floor(corners.min(axis=1)), 0, last)
    sizes = np.clip(np.ceil(corners.max(axis=1)), starts + 1, last + 1) - starts
    return [Box(*row) for row in np.hstack([starts, sizes]).astype(int).tolist()]

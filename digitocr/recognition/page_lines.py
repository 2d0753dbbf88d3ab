"""Grey page → the numbers on its lines, as the finder and the line reader see them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digitocr.core.arrays import Gray
from digitocr.core.geometry import Box
from digitocr.recognition.ctc import best_path
from digitocr.recognition.finder import Finder, TextLine, line_crop
from digitocr.recognition.line_image import BOX_MARGIN
from digitocr.recognition.line_numbers import LineNumber, numbers_on_line
from digitocr.recognition.line_reader import LineReader

# Columns of the line reader's answer for one height of a crop.
_COLUMNS_PER_HEIGHT = 8


@dataclass(frozen=True, slots=True)
class ReadNumber:
    """A number that the line reader read on a page."""

    text: str
    confidence: float  # 0..1, of the whole text
    is_number: float  # 0..1, the finder's chance that its line holds numbers
    height: float  # of its digits, page pixels
    box: Box  # page pixels
    character_boxes: tuple[Box, ...]  # one a character of the text
    character_confidences: tuple[float, ...]  # 0..1


class LineScanner:
    """The finder and the line reader, loaded once a process."""

    def __init__(self, finder: Path, line_reader: Path) -> None:
        """Load both networks from their ONNX files."""
        self._finder, self._reader = Finder(finder), LineReader(line_reader)

    def numbers(self, gray: Gray) -> list[ReadNumber]:
        """Return the numbers on a page (H, W), line by line; [] on a blank one."""
        lines = self._finder.find(gray).lines
        crops = [line_crop(gray, line, BOX_MARGIN) for line in lines]
        answers = zip(lines, crops, self._reader.read(crops), strict=True)
        return [
            _page_number(one, line, crop.shape[0], gray.shape)
            for line, crop, log_probs in answers
            for one in numbers_on_line(best_path(log_probs), log_probs)
        ]


@lru_cache(maxsize=1)
def line_scanner(finder: Path, line_reader: Path) -> LineScanner:
    """Return the networks, loaded once a process."""
    return LineScanner(finder, line_reader)


def _page_number(
    number: LineNumber, line: TextLine, crop_height: int, shape: tuple[int, ...]
) -> ReadNumber:
    """Return a number with its boxes on the page."""
    step = crop_height / _COLUMNS_PER_HEIGHT  # page pixels for a column

    def box(start: int, end: int) -> Box:
        return _box_around(line, start * step, end * step, shape)

    return ReadNumber(
        number.text,
        number.confidence,
        line.is_number,
        line.height,
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

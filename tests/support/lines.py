"""Lines as the line reader reads them, made up."""

from __future__ import annotations

import numpy as np

from digitocr.recognition.alphabet import CLASSES, encode
from digitocr.recognition.finder import TextLine
from digitocr.recognition.page_lines import ReadLine, ReadNumber


def spelled_line(
    text: str, sure: float, place: tuple[float, float], size: tuple[float, float],
    numbers: tuple[ReadNumber, ...] = (),
) -> ReadLine:  # fmt: skip
    """Return a level line that reads as a text, a column a character, each with a chance."""
    log_probs = np.full((len(text), CLASSES), np.log((1 - sure) / (CLASSES - 1)), np.float32)
    log_probs[np.arange(len(text)), encode(text)] = np.log(sure)
    line = TextLine(*place, *size, 0.0, 0.9, 0.9)
    step = size[0] / max(1, len(text))
    return ReadLine(line, text, float(np.log(sure)), log_probs, step, numbers)

"""What the classifier would read next where it was not sure: a second guess for each digit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from digitocr.core.arrays import Gray
from digitocr.core.geometry import Box
from digitocr.imaging.binarize import page_ink
from digitocr.recognition.classifier import scores
from digitocr.recognition.model import Model
from digitocr.recognition.normalize import normalized_crops


def second_guesses(
    gray: Gray, digits: Sequence[str], boxes: Sequence[Box], model: Model
) -> list[tuple[str, float]]:
    """Return for each digit of a number the likeliest other one, and its chance.

    That is what the classifier says of the ink in each digit's box, alone: neither the line
    reader nor what is known of the number has a say in it, and the page's skew is not taken out.

    Args:
        gray: the number's picture, upright.
        digits: "0".."9", as they were read; may be empty.
        boxes: of each, pixels of the picture.
        model: that read them.

    Returns:
        For each a digit other than the one read, and its chance, 0..1.
    """
    ink = page_ink(gray).binary
    patches = [ink[max(0, box.y) : box.bottom, max(0, box.x) : box.right] for box in boxes]
    patches = [patch if patch.size else np.zeros((1, 1), np.uint8) for patch in patches]
    chances = scores(model, normalized_crops(patches))
    chances[np.arange(len(digits)), [int(digit) for digit in digits]] = -1
    best = chances.argmax(axis=1)
    return [(str(i), round(float(row[i]), 4)) for i, row in zip(best, chances, strict=True)]

"""One line of writing as the line reader takes it: 32 pixels high, paper 0, ink 1."""

import cv2
import numpy as np
from numpy.typing import NDArray

LINE_HEIGHT = 32
"""A crop is about 1.6 digit heights high, so digits stand about 20 pixels high: at a column every
4 pixels, narrow print still has two columns a digit. At 24 points and commas melt; 40 costs 1.6
times as much."""

LONGEST = 448
"""Pixels of the widest line image that was learned from."""

COLUMN = 4
"""Pixels of a line image for one column of the reader's answer."""

BOX_MARGIN = 0.3
"""What a crop shows above and below the digits, in digit heights. In training it is 0.1 to 0.55,
so a finder may be rough."""

_WIDTH_STEP = 16
_LEAST_CONTRAST = 30.0


def line_image(crop: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return a grey crop (h, w) of one line as (32, W), 0 paper .. 1 ink, W a multiple of 16.

    The crop keeps its proportions; beyond its right edge there is paper (`used_columns` tells where
    that begins). Ink is what lies farther from the median grey: light writing on dark comes out as
    dark on light. The scale runs from the paper (the 70th percentile from the ink) to the darkest
    2 %, but over 30 grey levels at least, so that an empty line stays faint. Values may leave 0..1
    by a half.
    """
    height, width = crop.shape
    scaled = max(COLUMN, round(width * LINE_HEIGHT / height))
    method = cv2.INTER_AREA if height > LINE_HEIGHT else cv2.INTER_LINEAR
    grey = np.asarray(cv2.resize(crop, (scaled, LINE_HEIGHT), interpolation=method), np.uint8)
    low, middle, high = _levels(grey, 0.02, 0.5, 0.98)
    if high - middle > middle - low:
        grey, low = 255 - grey, 255 - high
    paper = _levels(grey, 0.7)[0]
    ink = (paper - grey.astype(np.float32)) / max(paper - low, _LEAST_CONTRAST)
    padded = -(-scaled // _WIDTH_STEP) * _WIDTH_STEP
    line = np.zeros((LINE_HEIGHT, padded), np.float32)
    line[:, :scaled] = np.clip(ink, -0.5, 1.5)
    return line


def _levels(grey: NDArray[np.uint8], *shares: float) -> list[float]:
    """Return the grey levels that shares of the pixels don't exceed."""
    counts = np.cumsum(np.bincount(grey.ravel(), minlength=256))
    return [float(np.searchsorted(counts, share * counts[-1])) for share in shares]


def used_columns(crop_height: int, crop_width: int) -> int:
    """Return how many of the reader's columns a crop fills; the rest is padding."""
    scaled = max(COLUMN, round(crop_width * LINE_HEIGHT / crop_height))
    return -(-scaled // COLUMN)

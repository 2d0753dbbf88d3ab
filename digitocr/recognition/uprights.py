"""Candidates that look like a 1 → which are brackets, slashes and rests of ruling lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from digitocr.core.arrays import BinaryImage
from digitocr.core.statistics import median

_BOW_ROWS = 8  # lower components are too coarse to tell
# Strokes read as 1 that are bowed by this part of their height, evenly, are brackets, as on
# photographed sums; so are 0.2 % of MNIST's ones.
_BOWED, _EVEN = 0.13, 0.045
# Even strokes are no more than this many times as broad as their pen, straight ones are bowed by
# less than this. Where so many ones have flags or feet, and no 1 is a straight stroke that leans by
# less than this to the right for one up, straight strokes that lean by more are slashes.
_BROAD, _STRAIGHT = 1.3, 0.07
_FLAGGED, _LEANS = 3, 0.25
# Where so many ones have flags or feet, and so many times as many as are plain uprights, these are
# rests of ruling lines, unless another pen made them, whose strokes are so many times as wide.
_MOST_FLAGGED, _TIMES_FLAGGED, _OTHER_PEN = 24, 8, 1.3


@dataclass(frozen=True, slots=True)
class Stroke:
    """Ink taken for one stroke from top to bottom; lengths are parts of its height."""

    lean: float  # to the right for one up
    bow: float  # how far its middle is off the line between its ends (the sagitta)
    off: float  # deviation of its ink from the bowed line
    broad: float  # the same, of that of a stroke as wide as the pen
    width: float  # pixels

    @property
    def is_bracket(self) -> bool:
        """Whether it is one even stroke that is bowed, without a flag or a foot."""
        return self.bow > _BOWED and self.off < _EVEN

    @property
    def is_straight(self) -> bool:
        """Whether it is one even stroke that is not bowed."""
        return self.bow < _STRAIGHT and self.broad < _BROAD


def stroke_of(ink: BinaryImage) -> Stroke | None:
    """Return ink as one stroke, a parabola through its middle; None where it is too coarse."""
    y, x = np.nonzero(ink)
    height = len(ink)
    if height < _BOW_ROWS:
        return None
    bow, slope, start = np.polyfit((y - y.mean()) / height, x / height, 2)
    off = float((x / height - np.polyval((bow, slope, start), (y - y.mean()) / height)).std())
    stroke_width = median(np.count_nonzero(ink, axis=1).tolist())
    even = stroke_width / height / 12**0.5  # the deviation of an even spread
    return Stroke(float(-slope), float(abs(bow)) / 4, off, off / max(even, 1e-6), stroke_width)


def slashes_among(strokes: Mapping[int, Stroke]) -> frozenset[int]:
    """Return which strokes, among those that look like ones, are slashes; none where in doubt."""
    flagged = sum(stroke.broad >= _BROAD for stroke in strokes.values())
    straight = {i: stroke.lean for i, stroke in strokes.items() if stroke.is_straight}
    if flagged < _FLAGGED or any(lean < _LEANS for lean in straight.values()):
        return frozenset()
    return frozenset(straight)


def ruling_line_rests(strokes: Mapping[int, Stroke]) -> list[int]:
    """Return which of the whole ink groups that look like ones are rests of ruling lines."""
    flagged = [stroke.width for stroke in strokes.values() if stroke.broad >= _BROAD]
    plain = {
        i: stroke.width
        for i, stroke in strokes.items()
        if stroke.is_straight and abs(stroke.lean) < _LEANS
    }
    if len(flagged) < max(_MOST_FLAGGED, _TIMES_FLAGGED * len(plain)):
        return []
    widest = _OTHER_PEN * median(flagged)
    return [i for i, stroke_width in plain.items() if stroke_width < widest]

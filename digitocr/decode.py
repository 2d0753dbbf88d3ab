"""Scores → digits: the best reading of each candidate, and refusals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from digitocr.records import Candidate, Digit, Scores

# A best score below this is a mark that the network spreads its answer on: not a digit.
_REFUSED = 0.3


def decide(candidates: Sequence[Candidate], scores: Scores) -> list[Digit]:
    """Return the digits among N candidates; marks that are none are left out.

    Args:
        candidates: N marks.
        scores: (N, 10), calibrated.
    """
    best = scores.argmax(axis=1) if len(scores) else np.zeros(0, int)
    return [
        Digit(str(digit), float(row[digit]), candidate.box)
        for candidate, row, digit in zip(candidates, scores, best, strict=True)
        if row[digit] >= _REFUSED
    ]

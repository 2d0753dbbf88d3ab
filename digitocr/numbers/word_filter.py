"""Lines of components → which belong to numbers, and which are letters that look like digits.

An l, O or S alone can't be told from a digit, but it stands in the company of letters. A hidden
Markov model (Rabiner 1989) with two states, number and word, runs along each line.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from digitocr.core.arrays import Values
from digitocr.core.geometry import Corners

# How much likelier a component in a number is to be read as 0, 1 .. 9 than a letter of a word: o,
# l, S and g look like digits, few letters like 3. And how much likelier to be refused.
_ODDS = (1.5, 1.5, 4.0, 4.0, 4.0, 1.5, 4.0, 4.0, 4.0, 3.0)
_REFUSED_ODDS = 0.1
# Components that stand lower than those close to them, or hang below them, by more than this part
# of their height: this part of letters does. Of digits as many are expected to, as if so many had
# been seen, until the page's clear digits say otherwise; but no odds are lower than that.
_OFF = 0.17
_UNEVEN, _UNEVEN_EXPECTED, _LEAST_UNEVEN_ODDS = 0.5, 16.0, 0.1
_CLEAR = 0.95
# Digits that are less sure count for the odds of their confidence, lifted by this, if that is less.
_LIFT, _LEAST_ODDS = 1.5, 0.1
# Digits that touch the one before or after them count for less where fewer of a page's components
# than this are in numbers, as letters of handwriting do: for as much as that share is of this.
_MOSTLY_NUMBERS = 0.5
# How likely a component is to keep company with the one before it, by the gap between them in
# heights.
_CLOSE = 0.35
_COMPANY = ((_CLOSE, 0.97), (1.0, 0.8), (np.inf, 0.4))
# The share of a page's components in numbers: what is expected before it is looked at, and as many
# components as that counts for. Then it is counted anew so many times.
_IN_NUMBERS, _EXPECTED = 0.95, 12.0
_ROUNDS = 4


def number_membership(
    lines: Sequence[Sequence[int]],
    boxes: Corners,
    read: NDArray[np.int64],
    confidence: Values,
) -> Values:
    """Return the chance that each of N components is part of a number, 0..1.

    All constants were set by hand on readings of composed pages of text and print, of forms and of
    photographed pages (benchmarks/experiments.md).

    Args:
        lines: the components of each line, as places in the other arguments, left to right.
        boxes: (N, 4), left, top, right and bottom.
        read: (N,), 0..9, or -1 for non-digits.
        confidence: (N,), 0..1, of the digits.
    """
    sure = np.clip(confidence, 0, 0.999)
    odds = np.clip(_LIFT * sure / (1 - sure), _LEAST_ODDS, np.array(_ODDS)[read])
    odds = np.where(read < 0, _REFUSED_ODDS, odds)
    uneven = _are_uneven(lines, boxes)
    clear = (confidence >= _CLEAR) & (np.array(_ODDS)[read] == max(_ODDS))
    odds = np.where(uneven, _uneven_odds(uneven[clear]), 1.0) * odds
    touching = _are_touching(lines, boxes)
    company = [_company(boxes[list(line)]) for line in lines]
    share, chances = _IN_NUMBERS, np.zeros(len(boxes))
    for _ in range(_ROUNDS):
        among = np.where(touching, min(1.0, share / _MOSTLY_NUMBERS), 1.0) * odds
        for line, kept in zip(lines, company, strict=True):
            chances[list(line)] = _chances_along(among[list(line)].tolist(), kept, share)
        share = float(chances.sum() + _IN_NUMBERS * _EXPECTED) / (len(chances) + _EXPECTED)
    return chances


def _uneven_odds(clear: NDArray[np.bool_]) -> float:
    """Return how much likelier a component that is uneven is in a number than in a word, 1 at most.

    Args:
        clear: of a page's clear digits which are uneven, (N,). Print has hardly any such digits,
            handwriting and old-style figures have many.
    """
    found = (clear.sum() + _UNEVEN * _UNEVEN_EXPECTED) / (len(clear) + _UNEVEN_EXPECTED)
    return float(np.clip(found / _UNEVEN, _LEAST_UNEVEN_ODDS, 1.0))


def _are_uneven(lines: Sequence[Sequence[int]], boxes: Corners) -> NDArray[np.bool_]:
    """Tell for each component whether it is lower than those close to it, or hangs below them."""
    found = np.zeros(len(boxes), bool)
    for line in map(list, lines):
        ends = np.flatnonzero(_gaps(boxes[line]) > _CLOSE) + 1
        for group in np.split(np.array(line), ends):
            _, top, _, bottom = boxes[group].T
            most = _OFF * (bottom - top).max()
            found[group] = (top - top.min() > most) | (abs(bottom - np.median(bottom)) > most)
    return found


def _are_touching(lines: Sequence[Sequence[int]], boxes: Corners) -> NDArray[np.bool_]:
    """Tell for each component whether no paper parts it from the one before or after it."""
    found = np.zeros(len(boxes), bool)
    for line in map(list, lines):
        met = boxes[line[1:], 0] <= boxes[line[:-1], 2]
        found[line] = np.append(met, False) | np.append(False, met)
    return found


def _company(boxes: Corners) -> list[float]:
    """Return how likely each of a line's components but the first keeps company with the last."""
    kinds = np.searchsorted([gap for gap, _ in _COMPANY], _gaps(boxes))
    return [_COMPANY[kind][1] for kind in kinds]


def _gaps(boxes: Corners) -> Values:
    """Return the gap from each of a line's components to the next, in heights of the lower one."""
    heights = np.maximum(1, boxes[:, 3] - boxes[:, 1])
    gaps: Values = (boxes[1:, 0] - boxes[:-1, 2]) / np.minimum(heights[1:], heights[:-1])
    return gaps


def _chances_along(odds: Sequence[float], company: Sequence[float], share: float) -> list[float]:
    """Return the chance of each component of a line to be in a number: forward, then backward.

    Args:
        odds: how much likelier each looks as it does in a number.
        company: of each component but the first, the chance that the one before it decides.
        share: of components in numbers where nothing decides.
    """
    ahead = [_chance(share, odds[0])]
    for kept, odd in zip(company, odds[1:], strict=True):
        ahead.append(_chance(kept * ahead[-1] + (1 - kept) * share, odd))
    found, after = [ahead[-1]], 1.0  # how much likelier all that follows is after a number
    for i in range(len(odds) - 2, -1, -1):
        kept, odd = company[i], odds[i + 1] * after
        number = kept * odd + (1 - kept) * (share * odd + 1 - share)
        word = kept + (1 - kept) * (share * odd + 1 - share)
        after = number / word
        found.append(_chance(ahead[i], after))
    return found[::-1]


def _chance(before: float, odds: float) -> float:
    """Return a chance once something has been seen that is so many times likelier if it holds."""
    return before * odds / (before * odds + 1 - before)

"""Scores → digits: the best way through each run of ink, and refusals."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from digitocr.records import Candidate, Digit, Reading, Scores

# Marks lower than this, in digit heights, are points, commas, dashes and pieces of digits.
_LEAST_SIZE = 0.45
# The network is trained to answer 1/10 for each digit on marks that are none, so this much of a
# score is left when there is no digit at all.
_NOTHING = 0.1
_SUREST = 0.999  # no answer is surer than this, or it alone would decide a path
# How many of the marks as high as digits are none: what a page is expected to show before it is
# looked at, and as many marks as that expectation counts for.
_OTHERS, _EXPECTED = 0.15, 6.0
_LEAST_OTHERS = 0.1
_ROUNDS = 10  # of counting and weighing anew
_LOW_UNREAD = 0.4  # the same for low marks: often points, dashes and pieces
# Ways through more digits have more factors below 1: each is lifted by this, tuned for as many
# numbers read too long as too short (digits held out of training, put together by touching.py).
_PER_DIGIT = 1.5
_SEVERED = 0.5
_TOUCHING = 0.15
_POW = 1.0
_SURE = 0.98  # readings less sure than this are in doubt

Weights = NDArray[np.float64]  # (N,), of candidates


def decide(candidates: Sequence[Candidate], scores: Scores) -> Reading:
    """Return the digits among N candidates, and the marks as high as digits that are none.

    Args:
        candidates: N marks, those of a run one after another.
        scores: (N, 10), calibrated.
    """
    best = scores.argmax(axis=1) if len(scores) else np.zeros(0, int)
    top = scores.max(axis=1, initial=0)
    digits, others = [], []
    for i, share in enumerate(_shares(candidates, top)):
        if share > 0:
            digits.append(Digit(str(best[i]), float(top[i] * share), candidates[i].box))
        elif share < 0 and candidates[i].size >= _LEAST_SIZE:
            others.append(candidates[i].box)
    return Reading(tuple(digits), tuple(others))


def doubtful(candidates: Sequence[Candidate], scores: Scores) -> NDArray[np.bool_]:
    """Return for each of N candidates whether the best reading of its run is in doubt."""
    top = scores.max(axis=1, initial=0)
    sure = {candidate.run: True for candidate in candidates}
    for candidate, score, share in zip(candidates, top, _shares(candidates, top), strict=True):
        if share != 0 and candidate.size >= _LEAST_SIZE and score * abs(share) < _SURE:
            sure[candidate.run] = False
    return np.array([not sure[candidate.run] for candidate in candidates], bool)


def _shares(candidates: Sequence[Candidate], top: NDArray[np.float32]) -> Weights:
    """Return for each candidate the share of the best path in all paths if it is on it, else 0.

    Negative where the best path leaves the candidate unread.
    """
    shares = np.zeros(len(candidates))
    digit, unread = _weights(candidates, top)
    at = 0
    for _, group in groupby(candidates, key=lambda candidate: candidate.run):
        run = list(group)
        here = slice(at, at + len(run))
        shares[here] = _path(run, digit[here], unread[here])
        at += len(run)
    return shares


def _weights(candidates: Sequence[Candidate], top: NDArray[np.float32]) -> tuple[Weights, Weights]:
    """Return how much speaks for each candidate as a digit, and as a piece left unread."""
    size = np.array([candidate.size for candidate in candidates])
    tall = size >= _LEAST_SIZE
    alone = np.array([candidate.end == candidate.start + 1 for candidate in candidates], bool)
    proper = np.clip((top - _NOTHING) / (1 - _NOTHING), 1 - _SUREST, _SUREST)
    others = _others(candidates, proper)
    unread = (1 - proper) * np.where(tall, others, _LOW_UNREAD)
    severed = np.array([candidate.severed for candidate in candidates])
    cut = np.exp(-_SEVERED * severed) * np.where(severed > 0, _cut_odds(candidates, proper), 1)
    digit = proper * (1 - others) * _PER_DIGIT * cut
    return np.where(tall, digit, 0), np.where(alone, unread, 0)


def _cut_odds(candidates: Sequence[Candidate], proper: Weights) -> float:
    """Return how much rarer than expected it is on a page that digits touch, 0..1 for each digit.

    As far as can be told from how many runs look like one digit: where all stand apart, a 4 that
    looks like 6 and 1 is a 4.
    """
    as_one: dict[int, float] = {}
    last = {candidate.run: candidate.end for candidate in candidates}
    for candidate, chance in zip(candidates, proper, strict=True):
        whole = candidate.start == 0 and candidate.end == last[candidate.run]
        as_one[candidate.run] = max(as_one.get(candidate.run, 0.0), chance if whole else 0.0)
    n = len(as_one)
    touching = (n - sum(as_one.values()) + _TOUCHING * _EXPECTED) / (n + _EXPECTED)
    return float(min(1.0, touching * (1 - _TOUCHING) / ((1 - touching) * _TOUCHING)) ** _POW)


def _others(candidates: Sequence[Candidate], proper: Weights) -> float:
    """Return the share of a page's marks as high as digits that are none, as far as can be told.

    A letter on a page of text has to look more like a digit than one among digits. Expectation
    maximisation (Saerens et al. 2002) over the marks that are neither cut nor put together.
    """
    counts = np.bincount([candidate.run for candidate in candidates])
    whole = np.array(
        [
            chance
            for candidate, chance in zip(candidates, proper, strict=True)
            if counts[candidate.run] == 1 and candidate.size >= _LEAST_SIZE
        ]
    )
    others = _OTHERS
    for _ in range(_ROUNDS):
        none = others * (1 - whole) / (others * (1 - whole) + (1 - others) * whole)
        others = float((none.sum() + _OTHERS * _EXPECTED) / (len(whole) + _EXPECTED))
    return max(others, _LEAST_OTHERS)


def _path(run: Sequence[Candidate], digit: Weights, unread: Weights) -> Weights:
    """Return for each candidate of a run its share of all paths if it is on the best one, else 0.

    Negative where it is left unread there. Forward-backward over the pieces (Rabiner 1989), the
    best path by dynamic programming.
    """
    n = max(candidate.end for candidate in run)
    weight = digit + unread
    before, after = np.zeros(n + 1), np.zeros(n + 1)  # all paths up to and from each piece
    before[0] = after[n] = 1.0
    best: list[tuple[float, list[int]]] = [(1.0, []), *[(0.0, list[int]())] * n]
    order = sorted(range(len(run)), key=lambda i: run[i].start)
    for i in order:
        start, end = run[i].start, run[i].end
        before[end] += before[start] * weight[i]
        ahead = best[start][0] * max(digit[i], unread[i])
        if ahead > best[end][0]:
            best[end] = (ahead, [*best[start][1], i])
    for i in reversed(order):
        after[run[i].start] += after[run[i].end] * weight[i]
    shares = np.zeros(len(run))
    for i in best[n][1]:
        chosen = max(digit[i], unread[i])
        share = before[run[i].start] * chosen * after[run[i].end] / before[n]
        shares[i] = share if digit[i] > unread[i] else -share
    return shares

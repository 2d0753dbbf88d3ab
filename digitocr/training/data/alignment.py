"""Ink whose digits are known → which piece of it is which digit (forced alignment)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby

import numpy as np

from digitocr.core.arrays import Scores
from digitocr.recognition.hypotheses import Candidate

# What a network says of a digit counts for at least this: it may not know the hand yet.
_LEAST_CHANCE = 1e-3
# A piece may be no part of a digit: low ones are points and dust, tall ones hardly ever. The size
# is in digit heights; a cut is the less likely the longer it is (as `decode.py` has it).
_LOW_LEFT, _TALL_LEFT, _TALL = 0.3, 1e-4, 0.45
_CUT, _SEVERED = 0.15, 0.5
# Cut off from other ink, or beside marks that are left over, a digit is only taken for one where
# the network says so of it more clearly than of wrong cuts, of which it says 1/10 for each digit.
_KNOWN = 0.2


@dataclass(frozen=True, slots=True)
class _Alignment:
    """The likeliest way to take some pieces for some digits."""

    weight: float
    digits: tuple[int, ...]  # places of candidates
    spilled: tuple[int, ...]  # those of tall pieces that are none of the digits


@dataclass(frozen=True, slots=True)
class Alignment:
    """Which ink of a number is what; places of candidates."""

    digits: tuple[int | None, ...]  # of each digit, left to right; None where a cut may be wrong
    none: tuple[int, ...]  # as high as digits, but none, as the rest of a rule that was read as 1


def aligned(candidates: Sequence[Candidate], scores: Scores, text: str) -> Alignment | None:
    """Return which candidate each digit of a number is; None where they can't be told.

    The likeliest way through the runs' lattices that gives just these digits (Rabiner 1989,
    section III-B, with the text known). A digit that was cut off from other ink is None where the
    network hardly knows it, as the cut may be wrong. A mark as high as a digit is left over only
    where it stands apart and the network knows all the digits.

    Args:
        candidates: of the number's runs of ink, run by run, left to right.
        scores: (N, 10), of the candidates.
        text: the digits that are there, at least one.
    """
    way = _likeliest(candidates, scores, text)
    if way is None:
        return None
    known = [
        bool(scores[place, int(digit)] >= _KNOWN)
        for place, digit in zip(way.digits, text, strict=True)
    ]
    sizes = Counter(one.group for one in candidates)
    apart = all(sizes[candidates[place].group] == 1 for place in way.spilled)
    if way.spilled and not (apart and all(known)):
        return None
    digits = [
        None if candidates[place].seam and not sure else place
        for place, sure in zip(way.digits, known, strict=True)
    ]
    return Alignment(tuple(digits), way.spilled)


def _likeliest(candidates: Sequence[Candidate], scores: Scores, text: str) -> _Alignment | None:
    """Return the likeliest way that leads through all pieces and all digits, None for none."""
    starts, n = _starts(candidates)
    by_start: dict[int, list[int]] = {at: [] for at in range(n)}
    for i, at in enumerate(starts):
        by_start[at].append(i)
    ways: dict[tuple[int, int], _Alignment] = {(0, 0): _Alignment(1.0, (), ())}
    for at in range(n):
        for done in range(len(text) + 1):
            way = ways.get((at, done))
            if way is None:
                continue
            for i in by_start[at]:
                end = at + candidates[i].end - candidates[i].start
                if candidates[i].end == candidates[i].start + 1:
                    _keep(ways, (end, done), _left(way, i, candidates[i]))
                if done < len(text) and candidates[i].size >= _TALL:
                    chance = float(scores[i, int(text[done])])
                    _keep(ways, (end, done + 1), _taken(way, i, candidates[i], chance))
    return ways.get((n, len(text)))


def _starts(candidates: Sequence[Candidate]) -> tuple[list[int], int]:
    """Return where each candidate starts, counted over the pieces of all runs, and how many."""
    groups = [list(group) for _, group in groupby(candidates, key=lambda one: one.group)]
    sizes = [max(one.end for one in group) for group in groups]
    before = [0, *accumulate(sizes)]
    starts = [at + one.start for at, group in zip(before, groups, strict=False) for one in group]
    return starts, before[-1]


def _left(way: _Alignment, place: int, one: Candidate) -> _Alignment:
    """Return a way on which a piece is no part of a digit."""
    if one.size < _TALL:
        return _Alignment(way.weight * _LOW_LEFT, way.digits, way.spilled)
    return _Alignment(way.weight * _TALL_LEFT, way.digits, (*way.spilled, place))


def _taken(way: _Alignment, place: int, one: Candidate, chance: float) -> _Alignment:
    """Return a way on which a candidate is the next digit."""
    cut = _CUT * float(np.exp(-_SEVERED * one.seam)) if one.seam else 1.0
    weight = way.weight * max(chance, _LEAST_CHANCE) * cut
    return _Alignment(weight, (*way.digits, place), way.spilled)


def _keep(ways: dict[tuple[int, int], _Alignment], at: tuple[int, int], way: _Alignment) -> None:
    if at not in ways or ways[at].weight < way.weight:
        ways[at] = way

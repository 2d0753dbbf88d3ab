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
# is in digit heights; a split is the less likely the longer it is (as in `recognition/lattice.py`).
_LOW_LEFT, _TALL_LEFT, _TALL = 0.3, 1e-4, 0.45
_SPLIT, _SPLIT_LENGTH = 0.15, 0.5
# Split off from other ink, or beside components that are left over, a digit is only taken for one
# where the network is surer of it than of wrong splits, of which it says 1/10 for each digit.
_KNOWN = 0.2


@dataclass(frozen=True, slots=True)
class _PartialAlignment:
    """The likeliest way to take some pieces for some digits."""

    weight: float
    digits: tuple[int, ...]  # places of candidates
    spilled: tuple[int, ...]  # those of tall pieces that are none of the digits


@dataclass(frozen=True, slots=True)
class Alignment:
    """Which ink of a number is what; places of candidates."""

    digits: tuple[int | None, ...]  # of each digit, left to right; None where a split may be wrong
    none: tuple[
        int, ...
    ]  # as high as digits, but none, as the rest of a ruling line that was read as 1


def forced_alignment(
    candidates: Sequence[Candidate], scores: Scores, text: str
) -> Alignment | None:
    """Return which candidate each digit of a number is; None where they can't be told.

    The likeliest way through the ink groups' lattices that gives just these digits (Rabiner 1989,
    section III-B, with the text known). A digit that was split off from other ink is None where the
    network hardly knows it, as the split may be wrong. A component as high as a digit is left over
    only where it stands apart and the network knows all the digits.

    Args:
        candidates: of the number's ink, group by group, left to right.
        scores: (N, 10), of the candidates.
        text: the digits that are there, at least one.
    """
    partial = _likeliest_alignment(candidates, scores, text)
    if partial is None:
        return None
    known = [
        bool(scores[place, int(digit)] >= _KNOWN)
        for place, digit in zip(partial.digits, text, strict=True)
    ]
    sizes = Counter(one.group for one in candidates)
    apart = all(sizes[candidates[place].group] == 1 for place in partial.spilled)
    if partial.spilled and not (apart and all(known)):
        return None
    digits = [
        None if candidates[place].seam and not sure else place
        for place, sure in zip(partial.digits, known, strict=True)
    ]
    return Alignment(tuple(digits), partial.spilled)


def _likeliest_alignment(
    candidates: Sequence[Candidate], scores: Scores, text: str
) -> _PartialAlignment | None:
    """Return the likeliest alignment, through all pieces and all digits, None for none."""
    starts, n = _starts(candidates)
    by_start: dict[int, list[int]] = {at: [] for at in range(n)}
    for i, at in enumerate(starts):
        by_start[at].append(i)
    partials: dict[tuple[int, int], _PartialAlignment] = {(0, 0): _PartialAlignment(1.0, (), ())}
    for at in range(n):
        for done in range(len(text) + 1):
            partial = partials.get((at, done))
            if partial is None:
                continue
            for i in by_start[at]:
                end = at + candidates[i].end - candidates[i].start
                if candidates[i].end == candidates[i].start + 1:
                    _keep_likelier(
                        partials, (end, done), _with_piece_left_out(partial, i, candidates[i])
                    )
                if done < len(text) and candidates[i].size >= _TALL:
                    chance = float(scores[i, int(text[done])])
                    _keep_likelier(
                        partials, (end, done + 1), _with_digit(partial, i, candidates[i], chance)
                    )
    return partials.get((n, len(text)))


def _starts(candidates: Sequence[Candidate]) -> tuple[list[int], int]:
    """Return where each candidate starts, counted over all ink groups' pieces, and how many."""
    groups = [list(group) for _, group in groupby(candidates, key=lambda one: one.group)]
    sizes = [max(one.end for one in group) for group in groups]
    before = [0, *accumulate(sizes)]
    starts = [at + one.start for at, group in zip(before, groups, strict=False) for one in group]
    return starts, before[-1]


def _with_piece_left_out(
    partial: _PartialAlignment, place: int, one: Candidate
) -> _PartialAlignment:
    """Return a partial alignment in which a piece is no part of a digit."""
    if one.size < _TALL:
        return _PartialAlignment(partial.weight * _LOW_LEFT, partial.digits, partial.spilled)
    return _PartialAlignment(partial.weight * _TALL_LEFT, partial.digits, (*partial.spilled, place))


def _with_digit(
    partial: _PartialAlignment, place: int, one: Candidate, chance: float
) -> _PartialAlignment:
    """Return a partial alignment in which a candidate is the next digit."""
    split = _SPLIT * float(np.exp(-_SPLIT_LENGTH * one.seam)) if one.seam else 1.0
    weight = partial.weight * max(chance, _LEAST_CHANCE) * split
    return _PartialAlignment(weight, (*partial.digits, place), partial.spilled)


def _keep_likelier(
    partials: dict[tuple[int, int], _PartialAlignment],
    at: tuple[int, int],
    partial: _PartialAlignment,
) -> None:
    if at not in partials or partials[at].weight < partial.weight:
        partials[at] = partial

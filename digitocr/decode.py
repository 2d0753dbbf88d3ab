"""Scores → digits: the likeliest reading of each run of ink, and refusals.

A run is either something else than digits, or pieces of one or more of them. All ways through its
lattice that give the same digits speak for that reading together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from digitocr.records import Box, Candidate, Digit, Mask, Reading, Scores, around

# Marks lower than this, in digit heights, are points, commas, dashes and pieces of digits.
_LEAST_SIZE = 0.45
# The network is trained to answer 1/10 for each digit on marks that are none. How far a mark is
# none is told from its lowest answers, so that a mark between 4 and 9 is a digit all the same;
_LOWEST = 8
# and its answers are chances where so many digits are for each mark that is none as training shows:
# on a page the one is weighed against the other anew.
_SUREST = 0.999  # no answer is surer than this, or it alone would decide a way
_LEAST_SHARE = 0.005  # less likely digits are not followed
# What share of a page's runs as high as digits is something else: what is expected before the page
# is looked at, as many runs as that expectation counts for, and never less than the last.
_OTHERS, _EXPECTED, _LEAST_OTHERS = 0.05, 6.0, 0.02
_ROUNDS = 10  # of counting and weighing anew
# A piece beside digits may be left unread: low ones often are points, dashes and broken bits.
_LOW_UNREAD, _TALL_UNREAD = 0.4, 0.1
# A cut is the less likely the longer it is, in digit heights (its chance falls by e for two), and
# the rarer digits touch on the page: in so many runs of ink, as far as is known before.
_SEVERED, _TOUCHING = 0.5, 0.15
# Strokes read as 1 that are bowed by this part of their height, evenly, are brackets, as on
# photographed sums; so are 0.2 % of MNIST's ones.
_BOW_ROWS = 8  # lower marks are too coarse to tell
_MAY_BE_1, _BOWED, _EVEN = 0.5, 0.13, 0.045
# What speaks for "something else" where no candidate holds all of a run, as it is too wide for one
# digit, so that no answer of the network's does.
_TOO_WIDE = 0.5
_BEAM = 16  # readings of the left part of a run that are followed further
_SURE = 0.98  # readings less sure than this are in doubt

Chances: TypeAlias = NDArray[np.float64]


@dataclass(slots=True)
class _Reading:
    """One reading of a run, or of the left part of one."""

    weight: float  # of all ways that give these digits
    best: float  # of the best of them
    digits: tuple[tuple[int, int], ...]  # on that way: places of candidates and what they are
    unread: tuple[int, ...]  # candidates left unread on it


@dataclass(slots=True)
class _Run:
    """The readings of a run of ink, by their texts, likeliest first, and what speaks for none."""

    candidates: Sequence[Candidate]
    first: int  # the place of its first candidate among all
    readings: dict[str, _Reading]
    nothing: float  # weight of its being something else
    tall: bool  # as high as digits
    uncut: float  # weight of its being digits that were not cut
    cut: float  # and of digits that were

    @property
    def digits(self) -> float:
        """The weight of its being digits, whichever."""
        return self.uncut + self.cut

    @property
    def box(self) -> Box:
        """What all of it fills."""
        return around([candidate.box for candidate in self.candidates])


def decide(candidates: Sequence[Candidate], scores: Scores, digits_shown: float = 2.0) -> Reading:
    """Return the digits among N candidates, what is none, and which candidates are in doubt.

    Args:
        candidates: N marks, those of a run one after another.
        scores: (N, 10), calibrated.
        digits_shown: in the training of what gave the scores, for each mark that is none.
    """
    chances = _digit_chances(candidates, scores)
    runs, others = _weighed(candidates, chances, digits_shown)
    digits: list[Digit] = []
    refused: list[Box] = []
    doubtful: list[int] = []
    for run in runs:
        chance, share = _chance(run, others), _share_of_digits(run, others)
        if run.readings and max(chance, 1 - share) < _SURE:
            doubtful += range(run.first, run.first + len(run.candidates))
        best = next(iter(run.readings.values()), None)
        if best is None or best.weight * (1 - others) <= run.nothing * others:
            refused += [run.box] if run.tall else []
            continue
        digits += _as_digits(best, chance, candidates, chances)
        left = (candidates[i] for i in best.unread)
        refused += [one.box for one in left if one.size >= _LEAST_SIZE]
    return Reading(tuple(digits), tuple(refused), tuple(doubtful))


def _digit_chances(candidates: Sequence[Candidate], scores: Scores) -> Chances:
    """Return how likely each of N marks is each digit, (N, 10); rows sum to the chance of any."""
    chances = _answered(scores)
    for i in np.flatnonzero(chances[:, 1] > _MAY_BE_1).tolist():
        if candidates[i].size >= _LEAST_SIZE and _is_bracket(candidates[i].ink):
            chances[i] = 0.0
    return chances


def _is_bracket(ink: Mask) -> bool:
    """Tell a bracket from a 1: one even stroke that is bowed, without a flag or a foot.

    A parabola through its middle says how far (the sagitta) and how evenly.
    """
    y, x = np.nonzero(ink)
    height = len(ink)
    if height < _BOW_ROWS:
        return False
    bow, slope, start = np.polyfit((y - y.mean()) / height, x / height, 2)
    off = x / height - np.polyval((bow, slope, start), (y - y.mean()) / height)
    return bool(abs(bow) / 4 > _BOWED and off.std() < _EVEN)


def _answered(scores: Scores) -> Chances:
    """Return what the network says of N marks, (N, 10): the chance of each digit."""
    lowest = np.sort(scores, axis=1)[:, :_LOWEST].mean(axis=1, keepdims=True).astype(np.float64)
    likely = np.maximum(scores - lowest, 0)
    nothing = np.clip(10 * lowest, 1 - _SUREST, _SUREST)
    return np.asarray(likely * (1 - nothing) / np.maximum(likely.sum(1, keepdims=True), 1e-9))


def _weighed(
    candidates: Sequence[Candidate], chances: Chances, shown: float
) -> tuple[list[_Run], float]:
    """Return the runs with their readings, and the share of runs that are something else.

    Both that share and how often digits touch are told from the page.
    """
    groups = [list(run) for _, run in groupby(candidates, key=lambda candidate: candidate.run)]
    firsts = np.cumsum([0, *map(len, groups)]).tolist()
    runs = [
        _weigh(run, chances, first, shown, 1.0) for run, first in zip(groups, firsts, strict=False)
    ]
    others = _share_of_others(runs)
    odds = _cut_odds(runs, others)
    if odds < 1:
        runs = [
            _weigh(run.candidates, chances, run.first, shown, odds) if run.cut else run
            for run in runs
        ]
        others = _share_of_others(runs)
    return runs, others


def _weigh(
    run: Sequence[Candidate], chances: Chances, first: int, shown: float, odds: float
) -> _Run:
    """Return a run with its readings, cuts weighed by how likely digits touch on the page."""
    own = chances[first : first + len(run)]
    end = max(one.end for one in run)
    whole = [own[i].sum() for i, one in enumerate(run) if one.start == 0 and one.end == end]
    nothing = shown * (1 - float(max(whole))) if whole else _TOO_WIDE
    readings = _readings(run, own, first, odds)
    is_cut = {text: _is_cut(one, run, first) for text, one in readings.items()}
    cut = sum(one.weight for text, one in readings.items() if is_cut[text])
    uncut = sum(one.weight for text, one in readings.items() if not is_cut[text])
    tall = any(one.size >= _LEAST_SIZE for one in run)
    return _Run(run, first, readings, nothing, tall, uncut, cut)


def _is_cut(reading: _Reading, run: Sequence[Candidate], first: int) -> bool:
    """Tell whether a reading takes a mark for several digits that touch."""
    return len(reading.digits) > 1 and any(run[i - first].severed for i, _ in reading.digits)


def _readings(
    run: Sequence[Candidate], chances: Chances, first: int, odds: float
) -> dict[str, _Reading]:
    """Return the likeliest readings of a run that hold a digit, by their texts, likeliest first.

    From piece to piece (Rabiner 1989), all readings of the left part within a beam.
    """
    n = max(one.end for one in run)
    ahead: list[dict[str, _Reading]] = [{"": _Reading(1.0, 1.0, (), ())}, *({} for _ in range(n))]
    for at in range(n):
        ahead[at] = dict(sorted(ahead[at].items(), key=lambda kept: -kept[1].weight)[:_BEAM])
        for i, one in enumerate(run):
            if one.start == at:
                for text, weight in _steps(one, chances[i], odds):
                    _go_on(ahead[at], ahead[one.end], first + i, text, weight)
    found = {text: reading for text, reading in ahead[n].items() if text}
    return dict(sorted(found.items(), key=lambda kept: -kept[1].weight))


def _steps(one: Candidate, chances: Chances, odds: float) -> Iterator[tuple[str, float]]:
    """Yield what a candidate may be on the way, "" for a piece left unread, and its weight."""
    tall = one.size >= _LEAST_SIZE
    if one.end == one.start + 1:
        left = _TALL_UNREAD if tall else _LOW_UNREAD
        apart = not tall and not one.severed  # says nothing, whatever it looks like
        yield "", left if apart else left * (1 - float(chances.sum()))
    if tall:
        cut = odds * float(np.exp(-_SEVERED * one.severed)) if one.severed else 1.0
        for digit in np.flatnonzero(chances >= _LEAST_SHARE).tolist():
            yield str(digit), float(chances[digit]) * cut


def _go_on(
    ahead: dict[str, _Reading], then: dict[str, _Reading], place: int, text: str, weight: float
) -> None:
    """Take all readings on by a candidate, which is left unread where the text is empty."""
    for before, way in ahead.items():
        best = way.best * weight
        old = then.get(before + text)
        total = way.weight * weight + (old.weight if old else 0.0)
        if old and old.best >= best:
            old.weight = total
            continue
        digits = (*way.digits, (place, int(text))) if text else way.digits
        unread = way.unread if text else (*way.unread, place)
        then[before + text] = _Reading(total, best, digits, unread)


def _share_of_digits(run: _Run, others: float) -> float:
    """Return the chance that a run is digits, whichever, 0..1."""
    digits = (1 - others) * run.digits
    return digits / max(digits + others * run.nothing, 1e-300)


def _chance(run: _Run, others: float) -> float:
    """Return the chance of a run's likeliest reading, 0..1."""
    if run.digits == 0:  # no reading, or hundreds of pieces of which none looks like a digit
        return 0.0
    best = next(iter(run.readings.values()))
    return _share_of_digits(run, others) * best.weight / run.digits


def _share_of_others(runs: Sequence[_Run]) -> float:
    """Return the share of a page's runs that are something else, as far as can be told.

    A letter on a page of text has to look more like a digit than one among digits. Expectation
    maximisation (Saerens et al. 2002) over the runs as high as digits. Parts of letters look like
    digits too, so readings that take cuts count for as much as digits touch.
    """
    tall = [run for run in runs if run.tall]
    digits = np.array([run.uncut + _TOUCHING * run.cut for run in tall])
    nothing = np.array([run.nothing for run in tall])
    others = _OTHERS
    for _ in range(_ROUNDS):
        none = others * nothing / np.maximum(others * nothing + (1 - others) * digits, 1e-300)
        others = float((none.sum() + _OTHERS * _EXPECTED) / (len(tall) + _EXPECTED))
    return max(others, _LEAST_OTHERS)


def _cut_odds(runs: Sequence[_Run], others: float) -> float:
    """Return how much rarer than expected it is on a page that digits touch, 0..1 for each cut.

    As far as can be told from the runs that are digits: where all stand apart, a 4 that looks like
    6 and 1 is a 4.
    """
    shares = [(_share_of_digits(run, others) / max(run.digits, 1e-300), run) for run in runs]
    touching = sum(share * run.cut for share, run in shares)
    apart = sum(share * run.uncut for share, run in shares)
    part = (touching + _TOUCHING * _EXPECTED) / (touching + apart + _EXPECTED)
    return min(1.0, part * (1 - _TOUCHING) / ((1 - part) * _TOUCHING))


def _as_digits(
    best: _Reading, chance: float, candidates: Sequence[Candidate], chances: Chances
) -> Iterator[Digit]:
    """Yield the digits of a reading; their confidences multiply to the chance of all of it."""
    alone = [float(chances[i, digit] / chances[i].sum()) for i, digit in best.digits]
    together = (chance / max(float(np.prod(alone)), 1e-300)) ** (1 / len(alone))
    for (i, digit), sure in zip(best.digits, alone, strict=True):
        yield Digit(str(digit), min(1.0, sure * together), candidates[i].box)

"""Scores → digits: the likeliest reading of each run of ink, and refusals.

A run is either something else than digits, or pieces of one or more of them. All ways through its
lattice that give the same digits speak for that reading together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from digitocr.core.arrays import Scores
from digitocr.core.document import Digit
from digitocr.core.geometry import (
    Box,
    around,
)
from digitocr.recognition.hypotheses import (
    Candidate,
    GroupTexts,
    Hypothesis,
    PageReading,
)
from digitocr.recognition.uprights import (
    as_stroke,
    rests_of_rules,
    slashes_among,
)

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
# What speaks for "something else" where no candidate holds all of a run, as it is too wide for one
# digit, so that no answer of the network's does.
_TOO_WIDE = 0.5
_MAY_BE_1 = 0.5  # likelier ones are looked at as strokes
_BEAM = 16  # readings of the left part of a run that are followed further
_SURE = 0.98  # readings less sure than this are in doubt
# What pieces and strips say is multiplied; neither rules out what the other is sure of.
_NEVER = 1e-3
_LEAST_SEEN = 0.01  # less likely texts of a strip are not followed
# One in six of the lines that the strip reader was trained on had no digit. That counts for a bit
# more, as boxes and rules leave upright strokes on pages, which few of those lines had. Of one mark
# by itself the first network says as much as the strip does, which is believed by its square root.
# benchmarks/experiments.md tells what was tried.
_NO_DIGIT, _OF_ONE = 1.2, 0.5
_PAIRS = 0.1  # of what is no one digit to the first network are several that were not cut apart

Chances: TypeAlias = NDArray[np.float64]


@dataclass(slots=True)
class _Hypothesis:
    """One reading of a run, or of the left part of one."""

    weight: float  # of all ways that give these digits
    best: float  # of the best of them
    digits: tuple[tuple[int, int], ...]  # on that way: places of candidates and what they are
    unread: tuple[int, ...]  # candidates left unread on it
    seam: bool = False  # a digit among these is cut off from other ink
    middles: tuple[float, ...] = ()  # x of the digits, where no candidates give them

    @property
    def is_cut(self) -> bool:
        """Whether it takes a mark for several digits that touch."""
        return (self.seam and len(self.digits) > 1) or len(self.middles) > 1

    def weighing(self, weight: float) -> _Hypothesis:
        """Return it with another weight."""
        return _Hypothesis(weight, self.best, self.digits, self.unread, self.seam, self.middles)


class _GroupHypotheses:
    """The readings of a run of ink, by their texts, likeliest first, and what speaks for none."""

    __slots__ = ("candidates", "cut", "digits", "first", "nothing", "readings", "tall")

    def __init__(
        self,
        candidates: Sequence[Candidate],
        first: int,
        readings: dict[str, _Hypothesis],
        nothing: float,
    ) -> None:
        """Weigh up a run.

        Args:
            candidates: of the run.
            first: the place of its first candidate among all.
            readings: likeliest first.
            nothing: the weight of its being something else.
        """
        self.candidates, self.first = candidates, first
        self.readings, self.nothing = readings, nothing
        self.tall = any(one.size >= _LEAST_SIZE for one in candidates)  # as high as digits
        # The weight of its being digits, whichever, and of its being digits that touch.
        self.digits = sum(one.weight for one in readings.values())
        self.cut = sum(one.weight for one in readings.values() if one.is_cut)

    @property
    def number(self) -> int:
        """The run's number."""
        return self.candidates[0].group

    @property
    def box(self) -> Box:
        """What all of it fills."""
        return around([candidate.box for candidate in self.candidates])


def _digit_chances(
    candidates: Sequence[Candidate], scores: Scores
) -> tuple[Chances, frozenset[int]]:
    """Return how likely each of N marks is each digit, (N, 10), and the places of the slashes.

    Rows sum to the chance of any digit.
    """
    chances = _answered(scores)
    likely = np.flatnonzero(chances[:, 1] > _MAY_BE_1).tolist()
    tall = [i for i in likely if candidates[i].size >= _LEAST_SIZE]
    strokes = {i: stroke for i in tall if (stroke := as_stroke(candidates[i].ink))}
    slashes = slashes_among(strokes)
    brackets = [i for i, stroke in strokes.items() if stroke.is_bracket]
    groups = Counter(one.group for one in candidates)
    whole = {i: stroke for i, stroke in strokes.items() if groups[candidates[i].group] == 1}
    chances[[*brackets, *slashes, *rests_of_rules(whole)]] = 0.0
    return chances, slashes


def _answered(scores: Scores) -> Chances:
    """Return what the network says of N marks, (N, 10): the chance of each digit."""
    lowest = np.sort(scores, axis=1)[:, :_LOWEST].mean(axis=1, keepdims=True).astype(np.float64)
    likely = np.maximum(scores - lowest, 0)
    nothing = np.clip(10 * lowest, 1 - _SUREST, _SUREST)
    return np.asarray(likely * (1 - nothing) / np.maximum(likely.sum(1, keepdims=True), 1e-9))


class PageLattices:
    """The lattices of a page's runs, to be read by pieces alone and with what strips say too."""

    def __init__(
        self,
        candidates: Sequence[Candidate],
        scores: Scores,
        digits_shown: float = 2.0,
        places: Sequence[int] = (),
    ) -> None:
        """Make ready.

        Args:
            candidates: N marks, those of a run one after another.
            scores: (N, 10), calibrated.
            digits_shown: in the training of what gave the scores, for each mark that is none.
            places: where each candidate is, as numbers, candidates of a run in one place: how many
                marks are digits is told for each place, as in a table on a rough desk.
        """
        self._places = places
        self._candidates = candidates
        self._chances, self._slashes = _digit_chances(candidates, scores)
        self._shown = digits_shown
        groups = [list(group) for _, group in groupby(candidates, key=lambda one: one.group)]
        firsts = np.cumsum([0, *map(len, groups)]).tolist()
        self._groups = [
            self._by_pieces(group, first, 1.0) for group, first in zip(groups, firsts, strict=False)
        ]

    def doubtful_groups(self) -> set[int]:
        """Return the numbers of the runs that may be read wrong, by pieces alone."""
        return {
            group.number
            for group, others in self._weighed({})
            if group.readings
            and max(_chance(group, others), 1 - _share_of_digits(group, others)) < _SURE
        }

    def reading(self, seen: Mapping[int, GroupTexts] | None = None) -> PageReading:
        """Return the digits on the page, and what is none.

        Args:
            seen: what strips say of runs, by their numbers; others are told by pieces alone.
        """
        digits: list[Digit] = []
        refused: list[Box] = []
        low: list[Box] = []
        for group, others in self._weighed(seen or {}):
            best = next(iter(group.readings.values()), None)
            if best is None or best.weight * (1 - others) <= group.nothing * others:
                refused += [group.box] if group.tall else []
                low += [one.box for one in group.candidates if _is_low_mark(one)]
                continue
            text = next(iter(group.readings))
            digits += _as_digits(group, text, best, _chance(group, others), self._candidates)
            left = [self._candidates[i] for i in best.unread]
            refused += [one.box for one in left if one.size >= _LEAST_SIZE]
            left = list(group.candidates) if best.middles else left
            low += [one.box for one in left if _is_low_mark(one)]
        may_be = {self._candidates[i].box for i in self._slashes}
        slashes = tuple(box for box in refused if box in may_be)
        left_over = tuple(box for box in refused if box not in may_be)
        return PageReading(tuple(digits), left_over, tuple(low), slashes)

    def hypotheses(
        self, seen: Mapping[int, GroupTexts] | None = None
    ) -> dict[int, tuple[Hypothesis, ...]]:
        """Return all that each run may be, by its number, likeliest first; chances sum to 1.

        Args:
            seen: as for `read`.
        """
        found: dict[int, tuple[Hypothesis, ...]] = {}
        for group, others in self._weighed(seen or {}):
            share = _share_of_digits(group, others)
            options = [Hypothesis(1 - share, ())]
            for text, one in group.readings.items():
                chance = share * one.weight / group.digits if group.digits else 0.0
                digits = _as_digits(group, text, one, chance, self._candidates)
                options.append(Hypothesis(chance, tuple(digits)))
            found[group.number] = tuple(sorted(options, key=lambda guess: -guess.chance))
        return found

    def _weighed(self, seen: Mapping[int, GroupTexts]) -> Iterator[tuple[_GroupHypotheses, float]]:
        """Yield the runs with their readings, and the share of runs there that are none.

        Both that share and how often digits touch are told from where they are.
        """
        by_place: dict[int, list[_GroupHypotheses]] = {}
        for group in self._groups:
            place = self._places[group.first] if len(self._places) else 0
            by_place.setdefault(place, []).append(group)
        for groups in by_place.values():
            weighed = [_with_seen(group, seen.get(group.number)) for group in groups]
            others = _share_of_others(weighed)
            odds = _cut_odds(weighed, others)
            if odds < 1 and any(group.cut for group in groups):  # else it makes no difference
                for i, group in enumerate(groups):
                    if group.cut:
                        again = self._by_pieces(group.candidates, group.first, odds)
                        weighed[i] = _with_seen(again, seen.get(group.number))
                others = _share_of_others(weighed)
            yield from ((group, others) for group in weighed)

    def _by_pieces(self, group: Sequence[Candidate], first: int, odds: float) -> _GroupHypotheses:
        """Return a run with its readings, cuts weighed by how likely digits touch on the page."""
        own = self._chances[first : first + len(group)]
        end = max(one.end for one in group)
        whole = [own[i].sum() for i, one in enumerate(group) if one.start == 0 and one.end == end]
        nothing = self._shown * (1 - float(max(whole))) if whole else _TOO_WIDE
        return _GroupHypotheses(group, first, _readings(group, own, first, odds), nothing)


def _with_seen(group: _GroupHypotheses, texts: GroupTexts | None) -> _GroupHypotheses:
    """Return a run as its pieces and the strip that it is in say together."""
    if texts is None:
        return group
    total = max(group.nothing + group.digits, 1e-300)
    says = {text: chance * (1 if text else _NO_DIGIT) for text, chance in texts.chances.items()}
    share = max(sum(says.values()), 1e-300)
    believed = _OF_ONE if len(group.candidates) == 1 else 1.0

    def both(weight: float, text: str) -> float:
        seen = float((says.get(text, 0.0) / share + _NEVER) ** believed)
        return total * (weight / total + _NEVER) * seen

    known = group.readings.items()
    found = {text: one.weighing(both(one.weight, text)) for text, one in known}
    for text, chance in says.items():
        if text and text not in found and chance >= _LEAST_SEEN * share:
            weight = both(_PAIRS * group.nothing if len(text) > 1 else 0.0, text)
            found[text] = _Hypothesis(weight, 0.0, (), (), middles=texts.places[text])
    ordered = dict(sorted(found.items(), key=lambda kept: -kept[1].weight))
    return _GroupHypotheses(group.candidates, group.first, ordered, both(group.nothing, ""))


def _is_low_mark(one: Candidate) -> bool:
    """Tell whether a candidate is a mark of its own that is too low for a digit."""
    return one.size < _LEAST_SIZE and one.end == one.start + 1 and not one.seam


def _readings(
    group: Sequence[Candidate], chances: Chances, first: int, odds: float
) -> dict[str, _Hypothesis]:
    """Return the likeliest readings of a run that hold a digit, by their texts, likeliest first.

    From piece to piece (Rabiner 1989), all readings of the left part within a beam.
    """
    if len(group) == 1:  # most are; there is one step
        alone = {text: weight for text, weight in _steps(group[0], chances[0], odds) if text}
        likely = sorted(alone.items(), key=lambda kept: -kept[1])
        return {text: _Hypothesis(w, w, ((first, int(text)),), ()) for text, w in likely}
    n = max(one.end for one in group)
    ahead: list[dict[str, _Hypothesis]] = [
        {"": _Hypothesis(1.0, 1.0, (), ())},
        *({} for _ in range(n)),
    ]
    for at in range(n):
        ahead[at] = dict(sorted(ahead[at].items(), key=lambda kept: -kept[1].weight)[:_BEAM])
        for i, one in enumerate(group):
            if one.start == at:
                for text, weight in _steps(one, chances[i], odds):
                    cut = text != "" and one.seam > 0
                    _go_on(ahead[at], ahead[one.end], first + i, text, weight, cut)
    found = {text: reading for text, reading in ahead[n].items() if text}
    return dict(sorted(found.items(), key=lambda kept: -kept[1].weight))


def _steps(one: Candidate, chances: Chances, odds: float) -> Iterator[tuple[str, float]]:
    """Yield what a candidate may be on the way, "" for a piece left unread, and its weight."""
    tall = one.size >= _LEAST_SIZE
    if one.end == one.start + 1:
        left = _TALL_UNREAD if tall else _LOW_UNREAD
        apart = not tall and not one.seam  # says nothing, whatever it looks like
        yield "", left if apart else left * (1 - float(chances.sum()))
    if tall:
        cut = odds * float(np.exp(-_SEVERED * one.seam)) if one.seam else 1.0
        for digit, chance in enumerate(chances.tolist()):
            if chance >= _LEAST_SHARE:
                yield str(digit), chance * cut


def _go_on(
    ahead: dict[str, _Hypothesis],
    then: dict[str, _Hypothesis],
    place: int,
    text: str,
    weight: float,
    cut: bool,
) -> None:
    """Take all readings on by a candidate, which is left unread where the text is empty."""
    digit = ((place, int(text)),) if text else ()
    left = () if text else (place,)
    for before, way in ahead.items():
        after, best, total = before + text, way.best * weight, way.weight * weight
        old = then.get(after)
        if old:
            total += old.weight
        if old and old.best >= best:
            old.weight = total
        else:
            digits, unread = way.digits + digit, way.unread + left
            then[after] = _Hypothesis(total, best, digits, unread, way.seam or cut)


def _share_of_digits(group: _GroupHypotheses, others: float) -> float:
    """Return the chance that a run is digits, whichever, 0..1."""
    digits = (1 - others) * group.digits
    return digits / max(digits + others * group.nothing, 1e-300)


def _chance(group: _GroupHypotheses, others: float) -> float:
    """Return the chance of a run's likeliest reading, 0..1."""
    if group.digits == 0:  # no reading, or hundreds of pieces of which none looks like a digit
        return 0.0
    best = next(iter(group.readings.values()))
    return _share_of_digits(group, others) * best.weight / group.digits


def _share_of_others(groups: Sequence[_GroupHypotheses]) -> float:
    """Return the share of a page's runs that are something else, as far as can be told.

    A letter on a page of text has to look more like a digit than one among digits. Expectation
    maximisation (Saerens et al. 2002) over the runs as high as digits. Parts of letters look like
    digits too, so readings that take cuts count for as much as digits touch.
    """
    tall = [group for group in groups if group.tall]
    digits = np.array([group.digits - (1 - _TOUCHING) * group.cut for group in tall])
    nothing = np.array([group.nothing for group in tall])
    others = _OTHERS
    for _ in range(_ROUNDS):
        none = others * nothing / np.maximum(others * nothing + (1 - others) * digits, 1e-300)
        before, others = others, float((none.sum() + _OTHERS * _EXPECTED) / (len(tall) + _EXPECTED))
        if others == before:  # nothing changes any more
            break
    return max(others, _LEAST_OTHERS)


def _cut_odds(groups: Sequence[_GroupHypotheses], others: float) -> float:
    """Return how much rarer than expected it is on a page that digits touch, 0..1 for each cut.

    As far as can be told from the runs that are digits: where all stand apart, a 4 that looks like
    6 and 1 is a 4.
    """
    shares = [
        (_share_of_digits(group, others) / max(group.digits, 1e-300), group) for group in groups
    ]
    touching = sum(share * group.cut for share, group in shares)
    apart = sum(share * (group.digits - group.cut) for share, group in shares)
    part = (touching + _TOUCHING * _EXPECTED) / (touching + apart + _EXPECTED)
    return min(1.0, part * (1 - _TOUCHING) / ((1 - part) * _TOUCHING))


def _as_digits(
    group: _GroupHypotheses,
    text: str,
    reading: _Hypothesis,
    chance: float,
    candidates: Sequence[Candidate],
) -> Iterator[Digit]:
    """Yield the digits of a reading of a run; their confidences multiply to its chance."""
    alike = [
        (other, one.weight) for other, one in group.readings.items() if len(other) == len(text)
    ]
    total = sum(weight for _, weight in alike)
    alone = [
        sum(weight for other, weight in alike if other[i] == digit) / total
        for i, digit in enumerate(text)
    ]
    together = (chance / max(float(np.prod(alone)), 1e-300)) ** (1 / len(alone))
    boxes = [candidates[i].box for i, _ in reading.digits] or _between(group, reading.middles)
    for digit, sure, box in zip(text, alone, boxes, strict=True):
        yield Digit(digit, min(1.0, sure * together), box, group.number)


def _between(group: _GroupHypotheses, middles: Sequence[float]) -> list[Box]:
    """Return a box for each digit of a run that is known by its middle: half way to the next."""
    box = group.box
    parts = [(left + right) / 2 for left, right in pairwise(middles)]
    edges = np.clip([box.x, *parts, box.right], box.x, box.right).astype(int).tolist()
    return [
        Box(min(left, box.right - 1), box.y, max(1, right - left), box.height)
        for left, right in pairwise(edges)
    ]

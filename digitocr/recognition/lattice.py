"""Candidates and their scores → what each ink group may be, and the likeliest reading of a page.

An ink group is either something else than digits, or pieces of one or more of them. All ways
through its lattice that give the same text speak for it together.
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
from digitocr.recognition.classifier import digit_chances
from digitocr.recognition.hypotheses import (
    Candidate,
    GroupTexts,
    Hypothesis,
    PageReading,
)
from digitocr.recognition.uprights import (
    ruling_line_rests,
    slashes_among,
    stroke_of,
)

# Components lower than this, in digit heights, are points, commas, dashes and pieces of digits.
_LEAST_SIZE = 0.45
_LEAST_SHARE = 0.005  # less likely digits are not followed
# The non-digit prior is the share of a page's ink groups, among those as high as digits, that are
# something else: what is expected before the page is looked at, as many ink groups as that counts
# for, and the least that it may be.
_PRIOR, _EXPECTED, _LEAST_PRIOR = 0.05, 6.0, 0.02
_ROUNDS = 10  # of counting and weighing anew
# A piece beside digits may be left unread: low ones often are points, dashes and broken bits.
_LOW_UNREAD, _TALL_UNREAD = 0.4, 0.1
# A split is the less likely the longer its seam is, in digit heights (its chance falls by e for
# two), and the rarer digits touch on the page: in so many ink groups, where the page says nothing.
_SEAM_COST, _TOUCHING = 0.5, 0.15
# What speaks for "something else" where no candidate holds all of an ink group, as it is too wide
# for one digit, so that no answer of the network's does.
_TOO_WIDE = 0.5
_MAY_BE_1 = 0.5  # candidates that are a 1 with a higher chance are looked at as strokes
_BEAM = 16  # hypotheses about the left part of an ink group that are followed further
_SURE = 0.98  # hypotheses less sure than this are in doubt
# What classifier and strip reader say is multiplied; neither rules out what the other is sure of.
_FLOOR = 1e-3
_LEAST_LINE_CHANCE = 0.01  # less likely texts of a strip are not followed
# One in six of the lines that the strip reader was trained on had no digit. That counts for a bit
# more, as boxes and ruling lines leave upright strokes on pages, which few of those lines had. Of
# an ink group that was not split the classifier says as much as the strip reader, which is believed
# by its square root. benchmarks/experiments.md tells what was tried.
_NO_DIGIT, _OF_ONE = 1.2, 0.5
_PAIRS = 0.1  # of what is no one digit to the classifier are several that were not split

_Chances: TypeAlias = NDArray[np.float64]  # (N, 10), rows sum to the chance of any digit


@dataclass(slots=True)
class _TextHypothesis:
    """One text that an ink group, or the left part of one, may be."""

    weight: float  # of all paths through the lattice that give these digits
    best: float  # weight of the best of them
    digits: tuple[tuple[int, int], ...]  # on that path: places of candidates and what they are
    unread: tuple[int, ...]  # candidates left unread on it
    has_seam: bool = False  # a digit among these was split from other ink
    middles: tuple[float, ...] = ()  # x of the digits, where no candidates give them

    @property
    def is_split(self) -> bool:
        """Whether it takes a component for several digits that touch."""
        return (self.has_seam and len(self.digits) > 1) or len(self.middles) > 1

    def with_weight(self, weight: float) -> _TextHypothesis:
        """Return it with another weight."""
        return _TextHypothesis(
            weight, self.best, self.digits, self.unread, self.has_seam, self.middles
        )


class _GroupHypotheses:
    """What an ink group may be: its hypotheses by their texts, likeliest first, or no digit."""

    __slots__ = ("by_text", "candidates", "digits", "first", "non_digit", "tall", "touching")

    def __init__(
        self,
        candidates: Sequence[Candidate],
        first: int,
        by_text: dict[str, _TextHypothesis],
        non_digit: float,
    ) -> None:
        """Weigh up an ink group.

        Args:
            candidates: of the ink group.
            first: the place of its first candidate among all.
            by_text: its hypotheses, likeliest first.
            non_digit: the weight of its being something else.
        """
        self.candidates, self.first = candidates, first
        self.by_text, self.non_digit = by_text, non_digit
        self.tall = any(one.size >= _LEAST_SIZE for one in candidates)  # as high as digits
        # The weight of its being digits, whichever, and of its being digits that touch.
        self.digits = sum(one.weight for one in by_text.values())
        self.touching = sum(one.weight for one in by_text.values() if one.is_split)

    @property
    def number(self) -> int:
        """The group's number."""
        return self.candidates[0].group

    @property
    def box(self) -> Box:
        """What all of it fills."""
        return around([candidate.box for candidate in self.candidates])


def _digit_chances(
    candidates: Sequence[Candidate], scores: Scores
) -> tuple[_Chances, frozenset[int]]:
    """Return how likely each of N candidates is each digit, (N, 10), and the places of the slashes.

    Rows sum to the chance of any digit. Brackets, slashes and rests of ruling lines have none.
    """
    chances = digit_chances(scores)
    likely = np.flatnonzero(chances[:, 1] > _MAY_BE_1).tolist()
    tall = [i for i in likely if candidates[i].size >= _LEAST_SIZE]
    strokes = {i: stroke for i in tall if (stroke := stroke_of(candidates[i].ink))}
    slashes = slashes_among(strokes)
    brackets = [i for i, stroke in strokes.items() if stroke.is_bracket]
    groups = Counter(one.group for one in candidates)
    whole = {i: stroke for i, stroke in strokes.items() if groups[candidates[i].group] == 1}
    chances[[*brackets, *slashes, *ruling_line_rests(whole)]] = 0.0
    return chances, slashes


class PageLattices:
    """The lattices of a page's ink groups: what both readers say of them, put together."""

    def __init__(
        self,
        candidates: Sequence[Candidate],
        scores: Scores,
        digits_shown: float = 2.0,
        places: Sequence[int] = (),
    ) -> None:
        """Make ready.

        Args:
            candidates: N, those of an ink group one after another.
            scores: (N, 10), calibrated.
            digits_shown: in the training of what gave the scores, for each non-digit.
            places: the number of the place, such as a table, that each candidate is in; those of an
                ink group are in one. The non-digit prior is told for each place by itself, as a
                table may lie on a rough desk. Empty: all are in one.
        """
        self._places = places
        self._candidates = candidates
        self._chances, self._slashes = _digit_chances(candidates, scores)
        self._shown = digits_shown
        groups = [list(group) for _, group in groupby(candidates, key=lambda one: one.group)]
        firsts = np.cumsum([0, *map(len, groups)]).tolist()
        self._groups = [
            self._from_candidates(group, first, 1.0)
            for group, first in zip(groups, firsts, strict=False)
        ]

    def doubtful_groups(self) -> set[int]:
        """Return the numbers of the ink groups that may be read wrong by the classifier alone."""
        return {
            group.number
            for group, prior in self._with_priors({})
            if group.by_text
            and max(_best_chance(group, prior), 1 - _chance_of_digits(group, prior)) < _SURE
        }

    def reading(self, line_texts: Mapping[int, GroupTexts] | None = None) -> PageReading:
        """Return the likeliest reading of the page.

        Args:
            line_texts: what the strip reader says of ink groups, by their numbers; of others the
                classifier decides alone.
        """
        digits: list[Digit] = []
        refused: list[Box] = []
        low: list[Box] = []
        for group, prior in self._with_priors(line_texts or {}):
            best = next(iter(group.by_text.values()), None)
            if best is None or best.weight * (1 - prior) <= group.non_digit * prior:
                refused += [group.box] if group.tall else []
                low += [one.box for one in group.candidates if _is_low_component(one)]
                continue
            text = next(iter(group.by_text))
            digits += _digits_of(group, text, best, _best_chance(group, prior), self._candidates)
            unread = [self._candidates[i] for i in best.unread]
            refused += [one.box for one in unread if one.size >= _LEAST_SIZE]
            unread = list(group.candidates) if best.middles else unread
            low += [one.box for one in unread if _is_low_component(one)]
        may_be = {self._candidates[i].box for i in self._slashes}
        slashes = tuple(box for box in refused if box in may_be)
        non_digits = tuple(box for box in refused if box not in may_be)
        return PageReading(tuple(digits), non_digits, tuple(low), slashes)

    def hypotheses(
        self, line_texts: Mapping[int, GroupTexts] | None = None
    ) -> dict[int, tuple[Hypothesis, ...]]:
        """Return all that each ink group may be, by its number, likeliest first; chances sum to 1.

        Args:
            line_texts: as for `reading`.
        """
        found: dict[int, tuple[Hypothesis, ...]] = {}
        for group, prior in self._with_priors(line_texts or {}):
            share = _chance_of_digits(group, prior)
            options = [Hypothesis(1 - share, ())]
            for text, one in group.by_text.items():
                chance = share * one.weight / group.digits if group.digits else 0.0
                digits = _digits_of(group, text, one, chance, self._candidates)
                options.append(Hypothesis(chance, tuple(digits)))
            found[group.number] = tuple(sorted(options, key=lambda option: -option.chance))
        return found

    def _with_priors(
        self, line_texts: Mapping[int, GroupTexts]
    ) -> Iterator[tuple[_GroupHypotheses, float]]:
        """Yield the ink groups with their hypotheses and their non-digit prior.

        That prior and how often digits touch are told for each place by itself.
        """
        by_place: dict[int, list[_GroupHypotheses]] = {}
        for group in self._groups:
            place = self._places[group.first] if len(self._places) else 0
            by_place.setdefault(place, []).append(group)
        for groups in by_place.values():
            weighed = [_with_line_texts(group, line_texts.get(group.number)) for group in groups]
            prior = _non_digit_prior(weighed)
            odds = _touching_odds(weighed, prior)
            if odds < 1 and any(group.touching for group in groups):  # else it makes no difference
                for i, group in enumerate(groups):
                    if group.touching:
                        reweighed = self._from_candidates(group.candidates, group.first, odds)
                        weighed[i] = _with_line_texts(reweighed, line_texts.get(group.number))
                prior = _non_digit_prior(weighed)
            yield from ((group, prior) for group in weighed)

    def _from_candidates(
        self, group: Sequence[Candidate], first: int, odds: float
    ) -> _GroupHypotheses:
        """Return what an ink group may be to the classifier; odds: of digits that touch."""
        own = self._chances[first : first + len(group)]
        end = max(one.end for one in group)
        whole = [own[i].sum() for i, one in enumerate(group) if one.start == 0 and one.end == end]
        non_digit = self._shown * (1 - float(max(whole))) if whole else _TOO_WIDE
        return _GroupHypotheses(group, first, _likeliest_texts(group, own, first, odds), non_digit)


def _with_line_texts(group: _GroupHypotheses, texts: GroupTexts | None) -> _GroupHypotheses:
    """Return what an ink group may be to classifier and strip reader together."""
    if texts is None:
        return group
    total = max(group.non_digit + group.digits, 1e-300)
    says = {text: chance * (1 if text else _NO_DIGIT) for text, chance in texts.chances.items()}
    share = max(sum(says.values()), 1e-300)
    believed = _OF_ONE if len(group.candidates) == 1 else 1.0

    def both(weight: float, text: str) -> float:
        seen = float((says.get(text, 0.0) / share + _FLOOR) ** believed)
        return total * (weight / total + _FLOOR) * seen

    found = {text: one.with_weight(both(one.weight, text)) for text, one in group.by_text.items()}
    for text, chance in says.items():
        if text and text not in found and chance >= _LEAST_LINE_CHANCE * share:
            weight = both(_PAIRS * group.non_digit if len(text) > 1 else 0.0, text)
            found[text] = _TextHypothesis(weight, 0.0, (), (), middles=texts.places[text])
    ordered = dict(sorted(found.items(), key=lambda kept: -kept[1].weight))
    return _GroupHypotheses(group.candidates, group.first, ordered, both(group.non_digit, ""))


def _is_low_component(one: Candidate) -> bool:
    """Tell whether a candidate is too low for a digit, and all of a component."""
    return one.size < _LEAST_SIZE and one.end == one.start + 1 and not one.seam


def _likeliest_texts(
    group: Sequence[Candidate], chances: _Chances, first: int, odds: float
) -> dict[str, _TextHypothesis]:
    """Return the likeliest texts of an ink group that hold a digit, likeliest first.

    Beam search from piece to piece (Rabiner 1989).
    """
    if len(group) == 1:  # most are; there is one step
        alone = {text: weight for text, weight in _steps(group[0], chances[0], odds) if text}
        likely = sorted(alone.items(), key=lambda kept: -kept[1])
        return {text: _TextHypothesis(w, w, ((first, int(text)),), ()) for text, w in likely}
    n = max(one.end for one in group)
    prefixes: list[dict[str, _TextHypothesis]] = [
        {"": _TextHypothesis(1.0, 1.0, (), ())},
        *({} for _ in range(n)),
    ]
    for at in range(n):
        prefixes[at] = dict(sorted(prefixes[at].items(), key=lambda kept: -kept[1].weight)[:_BEAM])
        for i, one in enumerate(group):
            if one.start == at:
                for text, weight in _steps(one, chances[i], odds):
                    is_split = text != "" and one.seam > 0
                    _extend(prefixes[at], prefixes[one.end], first + i, text, weight, is_split)
    found = {text: one for text, one in prefixes[n].items() if text}
    return dict(sorted(found.items(), key=lambda kept: -kept[1].weight))


def _steps(one: Candidate, chances: _Chances, odds: float) -> Iterator[tuple[str, float]]:
    """Yield what a candidate may be on a path, "" for a piece left unread, and its weight."""
    tall = one.size >= _LEAST_SIZE
    if one.end == one.start + 1:
        unread_weight = _TALL_UNREAD if tall else _LOW_UNREAD
        apart = not tall and not one.seam  # says nothing, whatever it looks like
        yield "", unread_weight if apart else unread_weight * (1 - float(chances.sum()))
    if tall:
        odds_of_seam = odds * float(np.exp(-_SEAM_COST * one.seam)) if one.seam else 1.0
        for digit, chance in enumerate(chances.tolist()):
            if chance >= _LEAST_SHARE:
                yield str(digit), chance * odds_of_seam


def _extend(
    prefixes: dict[str, _TextHypothesis],
    extended: dict[str, _TextHypothesis],
    place: int,
    text: str,
    weight: float,
    is_split: bool,
) -> None:
    """Add to `extended` all prefixes with a candidate after them; text "": it is left unread."""
    digit = ((place, int(text)),) if text else ()
    skipped = () if text else (place,)
    for before, path in prefixes.items():
        after, best, total = before + text, path.best * weight, path.weight * weight
        old = extended.get(after)
        if old:
            total += old.weight
        if old and old.best >= best:
            old.weight = total
        else:
            digits, unread = path.digits + digit, path.unread + skipped
            extended[after] = _TextHypothesis(
                total, best, digits, unread, path.has_seam or is_split
            )


def _chance_of_digits(group: _GroupHypotheses, prior: float) -> float:
    """Return the chance that an ink group is digits, whichever, 0..1."""
    digits = (1 - prior) * group.digits
    return digits / max(digits + prior * group.non_digit, 1e-300)


def _best_chance(group: _GroupHypotheses, prior: float) -> float:
    """Return the chance of an ink group's likeliest text, 0..1."""
    if group.digits == 0:  # no text, or hundreds of pieces of which none looks like a digit
        return 0.0
    best = next(iter(group.by_text.values()))
    return _chance_of_digits(group, prior) * best.weight / group.digits


def _non_digit_prior(groups: Sequence[_GroupHypotheses]) -> float:
    """Return the share of a page's ink groups that are something else, as far as can be told.

    A letter on a page of text has to look more like a digit than one among digits. Expectation
    maximisation (Saerens et al. 2002) over the ink groups as high as digits. Parts of letters look
    like digits too, so texts of split ink count for as much as digits touch.
    """
    tall = [group for group in groups if group.tall]
    digits = np.array([group.digits - (1 - _TOUCHING) * group.touching for group in tall])
    non_digit = np.array([group.non_digit for group in tall])
    prior = _PRIOR
    for _ in range(_ROUNDS):
        none = prior * non_digit / np.maximum(prior * non_digit + (1 - prior) * digits, 1e-300)
        before, prior = prior, float((none.sum() + _PRIOR * _EXPECTED) / (len(tall) + _EXPECTED))
        if prior == before:  # nothing changes any more
            break
    return max(prior, _LEAST_PRIOR)


def _touching_odds(groups: Sequence[_GroupHypotheses], prior: float) -> float:
    """Return how much rarer than expected it is on a page that digits touch, 0..1 for each split.

    As far as can be told from the ink groups that are digits: where all stand apart, a 4 that looks
    like 6 and 1 is a 4.
    """
    shares = [
        (_chance_of_digits(group, prior) / max(group.digits, 1e-300), group) for group in groups
    ]
    touching = sum(share * group.touching for share, group in shares)
    apart = sum(share * (group.digits - group.touching) for share, group in shares)
    part = (touching + _TOUCHING * _EXPECTED) / (touching + apart + _EXPECTED)
    return min(1.0, part * (1 - _TOUCHING) / ((1 - part) * _TOUCHING))


def _digits_of(
    group: _GroupHypotheses,
    text: str,
    hypothesis: _TextHypothesis,
    chance: float,
    candidates: Sequence[Candidate],
) -> Iterator[Digit]:
    """Yield the digits of a hypothesis; their confidences multiply to its chance."""
    same_length = [
        (other, one.weight) for other, one in group.by_text.items() if len(other) == len(text)
    ]
    total = sum(weight for _, weight in same_length)
    alone = [
        sum(weight for other, weight in same_length if other[i] == digit) / total
        for i, digit in enumerate(text)
    ]
    together = (chance / max(float(np.prod(alone)), 1e-300)) ** (1 / len(alone))
    boxes = [candidates[i].box for i, _ in hypothesis.digits] or _boxes_around(
        group, hypothesis.middles
    )
    for digit, sure, box in zip(text, alone, boxes, strict=True):
        yield Digit(digit, min(1.0, sure * together), box, group.number)


def _boxes_around(group: _GroupHypotheses, middles: Sequence[float]) -> list[Box]:
    """Return a box for each digit whose middle is known: half way to the next."""
    box = group.box
    parts = [(left + right) / 2 for left, right in pairwise(middles)]
    edges = np.clip([box.x, *parts, box.right], box.x, box.right).astype(int).tolist()
    return [
        Box(min(left, box.right - 1), box.y, max(1, right - left), box.height)
        for left, right in pairwise(edges)
    ]

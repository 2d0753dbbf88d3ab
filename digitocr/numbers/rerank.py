"""Numbers as read → the likeliest readings that what is known about them allows."""

from __future__ import annotations

import heapq
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from digitocr.core.document import (
    Digit,
    Number,
)
from digitocr.core.geometry import (
    Box,
    around,
)
from digitocr.numbers.constraints import Constraint
from digitocr.numbers.notation import is_sensible
from digitocr.recognition.hypotheses import Hypothesis

# Ways through a number's runs, the likeliest first: no more than so many are looked at, and none
# that is this much less likely than the first.
_MOST_WAYS, _LEAST_WAY = 5000, 1e-9
# That none of a number's readings is right is as likely as this part of those that a rule excludes;
# one obeys it all the same as often as readings do. benchmarks/known.py shows the calibration.
_ELSEWHERE = 0.05
_CLOSE = 0.5  # a second reading that is at least this part as likely as the best makes it doubtful
_UNSIGNED = 0.05  # how likely it is that signs are specks
# A refused run may belong to a number beside which it stands no farther off than this, in the
# height of its digits, if it shares this part of that height.
_REACH, _SHARED = 0.6, 0.5

_SIGNS = ".,:-/"  # within numbers
_ENDINGS = _SIGNS + "%"  # after digits

_Guesses = Mapping[int, Sequence[Hypothesis]]  # of each run, likeliest first


@dataclass(frozen=True, slots=True)
class _Spelling:
    """One reading of all of a number."""

    weight: float  # 0..1
    text: str
    hypotheses: tuple[Hypothesis, ...]  # one of each run, left to right


def reranked_numbers(
    numbers: Sequence[Number], hypotheses: _Guesses, holds: Constraint
) -> list[Number]:
    """Return numbers with the likeliest of their readings that a rule allows.

    Their confidence is that of the best among those that are allowed. Where none is, a number
    stays as it was read, with confidence 0; there, and where two are close, its status is "review".

    Args:
        numbers: as read, confidences not yet chances.
        hypotheses: of all runs of ink.
        holds: the rule.
    """
    taken = {digit.group for number in numbers for digit in number.digits}
    refused = {group: found for group, found in hypotheses.items() if group not in taken}
    places = {group: box for group, found in refused.items() if (box := _place(found))}
    owners = {group: _nearest(box, numbers) for group, box in places.items()}
    own = [
        {group: places[group] for group in places if owners[group] == i}
        for i in range(len(numbers))
    ]
    return [
        _narrowed(number, hypotheses, beside, holds)
        for number, beside in zip(numbers, own, strict=True)
    ]


def _nearest(box: Box, numbers: Sequence[Number]) -> int | None:
    """Return which number a refused run may belong to, the nearest; None for none."""
    off = {i: _gap(box, one.box) for i, one in enumerate(numbers) if _is_beside(box, one)}
    return min(off, key=off.__getitem__, default=None)


def _gap(one: Box, other: Box) -> int:
    """Return how many pixels two boxes are apart sideways, 0 where they overlap."""
    return max(0, one.x - other.right, other.x - one.right)


def _place(hypotheses: Sequence[Hypothesis]) -> Box | None:
    """Return where a run is, None where no reading of it has a digit."""
    return next((around([d.box for d in one.digits]) for one in hypotheses if one.digits), None)


def _narrowed(
    number: Number, hypotheses: _Guesses, beside: dict[int, Box], holds: Constraint
) -> Number:
    places = {digit.group: digit.box for digit in reversed(number.digits)} | beside
    order = sorted(places, key=lambda group: places[group].x)
    spelled = _spelled(number)
    options = [hypotheses[group] for group in order]
    ways = list(_ways(options, [spelled.get(group) for group in order], number))
    found = [way for way in ways if way.text and holds(way.text)]
    if not found:
        return replace(number, confidence=0.0, status="review")
    excluded = sum(way.weight for way in ways) - sum(way.weight for way in found)
    by_chance = _ELSEWHERE * excluded * len(found) / len(ways)
    return _as_number(number, found, by_chance)


def _is_beside(box: Box, number: Number) -> bool:
    """Tell whether a refused run stands within a number or close to its ends, which % is."""
    near = _REACH * number.box.height
    shared = min(box.bottom, number.box.bottom) - max(box.y, number.box.y)
    after = 0 if number.text.endswith("%") else near
    inside = number.box.x - near < box.middle[0] < number.box.right + after
    return inside and shared > _SHARED * number.box.height


def _spelled(number: Number) -> dict[int, tuple[str, str]]:
    """Return for each run of a number its digits as read, and the same with signs after them."""
    found: dict[int, tuple[str, str]] = {}
    for digit, signed in zip(number.digits, re.findall(r"\d\D*", number.text), strict=True):
        before = found.get(digit.group, ("", ""))
        found[digit.group] = before[0] + digit.digit, before[1] + signed
    return found


def _ways(
    options: Sequence[Sequence[Hypothesis]],
    spelled: Sequence[tuple[str, str] | None],
    number: Number,
) -> Iterator[_Spelling]:
    """Yield the readings of a number, likeliest first (Huang and Chiang 2005, algorithm 2).

    Args:
        options: of each run, left to right, likeliest first.
        spelled: from `_spelled`, of each run; None for a refused one.
        number: as read.
    """
    signed = any(not mark.isdigit() for mark in number.text)
    minus = "-" * number.text.startswith("-")
    first = (0,) * len(options)
    waiting = [(-math.prod(found[0].chance for found in options), first)]
    seen = {first}
    least = -waiting[0][0] * _LEAST_WAY
    for _ in range(_MOST_WAYS):
        if not waiting or -waiting[0][0] <= least:
            return
        negative, places = heapq.heappop(waiting)
        chosen = tuple(found[at] for found, at in zip(options, places, strict=True))
        text = minus + "".join(map(_text, chosen, spelled)).strip(_SIGNS)
        if is_sensible(text):
            yield _Spelling(-negative, text, chosen)
        if signed:
            plain = "".join(filter(str.isdigit, text))
            yield _Spelling(-negative * _UNSIGNED, plain, chosen)
        for i, at in enumerate(places):
            after = (*places[:i], at + 1, *places[i + 1 :])
            if at + 1 < len(options[i]) and after not in seen:
                seen.add(after)
                weight = math.prod(found[k].chance for found, k in zip(options, after, strict=True))
                heapq.heappush(waiting, (-weight, after))


def _text(guess: Hypothesis, spelled: tuple[str, str] | None) -> str:
    """Return a run's digits with the signs that stand within and after it."""
    if spelled is None:
        return guess.text
    plain, signed = spelled
    if guess.text == plain:
        return signed
    ending = signed[len(signed.rstrip(_ENDINGS)) :]
    return guess.text + ending if guess.text else ""


def _as_number(number: Number, found: Sequence[_Spelling], by_chance: float) -> Number:
    """Return a number as the likeliest of the ways that are allowed.

    Args:
        number: as read.
        found: the ways.
        by_chance: the weight of its being something else than any of them.
    """
    by_text: dict[str, float] = {}
    for way in found:
        by_text[way.text] = by_text.get(way.text, 0.0) + way.weight
    ordered = sorted(by_text.items(), key=lambda kept: -kept[1])
    text, weight = ordered[0]
    best = next(way for way in found if way.text == text)
    share = weight / (sum(by_text.values()) + by_chance)
    close = len(ordered) > 1 and ordered[1][1] >= _CLOSE * weight
    together = math.prod(digit.confidence for digit in number.digits)
    whole = number.confidence / together if together else 0.0  # the chance that it is all of it
    digits = [digit for guess in best.hypotheses for digit in guess.digits]
    return replace(
        number,
        text=text,
        digits=_as_sure(digits, share),
        box=around([digit.box for digit in digits]),
        confidence=min(1.0, whole) * share,
        status="review" if close else number.status,
    )


def _as_sure(digits: Sequence[Digit], share: float) -> tuple[Digit, ...]:
    """Return digits whose confidences multiply to a share, the doubtful ones less sure."""
    before = math.prod(digit.confidence for digit in digits)
    if before <= 0.0 or before >= 1.0:
        return tuple(replace(digit, confidence=share ** (1 / len(digits))) for digit in digits)
    power = math.log(max(share, 1e-12)) / math.log(before)
    return tuple(replace(digit, confidence=digit.confidence**power) for digit in digits)

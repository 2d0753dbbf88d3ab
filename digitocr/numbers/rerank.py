"""Numbers as read → their likeliest spellings that a constraint allows."""

from __future__ import annotations

import heapq
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from digitocr.core.document import (
    Digit,
    Number,
    Reason,
)
from digitocr.core.geometry import (
    Box,
    around,
)
from digitocr.numbers.constraints import Constraint
from digitocr.numbers.notation import is_sensible
from digitocr.recognition.hypotheses import GroupHypotheses, Hypothesis

# Spellings of a number, the likeliest first: no more than so many are looked at, and
# none that is this much less likely than the first.
_MOST_SPELLINGS, _LEAST_SPELLING = 5000, 1e-9
# That none of a number's spellings is right is as likely as this part of those that a constraint
# excludes; what is right then meets it all the same as often as spellings do. benchmarks/known.py
# shows the calibration.
_ELSEWHERE = 0.05
_CLOSE = 0.5  # a second spelling that is at least this part as likely as the best makes it doubtful
_UNSIGNED = 0.05  # how likely it is that signs are specks
# A refused ink group may belong to a number beside which it stands no farther off than this, in the
# height of its digits, if it shares this part of that height.
_REACH, _SHARED = 0.6, 0.5

_SIGNS = ".,:-/"  # within numbers
_ENDINGS = _SIGNS + "%"  # after digits


@dataclass(frozen=True, slots=True)
class _Spelling:
    """One of the things that a number may be."""

    weight: float  # 0..1
    text: str
    hypotheses: tuple[Hypothesis, ...]  # one of each ink group, left to right


def reranked_numbers(
    numbers: Sequence[Number], hypotheses: GroupHypotheses, constraint: Constraint
) -> list[Number]:
    """Return numbers as the likeliest of their spellings that a constraint allows.

    Their confidence is that of the best among those that are allowed. Where none is, a number
    stays as it was read, with confidence 0. That is a reason to review it, and so are two that are
    close.

    Args:
        numbers: as read, confidences not yet chances.
        hypotheses: of all ink groups.
        constraint: what they have to meet.
    """
    taken = {digit.group for number in numbers for digit in number.digits}
    refused = {group: found for group, found in hypotheses.items() if group not in taken}
    places = {group: box for group, found in refused.items() if (box := _group_box(found))}
    owners = {group: _nearest_number(box, numbers) for group, box in places.items()}
    own = [
        {group: places[group] for group in places if owners[group] == i}
        for i in range(len(numbers))
    ]
    return [
        _reranked_number(number, hypotheses, beside, constraint)
        for number, beside in zip(numbers, own, strict=True)
    ]


def _nearest_number(box: Box, numbers: Sequence[Number]) -> int | None:
    """Return which number a refused ink group may belong to, the nearest; None for none."""
    off = {i: _gap(box, one.box) for i, one in enumerate(numbers) if _is_beside(box, one)}
    return min(off, key=off.__getitem__, default=None)


def _gap(one: Box, other: Box) -> int:
    """Return how many pixels two boxes are apart sideways, 0 where they overlap."""
    return max(0, one.x - other.right, other.x - one.right)


def _group_box(hypotheses: Sequence[Hypothesis]) -> Box | None:
    """Return where an ink group is, None where no hypothesis has a digit."""
    return next((around([d.box for d in one.digits]) for one in hypotheses if one.digits), None)


def _reranked_number(
    number: Number, hypotheses: GroupHypotheses, beside: dict[int, Box], constraint: Constraint
) -> Number:
    places = {digit.group: digit.box for digit in reversed(number.digits)} | beside
    order = sorted(places, key=lambda group: places[group].x)
    texts = _texts_by_group(number)
    options = [hypotheses[group] for group in order]
    spellings = list(_spellings(options, [texts.get(group) for group in order], number))
    found = [spelling for spelling in spellings if spelling.text and constraint(spelling.text)]
    if not found:
        return replace(number, confidence=0.0).because(Reason.RULE_BROKEN)
    excluded = sum(one.weight for one in spellings) - sum(one.weight for one in found)
    by_chance = _ELSEWHERE * excluded * len(found) / len(spellings)
    return _number_spelled(number, found, by_chance)


def _is_beside(box: Box, number: Number) -> bool:
    """Tell whether a refused ink group stands within a number or close to its ends, which % is."""
    near = _REACH * number.box.height
    shared = min(box.bottom, number.box.bottom) - max(box.y, number.box.y)
    after = 0 if number.text.endswith("%") else near
    inside = number.box.x - near < box.middle[0] < number.box.right + after
    return inside and shared > _SHARED * number.box.height


def _texts_by_group(number: Number) -> dict[int, tuple[str, str]]:
    """Return for each ink group of a number its digits as read, and the same with signs."""
    found: dict[int, tuple[str, str]] = {}
    for digit, signed in zip(number.digits, re.findall(r"\d\D*", number.text), strict=True):
        before = found.get(digit.group, ("", ""))
        found[digit.group] = before[0] + digit.digit, before[1] + signed
    return found


def _spellings(
    options: Sequence[Sequence[Hypothesis]],
    texts: Sequence[tuple[str, str] | None],
    number: Number,
) -> Iterator[_Spelling]:
    """Yield the spellings of a number, likeliest first (Huang and Chiang 2005, algorithm 2).

    Args:
        options: of each ink group, left to right, likeliest first.
        texts: from `_texts_by_group`, of each ink group; None for a refused one.
        number: as read.
    """
    signed = any(not character.isdigit() for character in number.text)
    minus = "-" * number.text.startswith("-")
    first = (0,) * len(options)
    waiting = [(-math.prod(found[0].chance for found in options), first)]
    seen = {first}
    least = -waiting[0][0] * _LEAST_SPELLING
    for _ in range(_MOST_SPELLINGS):
        if not waiting or -waiting[0][0] <= least:
            return
        negative, places = heapq.heappop(waiting)
        chosen = tuple(found[at] for found, at in zip(options, places, strict=True))
        text = minus + "".join(map(_text, chosen, texts)).strip(_SIGNS)
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


def _text(hypothesis: Hypothesis, texts: tuple[str, str] | None) -> str:
    """Return an ink group's digits with the signs that stand within and after it."""
    if texts is None:
        return hypothesis.text
    plain, signed = texts
    if hypothesis.text == plain:
        return signed
    ending = signed[len(signed.rstrip(_ENDINGS)) :]
    return hypothesis.text + ending if hypothesis.text else ""


def _number_spelled(number: Number, found: Sequence[_Spelling], by_chance: float) -> Number:
    """Return a number as the likeliest of the spellings that are allowed.

    Args:
        number: as read.
        found: the spellings.
        by_chance: the weight of its being something else than any of them.
    """
    by_text: dict[str, float] = {}
    for spelling in found:
        by_text[spelling.text] = by_text.get(spelling.text, 0.0) + spelling.weight
    ordered = sorted(by_text.items(), key=lambda kept: -kept[1])
    text, weight = ordered[0]
    best = next(spelling for spelling in found if spelling.text == text)
    share = weight / (sum(by_text.values()) + by_chance)
    close = len(ordered) > 1 and ordered[1][1] >= _CLOSE * weight
    together = math.prod(digit.confidence for digit in number.digits)
    whole = number.confidence / together if together else 0.0  # the chance that it is all of it
    digits = [digit for hypothesis in best.hypotheses for digit in hypothesis.digits]
    spelled = replace(
        number,
        text=text,
        digits=_rescaled_digits(digits, share),
        box=around([digit.box for digit in digits]),
        confidence=min(1.0, whole) * share,
    )
    return spelled.because(Reason.AMBIGUOUS) if close else spelled


def _rescaled_digits(digits: Sequence[Digit], share: float) -> tuple[Digit, ...]:
    """Return digits whose confidences multiply to a share, the doubtful ones less sure."""
    before = math.prod(digit.confidence for digit in digits)
    if before <= 0.0 or before >= 1.0:
        return tuple(replace(digit, confidence=share ** (1 / len(digits))) for digit in digits)
    power = math.log(max(share, 1e-12)) / math.log(before)
    return tuple(replace(digit, confidence=digit.confidence**power) for digit in digits)

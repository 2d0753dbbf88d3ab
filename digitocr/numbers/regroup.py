"""Numbers as gaps part them → joined or split where only so they meet a constraint."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby, pairwise

import numpy as np

from digitocr.core.document import (
    Digit,
    Number,
    Reason,
)
from digitocr.core.geometry import around
from digitocr.numbers.constraints import Constraint

# Parts of one number are no farther apart than this, in the height of its digits, and no more.
_MOST_GAP, _MOST_PARTS = 1.0, 4
# A number is split where a gap is wider than all that stay in it by this part of that height.
_WIDER = 0.15


def regrouped_numbers(
    numbers: Sequence[Number], cells: Sequence[int], constraint: Constraint
) -> list[Number]:
    """Return numbers, joined or split where only so they meet a constraint; these are to review.

    Neighbours on a line are joined where none of them meets it but all together do, and a number is
    split where it does not meet it but all its parts do. Only digits without signs.

    Args:
        numbers: in reading order.
        cells: of a table, in which each is; those in different cells stay apart.
        constraint: what they have to meet.
    """
    found: list[Number] = []
    places = sorted(range(len(numbers)), key=lambda i: numbers[i].line)
    for _, line in groupby(places, key=lambda i: numbers[i].line):
        own = list(_line_numbers([(numbers[i], cells[i]) for i in line], constraint))
        found += [replace(one, item=item) for item, one in enumerate(own, 1)]
    return found


def _line_numbers(line: Sequence[tuple[Number, int]], constraint: Constraint) -> Iterator[Number]:
    """Yield the numbers of a line, regrouped; each comes with its cell."""
    at = 0
    while at < len(line):
        n = _n_joined(line[at : at + _MOST_PARTS], constraint)
        if n > 1:
            yield _joined_number([one for one, _ in line[at : at + n]])
        else:
            yield from _split_numbers(line[at][0], constraint)
        at += n


def _n_joined(parts: Sequence[tuple[Number, int]], constraint: Constraint) -> int:
    """Return how many numbers from the first on are one."""
    text = ""
    for n, (one, cell) in enumerate(parts, 1):
        before, first_cell = parts[max(0, n - 2)][0], parts[0][1]
        near = one.box.x - before.box.right <= _MOST_GAP * min(one.box.height, before.box.height)
        if not one.text.isdigit() or constraint(one.text) or cell != first_cell or not near:
            return 1
        text += one.text
        if n > 1 and constraint(text):
            return n
    return 1


def _joined_number(parts: Sequence[Number]) -> Number:
    reasons = [reason for one in parts for reason in one.reasons]
    return replace(
        parts[0],
        text="".join(one.text for one in parts),
        confidence=float(np.prod([one.confidence for one in parts])),
        box=around([one.box for one in parts]),
        digits=tuple(digit for one in parts for digit in one.digits),
    ).because(Reason.REGROUPED, *reasons)


def _split_numbers(number: Number, constraint: Constraint) -> list[Number]:
    """Return the fewest parts of a number that all meet a constraint; the number where none do.

    It is split at its widest gaps, between digits that do not touch.
    """
    if not number.text.isdigit() or constraint(number.text) or len(number.digits) < 2:
        return [number]
    height = float(np.median([digit.box.height for digit in number.digits]))
    gaps = np.array([right.box.x - left.box.right for left, right in pairwise(number.digits)])
    touch = [left.group == right.group for left, right in pairwise(number.digits)]
    gaps = np.where(touch, -np.inf, gaps / height)
    order = np.argsort(-gaps, kind="stable")
    for n in range(1, min(_MOST_PARTS, len(gaps) + 1)):
        stay = gaps[order[n:]].max(initial=0.0)
        if gaps[order[n - 1]] < stay + _WIDER:
            continue
        ends = [0, *sorted((order[:n] + 1).tolist()), len(number.digits)]
        parts = [_part_of(number, number.digits[a:b]) for a, b in pairwise(ends)]
        if all(constraint(part.text) for part in parts):
            return parts
    return [number]


def _part_of(number: Number, digits: Sequence[Digit]) -> Number:
    return replace(
        number,
        text="".join(digit.digit for digit in digits),
        box=around([digit.box for digit in digits]),
        digits=tuple(digits),
    ).because(Reason.REGROUPED)

"""What a line reader read → the numbers on the line, each with its chance and its columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitocr.recognition.alphabet import BLANK, encode
from digitocr.recognition.ctc import LogProbs, Spelled, beam_search, locate

# A number as it is written: digits, single signs between them; before them a sign or a bracket,
# but not an operator between two numbers; behind them a percent sign, a ledger's minus or a
# bracket. What stands around it, the point that ends a sentence or a colon, is none of it.
_NUMBER = re.compile(r"(?:(?<![0-9).])\(?[-+]?)?\.?[0-9](?:[.,:/'-]?[0-9])*(?:%|-$)?\)?")


_ALTERNATIVES = 12  # as many as the beam holds


@dataclass(frozen=True, slots=True)
class LineNumber:
    """A number on a line."""

    text: str
    confidence: float  # 0..1, the chance of just this text in its columns
    start: int  # its first column
    end: int  # the column after its last
    extents: tuple[tuple[int, int], ...]  # of each of its characters: first column, after the last


IsAllowed = Callable[[str], bool]


def numbers_on_line(
    spelled: Spelled, log_probs: LogProbs, is_allowed: IsAllowed | None = None
) -> Iterator[LineNumber]:
    """Yield the numbers in a line's text, left to right.

    Args:
        spelled: the line's text.
        log_probs: (columns, classes) that spell it.
        is_allowed: tells what numbers there may be; None: any. In place of one that may not be
            comes the likeliest other reading of its columns that may, or nothing.
    """
    for first, after in _spans(spelled.text):
        start, end = _room(spelled, first, after, len(log_probs))
        text = spelled.text[first:after]
        if is_allowed is None or is_allowed(text):
            extents = spelled.extents[first:after]
            chance = text_chance(log_probs[start:end], text)
            yield LineNumber(text, chance, extents[0][0], extents[-1][1], extents)
        else:
            yield from _allowed_number(log_probs[start:end], start, is_allowed)


def _allowed_number(log_probs: LogProbs, start: int, is_allowed: IsAllowed) -> Iterator[LineNumber]:
    """Yield the likeliest number, if any, that columns from `start` on of a line may hold."""
    for hypothesis in beam_search(log_probs, keep=_ALTERNATIVES):
        if written_numbers(hypothesis.text) == [hypothesis.text] and is_allowed(hypothesis.text):
            found = locate(log_probs, hypothesis.text)
            extents = tuple((first + start, after + start) for first, after in found.extents)
            yield LineNumber(
                hypothesis.text, hypothesis.probability, extents[0][0], extents[-1][1], extents
            )
            return


def written_numbers(text: str) -> list[str]:
    """Return the numbers in a line's text, as the reader spells it or as the truth does."""
    return [text[first:after] for first, after in _spans(text)]


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield where numbers begin in a line's text, and the place after their end."""
    for word in re.finditer(r"[^ ¤]+", text):
        for found in _NUMBER.finditer(word[0]):
            first, after = word.start() + found.start(), word.start() + found.end()
            kept = _without_lone_bracket(text[first:after])
            first += text[first:after].index(kept)
            yield first, first + len(kept)


def _without_lone_bracket(text: str) -> str:
    """Return a number without a bracket that has no other."""
    return text.strip("()") if text.count("(") != text.count(")") else text


def _room(spelled: Spelled, first: int, after: int, n_columns: int) -> tuple[int, int]:
    """Return the columns of some characters, up to half of the way to their neighbours."""
    start, end = spelled.extents[first][0], spelled.extents[after - 1][1]
    left = (spelled.extents[first - 1][1] + start + 1) // 2 if first else 0
    right = (spelled.extents[after][0] + end) // 2 if after < len(spelled.text) else n_columns
    return min(left, start), max(right, end)


def text_chance(log_probs: LogProbs, text: str) -> float:
    """Return the chance that some columns spell just a text: CTC's forward sum over its paths.

    Args:
        log_probs: (columns, classes).
        text: at least one character.
    """
    labels = np.full(2 * len(text) + 1, BLANK)
    labels[1::2] = encode(text)
    emit: NDArray[np.float64] = np.exp(log_probs[:, labels].astype(np.float64))
    skips = np.zeros(len(labels), bool)
    skips[3::2] = labels[3::2] != labels[1:-2:2]
    padded = np.zeros(len(labels) + 2)  # two places before the first stay empty
    paths = padded[2:]
    paths[:2] = emit[0, :2]
    for column in emit[1:]:
        paths[:] = (paths + padded[1:-1] + skips * padded[:-2]) * column
    return float(min(1.0, paths[-1] + paths[-2]))

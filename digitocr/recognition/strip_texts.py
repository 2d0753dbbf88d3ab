"""Column scores of a strip → the texts that each of its ink groups may be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitocr.recognition.hypotheses import GroupTexts
from digitocr.recognition.strip_images import StripImage

# Paths through a strip's columns: how many are followed, and how likely a digit has to be.
_BEAM, _LEAST_CHANCE = 12, 1e-3
_NONE = 10  # the answer for "no digit begins here"


def group_texts(line: StripImage, scores: NDArray[np.float32]) -> dict[int, GroupTexts]:
    """Return what each ink group of a strip may be, as its columns say.

    Args:
        line: from `find_strip_images`.
        scores: (W / 2, 11), of its columns: ten digits and none; rows sum to 1.
    """
    chances: list[dict[str, float]] = [defaultdict(float) for _ in line.groups]
    places: list[dict[str, tuple[float, ...]]] = [{} for _ in line.groups]
    owners = line.ink_by_column.argmax(axis=0).tolist()
    likeliest = _likeliest_texts(scores.astype(np.float64))
    total = sum(chance for chance, _, _ in likeliest)
    for chance, text, columns in likeliest:
        for group in range(len(line.groups)):
            own = [i for i, column in enumerate(columns) if owners[column] == group]
            part = "".join(text[i] for i in own)
            chances[group][part] += chance / total
            middles = tuple(line.left + line.pitch * columns[i] for i in own)
            places[group].setdefault(part, middles)
    return {
        number: GroupTexts(dict(texts), where)
        for number, texts, where in zip(line.groups, chances, places, strict=True)
    }


@dataclass(slots=True)
class _Prefix:
    """All paths through the columns so far that give one text."""

    last: int  # digit of the text, _NONE where it is empty
    after_none: float  # chance of those that end with no digit
    after_digit: float
    best: float  # of the best of them
    columns: tuple[int, ...]  # where its digits are

    @property
    def chance(self) -> float:
        """The chance of all of them."""
        return self.after_none + self.after_digit

    def go_on(self, row: Sequence[float]) -> None:
        """Add a column in which no digit begins; the last may go on."""
        none, again = row[_NONE], row[self.last]
        self.after_none = (self.after_none + self.after_digit) * none
        self.after_digit *= again
        self.best *= max(none, again)

    def with_digit(self, row: Sequence[float], digit: int, column: int) -> _Prefix:
        """Return them with a column more, in which a digit begins."""
        before = self.after_none if digit == self.last else self.chance
        best, chance = self.best * row[digit], before * row[digit]
        return _Prefix(digit, 0.0, chance, best, (*self.columns, column))


def _likeliest_texts(scores: NDArray[np.float64]) -> list[tuple[float, str, tuple[int, ...]]]:
    """Return the likeliest texts of T columns, (T, 11): chance, text and the columns of its digits.

    Likeliest first. Prefix search with a beam (Graves et al. 2006, section 3.2; Hannun et al.
    2014): a digit that goes on from column to column is one.
    """
    prefixes = {"": _Prefix(_NONE, 1.0, 0.0, 1.0, ())}
    for column, row in enumerate(scores.tolist()):
        likely = [digit for digit in range(_NONE) if row[digit] > _LEAST_CHANCE]
        if likely:
            prefixes = _extended_prefixes(_likeliest_first(prefixes), row, likely, column)
        else:  # in three of four columns
            for prefix in prefixes.values():
                prefix.go_on(row)
    return [
        (prefix.chance, text, prefix.columns) for text, prefix in _likeliest_first(prefixes).items()
    ]


def _extended_prefixes(
    prefixes: dict[str, _Prefix], row: Sequence[float], likely: Sequence[int], column: int
) -> dict[str, _Prefix]:
    """Return prefixes with a column more, in which one of the likely digits may begin."""
    found: dict[str, _Prefix] = {}
    for text, prefix in prefixes.items():
        with_digit = [
            (text + str(digit), prefix.with_digit(row, digit, column)) for digit in likely
        ]
        prefix.go_on(row)
        _merge(found, text, prefix)
        for more, one in with_digit:
            _merge(found, more, one)
    return dict(list(_likeliest_first(found).items())[:_BEAM])


def _likeliest_first(prefixes: dict[str, _Prefix]) -> dict[str, _Prefix]:
    """Return prefixes likeliest first."""
    return dict(sorted(prefixes.items(), key=lambda one: -one[1].chance))


def _merge(prefixes: dict[str, _Prefix], text: str, prefix: _Prefix) -> None:
    """Add the paths that give a text to those found so far."""
    old = prefixes.get(text)
    if old is None:
        prefixes[text] = prefix
        return
    old.after_none += prefix.after_none
    old.after_digit += prefix.after_digit
    if prefix.best > old.best:
        old.best, old.columns = prefix.best, prefix.columns

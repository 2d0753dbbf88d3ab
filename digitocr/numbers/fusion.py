"""Two readers' numbers on a page → one reading of each place, with the chance that it is right.

The component reader reads digits from their contours, the line reader whole lines from grey pixels.
They fail differently: where both say the same, a number is as good as sure. How sure, and whom to
believe where they differ, is learned from drawn pages (`training/fusion_fit.py`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digitocr.core.document import Digit, Number
from digitocr.core.errors import ModelUnreadable
from digitocr.core.geometry import Box
from digitocr.recognition.page_lines import ReadNumber

Features = NDArray[np.float64]  # (N_FEATURES,)

N_FEATURES = 15
_MOST_LOGIT = 7.0  # chances beyond 0.999 tell no more
_USUAL_HEIGHT = 20.0  # pixels of a digit; only the unit of a logarithm
_KEPT = 0.5  # a reading that is more likely wrong than right is left out


@dataclass(frozen=True, slots=True)
class Place:
    """What the two readers read in one place; one of them may have read nothing."""

    components: tuple[Number, ...]  # left to right; confidences are chances
    lines: tuple[ReadNumber, ...]

    @property
    def features(self) -> Features:
        """What the chances of both readings are told from."""
        line = _logit(min((one.confidence for one in self.lines), default=0.5))
        component = _logit(min((one.confidence for one in self.components), default=0.5))
        texts = [one.text for one in self.lines], [one.text for one in self.components]
        agree = texts[0] == texts[1]
        same_digits = _digits(texts[0]) == _digits(texts[1])
        both = bool(self.lines and self.components)
        heights = [one.height for one in self.lines] or [one.box.height for one in self.components]
        finder = _logit(min((one.is_number for one in self.lines), default=0.5))
        n_characters = sum(map(len, texts[0] or texts[1]))
        return np.array(
            [
                1.0,
                not self.components,
                not self.lines,
                agree,
                both and same_digits,
                line,
                component,
                line * agree,
                component * agree,
                line * (not self.components),
                component * (not self.lines),
                finder,
                np.log(max(1, min(heights)) / _USUAL_HEIGHT),
                np.log(n_characters),
                len(self.lines) + len(self.components) > 2,
            ],
            np.float64,
        )


@dataclass(frozen=True, slots=True)
class Arbiter:
    """Says how likely each reader's numbers in a place are all right (logistic regression)."""

    line_weights: Features
    component_weights: Features
    thresholds: tuple[float, ...]  # of the chance
    share_wrong: tuple[float, ...]  # of the numbers at or above each threshold

    def chances(self, place: Place) -> tuple[float, float]:
        """Return the chances that the line reader and the component reader are right, 0..1."""
        features = place.features
        line = _sigmoid(float(features @ self.line_weights)) if place.lines else 0.0
        component = _sigmoid(float(features @ self.component_weights)) if place.components else 0.0
        return line, component

    def review_line(self, max_error: float) -> float:
        """Return the chance below which a number is to be reviewed, as `Model.review_line`."""
        pairs = zip(self.thresholds, self.share_wrong, strict=True)
        return min((line for line, share in pairs if share <= max_error), default=1.0)

    def numbers(self, place: Place) -> tuple[Number, ...]:
        """Return the likelier reading of a place; () where neither is more likely right."""
        line, component = self.chances(place)
        if max(line, component) < _KEPT:
            return ()
        if component > line:
            return tuple(_with_chance(one, component) for one in place.components)
        return tuple(_line_number(one, line, place.components) for one in place.lines)


def load_arbiter(path: Path) -> Arbiter:
    """Return the arbiter in a JSON file.

    Raises:
        ModelUnreadable: it is missing or damaged.
    """
    try:
        return _load(path, path.stat().st_mtime_ns)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelUnreadable(f"{path}: is damaged or no arbiter: {error}") from error


@lru_cache(maxsize=2)
def _load(path: Path, _changed: int) -> Arbiter:
    found = json.loads(path.read_bytes())
    line, component = (
        np.array(found[name], np.float64).reshape(N_FEATURES)
        for name in ("line_weights", "component_weights")
    )
    return Arbiter(line, component, tuple(found["thresholds"]), tuple(found["share_wrong"]))


def places(numbers: Sequence[Number], lines: Sequence[ReadNumber]) -> Iterator[Place]:
    """Yield what two readers read in each place of a page: numbers whose boxes overlap."""
    boxes = [one.box for one in numbers], [one.box for one in lines]
    owner = list(range(len(numbers) + len(lines)))

    def root(i: int) -> int:
        while owner[i] != i:
            owner[i] = owner[owner[i]]
            i = owner[i]
        return i

    for i, j in zip(*np.nonzero(_overlap(*boxes)), strict=True):
        owner[root(int(i))] = root(len(numbers) + int(j))
    members: dict[int, tuple[list[Number], list[ReadNumber]]] = {}
    for i in range(len(owner)):
        group = members.setdefault(root(i), ([], []))
        if i < len(numbers):
            group[0].append(numbers[i])
        else:
            group[1].append(lines[i - len(numbers)])
    for own, other in members.values():
        yield Place(
            tuple(sorted(own, key=lambda one: one.box.x)),
            tuple(sorted(other, key=lambda one: one.box.x)),
        )


def _overlap(ones: Sequence[Box], others: Sequence[Box]) -> NDArray[np.bool_]:
    """Tell (N, M) which boxes have the middle of the other in them, or their own in the other."""
    if not ones or not others:
        return np.zeros((len(ones), len(others)), bool)
    a, b = (np.array([(*one.middle, one.width, one.height) for one in s]) for s in (ones, others))
    apart = np.abs(a[:, None, :2] - b[None, :, :2])
    in_other = (apart < b[None, :, 2:] / 2).all(axis=2)
    return np.asarray(in_other | (apart < a[:, None, 2:] / 2).all(axis=2), np.bool_)


def _line_number(read: ReadNumber, chance: float, beside: Sequence[Number]) -> Number:
    """Return the line reader's number; its cell is that of what the other reader has there."""
    each = chance ** (1 / max(1, sum(one.isdigit() for one in read.text)))
    digits = tuple(
        Digit(one, round(each, 6), box)
        for one, box in zip(read.text, read.character_boxes, strict=True)
        if one.isdigit()
    )
    number = Number(read.text, chance, "ok", 0, 0, read.box, digits)
    if not beside:
        return number
    first = beside[0]
    return Number(
        read.text, chance, "ok", first.line, first.item, read.box, digits,
        first.table, first.row, first.column,
    )  # fmt: skip


def _with_chance(number: Number, chance: float) -> Number:
    return replace(number, confidence=chance)


def _digits(texts: Sequence[str]) -> str:
    return "".join(filter(str.isdigit, "".join(texts)))


def _logit(chance: float) -> float:
    least = np.exp(-_MOST_LOGIT)
    chance = min(max(chance, least), 1 - least)
    return float(np.log(chance / (1 - chance)))


def _sigmoid(value: float) -> float:
    return float(1 / (1 + np.exp(-np.clip(value, -30, 30))))

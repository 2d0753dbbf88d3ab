"""Two readers' numbers on a page → one reading of each place, with the chance that it is right.

The component reader reads digits from their contours, the line reader whole lines from grey pixels.
They fail differently: where both say the same, a number is as good as sure. How sure, and whom to
believe where they differ, is learned from drawn pages (`training/fusion_fit.py`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from digitocr.core.document import Digit, Number, Reason
from digitocr.core.errors import ModelUnreadable
from digitocr.core.geometry import Box, around, corners_of
from digitocr.numbers.notation import is_sensible
from digitocr.recognition.page_lines import PageLines, ReadNumber

Features = NDArray[np.float64]  # (N_FEATURES,)
# What the line reader says of some component numbers in a place, and of its own there, by index.
Hears: TypeAlias = "Callable[[Sequence[int], Sequence[int]], Heard | None]"

N_FEATURES = 38
# Zeros before what has decimals or is a share: rare on paper, common where $ or @ is read as 0.
_PADDED = re.compile(r"\(?[-+]?0\d+[.,%]")
_MOST_LOGIT = 7.0  # chances beyond 0.999 tell no more
_USUAL_HEIGHT = 20.0  # pixels of a digit; only the unit of a logarithm


@dataclass(frozen=True, slots=True)
class Heard:
    """What the line reader says of all that was read in a place, where the component reader did."""

    chance: float  # 0..1, that the place says just what the component reader read there
    is_number: float  # 0..1, the finder's, that the line there holds numbers


@dataclass(frozen=True, slots=True)
class Place:
    """What the two readers read in one place; one of them may have read nothing."""

    components: tuple[Number, ...]  # left to right; confidences are chances
    lines: tuple[ReadNumber, ...]
    heard: Heard | None = None  # of the component numbers; None: the finder sees no line there
    refused: float = 0.0  # the share of the line reader's characters that lie in no digit's ink

    @property
    def agree(self) -> bool:
        """Whether both read the same."""
        return _texts(self.lines) == _texts(self.components)

    @property
    def line_logit(self) -> float:
        """How sure the line reader is, 0 where it read nothing."""
        return _logit(min((one.confidence for one in self.lines), default=0.5))

    @property
    def component_logit(self) -> float:
        """How sure the component reader is, 0 where it read nothing."""
        return _logit(min((one.confidence for one in self.components), default=0.5))

    @property
    def is_unseen(self) -> bool:
        """Whether the finder sees no line where there is a component number."""
        return bool(self.components) and self.heard is None

    @property
    def heard_logit(self) -> float:
        """How likely the component reader's text is to the line reader, 0 where it is unseen."""
        return _logit(self.heard.chance if self.heard else 0.5)

    @property
    def heard_number_logit(self) -> float:
        """How sure the finder is of numbers where components are, 0 where it sees no line."""
        return _logit(self.heard.is_number if self.heard else 0.5)


def page_features(found: Sequence[Place]) -> NDArray[np.float64]:
    """Return (N, N_FEATURES) that the chances of both readings are told from, place by place.

    How sure the readers are on all of the page, and how often they agree there, says which of them
    knows such pages.
    """
    if not found:
        return np.zeros((0, N_FEATURES))
    own = np.array([_features(place) for place in found], np.float64)
    lines = [place.line_logit for place in found if place.lines]
    components = [place.component_logit for place in found if place.components]
    page = [
        float(np.mean(lines)) if lines else 0.0,
        float(np.mean(components)) if components else 0.0,
        float(np.mean([place.agree for place in found])),
    ]
    return np.hstack([own, np.tile(page, (len(found), 1))])


def _features(place: Place) -> list[float]:
    line, component = place.line_logit, place.component_logit
    texts = _texts(place.lines), _texts(place.components)
    on_line, of_components = _digits(texts[0]), _digits(texts[1])
    both = bool(on_line and of_components)
    same_digits = both and on_line == of_components
    heights = [one.line.height for one in place.lines]
    heights = heights or [float(one.box.height) for one in place.components]
    alone = not place.lines
    ruling = max((one.is_ruling for one in place.lines), default=0.0)
    return [
        1.0,
        not place.components,
        alone,
        place.agree,
        same_digits,
        line,
        component,
        line * place.agree,
        component * place.agree,
        line * (not place.components),
        component * alone,
        _logit(min((one.line.is_number for one in place.lines), default=0.5)),
        np.log(max(1, min(heights)) / _USUAL_HEIGHT),
        np.log(sum(map(len, texts[0] or texts[1]))),
        len(place.lines) + len(place.components) > 2,
        np.log((1 + len(place.lines)) / (1 + len(place.components))) * both,
        _logit(min((one.line.score for one in place.lines), default=0.5)),
        min((len(one.text) for one in place.lines), default=0) == 1,
        place.is_unseen,
        place.is_unseen * component,
        place.heard_logit,
        place.heard_logit * alone,
        place.heard_number_logit * alone,
        np.log(len(on_line) / len(of_components)) if both else 0.0,
        both and not same_digits and of_components in on_line,
        both and not same_digits and on_line in of_components,
        ruling,
        ruling * (set(on_line) == {"1"}),
        *_joined(place, same_digits),
        bool(texts[0]) and not all(map(is_sensible, texts[0])),
        any(map(_PADDED.match, texts[0])),
        place.refused,
        place.refused * (not place.components),
    ]


def _joined(place: Place, same_digits: bool) -> tuple[float, float, float]:
    """Return what tells whether numbers that the line reader joins are one: how far apart they are.

    That is whether it joins any, whether it reads the same digits, and for these the gap between
    them in heights, the logarithm of the middle one.
    """
    own = place.components
    if not 0 < len(place.lines) < len(own):
        return 0.0, 0.0, 0.0
    gaps = [(b.box.x - a.box.right) / max(a.box.height, b.box.height) for a, b in pairwise(own)]
    return 1.0, float(same_digits), same_digits * float(np.log(np.clip(np.median(gaps), 0.1, 3)))


def _texts(read: Sequence[Number | ReadNumber]) -> list[str]:
    return [one.text for one in read]


@dataclass(frozen=True, slots=True)
class Arbiter:
    """Says how likely each reader's numbers in a place are all right (logistic regression)."""

    line_weights: Features
    component_weights: Features
    thresholds: tuple[float, ...]  # of the chance
    share_wrong: tuple[float, ...]  # of the numbers at or above each threshold
    kept: float = 0.5  # chance below which what one reader alone read is left out

    def review_line(self, max_error: float) -> float:
        """Return the chance below which a number is to be reviewed, as `Model.review_line`."""
        pairs = zip(self.thresholds, self.share_wrong, strict=True)
        return min((line for line, share in pairs if share <= max_error), default=1.0)

    def numbers(self, found: Sequence[Place], keep_all: bool = False) -> list[Number]:
        """Return the likelier reading of each place of a page, with its chance.

        What only one reader read, and is likelier wrong than `kept` allows, is left out, unless
        all is kept.
        """
        kept = 0.0 if keep_all else self.kept
        features = page_features(found)
        chosen: list[Number] = []
        for place, line, component in zip(
            found,
            _sigmoid(features @ self.line_weights).tolist(),
            _sigmoid(features @ self.component_weights).tolist(),
            strict=True,
        ):
            both = place.components and place.lines
            if place.components and (component > line or not place.lines):
                if both or component >= kept:
                    ours = [_component_number(one, component) for one in place.components]
                    chosen += (_compared(one, place) for one in ours)
            elif both or line >= kept:
                theirs = [_line_number(one, line, place.components) for one in place.lines]
                chosen += (_compared(one, place) for one in theirs)
        return chosen


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
    return Arbiter(
        line, component, tuple(found["thresholds"]), tuple(found["share_wrong"]), found["kept"]
    )


def places(numbers: Sequence[Number], lines: Sequence[ReadNumber], hears: Hears) -> Iterator[Place]:
    """Yield what two readers read in each place of a page: numbers whose boxes overlap.

    Args:
        numbers: of the component reader, with chances.
        lines: of the line reader.
        hears: tells what the line reader says of some of `numbers`.
    """
    boxes = [one.box for one in numbers], [one.box for one in lines]
    owner = list(range(len(numbers) + len(lines)))

    def root(i: int) -> int:
        while owner[i] != i:
            owner[i] = owner[owner[i]]
            i = owner[i]
        return i

    for i, j in zip(*np.nonzero(_overlap(*boxes)), strict=True):
        owner[root(int(i))] = root(len(numbers) + int(j))
    members: dict[int, tuple[list[int], list[int]]] = {}
    for i in range(len(owner)):
        own, other = members.setdefault(root(i), ([], []))
        if i < len(numbers):
            own.append(i)
        else:
            other.append(i - len(numbers))
    for own, other in members.values():
        own.sort(key=lambda i: numbers[i].box.x)
        other.sort(key=lambda i: lines[i].box.x)
        yield Place(
            tuple(numbers[i] for i in own),
            tuple(lines[i] for i in other),
            hears(own, other) if own else None,
        )


def refused_shares(found: Sequence[Place], non_digits: Sequence[Box]) -> NDArray[np.float64]:
    """Return (N,) shares, 0..1, of the line reader's characters whose ink was taken for no digit.

    0 where it read nothing.

    Args:
        found: N places.
        non_digits: boxes of ink that is as high as digits, but none to the component reader.
    """
    boxes = [[box for one in place.lines for box in one.character_boxes] for place in found]
    counts = np.array([len(own) for own in boxes], int)
    if not counts.sum() or not non_digits:
        return np.zeros(len(found))
    middles = np.array([box.middle for own in boxes for box in own])[:, None]
    left, top, right, bottom = corners_of(non_digits).T
    inside = (middles > np.stack([left, top], 1)) & (middles < np.stack([right, bottom], 1))
    is_refused = np.logical_and.reduce(inside, axis=2).any(axis=1)
    of = np.repeat(np.arange(len(found)), counts)
    hits = np.bincount(of, is_refused, len(found))
    return np.asarray(hits / np.maximum(counts, 1), np.float64)


def hearing(lines: PageLines, texts: Sequence[str], boxes: Sequence[Box]) -> Hears:
    """Return what tells how likely component numbers are to the line reader.

    Args:
        lines: of the page as given.
        texts: of the component numbers.
        boxes: of the same, on the page as given.
    """
    read = [(one.box, line) for line in lines.lines for one in line.numbers]
    at = lines.lines_at(boxes)

    def heard(own: Sequence[int], other: Sequence[int]) -> Heard | None:
        line = read[other[0]][1] if other else at[own[0]]
        place = around([*(boxes[i] for i in own), *(read[i][0] for i in other)])
        text = " ".join(texts[i] for i in own)
        return Heard(line.text_chance(text, place), line.line.is_number) if line else None

    return heard


def _overlap(ones: Sequence[Box], others: Sequence[Box]) -> NDArray[np.bool_]:
    """Tell (N, M) which boxes have the middle of the other in them, or their own in the other."""
    if not ones or not others:
        return np.zeros((len(ones), len(others)), bool)
    a, b = (np.array([(*one.middle, one.width, one.height) for one in s]) for s in (ones, others))
    apart = np.abs(a[:, None, :2] - b[None, :, :2])
    in_other = (apart < b[None, :, 2:] / 2).all(axis=2)
    return np.asarray(in_other | (apart < a[:, None, 2:] / 2).all(axis=2), np.bool_)


def _component_number(number: Number, chance: float) -> Number:
    """Return the component reader's number with its chance; none where no constraint allows it."""
    return replace(number, confidence=chance) if number.confidence else number


def _compared(number: Number, place: Place) -> Number:
    """Return a number chosen in a place with what the other reading there says of it.

    What the component reader left out beside it the line reader has seen too: where it reads the
    same, nothing is missing.
    """
    if place.agree:
        kept = [one for one in number.reasons if one != Reason.MARK_DROPPED]
        return replace(number, reasons=tuple(kept))
    both = place.components and place.lines
    return number.because(Reason.READERS_DISAGREE) if both else number


def _line_number(read: ReadNumber, chance: float, beside: Sequence[Number]) -> Number:
    """Return the line reader's number; its cell is that of what the other reader has there.

    Where both see as many digits, these have the boxes of their ink.
    """
    boxes = [box for one, box in zip(read.text, read.character_boxes, strict=True) if one.isdigit()]
    inked = [digit.box for number in beside for digit in number.digits]
    boxes = inked if len(inked) == len(boxes) else boxes
    each = round(chance ** (1 / max(1, len(boxes))), 6)
    texts = filter(str.isdigit, read.text)
    digits = tuple(Digit(one, each, box) for one, box in zip(texts, boxes, strict=True))
    number = Number(read.text, chance, "ok", 0, 0, around([read.box, *boxes]), digits)
    if not beside:
        return number
    first = beside[0]
    return replace(
        number, line=first.line, item=first.item,
        table=first.table, row=first.row, column=first.column,
    )  # fmt: skip


def _digits(texts: Sequence[str]) -> str:
    return "".join(filter(str.isdigit, "".join(texts)))


def _logit(chance: float) -> float:
    least = np.exp(-_MOST_LOGIT)
    chance = min(max(chance, least), 1 - least)
    return float(np.log(chance / (1 - chance)))


def _sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -30, 30))), np.float64)

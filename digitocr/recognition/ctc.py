"""From a line reader's columns of log-probabilities to texts, with alternatives and extents."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitocr.recognition.alphabet import BLANK, OTHER, SYMBOLS, decode, encode

Extents = tuple[tuple[int, int], ...]
"""Per character: first column, column after the last."""

_Beams = dict[tuple[int, ...], tuple[float, float]]  # prefix: (ends in blank, ends in its last)
_LEAST = 1e-4
_OTHER_CLASS = len(SYMBOLS)

LogProbs = NDArray[np.float32]
"""(columns, classes); class 0 is CTC's blank."""


@dataclass(frozen=True, slots=True)
class Spelled:
    """A text with the columns that each of its characters takes."""

    text: str
    log_probability: float
    """Of its likeliest path alone."""
    extents: Extents


def best_path(log_probs: LogProbs) -> Spelled:
    """Return the text of the likeliest class of every column; two "other" in a row are one."""
    best = log_probs.argmax(axis=1) if len(log_probs) else np.zeros(0, np.intp)
    edges = np.flatnonzero(np.diff(best, prepend=-1))
    ends = np.append(edges, len(best))[1:]
    chars, extents = [], []
    for start, end in zip(edges.tolist(), ends.tolist(), strict=True):
        if best[start] != BLANK:
            chars.append(SYMBOLS[best[start] - 1])
            extents.append((start, end))
    path = float(log_probs.max(axis=1).sum()) if len(log_probs) else 0.0
    return _merge_others("".join(chars), path, extents)


def _merge_others(text: str, log_probability: float, extents: list[tuple[int, int]]) -> Spelled:
    kept: list[int] = []
    for index, char in enumerate(text):
        if char == OTHER and kept and text[kept[-1]] == OTHER:
            extents[kept[-1]] = (extents[kept[-1]][0], extents[index][1])
        else:
            kept.append(index)
    texts = "".join(text[i] for i in kept)
    return Spelled(texts, log_probability, tuple(extents[i] for i in kept))


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A text that a line may say, and how likely that is, summed over all paths that spell it."""

    text: str
    probability: float


def beam_search(log_probs: LogProbs, width: int = 12, keep: int = 5) -> list[Hypothesis]:
    """Return up to `keep` texts, likeliest first.

    Prefix beam search: `width` prefixes live from column to column. Classes that a column gives
    less than 1 in 10,000 are not tried there. Two "other" in a row count as one. `locate` tells
    which columns the characters of a text take.
    """
    beams: _Beams = {(): (1.0, 0.0)}
    log_scale = 0.0
    for column in np.exp(log_probs.astype(np.float64)):
        tried = [(int(c), float(column[c])) for c in np.flatnonzero(column > _LEAST) if c != BLANK]
        blank = float(column[BLANK])
        grown = _grow(beams, blank, tried) if tried else _rest(beams, blank)
        if len(grown) > width:
            likeliest = sorted(grown.items(), key=lambda item: -(item[1][0] + item[1][1]))
            grown = dict(likeliest[:width])
        total = sum(ends_blank + ends_char for ends_blank, ends_char in grown.values()) or 1.0
        beams = {prefix: (b / total, c / total) for prefix, (b, c) in grown.items()}
        log_scale += float(np.log(total))
    ends = sorted(((b + c, prefix) for prefix, (b, c) in beams.items()), reverse=True)
    kept = float(np.exp(log_scale))
    return [Hypothesis(decode(list(prefix)), chance * kept) for chance, prefix in ends[:keep]]


def _rest(beams: _Beams, blank: float) -> _Beams:
    """Return what prefixes become in a column that can only be blank."""
    return {prefix: ((b + c) * blank, 0.0) for prefix, (b, c) in beams.items()}


def _grow(beams: _Beams, blank: float, tried: list[tuple[int, float]]) -> _Beams:
    """Return what prefixes become in a column of several classes."""
    grown = _rest(beams, blank)
    for prefix, (ends_blank, ends_char) in beams.items():
        last = prefix[-1] if prefix else BLANK
        for char, chance in tried:
            fresh = ends_blank + ends_char
            if char == last:
                stays = fresh if char == _OTHER_CLASS else ends_char
                old = grown[prefix]
                grown[prefix] = old[0], old[1] + stays * chance
                fresh = 0.0 if char == _OTHER_CLASS else ends_blank
            if fresh:
                longer = (*prefix, char)
                old = grown.get(longer, (0.0, 0.0))
                grown[longer] = old[0], old[1] + fresh * chance
    return grown


def locate(log_probs: LogProbs, text: str) -> Spelled:
    """Return a text with the columns of its characters on its likeliest path."""
    extents, path = align(log_probs, tuple(encode(text)))
    return Spelled(text, path, extents)


def align(log_probs: LogProbs, classes: tuple[int, ...]) -> tuple[Extents, float]:
    """Return the columns (first, after last) of each class on the likeliest path that spells them.

    The second value is that path's log-probability; -inf where the columns are too few.

    Columns between must be blank, so an "other" that came twice is found in its likelier half.
    """
    count = len(log_probs)
    if not classes:
        return (), float(log_probs[:, BLANK].sum())
    labels = np.full(2 * len(classes) + 1, BLANK)
    labels[1::2] = classes
    emit = log_probs[:, labels].astype(np.float64)
    skip = np.zeros(len(labels), bool)
    skip[3::2] = labels[3::2] != labels[1:-2:2]
    score = np.full(len(labels), -np.inf)
    score[:2] = emit[0, :2] if count else -np.inf
    came = np.zeros((count, len(labels)), np.int8)
    for column in range(1, count):
        one = np.append(-np.inf, score[:-1])
        two = np.where(skip, np.append([-np.inf, -np.inf], score[:-2]), -np.inf)
        options = np.stack([score, one, two])
        came[column] = options.argmax(axis=0)
        score = options.max(axis=0) + emit[column]
    last = len(labels) - 1 if score[-1] > score[-2] else len(labels) - 2
    return _extents(came, last, len(classes)), float(score[last])


def _extents(came: NDArray[np.int8], state: int, length: int) -> Extents:
    """Follow the likeliest path back from its last state."""
    first, last = [0] * length, [-1] * length
    for column in range(len(came) - 1, -1, -1):
        if state % 2:
            index = state // 2
            first[index] = column
            last[index] = max(last[index], column)
        state -= int(came[column, state])
    return tuple((start, end + 1) for start, end in zip(first, last, strict=True))

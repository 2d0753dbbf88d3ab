"""From a line reader's columns of log-probabilities to texts, with alternatives and extents."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitocr.recognition.alphabet import BLANK, OTHER, SYMBOLS

_LEAST_LOG = -9.2
_OTHER_CLASS = len(SYMBOLS)

LogProbs = NDArray[np.float32]
"""(columns, classes); class 0 is CTC's blank."""


@dataclass(frozen=True, slots=True)
class Spelled:
    """A text with the columns that each of its characters takes."""

    text: str
    log_probability: float
    """Of the text; of its best path alone where `best_path` found it."""
    extents: tuple[tuple[int, int], ...]
    """Per character: first column, column after the last."""
    probabilities: tuple[float, ...]
    """Per character: the highest probability of its class in those columns."""


def best_path(log_probs: LogProbs) -> Spelled:
    """Return the text of the likeliest class of every column; two "other" in a row are one."""
    best = log_probs.argmax(axis=1) if len(log_probs) else np.zeros(0, np.intp)
    edges = np.flatnonzero(np.diff(best, prepend=-1))
    ends = np.append(edges, len(best))[1:]
    chars, extents, chances = [], [], []
    for start, end in zip(edges.tolist(), ends.tolist(), strict=True):
        if best[start] != BLANK:
            chars.append(SYMBOLS[best[start] - 1])
            extents.append((start, end))
            chances.append(float(np.exp(log_probs[start:end, best[start]].max())))
    path = float(log_probs.max(axis=1).sum()) if len(log_probs) else 0.0
    return _merge_others("".join(chars), path, extents, chances)


def _merge_others(
    text: str, log_probability: float, extents: list[tuple[int, int]], chances: list[float]
) -> Spelled:
    kept: list[int] = []
    for index, char in enumerate(text):
        if char == OTHER and kept and text[kept[-1]] == OTHER:
            extents[kept[-1]] = (extents[kept[-1]][0], extents[index][1])
            chances[kept[-1]] = max(chances[kept[-1]], chances[index])
        else:
            kept.append(index)
    return Spelled(
        "".join(text[i] for i in kept), log_probability,
        tuple(extents[i] for i in kept), tuple(chances[i] for i in kept),
    )  # fmt: skip


def beam_search(log_probs: LogProbs, width: int = 12, keep: int = 5) -> list[Spelled]:
    """Return up to `keep` texts, likeliest first, with their probabilities summed over paths.

    Prefix beam search: `width` prefixes live from column to column. Classes that no column gives
    1 in 10,000 are not tried there. Two "other" in a row count as one.
    """
    beams: dict[tuple[int, ...], tuple[float, float]] = {(): (0.0, -np.inf)}
    for column in log_probs.astype(np.float64):
        tried = [int(c) for c in np.flatnonzero(column > _LEAST_LOG) if c != BLANK]
        grown: dict[tuple[int, ...], tuple[float, float]] = {}
        for prefix, (ends_blank, ends_char) in beams.items():
            _grow(grown, prefix, ends_blank, ends_char, column, tried)
        best = sorted(grown.items(), key=lambda item: -np.logaddexp(*item[1]))[:width]
        beams = dict(best)
    texts: dict[tuple[int, ...], float] = {}
    for prefix, (ends_blank, ends_char) in beams.items():
        total = float(np.logaddexp(ends_blank, ends_char))
        texts[prefix] = float(np.logaddexp(texts.get(prefix, -np.inf), total))
    best_texts = sorted(texts.items(), key=lambda item: -item[1])[:keep]
    return [_located(log_probs, prefix, chance) for prefix, chance in best_texts]


def _add(
    beams: dict[tuple[int, ...], tuple[float, float]],
    prefix: tuple[int, ...],
    blank: float,
    char: float,
) -> None:
    old_blank, old_char = beams.get(prefix, (-np.inf, -np.inf))
    beams[prefix] = float(np.logaddexp(old_blank, blank)), float(np.logaddexp(old_char, char))


def _grow(
    grown: dict[tuple[int, ...], tuple[float, float]], prefix: tuple[int, ...], ends_blank: float,
    ends_char: float, column: NDArray[np.float64], tried: list[int],
) -> None:  # fmt: skip
    """Add to `grown` what a prefix becomes in one column."""
    either = float(np.logaddexp(ends_blank, ends_char))
    _add(grown, prefix, either + column[BLANK], -np.inf)
    for char in tried:
        chance = column[char]
        if prefix and prefix[-1] == char:
            _add(grown, prefix, -np.inf, ends_char + chance)
            longer = prefix if char == _OTHER_CLASS else (*prefix, char)
            _add(grown, longer, -np.inf, ends_blank + chance)
        else:
            _add(grown, (*prefix, char), -np.inf, either + chance)


def _located(log_probs: LogProbs, classes: tuple[int, ...], log_probability: float) -> Spelled:
    """Return a text with the columns of its likeliest path (Viterbi)."""
    extents = align(log_probs, classes)
    chances = tuple(
        float(np.exp(log_probs[start:end, c].max()))
        for c, (start, end) in zip(classes, extents, strict=True)
    )
    text = "".join(SYMBOLS[c - 1] for c in classes)
    return Spelled(text, log_probability, extents, chances)


def align(log_probs: LogProbs, classes: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """Return the columns (first, after last) of each class on the likeliest path that spells them.

    Columns between must be blank, so an "other" that came twice is found in its likelier half.
    """
    count = len(log_probs)
    if not classes:
        return ()
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
    return _extents(
        came, len(labels) - 1 if score[-1] > score[-2] else len(labels) - 2, len(classes)
    )


def _extents(came: NDArray[np.int8], state: int, length: int) -> tuple[tuple[int, int], ...]:
    """Follow the likeliest path back from its last state."""
    first, last = [0] * length, [-1] * length
    for column in range(len(came) - 1, -1, -1):
        if state % 2:
            index = state // 2
            first[index] = column
            last[index] = max(last[index], column)
        state -= int(came[column, state])
    return tuple((start, end + 1) for start, end in zip(first, last, strict=True))

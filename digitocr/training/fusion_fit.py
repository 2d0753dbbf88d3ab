"""Fit the arbiter between the two readers, each kind of page left out in turn to see how it holds.

    python -m digitocr.training.fusion_fit models/digits.fusion.json --fonts FOLDER --data DATA
        --truth FOLDER --truth FOLDER ...

Pages are drawn, each with one kind of layout; to these come folders of pages with a truth.csv, a
kind each. What either reader reads in a place is compared with what is written there. `--places`
keeps what was read, so that fitting again needs no reading.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from digitocr.core.arrays import Gray
from digitocr.core.document import Number
from digitocr.core.geometry import Box
from digitocr.core.source import Page, Source
from digitocr.inputs.reader import read_pages
from digitocr.numbers.fusion import N_FEATURES, Arbiter, page_features
from digitocr.pipeline.finish import boxes_on_page
from digitocr.pipeline.page import LineReaders, PageReader
from digitocr.recognition.line_numbers import written_numbers
from digitocr.recognition.model import LINE_FILES, load_model
from digitocr.recognition.page_lines import LineScanner, ReadNumber
from digitocr.training.data.datasets import read_truth
from digitocr.training.data.layouts import LAYOUTS
from digitocr.training.data.pages import DrawnPage, PagePainter, cut_to_a_line

_STRENGTH = 1.0  # of the ridge, in places
_ROUNDS, _SETTLED = 40, 1e-6  # of Newton's method: at most, and the step that ends it
_SIDES = 300, 900  # of drawn pages, pixels
_AMBIGUOUS = {"comb"}  # a digit a cell: one number to a form, many to a table
_CUT = "cut"  # what a line cut out of a page is called, of whatever kind that is
_KEPT = tuple(np.round(np.arange(0.5, 0.8, 0.05), 2).tolist())  # never what is likelier wrong
_COARSE, _FINE = np.arange(0.3, 0.9, 0.05), np.arange(0.9, 0.999, 0.005)
_UNUSED = Arbiter(np.zeros(N_FEATURES), np.zeros(N_FEATURES), (), ())  # as long as none is fitted
THRESHOLDS: tuple[float, ...] = tuple(np.round([*_COARSE, *_FINE], 3).tolist())

Values = NDArray[np.float64]
Rows = NDArray[np.float64]
"""(N, N_FEATURES + 2): features, then whether each reader is right, NaN where it read nothing."""

Read = Sequence[tuple[str, Box]]  # texts, and where they are on the page as given
IsRight = Callable[[Read], bool]


def logistic_weights(features: Values, right: Values, weight: Values) -> Values:
    """Return the weights (F,) of a logistic regression with a little ridge, by Newton's method.

    Args:
        features: (N, F); the first is 1.
        right: (N,), 0 or 1.
        weight: (N,), how much each row counts; 1 in the mean.
    """
    weights = np.zeros(features.shape[1])
    ridge = np.full(features.shape[1], _STRENGTH)
    ridge[0] = 1e-6  # how often readers are right is no matter of restraint
    for _ in range(_ROUNDS):
        chance = _sigmoid(features @ weights)
        slope = features.T @ (weight * (right - chance)) - ridge * weights
        bend = (features.T * (weight * chance * (1 - chance))) @ features + np.diag(ridge)
        step = np.linalg.solve(bend, slope)
        weights = weights + step
        if np.abs(step).max() < _SETTLED:
            break
    return weights


def fitted_arbiter(rows: Rows, kinds: NDArray[np.str_]) -> Arbiter:
    """Return the arbiter for what was read and how right it was.

    Its chances are drawn towards what they are worth on kinds left out, and the lines for review
    are counted there: the next page is of no kind that was seen.
    """
    weight = _kind_weights(kinds)
    line, component = _fitted_weights(rows, weight)
    chance, right = np.zeros(len(rows)), np.zeros(len(rows))
    for kind in np.unique(kinds):
        own = kinds == kind
        others = (line, component) if own.all() else _fitted_weights(rows[~own], weight[~own])
        chance[own], right[own] = arbitrated(rows[own], *others)
    logit = _logit(chance)
    offset, slope = logistic_weights(np.stack([np.ones(len(rows)), logit], axis=1), right, weight)
    line, component = line * slope, component * slope
    line[0] += offset
    component[0] += offset
    chance = _sigmoid(logit * slope + offset)
    wrong = [_mean(1 - right[chance >= least], weight[chance >= least]) for least in THRESHOLDS]
    return Arbiter(line, component, THRESHOLDS, tuple(wrong), _best_kept(chance, right, weight))


def _kind_weights(kinds: NDArray[np.str_]) -> Values:
    """Return how much each place counts, 1 in the mean.

    A kind with four times as many places counts twice: the best of three, left-out kinds predicted.
    """
    _, kind, count = np.unique(kinds, return_inverse=True, return_counts=True)
    weight = 1.0 / np.sqrt(count[kind])
    return np.asarray(weight * len(weight) / weight.sum(), np.float64)


def _fitted_weights(rows: Rows, weight: Values) -> tuple[Values, Values]:
    """Return the weights that tell whether the line reader, the component reader, is right."""
    fitted = []
    for at in (N_FEATURES, N_FEATURES + 1):
        known = ~np.isnan(rows[:, at])
        own = rows[known]
        fitted.append(logistic_weights(own[:, :N_FEATURES], own[:, at], weight[known]))
    return fitted[0], fitted[1]


def _best_kept(chance: Values, right: Values, weight: Values) -> float:
    """Return the chance from which on keeping readings gives the best F1 of all."""
    kept = chance >= np.array(_KEPT)[:, None]
    f1 = 2 * (kept @ (weight * right)) / (kept @ weight + weight @ right)
    return float(_KEPT[int(f1.argmax())])


def arbitrated(rows: Rows, line: Values, component: Values) -> tuple[Values, Values]:
    """Return for each place the chance of the reading chosen there, and whether it is right."""
    features = rows[:, :N_FEATURES]
    there = ~np.isnan(rows[:, N_FEATURES:])
    chances = np.where(there, _sigmoid(features @ np.stack([line, component], axis=1)), 0)
    chosen = chances.argmax(axis=1)
    each = np.arange(len(rows))
    return chances[each, chosen], np.nan_to_num(rows[each, N_FEATURES + chosen])


def _logit(chance: Values) -> Values:
    chance = chance.clip(1e-6, 1 - 1e-6)
    return np.asarray(np.log(chance / (1 - chance)), np.float64)


def _sigmoid(values: Values) -> Values:
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -30, 30))), np.float64)


def _mean(values: Values, weight: Values) -> float:
    return float(np.average(values, weights=weight)) if len(values) else 0.0


class Readers:
    """Both readers, as a scan has them."""

    def __init__(self, model: Path) -> None:
        """Load a model's networks; what weighs them need not be there yet."""
        finder, lines = (model.with_suffix(ending) for ending in LINE_FILES[:2])
        readers = LineReaders(LineScanner(finder, lines), _UNUSED)
        self._reader = PageReader(load_model(model), 0.0, line_readers=readers)

    def rows(self, gray: Gray, is_right: IsRight) -> Rows:
        """Return what was read on a page and whether it is right, a row a place."""
        height, width = gray.shape
        upright, found = self._reader.places(Page(1, gray, None))

        def answer(numbers: Sequence[Number] | Sequence[ReadNumber]) -> float:
            boxes = boxes_on_page([one.box for one in numbers], upright.to_page, width, height)
            texts = [one.text for one in numbers]
            return float(is_right(list(zip(texts, boxes, strict=True)))) if texts else np.nan

        right = [[answer(place.lines), answer(place.components)] for place in found]
        return np.hstack([page_features(found), np.array(right).reshape(-1, 2)])


def drawn_rows(
    readers: Readers, painter: PagePainter, n_pages: int, seed: int
) -> Iterator[tuple[str, Rows]]:
    """Yield the kind of each drawn page, and what was read there; and of a line cut out of it."""
    rng = np.random.default_rng(seed)
    kinds = sorted(LAYOUTS.keys() - _AMBIGUOUS)
    for i in range(n_pages):
        kind = kinds[i % len(kinds)]
        height, width = rng.integers(*_SIDES, 2).tolist()
        drawn = painter.page(height, width, kind)
        larger = float(rng.choice([1.0, 1.5, 2.5], p=[0.45, 0.4, 0.15]))
        for of, page in ((kind, drawn), (_CUT, cut_to_a_line(rng, drawn))):
            gray = np.asarray(cv2.resize(page.gray, None, fx=larger, fy=larger), np.uint8)
            yield of, readers.rows(gray, partial(_is_drawn, page, larger))


def _is_drawn(drawn: DrawnPage, larger: float, read: Read) -> bool:
    """Tell whether each text is among those of the line that it stands on."""
    for text, box in read:
        middle = box.middle[0] / larger, box.middle[1] / larger
        written = {
            number
            for line in drawn.lines
            if cv2.pointPolygonTest(line.quad.astype(np.float32), middle, True)
            > -0.4 * line.digit_height
            for number in written_numbers(line.truth)
        }
        if text not in written:
            return False
    return True


def true_rows(
    readers: Readers, folder: Path, is_right: Callable[[Sequence[str], Read], bool]
) -> Iterator[tuple[str, Rows]]:
    """Yield what was read on each page of a folder with a truth.csv.

    Args:
        readers: both.
        folder: with the pages and their truth.csv.
        is_right: tells whether what was read in a place is right, of numbers written on the page.
    """
    for row in read_truth(folder):
        for page in read_pages(Source(row.file, folder / row.file)):
            yield folder.name, readers.rows(page.gray, partial(is_right, row.numbers))


def is_among(written: Sequence[str], read: Read) -> bool:
    """Tell whether each text is written on the page."""
    return all(text in written for text, _ in read)


def has_digits(written: Sequence[str], read: Read) -> bool:
    """Tell whether the digits of all texts together are those of a number on the page."""
    return _digits_of(text for text, _ in read) in {_digits_of([text]) for text in written}


def _digits_of(texts: Iterable[str]) -> str:
    return "".join(c for text in texts for c in text if c.isdigit())


def main() -> None:
    """Read, fit, print how well chances hold on kinds left out, write the arbiter."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("--fonts", type=Path, action="append", default=[])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--truth", type=Path, action="append", default=[])
    parser.add_argument(
        "--digits", type=Path, action="append", default=[], help="as --truth, naming digits alone"
    )
    parser.add_argument("--pages", type=int, default=104, help="to draw")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--places", type=Path, help="an .npz file: keep or take what was read")
    given = parser.parse_args()
    rows, kinds = _rows(given)
    _print_left_out(rows, kinds)
    given.output.write_bytes(arbiter_file(fitted_arbiter(rows, kinds)))


def _rows(given: argparse.Namespace) -> tuple[Rows, NDArray[np.str_]]:
    if given.places and given.places.is_file():
        kept = np.load(given.places)
        return kept["rows"], kept["kinds"]
    model = given.output.with_name(given.output.name.replace(LINE_FILES[2], ".safetensors"))
    readers, found = Readers(model), list[tuple[str, Rows]]()
    for folder in given.truth:
        found += true_rows(readers, folder, is_among)
    for folder in given.digits:
        found += true_rows(readers, folder, has_digits)
    if given.pages:
        painter = PagePainter.load(tuple(given.fonts), given.data, given.seed, held_out=True)
        found += drawn_rows(readers, painter, given.pages, given.seed)
    rows = np.vstack([own for _, own in found])
    kinds = np.array([kind for kind, own in found for _ in own])
    if given.places:
        np.savez(given.places, rows=rows, kinds=kinds)
    return rows, kinds


def _print_left_out(rows: Rows, kinds: NDArray[np.str_]) -> None:
    """Print, for each kind of page, how chances hold that were fitted without it."""
    for kind in np.unique(kinds):
        own = kinds == kind
        arbiter = fitted_arbiter(rows[~own], kinds[~own])
        chance, right = arbitrated(rows[own], arbiter.line_weights, arbiter.component_weights)
        line, component = (
            _mean(read, np.ones(len(read)))
            for at in (N_FEATURES, N_FEATURES + 1)
            for read in [rows[own & ~np.isnan(rows[:, at]), at]]
        )
        sure = chance >= arbiter.review_line(0.03)
        wrong = _mean(1 - right[sure], np.ones(sure.sum()))
        print(
            f"{kind:20} {own.sum():5} places; right: lines {line:.2f}, components {component:.2f},"
            f" chosen {right.mean():.2f} (said {chance.mean():.2f}); ok {sure.mean():.2f},"
            f" of these wrong {wrong:.3f}"
        )


def arbiter_file(arbiter: Arbiter) -> bytes:
    """Return an arbiter as the bytes of its file, which `load_arbiter` reads."""
    content = {
        "line_weights": arbiter.line_weights.round(5).tolist(),
        "component_weights": arbiter.component_weights.round(5).tolist(),
        "thresholds": list(arbiter.thresholds),
        "kept": arbiter.kept,
        "share_wrong": [round(one, 5) for one in arbiter.share_wrong],
    }
    return (json.dumps(content) + "\n").encode()


if __name__ == "__main__":
    main()

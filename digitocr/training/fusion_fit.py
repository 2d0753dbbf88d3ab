"""Fit the arbiter between the two readers on drawn pages, kind of page by kind of page.

    python -m digitocr.training.fusion_fit models/digits.fusion.json --fonts FOLDER --data DATA

Every place that either reader reads is compared with what was drawn there. `--places` keeps what
was read, so that fitting again needs no reading.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from digitocr.core.document import Number
from digitocr.core.source import Page
from digitocr.numbers.fusion import N_FEATURES, Arbiter, Place, places
from digitocr.pipeline.page import PageReader
from digitocr.recognition.line_numbers import written_numbers
from digitocr.recognition.model import load_model, models_folder
from digitocr.recognition.page_lines import LineScanner, ReadNumber
from digitocr.training.data.layouts import LAYOUTS
from digitocr.training.data.pages import DrawnPage, PagePainter

_STRENGTH = 1.0  # of the ridge, in places
_ROUNDS = 30  # of Newton's method
_SIDES = 500, 1700  # of the pages, pixels
_COARSE, _FINE = np.arange(0.3, 0.9, 0.05), np.arange(0.9, 0.999, 0.005)
THRESHOLDS: tuple[float, ...] = tuple(np.round([*_COARSE, *_FINE], 3).tolist())

Rows = NDArray[
    np.float64
]  # (N, N_FEATURES + 2): features, then whether each reader is right or NaN


def logistic_weights(
    features: NDArray[np.float64], right: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the weights (F,) of a logistic regression with a little ridge, by Newton's method.

    Args:
        features: (N, F); the first is 1.
        right: (N,), 0 or 1.
    """
    weights = np.zeros(features.shape[1])
    ridge = np.full(features.shape[1], _STRENGTH)
    ridge[0] = 1e-3
    for _ in range(_ROUNDS):
        chance = 1 / (1 + np.exp(-np.clip(features @ weights, -30, 30)))
        slope = features.T @ (right - chance) - ridge * weights
        bend = (features.T * (chance * (1 - chance))) @ features + np.diag(ridge)
        weights = weights + np.linalg.solve(bend, slope)
    return weights


def fitted_arbiter(rows: Rows) -> Arbiter:
    """Return the arbiter for what was read and how right it was."""
    features = rows[:, :N_FEATURES]
    line, component = (
        logistic_weights(features[known], rows[known, at])
        for at in (N_FEATURES, N_FEATURES + 1)
        for known in [~np.isnan(rows[:, at])]
    )
    chance, right = arbitrated(rows, line, component)
    wrong = [
        float(1 - right[chance >= least].mean()) if (chance >= least).any() else 0.0
        for least in THRESHOLDS
    ]
    return Arbiter(line, component, THRESHOLDS, tuple(wrong))


def arbitrated(
    rows: Rows, line: NDArray[np.float64], component: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return for each place the chance of the reading chosen there, and whether it is right."""
    chances = [
        np.where(np.isnan(rows[:, at]), 0, 1 / (1 + np.exp(-rows[:, :N_FEATURES] @ weights)))
        for at, weights in ((N_FEATURES, line), (N_FEATURES + 1, component))
    ]
    takes_line = chances[0] >= chances[1]
    right = np.where(takes_line, rows[:, N_FEATURES], rows[:, N_FEATURES + 1])
    return np.maximum(*chances), right


def read_places(
    painter: PagePainter, n_pages: int, seed: int
) -> Iterator[tuple[str, Place, tuple[bool, bool]]]:
    """Yield the kind of page, what was read in a place of it, and whether each reader is right."""
    folder = models_folder()
    reader = PageReader(load_model("digits"), 0.0)
    scanner = LineScanner(folder / "digits.finder.onnx", folder / "digits.lines.onnx")
    rng = np.random.default_rng(seed)
    kinds = sorted(LAYOUTS)
    for i in range(n_pages):
        kind = kinds[i % len(kinds)]
        height, width = rng.integers(*_SIDES, 2).tolist()
        drawn = painter.page(height, width, kind)
        gray = drawn.gray
        if rng.random() < 0.5:
            larger = float(rng.uniform(1, 2))
            gray = np.asarray(cv2.resize(gray, None, fx=larger, fy=larger), np.uint8)
        else:
            larger = 1.0
        numbers = reader.read(Page(1, gray, None)).numbers
        for place in places(numbers, scanner.numbers(gray)):
            yield kind, place, _rightness(place, drawn, larger)


def _rightness(place: Place, drawn: DrawnPage, larger: float) -> tuple[bool, bool]:
    """Tell whether all that each reader read in a place is written there, and no more is."""
    return _is_right(place.lines, drawn, larger), _is_right(place.components, drawn, larger)


def _is_right(
    read: tuple[Number, ...] | tuple[ReadNumber, ...], drawn: DrawnPage, larger: float
) -> bool:
    """Tell whether each text is among those of the line that it stands on."""
    for one in read:
        x, y = (value / larger for value in one.box.middle)
        around = [
            line
            for line in drawn.lines
            if cv2.pointPolygonTest(line.quad.astype(np.float32), (x, y), True)
            > -0.4 * line.digit_height
        ]
        written = {text for line in around for text in written_numbers(line.truth)}
        if one.text not in written:
            return False
    return bool(read)


def main() -> None:
    """Draw, read, fit, print how well chances hold on kinds left out, write the arbiter."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("output", type=Path)
    parser.add_argument("--fonts", type=Path, action="append", default=[])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--pages", type=int, default=200)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--places", type=Path, help="Keep or take what was read: an .npz file.")
    given = parser.parse_args()
    rows, kinds = _rows(given)
    print(f"{len(rows)} places on pages of {len(set(kinds))} kinds")
    _say_left_out(rows, kinds)
    arbiter = fitted_arbiter(rows)
    given.output.write_text(
        json.dumps(
            {
                "line_weights": arbiter.line_weights.round(5).tolist(),
                "component_weights": arbiter.component_weights.round(5).tolist(),
                "thresholds": list(arbiter.thresholds),
                "share_wrong": [round(one, 5) for one in arbiter.share_wrong],
            }
        )
        + "\n"
    )


def _rows(given: argparse.Namespace) -> tuple[Rows, list[str]]:
    if given.places and given.places.is_file():
        kept = np.load(given.places)
        return kept["rows"], kept["kinds"].tolist()
    painter = PagePainter.load(tuple(given.fonts), given.data, given.seed, held_out=True)
    rows, kinds = [], []
    for kind, place, (line, component) in read_places(painter, given.pages, given.seed):
        seen = (
            float(line) if place.lines else np.nan,
            float(component) if place.components else np.nan,
        )
        rows.append(np.array([*place.features, *seen]))
        kinds.append(kind)
        if len(rows) % 200 == 0:
            print(len(rows), "places", file=sys.stderr, flush=True)
    found = np.array(rows)
    if given.places:
        np.savez(given.places, rows=found, kinds=np.array(kinds))
    return found, kinds


def _say_left_out(rows: Rows, kinds: list[str]) -> None:
    """Print, for each kind of page, how chances hold that were fitted without it."""
    names = np.array(kinds)
    for kind in sorted(set(kinds)):
        own = names == kind
        arbiter = fitted_arbiter(rows[~own])
        chance, right = arbitrated(rows[own], arbiter.line_weights, arbiter.component_weights)
        alone = [
            np.nanmean(rows[own, at]) if not np.isnan(rows[own, at]).all() else 0
            for at in (N_FEATURES, N_FEATURES + 1)
        ]
        sure = chance >= arbiter.review_line(0.03)
        lies = 1 - right[sure].mean() if sure.any() else 0.0
        print(
            f"{kind:20} places {own.sum():5}  right: lines {alone[0]:.2f} components {alone[1]:.2f}"
            f" chosen {right.mean():.2f} (said {chance.mean():.2f})  ok {sure.mean():.2f}"
            f" of these wrong {lies:.3f}"
        )


if __name__ == "__main__":
    main()

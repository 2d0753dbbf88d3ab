"""Print, for each kind of page, how well confidence holds that was fitted without that kind.

    python -m digitocr.training.fusion_fit ... --places places.npz
    python benchmarks/domains.py places.npz

Kinds in places.npz (pages drawn and composed, samples, training cheques) are left out of the fit
in turn. The open page sets beside the project are in no fit at all: they are read here. A row a
kind, 0..100: share of places read right, mean confidence, expected calibration error (15 ranges),
share of `ok`, share wrong of those; the last row counts each set of real pages alike.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from commands import SHARED

from digitocr.numbers.fusion import Arbiter
from digitocr.recognition.model import models_folder
from digitocr.training.fusion_fit import (
    Readers,
    Rows,
    Values,
    arbitrated,
    fitted_arbiter,
    has_digits,
    is_among,
    true_rows,
)

PAGES = SHARED / "data" / "pages"
EXACT = ("field", "field_print", "field_issues", "receipts", "hand_photos", "digit_sheets")
DIGITS_ALONE = ("weather_cells", "parish_ids", "meter_lcd")  # their truth names no signs
MAX_ERROR = 0.03  # as `scan` has it
RANGES = 15


def calibration_error(chance: Values, right: Values) -> float:
    """Return how far mean confidence is from the share right, over ranges of confidence."""
    group = np.minimum((chance * RANGES).astype(int), RANGES - 1)
    off = np.bincount(group, chance - right, RANGES)
    return float(np.abs(off).sum() / len(chance))


def figures(rows: Rows, arbiter: Arbiter) -> list[float]:
    """Return the figures of a kind's places, 0..100."""
    chance, right = arbitrated(rows, arbiter.line_weights, arbiter.component_weights)
    kept = chance >= arbiter.kept
    chance, right = chance[kept], right[kept]
    if not len(chance):
        return [np.nan] * 5
    sure = chance >= arbiter.review_line(MAX_ERROR)
    wrong = float(1 - right[sure].mean()) if sure.any() else np.nan
    error = calibration_error(chance, right)
    return [100 * one for one in (right.mean(), chance.mean(), error, sure.mean(), wrong)]


def left_out(rows: Rows, kinds: np.ndarray) -> Iterator[tuple[str, int, list[float]]]:
    """Yield each kind of what the arbiter is fitted on, measured by a fit without it."""
    for kind in np.unique(kinds):
        own = kinds == kind
        yield str(kind), int(own.sum()), figures(rows[own], fitted_arbiter(rows[~own], kinds[~own]))


def page_sets(arbiter: Arbiter) -> Iterator[tuple[str, int, list[float]]]:
    """Yield each open page set, read by both readers."""
    readers = Readers(models_folder() / "digits.safetensors")
    for name in EXACT + DIGITS_ALONE:
        right = has_digits if name in DIGITS_ALONE else is_among
        found = [own for _, own in true_rows(readers, PAGES / name, right)]
        rows = np.vstack(found)
        yield name, len(rows), figures(rows, arbiter)


def show(name: str, count: int, own: list[float]) -> None:
    """Print a row."""
    print(f"{name:18}{count:7}" + "".join(f"{one:8.1f}" for one in own), flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("places", type=Path, help="what fusion_fit keeps")
    kept = np.load(parser.parse_args().places)
    rows, kinds = kept["rows"], kept["kinds"]
    print(f"{'kind':18}{'places':>7}   right    said   error      ok   wrong")
    for row in left_out(rows, kinds):
        show(*row)
    real = []
    for name, count, own in page_sets(fitted_arbiter(rows, kinds)):
        show(name, count, own)
        real.append(own)
    show("real, alike", len(real), np.nanmean(real, axis=0).tolist())


if __name__ == "__main__":
    main()

"""Measure what the confidence of numbers is worth, over all sets that accuracy.py has kept.

    python benchmarks/accuracy.py --keep FOLDER
    python benchmarks/confidence.py FOLDER [--only cheque_amounts,hand_photos]

A number is right if its digits are in its page's truth, and not more often than there. Sets whose
truth is numbers count, samples/ aside; empty pages and text too: every number read there is wrong.
Over all sets together figures are given twice: `pooled` counts every number once; `alike` repeats
the numbers of each set that holds any until each weighs the same. Three tables, 0..100:

calibration   a set a row: mean confidence, share right, expected calibration error
reliability   a range of confidence a row: share of numbers in it, mean confidence, share right
trade-off     a line for review a row: share of numbers at or above it (ok), share wrong of those;
              hard is cheque_amounts and hand_photos, pooled
"""

from __future__ import annotations

import argparse
import sys
from itertools import chain, pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from kept import judged, pages_of, read_truth, results_of
from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.table import Table

from digitocr.training.calibration import (
    Level,
    calibration_error,
    levels,
)

RANGES = (0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, np.inf)
LINES = (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)
HARD = {"cheque_amounts", "hand_photos"}
RELIABILITY = ("share", "confidence", "right")
REPEATED = 100_000  # numbers of each set, where all sets weigh the same


class Judged(NamedTuple):
    """Numbers that were read."""

    confidence: NDArray[np.float64]  # (N,), 0..1
    right: NDArray[np.bool_]  # (N,)
    n_wanted: int  # numbers of the truth


def kept_sets(kept: Path) -> dict[str, Judged]:
    """Return the numbers of every set that was kept and has numbers for its truth."""
    sets = {}
    for results in sorted((kept / "results").glob("*/")):
        truth = {} if results.name == "samples" else read_truth(pages_of(results.name, kept))
        confidence, right = judged(truth, results_of(results.name, kept))
        if len(right):
            sets[results.name] = Judged(confidence, right, sum(map(len, truth.values())))
    return sets


def pooled(sets: list[Judged]) -> Judged:
    """Return all numbers of some sets."""
    confidence, right, n_wanted = zip(*sets, strict=True)
    return Judged(np.concatenate(confidence), np.concatenate(right), sum(n_wanted))


def alike(sets: list[Judged]) -> Judged:
    """Return the numbers of the sets that hold any, each set repeated until all are as many."""
    return pooled(
        [
            Judged(np.resize(one.confidence, REPEATED), np.resize(one.right, REPEATED), 0)
            for one in sets
            if one.n_wanted
        ]
    )


def calibration_table(sets: dict[str, Judged]) -> Table:
    """Return how well confidence fits, a set a row."""
    table = titled("calibration", "set", "numbers", "confidence", "right", "error")
    for name, one in sets.items():
        error = calibration_error(one.confidence, one.right)
        cells = percent(one.confidence.mean(), one.right.mean(), error)
        table.add_row(name, "" if name == "alike" else f"{len(one.right)}", *cells)
    return table


def reliability_table(pool: Judged, fair: Judged) -> Table:
    """Return how well confidence fits, a range of it a row."""
    columns = [f"{name}\n{what}" for name in ("pooled", "alike") for what in RELIABILITY]
    table = titled("reliability", "confidence", *columns, "pooled\nnumbers")
    for low, high in pairwise(RANGES):
        parts = [within(low, high, one) for one in (pool, fair)]
        count = np.count_nonzero((pool.confidence >= low) & (pool.confidence < high))
        table.add_row(f"{low:g} to {min(high, 1):g}", *chain(*parts), f"{count}")
    return table


def within(low: float, high: float, one: Judged) -> list[str]:
    """Return of the numbers in a range of confidence: their share, mean confidence, share right."""
    inside = (one.confidence >= low) & (one.confidence < high)
    if not inside.any():
        return ["0.0", "", ""]
    return percent(inside.mean(), one.confidence[inside].mean(), one.right[inside].mean())


def trade_off_table(groups: dict[str, Judged]) -> Table:
    """Return how many numbers pass a line for review, and how many of them are wrong."""
    columns = [f"{name}\n{what}" for name in groups for what in ("ok", "wrong")]
    table = titled("trade-off", "line", *columns)
    found = [levels(one.confidence, one.right, LINES) for one in groups.values()]
    for line, *at_line in zip(LINES, *found, strict=True):
        table.add_row(f"{line}", *chain(*map(passing, at_line)))
    return table


def passing(level: Level) -> list[str]:
    """Return the share of numbers that pass a line, and the share wrong of those."""
    return percent(level.share) + ([""] if level.right is None else percent(1 - level.right))


def titled(title: str, *columns: str) -> Table:
    """Return an empty table."""
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=True)
    return table


def percent(*shares: float) -> list[str]:
    """Return shares as texts in hundredths."""
    return [f"{100 * share:.1f}" for share in shares]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kept", type=Path, help="what accuracy.py --keep has filled")
    parser.add_argument("--only", help="sets to take, separated by commas")
    a = parser.parse_args()
    only = a.only.split(",") if a.only else None
    sets = {name: one for name, one in kept_sets(a.kept).items() if not only or name in only}
    if not any(one.n_wanted for one in sets.values()):
        sys.exit(f"error: {a.kept} keeps no results of numbers")
    together = {"pooled": pooled(list(sets.values())), "alike": alike(list(sets.values()))}
    hard = [one for name, one in sets.items() if name in HARD]
    groups = {"hard": pooled(hard), **together} if hard else together
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(calibration_table({**sets, **together}))
    console.print(reliability_table(together["pooled"], together["alike"]))
    console.print(trade_off_table(groups))


if __name__ == "__main__":
    main()

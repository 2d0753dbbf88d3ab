"""Measure what it brings to correct half of a pile: errors in the other half, before and after.

    python benchmarks/learning.py [--only newspaper,printed,pencilled,...] [--without-mnist]
                                   [--keep FOLDER]

Each set's pages are halved, every second one. Both halves are scanned; all numbers of the first are
checked against the truth, as a person would: accepted, retyped, "no number here", and what was
missed gets a box. `digitocr train --from digits --add` learns that, and the second half is scanned
again. No weights are kept: these sets are for measuring only.

pencil     sudoku_photos, those filled in with one pencil (val_*); errors are of filled cells
newspaper  sudoku_newspaper, print out of focus; the same
printed    sudoku_cells_val.npz, 1,000 of its darkest digits, a picture each with what is seen of
           its frame; errors are of digits (edit distance)
pencilled  the same of its palest digits, written with one pencil. What is neither dark nor pale is
           in neither set. A cell may have been photographed more than once.
cheques    cheque_amounts, many hands; errors are of digits too
weather    weather_tables, print of 1898; errors are of values, their points too

With --without-mnist none of MNIST is shown again, as where it is not at hand; MNIST's test is
measured all the same, of the first network. Needs ../shared.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from commands import MNIST, SHARED, digitocr, run_well
from decisions import decisions

from digitocr.recognition.classifier import logits
from digitocr.recognition.model import load_model
from digitocr.recognition.normalize import normalized_crops
from digitocr.results.corrections import (
    Correction,
    Corrections,
)
from digitocr.results.journal import Journal
from digitocr.training.data.datasets import load_mnist_test

sys.path.insert(0, str(SHARED / "tools"))
import score

SETS = {
    "pencil": ("sudoku_photos", "val_"),
    "newspaper": ("sudoku_newspaper", ""),
    "printed": ("", ""),  # of CELLS
    "pencilled": ("", ""),
    "cheques": ("cheque_amounts", ""),
    "weather": ("weather_tables", ""),
}
CELLS, MOST_CELLS = SHARED / "data" / "sudoku_cells_val.npz", 1000
# How light the darkest part of a cell's middle is, of its paper: told apart by eye.
PRINTED, PENCILLED = 0.28, 0.5
DARKEST, PAPER = 3, 70  # percentiles


@dataclass(frozen=True)
class Half:
    """Every second page of a set, with its truth."""

    files: list[Path]
    truth: Path  # a folder with the truth.csv of these alone


def half(name: str, which: int, work: Path) -> Half:
    """Return the first (0) or second (1) half of a set."""
    part, prefix = SETS[name]
    pages = SHARED / "data" / "pages" / part if part else pictures(work / name, name)
    truth = work / f"{name}{which}.truth"
    with (pages / "truth.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["file"].startswith(prefix)][which::2]
    truth.mkdir(parents=True, exist_ok=True)
    with (truth / "truth.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["file", "truth"])
        writer.writeheader()
        writer.writerows(rows)
    for row in rows:
        if row["truth"].endswith((".txt", ".csv")):
            shutil.copy(pages / row["truth"], truth)
    return Half([pages / row["file"] for row in rows], truth)


def pictures(folder: Path, kind: str) -> Path:
    """Write cells of puzzles to a folder, one a picture, with their truth.csv."""
    folder.mkdir(parents=True, exist_ok=True)
    with np.load(CELLS) as cells:
        images, labels = cells["images"], cells["labels"]
    middles = images[:, 14:50, 12:52].reshape(len(images), -1)
    darkest, paper = np.percentile(middles, (DARKEST, PAPER), axis=1)
    light = darkest / paper
    chosen = np.flatnonzero(
        (labels > 0) & (light < PRINTED if kind == "printed" else light > PENCILLED)
    )
    some = chosen[np.linspace(0, len(chosen) - 1, min(len(chosen), MOST_CELLS)).astype(int)]
    with (folder / "truth.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "truth"])
        for i in some.tolist():
            writer.writerow([f"{i:04}.png", labels[i]])
            if not (folder / f"{i:04}.png").exists():
                cv2.imwrite(str(folder / f"{i:04}.png"), images[i])
    return folder


def scan(pages: Half, results: Path, model: str) -> Path:
    """Scan half of a set, and return where."""
    run_well([digitocr(), "scan", *pages.files, "-o", results, "-q", "--model", model])
    return results


def correct(pages: Half, results: Path) -> int:
    """Add what a person decides to the corrections of a results folder; return how often."""
    journal, n = Journal(results), 0
    with Corrections(results, journal) as corrections:
        for file, page, (box, read, there, _) in decisions(pages.truth, results):
            done = journal[file]
            stamp = done.stamp if done else None
            corrections.add(Correction(file, page, box, read, there, stamp))
            n += 1
    journal.close()
    return n


def errors(pages: Half, results: Path) -> tuple[int, int]:
    """Return how many cells or digits are wrong, and of how many."""
    total = score.score_set(pages.truth, results)
    if total["filled"]:
        return total["filled"] - total["filled_right"], total["filled"]
    if total["cell"]:
        return total["cell"] - total["cell_right"], total["cell"]
    return total["edits"], total["digits"]


def sure_and_wrong(pages: Half, results: Path) -> str:
    """Return how many of the numbers that are ok are wrong."""
    sure = [one for _, _, one in decisions(pages.truth, results) if one[3] == "ok"]
    return f"{sum(read != there for _, read, there, _ in sure)}/{len(sure)}"


def of_mnist(model: str) -> float:
    """Return the share of MNIST's test digits that a model's first network reads, 0..100."""
    test, network = load_mnist_test(MNIST), load_model(model)
    crops = normalized_crops(list(test.images))
    return 100 * float((logits(network, crops).argmax(axis=1) == test.labels).mean())


def measure(name: str, work: Path, without_mnist: bool) -> None:
    """Learn from half of a set and print a row."""
    first, second = half(name, 0, work), half(name, 1, work)
    checked = scan(first, work / f"{name}0", "digits")
    n = correct(first, checked)
    new = str(work / f"{name}.safetensors")
    mnist = [] if without_mnist else ["--data", MNIST]
    command = [digitocr(), "train", "--from", "digits", "--add", checked, *mnist, "-o", new]
    ran = run_well(command, {"XDG_CACHE_HOME": str(work)} if without_mnist else None)
    print(ran.stderr, file=sys.stderr)
    old_results = scan(second, work / f"{name}1.old", "digits")
    new_results = scan(second, work / f"{name}1.new", new)
    (before, of), (after, _) = (errors(second, one) for one in (old_results, new_results))
    sure = " → ".join(sure_and_wrong(second, one) for one in (old_results, new_results))
    kept = " → ".join(f"{of_mnist(one):.2f}" for one in ("digits", new))
    print(
        f"{name:10} {n} decisions; errors {before} → {after} of {of}"
        f" ({100 * (before - after) / max(before, 1):.0f} % cut); ok and wrong {sure};"
        f" MNIST {kept} %; {ran.wall:.0f} s ({ran.cpu:.0f} s of one core)",
        flush=True,
    )


def main() -> None:
    """Measure the sets that are wanted."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default=",".join(SETS))
    parser.add_argument("--without-mnist", action="store_true")
    parser.add_argument("--keep", type=Path, help="folder for results; scanned ones are kept")
    a = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name in a.only.split(","):
            measure(name, a.keep or Path(folder), a.without_mnist)


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    main()

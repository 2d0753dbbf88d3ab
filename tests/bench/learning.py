"""Measure what it brings to correct half of a pile: errors in the other half, before and after.

    python tests/bench/learning.py [--only pencil,newspaper,cheques,weather] [--without-mnist]
                                   [--keep FOLDER]

Each set's pages are halved, every second one. Both halves are scanned; all numbers of the first are
checked against the truth, as a person would: accepted, retyped, "no number here", and what was
missed gets a box. `digitocr train --from digits --add` learns that, and the second half is scanned
again. No weights are kept: these sets are for measuring only.

pencil     sudoku_photos, those filled in with one pencil (val_*); errors are of filled cells
newspaper  sudoku_newspaper, print out of focus; the same
cheques    cheque_amounts, many hands; errors are of digits (edit distance)
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
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from commands import MNIST, SHARED, digitocr, run_well

from digitocr.corrections import Correction, Corrections
from digitocr.crops import normalise
from digitocr.dataset import load_mnist_test
from digitocr.journal import Journal
from digitocr.model import load_model, logits
from digitocr.records import Box, around, overlap

sys.path.insert(0, str(SHARED / "tools"))
import score

SETS = {
    "pencil": ("sudoku_photos", "val_"),
    "newspaper": ("sudoku_newspaper", ""),
    "cheques": ("cheque_amounts", ""),
    "weather": ("weather_tables", ""),
}
NOT_SCORED = 10  # in a grid's truth
CELL = 0.42  # of a cell, from its middle: the box that a person draws around what was missed
LEAST_CELLS = 12  # known ones that tell where the others are

Entry = dict[str, Any]  # of a result's JSON
Decision = tuple[Box, str | None, str | None, str]  # box, what was read, what is there, status


@dataclass(frozen=True)
class Half:
    """Every second page of a set, with its truth."""

    files: list[Path]
    truth: Path  # a folder with the truth.csv of these alone


def half(name: str, which: int, work: Path) -> Half:
    """Return the first (0) or second (1) half of a set."""
    part, prefix = SETS[name]
    pages, truth = SHARED / "data" / "pages" / part, work / f"{name}{which}.truth"
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


def scan(pages: Half, results: Path, model: str) -> Path:
    """Scan half of a set, and return where."""
    run_well([digitocr(), "scan", *pages.files, "-o", results, "-q", "--model", model])
    return results


def decisions(pages: Half, results: Path) -> Iterator[tuple[str, int, Decision]]:
    """Yield file, page and decision for each number that the truth says something of."""
    with (pages.truth / "truth.csv").open(newline="") as file:
        rows = [(row["file"], row["truth"]) for row in csv.DictReader(file)]
    for name, truth in rows:
        for page in score.load(results, name):
            if truth.endswith(".txt"):
                lines = (pages.truth / truth).read_text().splitlines()
                grid = [list(map(int, line.split())) for line in lines if line.strip()]
                found = of_grid(page, grid)
            elif truth.endswith(".csv"):
                with (pages.truth / truth).open(newline="") as table:
                    found = of_table(page, [row[1:] for row in csv.reader(table)][1:])
            else:
                found = of_amount(page, score.digits(truth))
            yield from ((name, page["page"], one) for one in found)


def of_grid(page: Entry, grid: list[list[int]]) -> Iterator[Decision]:
    """Yield what a person decides about the cells of a puzzle, the table that fits it best."""
    by_table: dict[int, dict[tuple[int, int], list[Entry]]] = {}
    for number in page["numbers"]:
        place = (number["row"] or 0) - 1, (number["column"] or 0) - 1
        if min(place) >= 0 and max(place) < len(grid):
            by_table.setdefault(number["table"], {}).setdefault(place, []).append(number)

    def right(cells: dict[tuple[int, int], list[Entry]]) -> int:
        return sum(ones[0]["text"] == str(grid[i][j]) for (i, j), ones in cells.items())

    cells = max(by_table.values(), key=right, default={})
    for (i, j), ones in cells.items():
        if grid[i][j] != NOT_SCORED and len(ones) == 1:
            there = str(grid[i][j]) if grid[i][j] else None
            yield Box(*ones[0]["box"]), ones[0]["text"], there, ones[0]["status"]
    if len(cells) < LEAST_CELLS:
        return
    known = [(j, i) for i, j in cells]
    middles = [Box(*ones[0]["box"]).middle for ones in cells.values()]
    to_page, _ = cv2.findHomography(np.float64(known), np.float64(middles), cv2.RANSAC, 8.0)
    for i, row in enumerate(grid):
        for j, digit in enumerate(row):
            if digit not in (0, NOT_SCORED) and (i, j) not in cells:
                yield drawn(to_page, i, j), None, str(digit), ""


def drawn(to_page: np.ndarray, i: int, j: int) -> Box:
    """Return the box that a person draws in a cell."""
    corners = [[[j + x, i + y] for x in (-CELL, CELL) for y in (-CELL, CELL)]]
    places = cv2.perspectiveTransform(np.float64(corners), to_page)[0]
    x, y, right, bottom = np.round([*places.min(axis=0), *places.max(axis=0)]).astype(int).tolist()
    return Box(max(0, x), max(0, y), max(1, right - x), max(1, bottom - y))


def of_table(page: Entry, rows: list[list[str]]) -> Iterator[Decision]:
    """Yield what a person decides about a table, a row of values with the line most like it.

    Around values that are split, joined or missed a box is drawn, and what else was read beside
    them is no number; headings, left of them, stay as they are.
    """
    lines: dict[int, list[Entry]] = {}
    for number in page["numbers"]:
        lines.setdefault(number["line"], []).append(number)
    found: dict[tuple[int, int], Box] = {}  # by row and column
    read: list[list[Entry]] = []  # of each row
    for i, row in enumerate(rows):
        read.append(max(lines.values(), key=lambda line: likeness(line, row).ratio()))
        columns = [j for j, value in enumerate(row) if value.strip()]
        for kind, first, last, start, end in likeness(read[i], row).get_opcodes():
            if kind == "equal" or (kind == "replace" and last - first == end - start):
                for one, j in zip(read[i][first:last], columns[start:end], strict=True):
                    found[i, j] = Box(*one["box"])
                    yield found[i, j], one["text"], row[j].strip(), one["status"]
    for i, row in enumerate(rows):
        known = [box for (k, _), box in found.items() if k == i]
        missed = [j for j, value in enumerate(row) if value.strip() and (i, j) not in found]
        boxes = {j: box for j in missed if known and (box := drawn_in_table(found, i, j))}
        for j, box in boxes.items():
            yield box, None, row[j].strip(), ""
        for one in read[i] if known else ():
            box = Box(*one["box"])
            heading = box.x < known[0].x
            if not heading and not any(overlap(box, other) for other in (*known, *boxes.values())):
                yield box, one["text"], None, one["status"]


def likeness(line: list[Entry], row: list[str]) -> SequenceMatcher[str]:
    """Return how a line as it was read becomes a row of values."""
    there = [value.strip() for value in row if value.strip()]
    return SequenceMatcher(None, [one["text"] for one in line], there, autojunk=False)


def drawn_in_table(found: dict[tuple[int, int], Box], i: int, j: int) -> Box | None:
    """Return the box that a person draws in a row, as high as values beside it are, in a column."""
    in_column = {abs(k - i): box for (k, column), box in found.items() if column == j}
    in_row = {abs(k - j): box for (row, k), box in found.items() if row == i}
    above, beside = ([near[k] for k in sorted(near)[:2]] for near in (in_column, in_row))
    if not above or not beside:
        return None
    across, down = around(above), around(beside)
    return Box(across.x, down.y, across.width, down.height)


def of_amount(page: Entry, there: str) -> Iterator[Decision]:
    """Yield what a person decides about a page with one number on it."""
    read = [one for one in page["numbers"] if score.digits(one["text"])]
    boxes = [Box(*one["box"]) for one in read]
    if "".join(score.digits(one["text"]) for one in read) == there:
        for one, box in zip(read, boxes, strict=True):
            yield box, one["text"], one["text"], one["status"]
    elif len(read) == 1:
        yield boxes[0], read[0]["text"], there, read[0]["status"]
    else:
        box = around(boxes) if boxes else Box(0, 0, page["width"], page["height"])
        status = "ok" if read and all(one["status"] == "ok" for one in read) else ""
        yield box, None, there, status


def correct(pages: Half, results: Path) -> int:
    """Add what a person decides to the corrections of a results folder; return how often."""
    journal, n = Journal(results), 0
    with Corrections(results, journal) as corrections:
        for file, page, (box, read, there, _) in decisions(pages, results):
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
    sure = [one for _, _, one in decisions(pages, results) if one[3] == "ok"]
    return f"{sum(read != there for _, read, there, _ in sure)}/{len(sure)}"


def of_mnist(model: str) -> float:
    """Return the share of MNIST's test digits that a model's first network reads, 0..100."""
    test, network = load_mnist_test(MNIST), load_model(model)
    crops = normalise(list(test.images))
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

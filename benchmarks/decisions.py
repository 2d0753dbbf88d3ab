"""The truth of a page set and what was read → what a person decides about each number."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from commands import SHARED

from digitocr.core.geometry import (
    Box,
    around,
    overlap,
)

sys.path.insert(0, str(SHARED / "tools"))
import score

NOT_SCORED = 10  # in a grid's truth
CELL = 0.42  # of a cell, from its middle: the box that a person draws around what was missed
LEAST_CELLS = 12  # known ones that tell where the others are

ReviewItem = dict[str, Any]  # of a result's JSON
Decision = tuple[Box, str | None, str | None, str]  # box, what was read, what is there, status


def decisions(folder: Path, results: Path) -> Iterator[tuple[str, int, Decision]]:
    """Yield file, page and decision for each number that a folder's truth says something of."""
    with (folder / "truth.csv").open(newline="") as file:
        rows = [(row["file"], row["truth"]) for row in csv.DictReader(file)]
    for name, truth in rows:
        for page in score.load(results, name):
            if truth.endswith(".txt"):
                lines = (folder / truth).read_text().splitlines()
                grid = [list(map(int, line.split())) for line in lines if line.strip()]
                found = of_grid(page, grid)
            elif truth.endswith(".csv"):
                with (folder / truth).open(newline="") as table:
                    found = of_table(page, [row[1:] for row in csv.reader(table)][1:])
            else:
                found = of_amount(page, score.digits(truth))
            yield from ((name, page["page"], one) for one in found)


def of_grid(page: ReviewItem, grid: list[list[int]]) -> Iterator[Decision]:
    """Yield what a person decides about the cells of a puzzle, the table that fits it best."""
    by_table: dict[int, dict[tuple[int, int], list[ReviewItem]]] = {}
    for number in page["numbers"]:
        place = (number["row"] or 0) - 1, (number["column"] or 0) - 1
        if min(place) >= 0 and max(place) < len(grid):
            by_table.setdefault(number["table"], {}).setdefault(place, []).append(number)

    def right(cells: dict[tuple[int, int], list[ReviewItem]]) -> int:
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
    to_page, _ = cv2.findHomography(
        np.array(known, np.float64), np.array(middles, np.float64), cv2.RANSAC, 8.0
    )
    for i, row in enumerate(grid):
        for j, digit in enumerate(row):
            if digit not in (0, NOT_SCORED) and (i, j) not in cells:
                yield drawn(to_page, i, j), None, str(digit), ""


def drawn(to_page: np.ndarray, i: int, j: int) -> Box:
    """Return the box that a person draws in a cell."""
    corners = [[[j + x, i + y] for x in (-CELL, CELL) for y in (-CELL, CELL)]]
    places = cv2.perspectiveTransform(np.array(corners, np.float64), to_page)[0]
    x, y, right, bottom = np.round([*places.min(axis=0), *places.max(axis=0)]).astype(int).tolist()
    return Box(max(0, x), max(0, y), max(1, right - x), max(1, bottom - y))


def of_table(page: ReviewItem, rows: list[list[str]]) -> Iterator[Decision]:
    """Yield what a person decides about a table, a row of values with the line most like it.

    Around values that are split, joined or missed a box is drawn, and what else was read beside
    them is no number; headings, left of them, stay as they are.
    """
    lines: dict[int, list[ReviewItem]] = {}
    for number in page["numbers"]:
        lines.setdefault(number["line"], []).append(number)
    found: dict[tuple[int, int], Box] = {}  # by row and column
    read: list[list[ReviewItem]] = []  # of each row
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


def likeness(line: list[ReviewItem], row: list[str]) -> SequenceMatcher[str]:
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


def of_amount(page: ReviewItem, there: str) -> Iterator[Decision]:
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

"""Compose tables with all kinds of lines, and count those whose rows and columns are found.

    python benchmarks/ruled.py [--pages 8] [--only dashed,faint] [--seen scan] [--keep FOLDER]

A page a table: 5 to 14 rows and 3 to 6 columns of printed numbers, a typeface a page, one cell in
six blank, on half of the pages with words at the head. Lines are all, level or upright ones alone,
none, dashed, with gaps at random (a quarter is lost), faint (10 to 25 % darker than paper), faint
with gaps, or all with heads over groups of columns and totals over several (spans). Each is seen as
a scan, skewed by up to a degree and noisy at 150 to 300 dpi, and as a sheet photographed on a desk.

shape    tables that are alone on their page and have as many rows and columns as on paper; a row
         of words at the head may be missing
blanks   those of them where each blank cell is blank and each other one is not
cells    share of the cells of all tables that hold what is on paper, 0 where the shape is wrong
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from accuracy import scan
from compose import HEIGHT, WIDTH, Gray, Page, Rng, on_desk, photographed
from PIL import Image, ImageDraw, ImageFont
from printed import PRINT, installed

KINDS = ("all", "level", "upright", "none", "dashed", "gaps", "faint", "faintgaps", "spans")
SEEN = ("scan", "photo")
HEADS = (
    "Total",
    "Sum",
    "Date",
    "Item",
    "Qty",
    "Price",
    "Oil",
    "Solo",
    "Loss",
    "TOTAL",
    "QTY",
    "Cost",
)
PAPER, INK = 246.0, 45.0  # grey levels
SIZES = 36, 60  # px at 300 dpi, of an em
BLANK = 1 / 6  # of the cells

Texts = list[list[str]]  # of a table, row by row
Bars = list[tuple[int, int, int]]  # across, from, to: where a line runs, pixels


@dataclass(frozen=True)
class Cells:
    """Where the cells of a table are."""

    columns: list[int]  # x of the lines, pixels
    rows: list[int]  # y
    spans: list[tuple[int, int, int]]  # row, first column, columns beyond it that it holds too


def compose_table(kind: str, font: Path, rng: Rng) -> tuple[Page, Texts]:
    """Return a page with one table, and its numbers, words left out."""
    em = int(rng.integers(*SIZES))
    type_ = ImageFont.truetype(str(font), em)
    texts, cells = lay_out(kind, em, rng)
    ink = Image.new("L", (WIDTH, HEIGHT))
    draw = ImageDraw.Draw(ink)
    for y, row in enumerate(texts):
        for x, text in enumerate(row):
            wide = next((n for r, c, n in cells.spans if (r, c) == (y, x)), 0)
            put(draw, text, cells, y, x, wide, type_)
    light = line_light(kind, rng)
    lines = drawn_lines(kind, cells, rng)
    written = np.asarray(ink, np.float32) / 255
    page = np.minimum(PAPER - (PAPER - light) * lines, PAPER - (PAPER - INK) * written)
    return page, [["" if text.isalpha() else text for text in row] for row in texts]


def lay_out(kind: str, em: int, rng: Rng) -> tuple[Texts, Cells]:
    """Return what stands in a table's cells, words too, and where they are."""
    n_rows, n_columns = int(rng.integers(5, 15)), int(rng.integers(3, 7))
    texts = [[a_number(rng) for _ in range(n_columns)] for _ in range(n_rows)]
    for row in texts:
        for x in range(n_columns):
            if rng.random() < BLANK and sum(text != "" for text in row) > 2:
                row[x] = ""
    spans: list[tuple[int, int, int]] = []
    if kind == "spans":
        first = int(rng.integers(1, n_columns - 1))
        texts[0] = ["" for _ in range(n_columns)]
        texts[0][0], texts[0][first] = a_number(rng), a_number(rng)
        spans += [(0, 0, first - 1), (0, first, n_columns - 1 - first)]
        last = int(rng.integers(1, n_columns - 1))
        texts[-1][: last + 1] = [a_number(rng), *[""] * last]
        spans.append((n_rows - 1, 0, last))
    elif rng.random() < 0.5:
        texts[0] = [str(word) for word in rng.choice(HEADS, n_columns)]
    widths = rng.integers(round(4.5 * em), 7 * em, n_columns).astype(np.float64)
    while widths.sum() > WIDTH - 400:
        widths = widths * 0.9
    pitch = int(rng.integers(round(1.4 * em), round(2.4 * em)))
    left = int(rng.integers(150, WIDTH - 200 - int(widths.sum())))
    top = int(rng.integers(150, HEIGHT - 200 - pitch * n_rows))
    columns = [left + int(x) for x in np.concatenate([[0], np.cumsum(widths)])]
    return texts, Cells(columns, [top + pitch * i for i in range(n_rows + 1)], spans)


def a_number(rng: Rng) -> str:
    """Return a number of one to five digits."""
    return "".join(map(str, rng.integers(10, size=rng.integers(1, 6))))


def put(
    draw: ImageDraw.ImageDraw,
    text: str,
    cells: Cells,
    y: int,
    x: int,
    wide: int,
    font: ImageFont.FreeTypeFont,
) -> None:
    """Print what is in a cell: at its right, or in the middle of one that spans columns."""
    middle = (cells.rows[y] + cells.rows[y + 1]) / 2
    if wide:
        at = (cells.columns[x] + cells.columns[x + 1 + wide]) / 2
        draw.text((at, middle), text, 255, font, "mm")
    else:
        draw.text((cells.columns[x + 1] - 0.5 * font.size, middle), text, 255, font, "rm")


def line_light(kind: str, rng: Rng) -> float:
    """Return how light lines are."""
    if kind.startswith("faint"):
        return float(PAPER * (1 - rng.uniform(0.10, 0.25)))
    return float(rng.uniform(40, 150))


def drawn_lines(kind: str, cells: Cells, rng: Rng) -> Page:
    """Return where lines are, 1, on a page of 0."""
    page = np.zeros((HEIGHT, WIDTH), np.float32)
    thick = int(rng.integers(2, 5))
    x0, x1, y0, y1 = cells.columns[0], cells.columns[-1], cells.rows[0], cells.rows[-1]
    dash = int(rng.integers(8, 25)), int(rng.integers(6, 14))
    for horizontal, places, start, end in (
        (True, cells.rows, x0, x1),
        (False, cells.columns, y0, y1),
    ):
        if (
            kind == "none"
            or (kind == "level" and not horizontal)
            or (kind == "upright" and horizontal)
        ):
            continue
        for at in places:
            inked = np.zeros(end - start + thick, bool)
            for a, b in stretches(kind, start, end, dash, rng):
                inked[a : b + thick] = True
            if not horizontal:
                for row, first, more in cells.spans:
                    if at in cells.columns[first + 1 : first + 1 + more]:
                        inked[cells.rows[row] - y0 + thick : cells.rows[row + 1] - y0] = False
            bar = slice(at, at + thick), slice(start, start + len(inked))
            (page if horizontal else page.T)[bar][:, inked] = 1
    return page


def stretches(
    kind: str, start: int, end: int, dash: tuple[int, int], rng: Rng
) -> Iterator[tuple[int, int]]:
    """Yield from where to where a line is drawn."""
    length = end - start
    if kind == "dashed":
        yield from ((a, min(length, a + dash[0])) for a in range(0, length, sum(dash)))
    elif kind.endswith("gaps"):
        n = max(2, length // 200)
        edges = np.linspace(0, length, n + 1)
        for a, b in pairwise(edges.tolist()):
            gap = rng.uniform(0.05, 0.45) * (b - a)
            at = rng.uniform(a, b - gap)
            yield from ((int(a), int(at)), (int(at + gap), int(b)))
    else:
        yield 0, length


def scanned_ink(page: Page, rng: Rng) -> Gray:
    """Return a page as a scanner sees it."""
    turn = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), rng.uniform(-1, 1), 1)
    page = np.asarray(cv2.warpAffine(page, turn, (WIDTH, HEIGHT), borderValue=PAPER), np.float32)
    part = rng.uniform(0.5, 1)
    small = cv2.resize(page, None, fx=part, fy=part, interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(small, (0, 0), rng.uniform(0.4, 0.9))
    return photographed(soft + rng.uniform(0, 4) * rng.standard_normal(soft.shape, np.float32), rng)


def photo(page: Page, rng: Rng) -> Gray:
    """Return a page as a camera sees it on a desk."""
    return photographed(on_desk(page, rng), rng)


WAYS: dict[str, Callable[[Page, Rng], Gray]] = {"scan": scanned_ink, "photo": photo}


def compose_tables(folder: Path, kind: str, seen: str, n_pages: int, seed: int) -> dict[str, Texts]:
    """Write pages with a table each into a folder; return what is in these."""
    folder.mkdir(parents=True, exist_ok=True)
    fonts, truth = installed(PRINT), {}
    for number in range(n_pages):
        rng = np.random.default_rng([seed, number])
        page, texts = compose_table(kind, fonts[(number + seed) % len(fonts)], rng)
        name = f"{kind}_{seen}_{number:02}.png"
        cv2.imwrite(str(folder / name), WAYS[seen](page, rng))
        truth[name] = texts
    return truth


def tables_read(results: Path, name: str) -> list[Texts]:
    """Return the tables that were found on a page."""
    paths = sorted(results.glob(f"{name}.table*.csv"))
    return [list(csv.reader(path.open(newline="", encoding="utf-8"))) for path in paths]


def judge(truth: Texts, found: list[Texts]) -> tuple[bool, bool, float]:
    """Return whether the shape is right, whether blanks are too, and the share of right cells.

    Words at the head are no cells that are judged; without numbers they may be no row at all.
    """
    without_head = truth[1:] if not any(truth[0]) else truth
    read = found[0] if len(found) == 1 else []
    n_rows = len(read)
    if n_rows not in (len(truth), len(without_head)) or len(read[0]) != len(truth[0]):
        return False, False, 0.0
    rows = zip(without_head, read[n_rows - len(without_head) :], strict=True)
    pairs = [pair for own, row in rows for pair in zip(own, row, strict=True)]
    blanks = all((a == "") == (b == "") for a, b in pairs)
    return True, blanks, float(np.mean([a == b for a, b in pairs]))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--pages", type=int, default=8, help="of each kind, scanned and photographed"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default=",".join(KINDS), help="kinds, separated by commas")
    parser.add_argument("--seen", default=",".join(SEEN))
    parser.add_argument("--keep", type=Path, help="folder for pages and results")
    a = parser.parse_args()
    print(f"{'':16} shape blanks cells", flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        work = a.keep or Path(temporary)
        for kind in a.only.split(","):
            for seen in a.seen.split(","):
                pages, results = work / f"{kind}_{seen}", work / f"{kind}_{seen}_read"
                truth = compose_tables(pages, kind, seen, a.pages, a.seed)
                scan(pages, results, [])
                said = {name: judge(own, tables_read(results, name)) for name, own in truth.items()}
                shape, blanks, cells = (
                    100 * np.mean(one) for one in zip(*said.values(), strict=True)
                )
                print(f"{kind + ' ' + seen:16} {shape:5.0f} {blanks:6.0f} {cells:5.1f}", flush=True)
                if wrong := [name for name, one in said.items() if not one[1]]:
                    print(" " * 17 + " ".join(wrong), file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

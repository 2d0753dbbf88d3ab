"""Measure forms: fields of the sample form that are read exactly right, in five kinds of scan.

    python benchmarks/forms.py [--pages 20] [--only photo,faint] [--keep FOLDER]

Fills in forms/blank.png, enlarged to 300 dpi, with MNIST test digits, as its form file
says: a digit a cell in combs, numbers as compose.py writes them in boxes. The kinds: clean; skew (3
degrees either way); photo (on a desk, at a slant); upside (upside down and up to 2 degrees askew);
faint (a third of the contrast, a shadow, and noise); besides
`bent`, paper that bulges, which is not counted among the five. The same seed gives the same
numbers.

Prints, of all fields: exactly right, blank ones too; of those with a number; blank ones that stay
blank; marked ok; wrong of those. Then how many of other pages are refused: the form with its rows
in another order, seen from behind, and the samples.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from commands import MNIST, REPO, SAMPLES, digitocr, run
from compose import (
    HEIGHT,
    INK,
    PAPER,
    WIDTH,
    Digits,
    Gray,
    Page,
    Rng,
    as_written,
    load_digits,
    on_desk,
    photographed,
    shadowed,
    skewed,
    touching_number,
    written,
)

sys.path.insert(0, str(SAMPLES))
from make_forms import Entries, Field, entries, load_fields, load_meters

FORMS = REPO / "forms"
TIMES = 2  # pages are so many times as large as the form's picture
FAINT = 0.33  # of the contrast


def upside_down(page: Page, rng: Rng) -> Page:
    """Return the page upside down and a little askew."""
    turn = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), 180 + float(rng.uniform(-2, 2)), 1)
    return np.asarray(cv2.warpAffine(page, turn, (WIDTH, HEIGHT), borderValue=PAPER), np.float32)


def bent(page: Page, _rng: Rng) -> Page:
    """Return the page as paper that bulges by up to 2.5 mm."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    down, aside = 30 * np.sin(np.pi * x / WIDTH), 15 * np.sin(2 * np.pi * y / HEIGHT)
    bent = cv2.remap(page, x + aside, y + down, cv2.INTER_LINEAR, borderValue=PAPER)
    return np.asarray(bent, np.float32)


def faint(page: Page, rng: Rng) -> Page:
    """Return the page with little contrast, in shadow and noise."""
    return shadowed(PAPER - FAINT * (PAPER - page), rng)


KINDS: dict[str, Callable[[Page, Rng], Page]] = {
    "clean": as_written,
    "skew": skewed,
    "photo": on_desk,
    "upside": upside_down,
    "faint": faint,
}
MORE = {"bent": bent}  # not among the five


def blank_form() -> Page:
    """Return the blank form, 300 dpi."""
    blank = cv2.imread(str(FORMS / "blank.png"), cv2.IMREAD_GRAYSCALE)
    assert blank is not None
    return cv2.resize(blank, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC).astype(np.float32)


def lay(page: Page, ink: Gray, left: float, top: float) -> None:
    """Lay ink on a page."""
    x, y = round(left), round(top)
    area = page[y : y + ink.shape[0], x : x + ink.shape[1]]
    np.minimum(area, PAPER - ink * np.float32((PAPER - INK) / 255), out=area)


def fill(page: Page, field: Field, text: str, digits: Digits, rng: Rng) -> None:
    """Write a number into a field."""
    x, y, width, height = (TIMES * side for side in field["box"])
    places = [rng.choice(np.flatnonzero(digits.labels == int(digit))) for digit in text]
    size = rng.uniform(0.55, 0.7) * height
    if "cells" in field:
        wide = width / field["cells"]
        for i, place in enumerate(places, field["cells"] - len(text)):
            ink = written(digits.images[place], size)
            aside, down = rng.normal(0, (0.07 * wide, 0.05 * height))
            left = x + (i + 0.5) * wide - ink.shape[1] / 2 + aside
            lay(page, ink, left, y + (height - ink.shape[0]) / 2 + down)
    elif text:
        left = 0.42 * width if field["name"] == "year" else rng.uniform(0.2, 0.5) * height
        ink = touching_number(digits, np.array(places), size, 0.0, rng)
        room = (width - left - 0.1 * height) / ink.shape[1]
        if room < 1:  # nobody writes beyond the box
            small = cv2.resize(ink, None, fx=room, fy=room, interpolation=cv2.INTER_AREA)
            ink = np.asarray(small, np.uint8)
            size *= room
        lay(page, ink, x + left, y + height / 2 - 0.9 * size)


def pages_of(kind: str, n_pages: int, digits: Digits) -> Iterator[tuple[Gray, Entries]]:
    """Yield filled forms of a kind, and what is written on them."""
    fields, meters, blank = load_fields(), load_meters(), blank_form()
    for number in range(n_pages):
        rng = np.random.default_rng([27, number])
        page, wanted = blank.copy(), entries(rng, meters)
        for field in fields:
            fill(page, field, wanted[field["name"]], digits, rng)
        yield photographed((KINDS | MORE)[kind](page, rng), rng), wanted


class Counts(NamedTuple):
    """What came of the fields of one kind."""

    right: list[bool]
    blank: list[bool]  # whether nothing is written there
    ok: list[bool]


def scanned_ink(folder: Path, results: Path) -> dict[str, dict[str, str]]:
    """Return the rows of forms.csv by their file, once a folder is scanned."""
    ran = run([digitocr(), "scan", folder, "-o", results, "-q", "--form", FORMS / "form.toml"])
    if ran.code not in (0, 7):  # 7: pages that are none of the form
        sys.exit(f"error: digitocr scan {folder} ended with {ran.code}:\n{ran.stderr}")
    with (results / "forms.csv").open(newline="") as file:
        return {row["file"]: row for row in csv.DictReader(file)}


def counted(rows: dict[str, dict[str, str]], truth: dict[str, Entries]) -> Counts:
    """Compare what was read with what is written."""
    found = Counts([], [], [])
    for file, wanted in truth.items():
        row = rows.get(file, {})
        for name, text in wanted.items():
            found.right.append(row.get(name) == text)
            found.blank.append(not text)
            found.ok.append(row.get(f"{name}_status") == "ok")
            if row.get(name) != text:
                print(f"  {file} {name}: {text or 'blank'} read as {row.get(name)!r},", end=" ")
                print(row.get(f"{name}_status"), row.get(f"{name}_confidence"))
    return found


def shown(kind: str, counts: Counts) -> str:
    """Return a row of the table."""
    right, blank, ok = (np.array(part) for part in counts)
    wrong = 100 * (~right & ok).sum() / max(ok.sum(), 1)
    return (
        f"{kind:8} fields {len(right):5}  right {100 * right.mean():5.1f}  "
        f"written {100 * right[~blank].mean():5.1f}  blank {100 * right[blank].mean():5.1f}  "
        f"ok {100 * ok.mean():5.1f}  wrong of ok {wrong:4.1f}"
    )


def others(folder: Path) -> None:
    """Write pages that are none of the form into a folder."""
    blank, rng = blank_form(), np.random.default_rng(27)
    bands = np.array_split(blank[560:2500], 9)  # a row each, about
    for number in range(5):
        rows = np.concatenate([bands[i] for i in rng.permutation(len(bands))])
        page = np.concatenate([blank[:560], rows, blank[2500:]])
        cv2.imwrite(str(folder / f"order_{number}.png"), photographed(page, rng))
        mirrored = np.asarray(cv2.flip(blank, number % 2), np.float32)
        cv2.imwrite(str(folder / f"mirrored_{number}.png"), photographed(mirrored, rng))
    for path in sorted(SAMPLES.glob("*.[jp]*g")):
        (folder / path.name).write_bytes(path.read_bytes())


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pages", type=int, default=20)
    parser.add_argument("--only", default=",".join([*KINDS, *MORE, "others"]))
    parser.add_argument("--keep", type=Path, help="folder for the pages and what was read")
    a = parser.parse_args()
    digits, every = load_digits(MNIST), Counts([], [], [])
    with tempfile.TemporaryDirectory() as name:
        work = a.keep or Path(name)
        for kind in a.only.split(","):
            pages = work / kind
            pages.mkdir(parents=True, exist_ok=True)
            if kind == "others":
                continue
            truth = {}
            for number, (page, wanted) in enumerate(pages_of(kind, a.pages, digits), 1):
                cv2.imwrite(str(pages / f"form_{number:02}.png"), page)
                truth[f"form_{number:02}.png"] = wanted
            counts = counted(scanned_ink(pages, work / f"{kind}-read"), truth)
            print(shown(kind, counts))
            for part, more in zip(every, counts if kind in KINDS else [], strict=kind in KINDS):
                part += more
        if every.right:
            print(shown("all", every))
        if "others" in a.only:
            pages = work / "others"
            others(pages)
            n_all = len(list(pages.iterdir()))
            taken = len(scanned_ink(pages, work / "others-read"))
            print(f"others   pages {n_all}, taken for the form {taken}")


if __name__ == "__main__":
    main()

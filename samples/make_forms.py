"""Make the sample form: blank, and filled in, scanned, photographed and upside down.

Run it from the repository root; running it again gives the same bytes (with the same versions of
Pillow, NumPy and OpenCV), from the fonts that make.py names:

    python samples/make_forms.py [--out DIR]

The blank form is forms/blank.png, the filled ones are in forms/scans. Where numbers are written is
told by forms/form.toml, which `digitocr form` began and a person finished; forms/names.jpg is part
of what that drew. What is written is in truth.csv, in the columns that forms.csv has for it.
"""

import argparse
import csv
import sys
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from make import (
    BASELINE,
    BLUE,
    GRID_GREY,
    HUMOR,
    KLEE,
    MM_PER_INCH,
    SANS,
    SAVE_OPTIONS,
    STEVE,
    STRIP_HEIGHT,
    Colour,
    Page,
    Pen,
    Plane,
    coarse_greys,
    draw_digit,
    draw_number,
    load_font,
)
from PIL import Image, ImageDraw

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FORMS = Path(__file__).parent.parent / "forms"
DPI = 150
PRINT: Colour = (0.2, 0.2, 0.25)
DESK = (92.0, 78.0, 66.0)  # red, green, blue
PHOTO_SIZE = (1500, 2000)  # px, width and height
PHOTO_CORNERS = [(150, 130), (1330, 190), (1420, 1880), (70, 1790)]  # of the sheet, from top left
LEFT_BLANK = 0.15  # of the numbers that may be
Entries = dict[str, str]  # what is written in each field
Field = dict[str, Any]  # as form.toml has it


@dataclass(frozen=True)
class Slot:
    """A place of the blank form to write a number in; lengths are millimetres."""

    label: str
    left: float
    top: float
    width: float
    cells: int = 1
    inside: str = ""  # printed in its right end
    before: str = ""  # printed in its left end
    height: float = 11


SLOTS = [
    Slot("Customer no.", 70, 52, 80, cells=8),
    Slot("Date", 70, 69, 80, cells=8),
    Slot("Meter no.", 70, 86, 58),
    Slot("Year", 160, 86, 30, before="20"),
    Slot("Reading", 70, 103, 60, cells=6),
    Slot("Reading before", 70, 120, 62, inside="kWh"),
    Slot("Persons", 70, 137, 24),
    Slot("Rooms", 130, 137, 24),
    Slot("Area", 70, 154, 42, inside="m²"),
    Slot("Postcode", 70, 171, 50, cells=5),
    Slot("Telephone", 70, 188, 95),
    *(Slot(f"Q{i + 1}", 40 + 34 * i, 213, 34, height=12) for i in range(4)),
]


def print_text(page: Page, text: str, left: float, baseline: float, height: float) -> None:
    """Print words, their capitals `height` mm high."""
    face = load_font(SANS, round(page.pixels(height) / 0.72))
    mask = Image.new("L", (page.image.shape[1], page.image.shape[0]))
    place = (page.pixels(left), page.pixels(baseline))
    ImageDraw.Draw(mask).text(place, text, fill=255, font=face, anchor="ls")
    cover = np.asarray(mask, np.float32)[..., None] / np.float32(255)
    page.image *= 1 - cover * (1 - np.array(PRINT, np.float32))


def draw_slot(page: Page, slot: Slot) -> None:
    """Draw a box or a comb, with its label."""
    right, bottom = slot.left + slot.width, slot.top + slot.height
    for y in (slot.top, bottom):
        page.rule((slot.left, y), (right, y), GRID_GREY)
    for i in range(slot.cells + 1):
        x = slot.left + i * slot.width / slot.cells
        page.rule((x, slot.top), (x, bottom), GRID_GREY)
    over = slot.label.startswith("Q")
    label = (slot.left, slot.top - 2) if over else (slot.left - 44, bottom - 3.5)
    if slot.left > 120 and not over:
        label = (slot.left - 18, bottom - 3.5)
    print_text(page, slot.label, *label, 3.2)
    print_text(page, slot.inside, right - 1.5 - 3.4 * len(slot.inside), bottom - 3.5, 3.2)
    print_text(page, slot.before, slot.left + 3, bottom - 2.5, 6)


def blank() -> Page:
    """Draw the form with nothing written on it."""
    page = Page("form", DPI)
    print_text(page, "Meter reading card", 26, 28, 6)
    print_text(page, "Please write digits only, one a cell, in black or blue.", 26, 37, 2.8)
    print_text(page, "Form 27-3, edition 2026", 150, 28, 2.8)
    print_text(page, "kWh", 133, 110.5, 3.2)
    print_text(page, "Consumption, last four quarters (kWh)", 26, 206, 2.8)
    print_text(
        page, "Return this card by the 15th of the month, or telephone 0800 1234.", 26, 245, 2.8
    )
    print_text(page, "Northern Grid Company, 48 Harbour Road", 26, 270, 2.8)
    for slot in SLOTS:
        draw_slot(page, slot)
    return page


def luhn(body: str) -> str:
    """Return a number with its Luhn check digit (ISO/IEC 7812-1, annex B)."""
    doubled = [int(digit) * (2 - i % 2) for i, digit in enumerate(reversed(body))]
    return body + str(-sum(value // 10 + value % 10 for value in doubled) % 10)


def entries(rng: np.random.Generator, meters: Sequence[str]) -> Entries:
    """Make up what is written on a form; some of it is left blank."""

    def number(*lengths: int) -> str:
        return "".join(map(str, rng.integers(0, 10, rng.choice(lengths))))

    def perhaps(text: str) -> str:
        return "" if rng.random() < LEFT_BLANK else text

    day, month = rng.integers(1, 29), rng.integers(1, 13)
    return {
        "customer": luhn(number(7)),
        "date": f"{day:02}{month:02}{rng.integers(2024, 2027)}",
        "meter": str(rng.choice(meters)),
        "year": f"{rng.integers(24, 27)}",
        "reading": number(3, 4, 5, 6),
        "reading_before": number(3, 4, 5, 6),
        "persons": str(rng.integers(1, 13)),
        "rooms": perhaps(str(rng.integers(1, 21))),
        "area": number(2, 3),
        "postcode": number(5),
        "telephone": perhaps(number(7, 8, 9, 10, 11)),
        **{f"q{i}": perhaps(number(2, 3, 4)) for i in range(1, 5)},
    }


def load_fields() -> list[Field]:
    """Return the fields of the sample form."""
    fields: list[Field] = tomllib.loads((FORMS / "form.toml").read_text("utf-8"))["field"]
    return fields


def load_meters() -> list[str]:
    """Return the meters that there are."""
    with (FORMS / "meters.csv").open(newline="") as file:
        return [row["meter"] for row in csv.DictReader(file)]


def lay(page: Page, ink: Plane, middle: float, foot: float, pen: Pen) -> None:
    """Lay ink on a page: its middle and its foot, in pixels."""
    left, top = round(middle - ink.shape[1] / 2), round(foot - ink.shape[0])
    area = page.image[top : top + ink.shape[0], left : left + ink.shape[1]]
    area *= 1 - ink[..., None] * (1 - np.array(pen.colour, np.float32))


def fill(page: Page, field: Field, text: str, pen: Pen) -> None:
    """Write a number into a field: a digit a cell, to the right, or from the left of a box."""
    x, y, width, height = field["box"]
    tall, rng = pen.height * DPI / MM_PER_INCH, page.rng
    foot = y + (height + tall) / 2
    if "cells" in field:
        wide, first = width / field["cells"], field["cells"] - len(text)
        for i, digit in enumerate(text, first):
            aside, down = rng.normal(0, (0.07 * wide, 0.05 * tall))
            lay(
                page,
                draw_digit(digit, pen, DPI, rng),
                x + (i + 0.5) * wide + aside,
                foot + down,
                pen,
            )
    elif text:
        ink = draw_number(text, pen, DPI, rng)
        before = 0.42 * width if field["name"] == "year" else rng.uniform(0.2, 0.5) * height
        below = (STRIP_HEIGHT - BASELINE) * tall
        lay(
            page, ink, x + before + ink.shape[1] / 2, foot + below + rng.normal(0, 0.04 * tall), pen
        )


def filled(name: str, pen: Pen) -> tuple[Page, Entries]:
    """Fill in a form by hand."""
    page = blank()
    page.rng = np.random.default_rng(zlib.crc32(name.encode()))
    written = entries(page.rng, load_meters())
    for field in load_fields():
        fill(page, field, written[field["name"]], pen)
    return page, written


def photograph(page: Page) -> Image.Image:
    """Photograph a sheet on a desk, at a slant, in light that falls off."""
    height, width = page.image.shape[:2]
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    slant = cv2.getPerspectiveTransform(corners, np.array(PHOTO_CORNERS, np.float32))
    sheet = cv2.warpPerspective(255 * page.image, slant, PHOTO_SIZE)
    paper = cv2.warpPerspective(np.ones((height, width), np.float32), slant, PHOTO_SIZE)
    y, x = np.mgrid[-1 : 1 : PHOTO_SIZE[1] * 1j, -1 : 1 : PHOTO_SIZE[0] * 1j].astype(np.float32)
    light = 1 - 0.2 * ((x - 0.4) ** 2 + (y + 0.3) ** 2)
    levels = (sheet + (1 - paper)[..., None] * np.array(DESK, np.float32)) * light[..., None]
    levels += 1.5 * page.rng.standard_normal(levels.shape, np.float32)
    return Image.fromarray(np.clip(cv2.GaussianBlur(levels, (0, 0), 0.7), 0, 255).astype(np.uint8))


def scanned(page: Page) -> Image.Image:
    """Scan a form, a little askew."""
    return coarse_greys(page.scan(askew=0.4))


def upside_down(page: Page) -> Image.Image:
    """Scan a form that lies upside down on the glass, and more askew."""
    return coarse_greys(page.scan(askew=-1.7)).transpose(Image.Transpose.ROTATE_180)


SAMPLES: tuple[tuple[str, Pen, Callable[[Page], Image.Image]], ...] = (
    ("scanned.png", Pen(HUMOR, 5.5, 0.6, BLUE), scanned),
    ("photographed.jpg", Pen(KLEE, 6, 0.6), photograph),
    ("upside-down.png", Pen(STEVE, 6, 0.55, BLUE), upside_down),
)


def main() -> None:
    """Make the blank form and the filled ones."""
    parser = argparse.ArgumentParser(description="Make the sample forms.")
    parser.add_argument("--out", type=Path, default=FORMS, help="folder (default: forms)")
    folder: Path = parser.parse_args().out
    (folder / "scans").mkdir(parents=True, exist_ok=True)
    coarse_greys(blank().scan(grain=1.0, askew=0)).save(folder / "blank.png", optimize=True)
    names = [field["name"] for field in load_fields()]
    with (folder / "truth.csv").open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["file", "page", *names])
        for name, pen, picture in SAMPLES:
            page, written = filled(name, pen)
            options = SAVE_OPTIONS[Path(name).suffix]
            picture(page).save(folder / "scans" / name, **options, dpi=(DPI, DPI))
            rows.writerow([name, 1, *(written[field] for field in names)])


if __name__ == "__main__":
    main()

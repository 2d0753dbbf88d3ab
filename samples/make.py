"""Make the sample pages: pictures that look like scans, and what is on them.

Run it from the repository root; running it again gives the same bytes (with the
same versions of Pillow, NumPy and OpenCV):

    python samples/make.py [--out DIR]

Each page is written as a picture and a text file of the same name. The text file
holds the numbers on the page, a line of text for each line of the page, in reading
order. Nothing here is a photograph or comes from a data set: the digits are drawn
from open fonts, bent and inked a little differently each time, then put through a
pretend scanner.

The fonts come from these Debian packages (apt install ...):

    fonts-bwht                Because We Organize                  OFL-1.1
    fonts-courier-prime       Courier Prime                        OFL-1.1
    fonts-humor-sans          Humor Sans                           OFL-1.1
    fonts-klee                Klee One                             OFL-1.1
    fonts-liberation2         Liberation Sans, Liberation Serif    OFL-1.1
    fonts-sjfonts             SteveHand                            GPL + font exception
    fonts-tomsontalks         Tomson Talks                         OFL-1.1
    fonts-yozvox-yozfont-edu  YOzFont EX                           OFL-1.1

The font exception says that using the font puts no document under the GPL.
"""

import argparse
import sys
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

Plane = npt.NDArray[np.float32]  # a picture with values from 0 to 1
Rows = list[list[str]]  # the numbers of a page, line by line; "" is an empty cell
Colour = tuple[float, float, float]  # red, green, blue from 0 to 1

FONT_DIR = Path("/usr/share/fonts")
MM_PER_INCH = 25.4
A4_MM = (210.0, 297.0)

OVERSAMPLE = 4  # digits are drawn this much larger, so that shrinking them smooths the edges
BASELINE = 1.5  # digit heights from the top of a number's strip down to its baseline
STRIP_HEIGHT = 2.0  # digit heights; leaves room below the baseline for jitter
FAINTEST_INK = 0.1  # paler than this does not count as ink when measuring a digit
MIN_GAP, MAX_GAP = 0.14, 0.32  # between the digits of one number, in digit heights
MIN_SPACE = 1.1  # between two numbers of one line, in digit heights
MIN_LEADING = 0.08  # between two lines, in digit heights
MAX_EROSION = 0.75  # share of a stroke that may be taken away to make it thinner

PAPER: Colour = (0.941, 0.941, 0.941)  # mid-way between two edges of GREY_STEP
CREAM: Colour = (0.965, 0.95, 0.91)
LID: Colour = (0.985, 0.985, 0.985)  # what a scanner sees beside the paper
BLACK: Colour = (0.1, 0.1, 0.12)
BLUE: Colour = (0.1, 0.19, 0.5)
GRAPHITE: Colour = (0.68, 0.68, 0.68)
RULE_BLUE: Colour = (0.68, 0.76, 0.86)
GRID_GREY: Colour = (0.45, 0.45, 0.45)

GREY_STEP = 8  # PNG greys are rounded to this, because fine noise does not compress
BILEVEL_THRESHOLD = 160
SAVE_OPTIONS: dict[str, dict[str, Any]] = {
    ".jpg": {"quality": 82},
    ".png": {"optimize": True},
    ".tif": {"compression": "tiff_adobe_deflate"},
}


@dataclass(frozen=True)
class Font:
    """A font file below FONT_DIR and the Debian package that holds it."""

    file: str
    package: str


STEVE = Font("truetype/sjfonts/SteveHand.ttf", "fonts-sjfonts")
HUMOR = Font("truetype/humor-sans/Humor-Sans.ttf", "fonts-humor-sans")
TOMSON = Font("truetype/tomsontalks/TomsonTalks.ttf", "fonts-tomsontalks")
YOZ = Font("truetype/yozvox-yozfont/YOzREX.ttf", "fonts-yozvox-yozfont-edu")
KLEE = Font("truetype/klee/KleeOne-Regular.ttf", "fonts-klee")
ORGANIZE = Font("opentype/bwht/BecauseWeOrganize-Regular.otf", "fonts-bwht")
COURIER = Font("opentype/courier-prime/Courier Prime.otf", "fonts-courier-prime")
SANS = Font("truetype/liberation2/LiberationSans-Regular.ttf", "fonts-liberation2")
SERIF = Font("truetype/liberation2/LiberationSerif-Regular.ttf", "fonts-liberation2")


@dataclass(frozen=True)
class Pen:
    """How digits are put on paper; lengths are in millimetres.

    Attributes:
        font: Shapes of the digits.
        height: Height of a digit.
        stroke: Width of a line; 0 keeps the font's own.
        colour: Colour of the ink.
        wobble: 0 for print, 1 for a hand: scales everything that varies.
        tooth: Share of the ink that rough paper does not take, as under a pencil.
    """

    font: Font
    height: float
    stroke: float = 0.0
    colour: Colour = BLACK
    wobble: float = 1.0
    tooth: float = 0.0


def printed(font: Font, height: float) -> Pen:
    """Return a pen that prints."""
    return Pen(font, height, wobble=0.0)


@dataclass(frozen=True)
class Column:
    """A column of numbers: its left edge (or right edge) in millimetres, and its pen."""

    edge: float
    pen: Pen
    right: bool = False


@dataclass(frozen=True)
class Scan:
    """A finished sample: its file name, its pictures and the numbers on them."""

    file: str
    pictures: list[Image.Image]
    rows: Rows
    dpi: int


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], cells: int) -> Plane:
    """Return noise from -1 to 1 that changes slowly, over about `cells` cells a side."""
    coarse = rng.uniform(-1, 1, (cells, cells)).astype(np.float32)
    fine = cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.clip(fine, -1, 1).astype(np.float32)


@cache
def load_font(font: Font, size: int) -> ImageFont.FreeTypeFont:
    """Load a font, or end the program with a sentence that says what to install."""
    path = FONT_DIR / font.file
    if not path.is_file():
        sys.exit(f"{path} is missing: install it with 'apt install {font.package}'.")
    # The basic layout needs no optional library, so every Pillow draws the same.
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


def sized_font(font: Font, digit: str, height: float) -> ImageFont.FreeTypeFont:
    """Load a font at the size that makes this digit `height` pixels tall."""
    probe = 200
    _, top, _, bottom = load_font(font, probe).getbbox(digit)
    return load_font(font, round(probe * height / (bottom - top)))


def glyph(font: Font, digit: str, height: int) -> Plane:
    """Draw a digit with white around it; 1 is ink."""
    face = sized_font(font, digit, height)
    left, top, right, bottom = (round(side) for side in face.getbbox(digit))
    pad = height // 3
    picture = Image.new("L", (right - left + 2 * pad, bottom - top + 2 * pad))
    ImageDraw.Draw(picture).text((pad - left, pad - top), digit, fill=255, font=face)
    return np.asarray(picture, dtype=np.float32) / np.float32(255)


def bend(mask: Plane, wobble: float, rng: np.random.Generator) -> Plane:
    """Turn, slant, stretch and ripple a digit a little, as no hand draws it twice alike."""
    rows, columns = mask.shape
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    y, x = y - rows / 2, x - columns / 2
    turn, slant, stretch = wobble * rng.normal(0, (0.035, 0.05, 0.05))
    ripple = 0.025 * wobble * rows
    from_x = x * (1 + stretch) + y * (slant + turn) + ripple * smooth_noise(rng, mask.shape, 5)
    from_y = y - x * turn + ripple * smooth_noise(rng, mask.shape, 5)
    bent = cv2.remap(
        mask,
        (from_x + columns / 2).astype(np.float32),
        (from_y + rows / 2).astype(np.float32),
        cv2.INTER_LINEAR,
    )
    return np.asarray(bent, dtype=np.float32)


def distance_to_edge(mask: Plane) -> Plane:
    """Return how far each point lies inside the ink; negative outside it."""
    ink = (mask > 0.5).astype(np.uint8)
    inside = cv2.distanceTransform(ink, cv2.DIST_L2, 5)
    outside = cv2.distanceTransform(1 - ink, cv2.DIST_L2, 5)
    return np.asarray(inside - outside, dtype=np.float32)


def restroke(mask: Plane, width: float, wobble: float, rng: np.random.Generator) -> Plane:
    """Redraw a digit with lines of about `width` pixels, uneven as a pen's are."""
    depth = distance_to_edge(mask)
    # Depth rises evenly from 0 at the edge to half the width, so its mean is a quarter.
    half = 2 * float(depth[depth > 0].mean())
    grow = max(width / 2 - half, -MAX_EROSION * half)
    uneven = 0.15 * wobble * (half + grow) * smooth_noise(rng, mask.shape, 4)
    darkness = 1 - 0.08 * wobble * (1 + smooth_noise(rng, mask.shape, 6))
    return np.asarray(np.clip(depth + grow + uneven + 0.5, 0, 1) * darkness, dtype=np.float32)


def crop_to_ink(plane: Plane) -> Plane:
    """Cut off the white around a digit."""
    rows, columns = np.nonzero(plane > FAINTEST_INK)
    return plane[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


def draw_digit(digit: str, pen: Pen, dpi: int, rng: np.random.Generator) -> Plane:
    """Draw one digit with a pen, at the page's resolution, cropped to its ink."""
    scale = OVERSAMPLE * dpi / MM_PER_INCH
    size = 1 + 0.04 * pen.wobble * rng.uniform(-1, 1)
    ink = glyph(pen.font, digit, round(pen.height * size * scale))
    if pen.wobble:
        ink = bend(ink, pen.wobble, rng)
    if pen.stroke:
        ink = restroke(ink, pen.stroke * scale, pen.wobble, rng)
    shrunk = cv2.resize(
        ink, None, fx=1 / OVERSAMPLE, fy=1 / OVERSAMPLE, interpolation=cv2.INTER_AREA
    )
    return crop_to_ink(np.asarray(shrunk, dtype=np.float32))


def printed_gap(font: Font, pair: str) -> float:
    """Return the gap that a font leaves between the ink of two digits, in digit heights."""
    height = 200
    face = sized_font(font, "8", height)
    advance = face.getlength(pair[0])
    return float(advance - face.getbbox(pair[0])[2] + face.getbbox(pair[1])[0]) / height


def gap_between(pair: str, pen: Pen, rng: np.random.Generator) -> float:
    """Return the gap to leave between two digits of one number, in digit heights."""
    gap = rng.uniform(0.14, 0.27) if pen.wobble else printed_gap(pen.font, pair)
    return float(np.clip(gap, MIN_GAP, MAX_GAP))


def draw_number(number: str, pen: Pen, dpi: int, rng: np.random.Generator) -> Plane:
    """Draw a number digit by digit on a strip of its own, with ink to both its ends."""
    height = pen.height * dpi / MM_PER_INCH
    strip = np.zeros((round(STRIP_HEIGHT * height), 2 * round(len(number) * height)), np.float32)
    right = 0
    for index, digit in enumerate(number):
        ink = draw_digit(digit, pen, dpi, rng)
        if index:
            right += round(height * gap_between(number[index - 1] + digit, pen, rng))
        bottom = round(height * (BASELINE + 0.02 * pen.wobble * rng.normal()))
        strip[bottom - ink.shape[0] : bottom, right : right + ink.shape[1]] = ink
        right += ink.shape[1]
    return strip[:, :right]


class Page:
    """A sheet of paper to write numbers on; lengths are in millimetres.

    Attributes:
        rng: Where everything on this page that varies comes from.
        rows: The numbers written so far.
        image: The page as it looks, red, green and blue.
    """

    def __init__(
        self, name: str, dpi: int, size: tuple[float, float] = A4_MM, paper: Colour = PAPER
    ) -> None:
        """Take a clean sheet; the name seeds all that varies on it."""
        self.rng = np.random.default_rng(zlib.crc32(name.encode()))
        self.dpi = dpi
        self.rows: Rows = []
        shape = (self.pixels(size[1]), self.pixels(size[0]), 3)
        self.image: Plane = np.full(shape, paper, np.float32)
        self._taken = np.zeros(shape[:2], np.bool_)

    def pixels(self, length: float) -> int:
        """Convert millimetres to pixels."""
        return round(length * self.dpi / MM_PER_INCH)

    def _claim(self, ink: Plane, left: int, top: int, pen: Pen) -> None:
        """Note where ink goes; refuse if it comes too near to other ink."""
        rows = np.nonzero(ink.max(axis=1) > FAINTEST_INK)[0]
        first, last = top + int(rows[0]), top + int(rows[-1]) + 1
        right = left + ink.shape[1]
        beside, above = self.pixels(MIN_SPACE * pen.height), self.pixels(MIN_LEADING * pen.height)
        if left < 0 or right > self._taken.shape[1]:
            raise ValueError("a number does not fit on the page")
        if self._taken[first - above : last + above, max(left - beside, 0) : right + beside].any():
            raise ValueError("two numbers are too close to each other")
        self._taken[first:last, left:right] = True

    def write(self, number: str, column: Column, baseline: float) -> None:
        """Write a number into a column."""
        pen = column.pen
        ink = draw_number(number, pen, self.dpi, self.rng)
        shaken = pen.wobble * self.rng.normal(0, (0.08, 0.03)) * pen.height
        left = self.pixels(column.edge + shaken[0]) - (ink.shape[1] if column.right else 0)
        top = self.pixels(baseline + shaken[1]) - self.pixels(BASELINE * pen.height)
        self._claim(ink, left, top, pen)
        cover = ink * (1 - pen.tooth * self.rng.random(ink.shape, np.float32))
        area = self.image[top : top + ink.shape[0], left : left + ink.shape[1]]
        area *= 1 - cover[..., None] * (1 - np.array(pen.colour, np.float32))

    def write_rows(self, rows: Rows, columns: Sequence[Column], first: float, pitch: float) -> None:
        """Write rows of numbers, the first one's baseline `first` mm from the top."""
        for index, row in enumerate(rows):
            for number, column in zip(row, columns, strict=True):
                if number:
                    self.write(number, column, first + index * pitch)
        self.rows += rows

    def rule(self, start: tuple[float, float], end: tuple[float, float], colour: Colour) -> None:
        """Draw a level or upright line, about 0.2 mm wide, darkening what is there."""
        width = max(self.pixels(0.2), 1)
        left, top = (self.pixels(value) for value in start)
        right, bottom = (self.pixels(value) + width for value in end)
        self.image[top:bottom, left:right] *= np.array(colour, np.float32)

    def shade(self) -> None:
        """Light the page unevenly: dark corners, and a soft shadow down its right side."""
        rows, columns = self.image.shape[:2]
        y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j].astype(np.float32)
        vignette = 1 - 0.16 * (x**2 + y**2)
        shadow = 1 - 0.28 / (1 + np.exp(-8 * (x - 0.35 + 0.25 * y)))
        self.image *= (vignette * shadow)[..., None]

    def dust(self, count: int) -> None:
        """Scatter dark dust, and pepper and salt of one pixel each."""
        rows, columns = self.image.shape[:2]
        for _ in range(count):
            centre = (int(self.rng.integers(columns)), int(self.rng.integers(rows)))
            axes = tuple(int(side) for side in self.rng.integers(1, self.pixels(0.25) + 1, 2))
            turn, grey = self.rng.uniform(0, 180), self.rng.uniform(0.2, 0.8)
            cv2.ellipse(self.image, centre, axes, turn, 0, 360, (grey,) * 3, cv2.FILLED)
        for grey in (0.1, 1.0):
            self.image[self.rng.random((rows, columns)) < 0.0006] = grey

    def turn(self, degrees: float) -> None:
        """Lay the sheet askew on the glass, clockwise."""
        rows, columns = self.image.shape[:2]
        matrix = cv2.getRotationMatrix2D((columns / 2, rows / 2), -degrees, 1)
        turned = cv2.warpAffine(
            self.image, matrix, (columns, rows), flags=cv2.INTER_LINEAR, borderValue=LID
        )
        self.image = np.asarray(turned, dtype=np.float32)

    def scan(self, mode: str = "L", grain: float = 1.5, askew: float = 0.2) -> Image.Image:
        """Scan the page: askew by some degrees, slightly unsharp, with grain in grey levels."""
        self.turn(askew)
        levels = 255 * np.asarray(cv2.GaussianBlur(self.image, (0, 0), 0.6), dtype=np.float32)
        shape = (levels.shape[0], levels.shape[1])
        noise = grain * self.rng.standard_normal(shape, np.float32)
        levels += (noise + smooth_noise(self.rng, shape, 12))[..., None]
        picture = Image.fromarray(np.clip(levels, 0, 255).round().astype(np.uint8))
        if mode == "1":
            return picture.convert("L").point(lambda grey: 255 * (grey > BILEVEL_THRESHOLD), "1")
        return picture.convert(mode)


def coarse_greys(picture: Image.Image) -> Image.Image:
    """Round a grey picture to few greys, so that its PNG or TIFF stays small."""
    return picture.point(lambda grey: min(round(grey / GREY_STEP) * GREY_STEP, 255))


def numbers(page: Page, count: int, *ranges: tuple[int, int]) -> Rows:
    """Make up rows of numbers, with a range (its end not included) for each column."""
    return [[str(page.rng.integers(*limits)) for limits in ranges] for _ in range(count)]


def columns() -> Scan:
    """Three columns, each in another hand."""
    page = Page("columns", 300)
    pens = [Pen(STEVE, 6.5, 0.55), Pen(HUMOR, 6, 0.7), Pen(KLEE, 6, 0.5)]
    rows = numbers(page, 22, (10, 10000), (100, 100000), (10, 1000))
    places = [Column(edge, pen) for edge, pen in zip((22, 85, 150), pens, strict=True)]
    page.write_rows(rows, places, 28, 11.7)
    return Scan("columns.jpg", [page.scan()], page.rows, 300)


def score_sheet() -> Scan:
    """A ruled table: a player's number and six scores a row, some cells empty."""
    page = Page("score-sheet", 200)
    left, top, wide, high, lines = 16, 22, 25.5, 13, 19
    rows = numbers(page, lines, (1, 100), *[(0, 180)] * 6)
    for row in rows:
        if page.rng.random() < 0.4:
            row[page.rng.integers(3, 7)] = ""
    right, bottom = left + 7 * wide, top + lines * high
    for index in range(8):
        page.rule((left + index * wide, top), (left + index * wide, bottom), GRID_GREY)
    for index in range(lines + 1):
        page.rule((left, top + index * high), (right, top + index * high), GRID_GREY)
    pens = [Pen(HUMOR, 6, 0.75)] + [Pen(YOZ, 6, 0.5)] * 6
    places = [Column(left + 5 + index * wide, pen) for index, pen in enumerate(pens)]
    page.write_rows(rows, places, top + 9.5, high)
    picture = coarse_greys(page.scan(askew=-0.15))
    return Scan("score-sheet.png", [picture], page.rows, 200)


def ruled() -> Scan:
    """Writing paper with pale blue lines that the digits rest on and dip through."""
    page = Page("ruled", 200)
    pitch = 9.0
    for index in range(30):
        page.rule((0, 24 + index * pitch), (A4_MM[0], 24 + index * pitch), RULE_BLUE)
    pen = Pen(ORGANIZE, 6, 0.55, BLUE)
    rows = numbers(page, 24, (100, 10000), (10, 1000), (1000, 100000))
    places = [Column(edge, pen) for edge in (25, 80, 130)]
    page.write_rows(rows, places, 24.7 + 2 * pitch, pitch)
    return Scan("ruled.jpg", [page.scan("RGB")], page.rows, 200)


def low_contrast() -> Scan:
    """Pale pencil on grey paper, with noise."""
    page = Page("low-contrast", 150, paper=(0.8, 0.8, 0.79))
    pen = Pen(STEVE, 7.5, 0.7, GRAPHITE, tooth=0.35)
    rows = numbers(page, 18, (10, 1000), (100, 10000), (10, 1000))
    page.write_rows(rows, [Column(edge, pen) for edge in (25, 80, 145)], 32, 14)
    return Scan("low-contrast.jpg", [page.scan(grain=3.5)], page.rows, 150)


def skewed() -> Scan:
    """A page laid on the glass turned by 2.5 degrees."""
    page = Page("skewed", 200)
    pen = Pen(ORGANIZE, 6.5, 0.55)
    rows = numbers(page, 18, (10, 10000), (10, 1000), (100, 100000))
    page.write_rows(rows, [Column(edge, pen) for edge in (28, 85, 130)], 36, 13.5)
    return Scan("skewed.png", [coarse_greys(page.scan(askew=2.5))], page.rows, 200)


def ledger() -> Scan:
    """Columns of typed numbers, set to the right."""
    page = Page("ledger", 200)
    pen = printed(COURIER, 3.2)
    rows = numbers(page, 36, (1000, 10000), (1, 100), (10, 10000), (10, 10000), (100, 1000000))
    places = [Column(edge, pen, right=True) for edge in (45, 75, 110, 145, 185)]
    page.write_rows(rows, places, 30, 6.8)
    return Scan("ledger.png", [coarse_greys(page.scan(askew=0.3))], page.rows, 200)


def pages() -> Scan:
    """Three pages in one file: a printed one and two written by hand."""
    pens = (printed(SERIF, 3.5), Pen(HUMOR, 6.5, 0.75), Pen(YOZ, 7, 0.5))
    scan = Scan("pages.tif", [], [], 200)
    for index, pen in enumerate(pens):
        page = Page(f"pages {index}", scan.dpi)
        rows = numbers(page, 14, (10, 1000), (100, 100000), (1, 1000))
        page.write_rows(rows, [Column(edge, pen) for edge in (30, 85, 145)], 35, 15)
        scan.pictures.append(coarse_greys(page.scan(askew=0.3 * (index - 1))))
        scan.rows.extend(page.rows)
    return scan


def digit() -> Scan:
    """One digit, as cut out of a form."""
    page = Page("digit", 300, (30, 30))
    page.write_rows([["5"]], [Column(12.5, Pen(ORGANIZE, 7.5, 0.7))], 18.5, 0)
    form = page.scan(askew=0)
    left, top, wide, high = 120, 95, 120, 160
    return Scan("digit.png", [form.crop((left, top, left + wide, top + high))], page.rows, 300)


def uneven_light() -> Scan:
    """A page in bad light: dark corners and a shadow."""
    page = Page("uneven-light", 200, paper=CREAM)
    pen = Pen(KLEE, 7, 0.6, BLUE)
    rows = numbers(page, 17, (100, 10000), (10, 1000), (100, 10000), (10, 1000))
    page.write_rows(rows, [Column(edge, pen) for edge in (22, 70, 115, 160)], 36, 14.5)
    page.shade()
    return Scan("uneven-light.jpg", [page.scan("RGB", askew=-0.4)], page.rows, 200)


def meter_readings() -> Scan:
    """Printed meter numbers and long readings by hand, both with leading zeros."""
    page = Page("meter-readings", 150)
    made = numbers(page, 20, (0, 3000), (10000, 20000000))
    rows = [["00799", "00012345"]] + [[meter.zfill(5), value.zfill(8)] for meter, value in made]
    places = [Column(30, printed(SANS, 3.5)), Column(80, Pen(HUMOR, 7, 0.8))]
    page.write_rows(rows, places, 30, 12)
    return Scan("meter-readings.png", [page.scan("1")], page.rows, 150)


def stock_count() -> Scan:
    """A crowded page: forty lines of five numbers."""
    page = Page("stock-count", 300)
    pen = Pen(YOZ, 4.8, 0.45)
    ranges = [(1000, 10000), (1, 100), (10, 1000), (100, 10000), (1, 1000)]
    rows = numbers(page, 40, *ranges)
    page.write_rows(rows, [Column(edge, pen) for edge in (16, 58, 92, 130, 172)], 15, 6.9)
    return Scan("stock-count.jpg", [page.scan(askew=-0.1)], page.rows, 300)


def specks() -> Scan:
    """A dusty scan."""
    page = Page("specks", 200)
    pen = Pen(STEVE, 7, 0.6)
    rows = numbers(page, 16, (10, 1000), (1000, 10000), (10, 1000))
    page.write_rows(rows, [Column(edge, pen) for edge in (28, 85, 145)], 38, 15)
    page.dust(350)
    return Scan("specks.png", [coarse_greys(page.scan())], page.rows, 200)


def receipt() -> Scan:
    """A narrow strip: printed article, count and price, and an amount by hand."""
    page = Page("receipt", 200, (80, 170), paper=CREAM)
    pen = Pen(TOMSON, 6, 0.5, BLUE)
    rows = numbers(page, 13, (10000, 100000), (1, 13), (20, 3000), (10, 100))
    for row in rows:
        if page.rng.random() < 0.5:
            row[3] = ""
    fields = [(6, False), (33, True), (50, True)]
    places = [Column(edge, printed(SANS, 3), right) for edge, right in fields]
    page.write_rows(rows, [*places, Column(59, pen)], 16, 10)
    page.write_rows([["4370"]], [Column(50, pen)], 154, 0)
    return Scan("receipt.jpg", [page.scan("RGB", askew=0.5)], page.rows, 200)


SAMPLES: tuple[Callable[[], Scan], ...] = (
    columns,
    score_sheet,
    ruled,
    low_contrast,
    skewed,
    ledger,
    pages,
    digit,
    uneven_light,
    meter_readings,
    stock_count,
    specks,
    receipt,
)


def save(scan: Scan, folder: Path) -> None:
    """Write a sample's picture, and its numbers beside it."""
    path = folder / scan.file
    options = dict(SAVE_OPTIONS[path.suffix], dpi=(scan.dpi, scan.dpi))
    first, *others = scan.pictures
    if others:
        options |= {"save_all": True, "append_images": others}
    first.save(path, **options)
    lines = (" ".join(filter(None, row)) for row in scan.rows)
    path.with_suffix(".txt").write_text("\n".join(lines) + "\n", encoding="ascii")


def main() -> None:
    """Make every sample."""
    parser = argparse.ArgumentParser(description="Make the sample pages.")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path(__file__).parent,
        help="folder to write to (default: the one this program is in)",
    )
    folder: Path = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    for sample in SAMPLES:
        save(sample(), folder)


if __name__ == "__main__":
    main()

"""Compose pages in the typefaces of this system: printed numbers, and text without a digit.

A typeface a page, in turn. Typefaces that are not installed are named and left out (Debian:
fonts-dejavu-core, fonts-liberation, fonts-crosextra-carlito, fonts-open-sans, fonts-sjfonts,
fonts-humor-sans); what is measured then is measured on other pages.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from compose import Gray, Page, Rng, Truth, photographed, write_set
from PIL import Image, ImageDraw, ImageFont

FONTS = Path("/usr/share/fonts")
PRINT = (
    "LiberationSans-Regular",
    "LiberationSerif-Regular",
    "LiberationMono-Regular",
    "DejaVuSans",
    "DejaVuSerif",
    "Carlito-Regular",
    "OpenSans-Regular",
    "LiberationSans-Bold",
)
HAND = ("SteveHand", "Delphine", "Humor-Sans")
PRINT_POINTS, HAND_POINTS = (10, 14), (16, 26)  # handwriting fonts are drawn small
A4 = (11.69, 8.27)  # inches, height and width
RESOLUTIONS = (200, 250, 300)  # dpi
MARGIN = 0.9  # inches

LABELS = "Total Sum No. Nr: Qty Amount: Item Order Invoice: Page Ref. Account (net) Date: EUR"
LATIN = """
    the of and to in is that for was on as with at by from they this have not but what all were when
    your can said there use each which do how their if will up other about out many then them these
    so some her would make like into time has look two more write go see number no way could people
    my than first water been call who oil its now find long down day did get come made may part
    Quercus sylva libro bonum Zebra lizard boils sell goose Isabel Boston OSLO BILL Zoology SIGLOS
    GOBI Solebo quoque aegis gigs zigzag IBIS SOLI jazz Quiz loss less TOTAL sails
"""
GREEK = """
    και το να του η της με που την από για είναι στο θα τον οι σε δεν τα μας αλλά όταν σήμερα βιβλίο
    θάλασσα Ελλάδα φως ψυχή ΟΔΟΣ ΖΩΗ
"""
CYRILLIC = """
    и в не на что тот быть весь это как она по но они мы этот который из свой вся год большой зебра
    Зоя Жизнь ОБЛАКО БОЛЬШЕ здесь ещё чёрный объект эхо
"""
LETTERS = (LATIN, LATIN, LATIN, GREEK, LATIN, LATIN, CYRILLIC)  # a page, in turn
MARKS = ("{}",) * 12 + (
    "{},",
    "{}.",
    "{};",
    "{}:",
    "{}!",
    "{}?",
    "({})",
    "[{}]",
    "“{}”",
    "'{}'",
    "{}/{}",
    "{}-{}",
    "{} –",
    "{} —",
    "{} & Co.",
)
TICKS = {"DejaVuSans": ("✓ {}", "✗ {}", "☐ {}", "☑ {}", "✔")}  # typefaces that have them


def compose_print(folder: Path, *, n_pages: int, seed: int = 1) -> Truth:
    """Write pages of printed numbers and truth.csv into a folder; return the truth."""
    fonts = installed(PRINT)

    def pages() -> Iterator[tuple[Gray, list[str]]]:
        for number in range(n_pages):
            rng = np.random.default_rng([seed, number])
            sheet = Sheet(fonts[number % len(fonts)], PRINT_POINTS, rng)
            numbers = [text for line in sheet.lines() for text in print_numbers(sheet, line)]
            yield sheet.scanned_ink(), numbers

    return write_set(folder, pages(), ".jpg")


def compose_text(folder: Path, *, n_pages: int, seed: int = 1) -> Truth:
    """Write pages of text without digits and truth.csv into a folder; return the empty truth.

    Every third page is in a handwriting font.
    """
    fonts, hands = installed(PRINT), installed(HAND)

    def pages() -> Iterator[tuple[Gray, list[str]]]:
        for number in range(n_pages):
            rng = np.random.default_rng([seed, number])
            if hands and number % 3 == 2:
                sheet, words = Sheet(hands[number // 3 % len(hands)], HAND_POINTS, rng), LATIN
            else:
                sheet = Sheet(fonts[number % len(fonts)], PRINT_POINTS, rng)
                words = LETTERS[number % len(LETTERS)]
            for line in sheet.lines():
                print_words(sheet, line, words.split())
            yield sheet.scanned_ink(), []

    return write_set(folder, pages(), ".jpg")


@cache
def installed(names: tuple[str, ...]) -> list[Path]:
    """Return the files of the typefaces that there are; say which there are not."""
    files = {path.stem: path for path in FONTS.rglob("*.[to]tf")}
    if missing := [name for name in names if name not in files]:
        print(f"typefaces that are not installed: {', '.join(missing)}", file=sys.stderr)
    return [files[name] for name in names if name in files]


class Sheet:
    """An A4 page that is being printed on in one typeface and size."""

    def __init__(self, font: Path, points: tuple[int, int], rng: Rng) -> None:
        """Take up a blank page, its resolution and size of type drawn at random."""
        self.rng, self.name = rng, font.stem
        self.dpi = int(rng.choice(RESOLUTIONS))
        self.size = round(rng.uniform(*points) * self.dpi / 72)  # px, of an em
        self.font = ImageFont.truetype(str(font), self.size)
        height, width = (round(side * self.dpi) for side in A4)
        self.ink = Image.new("L", (width, height))
        self.draw = ImageDraw.Draw(self.ink)
        self.left, self.right = round(MARGIN * self.dpi), width - round(MARGIN * self.dpi)

    def lines(self) -> range:
        """Return the baselines of lines from margin to margin."""
        spacing = round(self.rng.uniform(1.5, 2.2) * self.size)
        return range(self.left + self.size, self.ink.height - self.left, spacing)

    def width_of(self, text: str) -> int:
        """Return how far a text moves the pen, pixels."""
        return round(self.draw.textlength(text, self.font))

    def put(self, x: int, baseline: int, text: str) -> None:
        """Print a text."""
        self.draw.text((x, baseline), text, 255, self.font, "ls")

    def scanned_ink(self) -> Gray:
        """Return the page as scanned: ink less than black, soft edges, noise."""
        ink: Page = np.asarray(np.asarray(self.ink, np.float32) / 255, np.float32)
        soft = cv2.GaussianBlur(ink, (0, 0), self.rng.uniform(0.4, 0.4 + self.dpi / 500))
        white, black = self.rng.uniform(235, 252), self.rng.uniform(15, 80)
        noise = self.rng.uniform(0, 4) * self.rng.standard_normal(ink.shape, np.float32)
        page = np.float32(white) - np.float32(white - black) * soft + noise
        return photographed(np.asarray(page, np.float32), self.rng)


def print_numbers(sheet: Sheet, baseline: int) -> list[str]:
    """Print a line of numbers, on some lines behind a word; return the numbers."""
    rng, x, printed = sheet.rng, sheet.left, []
    if rng.random() < 0.3:
        label = f"{rng.choice(LABELS.split())} "
        sheet.put(x, baseline, label)
        x += sheet.width_of(label)
    for _ in range(rng.integers(1, 6)):
        text = some_number(rng)
        if x + sheet.width_of(text) > sheet.right:
            break
        sheet.put(x, baseline, text)
        printed.append(text)
        x += sheet.width_of(text) + round(rng.uniform(2, 5) * sheet.size)
    return printed


def some_number(rng: Rng) -> str:
    """Return a number of one to nine digits; zeros may lead, one in eight has two decimals."""
    digits = "".join(map(str, rng.integers(10, size=rng.integers(1, 10))))
    return f"{digits}.{rng.integers(100):02}" if rng.random() < 1 / 8 else digits


def print_words(sheet: Sheet, baseline: int, words: list[str]) -> None:
    """Print a line of words and marks."""
    marks, x = MARKS + TICKS.get(sheet.name, ()), sheet.left
    if sheet.name in HAND:
        marks = tuple(filter(str.isascii, marks))  # all that these typefaces have
    while x < sheet.right:
        text = some_words(sheet.rng, words, marks)
        if x + sheet.width_of(text) < sheet.right:
            sheet.put(x, baseline, text)
        x += sheet.width_of(f"{text} ")


def some_words(rng: Rng, words: list[str], marks: tuple[str, ...]) -> str:
    """Return a word or two with a mark, now and then in capitals."""
    pair = [str(word) for word in rng.choice(words, 2)]
    if rng.random() < 0.1:
        pair = [word.upper() for word in pair]
    return str(rng.choice(marks)).format(*pair)

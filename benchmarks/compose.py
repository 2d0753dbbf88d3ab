"""Compose pages of numbers from MNIST test digits, so that what stands on them is known.

    python benchmarks/compose.py FOLDER [--variant skew] [--pages 20] [--per-line 1] [--seed 1]

Writes FOLDER/page_NN.png (A4, 300 dpi, grey, ten lines of numbers of 4 to 8 digits; photo: .jpg)
and FOLDER/truth.csv (file,truth: the numbers in reading order), as `digitocr evaluate --data
FOLDER` and ../shared/tools/score.py read them. The same seed gives the same pages.

Variants: clean; skew (3 degrees either way); squared (5 mm squares); shadow (light that falls off,
a shadow's soft edge, stronger noise); touching (one digit in ten meets the one before it); skew15
(10 to 15 degrees either way); turned (by 90, 180 or 270 degrees); photo (the sheet on a darker
desk, taken at a slant, in light that falls off).
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from commands import MNIST
from numpy.typing import NDArray

Gray = NDArray[np.uint8]
Page = NDArray[np.float32]  # (3508, 2480), 0 black to 255 white
Rng = np.random.Generator
Truth = dict[str, list[str]]  # the numbers of each file, in reading order

HEIGHT, WIDTH = 3508, 2480  # A4 at 300 dpi
N_LINES = 10
MARGIN = 250  # px, wide enough that 3 degrees of skew lose nothing
PAPER, INK = 246.0, 45.0  # grey levels
NOISE = 2.5  # deviation, grey levels
SQUARE = 59  # px: 5 mm at 300 dpi
PHOTO = (4032, 3024)  # px, height and width
JPEG_QUALITY = 80


@dataclass(frozen=True)
class Digits:
    """MNIST's test digits."""

    images: Gray  # (10000, 28, 28), ink 255 on paper 0
    labels: Gray  # (10000,)


def load_digits(root: Path) -> Digits:
    """Return the test digits below a folder laid out as torchvision lays it out."""
    raw = root / "MNIST" / "raw"
    images = np.frombuffer((raw / "t10k-images-idx3-ubyte").read_bytes(), np.uint8, offset=16)
    labels = np.frombuffer((raw / "t10k-labels-idx1-ubyte").read_bytes(), np.uint8, offset=8)
    return Digits(images.reshape(-1, 28, 28), labels)


def written(image: Gray, size: float) -> Gray:
    """Return a digit's ink, cropped, its 20×20 box `size` pixels wide, with a pen's sharp edges."""
    side = round(28 * size / 20)
    large = cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    # MNIST's thin strokes are grey; cut off higher than this they would fall apart into dots.
    ink = np.clip((large - 25) * 2, 0, 255).astype(np.uint8)
    x, y, width, height = cv2.boundingRect(ink)
    return ink[y : y + height, x : x + width]


def touching_number(
    digits: Digits, chosen: NDArray[np.int64], size: float, touching: float, rng: Rng
) -> Gray:
    """Return the ink of one number: digits side by side, the baseline a little uneven.

    Args:
        digits: where the digits come from.
        chosen: (n,) which ones.
        size: of a digit, pixels.
        touching: part of the digits that meet the one before them, 0..1.
        rng: for gaps and baselines.
    """
    patches = [written(digits.images[i], size) for i in chosen]
    canvas = np.zeros((round(1.6 * size), round(1.8 * size * len(patches))), np.uint8)
    right = 0
    for patch in patches:
        height, width = patch.shape
        bottom = round(1.4 * size + rng.uniform(-0.04, 0.04) * size)
        rows = canvas[bottom - height : bottom]
        x = right + round(rng.uniform(0.08, 0.20) * size)
        if right and rng.random() < touching:
            x = _meeting(rows, patch, right)
        np.maximum(rows[:, x : x + width], patch, out=rows[:, x : x + width])
        right = x + width
    return canvas[:, : right + 1]


def _meeting(rows: Gray, patch: Gray, right: int) -> int:
    """Return the rightmost x at which a patch overlaps the ink before it by a stroke's edge."""
    for x in range(right, 0, -1):
        if np.count_nonzero((rows[:, x : x + patch.shape[1]] > 128) & (patch > 128)) > 12:
            return x
    return right


def compose_page(
    digits: Digits, touching: float, per_line: int, rng: Rng
) -> tuple[Page, list[str]]:
    """Return a page without noise, and its numbers in reading order."""
    ink = np.zeros((HEIGHT, WIDTH), np.uint8)
    truth = []
    for top in np.linspace(MARGIN, HEIGHT - MARGIN - 160, N_LINES).astype(int):
        line, numbers = compose_line(digits, touching, per_line, rng)
        x = int(rng.integers(MARGIN, WIDTH - MARGIN - line.shape[1] + 1))
        ink[top : top + line.shape[0], x : x + line.shape[1]] = line
        truth += numbers
    return PAPER - ink * np.float32((PAPER - INK) / 255), truth


def compose_line(
    digits: Digits, touching: float, per_line: int, rng: Rng
) -> tuple[Gray, list[str]]:
    """Return the ink of a line and its numbers: as many of `per_line` as fit, one at least."""
    size = rng.uniform(80, 100)
    line, truth = np.zeros((round(1.6 * size), 0), np.uint8), list[str]()
    for _ in range(per_line):
        chosen = rng.integers(len(digits.labels), size=rng.integers(4, 9))
        number = touching_number(digits, chosen, size, touching, rng)
        gap = round(rng.uniform(1.5, 2.5) * size) if truth else 0
        longer = np.hstack([line, np.zeros((len(line), gap), np.uint8), number])
        if longer.shape[1] > WIDTH - 2 * MARGIN:
            break
        line = longer
        truth.append("".join(map(str, digits.labels[chosen])))
    return line, truth


def as_written(page: Page, _rng: Rng) -> Page:
    """Return the page as it is."""
    return page


def skewed(page: Page, rng: Rng) -> Page:
    """Return the page turned by 3 degrees, to the left or to the right."""
    turn = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), float(rng.choice([-3.0, 3.0])), 1)
    return np.asarray(cv2.warpAffine(page, turn, (WIDTH, HEIGHT), borderValue=PAPER), np.float32)


def squared(page: Page, rng: Rng) -> Page:
    """Return the page on 5 mm squares; their lines are faint on some pages, strong on others."""
    paper, line = np.full_like(page, PAPER), rng.uniform(115, 190)
    for axis in (paper, paper.T):
        for start in range(int(rng.integers(SQUARE)), len(axis), SQUARE):
            axis[start : start + 3] = line
    return np.minimum(page, paper)


def shadowed(page: Page, rng: Rng) -> Page:
    """Return the page lit from one corner, a shadow with a soft edge across it, and noisy."""
    y, x = np.mgrid[0:HEIGHT:8, 0:WIDTH:8].astype(np.float32) / HEIGHT
    angle = rng.uniform(0, 2 * np.pi)
    along = np.cos(angle) * (x - 0.35) + np.sin(angle) * (y - 0.5)  # page heights from the middle
    edge = 1 / (1 + np.exp(-(along - rng.uniform(-0.2, 0.2)) / 0.02))  # 1 in the shadow
    light = (0.85 - 0.25 * along) * (1 - 0.35 * edge)
    lit = page * cv2.resize(light.astype(np.float32), (WIDTH, HEIGHT))
    return np.asarray(lit + 5 * rng.standard_normal(page.shape, np.float32), np.float32)


def skewed_much(page: Page, rng: Rng) -> Page:
    """Return the page turned by 10 to 15 degrees either way, on paper that holds all of it."""
    angle = float(rng.choice([-1, 1]) * rng.uniform(10, 15))
    turn = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), angle, 1)
    cos, sin = abs(turn[0, :2])
    width, height = round(WIDTH * cos + HEIGHT * sin), round(WIDTH * sin + HEIGHT * cos)
    turn[:, 2] += ((width - WIDTH) / 2, (height - HEIGHT) / 2)
    return np.asarray(cv2.warpAffine(page, turn, (width, height), borderValue=PAPER), np.float32)


def turned(page: Page, rng: Rng) -> Page:
    """Return the page on its side or upside down."""
    return np.rot90(page, int(rng.integers(1, 4)))


def on_desk(page: Page, rng: Rng) -> Page:
    """Return the page as a sheet on a darker desk: corners off by up to 12 %, light falling off."""
    height, width = PHOTO
    upright = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], np.float32)
    inwards = (0.03 + rng.uniform(0, 0.12, (4, 2)).astype(np.float32)) * (1 - 2 * upright)
    corners = (upright + inwards) * np.array([width, height], np.float32)
    slant = cv2.getPerspectiveTransform(upright * np.array([WIDTH, HEIGHT], np.float32), corners)
    sheet = cv2.warpPerspective(page, slant, (width, height))
    covered = cv2.warpPerspective(np.ones_like(page), slant, (width, height))
    y, x = np.mgrid[0:height:8, 0:width:8].astype(np.float32) / height
    far = np.hypot(x - rng.uniform(0.2, 0.55), y - rng.uniform(0.2, 0.8))  # from the lamp
    light = cv2.resize(1 - 0.45 * far**2, (width, height))
    lit = (sheet + (1 - covered) * desk(rng)) * light
    return np.asarray(cv2.GaussianBlur(lit, (0, 0), 0.8), np.float32)


def desk(rng: Rng) -> Page:
    """Return a desk's wood: grain along it, broad lighter and darker patches."""
    height, width = PHOTO
    grain = cv2.resize(rng.standard_normal((12, 600), np.float32), (width, height))
    patches = cv2.resize(rng.standard_normal((6, 5), np.float32), (width, height))
    return np.float32(rng.uniform(60, 130)) + 7 * grain + 9 * patches


@dataclass(frozen=True)
class Variant:
    """How pages are made difficult."""

    change: Callable[[Page, Rng], Page]
    touching: float = 0.0  # part of the digits that meet the one before them
    suffix: str = ".png"


VARIANTS = {
    "clean": Variant(as_written),
    "skew": Variant(skewed),
    "squared": Variant(squared),
    "shadow": Variant(shadowed),
    "touching": Variant(as_written, touching=0.1),
    "skew15": Variant(skewed_much),
    "turned": Variant(turned),
    "photo": Variant(on_desk, suffix=".jpg"),
}


def photographed(page: Page, rng: Rng) -> Gray:
    """Return the page in whole grey levels, with the gentle noise that every scan has."""
    noisy = page + NOISE * rng.standard_normal(page.shape, np.float32)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def compose(
    folder: Path,
    *,
    variant: str = "clean",
    n_pages: int = 20,
    per_line: int = 1,
    seed: int = 1,
    data: Path = MNIST,
) -> Truth:
    """Write pages of one variant and truth.csv into a folder; return the truth."""
    digits, how = load_digits(data), VARIANTS[variant]

    def pages() -> Iterator[tuple[Gray, list[str]]]:
        for number in range(1, n_pages + 1):
            rng = np.random.default_rng([seed, number])  # the same numbers in every variant
            page, numbers = compose_page(digits, how.touching, per_line, rng)
            yield photographed(how.change(page, rng), rng), numbers

    return write_set(folder, pages(), how.suffix)


def write_set(folder: Path, pages: Iterable[tuple[Gray, list[str]]], suffix: str) -> Truth:
    """Write pages, each with its numbers, and truth.csv into a folder; return the truth."""
    folder.mkdir(parents=True, exist_ok=True)
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if suffix == ".jpg" else []
    truth = {}
    for number, (picture, numbers) in enumerate(pages, 1):
        name = f"page_{number:02}{suffix}"
        cv2.imwrite(str(folder / name), picture, quality)
        truth[name] = numbers
    with (folder / "truth.csv").open("w", newline="") as file:
        rows = [(name, " ".join(numbers)) for name, numbers in truth.items()]
        csv.writer(file).writerows([("file", "truth"), *rows])
    return truth


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--variant", choices=VARIANTS, default="clean")
    parser.add_argument("--pages", type=int, default=20)
    parser.add_argument("--per-line", type=int, default=1, help="numbers a line, where they fit")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", type=Path, default=MNIST, help="holds MNIST/raw/t10k-*")
    a = parser.parse_args()
    truth = compose(
        a.folder, variant=a.variant, n_pages=a.pages, per_line=a.per_line, seed=a.seed, data=a.data
    )
    print(f"{len(truth)} pages, {sum(map(len, truth.values()))} numbers in {a.folder}")


if __name__ == "__main__":
    main()

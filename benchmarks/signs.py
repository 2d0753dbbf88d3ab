"""Count how many signs in print are read: 12 faces × 12 sizes × clean and scan-like, by kind.

    python benchmarks/signs.py [--model digits] [--every 1] [--seed 1]

A page holds two numbers of each kind, one a line; a number is right if its exact text is among
those read on its page. `--every 4` takes every fourth page. Typefaces come from the system; those
that are not installed are named and left out (Debian: fonts-dejavu-core, fonts-dejavu-extra,
fonts-liberation, fonts-crosextra-carlito, fonts-crosextra-caladea, fonts-open-sans).
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from compose import Gray, Rng
from PIL import Image, ImageDraw, ImageFont
from printed import installed

from digitocr import Scanner, Settings

FACES = (
    "LiberationSans-Regular", "LiberationSerif-Regular", "LiberationMono-Regular", "DejaVuSans",
    "DejaVuSerif", "DejaVuSansMono", "Carlito-Regular", "Caladea-Regular", "OpenSans-Regular",
    "LiberationSans-Bold", "LiberationSerif-Italic", "DejaVuSansCondensed",
)  # fmt: skip
SIZES = tuple(np.linspace(24, 72, 12).round().astype(int).tolist())  # pixels of an em
KINDS = ("amount", "thousands", "minus", "minus U+2212", "time", "date")
MINUS = "\N{MINUS SIGN}"


def number_of(kind: str, rng: Rng) -> str:
    """Return a random number of a kind of `KINDS`."""
    whole, cents = int(rng.integers(1, 1000)), int(rng.integers(100))
    if kind == "amount":
        return f"{whole}.{cents:02}"
    if kind == "thousands":
        return f"{int(rng.integers(1000, 10**6)):,}.{cents:02}"
    if kind.startswith("minus"):
        text = f"{whole}.{cents:02}" if rng.random() < 0.5 else str(whole)
        return ("-" if kind == "minus" else MINUS) + text
    if kind == "time":
        return f"{rng.integers(24):02}:{rng.integers(60):02}"
    return f"{rng.integers(1, 29):02}/{rng.integers(1, 13):02}/{rng.integers(1950, 2030)}"


def page_of(face: Path, size: int, is_scan: bool, rng: Rng) -> tuple[Gray, list[tuple[str, str]]]:
    """Return a page in a face and size, and the kind and text of what is printed on it."""
    font = ImageFont.truetype(str(face), size)
    printed = [(kind, number_of(kind, rng)) for kind in KINDS * 2]
    picture = Image.new("L", (12 * size, 2 * size * (len(printed) + 1)), 255)
    for line, (_, text) in enumerate(printed, 1):
        ImageDraw.Draw(picture).text((2 * size, 2 * size * line), text, 0, font, "ls")
    gray = np.array(picture)
    return (scanned(gray, rng) if is_scan else gray), printed


def scanned(gray: Gray, rng: Rng) -> Gray:
    """Return a page as a scanner gives it: a little askew, soft, grey, with noise and JPEG."""
    height, width = gray.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), float(rng.uniform(-1, 1)), 1)
    askew = cv2.warpAffine(gray, turn, (width, height), borderValue=255).astype(np.float32)
    soft = 60 + 0.72 * np.asarray(cv2.GaussianBlur(askew, (0, 0), 0.9), np.float32)
    noisy = np.clip(soft + 4 * rng.standard_normal(gray.shape, np.float32), 0, 255)
    _, coded = cv2.imencode(".jpg", noisy.astype(np.uint8), (cv2.IMWRITE_JPEG_QUALITY, 75))
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), np.uint8)


def pages(seed: int, every: int) -> Iterator[tuple[Gray, list[tuple[str, str]]]]:
    """Yield each `every`th page of all faces, sizes and both qualities."""
    faces = installed(FACES)
    combined = [(face, size, scan) for face in faces for size in SIZES for scan in (False, True)]
    for number, (face, size, scan) in list(enumerate(combined))[::every]:
        yield page_of(face, size, scan, np.random.default_rng([seed, number]))


def main() -> None:
    """Read the pages and print how many numbers of each kind are exact."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="digits")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    scanner = Scanner(Settings(model=given.model))
    right, wrong_but_ok, of = Counter[str](), Counter[str](), Counter[str]()
    for gray, printed in pages(given.seed, given.every):
        found = scanner.scan_file(gray, "page").numbers
        read = {one.text for one in found}
        written = {text.replace(MINUS, "-") for _, text in printed}
        wrong_but_ok["all"] += sum(one.status == "ok" and one.text not in written for one in found)
        for kind, text in printed:
            of[kind] += 1
            right[kind] += text.replace(MINUS, "-") in read
    for kind in KINDS:
        print(f"{kind:14} {right[kind]:5} of {of[kind]}: {100 * right[kind] / of[kind]:.1f} %")
    print(f"ok, and not on the page: {wrong_but_ok['all']}")


if __name__ == "__main__":
    main()

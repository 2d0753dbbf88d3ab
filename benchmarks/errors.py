"""Show the pages of a set that were read wrong, worst first.

    python benchmarks/accuracy.py --only cheque_amounts --keep FOLDER
    python benchmarks/errors.py FOLDER cheque_amounts [--sheet worst.png] [--columns 5]

Prints a page a line: edits between the digits of truth and reading, confidence (of the surest
number that is not in the truth), file, numbers missed | numbers read that are not in the truth.
--sheet also draws them, 60 pictures a sheet (worst.png, worst-2.png, ...): boxes of numbers blue,
each digit as read under its own box.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import cv2
import numpy as np
from kept import Reading, digits_of, hits, pages_of, read_result, read_truth, results_of
from numpy.typing import NDArray

from digitocr.training.evaluate import edit_distance

Picture = NDArray[np.uint8]  # (H, W, 3), blue green red

PER_SHEET = 60
WIDTH = 1550  # px, of a sheet
GAP = 8  # px, between pictures
CAPTION = 40  # px, above a picture
MARGIN = 22  # px under a picture, for the digits as read
BLUE, RED, BLACK, WHITE = (200, 90, 0), (0, 0, 220), (0, 0, 0), (255, 255, 255)
FONT = cv2.FONT_HERSHEY_SIMPLEX


@dataclass(frozen=True)
class Fault:
    """A page that was read wrong."""

    file: str
    readings: list[Reading]
    missed: list[str]  # numbers of the truth
    wrong: list[Reading]  # not in the truth
    edits: int  # between the digits of truth and reading

    def __str__(self) -> str:
        return f"{self.edits:4} {self.confidence:.3f}  {self.file:28} {self.texts}"

    @property
    def confidence(self) -> float:
        """How sure the surest wrong number is, 0..1."""
        return max((reading.confidence for reading in self.wrong), default=0.0)

    @property
    def texts(self) -> str:
        """What was missed and what was read in its place."""
        wrong = [reading.text for reading in self.wrong]
        return f"{' '.join(self.missed)} | {' '.join(wrong)}" if self.missed or wrong else "order"


def find_faults(name: str, kept: Path, pattern: str) -> list[Fault]:
    """Return the pages of a set that were read wrong, worst first."""
    results = results_of(name, kept)
    if not results.is_dir():
        sys.exit(f"error: {results} is not there")
    truth = read_truth(pages_of(name, kept))
    if not truth:
        sys.exit(f"error: the truths of {name} are grids or tables, not numbers")
    judged = [
        judge(file, wanted, read_result(results, file))
        for file, wanted in truth.items()
        if fnmatch(file, pattern)
    ]
    wrong = [fault for fault in judged if fault.edits or fault.wrong]
    return sorted(wrong, key=lambda fault: (-fault.edits, -fault.confidence, fault.file))


def judge(file: str, wanted: list[str], readings: list[Reading]) -> Fault:
    """Return how far the reading of one page is from its truth."""
    want, read = list(map(digits_of, wanted)), [digits_of(one.text) for one in readings]
    wrong = [one for one, hit in zip(readings, hits(readings, wanted), strict=True) if not hit]
    missed = list((Counter(want) - Counter(read)).elements())
    return Fault(file, readings, missed, wrong, edit_distance("".join(want), "".join(read)))


def drawn(pages: Path, fault: Fault, side: int) -> Picture:
    """Return a page no wider or higher than `side`, with what was read and what stands there."""
    page = cv2.imread(str(pages / fault.file))
    if page is None:
        page = np.full((side // 3, side, 3), 128, np.uint8)
    scale = side / max(page.shape)
    page = cv2.resize(page, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    right = side - page.shape[1]
    around = CAPTION, MARGIN, 0, right
    bordered = cv2.copyMakeBorder(page, *around, cv2.BORDER_CONSTANT, value=WHITE)
    picture = np.asarray(bordered, np.uint8)
    for reading in fault.readings:
        if reading.page == 1:
            draw_reading(picture[CAPTION:], reading, scale)
    about = f"{fault.edits} {fault.confidence:.2f} {Path(fault.file).stem}"
    cv2.putText(picture, about, (4, 13), FONT, 0.4, BLACK, 1, cv2.LINE_AA)
    cv2.putText(picture, fault.texts[: side // 10], (4, 33), FONT, 0.5, RED, 1, cv2.LINE_AA)
    return picture


def draw_reading(picture: Picture, reading: Reading, scale: float) -> None:
    """Draw one number into a picture, in place."""
    x, y, width, height = (round(scale * side) for side in reading.box)
    cv2.rectangle(picture, (x, y), (x + width, y + height), BLUE, 1)
    for digit, box in reading.digits:
        x, y, width, height = (round(scale * side) for side in box)
        cv2.line(picture, (x, y + height), (x + width, y + height), RED, 1)
        size = float(np.clip(height / 45, 0.35, 0.7))
        place = (x + width // 2 - 5, y + height + round(26 * size))
        cv2.putText(picture, digit, place, FONT, size, RED, 1, cv2.LINE_AA)


def in_rows(pictures: list[Picture], columns: int) -> Picture:
    """Return pictures of one width side by side; those of a row get the height of its tallest."""
    blank = np.full((1, *pictures[0].shape[1:]), 255, np.uint8)
    pictures = pictures + [blank] * (-len(pictures) % columns)
    rows = [pictures[start : start + columns] for start in range(0, len(pictures), columns)]
    return np.vstack([_row(row) for row in rows])


def _row(pictures: list[Picture]) -> Picture:
    """Return pictures side by side, with white between them."""
    height = max(map(len, pictures)) + GAP
    return np.hstack(
        [
            cv2.copyMakeBorder(one, 0, height - len(one), 0, GAP, cv2.BORDER_CONSTANT, value=WHITE)
            for one in pictures
        ]
    )


def write_sheets(target: Path, pages: Path, faults: list[Fault], columns: int) -> None:
    """Write the pictures of all faults, `PER_SHEET` a file."""
    for number, start in enumerate(range(0, len(faults), PER_SHEET), 1):
        path = target if number == 1 else target.with_stem(f"{target.stem}-{number}")
        shown = faults[start : start + PER_SHEET]
        pictures = [drawn(pages, fault, WIDTH // columns - GAP) for fault in shown]
        cv2.imwrite(str(path), in_rows(pictures, columns))
        print(path, file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kept", type=Path, help="what accuracy.py --keep has filled")
    parser.add_argument("set")
    parser.add_argument("--sheet", type=Path, help="picture to write")
    parser.add_argument("--columns", type=int, default=5, help="of a sheet; 3 suits whole pages")
    parser.add_argument("--match", default="*", help="files to look at, a pattern")
    a = parser.parse_args()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # end quietly when piped into `head`
    faults = find_faults(a.set, a.kept, a.match)
    if a.sheet:
        write_sheets(a.sheet, pages_of(a.set, a.kept), faults, a.columns)
    for fault in faults:
        print(fault)
    print(f"{len(faults)} pages of {a.set} were read wrong", file=sys.stderr)


if __name__ == "__main__":
    main()

"""Draw a sheet of pages as the finder is trained on, in fonts alone: docs/drawn_pages.jpg.

    python benchmarks/contact_sheet.py docs/drawn_pages.jpg --fonts FOLDER [--fonts FOLDER]

The pages that networks learn from also hold pen ink and meter wheels; those are not ours to show.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from digitocr.training.data.drawn_text import Library, families_of
from digitocr.training.data.faces import load_faces
from digitocr.training.data.hands import HandLibrary
from digitocr.training.data.layouts import LAYOUTS
from digitocr.training.data.pages import DrawnPage, PagePainter
from digitocr.training.data.wheels import Wheels

SIDE, COLUMNS, ROWS = 320, 6, 4
NUMBER, OTHER = (40, 40, 220), (220, 140, 40)  # blue, green, red
HIDDEN = ("counter", "nothing")


def fonts_alone(fonts: list[Path]) -> Library:
    """Return what can be drawn without anybody's hand."""
    families = families_of(load_faces(tuple(fonts)))
    return Library(families, HandLibrary((), (), {}, ()))


def shown(page: DrawnPage) -> np.ndarray:
    """Return a page with its lines in colours: numbers red, other writing blue."""
    view = cv2.cvtColor(page.gray, cv2.COLOR_GRAY2BGR)
    for line in page.lines:
        colour = NUMBER if line.is_number else OTHER
        cv2.polylines(view, [line.quad.round().astype(np.int32)], True, colour, 1, cv2.LINE_AA)
    return view


def main() -> None:
    """Draw the sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--fonts", type=Path, action="append", required=True)
    parser.add_argument("--seed", type=int, default=3)
    given = parser.parse_args()
    painter = PagePainter(fonts_alone(given.fonts), Wheels(()), given.seed)
    kinds = [kind for kind in LAYOUTS if kind not in HIDDEN]
    views = [shown(painter.page(SIDE, SIDE, kinds[i % len(kinds)])) for i in range(COLUMNS * ROWS)]
    rows = [np.hstack(views[i : i + COLUMNS]) for i in range(0, len(views), COLUMNS)]
    cv2.imwrite(str(given.output), np.vstack(rows), [cv2.IMWRITE_JPEG_QUALITY, 60])


if __name__ == "__main__":
    main()

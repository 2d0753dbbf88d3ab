"""Measure the memory that a long document takes, however long it is.

    python benchmarks/memory.py [pdf|tif] [--pages 300]

Composed A4 pages (300 dpi, MNIST test digits) are put into one document: in a PDF as JPEG, in a
TIFF as CCITT G4, five different ones by turns. `digitocr scan` reads its first ten pages, then all:
printed are the largest resident set of each run and the document's megabytes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from commands import MNIST, ONE_THREAD, digitocr, run_well
from compose import compose
from PIL import Image

OPTIONS: dict[str, dict[str, Any]] = {"pdf": {"resolution": 300}, "tif": {"compression": "group4"}}
PAPER = 160  # and lighter is white, where there are two levels
DIFFERENT = 5


def make_document(folder: Path, kind: str, n_pages: int) -> Path:
    """Compose pages and write them as one document."""
    compose(folder / "pages", n_pages=DIFFERENT, data=MNIST)
    scans = [Image.open(path).convert("L") for path in sorted(folder.glob("pages/*.png"))]
    if kind == "tif":
        scans = [scan.point(lambda level: 255 * (level >= PAPER)).convert("1") for scan in scans]
    pages = islice(cycle(scans), n_pages)
    document = folder / f"long.{kind}"
    next(pages).save(document, save_all=True, append_images=pages, **OPTIONS[kind])
    return document


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kind", nargs="?", choices=list(OPTIONS), default="pdf")
    parser.add_argument("--pages", type=int, default=300)
    arguments = parser.parse_args()
    if not MNIST.is_dir():
        sys.exit(f"error: {MNIST} is not there")
    with tempfile.TemporaryDirectory() as temporary:
        document = make_document(Path(temporary), arguments.kind, arguments.pages)
        megabytes = document.stat().st_size / 10**6
        print(f"{document.name}: {arguments.pages} pages, {megabytes:.0f} MB")
        for pages in ("1-10", "1-"):
            command = [digitocr(), "scan", document, "-o", Path(temporary) / "out", "-q"]
            ran = run_well([*command, "--pages", pages], ONE_THREAD)
            print(f"--pages {pages:5}{ran.peak_mb:6.0f} MB at the most{ran.wall:8.1f} s")


if __name__ == "__main__":
    main()

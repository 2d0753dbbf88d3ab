"""Measure pages a second, CPU seconds a page and peak memory, against decoding alone and others.

    python benchmarks/throughput.py [--only dense,sparse,photo,strips] [--pages 4]
                                     [--rapidocr PYTHON]

Of pages of MNIST test digits: `dense`, A4 at 300 dpi with 210 numbers of 3 to 6 digits; `sparse`,
the same with ten numbers; `photo`, such a sheet photographed (12 megapixels, JPEG); `strips`, a
line of one number each. A4 pages are JPEG. Each engine reads all pages of a kind in one command,
its start included, one after the other on the same machine:

decoding      cv2.imread alone, in a process that is already running
digitocr      digitocr scan, with 1 worker, and with 2 where it has --workers
Tesseract     a process a page, --psm 6, digits alone (apt install tesseract-ocr)
RapidOCR      all text, on one thread; --rapidocr names a Python that it is installed for
              (python -m venv ... && pip install rapidocr-onnxruntime: models are in the wheel)

`x` is CPU time against digitocr's with 1 worker: ratios hold on a busy machine, seconds do not.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from commands import MNIST, ONE_THREAD, Ran, digitocr, run_well
from compose import (
    HEIGHT,
    INK,
    PAPER,
    WIDTH,
    Gray,
    compose,
    compose_line,
    load_digits,
    photographed,
    touching_number,
    write_set,
)
from speed import TESSERACT

N_ROWS, N_COLUMNS = 42, 5
SIZES = (38, 46)  # px, of the digits of dense pages
N_STRIPS = 10  # for each page of other kinds

DECODE = """
import sys, time, cv2
cv2.setNumThreads(1)
start, wall = time.process_time(), time.perf_counter()
for path in sys.argv[1:]: cv2.imread(path)
print(time.perf_counter() - wall, time.process_time() - start)
"""
RAPIDOCR = """
import sys
from rapidocr_onnxruntime import RapidOCR
engine = RapidOCR(intra_op_num_threads=1, inter_op_num_threads=1)
for path in sys.argv[1:]: engine(path)
"""

Measured = tuple[float, float, float]  # wall and CPU seconds, peak MB


def dense_pages(n_pages: int) -> Iterator[tuple[Gray, list[str]]]:
    """Yield A4 pages full of small numbers, with these row by row."""
    digits = load_digits(MNIST)
    for number in range(n_pages):
        rng = np.random.default_rng([7, number])
        ink, truth = np.zeros((HEIGHT, WIDTH), np.uint8), []
        for top in np.linspace(200, HEIGHT - 280, N_ROWS).astype(int):
            for x in np.linspace(200, 1900, N_COLUMNS).astype(int):
                chosen = rng.integers(len(digits.labels), size=rng.integers(3, 7))
                patch = touching_number(digits, chosen, rng.uniform(*SIZES), 0.0, rng)
                ink[top : top + patch.shape[0], x : x + patch.shape[1]] = patch
                truth.append("".join(map(str, digits.labels[chosen])))
        yield photographed(PAPER - ink * np.float32((PAPER - INK) / 255), rng), truth


def strips(n_pages: int) -> Iterator[tuple[Gray, list[str]]]:
    """Yield lines of one number."""
    digits = load_digits(MNIST)
    for number in range(n_pages * N_STRIPS):
        rng = np.random.default_rng([8, number])
        ink, truth = compose_line(digits, 0.0, 1, rng)
        ink = np.pad(ink, 40)
        yield photographed(PAPER - ink * np.float32((PAPER - INK) / 255), rng), truth


KINDS: dict[str, Callable[[Path, int], object]] = {
    "dense": lambda folder, n: write_set(folder, dense_pages(n), ".jpg"),
    "sparse": lambda folder, n: _as_jpeg(folder, compose(folder, n_pages=n)),
    "photo": lambda folder, n: compose(folder, variant="photo", n_pages=n),
    "strips": lambda folder, n: write_set(folder, strips(n), ".png"),
}


def _as_jpeg(folder: Path, names: dict[str, list[str]]) -> None:
    """Write pages as JPEG in place of PNG."""
    for name in names:
        path = folder / name
        gray = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        assert gray is not None
        cv2.imwrite(str(path.with_suffix(".jpg")), gray)
        path.unlink()


def decoding(paths: list[Path]) -> Measured:
    """Decode pages in a process that is already running."""
    ran = run_well([sys.executable, "-c", DECODE, *paths], ONE_THREAD)
    wall, cpu = map(float, ran.stdout.split())
    return wall, cpu, ran.peak_mb


def ours(paths: list[Path], *options: str) -> Measured:
    """Read pages with `digitocr scan`."""
    with tempfile.TemporaryDirectory() as results:
        scan = [digitocr(), "scan", *paths, "-o", results, "-q", *options]
        return measured(run_well(scan, ONE_THREAD))


def tesseract(paths: list[Path]) -> Measured:
    """Read pages with Tesseract, a process each."""
    ran = [
        measured(run_well(["tesseract", path, "stdout", *TESSERACT], ONE_THREAD)) for path in paths
    ]
    wall, cpu, peak = zip(*ran, strict=True)
    return sum(wall), sum(cpu), max(peak)


def rapidocr(python: str, paths: list[Path]) -> Measured:
    """Read pages with RapidOCR."""
    return measured(run_well([python, "-c", RAPIDOCR, *paths], ONE_THREAD))


def measured(ran: Ran) -> Measured:
    """Return what a command took."""
    return ran.wall, ran.cpu, ran.peak_mb


def engines(python: str | None) -> dict[str, Callable[[list[Path]], Measured]]:
    """Return the engines that there are, by name."""
    found: dict[str, Callable[[list[Path]], Measured]] = {"decoding": decoding}
    if "--workers" in run_well([digitocr(), "scan", "--help"]).stdout:
        one, two = (partial(_with_workers, n=str(n)) for n in (1, 2))
        found |= {"digitocr": one, "2 workers": two}
    else:
        found["digitocr"] = ours
    if shutil.which("tesseract"):
        found["Tesseract"] = tesseract
    if python:
        found["RapidOCR"] = partial(rapidocr, python)
    return found


def _with_workers(paths: list[Path], n: str) -> Measured:
    return ours(paths, "--workers", n)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default=",".join(KINDS), help="kinds of pages, with commas")
    parser.add_argument("--pages", type=int, default=4, help="of each kind; ten times the strips")
    parser.add_argument("--rapidocr", metavar="PYTHON", help="that RapidOCR is installed for")
    arguments = parser.parse_args()
    if not MNIST.is_dir():
        sys.exit(f"error: {MNIST} is not there")
    present = engines(arguments.rapidocr)
    print(f"{'':8}{'':12}{'pages/s':>9}{'CPU s/page':>12}{'x':>8}{'peak MB':>9}")
    with tempfile.TemporaryDirectory() as temporary:
        for kind in arguments.only.split(","):
            folder = Path(temporary) / kind
            KINDS[kind](folder, arguments.pages)
            paths = sorted(path for path in folder.iterdir() if path.suffix != ".csv")
            took = {name: engine(paths) for name, engine in present.items()}
            own = took["digitocr"][1]
            for name, (wall, cpu, peak) in took.items():
                n = len(paths)
                print(f"{kind:8}{name:12}{n / wall:9.2f}{cpu / n:12.3f}{cpu / own:8.2f}{peak:9.0f}")


if __name__ == "__main__":
    main()

"""Measure how fast pages are read, side by side with decoding alone and with Tesseract.

    python benchmarks/speed.py [pages|commands|start] [--pages 5] [--repeats 5] [--profile]

pages     One warm process, one thread: `scan_file` against only `cv2.imread` of the same A4 pages
          (300 dpi, clean, MNIST test digits), PNG and JPEG, turn by turn; the median of the
          ratios. --profile adds the milliseconds of each stage and the costliest functions.
commands  `digitocr scan` in one run over the pages against Tesseract, a process a page; wall and
          CPU seconds a page, and the numbers exactly right of each (wherever on the page).
start     `digitocr --help` and a scan of samples/digit.png, cold: median seconds, peak memory.

Without a name all three are measured. Ratios hold on a busy machine; seconds do not.
"""

from __future__ import annotations

import os

from commands import MNIST, ONE_THREAD, SAMPLES, Ran, digitocr, run_well

os.environ.update(ONE_THREAD)  # before NumPy starts its threads; handed on to commands, too

import argparse
import cProfile
import functools
import inspect
import pstats
import shutil
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import cv2
from compose import compose
from kept import read_result

from digitocr.pipeline import page, scan
from digitocr.pipeline.scan import scan_file
from digitocr.runs.memory import keep_freed_memory

cv2.setNumThreads(1)
FORMATS = ("png", "jpg")
JPEG_QUALITY = 90
TESSERACT = ("--psm", "6", "-c", "tessedit_char_whitelist=0123456789")
ORDER = (scan, page)  # what they call in other modules of the package is a stage
STAGES = "digitocr."

Truth = dict[str, list[str]]


def make_pages(folder: Path, n_pages: int) -> Truth:
    """Compose clean pages as folder/png/*.png and folder/jpg/*.jpg."""
    truth = compose(folder / "png", n_pages=n_pages, data=MNIST)
    (folder / "jpg").mkdir()
    for name in truth:
        gray = cv2.imread(str(folder / "png" / name), cv2.IMREAD_GRAYSCALE)
        target = (folder / "jpg" / name).with_suffix(".jpg")
        assert gray is not None
        cv2.imwrite(str(target), gray, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return truth


def seconds(work: Callable[[], object]) -> float:
    """Return how long a call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure_pages(folder: Path, repeats: int, profile: bool) -> None:
    """Print the ratio of reading a page to decoding it."""
    keep_freed_memory()  # as the command does
    print("\nscan_file against cv2.imread, one warm process, one thread")
    print(f"{'':5}{'imread ms':>11}{'scan ms':>9}{'ratio':>7}{'  (lowest to highest)'}")
    for kind in FORMATS:
        paths = sorted((folder / kind).glob(f"*.{kind}"))
        pairs = [pair for _ in range(repeats) for pair in timed_pairs(paths)]
        ratios = sorted(scanning / decoding for decoding, scanning in pairs)
        decoding, scanning = (1000 * median(column) for column in zip(*pairs, strict=True))
        spread = f"({ratios[0]:.2f} to {ratios[-1]:.2f})"
        print(f"{kind:5}{decoding:11.1f}{scanning:9.1f}{median(ratios):7.2f}  {spread}")
        if profile:
            profile_pages(paths, repeats)


def timed_pairs(paths: list[Path]) -> Iterator[tuple[float, float]]:
    """Yield for each page the seconds to decode and to scan it, one right after the other."""
    scan_file(paths[0])  # warm: the model is loaded
    for path in paths:
        yield seconds(lambda: cv2.imread(str(path))), seconds(lambda: scan_file(path))  # noqa: B023


def profile_pages(paths: list[Path], repeats: int) -> None:
    """Print the milliseconds a page of each stage, and the functions that cost most."""
    spent: defaultdict[str, float] = defaultdict(float)
    kept = [
        {name: value for name, value in vars(module).items() if is_stage(value, module.__name__)}
        for module in ORDER
    ]
    for module, stages in zip(ORDER, kept, strict=True):
        vars(module).update({name: timed(stage, name, spent) for name, stage in stages.items()})
    whole = seconds(lambda: [scan_file(path) for _ in range(repeats) for path in paths])
    for module, stages in zip(ORDER, kept, strict=True):
        vars(module).update(stages)
    n_pages = repeats * len(paths)
    for name, took in [*sorted(spent.items(), key=lambda item: -item[1]), ("in all", whole)]:
        print(f"     {name:24}{1000 * took / n_pages:8.1f} ms a page")
    profiler = cProfile.Profile()
    profiler.runcall(lambda: [scan_file(path) for path in paths])
    print(f"     functions, seconds over {len(paths)} pages:")
    pstats.Stats(profiler).sort_stats("tottime").print_stats(14)


def is_stage(value: object, caller: str) -> bool:
    """Tell whether a name in a module is a function of another module of the package."""
    home = getattr(value, "__module__", None) or ""
    return inspect.isfunction(value) and home.startswith(STAGES) and home != caller


def timed(
    stage: Callable[..., Any], name: str, spent: defaultdict[str, float]
) -> Callable[..., Any]:
    """Return a stage that adds to `spent` what it takes; of a generator, what each item takes."""

    @functools.wraps(stage)
    def call(*arguments: Any, **named: Any) -> Any:
        start = time.perf_counter()
        result = stage(*arguments, **named)
        spent[name] += time.perf_counter() - start
        return items(result) if inspect.isgenerator(result) else result

    def items(generator: Iterator[Any]) -> Iterator[Any]:
        while True:
            start = time.perf_counter()
            item = next(generator, None)
            spent[name] += time.perf_counter() - start
            if item is None:
                return
            yield item

    return call


def measure_commands(folder: Path, truth: Truth, repeats: int) -> None:
    """Print what the two commands take and get right; the best of a few runs each."""
    if not shutil.which("tesseract"):
        print("\nTesseract is not installed: nothing to compare with")
        return
    print(f"\ncommands over {len(truth)} pages, one thread: a page's wall and CPU seconds")
    print(f"{'':15}{'wall':>8}{'CPU':>8}{'exactly right':>16}{'faster: wall':>14}{'CPU':>9}")
    n_numbers = sum(map(len, truth.values()))
    for kind in FORMATS:
        rounds = [(ours(folder / kind), theirs(folder / kind)) for _ in range(repeats)]
        best = [tuple(map(min, zip(*(r[i][0] for r in rounds), strict=True))) for i in (0, 1)]
        for i, who in enumerate(("digitocr", "Tesseract")):
            right = count_right(rounds[0][i][1], truth)
            wall, cpu = (took / len(truth) for took in best[i])
            line = f"{kind:5}{who:10}{wall:8.3f}{cpu:8.3f}{right:10} of {n_numbers}"
            ratios = (there / here for there, here in zip(best[1], best[0], strict=True))
            print(line + "".join(f"{ratio:11.1f}" for ratio in ratios) * i)


def ours(pages: Path) -> tuple[tuple[float, float], Truth]:
    """Return (wall, CPU) seconds and what `digitocr scan` reads in a folder."""
    with tempfile.TemporaryDirectory() as results:
        ran = run_well([digitocr(), "scan", pages, "-o", results, "-q"])
        names = [path.name for path in pages.glob("page_*")]
        read = {
            Path(name).stem: [one.text for one in read_result(Path(results), name)]
            for name in names
        }
    return (ran.wall, ran.cpu), read


def theirs(pages: Path) -> tuple[tuple[float, float], Truth]:
    """Return (wall, CPU) seconds and what Tesseract reads in a folder, a process a page."""
    names = sorted(pages.iterdir())
    ran = [run_well(["tesseract", p, "stdout", *TESSERACT]) for p in names if p.suffix != ".csv"]
    read = [one.stdout.split() for one in ran]
    stems = [p.stem for p in names if p.suffix != ".csv"]
    total = (sum(one.wall for one in ran), sum(one.cpu for one in ran))
    return total, dict(zip(stems, read, strict=True))


def count_right(read: Truth, truth: Truth) -> int:
    """Return how many numbers of the truth were read exactly, wherever on their page."""
    pairs = ((read.get(Path(name).stem, []), wanted) for name, wanted in truth.items())
    return sum((Counter(got) & Counter(wanted)).total() for got, wanted in pairs)


def measure_start(repeats: int) -> None:
    """Print what a command takes that has next to nothing to do."""
    print(f"\ncold start, median of {repeats}")
    with tempfile.TemporaryDirectory() as results:
        scan_one = [digitocr(), "scan", SAMPLES / "digit.png", "-o", results, "-q"]
        for name, command in (("--help", [digitocr(), "--help"]), ("scan digit.png", scan_one)):
            run_well(command)  # files in the page cache, bytecode compiled
            say_start(name, [run_well(command) for _ in range(repeats)])


def say_start(name: str, ran: list[Ran]) -> None:
    wall, cpu = median(one.wall for one in ran), median(one.cpu for one in ran)
    peak = max(one.peak_mb for one in ran)
    print(f"     {name:16}{wall:7.3f} s wall{cpu:7.3f} s CPU{peak:7.0f} MB at the most")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts = ["pages", "commands", "start"]
    parser.add_argument("part", nargs="?", choices=parts, help="left out: all")
    parser.add_argument("--pages", type=int, default=5, help="to compose")
    parser.add_argument("--repeats", type=int, default=5, help="of each page; commands: half")
    parser.add_argument("--starts", type=int, default=7, help="cold starts of each command")
    parser.add_argument("--profile", action="store_true", help="stage by stage")
    arguments = parser.parse_args()
    chosen = {arguments.part} if arguments.part else set(parts)
    if chosen & {"pages", "commands"} and not MNIST.is_dir():
        sys.exit(f"error: {MNIST} is not there; only `start` can be measured")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        truth = make_pages(folder, arguments.pages) if chosen - {"start"} else {}
        if "pages" in chosen:
            measure_pages(folder, arguments.repeats, arguments.profile)
        if "commands" in chosen:
            measure_commands(folder, truth, (arguments.repeats + 1) // 2)
    if "start" in chosen:
        measure_start(arguments.starts)


if __name__ == "__main__":
    main()

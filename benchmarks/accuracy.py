"""Measure how much is read right, and what has changed since the figures were last kept.

    python benchmarks/accuracy.py [--pages 20] [--only clean,samples] [--save] [--keep FOLDER]
                                   [--max-error 0.01]

Scans, with the real command: pages composed of MNIST test digits, one set for each variant of
compose.py; `print`, printed numbers, and `text`, text without a digit (printed.py); `blank`, empty
pages (blank.py); every set in ../shared/data/pages; samples/. One table, a set a row, 0..100:

exact    numbers of the truth that were read exactly, wherever they stand on their page
order    pages whose numbers are all exact and in reading order, with none too many
ece      expected calibration error of the numbers' confidence (lower is better); confidence.py
         says more of it, errors.py shows the pages that were read wrong
others   from ../shared/tools/score.py, whose head explains them

A change since benchmarks/last.json is given beside a figure; --save writes the new ones there.
Without ../shared only samples/ are measured. Figures of other --pages are other pages.
"""

from __future__ import annotations

import argparse
import datetime
import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from blank import compose_blank
from commands import REPO, SHARED, commit, digitocr, run, run_well
from compose import VARIANTS, Truth, compose
from kept import PAGES, judged, pages_of, read_result, read_truth, results_of
from printed import PRINT, compose_print, compose_text, installed
from rich import box
from rich.console import Console
from rich.table import Table

from digitocr.training.calibration import calibration_error

LAST = REPO / "benchmarks" / "last.json"
SCORE = SHARED / "tools" / "score.py"
MEASURES = (
    *("exact", "order", "digit", "page", "number", "cell", "filled"),
    *("false", "auto", "wrong", "ece"),
)
LOWER_IS_BETTER = {"false", "wrong", "ece"}
SOME_FAILED = 7  # exit code: files that can't be read score as empty

COMPOSED: dict[str, Callable[..., Truth]] = {
    **{name: partial(compose, variant=name) for name in VARIANTS},
    "print": compose_print,
    "text": compose_text,
    "blank": compose_blank,
}
IN_TYPE = {"print", "text"}  # sets that need typefaces

Figures = dict[str, float]  # by measure


def set_names() -> list[str]:
    """Return the names of all sets that there are."""
    if not SHARED.is_dir():
        print(f"{SHARED} is not there: only samples/ are measured", file=sys.stderr)
        return ["samples"]
    composed = [name for name in COMPOSED if name not in IN_TYPE or installed(PRINT)]
    found = sorted(path.parent.name for path in PAGES.glob("*/truth.csv"))
    return [*composed, *found, "samples"]


def measure(name: str, work: Path, n_pages: int, options: list[str]) -> Figures:
    """Return the figures of one set, its pages composed and its results written below `work`."""
    if name in COMPOSED:
        COMPOSED[name](work / name, n_pages=n_pages)
    pages, results = pages_of(name, work), results_of(name, work)
    scan(pages, results, options)
    figures = numbers_right(read_truth(pages), results)
    return figures if name == "samples" else {**figures, **scored(pages, results)}


def scan(pages: Path, results: Path, options: list[str]) -> None:
    """Scan a folder with the real command, all of it anew."""
    shutil.rmtree(results, ignore_errors=True)
    ran = run([digitocr(), "scan", pages, "-o", results, "-q", *options])
    if ran.code not in (0, SOME_FAILED):
        sys.exit(f"error: scanning {pages} ended with {ran.code}:\n{ran.stderr}")


def numbers_right(truth: Truth, results: Path) -> Figures:
    """Return `exact`, `order` and `ece`; nothing where the truth is not numbers."""
    if not truth:
        return {}
    right = in_order = 0
    for file, wanted in truth.items():
        read = [reading.text for reading in read_result(results, file)]
        right += (Counter(read) & Counter(wanted)).total()
        in_order += read == wanted
    figures = {"order": 100 * in_order / len(truth)}
    if n_numbers := sum(map(len, truth.values())):
        figures["exact"] = 100 * right / n_numbers
    confidence, hit = judged(truth, results)
    if len(hit):
        figures["ece"] = 100 * calibration_error(confidence, hit)
    return figures


def scored(pages: Path, results: Path) -> Figures:
    """Return what score.py says."""
    said = json.loads(run_well([sys.executable, SCORE, pages, results, "--json"]).stdout)
    return {key: said[key] for key in MEASURES if said.get(key) is not None}


def show(figures: dict[str, Figures], last: dict[str, Figures]) -> None:
    """Print the table, each figure with its change."""
    table = Table("set", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for measure_name in MEASURES:
        table.add_column(measure_name, justify="right", no_wrap=True)
    for name, row in figures.items():
        table.add_row(name, *(cell(row, last.get(name, {}), key) for key in MEASURES))
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def cell(now: Figures, before: Figures, key: str) -> str:
    """Return one figure and its change, green for better and red for worse."""
    if key not in now:
        return ""
    text = f"{now[key]:.1f}"
    change = now[key] - before.get(key, now[key])
    if abs(change) < 0.05:
        return text
    better = (change < 0) == (key in LOWER_IS_BETTER)
    return f"{text} [{'green' if better else 'red'}]{change:+.1f}[/]"


def load_last() -> dict[str, dict[str, Any]]:
    """Return what was kept of each set: figures, when, of which commit, of how many pages."""
    kept: dict[str, dict[str, Any]] = json.loads(LAST.read_text()) if LAST.exists() else {}
    return kept


def last_figures(n_pages: int) -> Iterator[tuple[str, Figures]]:
    """Yield the figures kept of each set, but of composed pages only if there were as many."""
    for name, kept in load_last().items():
        if name not in COMPOSED or kept["pages"] == n_pages:
            yield name, kept["figures"]


def save(figures: dict[str, Figures], n_pages: int) -> None:
    """Keep the figures of the sets that were measured; those of others stay."""
    about = {"date": f"{datetime.date.today()}", "commit": commit()}
    kept = load_last()
    for name, row in figures.items():
        rounded = {key: round(value, 2) for key, value in row.items()}
        pages = {"pages": n_pages} if name in COMPOSED else {}
        kept[name] = {**about, **pages, "figures": rounded}
    LAST.write_text(json.dumps(kept, indent=1) + "\n")


def chosen_sets(only: str | None) -> list[str]:
    """Return the sets to measure; exit on one that there isn't."""
    names = set_names()
    wanted = only.split(",") if only else names
    if unknown := set(wanted) - set(names):
        sys.exit(f"error: no such set: {', '.join(sorted(unknown))} (there are {', '.join(names)})")
    return wanted


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pages", type=int, default=20, help="to compose of each set")
    parser.add_argument("--only", help="sets to measure, separated by commas")
    parser.add_argument("--save", action="store_true", help="keep the figures to compare with")
    parser.add_argument("--keep", type=Path, help="folder for composed pages and results")
    parser.add_argument("--max-error", help="handed on to `digitocr scan`; not with --save")
    arguments = parser.parse_args()
    if arguments.max_error and arguments.save:
        parser.error("--save keeps what is measured without --max-error")
    options = ["--max-error", arguments.max_error] if arguments.max_error else []
    with tempfile.TemporaryDirectory() as temporary:
        work = arguments.keep or Path(temporary)
        figures = {}
        for name in chosen_sets(arguments.only):
            print(f"{name} ...", file=sys.stderr)
            figures[name] = measure(name, work, arguments.pages, options)
    show(figures, dict(last_figures(arguments.pages)))
    if arguments.save:
        save(figures, arguments.pages)


if __name__ == "__main__":
    main()

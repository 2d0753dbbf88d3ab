"""Measure how much is read right, and what has changed since the figures were last kept.

    python tests/bench/accuracy.py [--pages 20] [--only clean,samples] [--save] [--keep FOLDER]

Scans, with the real command: pages composed of MNIST test digits, one set for each variant of
compose.py; every set in ../shared/data/pages; samples/. One table, a set a row, 0..100:

exact    numbers of the truth that were read exactly, wherever they stand on their page
order    pages whose numbers are all exact and in reading order, with none too many
others   from ../shared/tools/score.py, whose head explains them

A change since tests/bench/last.json is given beside a figure; --save writes the new ones there.
Without ../shared only samples/ are measured. Figures of other --pages are other pages.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from commands import MNIST, REPO, SAMPLES, SHARED, commit, digitocr, run, run_well
from compose import VARIANTS, compose
from rich import box
from rich.console import Console
from rich.table import Table

LAST = REPO / "tests" / "bench" / "last.json"
SCORE = SHARED / "tools" / "score.py"
PAGES = SHARED / "data" / "pages"
MEASURES = ("exact", "order", "digit", "page", "number", "cell", "filled", "false", "auto", "wrong")
LOWER_IS_BETTER = {"false", "wrong"}
SOME_FAILED = 7  # exit code: files that can't be read score as empty

Figures = dict[str, float]  # by measure
Truth = dict[str, list[str]]  # the numbers of each file


def set_names() -> list[str]:
    """Return the names of all sets that there are."""
    if not SHARED.is_dir():
        print(f"{SHARED} is not there: only samples/ are measured", file=sys.stderr)
        return ["samples"]
    found = sorted(path.parent.name for path in PAGES.glob("*/truth.csv"))
    return [*VARIANTS, *found, "samples"]


def measure(name: str, work: Path, n_pages: int) -> Figures:
    """Return the figures of one set, its pages composed and its results written below `work`."""
    results = work / "results" / name
    if name == "samples":
        truth = sample_truth()
        scan(SAMPLES, results)
        return numbers_right(truth, results)
    pages = PAGES / name
    if name in VARIANTS:
        pages = work / name
        truth = compose(pages, variant=name, n_pages=n_pages, data=MNIST)
    else:
        truth = written_truth(pages)
    scan(pages, results)
    return {**numbers_right(truth, results), **scored(pages, results)}


def sample_truth() -> Truth:
    """Return the numbers on each sample page."""
    texts = {path.stem: path.read_text("utf-8").split() for path in SAMPLES.glob("*.txt")}
    pictures = [path for path in SAMPLES.iterdir() if path.suffix in (".png", ".jpg", ".tif")]
    return {path.name: texts[path.stem] for path in pictures if path.stem in texts}


def written_truth(pages: Path) -> Truth:
    """Return the numbers of a page set; empty for grids and tables, which score.py scores."""
    with (pages / "truth.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    if any(row["truth"].endswith((".txt", ".csv")) for row in rows):
        return {}
    return {row["file"]: row["truth"].split() for row in rows}


def scan(pages: Path, results: Path) -> None:
    """Scan a folder with the real command."""
    ran = run([digitocr(), "scan", pages, "-o", results, "-q"])
    if ran.code not in (0, SOME_FAILED):
        sys.exit(f"error: scanning {pages} ended with {ran.code}:\n{ran.stderr}")


def numbers_right(truth: Truth, results: Path) -> Figures:
    """Return `exact` and `order`; nothing where the truth is not numbers."""
    if not truth:
        return {}
    right = in_order = 0
    for name, wanted in truth.items():
        read = read_numbers(results / f"{name}.json")
        right += (Counter(read) & Counter(wanted)).total()
        in_order += read == wanted
    n_numbers = sum(map(len, truth.values()))
    return {"exact": 100 * right / n_numbers, "order": 100 * in_order / len(truth)}


def read_numbers(path: Path) -> list[str]:
    """Return the numbers in a result file in reading order; none where there is no result."""
    if not path.exists():
        return []
    pages = json.loads(path.read_text("utf-8"))["pages"]
    return [number["text"] for page in pages for number in page["numbers"]]


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


def load_last() -> dict[str, dict[str, object]]:
    """Return what was kept of each set: figures, when, of which commit, of how many pages."""
    return json.loads(LAST.read_text()) if LAST.exists() else {}


def last_figures(n_pages: int) -> Iterator[tuple[str, Figures]]:
    """Yield the figures kept of each set, but of composed pages only if there were as many."""
    for name, kept in load_last().items():
        if name not in VARIANTS or kept["pages"] == n_pages:
            yield name, kept["figures"]


def save(figures: dict[str, Figures], n_pages: int) -> None:
    """Keep the figures of the sets that were measured; those of others stay."""
    about = {"date": f"{datetime.date.today()}", "commit": commit()}
    kept = load_last()
    for name, row in figures.items():
        rounded = {key: round(value, 2) for key, value in row.items()}
        pages = {"pages": n_pages} if name in VARIANTS else {}
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
    parser.add_argument("--pages", type=int, default=20, help="to compose of each variant")
    parser.add_argument("--only", help="sets to measure, separated by commas")
    parser.add_argument("--save", action="store_true", help="keep the figures to compare with")
    parser.add_argument("--keep", type=Path, help="folder for composed pages and results")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = arguments.keep or Path(temporary)
        figures = {}
        for name in chosen_sets(arguments.only):
            print(f"{name} ...", file=sys.stderr)
            figures[name] = measure(name, work, arguments.pages)
    show(figures, dict(last_figures(arguments.pages)))
    if arguments.save:
        save(figures, arguments.pages)


if __name__ == "__main__":
    main()

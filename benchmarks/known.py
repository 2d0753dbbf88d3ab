"""Measure what it brings to say what is known about numbers: a check digit, or a list.

    python benchmarks/known.py [--pages 10] [--variant touching]

Composes pages (as compose.py) of 8-digit numbers, 30 a page: `luhn` with a Luhn check digit,
`list` out of 2,000 random ones. Scans each set with and without the rule and prints, of all
numbers: exactly right; of those read, marked ok; calibration error of their confidence.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from accuracy import numbers_right
from commands import MNIST, digitocr, run_well
from compose import (
    HEIGHT,
    INK,
    MARGIN,
    N_LINES,
    PAPER,
    VARIANTS,
    WIDTH,
    Digits,
    Gray,
    Rng,
    Truth,
    load_digits,
    photographed,
    touching_number,
    write_set,
)

PER_LINE, N_DIGITS, N_LISTED = 3, 8, 2000


def luhn(body: str) -> str:
    """Return a number with its Luhn check digit (ISO/IEC 7812-1, annex B)."""
    doubled = [int(digit) * (2 - i % 2) for i, digit in enumerate(reversed(body))]
    return body + str(-sum(value // 10 + value % 10 for value in doubled) % 10)


def written_page(numbers: list[str], digits: Digits, variant: str, rng: Rng) -> Gray:
    """Return a page with numbers in reading order, `PER_LINE` a line."""
    how, ink = VARIANTS[variant], np.zeros((HEIGHT, WIDTH), np.uint8)
    places = {str(digit): np.flatnonzero(digits.labels == digit) for digit in range(10)}
    tops = np.linspace(MARGIN, HEIGHT - MARGIN - 160, N_LINES).astype(int)
    for i, number in enumerate(numbers):
        chosen = np.array([rng.choice(places[digit]) for digit in number])
        patch = touching_number(digits, chosen, rng.uniform(52, 60), how.touching, rng)
        x = MARGIN + i % PER_LINE * (WIDTH - 2 * MARGIN) // PER_LINE
        ink[tops[i // PER_LINE] :, x:][: patch.shape[0], : patch.shape[1]] = patch
    page = PAPER - ink * np.float32((PAPER - INK) / 255)
    return photographed(how.change(page, rng), rng)


def compose(folder: Path, pool: list[str], n_pages: int, variant: str) -> Truth:
    """Write pages of numbers out of a pool and truth.csv into a folder; return the truth."""
    digits = load_digits(MNIST)

    def pages() -> Iterator[tuple[Gray, list[str]]]:
        for page in range(n_pages):
            rng = np.random.default_rng([7, page])
            numbers = [str(one) for one in rng.choice(pool, N_LINES * PER_LINE, replace=False)]
            yield written_page(numbers, digits, variant, rng), numbers

    return write_set(folder, pages(), VARIANTS[variant].suffix)


def measure(name: str, truth: Truth, pages: Path, results: Path, options: list[str]) -> None:
    """Scan pages and print a row."""
    run_well([digitocr(), "scan", pages, "-o", results, "-q", *options])
    figures = numbers_right(truth, results)
    with (results / "numbers.csv").open(newline="") as file:
        statuses = [row["status"] for row in csv.DictReader(file)]
    ok = 100 * statuses.count("ok") / max(len(statuses), 1)
    print(f"{name:24} exact {figures['exact']:5.1f}  ok {ok:5.1f}  ece {figures['ece']:4.1f}")


def main() -> None:
    """Measure both rules."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pages", type=int, default=10)
    parser.add_argument("--variant", choices=VARIANTS, default="touching")
    a = parser.parse_args()
    rng = np.random.default_rng(7)
    bodies = rng.integers(0, 10, (20 * N_LISTED, N_DIGITS))
    rows = ["".join(map(str, row)) for row in bodies.tolist()]
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        roster = work / "roster.csv"
        roster.write_text("\n".join(["number", *rows[:N_LISTED]]))
        pools = {"luhn": [luhn(row[:-1]) for row in rows], "list": rows[:N_LISTED]}
        rules = {
            "luhn": ["--digits", "8", "--check", "luhn"],
            "list": ["--list", f"{roster}:number"],
        }
        for rule, pool in pools.items():
            truth = compose(work / rule, pool, a.pages, a.variant)
            measure(f"{a.variant} {rule} without", truth, work / rule, work / "a", [])
            measure(f"{a.variant} {rule} with", truth, work / rule, work / "b", rules[rule])


if __name__ == "__main__":
    main()

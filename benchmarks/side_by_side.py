"""What another checkout costs beside this one: starts, a digit, the sample pages, turn by turn.

    python benchmarks/side_by_side.py OTHER [--turns 5]

OTHER is the folder of another checkout (git worktree add). Both run with the Python that runs this,
one worker, one thread and this checkout's model. Printed are medians of CPU seconds (user and
system) and of peak memory, and the ratio of this checkout to the other; ratios hold on a busy
machine.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from commands import ONE_THREAD, REPO, SAMPLES, Ran, run_well

MODEL = REPO / "models" / "digits.safetensors"


def measured(checkout: Path, arguments: Sequence[object]) -> Ran:
    """Return what a command of a checkout takes."""
    os.chdir(checkout)  # where `python -m` looks first
    return run_well([sys.executable, "-m", "digitocr", *arguments], ONE_THREAD)


def compare(name: str, other: Path, arguments: Sequence[object], turns: int) -> None:
    """Print what a command takes in both checkouts."""
    both = other, REPO
    took: dict[Path, list[Ran]] = {checkout: [] for checkout in both}
    for checkout in both:
        measured(checkout, arguments)  # files in the page cache, bytecode compiled
    for _ in range(turns):
        for checkout in both:
            took[checkout].append(measured(checkout, arguments))
    old, new = (median(ran.cpu for ran in took[checkout]) for checkout in both)
    before, now = (median(ran.peak_mb for ran in took[checkout]) for checkout in both)
    print(
        f"{name:16} CPU {old:6.2f} → {new:6.2f} s ({new / old:.2f}); "
        f"memory {before:4.0f} → {now:4.0f} MB ({now / before:.2f})",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("other", type=Path)
    parser.add_argument("--turns", type=int, default=5)
    asked = parser.parse_args()
    other = asked.other.resolve()
    with tempfile.TemporaryDirectory() as results:
        scan = ["scan", "--model", MODEL, "--workers", "1", "-q", "--restart", "-o", results]
        for name, arguments in (
            ("--help", ["--help"]),
            ("scan digit.png", [*scan, SAMPLES / "digit.png"]),
            ("scan samples", [*scan, SAMPLES]),
        ):
            compare(name, other, arguments, asked.turns)


if __name__ == "__main__":
    main()

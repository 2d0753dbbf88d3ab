"""Compare two folders of results, byte by byte.

    python benchmarks/compare_results.py BEFORE AFTER

A folder may hold the results of one run, or several such folders, as deep as you like. Of run.json
and journal.jsonl only that they are there is compared, as they tell when and with what was read;
locks and other files of a dot are left out. Prints how many files were compared and how many
differ, and names the first ones; ends with 1 if any differs or is in one of the folders alone.
"""

from __future__ import annotations

import argparse
import filecmp
import sys
from pathlib import Path

OF_THE_RUN = {"run.json", "journal.jsonl"}  # seconds, versions, the order in which files ended
NAMED = 20  # files that differ


def files_below(folder: Path) -> set[Path]:
    """Return the files below a folder, relative to it, but for hidden ones."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {path for path in found if not any(part.startswith(".") for part in path.parts)}


def differences(before: Path, after: Path) -> tuple[int, list[str]]:
    """Return how many files are in either folder, and a line for each that differs."""
    old, new = files_below(before), files_below(after)
    lines = [f"{path}: only in {before}" for path in old - new]
    lines += [f"{path}: only in {after}" for path in new - old]
    compared = [path for path in old & new if path.name not in OF_THE_RUN]
    lines += [
        f"{path}: differs"
        for path in compared
        if not filecmp.cmp(before / path, after / path, shallow=False)
    ]
    return len(old | new), sorted(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    arguments = parser.parse_args()
    for folder in (arguments.before, arguments.after):
        if not folder.is_dir():
            sys.exit(f"error: {folder}: is not a folder")
    n_files, lines = differences(arguments.before, arguments.after)
    print(f"{n_files} files compared, {len(lines)} differ")
    for line in lines[:NAMED]:
        print(line)
    if len(lines) > NAMED:
        print(f"... and {len(lines) - NAMED} more")
    sys.exit(bool(lines) or not n_files)


if __name__ == "__main__":
    main()

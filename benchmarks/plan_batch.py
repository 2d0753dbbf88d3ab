"""Plan a batch as `digitocr scan` does, read nothing, and print how many files are left to read.

batches.py runs it as a process of its own, to measure its time and memory.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from digitocr.core.settings import Settings
from digitocr.inputs.discover import find_sources
from digitocr.pipeline.scan import Scanner
from digitocr.results.file_results import Output
from digitocr.runs.batch import Batch
from digitocr.storage.places import check_folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scans")
    parser.add_argument("out", type=Path)
    asked = parser.parse_args()
    out: Path = asked.out
    check_folder(out)
    found = find_sources([asked.scans], out)
    with Batch(found, Scanner(Settings()), Output(out, ("csv", "json"))) as batch:
        batch.plan()
        print(batch.left)


if __name__ == "__main__":
    main()

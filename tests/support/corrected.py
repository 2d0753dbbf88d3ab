"""Decisions about numbers as a person takes them in a review."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from support.outputs import read_rows

from digitocr.core.geometry import Box
from digitocr.results.corrections import Correction, Corrections
from digitocr.results.journal import Journal


def check(results: Path, file: str, numbers: Sequence[str | None]) -> None:
    """Say what the numbers of a file are, in the order in which they were read."""
    rows = [row for row in read_rows(results / "numbers.csv") if row["file"] == file]
    journal = Journal(results)
    done = journal[file]
    assert done is not None
    with Corrections(results, journal) as corrections:
        for row, number in zip(rows, numbers, strict=True):
            box = Box(*(int(row[side]) for side in ("x", "y", "width", "height")))
            corrections.add(Correction(file, 1, box, row["number"], number, done.stamp))
    journal.close()

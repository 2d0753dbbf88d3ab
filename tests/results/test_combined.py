"""What the combined files hold of results that an earlier version wrote."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
from support.command import SAMPLES, RunCommand

from digitocr.export.csv import COLUMNS


def test_rows_of_an_earlier_version_get_the_columns_that_they_lack(
    run: RunCommand, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes((SAMPLES / "digit.png").read_bytes())
    (tmp_path / "b.png").write_bytes((SAMPLES / "digit.png").read_bytes())
    run("scan", "a.png", "b.png", "-o", "out", "-q")
    early = tmp_path / "out" / "a.png.csv"
    rows = list(csv.reader(early.read_text("utf-8").splitlines()))
    early.write_text("".join(",".join(row[:-2]) + "\n" for row in rows), "utf-8")
    run("scan", "a.png", "b.png", "-o", "out", "-q")
    with (tmp_path / "out" / "numbers.csv").open(encoding="utf-8", newline="") as file:
        combined = list(csv.reader(file))
    assert combined[0] == COLUMNS
    assert {len(row) for row in combined} == {len(COLUMNS)}
    assert {row[0] for row in combined[1:]} == {"a.png", "b.png"}


def test_pages_with_ink_and_no_number_are_named(run: RunCommand, tmp_path: Path) -> None:
    page = np.full((300, 500), 255, np.uint8)
    cv2.imwrite(str(tmp_path / "blank.png"), page)
    cv2.putText(page, "Hello", (60, 160), cv2.FONT_HERSHEY_SIMPLEX, 2, 0, 4, cv2.LINE_AA)
    cv2.imwrite(str(tmp_path / "word.png"), page)
    (tmp_path / "digit.png").write_bytes((SAMPLES / "digit.png").read_bytes())
    done = run("scan", "blank.png", "word.png", "digit.png", "-o", "out")
    assert "No number was read on 1 page that holds ink: word.png\n" in done.stderr
    assert '"silent":1' in (tmp_path / "out" / "run.json").read_text("utf-8").replace(" ", "")
    again = run("scan", "blank.png", "word.png", "digit.png", "-o", "out")
    assert "holds ink: word.png\n" in again.stderr  # it is known from the journal

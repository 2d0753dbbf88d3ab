"""Measuring a model, through the real command and on known mistakes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.command import SAMPLES, RunCommand

from digitocr.pipeline.scan import Scanner
from digitocr.recognition.model import load_model
from digitocr.training.evaluate import (
    edit_distance,
    evaluate_pages,
)

SHARED = SAMPLES.parent.parent / "shared" / "data"


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """A folder of two pages, of which the truth says that one number is another."""
    folder = tmp_path / "pages"
    folder.mkdir()
    rows = ["file,truth"]
    for name in ("ledger.png", "receipt.jpg"):
        shutil.copy(SAMPLES / name, folder)
        truth = (SAMPLES / name).with_suffix(".txt").read_text("utf-8").split()
        rows.append(f"{name},{' '.join(truth)}")
    rows.append("missing.png,1 2 3")
    (folder / "truth.csv").write_text("\n".join(rows) + "\n")
    return folder


def test_pages_are_scored_against_their_truth(run: RunCommand, pages: Path) -> None:
    done = run("evaluate", "--data", pages, "--json", "--report", "report")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["kind"] == "pages"
    assert report["n"] == 3
    assert report["unreadable"] == ["missing.png: can't be opened: No such file or directory"]
    assert 0.97 < report["digit_accuracy"] < 1
    assert 0.9 < report["number_f1"] < 1
    assert report["exact_pages"] <= 2 / 3
    assert report["levels"][0] == {
        "confidence": 0.0, "share": 1.0, "right": pytest.approx(report["number_f1"], abs=0.05)
    }  # fmt: skip


def test_pages_with_a_fault_are_drawn(pages: Path, tmp_path: Path) -> None:
    truth = (pages / "truth.csv").read_text("utf-8").replace("receipt.jpg,22897", "receipt.jpg,1")
    (pages / "truth.csv").write_text(truth)
    evaluate_pages(Scanner(), pages, tmp_path / "report")
    assert cv2.imread(str(tmp_path / "report" / "receipt.jpg.page1.jpg")) is not None


def test_pictures_of_single_digits_are_scored_whatever_their_size_and_polarity(
    run: RunCommand, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    digit = cv2.imread(str(SAMPLES / "digit.png"), cv2.IMREAD_GRAYSCALE)
    assert digit is not None
    five = (SAMPLES / "digit.txt").read_text("utf-8").strip()
    cv2.imwrite(str(tmp_path / "a.png"), digit)
    cv2.imwrite(str(tmp_path / "b.png"), 255 - cv2.resize(digit, (28, 36)))
    (tmp_path / "c.png").write_bytes(b"")
    rows = [f"{name}.png,{five}" for name in "abc"] + [f"a.png,{(int(five) + 1) % 10}"]
    (tmp_path / "truth.csv").write_text("\n".join(["file,truth", *rows]) + "\n")
    done = run("evaluate", "--data", tmp_path, "--json", "--report", "report")
    report = json.loads(done.stdout)
    assert (report["kind"], report["n"]) == ("digits", 3)
    assert report["accuracy"] == pytest.approx(2 / 3)
    assert report["confusions"] == [[str((int(five) + 1) % 10), five, 1]]
    assert report["unreadable"] == ["c.png: is empty (0 bytes)"]
    assert cv2.imread(str(tmp_path / "report" / "worst.png")) is not None


def test_the_report_is_shown_as_text(run: RunCommand, pages: Path) -> None:
    done = run("evaluate", "digits", "--data", pages)
    assert "3 pages, 231 numbers" in done.stdout
    assert "confidence at least" in done.stdout
    assert "not read: missing.png" in done.stdout


@pytest.mark.parametrize("name", ["nothing", "empty", "unnamed"])
def test_a_folder_without_truth_is_an_error_in_one_sentence(
    name: str, run: RunCommand, tmp_path: Path
) -> None:
    folder = tmp_path / name
    if name != "nothing":
        folder.mkdir()
    if name == "unnamed":
        (folder / "truth.csv").write_text("file,truth\n")
    done = run("evaluate", "--data", folder)
    assert done.returncode == 3
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


@given(st.text("0123", max_size=12), st.text("0123", max_size=12))
def test_edit_distance_is_levenshteins(first: str, second: str) -> None:
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, 1):
        previous, row[0] = row[0], i
        for j, b in enumerate(second, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (a != b))
    assert edit_distance(first, second) == row[-1]


def test_the_supplied_model_reads_mnists_test_digits() -> None:
    if not (SHARED / "mnist").is_dir():
        pytest.skip("MNIST is not at ../shared/data/mnist")
    from digitocr.training.evaluate import evaluate_digits

    report, answered = evaluate_digits(load_model("digits"), SHARED / "mnist")
    assert report.accuracy >= 0.992
    assert np.array_equal(answered.scores.shape, (10_000, 10))

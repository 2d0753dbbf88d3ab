"""Mutated files end as a result or as an error row, and the fuzz job sees it where they don't."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).parent
pytest.importorskip("PIL.Image", reason="Pillow writes some of the files that are mutated")
from fuzz.bombs import measured  # noqa: E402
from fuzz.images import hostile_files, run, summary  # noqa: E402


@pytest.mark.parametrize("n_files", [60, pytest.param(300, marks=pytest.mark.slow)])
def test_mutated_files_end_as_a_result_or_as_an_error_row(n_files: int, tmp_path: Path) -> None:
    command = [sys.executable, FUZZ / "images.py", "--files", f"{n_files}", "--seed", "7"]
    done = subprocess.run(
        [*command, "--found", tmp_path / "found"], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"files: {n_files}, " in done.stdout and " 0 defects" in done.stdout
    assert not (tmp_path / "found").exists()


def test_the_same_seed_gives_the_same_files_and_another_seed_others() -> None:
    first, again, other = (list(hostile_files(40, seed, ["png", "pdf"])) for seed in (1, 1, 2))
    assert first == again
    assert [data for _, data in first] != [data for _, data in other]


WORKER = """
import json, os, sys, time
for line in sys.stdin:
    kind = open(line.rstrip()).read()
    if kind == "crash": os.abort()
    if kind == "hang": time.sleep(60)
    if kind == "noise": print("libpng warning", file=sys.stderr, flush=True)
    answer = {"defect": "Traceback"} if kind == "exception" else {"error": "is damaged"}
    print(json.dumps(answer | {"seconds": 0, "megabytes": 1}), flush=True)
"""


def test_each_defect_is_seen_and_kept_and_the_rest_goes_on(tmp_path: Path) -> None:
    kinds = ["error", "crash", "error", "hang", "noise", "exception", "error"]
    files = ((f"{i}.png", kind.encode()) for i, kind in enumerate(kinds))
    outcomes = run(files, tmp_path, 5, [sys.executable, "-c", WORKER])
    assert [outcome.kind for _, outcome in outcomes] == kinds
    assert "4 defects" in summary(outcomes)
    kept = {path.name for path in tmp_path.iterdir()}
    named = {f"{i}.png" for i in (1, 3, 4, 5)}
    assert kept == named | {f"{name}.{kinds[int(name[0])]}.txt" for name in named}


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("billion.png", "to read it raise Limits.pixels"),
        ("16-bit-alpha.png", "to read it raise Limits.memory"),
        ("float-64.tif", "to read it raise Limits.memory"),
        ("tiles.tif", "to read it raise Limits.pixels"),
        ("pages.tif", "raise Limits.pages"),
        ("colour.jp2", "to read it raise Limits.memory"),
        ("pictures.pdf", "to read it raise Limits.memory"),
        ("scans.jpg", "more than 100 parts"),
    ],
)
def test_what_asks_for_too_much_is_refused_before_it_takes_memory(name: str, part: str) -> None:
    if name.endswith(".pdf"):
        pytest.importorskip("pypdfium2")
    _, outcome = measured(name, 120)
    assert outcome.kind == "error" and part in outcome.text
    assert outcome.megabytes < 250  # 60 are there before


def test_texts_in_a_png_are_not_unpacked() -> None:
    size, outcome = measured("texts.png", 120)  # 4.5 GB unpacked
    assert size < 5_000_000 and outcome.kind == "read"

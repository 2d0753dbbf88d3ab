"""`digitocr diff`: numbers that changed between two results folders."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.command import RunCommand
from support.outputs import read_rows, rows
from support.pictures import Clear, encode

from digitocr.core.document import (
    FileResult,
    ModelId,
    Number,
    PageResult,
)
from digitocr.core.errors import ExitCode
from digitocr.core.geometry import Box
from digitocr.export.json import json_text
from digitocr.results.apply_corrections import corrected_result
from digitocr.results.combined import INPUTS
from digitocr.results.corrections import (
    Correction,
    Corrections,
)
from digitocr.results.journal import (
    Journal,
    Stamp,
)

BOXES = [Box(100 * i, 50, 80, 40) for i in range(4)]
STAMP = Stamp(1, 1, "settings", "model")


def result(file: str, *pages: Sequence[tuple[str, Box]]) -> FileResult:
    """Return a result with these numbers on its pages."""
    made = (
        tuple(Number(text, 0.75, "ok", 1, i, box, ()) for i, (text, box) in enumerate(numbers, 1))
        for numbers in pages
    )
    return FileResult(
        file,
        ModelId("m", "0"),
        tuple(PageResult(i, 900, 900, None, 0, 0.0, one) for i, one in enumerate(made, 1)),
    )


def line(*texts: str) -> list[tuple[str, Box]]:
    """Return numbers beside each other, "" for none."""
    return [(text, box) for text, box in zip(texts, BOXES, strict=False) if text]


def write(folder: Path, *results: FileResult) -> None:
    folder.mkdir()
    names = (json.dumps([one.file, None]) + "\n" for one in results)
    (folder / INPUTS).write_text("".join(names))
    for one in results:
        path = folder / f"{one.file}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json_text(one))


def changed(table: list[dict[str, str]]) -> list[tuple[str, ...]]:
    return [(row["file"], row["page"], row["old_number"], row["new_number"]) for row in table]


def test_numbers_that_changed_are_listed_with_both_readings(
    run: RunCommand, tmp_path: Path
) -> None:
    moved = [("8", Box(105, 52, 80, 40)), ("4", BOXES[3])]
    write(tmp_path / "a", result("=x.png", line("1", "7", "3"), line("5")))
    write(tmp_path / "b", result("=x.png", [*line("1"), *moved]))
    done = run("diff", "a", "b")
    assert (done.returncode, rows(done.stdout)[0]) == (
        ExitCode.OK,
        {
            "file": "'=x.png",
            "page": "1",
            "x": "100",
            "y": "50",
            "width": "80",
            "height": "40",
            "old_number": "7",
            "old_confidence": "0.7500",
            "old_status": "ok",
            "new_number": "8",
            "new_confidence": "0.7500",
            "new_status": "ok",
            "old_reason": "",
            "new_reason": "",
        },
    )
    assert changed(rows(done.stdout)[1:]) == [
        ("'=x.png", "1", "3", ""),
        ("'=x.png", "1", "", "4"),
        ("'=x.png", "2", "5", ""),
    ]
    assert done.stderr == (
        "files: 1 compared, 0 not; numbers: 2 compared, 1 changed, 2 gone, 1 new\n"
    )


def test_files_come_in_their_order(run: RunCommand, tmp_path: Path) -> None:
    names = ["b/2.png", "b/10.png", "a.png", "c \udcff.png"]
    write(tmp_path / "a", *(result(name, line("1")) for name in names))
    write(tmp_path / "b", *(result(name, line("2")) for name in reversed(names)))
    done = run("diff", "a", "b", "-o", "deep/changed.csv")
    assert (done.returncode, done.stdout) == (0, "")
    found = [row["file"] for row in read_rows(tmp_path / "deep" / "changed.csv")]
    assert found == [*names[:3], "c \\xff.png"]


def test_what_can_not_be_compared_is_named(run: RunCommand, tmp_path: Path) -> None:
    write(tmp_path / "a", *(result(name, line("1")) for name in ("both.png", "old.png", "x.png")))
    write(tmp_path / "b", *(result(name, line("2")) for name in ("both.png", "new.png", "x.png")))
    (tmp_path / "b" / "x.png.json").write_text('{"schema":1,')
    with (tmp_path / "a" / INPUTS).open("a") as inputs:
        inputs.write('["failed.png",null]\n["gone.png","there is no such file"]\n')
    (tmp_path / "b" / "of an earlier run.png.json").touch()
    done = run("diff", "a", "b")
    assert done.returncode == ExitCode.SOME_FAILED
    assert changed(rows(done.stdout)) == [("both.png", "1", "1", "2")]
    said = done.stderr.splitlines()
    assert said[0] == "warning: old.png: is only in a."
    assert said[1].startswith("warning: b/x.png.json: is damaged: ")
    assert said[2] == "warning: new.png: is only in b."
    assert said[3].startswith("files: 1 compared, 3 not; ")
    assert len(said) == 4


@pytest.mark.parametrize(
    ("old", "sentence"),
    [
        ("none", "none: is no folder of results. "),
        ("empty", "empty: holds no results in JSON. "),
    ],
)
def test_folders_without_results_are_refused(
    old: str, sentence: str, run: RunCommand, tmp_path: Path
) -> None:
    write(tmp_path / "a", result("x.png", line("1")))
    write(tmp_path / "empty")
    for folders in ((old, "a"), ("a", old)):
        done = run("diff", *folders, "-o", "out.csv")
        assert done.returncode == ExitCode.NOTHING_TO_READ
        assert done.stderr.startswith(f"error: {sentence}") and done.stderr.count("\n") == 1
        assert not list(tmp_path.glob("*.csv")) + list(tmp_path.glob(".*"))
    assert run("diff", "a", "a", "-o", "empty").returncode == ExitCode.OUTPUT


def test_checked_numbers_say_which_reading_is_right(run: RunCommand, tmp_path: Path) -> None:
    """Of 1 7 3 the checker accepts 1, makes 4 of 7, finds 3 to be none and 9 where none was."""
    was = result("x.png", line("1", "7", "3"))
    decided = zip(("1", "7", "3", None), ("1", "4", None, "9"), BOXES, strict=True)
    decisions = [Correction("x.png", 1, box, read, number, STAMP) for read, number, box in decided]
    now = result("x.png", line("2", "4", "3", "9"))
    write(tmp_path / "a", corrected_result(was, decisions))
    write(tmp_path / "b", now)
    write(tmp_path / "c", corrected_result(now, decisions))
    done = run("diff", "a", "b")
    assert changed(rows(done.stdout)) == [("x.png", "1", "1", "2"), ("x.png", "1", "", "3")]
    assert {row["old_status"] for row in rows(done.stdout)} == {"checked"}
    told = "Of 4 places checked in the old results, 1 were read right there, 2 in the new.\n"
    assert done.stderr.endswith(told)
    same = run("diff", "a", "c")  # with the same decisions in both
    assert rows(same.stdout) == []
    assert same.stderr.endswith(told)


def test_it_compares_what_scans_write(run: RunCommand, clear: Clear, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encode(".png", clear.gray))
    run("scan", "a.png", "-o", "old")
    run("scan", "a.png", "-o", "new")
    journal = Journal(tmp_path / "old")
    done = journal["a.png"]
    journal.close()
    assert done
    box = Box(*(int(read_rows(tmp_path / "old/a.png.csv")[0][side]) for side in SIDES))
    with Corrections(tmp_path / "old") as corrections:
        corrections.add(Correction("a.png", 1, box, "3407", "3408", done.stamp))
    again = run("scan", "a.png", "-o", "old")
    assert "1 checked" in again.stderr
    (row,) = rows(run("diff", "old", "new").stdout)
    assert [row[key] for key in ("old_number", "old_status", "new_number")] == [
        *("3408", "checked", "3407"),
    ]


SIDES = ("x", "y", "width", "height")

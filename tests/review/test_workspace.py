"""Decisions of a person about numbers, in all that real scans write: shown, kept, taken back."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.command import SAMPLES, RunCommand, run_command
from support.outputs import in_workbook, read_rows, results_in
from support.pictures import Clear, encode

from digitocr.core.document import Number
from digitocr.core.errors import (
    ExitCode,
    InputUnreadable,
    NothingToRead,
)
from digitocr.core.geometry import Box
from digitocr.results.corrections import (
    NAME,
    Correction,
)
from digitocr.review.workspace import Workspace

WITH_TIMES = {"run.json", "journal.jsonl", NAME}
FORMS = SAMPLES.parent / "forms"
RECEIPT = "=receipt.jpg"  # a name that a spreadsheet would run
SCAN = ["scan", "scans", "-o", "out", "--workers", "2"]


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory, clear: Clear) -> Path:
    """A folder with scans, among them a blank and a damaged page, and their results in `out`."""
    pytest.importorskip("xlsxwriter")
    top = tmp_path_factory.mktemp("checking")
    (top / "scans" / "deeper").mkdir(parents=True)
    (top / "scans" / "clear.png").write_bytes(encode(".png", clear.gray))
    (top / "scans" / "bad.png").touch()
    blank = np.full((300, 300), 255, np.uint8)
    (top / "scans" / "deeper" / "blank.png").write_bytes(encode(".png", blank))
    shutil.copy(SAMPLES / "receipt.jpg", top / "scans" / RECEIPT)
    done = run_command(*SCAN, "--format", "csv,json,xlsx", cwd=top)
    assert done.returncode == ExitCode.SOME_FAILED
    return top


@pytest.fixture
def top(scanned: Path, tmp_path: Path) -> Path:
    """A copy of that folder, times and all."""
    return Path(shutil.copytree(scanned, tmp_path / "copy"))


def contents(folder: Path) -> dict[str, bytes]:
    """Return all files of a folder but those with times in them."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name not in WITH_TIMES)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def numbers_in(folder: Path, file: str) -> list[Number]:
    with Workspace(folder) as workspace:
        return workspace.result(file).numbers


def stamped(
    workspace: Workspace, file: str, box: Box, read: str | None, number: str | None
) -> None:
    """Decide about a place on a file's first page, as it was read."""
    (stamp,) = (done.stamp for done in workspace.files() if done.file == file)
    workspace.corrections.add(Correction(file, 1, box, read, number, stamp))


def decide(workspace: Workspace) -> None:
    """Decide about two numbers of a page, a table's first cell, and two that were missed."""
    first, second = workspace.result("clear.png").numbers
    stamped(workspace, "clear.png", first.box, first.text, "007")
    stamped(workspace, "clear.png", second.box, second.text, None)
    cell = next(one for one in workspace.result(RECEIPT).numbers if one.table)
    stamped(workspace, RECEIPT, cell.box, cell.text, cell.text + "99")
    stamped(workspace, RECEIPT, Box(5, 5, 20, 20), None, "77")
    stamped(workspace, "deeper/blank.png", Box(50, 60, 70, 30), None, "12")


def rewrite_all(workspace: Workspace) -> None:
    for done in list(workspace.files()):
        workspace.rewrite(done.file)
    assert workspace.write_combined() == []


@pytest.fixture(scope="module")
def checked(scanned: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same folder with decisions in its results."""
    top = tmp_path_factory.mktemp("checked") / "copy"
    shutil.copytree(scanned, top)
    with Workspace(top / "out") as workspace:
        decide(workspace)
        rewrite_all(workspace)
    return top


def test_decisions_are_in_every_csv(checked: Path) -> None:
    out = checked / "out"
    rows = read_rows(out / "numbers.csv")
    found = {(row["file"], row["number"]) for row in rows if row["status"] == "checked"}
    cell = next(one for one in numbers_in(out, RECEIPT) if one.text.endswith("99"))
    assert found == {
        ("clear.png", "007"),
        ("deeper/blank.png", "12"),
        (f"'{RECEIPT}", "77"),
        (f"'{RECEIPT}", cell.text),
    }
    assert {row["confidence"] for row in rows if row["status"] == "checked"} == {"1.0000"}
    assert [row["number"] for row in read_rows(out / "clear.png.csv")] == ["007"]
    table = (out / f"{RECEIPT}.table1.csv").read_text().splitlines()
    assert cell.table == 1 and cell.row and cell.column
    assert table[cell.row - 1].split(",")[cell.column - 1] == cell.text
    assert [row["file"] for row in read_rows(out / "errors.csv")] == ["bad.png"]


def test_json_keeps_what_was_read(checked: Path, scanned: Path) -> None:
    now, before = (results_in(top / "out")["clear.png"]["pages"][0] for top in (checked, scanned))
    assert [(one["text"], one["read"], one["status"]) for one in now["numbers"]] == [
        ("007", "3407", "checked"),
        ("", "57", "checked"),
    ]
    assert now["reading"] == {key: before[key] for key in ("numbers", "tables")}
    (missed,) = results_in(checked / "out")["deeper/blank.png"]["pages"][0]["numbers"]
    assert (missed["read"], missed["box"], missed["digits"]) == (None, [50, 60, 70, 30], [])


def test_decisions_are_in_the_workbook_beside_the_right_pictures(
    checked: Path, scanned: Path
) -> None:
    now, before = (in_workbook(top / "out" / "numbers.xlsx") for top in (checked, scanned))
    of_clear = [row[:2] for (file, *_), row in now.items() if file == "clear.png"]
    assert of_clear == [("007", "checked")]
    missed = now.keys() - before.keys()
    assert missed == {("deeper/blank.png", 50, 60), (RECEIPT, 5, 5)}
    assert {place: row[2] for place, row in now.items() if place not in missed} == {
        place: row[2] for place, row in before.items() if place in now
    }


def test_counts_say_how_many_are_checked(checked: Path, top: Path) -> None:
    about = json.loads((checked / "out" / "run.json").read_text())
    before = json.loads((top / "out" / "run.json").read_text())
    assert (about["checked"], before["checked"]) == (4, 0)
    assert about["numbers"] == before["numbers"] + 1  # two were missed, one is none
    assert (about["failed"], about["inputs"]) == (1, ["scans"])


def test_what_is_taken_back_leaves_what_the_scan_wrote(
    checked: Path, scanned: Path, tmp_path: Path
) -> None:
    top = Path(shutil.copytree(checked, tmp_path / "copy"))
    with Workspace(top / "out") as workspace:
        for done in list(workspace.files()):
            for one in workspace.decisions(done):
                workspace.corrections.add(replace(one, undone=True))
        rewrite_all(workspace)
    assert contents(top / "out") == contents(scanned / "out") != contents(checked / "out")


def test_nothing_is_read_again_where_results_show_the_decisions(
    checked: Path, tmp_path: Path
) -> None:
    top = Path(shutil.copytree(checked, tmp_path / "copy"))
    (top / "scans" / "bad.png").unlink()
    done = run_command(*SCAN, "--format", "csv,json,xlsx", cwd=top)
    assert done.returncode == 0, done.stderr
    assert "Of these 3 were read before" in done.stderr
    assert ", 4 checked; " in done.stderr.splitlines()[0]


@pytest.mark.parametrize("options", [["--workers", "1"], ["--workers", "3", "--restart"]])
def test_scanning_gives_the_bytes_that_checking_gives(
    options: list[str], checked: Path, top: Path
) -> None:
    shutil.copy(checked / "out" / NAME, top / "out")  # all that a review left before it was killed
    done = run_command(*SCAN, "--format", "csv,json,xlsx", *options, cwd=top)
    assert contents(top / "out") == contents(checked / "out")
    again = "read again because corrections are not in their results: 3 files."
    assert (again in done.stderr) is ("--restart" not in options)


def test_who_opens_results_again_finds_all_decisions_in_them(checked: Path, top: Path) -> None:
    shutil.copy(checked / "out" / NAME, top / "out")
    with Workspace(top / "out") as workspace:
        workspace.write_combined()
    assert contents(top / "out") == contents(checked / "out")


def test_other_settings_keep_decisions_and_a_changed_file_does_not(
    checked: Path, tmp_path: Path
) -> None:
    top = Path(shutil.copytree(checked, tmp_path / "copy"))
    os.utime(top / "scans" / "clear.png", (1, 1))
    done = run_command(*SCAN, "--min-confidence", "0.5", "--excel", cwd=top)
    assert "Corrections that don't count, as their files changed: 2." in done.stderr
    rows = read_rows(top / "out" / "clear.png.csv")
    assert [row["number"] for row in rows] == ["3407", "57"]
    statuses = [row["status"] for row in read_rows(top / "out" / "numbers.csv")]
    assert statuses.count("checked") == 3
    with Workspace(top / "out") as workspace:  # for Excel, as they are
        workspace.rewrite(RECEIPT)
        workspace.write_combined()
        first = (top / "out" / "numbers.csv").read_bytes()
    run_command(*SCAN, "--min-confidence", "0.5", "--excel", "--restart", cwd=top)
    assert (top / "out" / "numbers.csv").read_bytes() == first


def test_a_scan_and_a_review_exclude_each_other(top: Path) -> None:
    with Workspace(top / "out"):
        done = run_command(*SCAN, cwd=top)
    assert done.returncode == ExitCode.OUTPUT
    assert done.stderr == (
        "error: out: another run is writing there. "
        "Wait for its end, close a review of it, or choose another folder with -o.\n"
    )


def test_results_without_json_are_not_checked(
    run: RunCommand, clear: Clear, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(encode(".png", clear.gray))
    run("scan", "a.png", "-o", "out", "--format", "csv")
    with (
        Workspace(tmp_path / "out") as workspace,
        pytest.raises(InputUnreadable, match=r"a\.png\.json: can't be read"),
    ):
        workspace.rewrite("a.png")
    with pytest.raises(NothingToRead, match="is no folder of results"):
        Workspace(tmp_path)


DAMAGE: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("run.json", lambda data: data[:50]),
    ("run.json", lambda _: b"[]"),
    (".inputs.jsonl", lambda data: data + b"7\n"),
    (".inputs.jsonl", lambda data: data[:-3]),
    ("clear.png.json", lambda data: data[:50]),
    ("clear.png.json", lambda _: b'{"schema":1,"pages":[{}]}'),
]


@pytest.mark.parametrize(("name", "damage"), DAMAGE, ids=lambda value: str(value)[:14])
def test_damaged_results_are_named(name: str, damage: Callable[[bytes], bytes], top: Path) -> None:
    path = top / "out" / name
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputUnreadable, match="damaged"), Workspace(top / "out") as workspace:
        rewrite_all(workspace)


@pytest.fixture(scope="module")
def form(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample form's first page, read."""
    top = tmp_path_factory.mktemp("form")
    (top / "scans").mkdir()
    shutil.copy(FORMS / "scans" / "scanned.png", top / "scans")
    run_command(*SCAN, "--form", FORMS / "form.toml", cwd=top)
    return top


def test_fields_of_forms_show_decisions_and_give_them_back(form: Path) -> None:
    out, file = form / "out", "scanned.png"
    before, (was,) = contents(out), read_rows(out / "forms.csv")
    with Workspace(out) as workspace:
        (page,) = workspace.result(file).pages
        numbers = {number.field: number for number in page.numbers}
        fields = {field.name: field for field in page.fields}
        assert was["q4"] == "" and was["year"] == numbers["year"].text
        stamped(workspace, file, numbers["meter"].box, numbers["meter"].text, "123")
        stamped(workspace, file, numbers["year"].box, numbers["year"].text, None)
        box = fields["q4"].box
        inside = Box(box.x + 10, box.y + 10, box.width // 2, box.height - 20)
        stamped(workspace, file, inside, None, "46")
        rewrite_all(workspace)
    (now,) = read_rows(out / "forms.csv")
    assert (now["meter"], now["year"], now["q4"]) == ("123", "", "46")
    statuses = {name for name, cell in now.items() if cell == "checked"}
    assert statuses == {"meter_status", "year_status", "q4_status"}
    assert {now[name.replace("status", "confidence")] for name in statuses} == {"1.0000"}
    assert json.loads((out / "run.json").read_text())["checked"] == 3
    after = contents(out)
    run_command(*SCAN, "--form", FORMS / "form.toml", "--restart", cwd=form)
    assert contents(out) == after
    with Workspace(out) as workspace:
        for one in workspace.corrections.of(file):
            workspace.corrections.add(replace(one, undone=True))
        rewrite_all(workspace)
    assert contents(out) == before

"""Links and names: nothing is read outside of an input or written outside of the output."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.command import RunCommand
from support.outputs import numbers_of, read_rows, results_in
from support.pictures import Clear, encode

OUT = "is a link that leads out of the folder; to read it add --follow-symlinks"


@pytest.fixture
def linked(clear: Clear, tmp_path: Path) -> Path:
    """A folder to scan with links out of it, into it and round in circles."""
    for name in ("scans/a.png", "scans/in/b.png", "other/c.png", "other/deep/d.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(encode(".png", clear.gray))
    for link, target in {
        "scans/file.png": "../other/c.png",
        "scans/folder": "../other",
        "scans/inside": "in",
        "scans/up": "..",
        "other/deep/back": "../../scans",
        "other/deep/ring": "..",
    }.items():
        (tmp_path / link).symlink_to(target)
    return tmp_path


def test_links_out_of_an_input_are_named_and_passed_over(run: RunCommand, linked: Path) -> None:
    done = run("scan", "scans", "-o", "out")
    assert done.returncode == 7
    assert set(results_in(linked / "out")) == {"a.png", "in/b.png"}
    errors = read_rows(linked / "out/errors.csv")
    assert {row["file"]: row["error"] for row in errors} == dict.fromkeys(
        ("file.png", "folder", "up"), OUT
    )


def test_links_out_of_an_input_are_followed_where_asked_each_file_once(
    run: RunCommand, linked: Path, clear: Clear
) -> None:
    done = run("scan", "scans", "-o", "out", "--follow-symlinks")
    assert (done.returncode, "error" in done.stderr) == (0, False)
    found = results_in(linked / "out")
    assert set(found) == {"a.png", "file.png", "folder/deep/d.png", "in/b.png"}
    assert all(numbers_of(result) == clear.numbers for result in found.values())


def test_a_pattern_does_not_lead_through_links_either(run: RunCommand, linked: Path) -> None:
    done = run("scan", "scans/*/*.png", "-o", "out")
    assert done.returncode == 7
    assert set(results_in(linked / "out")) == {"in/b.png"}
    errors = read_rows(linked / "out/errors.csv")
    assert {row["file"]: row["error"] for row in errors} == {"folder/c.png": OUT}
    done = run("scan", "scans/*/*.png", "-o", "all", "--follow-symlinks")
    assert set(results_in(linked / "all")) == {"folder/c.png", "in/b.png"}


@pytest.fixture
def planted(clear: Clear, tmp_path: Path) -> Path:
    """A folder to scan, and an output folder in which links to what is not digitocr's lie."""
    for name in ("scans/a/x.png", "scans/y.png", "scans/z.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(encode(".png", clear.gray))
    (tmp_path / "mine").mkdir()
    for name in ("x.png.csv", "x.png.json", "precious"):
        (tmp_path / "mine" / name).write_text("mine")
    (tmp_path / "out").mkdir()
    for link, target in {
        "a": "../mine",
        "y.png.csv": "../mine/precious",
        "numbers.csv": "../mine/precious",
        "run.json": "../mine/precious",
        "journal.jsonl": "../mine/precious",
        ".numbers.xlsx.parts": "../mine",
        ".pictures": "../mine",
    }.items():
        (tmp_path / "out" / link).symlink_to(target)
    return tmp_path


def what_is_mine(top: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (top / "mine").iterdir()}


def test_links_in_the_output_are_not_written_through(
    run: RunCommand, planted: Path, clear: Clear
) -> None:
    before = what_is_mine(planted)
    done = run("scan", "scans", "-o", "out")
    assert done.returncode == 7
    (row,) = read_rows(planted / "out/errors.csv")
    assert row["file"] == "a/x.png" and "their folder is a link elsewhere" in row["error"]
    assert what_is_mine(planted) == before
    for name in ("y.png.csv", "numbers.csv", "run.json", "journal.jsonl", ".pictures"):
        assert not (planted / "out" / name).is_symlink()
    assert len(read_rows(planted / "out/numbers.csv")) == 2 * len(clear.numbers)


def test_results_of_a_bad_file_are_not_removed_through_a_link(
    run: RunCommand, planted: Path
) -> None:
    before = what_is_mine(planted)
    (planted / "scans/a/x.png").write_bytes(b"bad")
    assert run("scan", "scans", "-o", "out").returncode == 7
    assert what_is_mine(planted) == before


def test_pictures_for_a_workbook_are_not_written_through_a_link(
    run: RunCommand, planted: Path
) -> None:
    pytest.importorskip("xlsxwriter")
    before = what_is_mine(planted)
    done = run("scan", "scans", "-o", "out", "--format", "xlsx")
    assert done.returncode == 5
    assert done.stderr == (
        "error: out/.pictures: is a link, and nothing is written through links. "
        "Remove it, or choose another folder with -o.\n"
    )
    assert what_is_mine(planted) == before


def test_the_output_folder_itself_may_be_a_link(
    run: RunCommand, clear: Clear, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(encode(".png", clear.gray))
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to("disk")
    assert run("scan", "a.png", "-o", "out").returncode == 0
    assert numbers_of(results_in(tmp_path / "disk")["a.png"]) == clear.numbers


def test_a_folder_named_like_a_file_of_the_run_is_read_under_another_name(
    run: RunCommand, clear: Clear, tmp_path: Path
) -> None:
    names = ("numbers.csv/a.png", "Run.JSON/b.png", "errors.csv/in/c.png", "journal.jsonl/d.png")
    for name in names:
        (tmp_path / "scans" / name).parent.mkdir(parents=True)
        (tmp_path / "scans" / name).write_bytes(encode(".png", clear.gray))
    done = run("scan", "scans", "-o", "out")
    assert done.returncode == 0, done.stderr
    assert set(results_in(tmp_path / "out")) == {f"scans/{name}" for name in names}
    assert len(read_rows(tmp_path / "out/numbers.csv")) == len(names) * len(clear.numbers)

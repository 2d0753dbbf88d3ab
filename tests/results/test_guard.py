"""An output folder with what no run of digitocr wrote: nothing of it is replaced."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.command import RunCommand
from support.outputs import read_rows

from digitocr.core.errors import (
    ExitCode,
    OutputUnwritable,
)
from digitocr.inputs.discover import COMBINED_FILES
from digitocr.results.file_results import Output
from digitocr.results.guard import refuse_foreign_files
from digitocr.results.journal import NAME


def refused(folder: Path, *names: str) -> str:
    """Return why a run may not write results of inputs into a folder, "" where it may."""
    try:
        refuse_foreign_files(Output(folder, ("csv", "json")), names)
    except OutputUnwritable as error:
        return str(error)
    return ""


def test_a_stranger_s_file_ends_the_command(run: RunCommand, samples: Path, tmp_path: Path) -> None:
    (tmp_path / "numbers.csv").write_text("mine")
    done = run("scan", samples / "digit.png", "-o", ".")
    assert done.returncode == ExitCode.OUTPUT
    assert done.stderr == (
        "error: .: numbers.csv: no journal says that digitocr wrote this. "
        "Move it elsewhere, or choose another folder with -o.\n"
    )
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"numbers.csv": "mine"}
    (tmp_path / "numbers.csv").rename(tmp_path / "mine.csv")
    for _ in range(2):  # the second time they are its own
        assert run("scan", samples / "digit.png", "-o", ".").returncode == 0
    assert len(read_rows(tmp_path / "numbers.csv")) == 1


def test_a_stranger_s_file_ends_a_watch(run: RunCommand, tmp_path: Path) -> None:
    pytest.importorskip("watchfiles")
    for name in ("in", "out"):
        (tmp_path / name).mkdir()
    (tmp_path / "out" / "run.json").write_text("{}")
    done = run("watch", "in", "-o", "out")
    assert done.returncode == ExitCode.OUTPUT
    assert "error: out: run.json: no journal says that digitocr wrote this." in done.stderr


@pytest.mark.parametrize(
    "name", [*COMBINED_FILES, "a.png.csv", "b.png.json", "in/c.png.form.csv", NAME]
)
def test_each_file_that_a_run_would_replace_is_named(name: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / name).write_text("mine")
    assert refused(tmp_path, "a.png", "b.png", "in/c.png").startswith(f"{tmp_path}: {name}: ")
    (tmp_path / NAME).write_text('{"file":"a.png"}\n')
    assert not refused(tmp_path, "a.png", "b.png", "in/c.png")


def test_the_first_few_are_named(tmp_path: Path) -> None:
    for name in COMBINED_FILES:
        (tmp_path / name).touch()
    assert ", ".join(COMBINED_FILES[:3]) + ":" in refused(tmp_path)


@pytest.mark.parametrize("journal", [b"", b'{"file":"a', b'\0\0\n{"file":"a.png"}\n'])
def test_a_journal_just_begun_or_torn_is_one(journal: bytes, tmp_path: Path) -> None:
    (tmp_path / "run.json").touch()
    (tmp_path / NAME).write_bytes(journal)
    assert not refused(tmp_path)


def test_other_files_are_no_hindrance(tmp_path: Path) -> None:
    for name in ("notes.txt", "c.png.csv", "a.png"):
        (tmp_path / name).touch()
    (tmp_path / "errors.csv").mkdir()  # named when it is to be written
    assert not refused(tmp_path, "a.png", "b.png", "in/c.png")
    assert not refused(tmp_path / "none", "a.png")

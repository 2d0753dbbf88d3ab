"""The journal: what it keeps, what it forgives, and that a folder is one run's at a time."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest

from digitocr import journal
from digitocr.errors import OutputUnwritable
from digitocr.journal import Done, Journal, Stamp

STAMP = Stamp(120, 1_700_000_000_000_000_001, "settings", "model")
READ = Done("a.png", STAMP, n_pages=1, n_numbers=2, least=0.5, seconds=0.25, written={"a": 3})
FAILED = Done("b \udcff\n.png", STAMP, error="is damaged", trace="not kept")


def kept(folder: Path, *names: str) -> list[Done | None]:
    """Return what a new run finds in a folder's journal."""
    found = Journal(folder, names)
    try:
        return [found[name] for name in names]
    finally:
        found.close()


def write(folder: Path, *files: Done) -> None:
    """Write a journal as a run does."""
    new = Journal(folder, [one.file for one in files])
    for one in files:
        new.add(one)
    new.close()


def test_what_is_written_is_found_again(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    write(tmp_path, READ, FAILED)
    assert kept(tmp_path, READ.file, FAILED.file, "c.png") == [
        *(READ, replace(FAILED, trace=""), None)
    ]


def test_of_several_lines_the_last_holds(tmp_path: Path) -> None:
    write(tmp_path, Done("a.png", STAMP, error="was damaged"))
    write(tmp_path, READ)
    assert kept(tmp_path, "a.png") == [READ]


def test_it_is_read_while_it_is_written(tmp_path: Path) -> None:
    new = Journal(tmp_path, ["a.png", FAILED.file])
    new.add(READ)
    assert new["a.png"] is None  # its line waits for others
    new.flush()
    assert new["a.png"] == READ
    new.forget("a.png")
    assert new["a.png"] is None
    new.close()


def test_lines_do_not_wait_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Journal, "pause", 0.0)
    new = Journal(tmp_path, ["a.png"])
    new.add(READ)
    assert new["a.png"] == READ
    new.close()


@pytest.mark.parametrize("torn", [b'{"file":"b', b"\x00" * 100, b"{}\n", b"[]\n7\n\xff\n"])
def test_torn_and_foreign_lines_are_passed_over(torn: bytes, tmp_path: Path) -> None:
    write(tmp_path, READ)
    with (tmp_path / journal.NAME).open("ab") as file:
        file.write(torn)
    assert kept(tmp_path, "a.png", FAILED.file) == [READ, None]
    write(tmp_path, replace(FAILED, trace=""))
    assert kept(tmp_path, "a.png", FAILED.file) == [READ, replace(FAILED, trace="")]


def test_it_begins_anew_where_wanted(tmp_path: Path) -> None:
    write(tmp_path, READ)
    Journal(tmp_path, ["a.png"], restart=True).close()
    assert kept(tmp_path, "a.png") == [None]


def test_a_folder_is_one_runs_at_a_time(tmp_path: Path) -> None:
    first = Journal(tmp_path, ["a.png"])
    with pytest.raises(OutputUnwritable, match="another run is writing there"):
        Journal(tmp_path, ["a.png"], restart=True)
    first.add(READ)
    first.close()
    assert kept(tmp_path, "a.png") == [READ]


def test_a_disk_that_is_full_for_a_while_costs_no_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_part(file: BinaryIO, data: bytes) -> None:
        file.write(data[: len(data) // 3])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    new = Journal(tmp_path, [READ.file, "c.png"])
    new.add(READ)
    new.add(replace(READ, file="c.png"))
    with monkeypatch.context() as full, pytest.raises(OutputUnwritable):
        full.setattr(journal, "_write_whole", write_part)
        new.flush()
    new.close()
    assert kept(tmp_path, READ.file, "c.png") == [READ, replace(READ, file="c.png")]


def test_a_folder_that_was_taken_away_is_named(tmp_path: Path) -> None:
    new = Journal(tmp_path, ["a.png"])
    (tmp_path / journal.NAME).unlink()
    new.add(READ)
    with pytest.raises(OutputUnwritable, match=journal.NAME):
        new.close()

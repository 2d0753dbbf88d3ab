"""The journal: what it keeps, what it forgives, and that a folder is one run's at a time."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.command import RunCommand

from digitocr.core.errors import OutputUnwritable
from digitocr.core.source import Unread
from digitocr.export.csv import error_rows
from digitocr.results import journal
from digitocr.results.combined import Report
from digitocr.results.journal import (
    Done,
    Journal,
    Stamp,
)
from digitocr.runs.resume import (
    PresentResults,
    why_again,
)
from digitocr.storage import atomic

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


def test_results_and_their_names_are_safe_before_their_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text("1")
    new, synced = Journal(tmp_path, ["in/a"]), list[tuple[str, int]]()

    def sync(path: Path, flags: int) -> None:
        del flags
        synced.append((path.name, (tmp_path / journal.NAME).stat().st_size))

    monkeypatch.setattr(atomic, "_sync", sync)
    new.add(Done("in/a", STAMP, written={"in/a.csv": 1, "in/gone.json": 2}))
    new.flush()
    names = [name for name, size in synced if size == 0]
    assert {"a.csv", "gone.json"} == {*names[:2]}
    assert {"in", tmp_path.name} == {*names[2:]}
    assert new["in/a"] is not None
    new.close()


def test_lines_do_not_wait_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Journal, "pause", 0.0)
    new = Journal(tmp_path, ["a.png"])
    new.add(READ)
    assert new["a.png"] == READ
    new.close()


ENTRY = json.loads(journal._line_of(READ))
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9))
    | st.just("\ud800"),
    lambda some: (
        st.lists(some, max_size=2) | st.dictionaries(st.text(max_size=4), some, max_size=2)
    ),
    max_leaves=4,
)
NAMES = st.text(max_size=9) | st.sampled_from(["../a", "/a", "a/./b", "a\0", "\ud800", "\udcff"])


@st.composite
def lines(draw: st.DrawFn) -> bytes:
    """A line as a run writes it, with some of it changed, torn, or of another program."""
    entry = ENTRY | draw(
        st.dictionaries(st.sampled_from([*ENTRY]), VALUES, max_size=2)
        | st.fixed_dictionaries({"file": NAMES})
        | st.fixed_dictionaries({"stamp": VALUES, "new": VALUES})
    )
    entry = {name: entry[name] for name in entry if name != draw(st.sampled_from(["", *ENTRY]))}
    line = json.dumps(entry, separators=(",", ":")).encode()
    at = draw(st.integers(0, len(line)))
    return draw(
        st.sampled_from([line, line[:at], line[:at] + b"\xff" + line[at + 1 :], b"[" * 10_000])
        | st.binary(max_size=30)
    )


def test_results_are_there_though_others_are_written_as_they_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unfinished = tmp_path / f".{16 * '0'}.tmp"
    unfinished.touch()
    (tmp_path / "a").write_bytes(b"123")

    @contextmanager
    def listed(folder: Path) -> Iterator[Iterator[os.DirEntry[str]]]:
        with scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
        unfinished.unlink()  # it is finished now, and has another name
        yield iter(entries)

    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", listed)
    assert why_again(PresentResults(tmp_path), READ, STAMP) is None
    assert not unfinished.exists()


@given(st.lists(lines(), max_size=4))
def test_whatever_is_in_it_a_run_goes_on(found: list[bytes]) -> None:
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / journal.NAME).write_bytes(b"\n".join(found))
        (folder / "a").touch()
        new, report = Journal(folder), Report()
        for name in new.names():
            assert not (folder / f"{name}.csv").exists()
            if done := new[name]:
                report.add(done)
                why_again(PresentResults(folder), done, done.stamp)
                assert error_rows([Unread(done.file, done.error or "")]).encode()
                assert journal._from_line(journal._line_of(done)) == done or "nan" in repr(done)
        assert report.read + report.failed <= len(new.names())
        new.add(READ)
        new.close()
        assert kept(folder, "a.png") == [READ]


def test_a_command_goes_on_with_a_foreign_journal(
    run: RunCommand, samples: Path, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    entry = ENTRY | {"file": "digit.png", "written": [1], "misfits": {"a": 1}}
    text = json.dumps(entry, separators=(",", ":"))
    (tmp_path / "out" / journal.NAME).write_text(f'{text}\n{{"file":1}}\n7\n{{"file":"dig')
    done = run("scan", samples / "digit.png", "-o", "out")
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)


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

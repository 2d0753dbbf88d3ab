"""A folder that fills: real files dropped into it in many ways, and a real process to read them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.command import COMMAND, MISCHIEF, RunCommand, with_modules_of
from support.outputs import read_rows
from support.pictures import Clear, encode

from digitocr.core.errors import ExitCode
from digitocr.results.corrections import Correction
from digitocr.review.workspace import Workspace

pytest.importorskip("watchfiles")

pytestmark = pytest.mark.faults

TROUBLE = with_modules_of(MISCHIEF)


class Watching:
    """A running `digitocr watch in -o out`, with one worker."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.said = folder / "said"
        command = [*COMMAND, "watch", "in", "-o", "out", "--workers", "1", *options]
        with self.said.open("wb") as stderr:
            self.process = subprocess.Popen(
                command, cwd=folder, stderr=stderr, env={**os.environ, **TROUBLE},
                start_new_session=True,
            )  # fmt: skip
        self.until(lambda: "Watching" in self.text)

    @property
    def text(self) -> str:
        return self.said.read_text()

    def until(self, true: Callable[[], bool]) -> None:
        """Wait until something is true; fail where the process ends or much time goes by."""
        end = time.monotonic() + 100
        while not true():
            assert self.process.poll() is None, self.text
            assert time.monotonic() < end, self.text
            time.sleep(0.05)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal to the command and its workers, as services and terminals do."""
        os.killpg(self.process.pid, number)
        code = self.process.wait(100)
        assert "Traceback" not in self.text
        return code


@contextmanager
def watching(folder: Path, *options: str) -> Iterator[Watching]:
    """Run the command; it does not outlive the block."""
    running = Watching(folder, *options)
    try:
        yield running
    finally:
        running.process.kill()
        running.process.wait()


@pytest.fixture(autouse=True)
def inbox(tmp_path: Path) -> Path:
    """The folder that fills."""
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


@pytest.fixture(scope="module")
def page(clear: Clear) -> bytes:
    """A file with the numbers 3407 and 57."""
    return encode(".png", clear.gray)


@pytest.fixture(scope="module")
def other(clear: Clear) -> bytes:
    """A file with the number 57 alone."""
    return encode(".png", clear.gray[:, 410:].copy())


def files(folder: Path) -> dict[str, list[str]]:
    """Return the numbers in numbers.csv by file, in its order; none where it is not there yet."""
    found: dict[str, list[str]] = {}
    path = folder / "out" / "numbers.csv"
    for row in read_rows(path) if path.exists() else ():
        found.setdefault(row["file"], []).append(row["number"])
    return found


def failed(folder: Path) -> dict[str, str]:
    """Return errors.csv."""
    path = folder / "out" / "errors.csv"
    return {row["file"]: row["error"] for row in read_rows(path)} if path.exists() else {}


def test_files_are_read_when_they_are_complete(
    inbox: Path, tmp_path: Path, page: bytes, other: bytes
) -> None:
    (inbox / "before.png").write_bytes(page)
    with watching(tmp_path) as running:
        (inbox / "bad.png").write_bytes(b"no picture")
        for name in (".hidden.png", "copied.png.part", "renamed.png.tmp", "edited.png~"):
            (inbox / name).write_bytes(page)
        (inbox / "renamed.png.tmp").rename(inbox / "renamed.png")
        (inbox / "new" / "folder").mkdir(parents=True)
        (inbox / "new" / "folder" / "page.png").write_bytes(page)
        with (inbox / "slow.png").open("wb", buffering=0) as slow:
            for start in range(0, len(page), len(page) // 3 + 1):
                slow.write(page[start : start + len(page) // 3 + 1])
                time.sleep(2)
        names = ["before.png", "new/folder/page.png", "renamed.png", "slow.png"]
        running.until(lambda: [*files(tmp_path)] == names)  # not only in the end
        assert files(tmp_path) == {name: ["3407", "57"] for name in names}
        running.until(lambda: [*failed(tmp_path)] == ["bad.png"])  # it is written later

        (inbox / "before.png").write_bytes(other)
        running.until(lambda: files(tmp_path)["before.png"] == ["57"])
        assert running.text.count("error: bad.png: ") == 1  # it is not tried again and again
        (inbox / "bad.png").unlink()
        running.until(lambda: not failed(tmp_path))
        assert running.end() == ExitCode.OK
    lines = (tmp_path / "out" / "journal.jsonl").read_text().splitlines()
    assert len(lines) == 6
    assert json.loads((tmp_path / "out" / "run.json").read_text())["interrupted"] is False


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A folder that is not there yet, on another file system where there is one."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else tmp_path) as folder:
        yield Path(folder) / "done"


def test_what_is_moved_stays_read_and_replaces_nothing(
    elsewhere: Path, inbox: Path, tmp_path: Path, page: bytes, other: bytes
) -> None:
    with watching(tmp_path, "--done", str(elsewhere)) as running:
        (inbox / "sub").mkdir()
        for name in ("1.png", "sub/1.png"):
            (inbox / name).write_bytes(page)
        (inbox / "bad.png").touch()
        running.until(lambda: (elsewhere / "sub" / "1.png").exists())
        running.until(lambda: not any(inbox.glob("1.*")))
        assert (elsewhere / "1.png").read_bytes() == page
        (inbox / "1.png").write_bytes(other)
        running.until(lambda: (elsewhere / "1-2.png").exists())
        assert running.end() == ExitCode.SOME_FAILED
    assert "warning: 1.png: is 1-2.png from now on" in running.text
    read = {"1-2.png": ["57"], "1.png": ["3407", "57"], "sub/1.png": ["3407", "57"]}
    assert files(tmp_path) == read
    assert not list(elsewhere.rglob(".*"))

    done = inbox / "done"  # the names of what was moved elsewhere are known all the same
    (inbox / "1.png").write_bytes(other)
    (done / "sub").mkdir(parents=True)
    for folder in (inbox, done):  # as if it had been stopped before the last step of moving
        shutil.copy2(elsewhere / "sub" / "1.png", folder / "sub" / "1.png")
    with watching(tmp_path, "--done", str(done)) as running:
        running.until(lambda: (done / "1-3.png").exists() and not any(inbox.glob("sub/*")))
        assert running.end() == ExitCode.SOME_FAILED
    assert files(tmp_path) == {"1-2.png": ["57"], "1-3.png": ["57"], **read}
    assert failed(tmp_path) == {"bad.png": "is empty (0 bytes)"}
    left = [path for path in inbox.rglob("*") if path.is_file()]
    assert sorted(path.name for path in left) == ["1-3.png", "1.png", "bad.png"]


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGINT, ExitCode.INTERRUPTED),
        pytest.param(signal.SIGTERM, ExitCode.OK, marks=pytest.mark.slow),
    ],
)
def test_what_is_being_read_is_finished(
    number: int, code: ExitCode, inbox: Path, tmp_path: Path, page: bytes
) -> None:
    for name in ("1slow.png", "2slow.png", "3gone.png", "4slow.png", "5slow.png"):
        (inbox / name).write_bytes(page)
    with watching(tmp_path) as running:
        running.until(lambda: (tmp_path / "out" / "1slow.png.json").exists())
        (inbox / "3gone.png").unlink()  # its turn is next but one
        running.until(lambda: (tmp_path / "out" / "2slow.png.json").exists())
        time.sleep(0.5)
        assert running.end(number) == code
    assert [*files(tmp_path)] == ["1slow.png", "2slow.png", "4slow.png"]
    assert "3gone" not in running.text
    assert failed(tmp_path) == {}
    run = json.loads((tmp_path / "out" / "run.json").read_text())
    assert run["interrupted"] is (number == signal.SIGINT)


@pytest.mark.slow
def test_a_folder_that_goes_and_comes_back_is_watched_on(
    inbox: Path, tmp_path: Path, page: bytes
) -> None:
    (inbox / "1.png").write_bytes(page)
    with watching(tmp_path) as running:
        running.until(lambda: [*files(tmp_path)] == ["1.png"])
        inbox.rename(tmp_path / "away")
        running.until(lambda: str(inbox) in failed(tmp_path))
        inbox.mkdir()
        (inbox / "2.png").write_bytes(page)
        running.until(lambda: [*files(tmp_path)] == ["1.png", "2.png"])
        running.until(lambda: failed(tmp_path) == {})  # is written after it
        assert running.end() == ExitCode.OK


def test_one_watch_has_the_results(run: RunCommand, tmp_path: Path) -> None:
    with watching(tmp_path) as running:
        done = run("watch", "in", "-o", "out")
        assert (done.returncode, "another run is writing there" in done.stderr) == (5, True)
        assert running.end() == ExitCode.OK
    assert read_rows(tmp_path / "out" / "numbers.csv") == []


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ("none -o out", 3, "error: none: there is no such folder. Make it"),
        ("file -o out", 3, "error: file: is a file, not a folder."),
        ("in -o -", 2, "error: -o -: watch writes files"),
        ("in -o file", 5, "error: file: is a file"),
        ("in -o out --done file", 5, "Choose another folder with --done"),
        ("in -o out --done in/../in", 2, "error: --done in/../in: is the folder that is watched"),
        ("in -o out --digits x", 2, "error: --digits"),
        ("in -o out --form none.toml", 2, "error: none.toml"),
    ],
)
def test_what_can_not_be_done_is_said_at_once(
    arguments: str, code: int, sentence: str, run: RunCommand, inbox: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    done = run("watch", *arguments.split())
    assert (done.returncode, sentence in done.stderr) == (code, True), done.stderr
    assert not list(inbox.iterdir())


def test_help_speaks_of_no_stdout(run: RunCommand) -> None:
    assert "stdout" not in run("watch", "--help").stdout


def test_a_missing_extra_is_named(inbox: Path) -> None:
    program = (
        "import sys; sys.modules['watchfiles'] = None; from digitocr.__main__ import main; main()"
    )
    command = [sys.executable, "-c", program, "watch", str(inbox)]
    done = subprocess.run(command, cwd=inbox, capture_output=True, text=True, check=False)
    assert done.returncode == ExitCode.EXTRA_MISSING
    assert "pip install 'digitocr[watch]'" in done.stderr


def test_corrections_are_kept(inbox: Path, tmp_path: Path, page: bytes) -> None:
    (inbox / "a.png").write_bytes(page)
    with watching(tmp_path) as running:
        running.until(lambda: files(tmp_path) == {"a.png": ["3407", "57"]})
        running.end()
    with Workspace(tmp_path / "out") as workspace:
        (done,) = workspace.files()
        number = workspace.result("a.png").numbers[1]
        decision = Correction("a.png", 1, number.box, number.text, "58", done.stamp)
        workspace.corrections.add(decision)
    with watching(tmp_path) as running:
        running.until(lambda: files(tmp_path) == {"a.png": ["3407", "58"]})
        assert running.end() == 0
        assert ", 1 checked; " in running.text

"""What a person sees while and after a run."""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
from pathlib import Path

from support.command import COMMAND, SAMPLES, RunCommand


def on_a_terminal(*arguments: str | Path, cwd: Path) -> str:
    """Return what a command shows on a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, *map(str, arguments)], cwd=cwd, stderr=theirs, stdout=subprocess.DEVNULL,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    ):  # fmt: skip
        os.close(theirs)
        shown = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            shown += part
    os.close(ours)
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode())  # colours and cursor moves


def test_a_terminal_shows_progress_with_counts_and_time_left(tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    for i in range(13):
        shutil.copy(SAMPLES / "digit.png", tmp_path / "scans" / f"{i}.png")
    (tmp_path / "empty.png").touch()
    shown = on_a_terminal("scan", "scans", "empty.png", "-o", "out", cwd=tmp_path)
    assert "/14 files," in shown
    assert "failed," in shown
    assert "left" in shown


def test_no_terminal_no_bar(run: RunCommand) -> None:
    said = run("scan", SAMPLES / "digit.png", SAMPLES / "receipt.jpg", "-o", "out").stderr
    assert "files: 2 read, 0 failed" in said
    assert "\x1b" not in said
    assert "━" not in said
    assert "left" not in said


def test_the_summary_names_the_slowest_and_the_least_certain(run: RunCommand) -> None:
    some = (SAMPLES / name for name in ("digit.png", "pages.tif", "receipt.jpg", "skewed.png"))
    said = run("scan", *some, "-o", "out").stderr
    assert "slowest" in said
    assert "least certain" in said
    assert "to review (confidence below" in said


def test_no_file_name_is_broken_where_there_is_no_terminal(run: RunCommand, tmp_path: Path) -> None:
    name = f"{'a-long-name' * 15}.png"
    shutil.copy(SAMPLES / "digit.png", tmp_path / name)
    said = run("scan", SAMPLES / "digit.png", name, "-o", "out").stderr
    assert said.count(name) == 2


def test_quiet_says_nothing_but_errors(run: RunCommand, tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    done = run("scan", SAMPLES / "digit.png", "empty.png", "-o", "out", "-q")
    assert done.stderr == "error: empty.png: is empty (0 bytes).\n"
    assert done.stdout == ""


def test_every_command_has_help_with_an_example_or_a_sentence(run: RunCommand) -> None:
    for command in ("scan", "train", "evaluate", "models"):
        done = run(command, "--help")
        assert done.returncode == 0
        assert command == "models" or f"Example: digitocr {command}" in done.stdout


def test_version_is_shown(run: RunCommand) -> None:
    assert run("--version").stdout.startswith("digitocr 0.")


def test_after_errors_each_kind_has_its_own_next_step(run: RunCommand, tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    (tmp_path / "cut.png").write_bytes((SAMPLES / "digit.png").read_bytes()[:100])
    (tmp_path / "notes.txt").touch()
    with (tmp_path / "huge.tif").open("wb") as file:
        file.truncate(3_000_000_000)  # a file with a hole takes no room
    said = run("scan", SAMPLES / "digit.png", "empty.png", "cut.png", "-o", "out").stderr
    assert said.count("Replace what is damaged") == 1
    assert "names" not in said
    said = run("scan", SAMPLES / "digit.png", "lost.png", "notes.txt", "huge.tif", "-o", "o").stderr
    for step in ("Check the names", "Save other types of files as PNG", "Shrink or split"):
        assert said.count(step) == 1
    assert "Replace" not in said


def test_of_a_card_what_is_long_is_told_in_short(run: RunCommand) -> None:
    shown = run("models").stdout
    assert "accuracy mnist test" in shown
    assert "more, in the file's header" in shown  # of the fonts
    assert "a curve of" in shown
    assert len(shown.splitlines()) < 100 * shown.count("sha256")


def test_wrong_options_name_the_help_of_their_command(run: RunCommand) -> None:
    wrong = run("scan", SAMPLES, "--cluster", "tcp://127.0.0.1:1", "--workers", "2")
    assert wrong.stderr.endswith("See: digitocr scan --help\n")

"""Many files in one run: combined files, interruptions, and bugs that cost one file only."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import pytest
from support.command import COMMAND, SAMPLES, RunCommand
from support.outputs import read_rows
from support.pictures import Clear, encode

from digitocr.core.errors import (
    ExitCode,
    OutputUnwritable,
)
from digitocr.core.source import Source
from digitocr.pipeline.scan import Scanner
from digitocr.recognition.model import (
    load_model,
    model_file,
)
from digitocr.results.file_results import (
    Output,
)
from digitocr.results.journal import Done
from digitocr.runs.batch import outcome
from digitocr.runs.job import job_of, read_file
from digitocr.storage.places import check_folder, unwritable


@pytest.fixture
def folder(tmp_path: Path, clear: Clear) -> Path:
    """A folder of three pages of two numbers each."""
    scans = tmp_path / "scans"
    scans.mkdir()
    for name in ("page1.png", "page2.png", "page10.png"):
        (scans / name).write_bytes(encode(".png", clear.gray))
    return scans


def test_the_views_cover_the_run(run: RunCommand, folder: Path, tmp_path: Path) -> None:
    (folder / "bad.png").touch()
    done = run("scan", folder, "-o", "out", "--min-confidence", "0.5")
    assert done.returncode == ExitCode.SOME_FAILED
    numbers = read_rows(tmp_path / "out" / "numbers.csv")
    assert [row["file"] for row in numbers] == [
        *("page1.png", "page1.png", "page2.png", "page2.png", "page10.png", "page10.png")
    ]
    assert read_rows(tmp_path / "out" / "errors.csv") == [
        {"file": "bad.png", "error": "is empty (0 bytes)"}
    ]
    about = json.loads((tmp_path / "out" / "run.json").read_text("utf-8"))
    assert about.items() >= {"read": 3, "failed": 1, "pages": 3, "numbers": 6}.items()
    assert about["settings"]["min_confidence"] == 0.5
    assert about["model"] == {"name": "digits", "sha256": load_model("digits").id.sha256}
    assert about["seconds"] > 0


def test_the_same_input_gives_the_same_bytes(run: RunCommand, folder: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        run("scan", folder, "-o", name)
    first, second = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in "ab"
    )
    assert first.keys() == second.keys()
    with_times = {"run.json", "journal.jsonl"}
    assert {name for name in first if first[name] != second[name]} <= with_times


def test_a_higher_line_sends_more_to_review(run: RunCommand, folder: Path, tmp_path: Path) -> None:
    for line, status in (("0", "ok"), ("1", "review")):
        run("scan", folder / "page1.png", "-o", "out", "--min-confidence", line)
        assert {row["status"] for row in read_rows(tmp_path / "out" / "numbers.csv")} == {status}


def test_fewer_errors_send_more_to_review(run: RunCommand, folder: Path, tmp_path: Path) -> None:
    arrays = {key: getattr(load_model("digits"), key) for key in ("w1", "b1", "w2", "b2")}
    card = {"share_wrong": [[0.0, 0.5, 0.9], [0.9, 0.1, 0.001]]}
    (tmp_path / "m.safetensors").write_bytes(model_file(arrays, card))
    found = {}
    for wanted in ("1", "0.1", "0.002", "0"):
        run(
            "scan", folder / "page1.png", "-o", "out", "--model", "m.safetensors",
            "--max-error", wanted,
        )  # fmt: skip
        settings = json.loads((tmp_path / "out" / "run.json").read_text("utf-8"))["settings"]
        assert settings["max_error"] == float(wanted)
        rows = read_rows(tmp_path / "out" / "numbers.csv")
        line = settings["min_confidence"]
        assert [row["status"] for row in rows] == [
            "ok" if float(row["confidence"]) >= line else "review" for row in rows
        ]
        found[wanted] = line
    assert found == {"1": 0.0, "0.1": 0.5, "0.002": 0.9, "0": 1.0}


def test_a_least_confidence_outweighs_the_errors_allowed(run: RunCommand, tmp_path: Path) -> None:
    run(
        "scan", SAMPLES / "digit.png", "-o", "out", "--max-error", "0.5",
        "--min-confidence", "0.25",
    )  # fmt: skip
    settings = json.loads((tmp_path / "out" / "run.json").read_text("utf-8"))["settings"]
    assert (settings["max_error"], settings["min_confidence"]) == (0.5, 0.25)


def test_ctrl_c_keeps_what_is_finished(clear: Clear, tmp_path: Path) -> None:
    scans, out = tmp_path / "scans", tmp_path / "out"
    scans.mkdir()
    for i in range(3000):
        (scans / f"{i}.png").write_bytes(encode(".png", clear.gray))
    with subprocess.Popen(
        [*COMMAND, "scan", str(scans), "-o", str(out)], stderr=subprocess.PIPE, text=True
    ) as scanning:
        while not (out / "20.png.json").exists():
            assert scanning.poll() is None
        scanning.send_signal(signal.SIGINT)
        assert scanning.stderr is not None
        said = scanning.stderr.read()
    assert scanning.returncode == ExitCode.INTERRUPTED
    assert "Traceback" not in said
    assert "Interrupted" in said
    read = {row["file"] for row in read_rows(out / "numbers.csv")}
    assert 20 <= len(read) < 3000
    assert json.loads((out / "run.json").read_text())["interrupted"] is True
    assert [path.name for path in out.glob(".*")] == [".inputs.jsonl"]


@pytest.mark.parametrize("name", ["numbers.csv", "errors.csv", "run.json"])
def test_a_view_that_can_not_be_written_is_named(
    name: str, run: RunCommand, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "out" / name / "full").mkdir(parents=True)
    done = run("scan", folder, "-o", "out")
    assert done.returncode == ExitCode.OUTPUT
    assert f"error: out/{name}: can't be written" in done.stderr
    assert (tmp_path / "out" / "page1.png.csv").exists()


def test_memory_that_runs_out_where_nobody_can_say_so_costs_its_file(tmp_path: Path) -> None:
    job = job_of(Scanner(), Output(tmp_path, ("csv",)))
    future: Future[tuple[Done, str]] = Future()
    future.set_exception(MemoryError())
    done, text = outcome(future, Source("a.png", tmp_path / "a.png"), job)
    assert (done.file, text) == ("a.png", "")
    assert done.error == "takes more memory than there is, or than 6000 MB"


def test_only_on_other_machines_are_results_made_safe_one_by_one(
    samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    safe: list[int] = []
    monkeypatch.setattr(os, "fsync", safe.append)
    job = job_of(Scanner(), Output(tmp_path, ("csv", "json")))
    for elsewhere, n_synced in ((False, 0), (True, 2 * 2)):  # two files, each with its name
        done, _ = read_file(
            Source("digit.png", samples / "digit.png"), replace(job, elsewhere=elsewhere)
        )
        assert (len(safe), len(done.written)) == (n_synced, 2)


def test_a_folder_that_can_not_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputUnwritable, match="file"):
        check_folder(tmp_path / "file")
    with pytest.raises(OutputUnwritable):
        check_folder(tmp_path / "file" / "below")


def test_results_of_formats_not_asked_for_are_not_written(run: RunCommand, tmp_path: Path) -> None:
    run("scan", SAMPLES / "digit.png", "-o", "out", "--format", "json")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *(".inputs.jsonl", "digit.png.json", "errors.csv", "journal.jsonl", "run.json")
    ]


def test_counts_are_words(run: RunCommand) -> None:
    done = run("scan", SAMPLES / "digit.png", "-o", "out", "--verbose", "--min-confidence", "0")
    assert "digit.png: 1 page, 1 number, 0 to review, " in done.stderr


@pytest.mark.parametrize("command", ["scan {} -o -", "models", "evaluate --data {}"])
def test_a_full_disk_behind_stdout_is_an_output_error(command: str, tmp_path: Path) -> None:
    (tmp_path / "truth.csv").write_text("file,truth\ndigit.png,5\n")
    (tmp_path / "digit.png").write_bytes((SAMPLES / "digit.png").read_bytes())
    inputs = SAMPLES / "digit.png" if command.startswith("scan") else tmp_path
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, *command.format(inputs).split()], stdout=full, stderr=subprocess.PIPE,
            text=True, check=False,
        )  # fmt: skip
    assert done.returncode == ExitCode.OUTPUT
    assert done.stderr.splitlines()[-1] == "error: stdout: No space left on device."


@pytest.mark.parametrize(("command", "stream"), [("models", "stdout"), ("scan {}", "stderr")])
def test_a_reader_that_has_gone_is_an_output_error(
    command: str, stream: str, tmp_path: Path
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, stream: writer}
    words = command.format(SAMPLES / "digit.png").split()
    done = subprocess.run([*COMMAND, *words], cwd=tmp_path, check=False, **streams)
    os.close(writer)
    assert done.returncode == ExitCode.OUTPUT


def test_who_has_no_room_is_told_to_make_some() -> None:
    full = Path("/dev/full")
    with pytest.raises(OutputUnwritable, match="No space left") as raised, unwritable(full):
        full.write_bytes(b"a")
    assert raised.value.advice == "Make room there and run the same command again."


@pytest.mark.parametrize(
    "options",
    [
        ["--format", "pdf"],
        ["-o", ""],
        ["--min-confidence", "nan"],
        ["--max-error", "nan"],
        ["-o", "-", "--annotate"],
        ["-o", "-", "--format", "csv,json"],
    ],
)
def test_options_that_make_no_sense_are_refused(options: list[str], run: RunCommand) -> None:
    done = run("scan", SAMPLES / "digit.png", *options)
    assert done.returncode == ExitCode.USAGE
    assert done.stderr.startswith("error: ")
    assert done.stdout == ""

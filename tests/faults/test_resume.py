"""Many files by the command: workers that die and hang, runs that are stopped, and going on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.command import BENCHMARKS, COMMAND, MISCHIEF, SAMPLES, RunCommand, with_modules_of
from support.material import copied_model
from support.outputs import read_rows, rows
from support.pdf import PdfPage, pdf
from support.pictures import Clear, encode

from digitocr.core.errors import ExitCode

pytestmark = pytest.mark.faults

TROUBLE = with_modules_of(MISCHIEF)
NUMBERS = ["3407", "57"]  # those of the clear picture
WITH_TIMES = {"journal.jsonl", "run.json"}  # the files that differ from run to run


@pytest.fixture
def scans(tmp_path: Path, clear: Clear) -> Path:
    """A folder of six pages."""
    folder = tmp_path / "scans"
    folder.mkdir()
    for i in range(6):
        (folder / f"{i}.png").write_bytes(encode(".png", clear.gray))
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Return all files of a folder but those with times in them."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name not in WITH_TIMES)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def lines(folder: Path) -> list[dict[str, object]]:
    """Return the lines of a folder's journal."""
    return [json.loads(line) for line in (folder / "journal.jsonl").read_bytes().splitlines()]


@pytest.mark.parametrize("options", [[], ["--format", "xlsx", "--annotate"]], ids=["csv", "xlsx"])
def test_any_number_of_workers_gives_the_same_bytes(
    options: list[str], run_apart: RunCommand, scans: Path, tmp_path: Path
) -> None:
    if options:
        pytest.importorskip("xlsxwriter")
    (scans / "bad.png").touch()
    shutil.copy(SAMPLES / "pages.tif", scans)
    for workers in ("1", "3"):
        done = run_apart("scan", scans, "-o", f"out{workers}", "--workers", workers, *options)
        assert done.returncode == ExitCode.SOME_FAILED, done.stderr
    assert contents(tmp_path / "out1") == contents(tmp_path / "out3")


def test_one_file_alone_gives_the_same_bytes(run: RunCommand, scans: Path, tmp_path: Path) -> None:
    run("scan", scans, "-o", "all")
    run("scan", scans / "0.png", "-o", "one")
    for kind in ("csv", "json"):
        name = f"0.png.{kind}"
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "all" / name).read_bytes()


def test_stdout_is_in_the_order_of_the_inputs(run: RunCommand, scans: Path) -> None:
    (scans / "0.png").rename(scans / "0slow.png")
    shutil.copy(scans / "1.png", scans / "slow0.png")
    done = run("scan", scans / "slow0.png", scans, "-o", "-", "--workers", "2", env=TROUBLE)
    assert done.returncode == 0
    files = [row["file"] for row in rows(done.stdout)]
    names = ["slow0.png", "0slow.png", *(f"{i}.png" for i in range(1, 6))]
    assert files == [name for name in names for _ in NUMBERS]


def test_trouble_costs_the_file_that_brings_it(
    run: RunCommand, scans: Path, tmp_path: Path
) -> None:
    for name in ("abort", "hang", "memory", "bug"):
        shutil.copy(scans / "0.png", scans / f"{name}.png")
    run("scan", scans, "-o", "out")  # what was read before of what now can't be is gone
    done = run("scan", scans, "-o", "out", "--restart", "--timeout", "4", env=TROUBLE)
    assert done.returncode == ExitCode.SOME_FAILED
    errors = {row["file"]: row["error"] for row in read_rows(tmp_path / "out" / "errors.csv")}
    assert errors.pop("memory.png").startswith(("takes more memory", "the process that read"))
    assert errors == {
        "abort.png": "the process that read it was ended by SIGABRT",
        "hang.png": "takes too long: gave nothing for 4 s (--timeout)",
        "bug.png": "unexpected ZeroDivisionError: of all things",
    }
    read = {row["file"] for row in read_rows(tmp_path / "out" / "numbers.csv")}
    assert read == {f"{i}.png" for i in range(6)}
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert not any(name.startswith(("abort", "hang", "memory", "bug")) for name in names)
    again = run("scan", scans, "-o", "out")
    assert (again.returncode, "6 were read before" in again.stderr) == (0, True)


def test_the_time_is_for_a_page(run: RunCommand, tmp_path: Path) -> None:
    pytest.importorskip("pypdfium2")
    (tmp_path / "slow.pdf").write_bytes(pdf(*[PdfPage("")] * 4))
    done = run("scan", "slow.pdf", "-o", "out", "--timeout", "5", env=TROUBLE)
    assert done.returncode == 0, done.stderr  # it takes six seconds
    done = run("scan", "slow.pdf", "-o", "out", "--timeout", "0.4", "--restart", env=TROUBLE)
    assert done.returncode == ExitCode.SOME_FAILED
    assert "error: slow.pdf: takes too long" in done.stderr


def test_what_is_done_is_not_read_again(run: RunCommand, scans: Path, tmp_path: Path) -> None:
    run("scan", scans, "-o", "out")
    before, n_lines = contents(tmp_path / "out"), len(lines(tmp_path / "out"))
    done = run("scan", scans, "-o", "out")
    assert done.returncode == 0
    assert "files: 6 read, 0 failed" in done.stderr
    assert "Of these 6 were read before" in done.stderr
    assert contents(tmp_path / "out") == before
    assert len(lines(tmp_path / "out")) == n_lines == 6
    done = run("scan", scans, "-o", "out", "--restart")
    assert "were read before" not in done.stderr
    assert len(lines(tmp_path / "out")) == 6


def test_what_failed_or_changed_is_read_again(
    run: RunCommand, scans: Path, clear: Clear, tmp_path: Path
) -> None:
    (scans / "1.png").write_bytes(b"")
    assert run("scan", scans, "-o", "out").returncode == ExitCode.SOME_FAILED
    (scans / "1.png").write_bytes(encode(".png", clear.gray))
    (scans / "2.png").write_bytes(encode(".png", clear.gray[:, ::-1].copy()))
    (tmp_path / "out" / "3.png.csv").unlink()
    done = run("scan", scans, "-o", "out")
    assert done.returncode == 0
    assert "Of these 3 were read before" in done.stderr
    assert "read again because inputs have changed: 1 file." in done.stderr
    assert "read again because results are gone: 1 file." in done.stderr
    again = {line["file"] for line in lines(tmp_path / "out")[6:]}
    assert again == {"1.png", "2.png", "3.png"}
    run("scan", scans, "-o", "fresh")
    assert contents(tmp_path / "out") == contents(tmp_path / "fresh")


def test_other_settings_and_another_model_read_all_again(
    run: RunCommand, scans: Path, tmp_path: Path
) -> None:
    (tmp_path / "list.csv").write_text("number\n3407\n")
    copied_model(tmp_path, "my")
    command = ["scan", str(scans), "-o", "out", "--list", "list.csv:number"]
    run(*command)
    assert "6 were read before" in run(*command).stderr
    (tmp_path / "list.csv").write_text("number\n57\n")
    done = run(*command)
    assert "read again because settings have changed: 6 files." in done.stderr
    assert "were read before" not in done.stderr
    assert "were read before" in run(*command, "--model", "my.safetensors").stderr  # the same
    weights = (tmp_path / "my.safetensors").read_bytes()
    # The last bit of the last weight's mantissa.
    (tmp_path / "my.safetensors").write_bytes(
        weights[:-4] + bytes([weights[-4] ^ 1]) + weights[-3:]
    )
    done = run(*command, "--model", "my.safetensors")
    assert "read again because the model has changed: 6 files." in done.stderr


def scan(scans: Path, *options: str, **more: object) -> subprocess.Popen[str]:
    """Begin to scan into scans/../out."""
    command = [*COMMAND, "scan", str(scans), "-o", str(scans.parent / "out"), *options]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **more)  # type: ignore[call-overload,no-any-return]


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    """Wait until a running command has written a file."""
    while not path.exists():
        assert process.poll() is None
        time.sleep(0.02)


def test_two_runs_at_a_time_can_not_have_one_folder(
    run: RunCommand, scans: Path, tmp_path: Path
) -> None:
    (scans / "0.png").rename(scans / "slow.png")
    with scan(scans, env={**os.environ, **TROUBLE}) as first:
        wait_for(tmp_path / "out" / "journal.jsonl", first)
        second = run("scan", scans, "-o", "out")
        assert first.poll() is None
        first.communicate()
    assert first.returncode == 0
    assert second.returncode == ExitCode.OUTPUT
    assert second.stderr == (
        "error: out: another run is writing there. "
        "Wait for its end, close a review of it, or choose another folder with -o.\n"
    )


def test_ctrl_c_finishes_what_is_begun(run: RunCommand, scans: Path, tmp_path: Path) -> None:
    for i in range(6):
        (scans / f"{i}.png").rename(scans / f"slow{i}.png")
    with scan(scans, "--workers", "1", env={**os.environ, **TROUBLE}) as scanning:
        wait_for(tmp_path / "out" / "slow0.png.json", scanning)
        time.sleep(0.3)
        scanning.send_signal(signal.SIGINT)
        said = scanning.communicate()[1]
    assert scanning.returncode == ExitCode.INTERRUPTED
    assert "what is being read is finished" in said
    read = [row["file"] for row in read_rows(tmp_path / "out" / "numbers.csv")]
    assert read == ["slow0.png", "slow0.png", "slow1.png", "slow1.png"]
    assert json.loads((tmp_path / "out" / "run.json").read_bytes())["interrupted"] is True
    assert "2 were read before" in run("scan", scans, "-o", "out").stderr
    run("scan", scans, "-o", "fresh")
    assert contents(tmp_path / "out") == contents(tmp_path / "fresh")


def test_ctrl_c_twice_stops_at_once(scans: Path, tmp_path: Path) -> None:
    for i in range(1, 6):
        (scans / f"{i}.png").rename(scans / f"hang{i}.png")
    with scan(scans, env={**os.environ, **TROUBLE}) as scanning:
        wait_for(tmp_path / "out" / "0.png.json", scanning)  # so that workers have started
        time.sleep(0.5)
        scanning.send_signal(signal.SIGINT)
        time.sleep(0.5)
        assert scanning.poll() is None
        scanning.send_signal(signal.SIGINT)
        said = scanning.communicate(timeout=20)[1]
    assert scanning.returncode == ExitCode.INTERRUPTED
    assert "Traceback" not in said
    assert said.splitlines()[-1] == "error: interrupted."


def test_ctrl_c_while_the_command_is_loaded_ends_it_as_later(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("raise KeyboardInterrupt")
    ended = subprocess.run(
        [*COMMAND, "models"],
        env={**os.environ, **with_modules_of(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert (ended.returncode, ended.stdout) == (ExitCode.INTERRUPTED, "")
    assert ended.stderr == "error: interrupted.\n"


def test_a_folder_that_is_taken_away_ends_the_run(scans: Path, tmp_path: Path) -> None:
    for i in range(6):
        (scans / f"{i}.png").rename(scans / f"slow{i}.png")
    with scan(scans, "--workers", "1", env={**os.environ, **TROUBLE}) as scanning:
        wait_for(tmp_path / "out" / "slow0.png.json", scanning)
        (tmp_path / "out").rename(tmp_path / "away")
        said = scanning.communicate(timeout=60)[1]
    assert scanning.returncode == ExitCode.OUTPUT
    assert "Traceback" not in said
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(not shutil.which("prlimit"), reason="there is no prlimit to limit files")
def test_a_full_disk_ends_the_run_and_loses_nothing(
    run: RunCommand, scans: Path, tmp_path: Path
) -> None:
    shutil.copy(SAMPLES / "ledger.png", scans / "9.png")  # its JSON is larger than a file may be
    done = run("scan", scans, "-o", "out", "--workers", "1", before=["prlimit", "--fsize=10000"])
    assert done.returncode == ExitCode.OUTPUT
    assert "out/9.png.json: can't be written: File too large" in done.stderr
    done = run("scan", scans, "-o", "out")
    assert done.returncode == 0
    assert "Of these 6 were read before" in done.stderr
    run("scan", scans, "-o", "fresh")
    assert contents(tmp_path / "out") == contents(tmp_path / "fresh")
    assert {line["file"] for line in lines(tmp_path / "out")} == {
        *(f"{i}.png" for i in [*range(6), 9])
    }


# Of which three are the command, a worker, and both (benchmarks/kills.py).
MOMENTS = pytest.mark.parametrize("n_moments", [3, pytest.param(12, marks=pytest.mark.slow)])


def bench(program: str, n_files: int, n_moments: int) -> str:
    """Return what a benchmark that ends well prints of some runs that are cut short."""
    path = BENCHMARKS / program
    done = subprocess.run(
        [sys.executable, path, "--files", f"{n_files}", "--moments", f"{n_moments}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds workers in /proc")
@MOMENTS
def test_nothing_is_lost_by_kill_9(n_moments: int) -> None:
    assert f"{n_moments} of {n_moments}" in bench("kills.py", 30, n_moments)


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace (apt install strace)")
@MOMENTS
def test_nothing_is_lost_by_a_power_cut(n_moments: int) -> None:
    whole = f"{n_moments} of {n_moments} as if the power had stayed; 0 files read twice"
    assert whole in bench("powercut.py", 20, n_moments)

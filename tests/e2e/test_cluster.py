"""Scanning on a Dask cluster: a scheduler and workers as processes, some of which are killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from support.command import COMMAND, MISCHIEF, RunCommand, with_modules_of
from support.outputs import read_rows
from support.pictures import Clear, encode

from digitocr.core.errors import (
    ExitCode,
    ModelUnreadable,
    OutputUnwritable,
)
from digitocr.pipeline.scan import Scanner
from digitocr.results.corrections import NAME as CORRECTIONS
from digitocr.results.corrections import Correction
from digitocr.results.file_results import Output
from digitocr.review.workspace import Workspace
from digitocr.runs import dask_executor
from digitocr.runs.executors import ExecutorBroken
from digitocr.runs.job import job_of, same_scanner

TROUBLE = with_modules_of(MISCHIEF)
WITH_TIMES = {"journal.jsonl", "run.json"}  # the files that differ from run to run
DASK = [sys.executable, "-m", "dask"]


class Dask:
    """A cluster on loopback."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "scheduler.json"
        self.processes: list[subprocess.Popen[bytes]] = []
        self._start("scheduler", "--host", "127.0.0.1", "--port", "0")
        while not (self._file.exists() and self._file.read_text().endswith("}")):
            assert self.processes[0].poll() is None, (folder / "log").read_text()
            time.sleep(0.05)
        for line in self._file.read_text().splitlines():
            if '"address"' in line:
                self.address = line.split('"')[3]

    def _start(self, what: str, *options: str) -> None:
        command = [*DASK, what, "--scheduler-file", str(self._file), "--no-dashboard", *options]
        with (self._folder / "log").open("ab") as log:
            self.processes.append(
                subprocess.Popen(
                    command, cwd=self._folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                    env={**os.environ, **TROUBLE}, start_new_session=True,
                )
            )  # fmt: skip

    def add_worker(self, *options: str) -> None:
        """Have one more worker join, with one thread."""
        self._start("worker", "--nthreads", "1", *options)

    def kill(self, number: int) -> None:
        """Kill the scheduler (0) or a worker, and what it has started."""
        with suppress(ProcessLookupError):
            os.killpg(self.processes[number].pid, signal.SIGKILL)
        self.processes[number].wait()


@pytest.fixture
def dask(tmp_path: Path) -> Iterator[Dask]:
    """A scheduler, and a worker under a nanny, as Dask starts them."""
    pytest.importorskip("distributed")
    folder = tmp_path / "dask"
    folder.mkdir()
    cluster = Dask(folder)
    cluster.add_worker()
    yield cluster
    for number in range(len(cluster.processes)):
        cluster.kill(number)


@pytest.fixture(autouse=True)
def scans(tmp_path: Path, clear: Clear) -> Path:
    """A folder of six pages that take a while."""
    folder = tmp_path / "scans"
    folder.mkdir()
    for i in range(6):
        (folder / f"slow{i}.png").write_bytes(encode(".png", clear.gray))
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Return all files of a folder but those with times in them."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name not in WITH_TIMES)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def scan(tmp_path: Path, *options: str) -> subprocess.Popen[str]:
    """Begin to scan tmp_path/scans into tmp_path/out."""
    command = [*COMMAND, "scan", "scans", "-o", "out", *options]
    return subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)


def wait_for_one(folder: Path, scanning: subprocess.Popen[str]) -> None:
    """Wait until the first file is read."""
    while not list(folder.glob("*.json")):
        assert scanning.poll() is None, scanning.communicate()[1]
        time.sleep(0.05)


@pytest.mark.cluster
def test_a_cluster_gives_the_bytes_of_one_machine(
    run: RunCommand, scans: Path, dask: Dask, tmp_path: Path
) -> None:
    (scans / "bad.png").touch()
    for i in range(6):
        (scans / f"slow{i}.png").rename(scans / f"{i}.png")
    for trouble in ("abort", "hang", "bug"):
        shutil.copy(scans / "0.png", scans / f"{trouble}.png")
    options = ["scan", "scans", "--timeout", "4"]
    done = run(*options, "-o", "many", "--cluster", dask.address)
    assert done.returncode == ExitCode.SOME_FAILED, done.stderr
    assert len(read_rows(tmp_path / "many" / "errors.csv")) == 4
    run(*options, "-o", "one", "--workers", "2", env=TROUBLE)
    assert contents(tmp_path / "many") == contents(tmp_path / "one")


@pytest.mark.cluster
@pytest.mark.slow
def test_a_cluster_keeps_corrections(run: RunCommand, dask: Dask, tmp_path: Path) -> None:
    run("scan", "scans", "-o", "one", "--workers", "2")
    with Workspace(tmp_path / "one") as workspace:
        done = next(workspace.files())
        number = workspace.result(done.file).numbers[0]
        decision = Correction(done.file, 1, number.box, number.text, "12", done.stamp)
        workspace.corrections.add(decision)
        workspace.rewrite(done.file)
        workspace.write_combined()
    (tmp_path / "many").mkdir()
    shutil.copy(tmp_path / "one" / CORRECTIONS, tmp_path / "many")
    assert run("scan", "scans", "-o", "many", "--cluster", dask.address).returncode == 0
    assert contents(tmp_path / "many") == contents(tmp_path / "one")


@pytest.mark.cluster
@pytest.mark.slow
def test_a_worker_that_is_killed_loses_nothing(run: RunCommand, dask: Dask, tmp_path: Path) -> None:
    dask.add_worker("--no-nanny")
    with scan(tmp_path, "--cluster", dask.address) as scanning:
        wait_for_one(tmp_path / "out", scanning)
        dask.processes[2].kill()
        dask.add_worker()
        said = scanning.communicate()[1]
    assert scanning.returncode == 0, said
    assert "6 read, 0 failed" in said
    run("scan", "scans", "-o", "one")
    assert contents(tmp_path / "out") == contents(tmp_path / "one")


@pytest.mark.cluster
@pytest.mark.slow
def test_a_scheduler_that_goes_away_ends_the_run_and_loses_nothing(
    run: RunCommand, dask: Dask, tmp_path: Path
) -> None:
    with scan(tmp_path, "--cluster", dask.address) as scanning:
        wait_for_one(tmp_path / "out", scanning)
        time.sleep(1)  # its line is in the journal
        dask.kill(0)
        said = scanning.communicate()[1]
    assert scanning.returncode == ExitCode.CRASH
    assert said.splitlines()[-1] == (
        f"error: {dask.address}: the Dask scheduler went away. "
        "What was finished is kept; the same command goes on with the rest."
    )
    assert "Traceback" not in said
    done = run("scan", "scans", "-o", "out", "--cluster", dask.address)
    assert f"error: {dask.address}: no Dask scheduler answers there." in done.stderr
    done = run("scan", "scans", "-o", "out")
    assert done.returncode == 0
    assert "were read before" in done.stderr
    run("scan", "scans", "-o", "one")
    assert contents(tmp_path / "out") == contents(tmp_path / "one")


def test_a_machine_that_would_read_otherwise_is_named(tmp_path: Path) -> None:
    output = Output(tmp_path, ("csv",))
    job = job_of(Scanner(), output)
    same_scanner(job)
    for other, error in (
        (replace(job, versions="digitocr 0.0.1"), ExecutorBroken),
        (replace(job, model="0" * 64), ModelUnreadable),
        (replace(job, fingerprint="0"), ExecutorBroken),
        (replace(job, output=Output(tmp_path / "gone", ("csv",))), OutputUnwritable),
    ):
        with pytest.raises(error):
            same_scanner(other)


class Set:
    """Stands for the processes of a Dask worker."""

    ended = False

    def shutdown(self) -> None:
        """End."""
        self.ended = True


def test_processes_of_earlier_runs_end_where_they_have_no_calls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dask_executor, "_started_pool", lambda *_: Set())
    monkeypatch.setattr(dask_executor, "_sets", {})
    idle, busy = (dask_executor._set_for(seconds, 1, time.time) for seconds in (1.0, 2.0))
    assert idle.processes.ended and not busy.processes.ended  # type: ignore[attr-defined]
    busy.calls = 1
    new = dask_executor._set_for(3.0, 1, time.time)
    assert new is dask_executor._set_for(3.0, 1, time.time)
    assert not busy.processes.ended and not new.processes.ended  # type: ignore[attr-defined]


def test_a_cluster_has_its_own_workers(run: RunCommand) -> None:
    done = run("scan", "a.png", "--cluster", "tcp://127.0.0.1:1", "--workers", "2")
    assert done.returncode == ExitCode.USAGE

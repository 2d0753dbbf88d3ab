"""Measure runs over very many files: memory, time a file, going on after kill -9, planning.

    python benchmarks/batches.py [run|plan|workers] [--files 20000] [--planned 100000]
                                  [--pages 500]

run    `digitocr scan --workers 2` over small pictures of one digit each. When all but the last
       hundreds are done it is killed (SIGKILL), and the same command run again. Printed are wall
       and CPU milliseconds a file, the largest resident set of the command and of its workers when
       1,000 files are done and at the end, and the seconds from the start of the second command to
       its first result, and to the first of a file that had none.
plan   Lists a folder of very many files and finds out what is left to do: seconds and memory.
workers  Times `--workers 1` against `--workers 2`, by turns, over copies of 20 A4 pages at 300 dpi
       with ten numbers each (needs ../shared/data/mnist).

Needs Linux: memory is read in /proc. Wall time depends on what else the machine does; memory and
CPU time hardly do.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from commands import ONE_THREAD, digitocr, run_well
from compose import compose
from kills import begin, gone, workers_of

FIRST = 1000  # files, after which memory is measured first
LAST = 400  # files that are left when the run is killed
PAUSE = 0.2  # seconds
PLAN = Path(__file__).with_name("plan_batch.py")


def make_digits(folder: Path, n_files: int) -> None:
    """Write pictures of one digit each, a thousand a folder."""
    for i in range(n_files):
        gray = np.full((28, 28), 255, np.uint8)
        place, font = (6 + i % 3, 22 + i // 10 % 3), cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(gray, f"{i % 10}", place, font, 0.7, 0, 2, cv2.LINE_AA)
        path = folder / f"{i // 1000:04}" / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), gray)


def peak_mb(pid: int) -> float:
    """Return the largest resident set that a process has had, 0 where it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    sizes = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
    return int(sizes[0]) / 1024 if sizes else 0.0


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a running process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def until(holds: Callable[[], bool]) -> float:
    """Wait until something holds; return the time then."""
    while not holds():
        time.sleep(PAUSE)
    return time.monotonic()


def n_done(out: Path) -> int:
    """Return how many files a journal names."""
    journal = out / "journal.jsonl"
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


def measure_run(folder: Path, n_files: int) -> None:
    """Scan very many files; kill the run when they are done; go on."""
    scans, out = folder / "scans", folder / "out"
    make_digits(scans, n_files + LAST)
    command = begin(scans, out)
    began = until(lambda: n_done(out) >= FIRST)
    counted, pids = n_done(out), [command.pid, *sorted(workers_of(command.pid))]
    first, cpu = [peak_mb(pid) for pid in pids], sum(map(cpu_seconds, pids))
    ended = until(lambda: n_done(out) >= n_files)
    files = n_done(out) - counted
    last, cpu = [peak_mb(pid) for pid in pids], sum(map(cpu_seconds, pids)) - cpu
    os.kill(command.pid, signal.SIGKILL)
    command.wait()
    gone(pids[1:])
    wall = 1000 * (ended - began) / files
    print(f"{files} files, 2 workers: {wall:.1f} ms wall, {1000 * cpu / files:.1f} ms CPU a file")
    for name, before, after in zip(("command", "worker", "worker"), first, last, strict=True):
        print(f"{name:8}{before:7.1f} MB after {counted} files{after:7.1f} MB after all")
    measure_going_on(scans, out, n_done(out))


def measure_going_on(scans: Path, out: Path, done: int) -> None:
    """Run the command again; print how long it takes to its first results.

    The first files that it reads have results already, which their lines had not followed yet.
    """
    before, start = results(out), time.monotonic()
    command = begin(scans, out)
    while results(out) == before:
        time.sleep(0.02)
    first, busy = time.monotonic() - start, cpu_seconds(command.pid)
    while len(results(out)) == len(before):
        time.sleep(0.02)
    new = time.monotonic() - start
    command.wait()
    print(
        f"{done} done: {first:.2f} s to the first result, {busy:.2f} s CPU in the command by then"
    )
    print(f"{new:.2f} s to the first of a file that had none")


def results(out: Path) -> dict[Path, int]:
    """Return when each result was written in the folders that were worked on last."""
    folders = sorted(
        (path for path in out.iterdir() if path.is_dir()), key=lambda one: int(one.name)
    )
    found = (path for folder in folders[-2:] for path in folder.glob("*.json"))
    return {path: path.stat().st_mtime_ns for path in found}


def measure_plan(folder: Path, n_files: int) -> None:
    """Find out what is to do of very many files."""
    scans = folder / "many"
    for i in range(n_files):  # none is opened
        path = scans / f"{i // 1000}" / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    ran = run_well([sys.executable, PLAN, scans, folder / "planned"], ONE_THREAD)
    count = ran.stdout.strip()
    print(f"{count} files planned: {ran.wall:.1f} s, {ran.cpu:.1f} s CPU, {ran.peak_mb:.0f} MB")


def measure_workers(folder: Path, n_pages: int) -> None:
    """Print how many times as fast two workers are as one."""
    made, scans, took = folder / "made", folder / "pages", {"1": 0.0, "2": 0.0}
    names = list(compose(made, n_pages=20))
    scans.mkdir()
    for i in range(n_pages):
        shutil.copy(made / names[i % len(names)], scans / f"{i}.png")
    for turn, workers in enumerate("1221"):
        scan = [digitocr(), "scan", scans, "-q", "--workers", workers]
        took[workers] += run_well([*scan, "-o", folder / f"turn{turn}"], ONE_THREAD).wall
    print(f"{n_pages} pages, 2 workers against 1: {took['1'] / took['2']:.2f} times as fast")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", nargs="?", choices=["run", "plan", "workers"])
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--planned", type=int, default=100_000)
    parser.add_argument("--pages", type=int, default=500)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        if arguments.part in (None, "plan"):
            measure_plan(Path(temporary), arguments.planned)
        if arguments.part in (None, "run"):
            measure_run(Path(temporary), arguments.files)
        if arguments.part in (None, "workers"):
            measure_workers(Path(temporary), arguments.pages)


if __name__ == "__main__":
    main()

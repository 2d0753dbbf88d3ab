"""Time a Dask cluster of two local workers against `--workers 2`, and what its scheduler takes.

    python benchmarks/cluster.py [--files 60] [--turns 3] [--calls 3000]

Copies of a sample page are read by turns, with both warm: the cluster's workers have read pages
before, and of both commands all is counted from its start to its end. Then calls that do nothing
go through the cluster: printed is how much processor time each takes of the scheduler and of this
process, which is what bounds how many pages a second a cluster of any size can read. Needs Linux
and digitocr[cluster].
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from pathlib import Path

from commands import ONE_THREAD, SAMPLES

from digitocr.core.settings import Limits
from digitocr.runs.dask_executor import DaskExecutor

SAMPLE = SAMPLES / "receipt.jpg"
ENV = {**os.environ, **ONE_THREAD}


@contextmanager
def dask(folder: Path) -> Iterator[tuple[str, int]]:
    """Run a scheduler and two workers; give the address of the scheduler, and its process."""
    started, where = [], folder / "scheduler.json"
    scheduler = ["scheduler", "--host", "127.0.0.1", "--port", "0"]
    for what in (scheduler, ["worker", "--nthreads", "1"], ["worker", "--nthreads", "1"]):
        command = [sys.executable, "-m", "dask", *what, "--no-dashboard", "--scheduler-file", where]
        with (folder / "log").open("ab") as log:
            started.append(
                subprocess.Popen(
                    [*map(str, command)],
                    cwd=folder,
                    env=ENV,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )
    try:
        while not where.exists() or not where.read_text().endswith("}"):
            time.sleep(0.1)
        line = next(one for one in where.read_text().splitlines() if '"address"' in one)
        yield line.split('"')[3], started[0].pid
    finally:
        for process in started:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def seconds(scans: Path, out: Path, *options: str) -> float:
    """Return how long the command takes."""
    command = [sys.executable, "-m", "digitocr", "scan", scans, "-o", out, "-q", *options]
    start = time.perf_counter()
    subprocess.run([*map(str, command)], env=ENV, check=True)
    return time.perf_counter() - start


def processor_time(pid: int) -> float:
    """Return the seconds of processor time that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def calls_through(cluster: DaskExecutor, n_calls: int) -> None:
    """Have calls that do nothing done, so many of them waiting as `batch` has."""
    waiting: set[Future[int]] = set()
    for i in range(n_calls):
        waiting.add(cluster.submit(abs, i))
        if len(waiting) >= 8:
            waiting = set(wait(waiting, return_when=FIRST_COMPLETED).not_done)
    wait(waiting)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=60)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--calls", type=int, default=3000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        scans = folder / "scans"
        scans.mkdir()
        for i in range(arguments.files):
            shutil.copy(SAMPLE, scans / f"{i}{SAMPLE.suffix}")
        with dask(folder) as (address, scheduler):
            seconds(scans, folder / "warm", "--cluster", address)
            ratios = []
            for turn in range(arguments.turns):
                one = seconds(scans, folder / f"one{turn}", "--workers", "2")
                many = seconds(scans, folder / f"many{turn}", "--cluster", address)
                ratios.append(many / one)
                print(f"--workers 2: {one:.1f} s; --cluster: {many:.1f} s", flush=True)
            print(f"times as long, median: {statistics.median(ratios):.2f}")
            with DaskExecutor(address, 60, Limits().process, time.time) as cluster:
                calls_through(cluster, 100)
                before, mine, start = processor_time(scheduler), time.process_time(), time.time()
                calls_through(cluster, arguments.calls)
                its = (processor_time(scheduler) - before) / arguments.calls
                mine = (time.process_time() - mine) / arguments.calls
                wall = (time.time() - start) / arguments.calls
            print(
                f"a call: {1e3 * wall:.1f} ms; scheduler {1e3 * its:.2f}, here {1e3 * mine:.2f} ms"
            )


if __name__ == "__main__":
    main()

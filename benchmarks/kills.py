"""Kill runs at random moments, run the same command again, and see that nothing is lost.

    python benchmarks/kills.py [--files 300] [--moments 50] [--seed 0]

By turns the command, one of its workers, or the command and all its workers are killed (SIGKILL)
at a random moment of a run over small generated pictures, into a new folder each time. Then the
same command is run until it has read all. Each time the results have to be, byte for byte, those of
a run that nobody disturbed, no worker may be left, and nothing half written. Printed is how many of
the runs came out so, and how many files were read twice. Needs Linux: workers are found in /proc.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
from commands import ONE_THREAD

COMMAND = [sys.executable, "-m", "digitocr", "scan"]
WITH_TIMES = {"journal.jsonl", "run.json"}  # the files that differ from run to run
TARGETS = ("parent", "worker", "both")
ENV = {**os.environ, **ONE_THREAD}


def make_pictures(folder: Path, n_files: int) -> None:
    """Write small pictures of two digits, in two folders."""
    for i in range(n_files):
        gray = np.full((40, 64), 255, np.uint8)
        place, font = (8 + i % 5, 30), cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(gray, f"{i % 100:02}", place, font, 0.9, 0, 2, cv2.LINE_AA)
        path = folder / f"{i % 2}" / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), gray)


def contents(folder: Path) -> dict[str, bytes]:
    """Return all files of a folder but those with times in them."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name not in WITH_TIMES)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def begin(scans: Path, out: Path) -> subprocess.Popen[bytes]:
    """Begin to scan with two workers."""
    command = [*COMMAND, scans, "-o", out, "--workers", "2", "-q"]
    return subprocess.Popen([*map(str, command)], env=ENV, stderr=subprocess.DEVNULL)


def workers_of(pid: int) -> list[int]:
    """Return the workers that a process has now."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(child) for task in tasks for child in task.read_text().split()]
    return [child for child in children if b"spawn_main" in command_of(child)]


def command_of(pid: int) -> bytes:
    """Return the command line of a process, b"" of one that has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def alive(pid: int) -> bool:
    """Tell whether a process runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def kill(target: str, command: subprocess.Popen[bytes], rng: random.Random) -> list[int]:
    """Kill what is to be killed of a run; return its workers."""
    workers = workers_of(command.pid)
    victims = [command.pid] if target != "worker" else []
    if target == "both":
        victims += workers
    elif target == "worker" and workers:
        victims.append(rng.choice(workers))
    for victim in victims:
        with suppress(ProcessLookupError):  # it has ended by itself
            os.kill(victim, signal.SIGKILL)
    return workers


def gone(workers: list[int], seconds: float = 5.0) -> bool:
    """Wait for workers to end; tell whether they did."""
    deadline = time.monotonic() + seconds
    while any(map(alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not any(map(alive, workers))


def go_on(scans: Path, out: Path) -> bool:
    """Run the command until all is read; a worker's death may have cost a file."""
    return any(begin(scans, out).wait() == 0 for _ in range(2))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=300)
    parser.add_argument("--moments", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng, well, twice = random.Random(arguments.seed), 0, 0
    with tempfile.TemporaryDirectory() as temporary:
        scans, whole = Path(temporary) / "scans", Path(temporary) / "whole"
        make_pictures(scans, arguments.files)
        start = time.monotonic()
        if begin(scans, whole).wait():
            sys.exit("error: a run that nobody disturbs fails")
        takes, wanted = time.monotonic() - start, contents(whole)
        for i in range(arguments.moments):
            target, out = TARGETS[i % len(TARGETS)], Path(temporary) / f"out{i}"
            moment, command = rng.uniform(0, takes), begin(scans, out)
            with suppress(subprocess.TimeoutExpired):
                command.wait(moment)
            workers = kill(target, command, rng)
            command.wait()
            ended = gone(workers)
            same = go_on(scans, out) and contents(out) == wanted
            again = (out / "journal.jsonl").read_bytes().count(b"\n") - arguments.files
            well, twice = well + (ended and same), twice + again
            if not (ended and same):
                print(
                    f"{target} at {moment:.2f} s: workers ended {ended}, results same {same}",
                    flush=True,
                )
    print(f"{well} of {arguments.moments} as if nothing had happened; {twice} lines too many")
    sys.exit(well != arguments.moments)


if __name__ == "__main__":
    main()

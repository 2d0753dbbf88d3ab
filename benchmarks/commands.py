"""What the benchmarks share: where things are, and running a command while measuring it.

Run as a program it is the measuring parent itself: a process whose memory is small, because on
Linux a child's peak memory counts from that of the process that started it.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # as where it is installed: compiled
REPO = Path(__file__).resolve().parents[1]
SHARED = REPO.parent / "shared"
SAMPLES = REPO / "samples"
MNIST = SHARED / "data" / "mnist"
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OMP_THREAD_LIMIT": "1",  # the one that Tesseract heeds
    "OPENBLAS_NUM_THREADS": "1",
    "OPENCV_FOR_THREADS_NUM": "1",
}


@dataclass(frozen=True)
class Ran:
    """A command that has ended."""

    code: int
    stdout: str
    stderr: str
    wall: float  # seconds
    cpu: float  # seconds, user and system, its own children included
    peak_mb: float  # largest resident set


def digitocr() -> str:
    """Return the `digitocr` command of the environment that runs the benchmark."""
    beside = Path(sys.executable).with_name("digitocr")
    found = str(beside) if beside.exists() else shutil.which("digitocr")
    if not found:
        sys.exit("error: there is no digitocr command; run with the Python it is installed for")
    return found


def run(command: Sequence[object], env: Mapping[str, str] | None = None) -> Ran:
    """Run a command to its end and return what it said and took."""
    with tempfile.TemporaryDirectory() as folder:
        out, err, usage = (Path(folder) / name for name in ("out", "err", "usage"))
        launcher = [sys.executable, "-I", "-S", __file__, *map(str, (out, err, usage, *command))]
        subprocess.run(launcher, env={**os.environ, **(env or {})}, check=True)
        said, warned = (path.read_text("utf-8", "replace") for path in (out, err))
        code, wall, cpu, peak_mb = json.loads(usage.read_text())
        return Ran(code, said, warned, wall, cpu, peak_mb)


def run_well(command: Sequence[object], env: Mapping[str, str] | None = None) -> Ran:
    """Run a command that must succeed; exit with its complaint where it doesn't."""
    ran = run(command, env)
    if ran.code:
        sys.exit(f"error: {' '.join(map(str, command))} ended with {ran.code}:\n{ran.stderr}")
    return ran


def commit() -> str:
    """Return the short hash of the working tree's commit, with a + where files have changed."""
    git = ["git", "-C", REPO, "describe", "--always", "--exclude=*", "--dirty=+"]
    return run(git).stdout.strip() or "-"


def _launch(out: str, err: str, usage: str, *command: str) -> None:
    """Run a command with its output in files and write what it took to a third."""
    with Path(out).open("wb") as stdout, Path(err).open("wb") as stderr:
        start = time.perf_counter()
        code = subprocess.run(command, stdout=stdout, stderr=stderr, check=False).returncode
        wall = time.perf_counter() - start
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    took = [code, wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]
    Path(usage).write_text(json.dumps(took))


if __name__ == "__main__":
    _launch(*sys.argv[1:])

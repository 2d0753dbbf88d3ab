"""The command as the tests run it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

RunCommand = Callable[..., "subprocess.CompletedProcess[str]"]

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "samples"
BENCHMARKS = ROOT / "benchmarks"
MISCHIEF = ROOT / "tests" / "faults" / "mischief"


COMMAND = [sys.executable, "-m", "digitocr"]


def run_command(
    *arguments: str | Path,
    cwd: Path,
    stdin: bytes | None = None,
    before: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    timeout: float = 120,
) -> subprocess.CompletedProcess[str]:
    """Run `digitocr`, after the words of another command, as a user does."""
    command = [*before, *COMMAND, *map(str, arguments)]
    source: dict[str, Any] = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
    source["env"] = {**os.environ, **(env or {})}
    done = subprocess.run(command, cwd=cwd, capture_output=True, timeout=timeout, **source)
    out, err = (stream.decode("utf-8", "surrogateescape") for stream in (done.stdout, done.stderr))
    return subprocess.CompletedProcess(command, done.returncode, out, err)


def with_modules_of(folder: Path) -> dict[str, str]:
    """Return the environment in which Python finds the modules of a folder first."""
    return {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT), *sys.path[1:]])}

"""Fixtures of all tests. Encoders and drivers are in `support/`."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

# A shell has what it runs in the background ignore Ctrl-C, and what that starts ignores it, too.
signal.signal(signal.SIGINT, signal.default_int_handler)
# The tests run on all cores; libraries read these when they are loaded.
for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"):
    os.environ.setdefault(threads, "1")

import hypothesis
import pytest
from support.command import SAMPLES, RunCommand, run_command, run_process
from support.pictures import Clear, clear_picture

# How fast the machine is says nothing of the code: there are no deadlines.
hypothesis.settings.register_profile("few", max_examples=50, deadline=None)
hypothesis.settings.register_profile("nightly", max_examples=1000, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "few"))


def pytest_xdist_auto_num_workers() -> int | None:
    """Return three workers for two cores: what waits for processes leaves its core to others."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, (cores or 1) * 3 // 2)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take long, so that no core waits for the other in the end."""
    kinds = ("cluster", "faults", "train", "browser")
    long = {item.path for item in items if any(map(item.get_closest_marker, kinds))}
    items.sort(key=lambda item: item.path not in long)


@pytest.fixture
def run(tmp_path: Path) -> RunCommand:
    """The command, run in an empty folder: `run("scan", "a.png").returncode`."""

    def run(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
        return run_command(*arguments, **{"cwd": tmp_path, **options})

    return run


@pytest.fixture
def run_apart(tmp_path: Path) -> RunCommand:
    """The command in a process of its own, as a user has it."""

    def run(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
        return run_process(*arguments, **{"cwd": tmp_path, **options})

    return run


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of sample pages."""
    return SAMPLES


@pytest.fixture(scope="session")
def clear() -> Clear:
    """Two clear numbers, cut out of a sample and put on white."""
    return clear_picture()


@pytest.fixture(scope="session")
def unprivileged() -> list[str]:
    """The words before a command that make file permissions hold for it, for root too."""
    if os.geteuid() != 0:
        return []
    if not shutil.which("setpriv"):
        pytest.skip("root may read and write everything, and there is no setpriv to change that")
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]

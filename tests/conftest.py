"""Fixtures of all tests. Encoders and drivers are in `support/`."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from support.command import SAMPLES, RunCommand, run_command
from support.pictures import Clear, clear_picture

# How fast the machine is says nothing of the code.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


@pytest.fixture
def run(tmp_path: Path) -> RunCommand:
    """The command, run in an empty folder: `run("scan", "a.png").returncode`."""

    def run(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
        return run_command(*arguments, **{"cwd": tmp_path, **options})

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

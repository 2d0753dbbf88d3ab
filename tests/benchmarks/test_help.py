"""Every benchmark begins: what it imports is there, and it says what it is for."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support.command import BENCHMARKS

# What others share; `commands.py` is run by itself to measure what it begins.
SHARED = {"commands.py"}
SCRIPTS = [
    path.name
    for path in sorted(BENCHMARKS.glob("*.py"))
    if path.name not in SHARED and "__main__" in path.read_text("utf-8")
]
TOOLS = BENCHMARKS.parent.parent / "shared" / "tools"


def test_there_are_benchmarks() -> None:
    assert len(SCRIPTS) > 20


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS)
def test_help_says_what_a_benchmark_is_for(script: str) -> None:
    if "import score" in (BENCHMARKS / script).read_text("utf-8") and not TOOLS.is_dir():
        pytest.skip("needs ../shared/tools")
    done = subprocess.run(
        [sys.executable, BENCHMARKS / script, "--help"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: {script}")

"""Measure what `pip install .` without extras takes on disk.

    python benchmarks/install_size.py [--into FOLDER]

Makes a fresh virtual environment in a temporary folder, installs the working tree into it (pip
fetches the dependencies). Prints the MB that site-packages takes, as `du` counts them, and the
largest packages in it, without pip itself; then removes the environment.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from commands import REPO, run_well

LARGEST = 8


def megabytes(path: Path) -> float:
    """Return what a file or folder takes on disk, links not followed."""
    files = [path, *path.rglob("*")] if path.is_dir() else [path]
    return sum(file.lstat().st_blocks for file in files) * 512 / 1e6


def install(venv: Path) -> Path:
    """Install the working tree into a new environment; return its site-packages.

    The environment has no pip of its own, whose size is not ours.
    """
    run_well([sys.executable, "-m", "venv", "--without-pip", venv])
    pip = [sys.executable, "-m", "pip", "--python", venv / "bin" / "python"]
    run_well([*pip, "install", "--quiet", "--disable-pip-version-check", REPO])
    return next((venv / "lib").glob("python3*/site-packages"))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--into", type=Path, help="keep the environment in this folder")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        venv = arguments.into or Path(temporary) / "venv"
        packages = install(venv)
        sizes = sorted(((megabytes(path), path.name) for path in packages.iterdir()), reverse=True)
        print(f"{sum(size for size, _ in sizes):8.1f} MB site-packages, of which")
        for size, name in sizes[:LARGEST]:
            print(f"{size:8.1f} MB {name}")


if __name__ == "__main__":
    main()

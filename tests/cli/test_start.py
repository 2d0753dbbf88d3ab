"""What scanning never loads. Who imports whom is held by import-linter (`.ci/check`)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_scanning_loads_no_training_library(samples: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from digitocr.cli.app import app\n"
        f"app(['scan', {str(samples / 'digit.png')!r}, '-o', {str(tmp_path)!r}, '--annotate'],"
        " standalone_mode=False)\n"
        "heavy = {'torch', 'torchvision', 'matplotlib', 'scipy', 'pandas', 'pypdfium2', 'PIL',\n"
        " 'fsspec', 'distributed'}\n"
        "heavy &= sys.modules.keys()\n"
        "sys.exit(f'loaded: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "digit.png.csv").exists()


def test_help_loads_neither_opencv_nor_numpy() -> None:
    program = (
        "import sys; from digitocr.cli.app import app\n"
        "try: app(['scan', '--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'cv2', 'numpy', 'torch'} & sys.modules.keys()\n"
        "sys.exit(f'loaded: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

"""The rules of the code's architecture: who imports whom, and what scanning never loads."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import digitocr

PACKAGE = Path(digitocr.__file__).parent
MODULES = sorted(PACKAGE.glob("*.py"))
# Imports go downwards only: from a layer to those below it, never within one.
LAYERS = [
    {"records", "errors", "memory", "audit", "say"},
    {"quads", "overlaps", "disk"},
    {"frames", "headers", "pdf", "pageranges", "known", "stores", "spans"},
    {"model", "crops", "rules", "words", "signs"},
    {"percent", "textlines", "cuts", "uprights"},
    {"gaps"},
    {
        *("sources", "pages", "straighten", "ink", "segment", "strips", "decode", "narrow"),
        *("regroup", "forced"),
        *("layout", "tables", "gridlines", "faintlines"),
        *("writers", "draw"),
        *("align", "boxes", "fields", "missed"),
    },
    # cuts marks out as `segment` does, and has them read turned; reads a form's picture as a page
    {"upright", "forms"},
    {"scan", "blank", "dataset", "sheets", "engines", "journal", "jsonresult"},
    {
        *("corrections", "inbox", "origins", "results", "processes", "additions", "distort"),
        "calibration",
    },
    {"strangers"},
    {"work", "views", "archive", "storejournal", "cluster", "pictures", "guesses"},
    {"batch", "checking", "diff", "doubts"},
    {"sampled"},
    {"session", "webguard"},
    {"webapp", "rewriting"},
    {"watch"},
    {"touching", "evaluate", "strokes", "writing", "networks"},
    {"recipes", "lines", "replay", "lessons"},
    {"course"},
    {"fitting"},  # scans lines written with held-out digits, to calibrate
    {"train", "review"},
    {"learn"},
    {"show", "options"},
    {"runs", "training"},
    {"cli"},
    {"__main__"},
]
HEIGHT = {name: height for height, layer in enumerate(LAYERS) for name in layer}


def imported_modules(path: Path) -> set[str]:
    """Return the digitocr modules that a file imports at run time, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "digitocr":
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("digitocr."):
            names.add((node.module or "").split(".")[1])
    return names & HEIGHT.keys()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_imports_go_downwards_only(path: Path) -> None:
    if path.stem == "__init__":
        return
    above = {name for name in imported_modules(path) if HEIGHT[name] >= HEIGHT[path.stem]}
    assert not above


def test_every_module_has_a_layer() -> None:
    assert {path.stem for path in MODULES} - {"__init__"} == HEIGHT.keys()


def test_scanning_loads_no_training_library(samples: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from digitocr.cli import app\n"
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
        "import sys; from digitocr.cli import app\n"
        "try: app(['scan', '--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'cv2', 'numpy', 'torch'} & sys.modules.keys()\n"
        "sys.exit(f'loaded: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

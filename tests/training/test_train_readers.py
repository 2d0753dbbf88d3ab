"""Finder, line reader and arbiter trained in stages, on next to nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from support.command import SAMPLES
from support.material import font_folder

from digitocr.core.settings import Settings
from digitocr.pipeline.scan import Scanner
from digitocr.recognition.model import LINE_FILES, models_folder

pytest.importorskip("torch")
HANDS = SAMPLES.parent.parent / "shared" / "data"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(not HANDS.is_dir(), reason="needs the hands of ../shared/data"),
]


def test_stages_write_a_model_that_reads_lines_and_are_not_done_twice(tmp_path: Path) -> None:
    from digitocr.training.train_readers import Drawn, train_readers

    model = tmp_path / "mine.safetensors"
    shutil.copy(models_folder() / "digits.safetensors", model)
    fonts = (font_folder(tmp_path / "fonts").parent,)
    said: list[str] = []
    drawn = Drawn(steps=2, lines=100, pages=12)
    train_readers(model, fonts, HANDS, drawn, tmp_path / "stages", said.append)
    assert all(model.with_suffix(ending).is_file() for ending in LINE_FILES)
    scanner = Scanner(Settings(model=model))
    assert scanner.model.line_files
    assert not scanner.scan_file(np.full((200, 300), 255, np.uint8), "a").numbers
    first = [model.with_suffix(ending).read_bytes() for ending in LINE_FILES[:2]]
    trained = len([line for line in said if "exact" in line])
    train_readers(model, fonts, HANDS, drawn, tmp_path / "stages", said.append)
    assert [model.with_suffix(ending).read_bytes() for ending in LINE_FILES[:2]] == first
    assert len([line for line in said if "exact" in line]) == trained == 1

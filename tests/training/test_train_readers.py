"""Finder, line reader and arbiter trained in stages, on next to nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from support.command import SAMPLES, RunCommand
from support.material import copied_model, font_folder, write_mnist

from digitocr.core.settings import Settings
from digitocr.pipeline.scan import Scanner
from digitocr.recognition.model import LINE_FILES, load_model, models_folder

pytest.importorskip("torch")
HANDS = SAMPLES.parent.parent / "shared" / "data"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(not HANDS.is_dir(), reason="needs the hands of ../shared/data")
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


def test_new_weights_are_without_the_readers_of_lines_of_others(tmp_path: Path) -> None:
    from digitocr.cli.run_training import write_model

    model = copied_model(tmp_path, "mine")
    assert load_model(model).line_files
    write_model(model, model.read_bytes())
    assert load_model(model).line_files is None


def test_hands_that_lack_something_are_named_before_training(
    run: RunCommand, tmp_path: Path
) -> None:
    write_mnist(tmp_path / "mnist", 40, 10)
    fonts = font_folder(tmp_path / "fonts").parent
    (tmp_path / "hands").mkdir()
    done = run(
        "train", "--data", "mnist", "--fonts", fonts, "--hands", "hands", "-o", "a.safetensors"
    )
    assert done.returncode != 0
    assert "hands: lacks unipen_digits.npz" in done.stderr
    assert not (tmp_path / "a.safetensors").exists()


def test_hands_go_with_fonts(run: RunCommand) -> None:
    done = run("train", "--hands", "hands", "-o", "a.safetensors")
    assert (done.returncode, "--fonts" in done.stderr) == (2, True)

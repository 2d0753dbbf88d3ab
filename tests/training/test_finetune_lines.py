"""The line reader that goes on from the supplied one: it learns a hand and forgets nothing."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from digitocr.core.errors import ModelUnreadable, ReadsWorse
from digitocr.recognition.line_image import line_image
from digitocr.recognition.line_reader import LineReader
from digitocr.recognition.model import models_folder
from digitocr.training.data.line_images import LineImage

pytest.importorskip("torch")

import torch

from digitocr.training import finetune_lines
from digitocr.training.data.replay import draw_type
from digitocr.training.data.strokes import draw_forms
from digitocr.training.data.written_symbols import Symbols, symbols
from digitocr.training.finetune import LineMeasure, Measure, check_others
from digitocr.training.finetune_lines import (
    finetuned_line_network,
    known_lines,
    known_share,
    line_file,
    load_line_network,
)
from digitocr.training.train_lines import exact_share

SUPPLIED = models_folder() / "digits.lines.onnx"


@pytest.fixture(scope="module")
def known() -> Symbols:
    """Symbols that known lines are written with."""
    return symbols(draw_forms(200, 0), draw_type())


def odd_lines() -> list[LineImage]:
    """Return lines in which a 5 is written as two strokes that are read as no 5."""
    lines = []
    for text in ("15", "51", "115", "151", "511", "55"):
        page = np.full((60, 30 + 50 * len(text)), 255, np.uint8)
        for i, digit in enumerate(text):
            x = 20 + 50 * i
            if digit == "1":
                cv2.line(page, (x + 8, 12), (x + 8, 48), 0, 4)
            else:
                cv2.polylines(
                    page, [np.array([(x, 12), (x + 24, 12), (x, 48), (x + 24, 48)])], False, 0, 4
                )
        lines.append(LineImage(page, text, "checked"))
    return lines


def test_the_network_of_a_file_says_what_the_file_says() -> None:
    crop = odd_lines()[0].crop
    network = load_line_network(SUPPLIED).eval()
    with torch.no_grad():
        said = network(torch.from_numpy(line_image(crop))[None, None])[0].numpy()
    (read,) = LineReader(SUPPLIED).read([crop])
    np.testing.assert_allclose(said[: len(read)], read, atol=1e-3)


def test_what_is_no_line_reader_ends_in_a_sentence(tmp_path: Path) -> None:
    damaged = tmp_path / "a.onnx"
    damaged.write_bytes(SUPPLIED.read_bytes()[:1000])
    for path in (damaged, models_folder() / "digits.finder.onnx"):
        with pytest.raises(ModelUnreadable, match=path.name):
            load_line_network(path)


def test_a_hand_is_learned_and_what_is_known_kept(
    tmp_path: Path, known: Symbols, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finetune_lines, "_MEASURED", 100)
    old, lines = load_line_network(SUPPLIED), odd_lines()
    new = finetuned_line_network(old, lines, known, seed=0, rounds=3)
    assert exact_share(new, lines) > exact_share(old, lines)
    assert known_share(new, known) >= known_share(old, known) - 0.003
    saved = tmp_path / "new.onnx"
    saved.write_bytes(line_file(SUPPLIED, new))
    again = load_line_network(saved)
    assert all(map(torch.equal, again.parameters(), new.parameters()))


def test_nothing_to_learn_from_changes_nothing(known: Symbols) -> None:
    old = load_line_network(SUPPLIED)
    assert finetuned_line_network(old, [], known, seed=0, rounds=1) is old


def test_what_would_be_forgotten_is_not_learned(
    known: Symbols, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finetune_lines, "_MEASURED", 40)
    monkeypatch.setattr(finetune_lines, "_RATE", 1.0)
    old = load_line_network(SUPPLIED)
    new = finetuned_line_network(old, odd_lines(), known, seed=0, rounds=1)
    assert known_share(new, known) >= known_share(old, known) - 0.003


def test_known_lines_are_the_same_each_time(known: Symbols) -> None:
    first, second = (list(known_lines(known, 6, np.random.default_rng(1))) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        assert one.truth == other.truth
        np.testing.assert_array_equal(one.crop, other.crop)


@pytest.mark.parametrize(
    "after",
    [
        Measure(9, 9, 0.98, LineMeasure(9, 9, 0.9), 10_000),
        Measure(9, 9, 0.99, LineMeasure(9, 9, 0.89), 10_000),
    ],
)
def test_a_model_that_reads_others_worse_is_refused(after: Measure) -> None:
    before = Measure(0, 9, 0.99, LineMeasure(0, 9, 0.9), 10_000)
    check_others(before, before)
    with pytest.raises(ReadsWorse, match="nothing was written"):
        check_others(before, after)


def test_one_digit_of_few_may_be_chance() -> None:
    check_others(Measure(0, 0, 1.0, mnist_digits=20), Measure(0, 0, 0.95, mnist_digits=20))
    with pytest.raises(ReadsWorse, match=r"95\.00 %"):
        check_others(Measure(0, 0, 1.0, mnist_digits=40), Measure(0, 0, 0.95, mnist_digits=40))

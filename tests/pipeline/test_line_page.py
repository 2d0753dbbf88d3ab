"""Pages read by both readers: the supplied model has those of whole lines, too."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from digitocr.core.errors import ModelUnreadable
from digitocr.core.settings import Constraints, Settings
from digitocr.pipeline.scan import Scanner
from digitocr.recognition.model import load_model, models_folder

WRITTEN = ["168.75", "-18", "12:34", "1,249.00", "2026-00398", "12/05/2026"]


@pytest.fixture(scope="module")
def page() -> np.ndarray:
    """Return clean print whose signs the component reader loses: a number a line."""
    matplotlib = pytest.importorskip("matplotlib")  # it brings a face
    drawing = pytest.importorskip("PIL.ImageDraw")
    fonts = pytest.importorskip("PIL.ImageFont")
    images = pytest.importorskip("PIL.Image")
    face = Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")
    picture = images.new("L", (900, 760), 255)
    for i, text in enumerate(WRITTEN):
        place = (120, 70 + 110 * i)
        drawing.Draw(picture).text(place, text, fill=20, font=fonts.truetype(str(face), 40))
    return np.array(picture)


def read(page: np.ndarray, **settings: object) -> list[str]:
    scanner = Scanner(Settings(**settings))  # type: ignore[arg-type]
    return [number.text for number in scanner.scan_file(page, "page.png").numbers]


def test_signs_in_clean_print_are_kept(page: np.ndarray) -> None:
    assert read(page) == WRITTEN


def test_signs_are_kept_on_a_page_on_its_side(page: np.ndarray) -> None:
    """Slashes and dashes between digits are still lost there."""
    assert {"168.75", "-18", "12:34", "1,249.00"} <= set(read(np.rot90(page).copy()))


def test_a_blank_page_has_no_numbers() -> None:
    assert read(np.full((600, 800), 240, np.uint8)) == []


def test_boxes_hold_the_numbers(page: np.ndarray) -> None:
    scanner = Scanner(Settings())
    for i, number in enumerate(scanner.scan_file(page, "page.png").numbers):
        x, y = number.box.middle
        assert 120 < x < 600
        assert abs(y - (95 + 110 * i)) < 30


def test_a_constraint_holds_for_what_lines_say(page: np.ndarray) -> None:
    found = read(page, constraints=Constraints(digits="10"))
    assert "2026-00398" not in found  # nine digits


def test_without_a_second_opinion_lines_are_not_read(page: np.ndarray, tmp_path: Path) -> None:
    alone = tmp_path / "digits.safetensors"  # without the readers of lines beside it
    alone.write_bytes((models_folder() / "digits.safetensors").read_bytes())
    scanner, plain = (
        Scanner(Settings(model=model, second_opinion=False)) for model in ("digits", alone)
    )
    results = [one.scan_file(page, "page.png") for one in (scanner, plain)]
    assert [one.text for one in results[0].numbers] == [one.text for one in results[1].numbers]


def test_its_hash_covers_all_of_its_files(tmp_path: Path) -> None:
    for path in models_folder().glob("digits.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    before = load_model(tmp_path / "digits.safetensors").id.sha256
    arbiter = json.loads((tmp_path / "digits.fusion.json").read_bytes())
    arbiter["thresholds"][0] = 0.31
    (tmp_path / "digits.fusion.json").write_text(json.dumps(arbiter))
    (tmp_path / "digits.safetensors").touch()
    assert load_model(tmp_path / "digits.safetensors").id.sha256 != before


def test_a_damaged_arbiter_is_named(tmp_path: Path) -> None:
    for path in models_folder().glob("digits.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "digits.fusion.json").write_text("{}")
    with pytest.raises(ModelUnreadable, match=r"digits\.fusion\.json"):
        Scanner(Settings(model=tmp_path / "digits.safetensors"))

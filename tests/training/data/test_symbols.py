"""What is added to MNIST: files and folders of labelled symbols, and fonts."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digitocr.core.errors import DataMissing
from digitocr.training.data.datasets import NON_DIGIT
from digitocr.training.data.symbols import (
    draw_fonts,
    load_addition,
    symbol_image,
)

Gray = NDArray[np.uint8]


def drawn(text: str, side: int = 60) -> Gray:
    """Return a symbol, dark on light, in the middle of a square picture."""
    picture = np.full((side, side), 230, np.uint8)
    scale, thickness = side / 45, max(1, side // 14)
    font = cv2.FONT_HERSHEY_SIMPLEX
    (width, height), _ = cv2.getTextSize(text, font, scale, thickness)
    place = ((side - width) // 2, (side + height) // 2)
    cv2.putText(picture, text, place, font, scale, 20, thickness, cv2.LINE_AA)
    return picture


SYMBOLS = np.stack([drawn(text) for text in "0123456789x"])
LABELS = np.array([*range(10), -1])


def likeness(first: Gray | None, second: Gray | None) -> float:
    """Return how alike two pictures are; 1 for the same."""
    assert first is not None
    assert second is not None
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


def test_an_npz_gives_its_symbols_as_mnists_are(tmp_path: Path) -> None:
    np.savez(tmp_path / "mine.npz", images=SYMBOLS, labels=LABELS)
    found = load_addition(f"{tmp_path / 'mine.npz'}=CC0 1.0")
    assert found.facts == {
        "name": "mine.npz",
        "licence": "CC0 1.0",
        "sha256": hashlib.sha256((tmp_path / "mine.npz").read_bytes()).hexdigest(),
        "digits": 10,
        "no_digits": 1,
    }
    assert found.digits.images.shape == (11, 28, 28)
    assert found.digits.images.dtype == np.uint8
    assert found.digits.labels.tolist() == LABELS.tolist()
    for image in found.digits.images:
        assert image.max() == 255
        assert not image[[0, 1, -1, -2]].any()
        assert not image[:, [0, 1, -1, -2]].any()
        assert max(cv2.boundingRect(image)[2:]) == pytest.approx(20, abs=1)


def test_a_licence_that_is_not_given_is_not_stated(tmp_path: Path) -> None:
    np.savez(tmp_path / "mine.npz", images=SYMBOLS, labels=LABELS)
    assert load_addition(str(tmp_path / "mine.npz")).licence == "not stated"


def test_labels_beyond_digits_are_left_out(tmp_path: Path) -> None:
    labels = np.array([0, 1, 10, 255, -1, -2, 6, 7, 8, 9, 3])
    np.savez(tmp_path / "mine.npz", images=SYMBOLS, labels=labels)
    found = load_addition(str(tmp_path / "mine.npz"))
    assert found.digits.labels.tolist() == [0, 1, NON_DIGIT, 6, 7, 8, 9, 3]


def test_blank_pictures_are_left_out(tmp_path: Path) -> None:
    images = np.stack([drawn("4"), np.full((60, 60), 230, np.uint8), np.zeros((60, 60), np.uint8)])
    np.savez(tmp_path / "mine.npz", images=images, labels=[4, 5, 6])
    assert load_addition(str(tmp_path / "mine.npz")).digits.labels.tolist() == [4]


@pytest.mark.parametrize("side", [16, 28, 64, 200])
@pytest.mark.parametrize("digit", "0123456789")
def test_dark_on_light_and_light_on_dark_give_the_same_symbol(digit: str, side: int) -> None:
    picture = drawn(digit, side)
    assert likeness(symbol_image(picture), symbol_image(255 - picture)) > 0.97


@pytest.mark.parametrize("side", range(4))
@pytest.mark.parametrize("digit", "0123456789")
def test_the_frame_of_a_cell_is_no_part_of_its_symbol(digit: str, side: int) -> None:
    framed = drawn(digit)
    np.rot90(framed, side)[:2] = 20
    assert likeness(symbol_image(framed), symbol_image(drawn(digit))) > 0.95


def test_a_dark_frame_does_not_turn_a_cell_into_light_on_dark() -> None:
    cell = np.full((64, 64), 200, np.uint8)
    cv2.putText(cell, "4", (20, 46), cv2.FONT_HERSHEY_SIMPLEX, 1.2, 60, 3)
    plain = symbol_image(cell)
    cell[:7], cell[-5:], cell[:, :6] = 50, 50, 50
    framed = symbol_image(cell)
    assert plain is not None
    assert framed is not None
    assert np.corrcoef(plain.ravel(), framed.ravel())[0, 1] > 0.9


@pytest.mark.parametrize("extension", ["png", "jpg"])
def test_a_folder_gives_the_pictures_its_truth_names(extension: str, tmp_path: Path) -> None:
    rows = ["file,truth"]
    for text in ("3", "7", "x"):
        cv2.imwrite(str(tmp_path / f"{text}.{extension}"), drawn(text))
        rows.append(f"{text}.{extension},{'-1' if text == 'x' else text}")
    cv2.imwrite(str(tmp_path / f"unnamed.{extension}"), drawn("8"))
    (tmp_path / "truth.csv").write_text("\n".join(rows) + "\n")
    found = load_addition(f"{tmp_path}=MIT")
    assert (found.name, found.licence) == (tmp_path.name, "MIT")
    assert found.digits.labels.tolist() == [3, 7, NON_DIGIT]
    assert likeness(found.digits.images[0], symbol_image(drawn("3"))) > 0.95


def test_the_hash_of_a_folder_is_of_its_pictures_and_its_truth(tmp_path: Path) -> None:
    def written(digit: str, label: str) -> str:
        cv2.imwrite(str(tmp_path / "a.png"), drawn(digit))
        (tmp_path / "truth.csv").write_text(f"file,truth\na.png,{label}\n")
        return load_addition(str(tmp_path)).sha256

    assert len({written("3", "3"), written("8", "3"), written("3", "8")}) == 3
    assert written("3", "3") == written("3", "3")


def save_cut_short(path: Path) -> None:
    np.savez(path, images=SYMBOLS, labels=LABELS)
    path.write_bytes(path.read_bytes()[:1000])


def save_garbled(path: Path) -> None:
    np.savez_compressed(path, images=SYMBOLS, labels=LABELS)
    content = bytearray(path.read_bytes())
    content[300:400] = bytes(100)
    path.write_bytes(content)


def saved(**arrays: Any) -> Callable[[Path], None]:
    def save(path: Path) -> None:
        np.savez(path, **arrays)

    return save


@pytest.mark.parametrize(
    "save",
    [
        pytest.param(Path.exists, id="missing"),
        pytest.param(Path.touch, id="empty"),
        pytest.param(lambda path: path.write_text("file,truth"), id="text"),
        pytest.param(lambda path: np.save(path.open("wb"), SYMBOLS), id="one array"),
        pytest.param(save_cut_short, id="cut short"),
        pytest.param(save_garbled, id="garbled"),
        pytest.param(saved(images=SYMBOLS), id="no labels"),
        pytest.param(saved(labels=LABELS), id="no images"),
        pytest.param(saved(images=SYMBOLS, labels=LABELS[:-1]), id="too few labels"),
        pytest.param(saved(images=SYMBOLS, labels=LABELS.astype(str)), id="labels of text"),
        pytest.param(saved(images=SYMBOLS, labels=LABELS.astype(object)), id="labels by pickle"),
        pytest.param(saved(images=SYMBOLS / 255, labels=LABELS), id="fractions"),
        pytest.param(saved(images=SYMBOLS[0], labels=LABELS[:1]), id="one picture"),
        pytest.param(saved(images=SYMBOLS[:, :0], labels=LABELS), id="pictures without rows"),
        pytest.param(saved(images=SYMBOLS[:0], labels=LABELS[:0]), id="nothing in it"),
        pytest.param(saved(images=SYMBOLS, labels=LABELS + 20), id="no label of a digit"),
    ],
)
@pytest.mark.filterwarnings("ignore:unclosed file")
def test_a_file_of_no_symbols_is_named(save: Callable[[Path], None], tmp_path: Path) -> None:
    save(tmp_path / "mine.npz")
    with pytest.raises(DataMissing, match=r"mine\.npz: .") as raised:
        load_addition(str(tmp_path / "mine.npz"))
    assert "\n" not in str(raised.value)


def test_no_file_is_loaded_by_pickle(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "sprung",)

    images = np.empty(1, object)
    images[0] = Trap()
    np.savez(tmp_path / "mine.npz", images=images, labels=[1])
    with pytest.raises(DataMissing):
        load_addition(str(tmp_path / "mine.npz"))
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("truth", "named"),
    [
        (None, "truth.csv"),
        ("file,truth\nmissing.png,3\n", "missing.png"),
        ("file,truth\nempty.png,3\n", "empty.png"),
        ("file,truth\ntext.png,3\n", "text.png"),
        ("file,truth\na.png,12\n", "a.png"),
        ("file,truth\na.png,\n", "a.png"),
        ("file,truth\na.png,x\n", "a.png"),
        ("file,truth\n../a.png,3\n", "truth.csv"),
        ("name,label\na.png,3\n", "truth.csv"),
        ("file,truth\n", "pictures"),
    ],
)
def test_a_folder_of_no_symbols_is_named(truth: str | None, named: str, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    cv2.imwrite(str(folder / "a.png"), drawn("3"))
    (folder / "empty.png").touch()
    (folder / "text.png").write_text("text")
    if truth is not None:
        (folder / "truth.csv").write_text(truth)
    with pytest.raises(DataMissing, match=named) as raised:
        load_addition(str(folder))
    assert "\n" not in str(raised.value)


def shipped(name: str) -> Path:
    """Return a font that matplotlib brings."""
    matplotlib = pytest.importorskip("matplotlib")
    pytest.importorskip("PIL")
    pytest.importorskip("fontTools")
    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name


def test_a_font_gives_its_digits_and_letters_that_are_none(tmp_path: Path) -> None:
    font = Path(shutil.copy(shipped("DejaVuSans.ttf"), tmp_path))
    (found,) = draw_fonts(tmp_path)
    assert found.facts["name"] == "DejaVuSans.ttf"
    assert found.sha256 == hashlib.sha256(font.read_bytes()).hexdigest()
    assert "Bitstream" in found.licence
    assert "\n" not in found.licence
    assert found.digits.labels[:10].tolist() == list(range(10))
    assert set(found.digits.labels[10:]) == {NON_DIGIT}
    assert len(found.digits) > 50
    assert found.digits.images.shape[1:] == (28, 28)
    known = [symbol_image(drawn(str(n))) for n in range(10)]  # in another type
    likest = [
        max(range(10), key=lambda n: likeness(image, known[n]))
        for image in found.digits.images[:10]
    ]
    assert sum(one == digit for digit, one in enumerate(likest)) >= 8


def test_fonts_come_by_name_wherever_they_lie_and_whatever_lies_beside(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    shutil.copy(shipped("DejaVuSerif.ttf"), tmp_path / "below" / "a.TTF")
    shutil.copy(shipped("DejaVuSans.ttf"), tmp_path / "b.ttf")
    shutil.copy(shipped("STIXNonUni.ttf"), tmp_path)  # has no digits
    (tmp_path / "damaged.ttf").write_bytes(shipped("DejaVuSans.ttf").read_bytes()[:5000])
    half = shipped("DejaVuSans.ttf").read_bytes()
    (tmp_path / "half.ttf").write_bytes(half[: len(half) // 2])
    (tmp_path / "OFL.txt").write_text("licence")
    assert [font.name for font in draw_fonts(tmp_path)] == ["b.ttf", "a.TTF"]


@pytest.mark.parametrize("name", ["nothing", "empty", "others"])
def test_a_folder_without_fonts_is_named(name: str, tmp_path: Path) -> None:
    shipped("DejaVuSans.ttf")
    folder = tmp_path / name
    if name != "nothing":
        folder.mkdir()
    if name == "others":
        (folder / "a.ttf").write_text("no font")
    with pytest.raises(DataMissing, match=name):
        draw_fonts(folder)

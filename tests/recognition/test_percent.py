"""Percent signs: never read as digits, and kept right after a number."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.command import RunCommand
from support.outputs import numbers_of, results_in

from digitocr.core.arrays import Gray
from digitocr.export.csv import excel_cell
from digitocr.export.xlsx import number_format
from digitocr.numbers.notation import number_text, value_of
from digitocr.pipeline.scan import scan_file
from digitocr.recognition.components import find_components

TYPE, H = 60, 50  # pixels: of the letters' size, as OpenCV has it, and about how high digits are


def write(page: Gray, text: str, x: int, y: int, pen: int = 5, size: int = TYPE) -> int:
    """Write digits from x on with their feet at y; return where they end."""
    scale = cv2.getFontScaleFromHeight(cv2.FONT_HERSHEY_SIMPLEX, size, pen)
    cv2.putText(page, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, scale, 0, pen, cv2.LINE_AA)
    return x + cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, pen)[0][0]


def sign(page: Gray, x: int, y: int, ring: float = 0.2, aside: float = 0.28, pen: int = 5) -> None:
    """Draw a percent sign: rings of a radius, so far aside of its stroke's middle, in heights."""
    middle = x + round(0.45 * H)
    lean = round(0.2 * H)
    cv2.line(page, (middle - lean, y), (middle + lean, y - H), 0, pen, cv2.LINE_AA)
    off, radius = round(aside * H), round(ring * H)
    for way in (-1, 1):
        at = middle + way * off, y - H // 2 + way * (H // 2 - radius)
        cv2.circle(page, at, radius, 0, pen, cv2.LINE_AA)


def drawn(page: Gray, x: int, y: int) -> None:
    """Draw a percent sign by hand: uneven rings, a bent stroke that overshoots."""
    rings = (
        [(3, 38), (13, 36), (17, 42), (14, 49), (6, 50), (1, 45)],
        [(30, 10), (38, 15), (44, 11), (44, 2), (37, -1), (31, 3)],
    )
    for ring in rings:
        points = np.array([(x + right, y - up) for right, up in ring], np.int32)
        cv2.polylines(page, [points], True, 0, 4, cv2.LINE_AA)
    stroke = np.array([(x + 6, y + 3), (x + 20, y - 22), (x + 37, y - 51)], np.int32)
    cv2.polylines(page, [stroke], False, 0, 4, cv2.LINE_AA)


def typed(page: Gray, x: int, y: int) -> None:
    """Write OpenCV's own sign."""
    write(page, "%", x, y)


def read(page: Gray, folder: Path) -> list[str]:
    cv2.imwrite(str(folder / "page.png"), page)
    return [number.text for number in scan_file(folder / "page.png").pages[0].numbers]


def blank() -> Gray:
    return np.full((500, 900), 255, np.uint8)


SIGNS: dict[str, Callable[[Gray, int, int], None]] = {
    "three components": lambda page, x, y: sign(page, x, y, aside=0.36),
    "touching": sign,
    "thin": lambda page, x, y: sign(page, x, y, aside=0.32, pen=3),
    "drawn": drawn,
    "typed": typed,
}


@pytest.mark.parametrize("name", SIGNS)
def test_a_percent_sign_right_after_a_number_is_kept(name: str, tmp_path: Path) -> None:
    page = blank()
    for y, text in ((150, "20"), (300, "7")):
        end = write(page, text, 100, y)
        SIGNS[name](page, end + 8, y)
        write(page, "35", 500, y)
    assert read(page, tmp_path) == ["20%", "35", "7%", "35"]


@pytest.mark.parametrize("off", [60, -260])  # after a space; before the number
def test_a_percent_sign_elsewhere_is_no_digit(off: int, tmp_path: Path) -> None:
    page = blank()
    for y, text in ((150, "24"), (300, "75")):
        end = write(page, text, 300, y)
        sign(page, end + off, y)
    assert read(page, tmp_path) == ["24", "75"]


def test_a_percent_sign_ends_its_number(tmp_path: Path) -> None:
    page = blank()
    end = write(page, "24", 100, 150)
    sign(page, end + 8, 150)
    write(page, "75", end + 8 + H, 150)
    assert read(page, tmp_path) == ["24%", "75"]


@pytest.mark.parametrize("text", ["96", "8", "00", "69", "X", "1/2", "0/0"])
@pytest.mark.parametrize("pen", [3, 12])
@pytest.mark.parametrize("size", [16, 60])
def test_digits_and_letters_are_no_percent_signs(text: str, pen: int, size: int) -> None:
    page = blank()
    write(page, text + "  44", 100, 150, max(1, pen * size // 60), size)
    binary = np.where(page < 128, 255, 0).astype(np.uint8)
    assert find_components(binary).percents == []
    narrower = np.hstack(
        [binary[:, :300:2], binary[:, 300:]]
    )  # an eight or two digits, pushed together
    assert find_components(narrower).percents == []


def test_a_percent_sign_follows_values_alone() -> None:
    assert number_text(False, ["1", "5"], [".", ""], percent=True) == "1.5%"
    assert number_text(True, ["5"], [""], percent=True) == "-5%"
    assert number_text(False, list("1020"), ["", "-", "", ""], percent=True) == "10-20%"
    assert number_text(False, list("1205"), ["", ":", "", ""], percent=True) == "12:05"
    assert number_text(False, list("15"), [",", ""], "point", percent=True) == "1.5%"


def test_what_is_known_is_for_the_value_and_the_digits(tmp_path: Path, run: RunCommand) -> None:
    page = blank()
    for y, text in ((150, "20"), (300, "75")):
        sign(page, write(page, text, 100, y) + 8, y)
    cv2.imwrite(str(tmp_path / "page.png"), page)
    options = ["--digits", "2", "--range", "10..80"]
    run("scan", tmp_path / "page.png", "-o", tmp_path / "out", *options)
    found = numbers_of(results_in(tmp_path / "out")["page.png"])
    assert found == ["20%", "75%"]
    assert (value_of("20%"), value_of("-2,5%"), value_of("%")) == (20.0, -2.5, None)


def test_spreadsheets_keep_the_sign() -> None:
    assert number_format("20%") is None  # text
    assert excel_cell("20%") == '="20%"'

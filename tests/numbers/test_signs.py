"""Points, commas, dashes and minuses of numbers, told from specks by where they stand."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.command import RunCommand
from support.outputs import numbers_of, results_in

from digitocr.core.document import Digit
from digitocr.core.geometry import Box
from digitocr.core.settings import Decimal
from digitocr.numbers.assemble import (
    assembled_numbers,
    digit_lines,
)
from digitocr.numbers.notation import number_text
from digitocr.recognition.hypotheses import PageReading

H = 100  # digit height, pixels
# Left, top, width and height of each sign in digit heights, beside the place where it is written.
SIGNS = {
    ".": [(0.05, 0.88, 0.12, 0.12)],
    "^": [(0.05, 0.45, 0.12, 0.12)],  # a raised point
    ",": [(0.05, 0.88, 0.12, 0.3)],
    "-": [(0.1, 0.5, 0.4, 0.08)],
    "=": [(0.1, 0.4, 0.4, 0.08), (0.1, 0.6, 0.4, 0.08)],
    ":": [(0.05, 0.3, 0.12, 0.12), (0.05, 0.8, 0.12, 0.12)],
    "~": [(0.05, -0.2, 0.12, 0.12)],  # a speck above the line
    "'": [(0.05, 0.88, 0.03, 0.03)],  # dust
    "|": [(0.05, 0.6, 0.05, 0.4)],
}
WIDE = {"-": 0.6, "=": 0.6}  # else a sign takes a quarter of the height


def written(text: str) -> list[str]:
    """Return the numbers that are read where a line is written; a space is a digit wide."""
    digits: list[Digit] = []
    low: list[Box] = []
    x = 0.0
    for letter in text:
        if letter.isdigit():
            digits.append(Digit(letter, 0.99, Box(round(x), 0, 60, H)))
            x += 75
        elif letter == " ":
            x += 100
        else:
            low += [
                Box(round(x - 15 + left * H), round(top * H), round(wide * H), round(tall * H))
                for left, top, wide, tall in SIGNS[letter]
            ]
            x += WIDE.get(letter, 0.25) * H
    reading = PageReading(tuple(digits), (), tuple(low))
    return [number.text for number in assembled_numbers(digit_lines(reading))]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("9.093", ["9.093"]),
        ("9^093", ["9.093"]),
        ("12,50", ["12,50"]),
        ("1.200.000", ["1.200.000"]),
        ("1.234,50", ["1.234,50"]),
        ("12:05", ["12:05"]),
        ("01-02-2024", ["01-02-2024"]),
        ("-5 7", ["-5", "7"]),
        ("3 -12", ["3", "-12"]),
        ("450.000.-", ["450.000"]),
        ("77=", ["77"]),
        ("4 = 4", ["4", "4"]),
        ("12~50", ["1250"]),
        ("12'50", ["1250"]),
        ("1.2.34", ["1.2.34"]),
        ("1.2.3.4", ["1234"]),
        ("007", ["007"]),
        ("7. 8", ["7", "8"]),
        (".5", ["5"]),
    ],
)
def test_signs_are_read_where_numbers_have_them(text: str, numbers: list[str]) -> None:
    assert written(text) == numbers


def test_where_specks_are_everywhere_there_are_no_points() -> None:
    digits = tuple(Digit("1", 0.99, Box(75 * i, 0, 60, H)) for i in range(4))
    point = Box(136, 88, 12, 12)
    dust = tuple(Box(40 * i, 300 + 20 * i, 12, 12) for i in range(20))
    (clean,) = assembled_numbers(digit_lines(PageReading(digits, (), (point,))))
    (dusty,) = assembled_numbers(digit_lines(PageReading(digits, (), (point, *dust))))
    assert (clean.text, dusty.text) == ("11.11", "1111")


@pytest.mark.parametrize(
    ("after", "text"),
    [
        ([".", "", "", ""], "1.234"),
        (["", ".", ",", ""], "1234"),
        (["-", "", "-", ""], "1-23-4"),
        ([".", ",", "", ""], "1234"),
    ],
)
def test_signs_that_make_no_sense_together_are_left_out(after: Sequence[str], text: str) -> None:
    assert number_text(False, list("1234"), after) == text


@pytest.mark.parametrize(
    ("text", "decimal", "number"),
    [
        ("9,5", "point", "9.5"),
        ("9.5", "comma", "9,5"),
        ("0,093", "point", "0.093"),
        ("1,234", "point", "1,234"),
        ("1,234", "comma", "1,234"),
        ("1.234", "point", "1.234"),
        ("1.234,50", "point", "1,234.50"),
        ("1.234.50", "point", "1,234.50"),
        ("1.200.000", "point", "1,200,000"),
        ("-12,50", "point", "-12.50"),
        ("1.2.34", "comma", "1.2.34"),
        ("12:05", "comma", "12:05"),
        ("1.200", "none", "1.200"),
        ("9.5", "none", "95"),
        ("1.234,50", "none", "123450"),
    ],
)
def test_a_known_decimal_mark_settles_which_of_two_that_look_alike_is_meant(
    text: str, decimal: Decimal, number: str
) -> None:
    minus, text = text.startswith("-"), text.removeprefix("-")
    digits = [letter for letter in text if letter.isdigit()]
    after = re.split(r"\d", text)[1:]
    assert number_text(minus, digits, after, decimal) == number


def test_points_stand_where_most_of_the_page_have_them() -> None:
    lines = range(0, 12 * 200, 200)
    digits = tuple(Digit("1", 0.99, Box(x, y, 60, H)) for y in lines for x in (0, 100))
    speck, *raised = lines
    low = [Box(72, speck + 88, 12, 12), *(Box(72, y + 40, 12, 12) for y in raised)]
    numbers = assembled_numbers(digit_lines(PageReading(digits, (), tuple(low))))
    assert [number.text for number in numbers] == ["11", *["1.1"] * 11]


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """Dates, fractions and amounts, written into page.png."""
    gray = np.full((700, 1000), 235, np.uint8)
    for i, text in enumerate(["12/05/2024", "3/4   11/16", "1171   415", "1.234,50"]):
        place = (60, 100 + 120 * i)
        cv2.putText(gray, text, place, cv2.FONT_HERSHEY_SIMPLEX, 2.2, 30, 5, cv2.LINE_AA)
    cv2.imwrite(str(tmp_path / "page.png"), gray)
    return tmp_path / "page.png"


def test_slashes_are_told_from_ones_and_the_decimal_mark_is_known(
    page: Path, run: RunCommand
) -> None:
    assert run("scan", page, "-o", "out", "--decimal", "point").returncode == 0
    numbers = numbers_of(results_in(page.parent / "out")["page.png"])
    assert numbers == ["12/05/2024", "3/4", "11/16", "1171", "415", "1,234.50"]
    settings = json.loads((page.parent / "out" / "run.json").read_text())["settings"]
    assert settings["decimal"] == "point"


def test_another_decimal_mark_is_wrong_usage(page: Path, run: RunCommand) -> None:
    done = run("scan", page, "--decimal", "dot")
    assert done.returncode == 2
    assert "--decimal" in done.stderr

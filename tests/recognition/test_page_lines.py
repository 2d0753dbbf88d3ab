"""What the line reader says of a page's lines."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from support.lines import spelled_line

from digitocr.core.arrays import Gray
from digitocr.core.geometry import Box
from digitocr.recognition.alphabet import CLASSES
from digitocr.recognition.finder import Finder, Found, TextLine
from digitocr.recognition.line_reach import row_across, widened
from digitocr.recognition.model import models_folder
from digitocr.recognition.page_lines import LineScanner, PageLines, ReadLine, best_explained


def texts(*lines: ReadLine) -> list[str]:
    return [one.text for one in best_explained(lines)]


def test_large_digits_are_not_read_in_pieces() -> None:
    whole = spelled_line("88", 0.95, (100, 100), (120, 80))
    pieces = [
        spelled_line("0", 0.6, (70, 80), (40, 30)),
        spelled_line("0", 0.7, (130, 120), (40, 30)),
    ]
    assert texts(whole, *pieces) == ["88"]


def test_lines_of_text_are_not_read_as_one_large_line() -> None:
    block = spelled_line("4", 0.3, (100, 100), (200, 90))
    rows = [spelled_line("12.50", 0.99, (100, y), (180, 20)) for y in (70, 100, 130)]
    assert texts(block, *rows) == ["12.50"] * 3


def test_what_reads_as_nothing_explains_nothing() -> None:
    nothing = ReadLine(
        TextLine(100, 100, 200, 90, 0.0, 0.9, 0.9), "", 0.0, np.zeros((4, CLASSES)), 10.0, ()
    )
    assert texts(nothing, spelled_line("7", 0.5, (100, 100), (20, 20))) == ["7"]


def test_the_line_at_a_box_is_the_nearest() -> None:
    lines = PageLines(
        (
            spelled_line("1", 0.9, (100, 100), (200, 40)),
            spelled_line("2", 0.9, (100, 130), (200, 40)),
        )
    )
    at = lines.lines_at([Box(90, y, 10, 10) for y in (90, 128, 300)])
    assert [one.text if one else None for one in at] == ["1", "2", None]


def test_the_chance_of_a_text_is_that_of_its_columns() -> None:
    read = spelled_line("12", 0.9, (100, 100), (40, 20))
    assert read.text_chance("12", Box(80, 90, 40, 20)) > 0.8
    assert read.text_chance("17", Box(80, 90, 40, 20)) < 0.1
    assert read.text_chance("x", Box(80, 90, 40, 20)) == 0
    assert read.text_chance("1", Box(500, 90, 40, 20)) == 0


def level(x: float, y: float, width: float, height: float) -> TextLine:
    return TextLine(x, y, width, height, 0.0, 0.9, 0.9)


def test_a_line_reaches_over_the_numbers_that_it_lies_on() -> None:
    line = level(50, 50, 20, 20)
    boxes = [Box(40, 40, 60, 20), Box(45, 90, 200, 20), Box(200, 40, 20, 20)]
    assert widened(line, boxes) == level(70, 50, 60, 20)
    assert widened(line, boxes[1:]) == line
    assert widened(line, []) == line


def test_a_picture_of_one_line_is_read_from_side_to_side() -> None:
    parts = [level(60, 25, 40, 20), level(150, 26, 40, 18)]
    (across,) = row_across(parts, (50, 200), 22)
    assert (across.x, across.y, across.width, across.height) == (99.5, 25, 199, 20)
    assert row_across([*parts, level(60, 80, 40, 20)], (110, 200), 22) == []  # two lines
    assert row_across(parts, (50, 2000), 22) == []  # longer than what was learned from
    assert row_across([], (50, 200), 22) == []


@pytest.mark.parametrize("look", ["other polarity", "even contrast", "double size"])
def test_where_nothing_is_read_a_page_is_looked_at_otherwise(
    look: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = np.full((120, 300), 255, np.uint8)
    cv2.putText(page, "4711", (60, 80), cv2.FONT_HERSHEY_SIMPLEX, 1.6, 0, 3, cv2.LINE_AA)
    seen, find = {"looks": 0}, Finder.find

    def finds_by_one_look(self: Finder, gray: Gray, turn: int = 0) -> Found:
        seen["looks"] += 1
        found = find(self, gray, turn)
        wanted = 2 + ["other polarity", "even contrast", "double size"].index(look)
        return found if seen["looks"] == wanted else Found((), 0, found.rulings, found.scale)

    monkeypatch.setattr(Finder, "find", finds_by_one_look)
    model = models_folder() / "digits"
    scanner = LineScanner(model.with_suffix(".finder.onnx"), model.with_suffix(".lines.onnx"))
    (number,) = scanner.read(page).numbers
    assert number.text == "4711"
    assert 45 < number.box.x < 75
    assert 25 < number.box.y < 60
    assert seen["looks"] == 4

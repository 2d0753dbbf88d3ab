"""What the line reader says of a page's lines."""

from __future__ import annotations

import numpy as np
from support.lines import spelled_line

from digitocr.core.geometry import Box
from digitocr.recognition.alphabet import CLASSES
from digitocr.recognition.finder import TextLine
from digitocr.recognition.page_lines import PageLines, ReadLine, best_explained


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

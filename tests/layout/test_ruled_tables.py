"""Ruled grids and aligned columns as tables, from rules and numbers, and through the command."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.command import SAMPLES, RunCommand
from support.outputs import read_rows

from digitocr.core.document import (
    Digit,
    Number,
)
from digitocr.core.geometry import Box
from digitocr.imaging.ruling_lines import RulingLine
from digitocr.layout.borderless_tables import ruled_and_borderless_tables
from digitocr.layout.grid import Grid
from digitocr.layout.ruled_tables import find_grids, ruled_tables
from digitocr.layout.table_cells import cell_numbers, grid_numbers, numbers_and_tables

PAGE = 1000


def ruled(columns: Sequence[int], rows: Sequence[int], thick: int = 4) -> list[RulingLine]:
    """Return the rules of a grid."""
    wide, tall = columns[-1] - columns[0], rows[-1] - rows[0]
    level = [RulingLine(Box(columns[0], y - thick // 2, wide, thick), True) for y in rows]
    upright = [RulingLine(Box(x - thick // 2, rows[0], thick, tall), False) for x in columns]
    return level + upright


def number(text: str, x: int, y: int, line: int = 1, item: int = 1) -> Number:
    """Return a number with digits 30 px high, its middle at x and y."""
    width = 22 * len(text)
    left = x - width // 2
    digits = tuple(
        Digit(digit, 0.99, Box(left + 22 * i, y - 15, 20, 30)) for i, digit in enumerate(text)
    )
    return Number(text, 0.99, "ok", line, item, Box(left, y - 15, width, 30), digits)


def digits_of(numbers: Sequence[Number]) -> list[Box]:
    """Return the boxes of all digits."""
    return [digit.box for one in numbers for digit in one.digits]


def test_cells_between_rules_are_rows_and_columns() -> None:
    (grid,) = find_grids(ruled([100, 300, 500], [100, 200, 300, 400]), PAGE)
    numbers = [number("12", 200, 150), number("7", 400, 250, 2), number("30", 200, 350, 3)]
    assert ruled_tables([grid], digits_of(numbers)) == [grid]
    placed, (table,) = numbers_and_tables(numbers, [grid])
    assert table.rows == (("12", ""), ("", "7"), ("30", ""))
    assert [(one.table, one.row, one.column) for one in placed] == [(1, 1, 1), (1, 2, 2), (1, 3, 1)]
    assert (table.box.x, table.box.right) == (100, 500)


def test_broken_and_double_lines_are_one() -> None:
    rules = ruled([100, 300, 500], [100, 200, 300, 400])
    broken = [rule for rule in rules if rule.box.x != 298]
    broken += [RulingLine(Box(298, y, 4, 100), False) for y in (100, 205, 310)]
    double = [*broken, RulingLine(Box(100, 101, 400, 3), True)]
    (grid,) = find_grids(double, PAGE)
    assert (len(grid.columns), len(grid.rows)) == (3, 4)


def test_rules_beside_a_grid_are_no_part_of_it() -> None:
    heading = RulingLine(Box(100, 40, 400, 3), True)
    frame = RulingLine(Box(50, 20, 3, 500), False)
    (grid,) = find_grids([*ruled([100, 300, 500], [100, 200, 300, 400]), heading, frame], PAGE)
    assert grid.rows[0] == pytest.approx(100, abs=2)
    assert grid.columns[0] == pytest.approx(100, abs=2)


def test_an_odd_row_beside_even_cells_is_no_part_of_them() -> None:
    rows = [60, *range(100, 1001, 100)]
    (grid,) = find_grids(ruled(list(range(100, 1001, 100)), rows), PAGE)
    assert len(grid.rows) == len(grid.columns) == 10


@pytest.mark.parametrize(("texts", "lost"), [(("12", "7"), True), (("12345678", "9"), False)])
def test_a_line_that_was_not_found_between_even_columns_is_added(
    texts: tuple[str, str], lost: bool
) -> None:
    columns = [100, 200, 300, 500, 600, 700]
    (grid,) = find_grids(ruled(columns, [100, 200, 300]), PAGE)
    middles = (350, 450) if lost else (400, 650)
    numbers = [number(one, x, 150) for one, x in zip(texts, middles, strict=True)]
    numbers += [number("5", x, 250, 2) for x in (150, 250, 550)]
    (table,) = ruled_tables([grid], digits_of(numbers))
    assert table.columns == pytest.approx([*columns[:3], *[400] * lost, *columns[3:]], abs=3)


@pytest.mark.parametrize("rules", [[], ruled([100, 500], [100, 400]), ruled([100, 500], [100])])
def test_frames_and_single_rules_are_no_grid(rules: list[RulingLine]) -> None:
    assert find_grids(rules, PAGE) == []


def test_squared_paper_combs_and_empty_grids_are_no_tables() -> None:
    squares = Grid(tuple(range(0, 1000, 25)), tuple(range(0, 1000, 25)))
    comb = Grid((100, 140, 180, 220), (100, 150))
    empty = Grid((500, 700, 900), (500, 700, 900))
    written = digits_of([number("12345", 240, 333), number("678", 520, 90)])
    boxed = digits_of([number("1", 120, 125), number("2", 160, 125), number("3", 200, 125)])
    assert ruled_tables([squares], written) == []
    assert ruled_tables([comb, empty], boxed) == []
    assert ruled_tables([comb], []) == []


def test_boxes_know_their_grid_and_cell() -> None:
    grids = [Grid((0, 100, 200), (0, 100, 200)), Grid((300, 400, 500), (0, 100))]
    boxes = [Box(x, y, 10, 10) for x, y in ((50, 50), (150, 150), (450, 50), (250, 50))]
    assert grid_numbers(boxes, grids) == [1, 1, 2, 0]
    assert cell_numbers(boxes, grids) == [1, 4, 6, 0]


def test_columns_that_align_are_a_table_without_rules() -> None:
    numbers = [
        number(text, x, 100 + 50 * row, row + 1, item)
        for row in range(5)
        for item, (text, x) in enumerate((("12", 100), ("345", 300), ("6", 500)), 1)
        if (row, item) != (2, 2)
    ]
    placed, (table,) = numbers_and_tables(numbers, ruled_and_borderless_tables(numbers, []))
    assert table.rows[0] == ("12", "345", "6")
    assert table.rows[2] == ("12", "", "6")
    assert placed[-1].column == 3


def test_a_low_mark_between_two_lines_parts_no_table() -> None:
    numbers = [
        number("28", x, 100 + 60 * line, line, item)
        for line in (1, 2, 3, 5, 6)
        for item, x in enumerate((100, 250, 400), 1)
    ]
    low = Box(245, 342, 5, 8)
    speck = Number("1", 0.9, "ok", 4, 1, low, (Digit("1", 0.9, low),))
    (grid,) = ruled_and_borderless_tables([*numbers[:9], speck, *numbers[9:]], [])
    assert grid.box.y < 160
    assert grid.box.bottom > 460


def test_numbers_strewn_over_a_page_are_no_table() -> None:
    strewn = [number("12", 100 + 170 * i % 700, 100 + 60 * i, i + 1) for i in range(8)]
    assert ruled_and_borderless_tables(strewn, []) == []
    assert ruled_and_borderless_tables([], []) == []
    placed, tables = numbers_and_tables(strewn, [])
    assert tables == ()
    assert placed == tuple(strewn)
    assert numbers_and_tables([], []) == ((), ())


def test_cells_with_several_numbers_each_are_split_by_their_columns() -> None:
    """A frame with rules at its top alone: rows and columns follow the numbers."""
    grid = Grid((50, 350, 650), (50, 90, 400))
    numbers = [
        number(text, x, 130 + 50 * row, row + 1, item)
        for row in range(5)
        for item, (text, x) in enumerate((("1", 100), ("2", 250), ("3", 400), ("4", 550)), 1)
    ]
    _, (table,) = numbers_and_tables(numbers, ruled_and_borderless_tables(numbers, [grid]))
    assert table.rows == (("1", "2", "3", "4"),) * 5


@pytest.fixture
def sheet(tmp_path: Path) -> list[list[str]]:
    """Numbers in a ruled table, drawn into sheet.png."""
    sample = cv2.imread(str(SAMPLES / "digit.png"), cv2.IMREAD_GRAYSCALE)
    rows = [["407", "", "15"], ["23", "8650", ""], ["", "91", "337"]]
    page = np.full((900, 1300), 255, np.uint8)
    assert sample is not None
    for i in range(4):
        cv2.line(page, (100, 100 + 200 * i), (1150, 100 + 200 * i), 0, 4)
        cv2.line(page, (100 + 350 * i, 100), (100 + 350 * i, 700), 0, 4)
    for row, texts in enumerate(rows):
        for column, text in enumerate(texts):
            place = (150 + 350 * column, 235 + 200 * row)
            cv2.putText(page, text, place, cv2.FONT_HERSHEY_SIMPLEX, 2.4, 0, 6, cv2.LINE_AA)
    cv2.imwrite(str(tmp_path / "sheet.png"), page)
    return rows


def test_a_ruled_table_is_written_as_it_stands_on_paper(
    sheet: list[list[str]], run: RunCommand, tmp_path: Path
) -> None:
    assert run("scan", "sheet.png", "-o", "out").returncode == 0
    out = tmp_path / "out"
    with (out / "sheet.png.table1.csv").open(newline="") as file:
        assert list(csv.reader(file)) == sheet
    page = json.loads((out / "sheet.png.json").read_text())["pages"][0]
    assert page["tables"][0]["rows"] == sheet
    x, y, width, height = page["tables"][0]["box"]
    assert (x, y, x + width, y + height) == pytest.approx((100, 100, 1150, 700), abs=8)
    places = {one["text"]: (one["table"], one["row"], one["column"]) for one in page["numbers"]}
    assert places["8650"] == (1, 2, 2)
    assert places["337"] == (1, 3, 3)


def test_tables_of_an_earlier_run_go(
    sheet: list[list[str]], run: RunCommand, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run("scan", "sheet.png", "-o", "out")
    assert len(sheet) == 3
    blank = np.full((900, 1300), 255, np.uint8)
    cv2.imwrite(str(tmp_path / "sheet.png"), blank)
    assert run("scan", "sheet.png", "-o", "out").returncode == 0
    assert not list(out.glob("*.table*.csv"))
    run("scan", "sheet.png", "-o", "out", "--format", "json")
    assert not list(out.glob("*.table*.csv"))


def test_header_words_that_look_like_digits_are_blank_or_for_review(
    run: RunCommand, tmp_path: Path
) -> None:
    heads = ["Total", "Solo", "Zoo", "Loss"]
    rows = [heads, *([str(1234 + 567 * (4 * r + c)) for c in range(4)] for r in range(6))]
    page = np.full((560, 1300), 250, np.uint8)
    for i in range(len(rows) + 1):
        cv2.line(page, (50, 30 + 70 * i), (1250, 30 + 70 * i), 90, 2)
    for i in range(5):
        cv2.line(page, (50 + 300 * i, 30), (50 + 300 * i, 520), 90, 2)
    for row, texts in enumerate(rows):
        for column, text in enumerate(texts):
            place = (80 + 300 * column, 80 + 70 * row)
            cv2.putText(page, text, place, cv2.FONT_HERSHEY_SIMPLEX, 1.3, 20, 3, cv2.LINE_AA)
    cv2.imwrite(str(tmp_path / "sheet.png"), page)
    run("scan", "sheet.png", "-o", "out")
    with (tmp_path / "out" / "sheet.png.table1.csv").open(newline="") as file:
        assert list(csv.reader(file))[1:] == rows[1:]
    numbers = read_rows(tmp_path / "out" / "numbers.csv")
    assert not [one for one in numbers if one["row"] == "1" and one["status"] == "ok"]


def drawn_table(lines: np.ndarray, rows: list[list[str]]) -> np.ndarray:
    """Return a page with lines and with numbers in cells of 200 x 80 pixels, from 100, 100 on."""
    for row, texts in enumerate(rows):
        for column, text in enumerate(texts):
            place = (130 + 200 * column, 155 + 80 * row)
            cv2.putText(lines, text, place, cv2.FONT_HERSHEY_SIMPLEX, 1.3, 20, 3, cv2.LINE_AA)
    return lines


@pytest.mark.parametrize(
    ("light", "dash", "gap"), [(215, 80, 0), (60, 14, 9), (60, 90, 30), (205, 90, 30)]
)
def test_faint_and_broken_lines_are_whole_ones(
    run: RunCommand, tmp_path: Path, light: int, dash: int, gap: int
) -> None:
    rows = [[str(37 * (5 * r + c) + 10) for c in range(5)] for r in range(7)]
    rows[2][1] = rows[4][3] = rows[6][0] = ""
    page = np.full((900, 1300), 245, np.uint8)
    level, upright = range(100, 661, 80), range(100, 1101, 200)
    for axis, places, end in ((page, level, 1100), (page.T, upright, 660)):
        for at in places:
            for start in range(100, end, dash + gap):
                axis[at : at + 3, start : min(end, start + dash)] = light
    cv2.imwrite(str(tmp_path / "sheet.png"), drawn_table(page, rows))
    run("scan", "sheet.png", "-o", "out")
    with (tmp_path / "out" / "sheet.png.table1.csv").open(newline="") as file:
        assert list(csv.reader(file)) == rows


def test_cells_over_several_columns_hold_their_number_in_the_first(
    run: RunCommand, tmp_path: Path
) -> None:
    rows = [["", "", "", ""], *([str(41 * (4 * r + c) + 12) for c in range(4)] for r in range(5))]
    rows[5] = ["", "", "", "77"]
    page = drawn_table(np.full((800, 1100), 250, np.uint8), rows)
    for i in range(7):
        cv2.line(page, (100, 100 + 80 * i), (900, 100 + 80 * i), 60, 3)
    for i, (top, bottom) in enumerate([(0, 6), (1, 5), (0, 5), (1, 6), (0, 6)]):
        x = 100 + 200 * i
        cv2.line(page, (x, 100 + 80 * top), (x, 100 + 80 * bottom), 60, 3)
    for text, place in (("2019", (250, 155)), ("2020", (650, 155)), ("845", (360, 555))):
        cv2.putText(page, text, place, cv2.FONT_HERSHEY_SIMPLEX, 1.3, 20, 3, cv2.LINE_AA)
    cv2.imwrite(str(tmp_path / "sheet.png"), page)
    run("scan", "sheet.png", "-o", "out")
    rows[0] = ["2019", "", "2020", ""]
    rows[5] = ["845", "", "", "77"]
    with (tmp_path / "out" / "sheet.png.table1.csv").open(newline="") as file:
        assert list(csv.reader(file)) == rows


@pytest.mark.parametrize(
    ("x", "y", "on_line"),
    [(100, 50, True), (110, 50, True), (114, 50, False), (50, 100, True), (300, 50, False)],
)
def test_a_box_is_on_a_line_or_not(x: int, y: int, on_line: bool) -> None:
    grid = Grid((0.0, 100.0, 200.0), (0.0, 100.0))
    assert grid.has_line_at(Box(x - 2, y - 12, 4, 24)) == on_line

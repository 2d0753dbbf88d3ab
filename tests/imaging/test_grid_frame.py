"""Ruled grids on photographs: pages set square by them, and where their lines run."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.command import SAMPLES, RunCommand
from support.pictures import Gray

from digitocr.core.geometry import Box
from digitocr.imaging.deskew import deskew
from digitocr.imaging.grid_frame import find_frame
from digitocr.imaging.perspective import squared_page
from digitocr.imaging.rectify import rectify
from digitocr.imaging.ruling_lines import (
    PageInk,
    RulingLine,
)
from digitocr.layout.grid import Grid
from digitocr.layout.grid_lines import (
    grid_in_frame,
    ink_with_strokes,
    ink_without_grid_lines,
)

ROWS = [["4", "", "15", "7"], ["23", "8", "", ""], ["", "91", "337", "20"]]
COLUMNS_AT, ROWS_AT = (200, 380, 620, 900, 1080), (160, 300, 440, 580)  # uneven: no puzzle
SIZE = (1300, 800)
# Where the grid's corners are on a photo, from the top left one, clockwise.
SEEN = {
    "perspective": [(260, 190), (1050, 120), (1160, 660), (180, 580)],
    "skewed by 20°": [(330, 110), (1157, 411), (1013, 805), (187, 505)],
    "level": [(200, 160), (1080, 160), (1080, 580), (200, 580)],
}


def form(rows: list[list[str]], thin: int = 2) -> Gray:
    """Return a page with a ruled table, its frame thick and the lines in it thin."""
    page = np.full(SIZE[::-1], 215, np.uint8)
    for x in COLUMNS_AT:
        cv2.line(page, (x, ROWS_AT[0]), (x, ROWS_AT[-1]), 60, thin)
    for y in ROWS_AT:
        cv2.line(page, (COLUMNS_AT[0], y), (COLUMNS_AT[-1], y), 60, thin)
    corners = (COLUMNS_AT[0], ROWS_AT[0]), (COLUMNS_AT[-1], ROWS_AT[-1])
    cv2.rectangle(page, *corners, 40, 6)
    for y, texts in zip(ROWS_AT, rows, strict=False):
        for x, text in zip(COLUMNS_AT, texts, strict=False):
            place = (x + 45, y + 95)
            cv2.putText(page, text, place, cv2.FONT_HERSHEY_SIMPLEX, 2.0, 40, 5, cv2.LINE_AA)
    return page


def seen(page: Gray, corners: list[tuple[int, int]], size: tuple[int, int] = SIZE) -> Gray:
    """Return a photo on which the grid of a page has these corners; the page goes on beyond it."""
    (left, right), (top, bottom) = COLUMNS_AT[:: len(COLUMNS_AT) - 1], ROWS_AT[:: len(ROWS_AT) - 1]
    on_page = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
    to_photo = cv2.getPerspectiveTransform(on_page, np.array(corners, np.float32))
    warped = cv2.warpPerspective(page, to_photo, size, flags=cv2.INTER_AREA, borderValue=215)
    grain = np.random.default_rng(1).normal(0, 2, warped.shape)
    return np.clip(warped + grain, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("corners", SEEN.values(), ids=SEEN)
def test_a_grid_is_found_from_wherever_it_is_seen(corners: list[tuple[int, int]]) -> None:
    found = find_frame(seen(form(ROWS), corners))
    assert found is not None
    assert found == pytest.approx(np.array(corners), abs=6)


@pytest.mark.parametrize("corners", SEEN.values(), ids=SEEN)
def test_a_photographed_form_is_read_cell_by_cell(
    corners: list[tuple[int, int]], run: RunCommand, tmp_path: Path
) -> None:
    cv2.imwrite(str(tmp_path / "form.png"), seen(form(ROWS), corners))
    assert run("scan", "form.png", "-o", "out").returncode == 0
    page = json.loads((tmp_path / "out" / "form.png.json").read_text())["pages"][0]
    assert [table["rows"] for table in page["tables"]] == [ROWS]
    x, y, width, height = page["tables"][0]["box"]
    left, top = np.min(corners, axis=0)
    right, bottom = np.max(corners, axis=0)
    assert (x, y, x + width, y + height) == pytest.approx((left, top, right, bottom), abs=8)
    assert all(x <= one["box"][0] < x + width for one in page["numbers"])


@pytest.mark.parametrize(("degrees", "rotation", "skew"), [(50, 270, -40), (200, 180, 20)])
def test_a_form_is_read_however_it_lies(
    degrees: int, rotation: int, skew: float, run: RunCommand, tmp_path: Path
) -> None:
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    corners = np.array([[-380, -180], [380, -180], [380, 180], [-380, 180]])
    turned = corners @ [[cos, sin], [-sin, cos]] + [650, 500]
    photo = seen(form(ROWS), turned.tolist(), (1300, 1000))
    cv2.imwrite(str(tmp_path / "form.png"), photo)
    assert run("scan", "form.png", "-o", "out").returncode == 0
    page = json.loads((tmp_path / "out" / "form.png.json").read_text())["pages"][0]
    assert (page["rotation"], page["skew"]) == (rotation, pytest.approx(skew, abs=0.5))
    assert [table["rows"] for table in page["tables"]] == [ROWS]


@pytest.mark.parametrize("shape", [(0, 0), (1, 1), (90, 500), (900, 1300)])
def test_blank_pages_have_no_grid(shape: tuple[int, int]) -> None:
    assert find_frame(np.full(shape, 215, np.uint8)) is None


def test_frames_single_boxes_and_text_are_no_grid() -> None:
    for file in ("receipt.jpg", "columns.jpg", "ledger.png"):
        gray = cv2.imread(str(SAMPLES / file), cv2.IMREAD_GRAYSCALE)
        assert gray is not None
        assert find_frame(np.asarray(gray, np.uint8)) is None
    page = np.full((800, 1300), 215, np.uint8)
    cv2.rectangle(page, (200, 160), (1080, 580), 40, 6)
    assert find_frame(page) is None


def test_a_level_page_with_a_grid_keeps_its_pixels() -> None:
    page = np.full((1500, 2000), 215, np.uint8)
    page[: SIZE[1], : SIZE[0]] = form(ROWS)
    straight = deskew(rectify(page))
    assert np.array_equal(straight.gray, page)
    assert straight.frame is not None
    assert straight.frame.x == pytest.approx(COLUMNS_AT[0], abs=4)


def test_no_part_of_a_page_is_lost_and_points_find_their_way_back() -> None:
    gray = seen(form(ROWS), SEEN["perspective"])
    found = squared_page(gray, np.array(SEEN["perspective"], np.float64))
    assert found is not None
    squared, to_page = found
    height, width = squared.shape
    corners = np.array([[[-1, -1], [width, -1], [width, height], [-1, height]]], np.float64)
    outline = cv2.perspectiveTransform(corners, to_page)[0].astype(np.float32)
    for x, y in ((0, 0), (SIZE[0] - 1, 0), (SIZE[0] - 1, SIZE[1] - 1), (0, SIZE[1] - 1)):
        assert cv2.pointPolygonTest(outline, (x, y), measureDist=True) >= -1


@pytest.mark.parametrize("top", [(600, 700), (400, 900)], ids=["horizon", "too large"])
def test_a_grid_seen_too_steeply_is_not_gone_by(top: tuple[int, int]) -> None:
    gray = np.full((800, 1300), 215, np.uint8)
    quad = np.array([[top[0], 300], [top[1], 300], [1200, 780], [100, 780]], np.float64)
    assert squared_page(gray, quad) is None


def test_faint_lines_between_thick_ones_are_found() -> None:
    page = form([])
    page[page == 60] = 185
    frame = Box(COLUMNS_AT[0], ROWS_AT[0], COLUMNS_AT[-1] - COLUMNS_AT[0], ROWS_AT[-1] - ROWS_AT[0])
    grid = grid_in_frame(page, frame)
    assert grid.columns == pytest.approx(COLUMNS_AT, abs=3)
    assert grid.rows == pytest.approx(ROWS_AT, abs=3)


def test_rests_of_lines_go_and_digits_stay() -> None:
    binary = np.zeros((400, 400), np.uint8)
    cv2.putText(binary, "8", (230, 170), cv2.FONT_HERSHEY_SIMPLEX, 2.0, 255, 6)
    digit = binary.copy()
    binary[199:202, 120:190] = 255  # on the line between the rows
    binary[90:99, 195:205] = 255  # where lines cross
    grid = Grid((0.0, 200.0, 399.0), (0.0, 200.0, 399.0))
    cleaned = ink_without_grid_lines(binary, Grid(grid.columns, (0.0, 95.0, 200.0, 399.0)))
    assert np.array_equal(cleaned, digit)
    assert binary[200, 150] == 255  # what was given stays as it was


@pytest.mark.parametrize(
    ("box", "is_stroke"),
    [
        pytest.param(Box(300, 235, 8, 150), True, id="the leg of a 9"),
        pytest.param(Box(220, 350, 120, 8), True, id="the foot of a 2"),
        pytest.param(Box(300, 235, 8, 175), True, id="a leg that crosses the line below"),
        pytest.param(Box(300, 202, 8, 196), False, id="a line that divides a cell"),
        pytest.param(Box(198, 240, 8, 150), False, id="a piece of a grid's line"),
        pytest.param(Box(420, 300, 8, 90), False, id="a line outside of the grid"),
    ],
)
def test_strokes_in_cells_are_no_rules(box: Box, is_stroke: bool) -> None:
    dark = np.zeros((450, 450), np.uint8)
    dark[box.y : box.bottom, box.x : box.right] = 255
    rule = RulingLine(box, box.width > box.height)
    grid = Grid((0.0, 200.0, 400.0), (0.0, 200.0, 400.0))
    ink = ink_with_strokes(PageInk(np.zeros_like(dark), (rule,)), dark, grid)
    assert ink.ruling_lines == (() if is_stroke else (rule,))
    assert ink.binary[:400].any() == is_stroke
    assert not ink.binary[400:].any()  # beyond the cell


@pytest.mark.parametrize("blur", [1.0, 1.2])
def test_a_small_blurred_photograph_is_read(blur: float, run: RunCommand, tmp_path: Path) -> None:
    """Without enlarging it, or without sharpening it, loops close up and one or two are lost."""
    rows = [["8", "6", "9", "3"], ["2", "8", "", "6"], ["9", "", "5", "8"]]
    size = (round(0.4 * SIZE[0]), round(0.4 * SIZE[1]))
    small = cv2.resize(seen(form(rows), SEEN["perspective"]), size, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(tmp_path / "small.png"), cv2.GaussianBlur(small, (0, 0), blur))
    assert run("scan", "small.png", "-o", "out").returncode == 0
    page = json.loads((tmp_path / "out" / "small.png.json").read_text())["pages"][0]
    assert [table["rows"] for table in page["tables"]] == [rows]

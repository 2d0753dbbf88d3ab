"""Workbooks, and CSV for Excel: what a spreadsheet shows is what is on paper."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.command import BENCHMARKS, COMMAND, SAMPLES, RunCommand
from support.outputs import read_rows
from support.pictures import Clear, encode

from digitocr.core.document import FileResult, ModelId, Number, PageResult, Table
from digitocr.core.errors import ExitCode
from digitocr.core.geometry import Box
from digitocr.core.settings import Decimal
from digitocr.core.source import Unread
from digitocr.export import csv as csv_export
from digitocr.export import xlsx
from digitocr.imaging.drawing import box_png

openpyxl = pytest.importorskip("openpyxl", reason="the workbooks are read by openpyxl")
pytest.importorskip("xlsxwriter", reason="pip install 'digitocr[xlsx]'")


def opened(path: Path) -> Any:
    """Return a workbook as openpyxl reads it."""
    return openpyxl.load_workbook(path)


def shown(cell: Any) -> str:
    """Return what a cell shows, of a number by its format, "" of a blank one."""
    if isinstance(cell.value, (int, float)):
        decimals = len(cell.number_format.partition(".")[2])
        assert re.fullmatch(r"0(\.0+)?", cell.number_format)
        return f"{cell.value:.{decimals}f}"
    return cell.value or ""


def as_dicts(sheet: Any) -> list[dict[str, str]]:
    """Return the rows below the header of a sheet as they are shown."""
    head, *rows = ([shown(cell) for cell in row] for row in sheet.iter_rows())
    return [dict(zip(head, row, strict=True)) for row in rows]


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run over a page with a table and a file that is no picture wrote."""
    folder = tmp_path_factory.mktemp("scanned")
    shutil.copy(SAMPLES / "receipt.jpg", folder / "=receipt.jpg")
    (folder / "bad.png").touch()
    done = subprocess.run(
        [*COMMAND, "scan", "=receipt.jpg", "bad.png", "-o", "out", "--format", "csv,xlsx"],
        cwd=folder, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == ExitCode.SOME_FAILED, done.stderr
    return folder / "out"


def test_the_sheet_of_numbers_shows_what_the_csv_says(scanned: Path) -> None:
    rows = as_dicts(opened(scanned / "numbers.xlsx")["numbers"])
    wanted = read_rows(scanned / "numbers.csv")
    assert len(rows) == len(wanted) > 40
    for row, csv_row in zip(rows, wanted, strict=True):
        assert row.pop("picture") == ""
        assert row == {**csv_row, "file": "=receipt.jpg"}


def test_file_names_are_neither_formulas_nor_links(scanned: Path) -> None:
    cell = opened(scanned / "numbers.xlsx")["numbers"]["A2"]
    assert (cell.data_type, cell.value, cell.hyperlink) == ("s", "=receipt.jpg", None)


def test_rows_in_doubt_are_in_colour(scanned: Path) -> None:
    sheet = opened(scanned / "numbers.xlsx")["numbers"]
    statuses = set()
    for row, told in zip(sheet.iter_rows(min_row=2), as_dicts(sheet), strict=True):
        filled = {cell.fill.fill_type == "solid" for cell in row}
        assert filled == {told["status"] == "review"}
        statuses.add(told["status"])
    assert statuses == {"ok", "review"}


def test_the_header_is_frozen_and_filters_all_rows(scanned: Path) -> None:
    sheet = opened(scanned / "numbers.xlsx")["numbers"]
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == f"A1:Q{len(read_rows(scanned / 'numbers.csv')) + 1}"


def test_each_number_has_its_picture_within_its_row(scanned: Path) -> None:
    sheet = opened(scanned / "numbers.xlsx")["numbers"]
    pictures = {image.anchor._from.row: image for image in sheet._images}
    assert sorted(pictures) == list(range(1, sheet.max_row))
    page = cv2.imread(str(SAMPLES / "receipt.jpg"), cv2.IMREAD_GRAYSCALE)
    for row, told in enumerate(as_dicts(sheet), 1):
        anchor = pictures[row].anchor
        assert anchor.editAs in (None, "twoCell")  # the default: it moves and goes with its cells
        assert (anchor._from.col, anchor.to.row) == (8, row)
        png = np.frombuffer(pictures[row]._data(), np.uint8)
        picture = cv2.imdecode(png, cv2.IMREAD_UNCHANGED)
        assert picture.ndim == 2 and picture.shape[0] <= 24 and picture.shape[1] <= 180
        x, y, width, height = (int(told[name]) for name in ("x", "y", "width", "height"))
        on_paper = page[y : y + height, x : x + width]
        assert abs(float(picture.mean()) - float(on_paper.mean())) < 30


def test_a_table_is_shaped_as_on_paper(scanned: Path) -> None:
    book = opened(scanned / "numbers.xlsx")
    assert book.sheetnames == ["numbers", "errors", "=receipt.jpg 1"]
    rows = [[shown(cell) for cell in row] for row in book["=receipt.jpg 1"].iter_rows()]
    on_paper = (scanned / "=receipt.jpg.table1.csv").read_text("utf-8")
    assert csv_export.csv_text(rows) == on_paper
    doubtful = {
        (int(row["row"]), int(row["column"]))
        for row in as_dicts(book["numbers"])
        if row["table"] == "1" and row["status"] == "review"
    }
    coloured = {
        (cell.row, cell.column)
        for row in book["=receipt.jpg 1"].iter_rows()
        for cell in row
        if cell.fill.fill_type == "solid"
    }
    assert coloured == doubtful != set()


def test_what_could_not_be_read_has_a_sheet(scanned: Path) -> None:
    errors = as_dicts(opened(scanned / "numbers.xlsx")["errors"])
    assert errors == [{"file": "bad.png", "error": "is empty (0 bytes)"}]


def test_only_what_was_asked_for_is_left(scanned: Path) -> None:
    assert sorted(path.name for path in scanned.iterdir()) == [
        *(".inputs.jsonl", ".pictures"),
        *("=receipt.jpg.csv", "=receipt.jpg.json", "=receipt.jpg.table1.csv"),
        *("errors.csv", "journal.jsonl", "numbers.csv", "numbers.xlsx", "run.json"),
    ]


def test_what_is_not_asked_for_any_more_goes(run: RunCommand, tmp_path: Path) -> None:
    run("scan", SAMPLES / "receipt.jpg", "-o", "out", "--annotate")
    assert (tmp_path / "out" / "receipt.jpg.annotated.jpg").exists()
    run("scan", SAMPLES / "receipt.jpg", "-o", "out", "--format", "json")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *(".inputs.jsonl", "errors.csv", "journal.jsonl", "receipt.jpg.json", "run.json"),
    ]


def test_a_run_without_numbers_has_its_sheets_too(run: RunCommand, tmp_path: Path) -> None:
    (tmp_path / "blank.png").write_bytes(encode(".png", np.full((300, 300), 255, np.uint8)))
    for name in ("a", "b"):
        assert run("scan", "blank.png", "-o", name, "--format", "xlsx").returncode == 0
    book = opened(tmp_path / "a" / "numbers.xlsx")
    assert [(sheet.title, sheet.max_row) for sheet in book] == [("numbers", 1), ("errors", 1)]
    first, second = ((tmp_path / name / "numbers.xlsx").read_bytes() for name in "ab")
    assert first == second


def test_a_workbook_that_can_not_be_written_is_named(run: RunCommand, tmp_path: Path) -> None:
    (tmp_path / "out" / "numbers.xlsx" / "full").mkdir(parents=True)
    done = run("scan", SAMPLES / "digit.png", "-o", "out", "--format", "xlsx")
    assert done.returncode == ExitCode.OUTPUT
    assert "error: out/numbers.xlsx: can't be written" in done.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *(".pictures", "digit.png.json", "journal.jsonl", "numbers.xlsx")
    ]


def test_ctrl_c_leaves_a_workbook_of_what_is_finished(clear: Clear, tmp_path: Path) -> None:
    scans, out = tmp_path / "scans", tmp_path / "out"
    scans.mkdir()
    for i in range(500):
        (scans / f"{i}.png").write_bytes(encode(".png", clear.gray))
    with subprocess.Popen(
        [*COMMAND, "scan", str(scans), "-o", str(out), "--format", "xlsx", "-q"]
    ) as scanning:
        while not (out / "5.png.json").exists():
            assert scanning.poll() is None
        scanning.send_signal(signal.SIGINT)
    assert scanning.returncode == ExitCode.INTERRUPTED
    sheet = opened(out / "numbers.xlsx")["numbers"]
    assert 5 <= len({row["file"] for row in as_dicts(sheet)}) < 500
    assert len(sheet._images) == sheet.max_row - 1
    assert {path.name for path in out.glob(".*")} == {".inputs.jsonl", ".pictures"}


def test_a_missing_extra_is_told_before_anything_is_read(
    run_apart: RunCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = "raise ModuleNotFoundError(\"No module named 'xlsxwriter'\", name='xlsxwriter')\n"
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "xlsxwriter.py").write_text(missing)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "hidden"), prepend=":")
    done = run_apart("scan", SAMPLES / "digit.png", "-o", "out", "--format", "xlsx")
    assert done.returncode == ExitCode.EXTRA_MISSING
    assert done.stderr == (
        "error: xlsxwriter is not installed. Install it with: pip install 'digitocr[xlsx]'\n"
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "options", [["-o", "-", "--format", "xlsx"], ["--format", "json", "--excel"]]
)
def test_options_that_make_no_sense_are_refused(options: list[str], run: RunCommand) -> None:
    done = run("scan", SAMPLES / "digit.png", *options)
    assert (done.returncode, done.stdout) == (ExitCode.USAGE, "")
    assert done.stderr.startswith("error: ")


def a_number(text: str = "5", status: str = "ok") -> Number:
    """Return a number as if read."""
    return Number(text, 0.5, status, 1, 1, Box(1, 2, 3, 4), ())


def a_file(
    name: str, numbers: list[Number], *tables: list[list[str]], page: int = 1
) -> xlsx.IllustratedResult:
    """Return what was read in a file of one page."""
    drawn = tuple(Table(Box(0, 0, 9, 9), tuple(map(tuple, rows))) for rows in tables)
    pages = (PageResult(page, 9, 9, None, 0, 0.0, tuple(numbers), drawn),)
    return xlsx.IllustratedResult(FileResult(name, ModelId("digits", ""), pages), Path("/nowhere"))


def written(path: Path, *files: xlsx.IllustratedResult) -> Any:
    """Return a workbook of files."""
    assert xlsx.write_workbook(path / "a.xlsx", files, []) == []
    return opened(path / "a.xlsx")


@pytest.mark.parametrize(
    ("as_number", "texts"),
    [
        ("0", "7 0 -5 10 123456789012345"),
        ("0.0", "0.5 12.0 -3.5"),
        ("0.00", "-0.50 24.12"),
        ("0.000", "0.125 1234.500 -0.001"),
        ("0.0000000", "1234567.8901234"),
        (None, "007 00 -0 -0.0 00.5 -007 1234567890123456 0.1234567890123456"),
        (None, "9.093 -120.500 1.200.000 1,5 1,234 12:05 2024-11 1-2 5. .5 -. 1٣"),
    ],
)
def test_a_value_is_a_number_where_that_loses_nothing(texts: str, as_number: str | None) -> None:
    for text in [*texts.split(), *([] if as_number else ["", "5 6"])]:
        assert xlsx.number_format(text) == as_number, text


@pytest.mark.parametrize(
    ("decimal", "as_number", "texts"),
    [
        ("point", "0.000", "9.093 -120.500"),
        ("point", None, "1,234 1,5 1,234.50 007.5"),
        ("comma", "0.000", "9,093 -120,500"),
        ("comma", "0.0", "1,5"),
        ("comma", None, "9.093 1.5 1.200,5"),
        ("none", "0", "9093"),
        ("none", None, "9.093 1.5"),
    ],
)
def test_with_a_decimal_mark_known_more_values_are_numbers(
    decimal: Decimal, as_number: str | None, texts: str
) -> None:
    for text in texts.split():
        assert xlsx.number_format(text, decimal) == as_number, text


@pytest.mark.parametrize(
    ("options", "value"),
    [([], "9.093"), (["--decimal", "point"], 9.093), (["--decimal", "comma"], "9.093")],
)
def test_the_workbook_holds_decimals_as_numbers_where_their_mark_is_known(
    options: list[str], value: str | float, run: RunCommand, tmp_path: Path
) -> None:
    page = np.full((200, 500), 255, np.uint8)
    for text, x in (("9", 60), ("093", 150)):
        cv2.putText(page, text, (x, 140), cv2.FONT_HERSHEY_SIMPLEX, 3, 0, 7, cv2.LINE_AA)
    cv2.circle(page, (135, 136), 7, 0, -1, cv2.LINE_AA)
    cv2.imwrite(str(tmp_path / "a.png"), page)
    assert run("scan", "a.png", "-o", "out", "--format", "xlsx", *options).returncode == 0
    cell = opened(tmp_path / "out" / "numbers.xlsx")["numbers"].cell(2, 8)
    assert cell.value == value
    assert cell.number_format == ("@" if isinstance(value, str) else "0.000")


def test_fields_of_forms_have_a_sheet_with_a_row_a_page(run: RunCommand, tmp_path: Path) -> None:
    form = "size = [500, 400]\n"
    for name, top in (("code", 40), ("weight", 160), ("note", 280)):
        form += f'[[field]]\nname = "{name}"\nbox = [40, {top}, 420, 100]\n'
    (tmp_path / "form.toml").write_text(form + "digits = 9\n")
    page = np.full((400, 500), 255, np.uint8)
    for text, foot in (("007", 125), ("412", 365)):
        cv2.putText(page, text, (60, foot), cv2.FONT_HERSHEY_SIMPLEX, 2.4, 0, 6, cv2.LINE_AA)
    cv2.imwrite(str(tmp_path / "a.png"), page)
    run("scan", "a.png", "-o", "out", "--format", "csv,xlsx", "--form", "form.toml")
    workbook = opened(tmp_path / "out" / "numbers.xlsx")
    assert workbook.sheetnames == ["numbers", "forms", "errors"]
    sheet = workbook["forms"]
    header, values = ([cell.value for cell in row] for row in sheet.iter_rows())
    (row,) = read_rows(tmp_path / "out" / "forms.csv")
    assert header == list(row)
    assert values[:5] == ["a.png", 1, "007", None, 412]
    colours = {name: cell.fill.fgColor.rgb for name, cell in zip(header, sheet[2], strict=True)}
    assert (row["code_status"], row["weight_status"], row["note_status"]) == ("ok", "ok", "review")
    assert colours["note"] == colours["note_status"] == "FFFFE0C2"
    assert "FFFFE0C2" not in (colours["code"], colours["weight"])


SIGNED = st.from_regex(r"-?[0-9]{1,25}([.,:-][0-9]{1,25}){0,3}", fullmatch=True)


@given(SIGNED)
def test_what_is_a_number_shows_as_on_paper(text: str) -> None:
    shape = xlsx.number_format(text)
    if shape is not None:
        kept = float(f"{float(text):.15g}")  # all that a spreadsheet keeps
        assert f"{kept:.{len(shape.partition('.')[2])}f}" == text


def test_values_of_all_kinds_come_back(tmp_path: Path) -> None:
    texts = ["007", "7", "-5", "1.50", "9.093", "12:05", "1234567890123456789", "0.000001"]
    sheet = written(tmp_path, a_file("a.png", [a_number(text) for text in texts]))["numbers"]
    assert [row["number"] for row in as_dicts(sheet)] == texts
    kinds = "".join(row[7].data_type for row in sheet.iter_rows(min_row=2))
    assert kinds == "snnnsssn"


NAMES = st.text(st.sampled_from("aAbß/\\[]:*?' .1\x01é😀"), min_size=1, max_size=40)


@given(st.lists(NAMES, min_size=1, max_size=3))
def test_sheets_have_names_that_can_be(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    files = [a_file(name, [], [["1"]], [["2"]], page=page) for name in names for page in (1, 2)]
    titles = written(tmp_path_factory.mktemp("names"), *files).sheetnames[2:]
    assert len({title.casefold() for title in titles}) == len(titles) == 4 * len(names)
    for title in titles:
        assert 0 < len(title) <= 31 and not set(title) & set("[]:*?/\\'")


def test_of_a_long_path_the_end_and_the_table_are_in_the_name(tmp_path: Path) -> None:
    path = "scans/of/the/year/2024/november/counts.png"
    files = (a_file(path, [], [["1"]], page=page) for page in (1, 12, 1))
    assert written(tmp_path, *files).sheetnames[2:] == [
        *("year_2024_november_counts.png 1", "24_november_counts.png page12 1"),
        "ar_2024_november_counts.png 1~2",
    ]


def test_more_rows_than_a_sheet_has_go_on_in_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xlsx, "ROWS", 4)
    book = written(tmp_path, a_file("a.png", [a_number(str(i)) for i in range(7)]))
    assert book.sheetnames == ["numbers", "errors", "numbers~2", "numbers~3"]
    listed = [book[name] for name in ("numbers", "numbers~2", "numbers~3")]
    assert [[row["number"] for row in as_dicts(sheet)] for sheet in listed] == [
        *(["0", "1", "2"], ["3", "4", "5"], ["6"])
    ]
    assert [sheet.auto_filter.ref for sheet in listed] == ["A1:Q4", "A1:Q4", "A1:Q2"]


def test_what_there_is_no_room_for_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx, "PICTURES", 1)
    monkeypatch.setattr(xlsx, "TABLES", 2)
    picture = box_png(np.full((30, 30), 255, np.uint8), Box(5, 5, 9, 9), 0)
    for i in (1, 2):
        (tmp_path / f"1-{i}.png").write_bytes(picture)
    result, _ = a_file("a.png", [a_number(), a_number()], [["1"]], [["2"]], [["3"]])
    path = tmp_path / "a.xlsx"
    assert xlsx.write_workbook(path, [xlsx.IllustratedResult(result, tmp_path)], []) == [
        *("holds the first 1 of 2 pictures", "holds the first 2 of 3 tables")
    ]
    book = opened(path)
    assert book.sheetnames == ["numbers", "errors", "a.png 1", "a.png 2"]
    assert [image.anchor._from.row for image in book["numbers"]._images] == [1]


@pytest.mark.skipif(not shutil.which("prlimit"), reason="there is no prlimit to limit files")
def test_a_full_disk_is_an_output_error(run: RunCommand, tmp_path: Path) -> None:
    done = run(
        "scan", SAMPLES / "receipt.jpg", "-o", "out", "--format", "xlsx", "-q",
        before=["prlimit", "--fsize=60000"],
    )  # fmt: skip
    assert done.returncode == ExitCode.OUTPUT
    sentence = "out/numbers.xlsx: can't be written: File too large"
    assert done.stderr == f"error: {sentence}. Choose another folder with -o.\n"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *(".pictures", "journal.jsonl", "receipt.jpg.json")
    ]


def test_errors_are_plain_text(tmp_path: Path) -> None:
    xlsx.write_workbook(tmp_path / "a.xlsx", [], [Unread("=b\udcff.png", "http://is.bad")])
    cells = opened(tmp_path / "a.xlsx")["errors"][2]
    assert [(cell.data_type, cell.value, cell.hyperlink) for cell in cells] == [
        *(("s", "=b\\xff.png", None), ("s", "http://is.bad", None))
    ]


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_picture_is_upright_and_small(rotation: int) -> None:
    upright = np.full((120, 300), 255, np.uint8)
    upright[40:80, 100:150] = 0  # dark at the left of the cutting
    page = np.rot90(upright, rotation // 90).copy()
    corners = np.zeros_like(upright)
    corners[40:80, 100:200] = 1
    ys, xs = np.nonzero(np.rot90(corners, rotation // 90))
    box = Box(int(xs.min()), int(ys.min()), int(np.ptp(xs)) + 1, int(np.ptp(ys)) + 1)
    picture = cv2.imdecode(
        np.frombuffer(box_png(page, box, rotation), np.uint8), cv2.IMREAD_UNCHANGED
    )
    assert picture.shape == (24, 53)  # 50 × 110 with what is around it
    assert picture[:, 6:20].mean() < 70 and picture[:, 34:].mean() > 250


def test_a_wide_picture_fits_its_column_and_one_at_the_edge_is_cut_there() -> None:
    page = np.full((40, 2000), 255, np.uint8)
    for box in (Box(0, 0, 2000, 40), Box(1999, 39, 1, 1)):
        png = np.frombuffer(box_png(page, box, 0), np.uint8)
        height, width = cv2.imdecode(png, cv2.IMREAD_UNCHANGED).shape
        assert 1 <= height <= 24 and 1 <= width <= 180


EXCEL = [
    *(("7", "7"), ("0", "0"), ("-5", "-5"), ("1234567890", "1234567890"), ("", "")),
    *(("007", '="007"'), ("-0", '="-0"'), ("1.5", '="1.5"'), ("9.093", '="9.093"')),
    *(("12345678901", '="12345678901"'), ("1-2", '="1-2"'), ("12:05", '="12:05"')),
    *(("5 6", '="5 6"'), ("1,5", '="1,5"'), ("-007", '="-007"')),
]


@pytest.mark.parametrize(("text", "cell"), EXCEL)
def test_what_excel_would_spoil_is_written_as_a_text(text: str, cell: str) -> None:
    assert csv_export.excel_cell(text) == cell


def test_a_table_for_excel_keeps_blank_cells_blank() -> None:
    table = Table(Box(0, 0, 9, 9), (("007", "", "5"), ("", "1.5", "")))
    assert csv_export.table_rows(table, excel=True) == '"=""007""",,5\n,"=""1.5""",\n'
    assert csv_export.table_rows(table) == "007,,5\n,1.5,\n"


def test_every_csv_of_a_run_is_written_for_excel(run: RunCommand, tmp_path: Path) -> None:
    page = np.full((400, 900), 255, np.uint8)
    for i, text in enumerate(("007", "42")):
        cv2.putText(page, text, (80, 120 + 160 * i), cv2.FONT_HERSHEY_SIMPLEX, 3, 0, 8)
    (tmp_path / "é.png").write_bytes(encode(".png", page))
    (tmp_path / "bad.png").touch()
    run("scan", "é.png", "bad.png", "-o", "out", "--excel", "--min-confidence", "0")
    out = tmp_path / "out"
    for name in ("numbers.csv", "é.png.csv"):
        lines = (out / name).read_text("utf-8").splitlines()
        assert lines[0] == "\ufeff" + ",".join(csv_export.COLUMNS)
        assert 'é.png,1,1,1,,,,"=""007""",' in lines[1]
        assert "é.png,1,2,1,,,,42," in lines[2]
        assert len(lines) == 3
    assert (out / "errors.csv").read_text("utf-8").startswith("\ufefffile,error\n")
    assert '"text":"007"' in (out / "é.png.json").read_text("utf-8")
    assert json.loads((out / "run.json").read_text())["settings"]["excel"] is True
    piped = run("scan", "é.png", "-o", "-", "--excel", "--min-confidence", "0", "-q").stdout
    assert piped == (out / "numbers.csv").read_text("utf-8")


@pytest.mark.skipif(not shutil.which("soffice"), reason="there is no LibreOffice (soffice)")
def test_libreoffice_shows_what_was_written() -> None:
    program = BENCHMARKS / "spreadsheets.py"
    command = [sys.executable, str(program), "--numbers", "300", "--pages"]
    done = subprocess.run([*command, SAMPLES / "receipt.jpg"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    unequal = dict(re.findall(r"^(.+?)  .* (\d+) unequal", done.stdout, re.MULTILINE))
    assert len(unequal) == 8
    assert int(unequal.pop("CSV, double click")) > 50  # why there are the others
    assert set(unequal.values()) == {"0"}

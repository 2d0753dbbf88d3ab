"""What is written is as promised in DESIGN.md section 2, whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.outputs import rows

from digitocr import __version__
from digitocr.core.document import (
    INK_WITHOUT_NUMBERS,
    Digit,
    FileResult,
    ModelId,
    Number,
    PageResult,
    Reason,
    Table,
)
from digitocr.core.geometry import Box
from digitocr.core.source import Unread
from digitocr.export import csv as csv_export
from digitocr.export import json as json_export
from digitocr.storage import atomic

HEADER = (
    "file,page,line,item,table,row,column,number,confidence,status,x,y,width,height,field,reason"
)


def a_result(name: str = "a/b.png") -> FileResult:
    """Return what might be read in a file of two pages: a number in a table, one outside."""
    digits = tuple(Digit(d, 0.99904, Box(10 + 9 * i, 20, 8, 12)) for i, d in enumerate("007"))
    inside = Number("007", 0.99816, "ok", 1, 1, Box(10, 20, 27, 12), digits, 1, 2, 3)
    outside = Number("-5", 1.0, "review", 2, 1, Box(0, 50, 9, 12), (), field="=sum")
    outside = outside.because(Reason.SMALL, Reason.CUT_OFF)
    table = Table(Box(0, 0, 90, 40), (("5", "", "9.093"), ("", "", "007")))
    first = PageResult(1, 100, 200, 299.9, 90, -0.4, (inside,), (table,))
    notes = (INK_WITHOUT_NUMBERS,)
    second = PageResult(2, 100, 200, None, 0, 0.0, (outside,), notes=notes)
    return FileResult(name, ModelId("digits", "ab" * 32), (first, second))


def test_csv_has_a_row_for_each_number_under_the_promised_columns() -> None:
    assert csv_export.header_row() == HEADER + "\n"
    assert csv_export.number_rows(a_result()) == (
        "a/b.png,1,1,1,1,2,3,007,0.9982,ok,10,20,27,12,,\n"
        "a/b.png,2,2,1,,,,-5,1.0000,review,0,50,9,12,'=sum,cut-off small\n"
    )


def test_blank_file_has_no_rows() -> None:
    assert csv_export.number_rows(FileResult("a.png", ModelId("digits", ""), ())) == ""


def test_json_has_exactly_the_promised_keys_in_order() -> None:
    text = json_export.json_text(a_result())
    assert text.count("\n") == 1 and text.endswith("}\n")
    assert json.loads(text) == {
        "schema": 1,
        "file": "a/b.png",
        "digitocr": __version__,
        "model": {"name": "digits", "sha256": "ab" * 32},
        "pages": [
            {
                "page": 1,
                "width": 100,
                "height": 200,
                "dpi": 299.9,
                "rotation": 90,
                "skew": -0.4,
                "notes": [],
                "numbers": [
                    {
                        "text": "007",
                        "confidence": 0.9982,
                        "status": "ok",
                        "reason": "",
                        "line": 1,
                        "item": 1,
                        "table": 1,
                        "row": 2,
                        "column": 3,
                        "field": None,
                        "box": [10, 20, 27, 12],
                        "digits": [
                            {"digit": "0", "confidence": 0.999, "box": [10, 20, 8, 12]},
                            {"digit": "0", "confidence": 0.999, "box": [19, 20, 8, 12]},
                            {"digit": "7", "confidence": 0.999, "box": [28, 20, 8, 12]},
                        ],
                    }
                ],
                "tables": [{"box": [0, 0, 90, 40], "rows": [["5", "", "9.093"], ["", "", "007"]]}],
            },
            {
                "page": 2,
                "width": 100,
                "height": 200,
                "dpi": None,
                "rotation": 0,
                "skew": 0.0,
                "notes": [
                    {
                        "code": "ink-without-numbers",
                        "sentence": INK_WITHOUT_NUMBERS.sentence,
                    }
                ],
                "numbers": [
                    {
                        "text": "-5",
                        "confidence": 1.0,
                        "status": "review",
                        "reason": "cut-off small",
                        "line": 2,
                        "item": 1,
                        "table": None,
                        "row": None,
                        "column": None,
                        "field": "=sum",
                        "box": [0, 50, 9, 12],
                        "digits": [],
                    }
                ],
                "tables": [],
            },
        ],
    }
    order = ["schema", "file", "digitocr", "model", "pages"]
    assert list(json.loads(text)) == order


def test_errors_have_a_row_each() -> None:
    unread = [Unread("a.png", "is empty (0 bytes)"), Unread("=b,c.png", 'says "no", twice')]
    assert csv_export.error_rows(unread) == (
        'file,error\na.png,is empty (0 bytes)\n"\'=b,c.png","says ""no"", twice"\n'
    )
    assert csv_export.error_rows([]) == "file,error\n"


ANY_NAME = st.binary(min_size=1, max_size=12).map(os.fsdecode) | st.text(
    st.sampled_from("=+-@\t\r\n'\";, a007é\udcff"), min_size=1
)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_what_begins_like_a_formula_gets_an_apostrophe_in_every_csv(start: str) -> None:
    name = f"{start}1+1"
    text = csv_export.header_row() + csv_export.number_rows(a_result(name))
    assert f"'{name}" in [row["file"] for row in rows(text)]
    assert rows(csv_export.error_rows([Unread(name, name)])) == [
        {"file": f"'{name}", "error": f"'{name}"}
    ]
    assert f"'{name}" in next(csv.reader(io.StringIO(csv_export.form_header([name]), newline="")))


@given(ANY_NAME)
def test_csv_gives_back_any_name_and_no_formula(name: str) -> None:
    text = csv_export.header_row() + csv_export.number_rows(a_result(name))
    cells = [row["file"] for row in rows(text)]
    shown = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    dangerous = name[0] in "=+-@\t\r\n"
    assert cells == ["'" + shown if dangerous else shown] * 2
    assert [row["number"] for row in rows(text)] == ["007", "-5"]
    assert json.loads(json_export.json_text(a_result(name)))["file"] == shown
    assert json_export.json_text(a_result(name)).encode().count(b"\n") == 1


@given(ANY_NAME)
def test_no_cell_is_a_formula_where_semicolons_separate_either(name: str) -> None:
    text = csv_export.error_rows([Unread(name, "is empty (0 bytes)")])
    for delimiter in ",;":
        table = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        cells = [cell for row in table for cell in row]
        assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


def test_file_is_written_with_its_folders_and_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "deeper" / "a.csv"
    atomic.write(path, b"first")
    atomic.write(path, iter([b"sec", b"ond"]))
    assert path.read_bytes() == b"second"
    assert [one.name for one in path.parent.iterdir()] == ["a.csv"]


def failing() -> Iterator[bytes]:
    yield b"half"
    raise KeyboardInterrupt


def test_what_stood_there_stays_when_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    atomic.write(path, b"whole")
    with pytest.raises(KeyboardInterrupt):
        atomic.write(path, failing())
    with pytest.raises(KeyboardInterrupt):
        atomic.write(tmp_path / "never.csv", failing())
    assert path.read_bytes() == b"whole"
    assert [one.name for one in tmp_path.iterdir()] == ["a.csv"]


def test_target_that_can_not_be_replaced_leaves_nothing_beside_it(tmp_path: Path) -> None:
    (tmp_path / "a.csv").mkdir()
    for name in ("a.csv", "x" * 256, "a.csv/../b.csv/c"):
        (tmp_path / "b.csv").write_bytes(b"mine")
        with pytest.raises(OSError, match="Errno"):
            atomic.write(tmp_path / name, b"new")
    assert (tmp_path / "b.csv").read_bytes() == b"mine"
    assert {one.name for one in tmp_path.iterdir()} == {"a.csv", "b.csv"}


def test_name_as_long_as_names_can_be_is_written(tmp_path: Path) -> None:
    atomic.write(tmp_path / ("x" * 255), b"new")
    assert [len(one.name) for one in tmp_path.iterdir()] == [255]


def test_two_writers_of_one_file_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"

    def interrupted() -> Iterator[bytes]:
        yield b"one "
        atomic.write(path, b"other")  # as from another machine, where process ids are the same
        assert path.read_bytes() == b"other"
        yield b"and one"

    atomic.write(path, interrupted())
    assert path.read_bytes() == b"one and one"


def test_written_files_have_the_permissions_of_new_files(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    atomic.write(tmp_path / "a.csv", b"")
    modes = {path.stat().st_mode for path in tmp_path.iterdir()}
    assert len(modes) == 1

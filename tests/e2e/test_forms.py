"""`digitocr scan --form` and `digitocr form`, on a small form that is drawn here."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.command import RunCommand, run_command
from support.form_page import (
    BOXES,
    CELL,
    FORM,
    HEIGHT,
    ROOMS,
    WIDTH,
    WRITTEN,
    blank,
    filled,
    put,
    write,
)
from support.outputs import read_rows, results_in, rows
from support.pictures import Gray, Pixels, encode
from support.tiff import tiff


def askew(page: Gray, degrees: float) -> Gray:
    turn = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), degrees, 1)
    return np.asarray(cv2.warpAffine(page, turn, (WIDTH, HEIGHT), borderValue=245), np.uint8)


def photographed(page: Gray) -> Gray:
    """Return the page as a sheet on a desk, seen at a slant."""
    corners = np.array([(0, 0), (WIDTH, 0), (WIDTH, HEIGHT), (0, HEIGHT)], np.float32)
    seen = np.array([(160, 120), (1280, 200), (1340, 1020), (90, 960)], np.float32)
    slant = cv2.getPerspectiveTransform(corners, seen)
    sheet = cv2.warpPerspective(page, slant, (1440, 1120), borderValue=70)
    return np.asarray(cv2.GaussianBlur(sheet, (0, 0), 0.7), np.uint8)


WAYS = {
    "scanned": filled(),
    "skewed": askew(filled(), 4),
    "upside-down": np.ascontiguousarray(filled()[::-1, ::-1]),
    "on-its-side": np.ascontiguousarray(np.rot90(filled())),
    "on-its-other-side": np.ascontiguousarray(np.rot90(filled(), 3)),
    "photographed": photographed(filled()),
    "faint": np.asarray(230 - (245 - filled().astype(int)) // 4, np.uint8),
    "enlarged": np.asarray(cv2.resize(filled(), None, fx=2.3, fy=2.3), np.uint8),
}
OTHERS = {
    "left-blank": blank(),
    "code-at-right": filled({**WRITTEN, "code": "  48"}),
    "code-with-gap": filled({**WRITTEN, "code": "3 48"}),
    "not-on-list": filled({**WRITTEN, "room": "99"}),
}


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of all ways in which a form is scanned, and of other forms."""
    folder = tmp_path_factory.mktemp("forms")
    put(folder)
    (folder / "scans").mkdir()
    for name, page in (WAYS | OTHERS).items():
        (folder / "scans" / f"{name}.png").write_bytes(encode(".png", page))
    done = run_command(
        "scan", "scans", "-o", "out", "--form", "form.toml", "--annotate", cwd=folder
    )
    assert done.returncode == 0, done.stderr
    return folder / "out"


def row_of(scanned: Path, name: str) -> dict[str, str]:
    return next(row for row in read_rows(scanned / "forms.csv") if row["file"] == f"{name}.png")


def reason_of(results: Path, name: str, field: str) -> str:
    """Return why a field is to be reviewed, as its file's JSON says."""
    pages = results_in(results)[f"{name}.png"]["pages"]
    (reason,) = [one["reason"] for page in pages for one in page["fields"] if one["name"] == field]
    return str(reason)


@pytest.mark.parametrize("name", WAYS)
def test_fields_are_read_however_the_form_lies(name: str, scanned: Path) -> None:
    row = row_of(scanned, name)
    assert {field: row[field] for field in BOXES} == WRITTEN
    assert row["page"] == "1"
    assert all(0 < float(row[f"{field}_confidence"]) <= 1 for field in BOXES)


def test_forms_csv_has_a_row_a_page_and_its_columns_in_order(scanned: Path) -> None:
    found = read_rows(scanned / "forms.csv")
    after = [f"{name}_{what}" for name in BOXES for what in ("confidence", "status")]
    assert list(found[0]) == ["file", "page", *BOXES, *after]
    assert len(found) == len(WAYS | OTHERS)
    assert read_rows(scanned / "scanned.png.form.csv") == [row_of(scanned, "scanned")]


def test_print_is_never_read_and_a_blank_form_is_blank(scanned: Path) -> None:
    row = row_of(scanned, "left-blank")
    assert [row[field] for field in BOXES] == [""] * 4
    assert [row[f"{field}_status"] for field in BOXES] == ["ok"] * 4
    assert read_rows(scanned / "left-blank.png.csv") == []


def test_a_comb_may_be_blank_at_its_ends(scanned: Path) -> None:
    assert row_of(scanned, "code-at-right")["code"] == "48"
    assert row_of(scanned, "code-at-right")["code_status"] == "ok"


def test_a_blank_cell_between_digits_is_to_be_reviewed(scanned: Path) -> None:
    assert row_of(scanned, "code-with-gap")["code"] == "348"
    assert row_of(scanned, "code-with-gap")["code_status"] == "review"
    assert "cells-unclear" in reason_of(scanned, "code-with-gap", "code").split()


def test_a_number_against_its_rule_is_to_be_reviewed(scanned: Path) -> None:
    row = row_of(scanned, "not-on-list")
    assert row["room_status"] == "review"
    assert row["room"] not in ROOMS.split() or float(row["room_confidence"]) < 0.9


@pytest.mark.parametrize(("name", "rotation"), [("scanned", 0), ("upside-down", 180)])
def test_json_names_the_fields_and_where_they_are(name: str, rotation: int, scanned: Path) -> None:
    (page,) = results_in(scanned)[f"{name}.png"]["pages"]
    assert [number["field"] for number in page["numbers"]] == list(BOXES)
    assert [number["line"] for number in page["numbers"]] == [1, 2, 3, 4]
    assert [field["text"] for field in page["fields"]] == list(WRITTEN.values())
    assert page["rotation"] == rotation
    for number, (x, y, width, height) in zip(page["numbers"], BOXES.values(), strict=True):
        left, top, wide, tall = number["box"]
        if rotation:
            left, top = WIDTH - left - wide, HEIGHT - top - tall
        assert x - 3 <= left < left + wide <= x + width + 3
        assert y - 3 <= top < top + tall <= y + height + 3


def test_fields_are_drawn(scanned: Path) -> None:
    drawn = cv2.imread(str(scanned / "scanned.png.annotated.jpg"))
    assert drawn is not None
    x, y, width, height = BOXES["weight"]
    part = drawn[y - 20 : y + height, x : x + width].astype(int)
    assert (np.ptp(part, axis=2) > 60).any()  # colour


def test_a_digit_that_crosses_lines_is_kept_whole(run: RunCommand, tmp_path: Path) -> None:
    put(tmp_path)
    page = blank()
    write(page, "3748", 290, 102, CELL)  # over the lines between cells, and that above them
    (tmp_path / "a.png").write_bytes(encode(".png", page))
    run("scan", "a.png", "-o", "out", "--form", "form.toml")
    (row,) = read_rows(tmp_path / "out" / "forms.csv")
    assert row["code"] == "3748"


def test_a_page_of_another_form_is_an_error_and_the_others_are_read(
    run: RunCommand, tmp_path: Path
) -> None:
    put(tmp_path)
    order = np.concatenate([blank()[:100], blank()[320:540], blank()[100:320], blank()[540:]])
    (tmp_path / "other.png").write_bytes(encode(".png", order))
    (tmp_path / "three.tif").write_bytes(tiff(filled(), np.full_like(order, 245), filled()))
    done = run("scan", "other.png", "three.tif", "-o", "out", "--form", "form.toml")
    assert done.returncode == 7
    errors = read_rows(tmp_path / "out" / "errors.csv")
    assert [row["file"] for row in errors] == ["other.png", "three.tif"]
    assert "page 2 doesn't show the form form.toml" in errors[1]["error"]
    assert "three.tif: page 2" in done.stderr
    found = read_rows(tmp_path / "out" / "forms.csv")
    assert [(row["file"], row["page"], row["code"]) for row in found] == [
        ("three.tif", "1", "3748"),
        ("three.tif", "3", "3748"),
    ]
    assert not (tmp_path / "out" / "other.png.csv").exists()


def test_a_field_that_is_cut_off_is_to_be_reviewed(run: RunCommand, tmp_path: Path) -> None:
    put(tmp_path, FORM + '[[field]]\nname = "corner"\nbox = [780, 100, 100, 60]\n')
    (tmp_path / "a.png").write_bytes(encode(".png", filled()[:, :830].copy()))
    (tmp_path / "b.png").write_bytes(encode(".png", filled()))
    run("scan", "a.png", "b.png", "-o", "out", "--form", "form.toml")
    cut, whole = read_rows(tmp_path / "out" / "forms.csv")
    assert (cut["corner_status"], float(cut["corner_confidence"])) == ("review", 0.0)
    assert (whole["corner_status"], float(whole["corner_confidence"])) == ("ok", 1.0)
    assert reason_of(tmp_path / "out", "a", "corner") == "cut-off"
    assert reason_of(tmp_path / "out", "b", "corner") == ""


def test_fields_that_a_stroke_runs_through_are_to_be_reviewed(
    run: RunCommand, tmp_path: Path
) -> None:
    put(tmp_path)
    page = blank()
    x, y, width, _ = BOXES["weight"]
    cv2.line(page, (x + width // 2, y - 40), (x + width // 3, BOXES["room"][1] + 120), 20, 5)
    (tmp_path / "a.png").write_bytes(encode(".png", page))
    done = run("scan", "a.png", "-o", "out", "--form", "form.toml", "--annotate")
    (row,) = read_rows(tmp_path / "out" / "forms.csv")
    assert (row["weight"], row["weight_status"]) == ("", "review")
    assert (row["code"], row["code_status"]) == ("", "ok")
    assert "crossed" in reason_of(tmp_path / "out", "a", "weight").split()
    n_review = sum(row[f"{name}_status"] == "review" for name in BOXES)
    assert f" {n_review} to review" in done.stderr
    drawn = cv2.imread(str(tmp_path / "out" / "a.png.annotated.jpg"))
    assert drawn is not None
    assert is_framed(drawn, "weight")
    assert not is_framed(drawn, "code")  # blank, and that is sure


def is_framed(drawn: Pixels, name: str) -> bool:
    """Tell whether all of a field's box is drawn in the colour of what is to be reviewed."""
    x, y, width, height = BOXES[name]
    blue, _, red = np.moveaxis(drawn[y - 4 : y + height + 5, x - 4 : x + width + 5], 2, 0)
    reddish = red.astype(int) - blue > 50
    return bool(reddish.any(axis=0).mean() > 0.85 and reddish.any(axis=1).mean() > 0.85)


def test_half_a_form_is_no_form(run: RunCommand, tmp_path: Path) -> None:
    put(tmp_path)
    (tmp_path / "a.png").write_bytes(encode(".png", filled()[:, :480].copy()))
    done = run("scan", "a.png", "-o", "out", "--form", "form.toml")
    assert done.returncode == 7
    assert read_rows(tmp_path / "out" / "forms.csv") == []


def test_stdout_has_one_csv_of_forms(run: RunCommand, tmp_path: Path) -> None:
    put(tmp_path)
    (tmp_path / "a.png").write_bytes(encode(".png", filled()))
    done = run("scan", "a.png", "-o", "-", "-q", "--form", "form.toml")
    (row,) = rows(done.stdout)
    assert {field: row[field] for field in BOXES} == WRITTEN


def test_fields_for_excel_keep_their_zeros(run: RunCommand, tmp_path: Path) -> None:
    put(tmp_path)
    page = filled({**WRITTEN, "code": "0748"})
    (tmp_path / "a.png").write_bytes(encode(".png", page))
    run("scan", "a.png", "-o", "out", "--form", "form.toml", "--excel")
    text = (tmp_path / "out" / "forms.csv").read_text("utf-8")
    assert text.startswith("\ufefffile,page,code,")
    assert text.count("\ufeff") == 1
    assert rows(text)[0]["code"] == '="0748"'


def test_a_form_of_a_size_is_read_from_edge_to_edge(run: RunCommand, tmp_path: Path) -> None:
    put(tmp_path, FORM.replace('picture = "blank.png"', f"size = [{WIDTH // 2}, {HEIGHT // 2}]"))
    halved = (tmp_path / "form.toml").read_text()
    for box in BOXES.values():
        halved = halved.replace(str(list(box)), str([side // 2 for side in box]))
    (tmp_path / "form.toml").write_text(halved)
    (tmp_path / "a.png").write_bytes(encode(".png", filled()))
    (tmp_path / "b.png").write_bytes(encode(".png", photographed(filled())))
    (tmp_path / "tall.png").write_bytes(encode(".png", np.rot90(filled())[:, :500].copy()))
    done = run("scan", "a.png", "b.png", "tall.png", "-o", "out", "--form", "form.toml")
    assert done.returncode == 7
    found = read_rows(tmp_path / "out" / "forms.csv")
    assert [(row["file"], row["code"], row["room"]) for row in found] == [
        ("a.png", "3748", "47"),
        ("b.png", "3748", "47"),
    ]


def test_fields_of_an_earlier_run_go(run: RunCommand, tmp_path: Path) -> None:
    put(tmp_path)
    (tmp_path / "a.png").write_bytes(encode(".png", filled()))
    run("scan", "a.png", "-o", "out", "--form", "form.toml")
    run("scan", "a.png", "-o", "out")
    assert not (tmp_path / "out" / "a.png.form.csv").exists()
    assert not (tmp_path / "out" / "forms.csv").exists()


WRONG = {
    "no TOML": ("picture = ", "is no TOML"),
    "unknown key": ("pages = 2\n" + FORM, "pages is none of"),
    "no picture": (FORM.replace("picture", "# "), "either a picture or a size"),
    "both": ("size = [9, 9]\n" + FORM, "either a picture or a size"),
    "missing picture": (FORM.replace("blank.png", "none.png"), "picture none.png can't be opened"),
    "no fields": ('picture = "blank.png"', "has not 1 to"),
    "no name": (FORM.replace('name = "room"', ""), "field 4: name"),
    "same name": (FORM.replace('"room"', '"year"'), "named year"),
    "name of a column": (FORM.replace('"room"', '"year_status"'), "named year_status"),
    "no box": (FORM.replace("box = [300, 440, 220, 70]", ""), "field 'room': box"),
    "box outside": (FORM.replace("220, 70]", "700, 70]"), "field 'room': box"),
    "box of texts": (FORM.replace("220, 70]", '"220", 70]'), "field 'room': box"),
    "cells": (FORM.replace("cells = 4", "cells = 0"), "field 'code': cells"),
    "unknown rule": (FORM.replace("cells = 4", 'length = "4"'), "field 'code': length is none of"),
    "wrong rule": (FORM.replace("100..999", "9..1"), "field 'weight': range 9..1"),
    "rule of another kind": (FORM.replace("digits = 2", "digits = 2.5"), "field 'year': digits"),
    "unknown check": (FORM.replace("digits = 2", 'check = "no"'), "field 'year': check no"),
    "missing list": (FORM.replace("rooms.csv", "none.csv"), "field 'room': list"),
    "size": (FORM.replace('picture = "blank.png"', "size = [0, 9]"), "size"),
}


@pytest.mark.parametrize(("form", "said"), WRONG.values(), ids=WRONG)
def test_a_wrong_form_file_is_wrong_usage(
    form: str, said: str, run: RunCommand, tmp_path: Path
) -> None:
    put(tmp_path, form)
    done = run("scan", "blank.png", "-o", "out", "--form", "form.toml")
    assert done.returncode == 2
    assert "form.toml: " in done.stderr
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_missing_or_huge_form_file_is_wrong_usage(run: RunCommand, tmp_path: Path) -> None:
    put(tmp_path, FORM + "# " * 600_000)
    for name in ("form.toml", "none.toml", "."):
        done = run("scan", "blank.png", "-o", "out", "--form", name)
        assert done.returncode == 2
        assert f"error: {name}: " in done.stderr


def test_rules_for_all_numbers_do_not_go_with_a_form(run: RunCommand, tmp_path: Path) -> None:
    put(tmp_path)
    done = run("scan", "blank.png", "-o", "out", "--form", "form.toml", "--digits", "4")
    assert done.returncode == 2
    assert "--form" in done.stderr


def begun(folder: Path, page: Gray, name: str = "blank.png") -> str:
    """Begin a form file from a picture of a form; return it."""
    (folder / name).write_bytes(encode(".png", page))
    done = run_command("form", name, "-o", "made/new.toml", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert (folder / "made" / "new.names.jpg").exists()
    return (folder / "made" / "new.toml").read_text()


def boxes_in(form: str) -> list[list[int]]:
    lines = [line for line in form.splitlines() if line.startswith("box")]
    return [json.loads(line.removeprefix("box = ")) for line in lines]


def test_form_finds_boxes_and_combs_in_reading_order(tmp_path: Path) -> None:
    form = begun(tmp_path, blank())
    assert 'picture = "../blank.png"' in form
    assert "filled = true" not in form
    assert form.count("cells") == 1
    assert "cells = 4" in form
    for found, drawn in zip(boxes_in(form), BOXES.values(), strict=True):
        assert np.abs(np.subtract(found, drawn)).max() <= 5


def test_a_begun_form_is_ready_to_scan_with(run: RunCommand, tmp_path: Path) -> None:
    begun(tmp_path, blank())
    (tmp_path / "a.png").write_bytes(encode(".png", filled()))
    assert run("scan", "a.png", "-o", "out", "--form", "made/new.toml").returncode == 0
    (row,) = read_rows(tmp_path / "out" / "forms.csv")
    assert [row[f"field{i}"] for i in (1, 2, 3, 4)] == list(WRITTEN.values())


def test_form_is_begun_from_a_filled_and_skewed_one(run: RunCommand, tmp_path: Path) -> None:
    form = begun(tmp_path, askew(filled({**WRITTEN, "weight": "111", "room": "38"}), 3))
    assert 'picture = "new.level.png"' in form
    assert "filled = true" in form
    assert len(boxes_in(form)) == len(BOXES)
    (tmp_path / "a.png").write_bytes(encode(".png", filled()))
    run("scan", "a.png", "-o", "out", "--form", "made/new.toml")
    (row,) = read_rows(tmp_path / "out" / "forms.csv")
    assert (row["field1"], row["field4"]) == (WRITTEN["code"], WRITTEN["room"])


def test_form_overwrites_nothing(run: RunCommand, tmp_path: Path) -> None:
    (tmp_path / "blank.png").write_bytes(encode(".png", blank()))
    (tmp_path / "form.toml").write_text("mine")
    done = run("form", "blank.png", "-o", "form.toml")
    assert done.returncode == 5
    assert "form.toml: is there already" in done.stderr
    assert (tmp_path / "form.toml").read_text() == "mine"


@pytest.mark.parametrize(
    ("page", "said"),
    [
        (np.full((300, 300), 245, np.uint8), "shows no box"),
        (None, "blank.png: can't be opened"),
    ],
)
def test_form_of_nothing_is_nothing_to_read(
    page: Gray | None, said: str, run: RunCommand, tmp_path: Path
) -> None:
    if page is not None:
        (tmp_path / "blank.png").write_bytes(encode(".png", page))
    done = run("form", "blank.png", "-o", "form.toml")
    assert done.returncode == 3
    assert said in done.stderr
    assert not (tmp_path / "form.toml").exists()


def test_an_open_comb_is_told_by_its_ticks(tmp_path: Path) -> None:
    page = blank()
    for i in range(1, 4):
        page[112 : 112 + 45, 300 + i * CELL - 1 : 300 + i * CELL + 2] = 245
    form = begun(tmp_path, page)
    assert "cells = 4" in form

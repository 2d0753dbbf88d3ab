"""What a review writes: missed numbers at their places, pictures; and what hinders it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from support.command import run_command
from support.form_page import BOXES, HEIGHT, WIDTH, blank, put
from support.outputs import in_workbook, read_rows, results_in
from support.pictures import Clear, encode, with_orientation
from support.reviewing import Server, decisions, reviewing, scanned
from support.tiff import tiff


def first(server: Server, **wanted: str) -> dict[str, Any]:
    """Return the first number that a filter leaves, as the page is told of it."""
    asked = "&".join(f"{key}={value}" for key, value in wanted.items())
    number = server.get(f"queue?{asked}")["ids"][0]
    found: dict[str, Any] = server.get(f"numbers?ids={number}")[0]
    return found


def decide(server: Server, number: dict[str, Any], text: str | None) -> dict[str, Any]:
    told = {"id": number["id"], "version": number["version"], "number": text}
    status, answer = server.post("decide", told)
    assert status == 200, answer
    found: dict[str, Any] = answer["number"]
    return found


def undo(server: Server, number: dict[str, Any]) -> None:
    told = {"id": number["id"], "version": number["version"]}
    assert server.post("undo", told)[0] == 200


def add(server: Server, beside: dict[str, Any], box: Any, text: str) -> dict[str, Any]:
    """Add a number in a box of page pixels."""
    width, height = beside["pageSize"]
    x, y, w, h = box
    parts = [x / width, y / height, w / width, h / height]
    status, answer = server.post("add", {"id": beside["id"], "box": parts, "number": text})
    assert status == 200, answer
    found: dict[str, Any] = answer["number"]
    return found


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def place_of(number: dict[str, Any]) -> list[Any]:
    return [number.get(name) for name in ("line", "item", "table", "row", "column", "field")]


# ---- what was missed is where it belongs


def test_a_missed_number_has_its_cell_at_once_and_later(tmp_path: Path, samples: Path) -> None:
    picture = cv2.imread(str(samples / "receipt.jpg"), cv2.IMREAD_GRAYSCALE)
    (tmp_path / "a.png").write_bytes(encode(".png", np.asarray(picture, np.uint8)))
    run_command("scan", "a.png", "-o", "out", "-q", "--min-confidence", "1", cwd=tmp_path)
    out = tmp_path / "out"
    page = results_in(out)["a.png"]["pages"][0]
    one = next(number for number in page["numbers"] if (number["row"], number["column"]) == (2, 2))
    x, y, width, height = one["box"]
    with reviewing(out) as server:
        added = add(server, first(server, table="1"), [x + 2 * width, y, width, height], "77")
        assert (added["table"], added["row"], added["column"]) == (1, 2, 2)
        beside = [other["id"] for other in server.get(f"beside?id={added['id']}")]
        at = beside.index(added["id"])
        before = server.get(f"numbers?ids={beside[at - 1]}")[0]
        assert (before["row"], before["column"], before["read"]) == (2, 2, one["text"])
        undo(server, added)  # and is in the table no more
        assert added["id"] not in [other["id"] for other in server.get("beside?id=0")]
        added = add(server, added, [x + 2 * width, y, width, height], "7878")
    (shown,) = [n for n in results_in(out)["a.png"]["pages"][0]["numbers"] if n["text"] == "7878"]
    assert place_of(shown) == place_of(added)
    table = (out / "a.png.table1.csv").read_text().splitlines()
    assert table[1].split(",")[1] == f"{one['text']} 7878"
    with reviewing(out) as server:
        again = first(server, status="checked")
        assert (again["number"], place_of(again)) == ("7878", place_of(added))


def test_what_is_drawn_around_a_number_is_about_it(tmp_path: Path, clear: Clear) -> None:
    out = scanned(tmp_path, clear, "a.png")
    box = next(n["box"] for n in results_in(out)["a.png"]["pages"][0]["numbers"])
    with reviewing(out) as server:
        one = add(server, first(server), [box[0] - 2, box[1] + 2, *box[2:]], "34")
        assert (one["read"], one["number"]) == ("3407", "34")
        again = add(server, one, box, "35")
        assert (again["id"], again["number"]) == (one["id"], "35")
        assert server.get("queue?")["progress"]["done"] == 1
        missed = add(server, one, [box[0], box[1] - 60, 50, 50], "1")
        again = add(server, one, [box[0] + 2, box[1] - 60, 50, 50], "2")
        assert (again["id"], again["read"]) == (missed["id"], None)
    numbers = [row["number"] for row in read_rows(out / "numbers.csv")]
    assert numbers == ["2", "35", "57"]


@pytest.fixture
def struck(tmp_path: Path) -> Path:
    """Results of a form in which a stroke runs through three fields, so that none can be read."""
    put(tmp_path)
    page = blank()
    x, y, width, _ = BOXES["weight"]
    cv2.line(page, (x + width // 2, y - 40), (x + width // 3, BOXES["room"][1] + 120), 20, 5)
    (tmp_path / "a.png").write_bytes(encode(".png", page))
    run_command("scan", "a.png", "-o", "out", "--form", "form.toml", "-q", cwd=tmp_path)
    assert HEIGHT < WIDTH  # it is upright
    return tmp_path / "out"


def test_a_number_drawn_in_an_unread_field_is_the_field_s(struck: Path) -> None:
    with reviewing(struck) as server:
        fields = [one for one in server.get("beside?id=0") if one["read"] is None]
        assert [one["field"] for one in fields] == ["weight", "year", "room"]  # as on the form
        x, y, _, height = BOXES["weight"]
        added = add(server, fields[0], [x + 5, y + 8, 90, height - 16], "526")
        assert (added["id"], added["decided"]) == (fields[0]["id"], True)
        assert added["id"] not in server.get("queue?")["ids"]
        second = add(server, fields[0], [x + 120, y + 8, 90, height - 16], "7")
        assert (second["id"] == added["id"], second["field"]) == (False, "weight")
        undo(server, second)
        retyped = decide(server, added, "527")
        assert server.get("queue?")["progress"]["done"] == 1
    (row,) = read_rows(struck / "forms.csv")
    assert (row["weight"], row["weight_status"], row["year_status"]) == ("527", "checked", "review")
    assert decisions(struck)[-1]["box"][2] < 100  # as drawn
    with reviewing(struck) as server:
        again = first(server, status="checked")
        assert (again["id"], again["number"]) == (retyped["id"], "527")
        assert retyped["id"] not in server.get("queue?")["ids"]
        undo(server, again)
        assert retyped["id"] in server.get("queue?")["ids"]
    (row,) = read_rows(struck / "forms.csv")
    assert (row["weight"], row["weight_status"]) == ("", "review")


# ---- pictures show what was checked


def test_pictures_are_of_what_was_checked(tmp_path: Path, clear: Clear) -> None:
    pytest.importorskip("xlsxwriter")
    scan = ["--annotate", "--format", "json,xlsx"]
    out = scanned(tmp_path, clear, "a.png", options=scan)
    drawn, cut = out / "a.png.annotated.jpg", next((out / ".pictures").rglob("*.zip"))
    before = drawn.read_bytes(), cut.read_bytes()
    with reviewing(out) as server:
        wrong = decide(server, first(server), None)
        added = add(server, wrong, [40, 67, 100, 125], "034")
    picture = cv2.imread(str(drawn))
    assert picture is not None
    blue, _, red = (picture[50:200, 30:150, i].astype(int) for i in range(3))
    assert (blue - red > 60).sum() > 300  # the box that was drawn
    (row,) = [row for row in in_workbook(out / "numbers.xlsx").values() if row[0] == "034"]
    image = cv2.imdecode(np.frombuffer(row[2], np.uint8), cv2.IMREAD_GRAYSCALE)
    assert image is not None
    assert image.min() < 120 < image.max()  # ink on paper
    checked = drawn.read_bytes(), cut.read_bytes()
    scanned(tmp_path, clear, options=[*scan, "--restart"])
    assert (drawn.read_bytes(), cut.read_bytes()) == checked
    with reviewing(out) as server:
        for one in server.get(f"numbers?ids={wrong['id']},{added['id']}"):
            undo(server, one)
    assert (drawn.read_bytes(), cut.read_bytes()) == before


def test_only_pages_that_have_changed_are_drawn_anew(tmp_path: Path, clear: Clear) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.tif").write_bytes(tiff(clear.gray, clear.gray, clear.gray))
    out = scanned(tmp_path, clear, options=["--annotate"])
    drawn = [out / f"a.tif.{before}annotated.jpg" for before in ("", "page2.", "page3.")]
    before = [path.stat().st_mtime_ns for path in drawn]
    with reviewing(out) as server:
        found = server.get(f"numbers?ids={','.join(map(str, server.get('queue?')['ids']))}")
        second = next(one for one in found if one["page"] == 2)
        decide(server, second, "99")
        add(server, second, [40, 5, 30, 30], "7")
    after = [path.stat().st_mtime_ns for path in drawn]
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, False, True]
    checked = [row for row in read_rows(out / "numbers.csv") if row["status"] == "checked"]
    assert {(row["page"], row["number"]) for row in checked} == {("2", "99"), ("2", "7")}


def test_photographs_that_lie_turned_are_shown_upright(tmp_path: Path, clear: Clear) -> None:
    upright = cv2.resize(clear.gray, None, fx=2, fy=2)
    on_its_side = np.ascontiguousarray(np.rot90(upright))  # as a viewer shows it
    (tmp_path / "in").mkdir()
    photo = with_orientation(".jpg", np.asarray(on_its_side, np.uint8), 6)
    (tmp_path / "in" / "a.jpg").write_bytes(photo)
    out = scanned(tmp_path, clear)
    assert results_in(out)["a.jpg"]["pages"][0]["rotation"] == 90
    with reviewing(out) as server:
        ids = server.get("queue?")["ids"]
        one = next(n for n in server.get(f"numbers?ids={ids[0]},{ids[1]}") if n["read"] == "3407")
        content = server.ask("GET", f"pictures/{one['id']}/crop.png")[1]
        page = server.ask("GET", f"pages/{one['pageId']}/1400.jpg")[1]
        box = [part * side for part, side in zip(one["onPage"], one["pageSize"] * 2, strict=True)]
        added = add(server, one, [box[0], box[1] + 150, box[2], box[3] / 2], "1")
    crop = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE)
    whole = cv2.imdecode(np.frombuffer(page, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert crop is not None
    assert whole is not None
    assert whole.shape == upright.shape
    xs = np.nonzero((upright[:, :900] < 100).any(axis=0))[0]  # 3407, without what is to its right
    assert abs(one["cropSize"][0] - (xs.max() - xs.min())) < crop.shape[0]
    assert crop.shape[0] < crop.shape[1]
    (line,) = decisions(out)  # in pixels of the page as given: on its side
    assert line["box"][2] < line["box"][3]
    assert added["onPage"][1] > one["onPage"][1]


# ---- what hinders writing is told


def test_what_hinders_one_file_is_told_and_keeps_no_other_back(
    tmp_path: Path, clear: Clear
) -> None:
    out = scanned(tmp_path, clear, "a.png", "b.png")
    hindered, kept = out / "a.png.csv", tmp_path / "kept.csv"

    def trouble() -> str:
        return str(server.get("changes?since=0")["progress"]["trouble"])

    with reviewing(out) as server:
        hindered.rename(kept)
        (hindered / "in-the-way").mkdir(parents=True)
        decide(server, first(server, file="a.png"), "1")
        decide(server, first(server, file="b.png"), "2")
        until(lambda: "a.png.csv: can't be written" in trouble())
        until(lambda: ",2,1.0000,checked," in (out / "b.png.csv").read_text())
        (hindered / "in-the-way").rmdir()
        hindered.rmdir()
        until(lambda: trouble() == "")
        said = server.end()
    assert said.count("No decision is lost") == said.count("show all decisions again") == 1
    assert ",1,1.0000,checked," in hindered.read_text()


def test_nothing_is_decided_in_a_folder_that_was_taken_away(tmp_path: Path, clear: Clear) -> None:
    out = scanned(tmp_path, clear, "a.png")
    with reviewing(out) as server:
        one = decide(server, first(server), "1")
        out.rename(tmp_path / "away")
        out.mkdir()
        told = {"id": one["id"], "version": one["version"], "number": "2"}
        status, answer = server.post("decide", told)
        assert status == 500
        assert "can't be written" in answer["error"]
        out.rmdir()
        (tmp_path / "away").rename(out)
        assert decide(server, one, "3")["number"] == "3"
    assert [one["number"] for one in decisions(out)] == ["1", "3"]


def test_damaged_results_are_named(tmp_path: Path, clear: Clear) -> None:
    out = scanned(tmp_path, clear, "a.png")
    (out / "a.png.json").write_text("{")
    done = run_command("review", "out", cwd=tmp_path)
    assert done.returncode == 7
    assert done.stderr.startswith("error: out/a.png.json: is damaged")
    (out / "run.json").write_text('{"settings": {"formats": ["json"]}}')
    done = run_command("review", "out", cwd=tmp_path)
    assert "Traceback" not in done.stderr
    assert "run.json: is damaged" in done.stderr
    (out / "run.json").write_text('{"settings": {"formats": null}}')
    done = run_command("review", "out", cwd=tmp_path)
    assert done.returncode == 3
    assert done.stderr.startswith("error: out: holds no results of a scan.")


def test_without_the_model_of_the_run_there_are_no_second_guesses(
    tmp_path: Path, clear: Clear
) -> None:
    out = scanned(tmp_path, clear, "a.png")
    about = json.loads((out / "run.json").read_bytes())
    for model in ({**about["model"], "sha256": "0"}, {**about["model"], "name": "gone"}, None):
        (out / "run.json").write_text(json.dumps({**about, "model": model}))
        with reviewing(out) as server:
            assert server.get("guesses?id=0") == []

"""`digitocr review`: what its server answers and refuses, and what ends up in results."""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest
from support.command import RunCommand, run_command
from support.outputs import read_rows, results_in
from support.pdf import pdf, scan_page
from support.pictures import Clear, encode
from support.reviewing import Server, decisions, reviewing, scanned

from digitocr.core.document import FileResult, ModelId, Number, PageResult
from digitocr.core.geometry import Box
from digitocr.results.corrections import Correction
from digitocr.review.page_images import Shape
from digitocr.review.queue import (
    Filter,
    ReviewQueue,
)


def numbers(server: Server, **wanted: object) -> list[dict[str, Any]]:
    """Return what the page is told of the numbers that a filter leaves."""
    asked = "&".join(f"{key}={value}" for key, value in wanted.items())
    ids = server.get(f"queue?{asked}")["ids"]
    found: list[dict[str, Any]] = (
        server.get(f"numbers?ids={','.join(map(str, ids))}") if ids else []
    )
    return found


def decided(server: Server, number: dict[str, Any], text: str | None) -> tuple[int, Any]:
    told = {"id": number["id"], "version": number["version"], "number": text}
    status, answer = server.post("decide", told)
    return status, answer


def test_only_its_own_page_is_answered(nothing_decided: Server) -> None:
    host, path = nothing_decided.address.split("/", 3)[2:]
    ask = nothing_decided.ask
    assert ask("GET", "")[0] == 200
    assert ask("GET", "/")[0] == 404  # without the token
    assert ask("GET", f"/{path[:-2]}x/")[0] == 404
    assert ask("GET", "", Host=f"evil.example:{host.split(':')[1]}")[0] == 403
    assert ask("GET", "", Host="127.0.0.1:1")[0] == 403
    assert ask("GET", "queue", Origin="http://evil.example")[0] == 403
    body = json.dumps({"id": 0, "version": 0, "number": "1"}).encode()
    own = {"Origin": f"http://{host}", "Content_Type": "application/json"}
    assert ask("POST", "decide", body, **{**own, "Origin": "http://evil.example"})[0] == 403
    assert ask("POST", "decide", body, **{**own, "Origin": "null"})[0] == 403
    assert ask("POST", "decide", body, Content_Type="application/json")[0] == 403
    assert ask("POST", "decide", body, **{**own, "Content_Type": "text/plain"})[0] == 400
    assert ask("GET", "decide")[0] == 405
    for method in ("OPTIONS", "PUT", "DELETE", "TRACE", "PATCH"):
        assert ask(method, "decide", **own)[0] == 405
    assert ask("HEAD", "pictures/0/crop.png")[:2] == (200, b"")


@pytest.mark.parametrize(
    "what",
    [
        *("../in/a.png", "%2e%2e/in/a.png", "in/a.png", "static/index.html", "journal.jsonl"),
        *("pictures/9/crop.png", "pictures/0/other.png", "pictures/-1/crop.png"),
        *("pages/0/9/1400.jpg", "pages/9/1/1400.jpg", "pages/0/1/1400000.jpg"),
        *("numbers?ids=9", "numbers?ids=x", "beside?id=9", "guesses?id=", "changes?since=x"),
        *("queue?most=x", "audit", "numbers", "index.html", "%00", "pictures/%d9%a3/crop.png"),
        *("pictures/..%2f0/crop.png", "pictures/0/%2e%2e/crop.png", "pages/0/..%5c1/1400.jpg"),
        *(f"pictures/{'9' * 5000}/crop.png", f"pages/0/{'9' * 5000}/1400.jpg"),
    ],
)
def test_what_is_not_there_is_refused(nothing_decided: Server, what: str) -> None:
    status, content, _ = nothing_decided.ask("GET", what)
    assert status in (400, 404)
    assert len(content) < 200


def test_browsers_are_told_to_trust_nothing_else(nothing_decided: Server) -> None:
    for what in ("", "review.js", "queue", "pictures/0/crop.png", "none"):
        _, _, headers = nothing_decided.ask("GET", what)
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
    page = nothing_decided.ask("GET", "")[1].decode()
    assert "http" not in page  # nothing is fetched from elsewhere
    assert "style=" not in page


@pytest.mark.parametrize(
    "told",
    [
        {"id": 0, "version": 0, "number": "abc"},
        {"id": 0, "version": 0, "number": "1" * 101},
        {"id": 0, "version": 0, "number": ""},
        {"id": 0, "version": 0, "number": 7},
        {"id": -1, "version": 0, "number": "7"},
        {"id": True, "version": 0, "number": "7"},
        {"id": 0, "number": "7"},
        {"id": 0, "version": 0, "number": "7", "more": "x" * 5000},
        [],
        "7",
    ],
)
def test_what_makes_no_sense_is_refused(nothing_decided: Server, told: object) -> None:
    status, answer = nothing_decided.post("decide", told)
    assert status == 400
    assert answer["error"]


@pytest.mark.parametrize(
    "box", [None, [], [0, 0, 1], [0, 0, 2, 1], [-1, 0, 1, 1], [0, 0, 0, 1], ["0", 0, 1, 1], "0011"]
)
def test_a_box_that_is_none_is_refused(nothing_decided: Server, box: object) -> None:
    assert nothing_decided.post("add", {"id": 0, "box": box, "number": "7"})[0] == 400


def test_a_browser_that_goes_away_is_no_trouble(tmp_path: Path, clear: Clear) -> None:
    out = scanned(tmp_path, clear, "a.png")
    with reviewing(out) as server:
        place = urlsplit(server.address)
        head = (
            f"POST {place.path}decide HTTP/1.1\r\nHost: {place.netloc}\r\n"
            f"Origin: http://{place.netloc}\r\nContent-Type: application/json\r\n"
            'Content-Length: 100\r\n\r\n{"id":'
        )
        with socket.create_connection((place.hostname, place.port)) as half:
            half.sendall(head.encode())
        assert len(server.get("queue")["ids"]) == 2
        assert "Traceback" not in server.end()


@pytest.fixture(scope="module")
def nothing_decided(tmp_path_factory: pytest.TempPathFactory, clear: Clear) -> Iterator[Server]:
    """A server in whose folder nothing may be decided."""
    out = scanned(tmp_path_factory.mktemp("review"), clear, "a.png")
    with reviewing(out) as server:
        yield server
    assert not (out / "corrections.jsonl").exists()


def test_results_show_what_was_decided(tmp_path: Path, clear: Clear) -> None:
    out = scanned(tmp_path, clear, "a.png", "b/c.png")
    before = (out / "a.png.json").read_bytes()
    with reviewing(out) as server:
        first, second = numbers(server, file="a.png")
        assert first["confidence"] <= second["confidence"]
        assert decided(server, first, None)[0] == 200
        assert decided(server, second, "12:05")[0] == 200
        (line,) = [one for one in decisions(out) if one["number"]]
        assert (line["read"], line["file"]) == (second["read"], "a.png")
        assert server.get("queue")["progress"]["done"] == 2
        assert [one["number"] for one in numbers(server, status="checked")] == [None, "12:05"]
    rows = read_rows(out / "numbers.csv")
    assert [(row["number"], row["status"]) for row in rows] == [
        ("12:05", "checked"),
        ("3407", "review"),
        ("57", "review"),
    ]
    shown = results_in(out)["a.png"]["pages"][0]["numbers"]
    assert {one["read"] for one in shown} == {"3407", "57"}
    with reviewing(out) as server:  # and taken back, they are as they were
        for one in numbers(server, status="checked"):
            assert server.post("undo", {"id": one["id"], "version": one["version"]})[0] == 200
    assert (out / "a.png.json").read_bytes() == before


def test_the_later_of_two_decisions_is_refused(tmp_path: Path, clear: Clear) -> None:
    out = scanned(tmp_path, clear, "a.png")
    with reviewing(out) as server:
        one = numbers(server)[0]
        assert decided(server, one, "1")[0] == 200
        assert decided(server, one, "2")[0] == 409
        told = server.get("changes?since=0")
        assert [(other["id"], other["number"]) for other in told["numbers"]] == [(one["id"], "1")]
        assert decided(server, told["numbers"][0], "2")[0] == 200
    assert [one["number"] for one in decisions(out)] == ["1", "2"]


def test_a_folder_is_written_by_one_at_a_time(tmp_path: Path, clear: Clear) -> None:
    out = scanned(tmp_path, clear, "a.png")
    with reviewing(out):
        for command in (["review", "out"], ["scan", "in", "-o", "out"]):
            done = run_command(*command, cwd=tmp_path)
            assert done.returncode == 5
            assert done.stderr.startswith("error: out: another run is writing there.")


def test_inputs_are_found_wherever_they_are(tmp_path: Path, clear: Clear) -> None:
    out = scanned(tmp_path, clear, "a.png")
    crop = "pictures/0/crop.png"
    with reviewing(out) as server:  # from another folder than the scan
        assert server.ask("GET", crop)[0] == 200
    (tmp_path / "in").rename(tmp_path / "moved")
    with reviewing(out) as server:
        status, content, _ = server.ask("GET", crop)
        assert (status, "--inputs" in content.decode()) == (404, True)
    with reviewing(out, "--inputs", str(tmp_path / "moved")) as server:
        status, content, headers = server.ask("GET", crop)
        assert (status, headers["content-type"]) == (200, "image/png")
        assert cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE) is not None
    os.utime(tmp_path / "moved" / "a.png", (1, 1))
    with reviewing(out, "--inputs", str(tmp_path / "moved")) as server:
        assert b"has changed since it was read" in server.ask("GET", crop)[1]


def test_pages_of_documents_have_pictures(tmp_path: Path, clear: Clear) -> None:
    pytest.importorskip("pypdfium2")
    (tmp_path / "in").mkdir()
    blank = np.full_like(clear.gray, 255)
    (tmp_path / "in" / "a.pdf").write_bytes(pdf(scan_page(blank), scan_page(clear.gray)))
    out = scanned(tmp_path, clear)
    with reviewing(out) as server:
        found = numbers(server)
        assert {one["page"] for one in found} == {2}
        content = server.ask("GET", f"pictures/{found[0]['id']}/crop.png")[1]
        page = server.ask("GET", f"pages/{found[0]['pageId']}/1400.jpg")[1]
        hypotheses = server.get(f"guesses?id={found[0]['id']}")
    crop = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert crop is not None
    assert crop.min() < 100  # ink
    assert cv2.imdecode(np.frombuffer(page, np.uint8), cv2.IMREAD_GRAYSCALE).shape == (260, 700)
    assert len(hypotheses) == len(found[0]["digits"])
    assert all(len(digit) == 1 and 0 <= chance <= 1 for digit, chance in hypotheses)


def test_decisions_go_with_boxes_that_have_moved() -> None:
    number = Number("57", 0.5, "review", 1, 1, Box(102, 101, 60, 40), ())
    page = PageResult(1, 700, 260, None, 0, 0.0, (number,))
    result = FileResult("a.png", ModelId("digits", ""), (page,))
    about = [
        Correction("a.png", 1, Box(100, 100, 60, 40), "67", "57", None),
        Correction("a.png", 1, Box(300, 100, 60, 40), None, "8", None),
    ]
    queue = ReviewQueue(lambda _name: result)
    queue.add_file(result, about)
    assert [(one.read, one.decision and one.decision.number) for one in queue.items] == [
        ("57", "57"),
        (None, "8"),
    ]
    assert queue.wanted(Filter()) == []


def test_turned_pages_are_shown_upright() -> None:
    # Ink in the corner that is the top left of the page as given, which is turned by a quarter.
    shape, box = Shape(300, 200, 90), Box(10, 20, 30, 40)
    turned = shape.turned(box)
    page = np.zeros((200, 300), np.uint8)
    page[box.y : box.bottom, box.x : box.right] = 1
    upright = np.rot90(page, -1)
    assert upright[turned.y : turned.bottom, turned.x : turned.right].all()
    assert upright.sum() == turned.width * turned.height
    for rotation in (0, 90, 180, 270):
        shape = Shape(300, 200, rotation)
        assert shape.upright.turned(shape.turned(box)) == box


def test_a_folder_without_results_is_named(run: RunCommand, tmp_path: Path, clear: Clear) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("empty", "none"):
        done = run("review", name)
        assert done.returncode == 3
        assert done.stderr.startswith(f"error: {name}: holds no results of a scan.")
    (tmp_path / "a.png").write_bytes(encode(".png", clear.gray))
    run("scan", "a.png", "-o", "csv", "--format", "csv")
    assert run("review", "csv").stderr.startswith("error: csv: holds no JSON")


def test_an_audit_draws_the_same_sample_again(tmp_path: Path, samples: Path) -> None:
    for name in ("ledger.png", "digit.png"):
        shutil.copy(samples / name, tmp_path)
    run_command("scan", ".", "-o", "out", "-q", cwd=tmp_path)
    out = tmp_path / "out"
    with reviewing(out, "--audit", "4") as server:
        first = server.get("queue")["ids"]
        assert len(first) == 4
        (one, *_) = server.get(f"numbers?ids={first[0]}")
        assert decided(server, one, one["read"])[0] == 200
        server.kill()
    with reviewing(out, "--audit", "4") as server:  # goes on
        assert server.get("queue")["ids"] == first[1:]
        assert "3 of its numbers are left" in server.end()
    with reviewing(out, "--audit", "4", "--seed", "1") as server:  # another one
        assert server.get("queue")["ids"] != first
    kept = json.loads((out / "audit.json").read_text())
    assert kept["earlier"][0]["looked_at"] == 1
    assert len(kept["sample"]) == 4

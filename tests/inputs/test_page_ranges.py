"""Pages are named as people write them, or it is said what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support.command import RunCommand
from support.outputs import read_rows, results_in
from support.pictures import Clear
from support.tiff import tiff

from digitocr.core.errors import WrongUsage
from digitocr.core.page_ranges import parse_page_ranges


@pytest.mark.parametrize(
    ("text", "pages"),
    [
        ("1", [1]),
        ("2-4,7", [2, 3, 4, 7]),
        (" 2 - 4 , 7 ", [2, 3, 4, 7]),
        ("9-", [9, 10, 11, 12]),
        ("3-3,1-2,2", [1, 2, 3]),
        ("999999999", []),
    ],
)
def test_pages_that_a_text_names(text: str, pages: list[int]) -> None:
    ranges = parse_page_ranges(text)
    assert [page for page in range(13) if any(page in one for one in ranges)] == pages


WRONG = ["", ",", "1,", "0", "0-3", "4-2", "-3", "a", "1-2-3", "1.5", "1;2", "٣", "1" * 5000]


@pytest.mark.parametrize("text", WRONG)
def test_other_text_is_wrong_usage(text: str) -> None:
    with pytest.raises(WrongUsage, match="pages "):
        parse_page_ranges(text)


def test_wrong_pages_end_with_2_before_anything_is_read(run: RunCommand, tmp_path: Path) -> None:
    done = run("scan", "a.tif", "--pages", "4-2", "-o", "out")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: --pages 4-2: 4-2 has no pages; they count from 1.")
    assert not (tmp_path / "out").exists()


def test_pages_of_a_tiff_that_are_not_wanted_are_not_decoded(
    run: RunCommand, clear: Clear, tmp_path: Path
) -> None:
    empty = np.full((60, 60), 251, np.uint8)  # as no other page is
    three = bytearray(tiff(clear.gray, empty, clear.gray))
    second = bytes(three).index(empty.tobytes())  # where the second page's strip says it is
    place = bytes(three).index(second.to_bytes(4, "little"), second)
    three[place : place + 4] = b"\xff\xff\xff\x7f"
    (tmp_path / "a.tif").write_bytes(bytes(three))
    (tmp_path / "b.tif").write_bytes(tiff(clear.gray))
    done = run("scan", "a.tif", "b.tif", "-o", "out", "--pages", "3,5-", "--annotate")
    assert done.returncode == 7
    assert [page["page"] for page in results_in(tmp_path / "out")["a.tif"]["pages"]] == [3]
    assert (tmp_path / "out/a.tif.page3.annotated.jpg").exists()
    assert read_rows(tmp_path / "out/errors.csv") == [
        {"file": "b.tif", "error": "has 1 page, none of those that --pages names"}
    ]
    settings = json.loads((tmp_path / "out/run.json").read_text("utf-8"))["settings"]
    assert (settings["pages"], settings["dpi"]) == ("3,5-", 300)
    assert run("scan", "a.tif", "-o", "out").returncode == 7

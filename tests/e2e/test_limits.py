"""What a file may ask for is an option, and a sentence names the one to raise."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.command import RunCommand
from support.outputs import numbers_of, read_rows, results_in
from support.pdf import pdf, scan_page
from support.pictures import Clear, encode
from support.tiff import tiff


@pytest.mark.parametrize(
    ("kind", "option", "value", "sentence"),
    [
        ("png", "--max-pixels", 1, "has 2 million pixels, more than 1; to read it raise"),
        ("png", "--max-memory", 2, "has 4 MB to decode, more than 2; to read it raise"),
        ("tif", "--max-memory", 2, "has 4 MB to decode, more than 2; to read it raise"),
        ("pdf", "--max-memory", 9, "has in pictures on page 1 12 MB to decode, more than 9; to"),
    ],
)
def test_beyond_a_limit_a_file_is_refused_and_read_where_it_is_raised(
    kind: str, option: str, value: int, sentence: str, run: RunCommand, clear: Clear, tmp_path: Path
) -> None:
    gray = clear.gray.repeat(3, axis=0).repeat(3, axis=1)  # 1.6 million pixels
    if kind == "pdf":
        pytest.importorskip("pypdfium2")
    makers = {"png": lambda: encode(".png", gray), "tif": lambda: tiff(gray)}
    makers["pdf"] = lambda: pdf(scan_page(gray, 300))
    (tmp_path / f"a.{kind}").write_bytes(makers[kind]())
    (tmp_path / "small.png").write_bytes(encode(".png", clear.gray))
    done = run("scan", f"a.{kind}", "small.png", "-o", "out", option, str(value))
    assert done.returncode == 7
    (row,) = read_rows(tmp_path / "out/errors.csv")
    assert row["error"].startswith(sentence) and option in row["error"]
    assert list(results_in(tmp_path / "out")) == ["small.png"]
    assert run("scan", f"a.{kind}", "-o", "out", option, "20").returncode == 0
    assert numbers_of(results_in(tmp_path / "out")[f"a.{kind}"]) == clear.numbers


def test_pages_beyond_the_limit_are_not_begun_and_may_be_named(
    run: RunCommand, clear: Clear, tmp_path: Path
) -> None:
    (tmp_path / "a.tif").write_bytes(tiff(*[clear.gray] * 4))
    done = run("scan", "a.tif", "-o", "out", "--max-pages", "3")
    assert done.returncode == 7
    sentence = "has more than 3 pages; name some with --pages, or raise --max-pages"
    assert [row["error"] for row in read_rows(tmp_path / "out/errors.csv")] == [sentence]
    done = run("scan", "a.tif", "-o", "out", "--max-pages", "3", "--pages", "2-")
    assert done.returncode == 0
    pages = results_in(tmp_path / "out")["a.tif"]["pages"]
    assert [page["page"] for page in pages] == [2, 3, 4]
    settings = json.loads((tmp_path / "out/run.json").read_text("utf-8"))["settings"]
    assert settings["limits"]["pages"] == 3


@pytest.mark.parametrize("value", ["0", "-1", "many"])
def test_a_limit_that_makes_no_sense_is_wrong_usage(value: str, run: RunCommand) -> None:
    done = run("scan", "a.png", "--max-pixels", value)
    assert done.returncode == 2 and "--max-pixels" in done.stderr

"""Photographs of phones that are damaged or can't be decoded here are named."""

from __future__ import annotations

import io
import re
import subprocess
from pathlib import Path

import pytest
from support.command import RunCommand, with_modules_of
from support.outputs import numbers_of, read_rows, results_in
from support.pictures import Clear, Gray, encode

pillow_heif = pytest.importorskip("pillow_heif", reason="needs digitocr[heic]")


def heic(gray: Gray) -> bytes:
    """Return a picture as a phone writes it."""
    file = io.BytesIO()
    picture = pillow_heif.from_bytes("L", gray.shape[::-1], gray.tobytes())
    picture.save(file, quality=80)
    return file.getvalue()


def test_bad_heic_is_named_and_leaves_the_others_alone(
    run: RunCommand, clear: Clear, tmp_path: Path
) -> None:
    whole = heic(clear.gray)
    picture = whole.index(b"mdat") + 4
    bad = {
        **{f"cut-at-{n}.heic": (whole[: len(whole) * n // 100], "is damaged") for n in (2, 50, 98)},
        "huge.heic": (
            re.sub(rb"(?s)(ispe.{4}).{8}", rb"\1" + bytes([0, 1, 0, 0] * 2), whole),
            "million pixels, more than 200",
        ),
        "no-picture.heic": (whole[:picture] + bytes(len(whole) - picture), "is damaged"),
    }
    for name, (data, _) in bad.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "good.heic").write_bytes(whole)
    done = run("scan", ".", "-o", "out", "-q")
    assert done.returncode == 7 and len(done.stderr.splitlines()) == len(bad)
    said = {row["file"]: row["error"] for row in read_rows(tmp_path / "out/errors.csv")}
    assert said.keys() == bad.keys()
    for name, (_, part) in bad.items():
        assert part in said[name], name
    assert numbers_of(results_in(tmp_path / "out")["good.heic"]) == clear.numbers


def test_missing_extra_costs_only_the_files_that_need_it(
    run: RunCommand, clear: Clear, tmp_path: Path
) -> None:
    (tmp_path / "a.heic").write_bytes(heic(clear.gray))
    (tmp_path / "b.png").write_bytes(encode(".png", clear.gray))
    missing = "raise ModuleNotFoundError(\"No module named 'pillow_heif'\", name='pillow_heif')\n"
    (tmp_path / "pillow_heif.py").write_text(missing)
    path = with_modules_of(tmp_path)

    def scan(*inputs: str) -> subprocess.CompletedProcess[str]:
        return run("scan", *inputs, "-o", "out", "-q", env=path)

    sentence = "error: a.heic: is a HEIF image, which needs: pip install 'digitocr[heic]'.\n"
    both, alone = scan("a.heic", "b.png"), scan("a.heic")
    assert (both.returncode, both.stderr) == (7, sentence)
    assert (alone.returncode, alone.stderr) == (6, sentence)
    assert numbers_of(results_in(tmp_path / "out")["b.png"]) == clear.numbers

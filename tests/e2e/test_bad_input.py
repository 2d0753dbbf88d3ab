"""A bad file gives one clear sentence and an error row; the others are read all the same."""

from __future__ import annotations

import os
import re
import struct
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from safetensors.numpy import save
from support.command import SAMPLES, RunCommand, run_command
from support.outputs import numbers_of, read_rows, results_in, rows
from support.pictures import Clear, chunk, encode
from support.tiff import tiff

PNG = b"\x89PNG\r\n\x1a\n"
DAMAGED = "is damaged"
NO_IMAGE = "is no PDF and no image of a known kind"
TOO_LARGE = "million pixels, more than 200"


def huge_png() -> bytes:
    """Return a PNG that says it has 60,000 x 60,000 pixels."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    return PNG + chunk(b"IHDR", header) + chunk(b"IDAT", bytes(99)) + chunk(b"IEND", b"")


def bad_files(clear: Clear) -> dict[str, tuple[bytes, str]]:
    """Return the bytes of bad files and a part of the sentence on each, by name."""
    gray = clear.gray
    extensions = (".png", ".jpg", ".webp", ".bmp", ".avif", ".jp2")
    whole = {extension: encode(extension, gray) for extension in extensions}
    whole[".gif"] = encode(".gif", np.dstack([gray] * 3))
    whole["-plain.tif"], whole["-packed.tif"] = tiff(gray), encode(".tif", gray)
    whole["-progressive.jpg"] = (SAMPLES / "receipt.jpg").read_bytes()
    cut = {
        f"cut-at-{percent}{name}": (data[: len(data) * percent // 100], DAMAGED)
        for name, data in whole.items()
        for percent in (2, 30, 70, 98)
    }
    png = whole[".png"]
    middle = len(png) // 2
    return cut | {
        "empty.png": (b"", r"is empty \(0 bytes\)"),
        "one-byte.png": (b"\x89", NO_IMAGE),
        "signature-only.png": (PNG, DAMAGED),
        "text.png": (b"3407\n", NO_IMAGE),
        "page-not-found.jpg": (b"<!doctype html><title>404</title>", NO_IMAGE),
        "drawing.webp": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", NO_IMAGE),
        "moving.png": (b"RIFF" + bytes(4) + b"AVI " + bytes(99), NO_IMAGE),
        "huge.png": (huge_png(), TOO_LARGE),
        "huge.bmp": (whole[".bmp"][:18] + struct.pack("<ii", 60_000, -60_000), DAMAGED),
        "huge-whole.bmp": (
            whole[".bmp"][:18] + struct.pack("<ii", 60_000, -60_000) + whole[".bmp"][26:],
            TOO_LARGE,
        ),
        "huge.tif": (tiff(gray, tags={256: (4, [60_000]), 257: (4, [60_000])}), TOO_LARGE),
        "huge-2nd-page.tif": (
            tiff(gray[:60], np.zeros((1, 1), np.uint8), tags={256: (4, [9**8])}),
            TOO_LARGE,
        ),
        "huge.jp2": (
            re.sub(
                rb"(?s)(\xff\x4f\xff\x51.{4}).{8}", rb"\1" + bytes([0, 1, 0, 0] * 2), whole[".jp2"]
            ),
            TOO_LARGE,
        ),
        "huge.gif": (whole[".gif"][:6] + b"\xff" * 4 + whole[".gif"][10:], TOO_LARGE),
        "huge.avif": (
            re.sub(rb"(?s)(ispe.{4}).{8}", rb"\1" + bytes([0, 1, 0, 0] * 2), whole[".avif"]),
            TOO_LARGE,
        ),
        "flipped-bits.png": (png[:middle] + b"\xff\x00\xff" + png[middle + 3 :], DAMAGED),
        "no-page.tif": (b"II*\0" + bytes(4), DAMAGED),
        "page-without-pixels.tif": (tiff(gray, tags={273: (4, [1 << 30])}), DAMAGED),
        "ring.tif": (ring_tiff(), DAMAGED),
        "ink-in-alpha.tif": (tiff(np.dstack([gray * 0, 255 - gray])), "save it as PNG"),
        "no-width.png": (PNG + chunk(b"IHDR", bytes(13)) + chunk(b"IEND", b""), DAMAGED),
    }


def ring_tiff() -> bytes:
    """Return a TIFF whose second page is its first again."""
    data = bytearray(tiff(np.full((60, 60), 255, np.uint8)))
    directory = struct.unpack_from("<I", data, 4)[0]
    count = struct.unpack_from("<H", data, directory)[0]
    struct.pack_into("<I", data, directory + 2 + 12 * count, directory)
    return bytes(data)


def blank_files() -> dict[str, bytes]:
    """Return pictures that are whole and show nothing."""
    return {
        "1x1.png": encode(".png", np.zeros((1, 1), np.uint8)),
        "1x1-white.tif": tiff(np.full((1, 1), 255, np.uint8)),
        "1x900.png": encode(".png", np.full((1, 900), 255, np.uint8)),
        "900x1.png": encode(".png", np.full((900, 1), 255, np.uint8)),
        "black.png": encode(".png", np.zeros((300, 400), np.uint8)),
        "black-16-bit.png": encode(".png", np.zeros((300, 400), np.uint16)),
        "white.png": encode(".png", np.full((300, 400), 255, np.uint8)),
        "white.jpg": encode(".jpg", np.full((300, 400, 3), 255, np.uint8)),
        "grey.png": encode(".png", np.full((300, 400), 128, np.uint8)),
        "see-through.png": encode(".png", np.zeros((300, 400, 4), np.uint8)),
    }


LINKS = {  # name → (target, part of the sentence)
    "broken.png": ("nowhere.png", "is a link to a file that is not there"),
    "broken-folder": ("nowhere", "is a link to a file that is not there"),
    "ring-a.png": ("ring-b.png", "is a link that can't be followed"),
    "ring-b.png": ("ring-a.png", "is a link that can't be followed"),
    "self.png": ("self.png", "is a link that can't be followed"),
    "outside.png": ("../secret/secret.png", "leads out of the folder"),
    "outside": ("../secret", "leads out of the folder"),
    "parent": ("..", "leads out of the folder"),
}
SILENT_LINKS = {"z-good.png": "good.png", "deep/up": "..", "here": ".", "notes.doc": "notes.txt"}


class Wreck(NamedTuple):
    """What one run made of a folder with everything bad in it, and two good files."""

    expected: dict[str, str]  # name → part of the sentence
    out: Path
    code: int
    stderr: list[str]


@pytest.fixture(scope="module")
def wreck(clear: Clear, tmp_path_factory: pytest.TempPathFactory) -> Wreck:
    """The folder, read."""
    top = tmp_path_factory.mktemp("wreck")
    scans, secret = top / "scans", top / "secret"
    (scans / "deep").mkdir(parents=True)
    (scans / "folder.png").mkdir()
    secret.mkdir()
    good = encode(".png", clear.gray)
    for place in (scans / "good.png", scans / "folder.png/good.png", secret / "secret.png"):
        place.write_bytes(good)
    (scans / "notes.txt").write_bytes(good)
    bad = bad_files(clear)
    for name, (data, _) in bad.items():
        (scans / name).write_bytes(data)
    for name, data in blank_files().items():
        (scans / "blank" / name).parent.mkdir(exist_ok=True)
        (scans / "blank" / name).write_bytes(data)
    for name, (target, _) in LINKS.items():
        (scans / name).symlink_to(target)
    for name, target in SILENT_LINKS.items():
        (scans / name).symlink_to(target)
    os.mkfifo(scans / "pipe.png")
    done = run_command("scan", "scans", "-o", "out", "-q", cwd=top)
    expected = {name: part for name, (_, part) in (bad | LINKS).items()}
    expected["pipe.png"] = "is neither a file nor a folder"
    assert done.stdout == ""
    return Wreck(expected, top / "out", done.returncode, done.stderr.splitlines())


def bad_names() -> list[str]:
    """Return the names of everything bad in the folder."""
    blank = np.full((260, 700), 255, np.uint8)
    return [*bad_files(Clear(blank, [])), *LINKS, "pipe.png"]


@pytest.mark.parametrize("name", bad_names())
def test_bad_file_gives_one_sentence_and_an_error_row_and_no_result(
    name: str, wreck: Wreck
) -> None:
    said = [line for line in wreck.stderr if line.startswith(f"error: {name}: ")]
    assert len(said) == 1 and re.search(wreck.expected[name], said[0]) and said[0].endswith(".")
    errors = [row["error"] for row in read_rows(wreck.out / "errors.csv") if row["file"] == name]
    assert [f"error: {name}: {error}." for error in errors] == said
    assert not list(wreck.out.glob(f"{name}.*"))


@pytest.mark.parametrize("name", blank_files())
def test_blank_picture_is_read_and_has_no_numbers(name: str, wreck: Wreck) -> None:
    result = results_in(wreck.out / "blank")[f"blank/{name}"]
    assert len(result["pages"]) == 1 and numbers_of(result) == []
    assert not [line for line in wreck.stderr if name in line and line.startswith("error")]


def test_batch_with_bad_files_ends_with_7_and_the_good_ones_are_read(
    wreck: Wreck, clear: Clear
) -> None:
    assert wreck.code == 7
    found = [(row["file"], row["number"]) for row in read_rows(wreck.out / "numbers.csv")]
    assert found == [
        (name, number) for name in ("folder.png/good.png", "good.png") for number in clear.numbers
    ]
    assert len(read_rows(wreck.out / "errors.csv")) == len(wreck.expected)


def test_nothing_half_written_and_nothing_outside_is_left(wreck: Wreck) -> None:
    read = ["good.png", "folder.png/good.png", *(f"blank/{name}" for name in blank_files())]
    results = {f"{name}.{kind}" for name in read for kind in ("csv", "json")}
    found = {str(path.relative_to(wreck.out)) for path in wreck.out.rglob("*") if path.is_file()}
    combined = {"numbers.csv", "errors.csv", "run.json", "journal.jsonl", ".inputs.jsonl"}
    assert found - combined == results
    assert {path.name for path in wreck.out.parent.iterdir()} == {"scans", "secret", "out"}


def test_stderr_holds_no_noise_of_image_libraries(wreck: Wreck) -> None:
    assert len(wreck.stderr) == len(wreck.expected)  # and each line is an error, see above
    assert not [line for line in wreck.stderr if "Traceback" in line or "unexpected" in line]


ODD_NAMES = [
    b"a b.png",
    b"new\nline.png",
    b"carriage\rreturn.png",
    b"quote\"and'comma,.png",
    b"semicolon;=1+1;.png",
    b"\tb.png",
    b"=1+1.png",
    b"+1.png",
    b"-x.png",
    b"--help.png",
    b"@sum.png",
    "😀 ١٢.png".encode(),
    b"caf\xe9.png",  # Latin-1, not UTF-8
    b"\xff\xfe.png",
    b"\x1b[31mred.png",
    b"[1]*?.png",
    b"%s{0}$HOME`id`.png",
    b"x" * 246 + b".png",
]


def as_text(name: bytes) -> str:
    """Return a file name as results show it."""
    return name.decode("utf-8", "backslashreplace")


def test_any_file_name_is_read_and_can_not_run_in_a_spreadsheet(
    run: RunCommand, clear: Clear, tmp_path: Path
) -> None:
    (tmp_path / "scans").mkdir()
    for name in ODD_NAMES:
        (tmp_path / "scans" / os.fsdecode(name)).write_bytes(encode(".png", clear.gray))
    done = run("scan", "scans", "-o", "out", "-q")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    cells = [row["file"] for row in read_rows(tmp_path / "out/numbers.csv")]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    names = {as_text(name) for name in ODD_NAMES}
    assert {cell.removeprefix("'") for cell in cells} == names
    assert len(cells) == len(names) * len(clear.numbers)
    assert set(results_in(tmp_path / "out")) == names
    for name in ODD_NAMES:
        assert (tmp_path / "out" / os.fsdecode(name + b".csv")).stat().st_size > 100
    streamed = run("scan", "scans", "-o", "-", "-q")
    assert [row["file"] for row in rows(streamed.stdout)] == cells


def test_odd_names_of_bad_files_stay_on_one_line_without_control_characters(
    run: RunCommand, tmp_path: Path
) -> None:
    (tmp_path / "scans").mkdir()
    for name in ODD_NAMES:
        (tmp_path / "scans" / os.fsdecode(name)).touch()
    (tmp_path / "scans" / "good.png").write_bytes(encode(".png", np.full((9, 9), 255, np.uint8)))
    done = run("scan", "scans", "-o", "out")
    assert done.returncode == 7
    said = [line for line in done.stderr.split("\n") if line.startswith("error: ")]
    assert len(said) == len(ODD_NAMES) and all(line.isprintable() for line in said)
    cells = [row["file"] for row in read_rows(tmp_path / "out/errors.csv")]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert {cell.removeprefix("'") for cell in cells} == {as_text(name) for name in ODD_NAMES}


def test_name_that_looks_like_an_option_is_read_after_two_dashes(
    run: RunCommand, clear: Clear, tmp_path: Path
) -> None:
    (tmp_path / "-x.png").write_bytes(encode(".png", clear.gray))
    done = run("scan", "-o", "out", "--", "-x.png")
    assert done.returncode == 0
    assert numbers_of(results_in(tmp_path / "out")["-x.png"]) == clear.numbers


def test_name_too_long_for_results_costs_only_that_file(
    run: RunCommand, clear: Clear, tmp_path: Path
) -> None:
    name = "x" * 247 + ".png"  # the CSV's name has the 255 bytes that it may, the JSON's one more
    for one in (name, "y.png"):
        (tmp_path / one).write_bytes(encode(".png", clear.gray))
    done = run("scan", name, "y.png", "-o", "out")
    assert done.returncode == 7
    assert f"error: {name}: its results can't be written: File name too long." in done.stderr
    assert list(results_in(tmp_path / "out")) == ["y.png"]
    assert [row["file"] for row in read_rows(tmp_path / "out/errors.csv")] == [name]
    assert [path.name for path in (tmp_path / "out").rglob(".*")] == [".inputs.jsonl"]


def test_folder_named_like_a_result_costs_only_its_files(
    run: RunCommand, clear: Clear, tmp_path: Path
) -> None:
    for name in ("a.png", "a.png.csv/b.png", "a.png.csv/deeper/c.png", "z.png"):
        (tmp_path / "scans" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "scans" / name).write_bytes(encode(".png", clear.gray))
    done = run("scan", "scans", "-o", "out")
    assert done.returncode == 7 and "unexpected" not in done.stderr
    read, failed = (
        {row["file"] for row in read_rows(tmp_path / "out" / name)}
        for name in ("numbers.csv", "errors.csv")
    )
    assert read | failed == {"a.png", "a.png.csv/b.png", "a.png.csv/deeper/c.png", "z.png"}
    assert "z.png" in read and not read & failed


def test_argument_that_is_no_image_is_an_error(
    run: RunCommand, clear: Clear, tmp_path: Path
) -> None:
    (tmp_path / "good.png").write_bytes(encode(".png", clear.gray))
    (tmp_path / "notes.txt").write_bytes(b"3407")
    (tmp_path / "no-extension").write_bytes(b"3407")
    (tmp_path / "broken.png").symlink_to("nowhere")
    (tmp_path / "self.png").symlink_to("self.png")
    os.mkfifo(tmp_path / "pipe.png")
    no_type = (
        "is of no type that digitocr reads (avif, bmp, gif, heic, heif, j2k, jp2, jpe, jpeg, jpg,"
        " pdf, png, tif, tiff, webp)"
    )
    sentences = {
        "notes.txt": no_type,
        "no-extension": no_type,
        "broken.png": "is a link to a file that is not there",
        "self.png": "is a link that can't be followed: Too many levels of symbolic links",
        "pipe.png": "is neither a file nor a folder",
        "missing.png": "there is no such file",
        "missing*.png": "matches no file",
        "good*/../../*.png": "has .. after a wildcard",
        "good.png/inside.png": "can't be reached: Not a directory",
        "n" * 300 + ".png": "can't be reached: File name too long",
    }
    done = run("scan", *sentences, "good.png", "-o", "out")
    assert done.returncode == 7
    said = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert said == [f"error: {name}: {sentence}." for name, sentence in sentences.items()]
    assert list(results_in(tmp_path / "out")) == ["good.png"]
    assert "Leave out what is no file: pipes and devices may never end.\n" in done.stderr


@pytest.mark.parametrize(
    ("inputs", "code", "part"),
    [
        ([], 2, "INPUT"),
        (["empty"], 3, "nothing to read in empty"),
        (["missing.png"], 3, "missing.png: there is no such file"),
        (["missing/*.png"], 3, "missing/*.png: matches no file"),
        ([""], 3, "nothing to read"),
        (["empty", "--frmat", "csv"], 2, "--frmat"),
        (["empty", "--format", "pdf"], 2, "--format pdf"),
    ],
)
def test_nothing_to_read_writes_nothing(
    inputs: list[str], code: int, part: str, run: RunCommand, tmp_path: Path
) -> None:
    (tmp_path / "empty" / ".git").mkdir(parents=True)
    (tmp_path / "empty/notes.txt").touch()
    done = run("scan", *inputs)
    assert (done.returncode, done.stdout) == (code, "")
    assert part in done.stderr and "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_unreadable_file_and_folder_cost_only_themselves(
    run: RunCommand, clear: Clear, tmp_path: Path, unprivileged: list[str]
) -> None:
    scans = tmp_path / "scans"
    for name in ("a.png", "barred/b.png", "barred-names/c.png", "d.png"):
        (scans / name).parent.mkdir(parents=True, exist_ok=True)
        (scans / name).write_bytes(encode(".png", clear.gray))
    barred = {scans / "a.png": 0, scans / "barred": 0, scans / "barred-names": 0o400}
    for path, mode in barred.items():
        path.chmod(mode)
    try:
        done = run("scan", "scans", "scans/barred/b.png", "-o", "out", before=unprivileged)
    finally:
        for path in barred:
            path.chmod(0o700)
    assert done.returncode == 7
    said = {line for line in done.stderr.splitlines() if line.startswith("error: ")}
    assert said == {
        "error: a.png: can't be opened: Permission denied.",
        "error: scans/barred: the folder can't be listed: Permission denied.",
        "error: barred-names/c.png: can't be opened: Permission denied.",
        "error: scans/barred/b.png: can't be reached: Permission denied.",
    }
    assert list(results_in(tmp_path / "out")) == ["d.png"]


def test_files_of_one_name_are_told_apart_and_a_file_given_twice_is_read_once(
    run: RunCommand, clear: Clear, tmp_path: Path
) -> None:
    for name, picture in {"a/x.png": clear.gray, "b/x.png": clear.gray[:, :400].copy()}.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(encode(".png", picture))
    (tmp_path / "link.png").symlink_to("b/x.png")
    done = run("scan", "a", "b", "a/x.png", "./b/../b/x.png", "link.png", "-o", "out")
    assert done.returncode == 0
    results = results_in(tmp_path / "out")
    assert {name: numbers_of(result) for name, result in results.items()} == {
        "a/x.png": ["3407", "57"],
        "b/x.png": ["3407"],
    }
    assert len(read_rows(tmp_path / "out/numbers.csv")) == 3


@pytest.mark.parametrize("target", ["taken", "taken/out", "barred", "barred/out"])
def test_output_that_can_not_be_written_ends_with_5_before_anything_is_read(
    target: str, run: RunCommand, clear: Clear, tmp_path: Path, unprivileged: list[str]
) -> None:
    (tmp_path / "a.png").write_bytes(encode(".png", clear.gray))
    (tmp_path / "bad.png").write_bytes(b"")
    (tmp_path / "taken").write_bytes(b"mine")
    (tmp_path / "barred").mkdir(mode=0o500)
    done = run("scan", "a.png", "bad.png", "-o", target, before=unprivileged)
    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr.startswith(f"error: {target}: ") and done.stderr.count("\n") == 1
    assert (tmp_path / "taken").read_bytes() == b"mine"
    assert {path.name for path in tmp_path.rglob("*")} == {"a.png", "bad.png", "taken", "barred"}


def test_results_of_a_file_that_has_become_bad_are_removed(
    run: RunCommand, clear: Clear, tmp_path: Path
) -> None:
    for name in ("a.tif", "b.tif"):
        (tmp_path / name).write_bytes(tiff(clear.gray, clear.gray))
    assert run("scan", "a.tif", "b.tif", "-o", "out", "--annotate").returncode == 0
    assert len(list((tmp_path / "out").glob("a.tif.*"))) == 4
    (tmp_path / "a.tif").write_bytes(tiff(clear.gray, clear.gray)[:-300])
    assert run("scan", "a.tif", "b.tif", "-o", "out", "--annotate").returncode == 7
    assert list((tmp_path / "out").glob("a.tif.*")) == []
    assert len(list((tmp_path / "out").glob("b.tif.*"))) == 4
    assert {row["file"] for row in read_rows(tmp_path / "out/numbers.csv")} == {"b.tif"}


def model(**shapes: tuple[int, ...]) -> bytes:
    """Return a weights file with zeros in the shapes of a network, or in others."""
    wanted = {"w1": (784, 16), "b1": (16,), "w2": (16, 10), "b2": (10,)} | shapes
    return save({name: np.zeros(shape, np.float32) for name, shape in wanted.items()})


def nan_model() -> bytes:
    arrays = {"w1": np.full((784, 16), np.nan), "b1": np.zeros(16), "w2": np.zeros((16, 10))}
    return save(
        {key: a.astype(np.float32) for key, a in arrays.items()} | {"b2": np.zeros(10, "f")}
    )


MODELS: dict[str, Any] = {
    "missing": None,
    "empty": b"",
    "text": b"not a model\n" * 99,
    "cut": model()[:-99],
    "huge-header": struct.pack("<Q", 2**63 - 1) + b"{}",
    "header-past-the-end": struct.pack("<Q", 10**6) + b"{}",
    "no-json": struct.pack("<Q", 2) + b"[[",
    "other-shape": model(w1=(783, 16)),
    "other-classes": model(w2=(16, 11), b2=(11,)),
    "one-too-many": model(w3=(1,)),
    "no-hidden": model(w1=(784, 0), b1=(0,), w2=(0, 10)),
    "not-finite": nan_model(),
    "pickle": b"\x80\x04\x95" + bytes(99),
}


@pytest.mark.parametrize("kind", MODELS)
def test_model_that_can_not_be_used_ends_with_4_before_anything_is_written(
    kind: str, run: RunCommand, clear: Clear, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(encode(".png", clear.gray))
    if MODELS[kind] is not None:
        (tmp_path / "my.safetensors").write_bytes(MODELS[kind])
    done = run("scan", "a.png", "--model", "my.safetensors", "-o", "out")
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.startswith("error: my.safetensors: ") and done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()

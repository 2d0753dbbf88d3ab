"""Every kind of picture reads like the plain grey PNG, and every kind of INPUT finds its files."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import struct
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from support.command import COMMAND, RunCommand, run_command
from support.outputs import numbers_of, read_rows, results_in, rows
from support.pictures import (
    Clear,
    Gray,
    Pixels,
    as_stored,
    chunk,
    encode,
    see_through,
    with_chunk,
    with_orientation,
    with_segment,
)
from support.tiff import Tags, tiff

from digitocr.core.source import Source
from digitocr.inputs.discover import find_sources
from digitocr.inputs.reader import read_pages

EXTENSIONS = [".png", ".jpg", ".webp", ".tif"]
Results = dict[str, dict[str, Any]]


def bilevel(gray: Gray) -> Gray:
    return np.where(gray < 150, 0, 255).astype(np.uint8)


def packed(gray: Gray) -> bytes:
    """Return the rows of a picture at one bit a pixel, 1 white."""
    return np.packbits(bilevel(gray) > 0, axis=1).tobytes()


def bits_tiff(gray: Gray, white: int) -> bytes:
    """Return a TIFF of one bit a pixel, white 1 or 0 (fax machines)."""
    data = packed(gray) if white else bytes(~np.frombuffer(packed(gray), np.uint8))
    width = -(-gray.shape[1] // 8)
    tags: Tags = {258: (3, [1]), 262: (3, [white]), 256: (4, [gray.shape[1]])}
    return tiff(np.frombuffer(data, np.uint8).reshape(-1, width), tags=tags)


def palette_png(gray: Gray) -> bytes:
    """Return a PNG of two palette colours: paper black but transparent, ink black."""
    height, width = gray.shape
    scans = np.insert(np.where(gray < 150, 1, 0).astype(np.uint8), 0, 0, axis=1).tobytes()
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            chunk(b"PLTE", bytes(6)),
            chunk(b"tRNS", b"\x00\xff"),
            chunk(b"IDAT", zlib.compress(scans)),
            chunk(b"IEND", b""),
        ]
    )


def os2_bmp(gray: Gray) -> bytes:
    """Return a 24-bit BMP with the 12-byte header of OS/2."""
    height, width = gray.shape
    pixels = cv2.cvtColor(gray[::-1].copy(), cv2.COLOR_GRAY2BGR).tobytes()
    assert width * 3 % 4 == 0
    start = struct.pack("<2sIHHI", b"BM", 26 + len(pixels), 0, 0, 26)
    return start + struct.pack("<IHHHH", 12, width, height, 1, 24) + pixels


def empty_alpha_bmp(gray: Gray) -> bytes:
    """Return a 32-bit BMP whose fourth byte is 0, as Windows writes it: reserved, no alpha."""
    height, width = gray.shape
    picture = np.zeros((height, width, 4), np.uint8)
    picture[:, :, :3] = gray[::-1, :, None]
    start = struct.pack("<2sIHHI", b"BM", 54 + picture.nbytes, 0, 0, 54)
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 32, 0, picture.nbytes, 0, 0, 0, 0)
    return start + head + picture.tobytes()


def coloured(gray: Gray) -> Pixels:
    """Return the picture with blue ink on yellowish paper."""
    ink, paper = np.array([160, 40, 20]), np.array([200, 240, 245])
    part = gray[:, :, None] / 255
    return (ink * (1 - part) + paper * part).astype(np.uint8)


# File name → the file's bytes for the clear picture.
PICTURES: dict[str, Callable[[Gray], bytes]] = {
    "grey.png": lambda gray: encode(".png", gray),
    "grey.jpg": lambda gray: encode(".jpg", gray),
    "grey.jpe": lambda gray: encode(".jpg", gray),
    "GREY.JPEG": lambda gray: encode(".jpg", gray),
    "grey.bmp": lambda gray: encode(".bmp", gray),
    "grey.webp": lambda gray: encode(".webp", gray),
    "grey.tif": lambda gray: tiff(gray),
    "big-endian.tiff": lambda gray: tiff(gray, order=">"),
    "packed-by-opencv.tif": lambda gray: encode(".tif", gray),
    "a-png-called.jpg": lambda gray: encode(".png", gray),
    "colour.png": lambda gray: encode(".png", coloured(gray)),
    "colour.jpg": lambda gray: encode(".jpg", coloured(gray)),
    "colour.bmp": lambda gray: encode(".bmp", coloured(gray)),
    "colour.webp": lambda gray: encode(".webp", coloured(gray)),
    "colour.tif": lambda gray: tiff(coloured(gray)[:, :, ::-1].copy()),
    "progressive.jpg": lambda gray: encode(".jpg", gray, cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    "os2.bmp": os2_bmp,
    "reserved-byte.bmp": empty_alpha_bmp,
    "transparent-black.png": lambda gray: encode(".png", see_through(gray)),
    "transparent-white.png": lambda gray: encode(".png", see_through(gray, 255)),
    "transparent-16-bit.png": lambda gray: encode(
        ".png", see_through(gray).astype(np.uint16) * 257
    ),
    "transparent.webp": lambda gray: encode(".webp", see_through(gray)),
    "transparent.bmp": lambda gray: encode(".bmp", see_through(gray)),
    "transparent.tif": lambda gray: tiff(see_through(gray)),
    "opaque-grey-alpha.tif": lambda gray: tiff(np.dstack([gray, np.full_like(gray, 255)])),
    "palette-transparent.png": palette_png,
    "16-bit.png": lambda gray: encode(".png", gray.astype(np.uint16) * 257),
    "16-bit.tif": lambda gray: tiff(gray.astype(np.uint16) * 257),
    "16-bit-colour.tif": lambda gray: tiff(coloured(gray).astype(np.uint16) * 257),
    "12-bit-in-16.png": lambda gray: encode(".png", gray.astype(np.uint16) * 16),
    "12-bit-in-16.tif": lambda gray: tiff(gray.astype(np.uint16) * 16, order=">"),
    "white-is-0-16-bit.tif": lambda gray: tiff(65535 - gray.astype(np.uint16) * 257),
    "float.tif": lambda gray: tiff(gray.astype(np.float32) / 255),
    "double.tif": lambda gray: tiff(gray.astype(np.float64) / 255),
    "float-with-holes.tif": lambda gray: tiff(
        np.where(np.indices(gray.shape).sum(axis=0) == 9, np.nan, gray).astype(np.float32)
    ),
    "1-bit.png": lambda gray: encode(".png", bilevel(gray), cv2.IMWRITE_PNG_BILEVEL, 1),
    "1-bit-white-1.tif": lambda gray: bits_tiff(gray, 1),
    "1-bit-white-0.tif": lambda gray: bits_tiff(gray, 0),
    "grey.avif": lambda gray: encode(".avif", gray),
    "colour.avif": lambda gray: encode(".avif", coloured(gray)),
    "transparent.avif": lambda gray: encode(".avif", see_through(gray)),
    "grey.jp2": lambda gray: encode(".jp2", gray),
    "colour.jp2": lambda gray: encode(".jp2", coloured(gray)),
    "transparent.jp2": lambda gray: encode(".jp2", see_through(gray)),
    "16-bit.jp2": lambda gray: encode(".jp2", gray.astype(np.uint16) * 257),
    "12-bit-in-16.jp2": lambda gray: encode(".jp2", gray.astype(np.uint16) * 16),
    "colour.gif": lambda gray: encode(".gif", coloured(gray)),
    "transparent.gif": lambda gray: encode(".gif", see_through(bilevel(gray))),
    "light-on-dark.png": lambda gray: encode(".png", 255 - gray),
    "light-on-dark.jpg": lambda gray: encode(".jpg", 255 - gray),
}


def by_pillow(mode: str, extension: str, **options: Any) -> Callable[[Gray], bytes]:
    """Return what writes a picture with Pillow, in one of its modes."""

    def write(gray: Gray) -> bytes:
        image, file = pytest.importorskip("PIL.Image"), io.BytesIO()
        picture = image.fromarray(bilevel(gray) if mode == "1" else gray).convert(mode)
        picture.save(file, extension, **options)
        return file.getvalue()

    return write


def by_libheif(mode: str) -> Callable[[Gray], bytes]:
    """Return what writes a HEIC picture in one of Pillow's modes."""

    def write(gray: Gray) -> bytes:
        image, heif = pytest.importorskip("PIL.Image"), pytest.importorskip("pillow_heif")
        file = io.BytesIO()
        picture = image.fromarray(gray).convert("L")
        if mode == "RGBA":  # black ink on transparent black
            picture = image.fromarray(see_through(gray))
        heif.from_pillow(picture.convert(mode)).save(file, quality=90)
        return file.getvalue()

    return write


PILLOW_PICTURES = {
    "phone.heic": by_libheif("RGB"),
    "grey.heif": by_libheif("L"),
    "transparent.heic": by_libheif("RGBA"),
    "codestream.j2k": by_pillow("L", "JPEG2000", no_jp2=True),
    "tiles.jp2": by_pillow("RGB", "JPEG2000", tile_size=(128, 128), irreversible=True),
    "grey.gif": by_pillow("L", "GIF"),
    "interlaced.gif": by_pillow("P", "GIF", interlace=1),
    "one-colour-transparent.gif": by_pillow("L", "GIF", transparency=255),
    "fax-group-4.tif": by_pillow("1", "TIFF", compression="group4"),
    "fax-group-3.tif": by_pillow("1", "TIFF", compression="group3"),
    "lzw.tif": by_pillow("RGB", "TIFF", compression="tiff_lzw"),
    "deflate.tif": by_pillow("L", "TIFF", compression="tiff_adobe_deflate"),
    "jpeg-inside.tif": by_pillow("RGB", "TIFF", compression="jpeg"),
    "palette.tif": by_pillow("P", "TIFF"),
    "cmyk.tif": by_pillow("CMYK", "TIFF"),
    "cmyk.jpg": by_pillow("CMYK", "JPEG"),
    "1-bit.bmp": by_pillow("1", "BMP"),
    "palette.png": by_pillow("P", "PNG"),
    "1-bit-transparent.png": by_pillow("1", "PNG", transparency=255),
    "grey-one-value-transparent.png": by_pillow("L", "PNG", transparency=255),
}


def read_all(pictures: dict[str, bytes], folder: Path) -> Results:
    """Return the JSON of each picture, by name, all read in one run."""
    for name, data in pictures.items():
        place = folder / "scans" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    done = run_command("scan", "scans", "-o", "out", "--format", "json", cwd=folder)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    return results_in(folder / "out")


@pytest.fixture(scope="module")
def readings(clear: Clear, tmp_path_factory: pytest.TempPathFactory) -> Results:
    """The JSON of each of PICTURES."""
    pictures = {name: write(clear.gray) for name, write in PICTURES.items()}
    return read_all(pictures, tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def pillow_readings(clear: Clear, tmp_path_factory: pytest.TempPathFactory) -> Results:
    """The JSON of each of PILLOW_PICTURES."""
    pictures = {name: write(clear.gray) for name, write in PILLOW_PICTURES.items()}
    return read_all(pictures, tmp_path_factory.mktemp("pillow"))


def boxes(result: dict[str, Any]) -> list[list[int]]:
    return [number["box"] for page in result["pages"] for number in page["numbers"]]


def assert_same_page(result: dict[str, Any], plain: dict[str, Any]) -> None:
    """Check that two files show the same numbers at the same places of a page of one size."""
    assert numbers_of(result) == numbers_of(plain)
    assert np.abs(np.array(boxes(result)) - boxes(plain)).max() <= 3
    for side in ("width", "height"):
        assert result["pages"][0][side] == plain["pages"][0][side]


def test_plain_grey_png_is_read_right(readings: Results, clear: Clear) -> None:
    result = readings["grey.png"]
    assert numbers_of(result) == clear.numbers
    page = result["pages"][0]
    assert (page["width"], page["height"]) == (700, 260)
    for (x, y, width, height), left in zip(boxes(result), (85, 540), strict=True):
        ink = np.argwhere(clear.gray[y : y + height, x : x + width] < 100)
        assert abs(x - left) <= 3 and len(ink) > 500  # the box lies on the ink


@pytest.mark.parametrize("name", PICTURES)
def test_picture_reads_like_the_plain_png(name: str, readings: Results) -> None:
    assert_same_page(readings[name], readings["grey.png"])


@pytest.mark.parametrize("name", PILLOW_PICTURES)
def test_picture_by_pillow_reads_like_the_plain_png(
    name: str, pillow_readings: Results, readings: Results
) -> None:
    assert_same_page(pillow_readings[name], readings["grey.png"])


@pytest.fixture(scope="module")
def turned_readings(clear: Clear, tmp_path_factory: pytest.TempPathFactory) -> Results:
    """The JSON of pictures stored in all eight EXIF orientations."""
    pictures = {
        f"{orientation}{kind}{extension}": with_orientation(extension, picture, orientation)
        for orientation in range(1, 9)
        for extension in EXTENSIONS
        for kind, picture in (("", clear.gray), ("-alpha", see_through(clear.gray)))
        if kind == "" or extension != ".jpg"
    }
    return read_all(pictures, tmp_path_factory.mktemp("turned"))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("extension", EXTENSIONS)
@pytest.mark.parametrize("kind", ["", "-alpha"])
def test_page_and_boxes_are_upright_whatever_the_exif_orientation(
    orientation: int, extension: str, kind: str, turned_readings: Results, readings: Results
) -> None:
    if (kind, extension) != ("-alpha", ".jpg"):  # JPEG knows no alpha
        name = f"{orientation}{kind}{extension}"
        assert_same_page(turned_readings[name], readings["grey.png"])


@pytest.mark.parametrize("extension", ["AVIF", "HEIF"])
def test_picture_of_a_phone_held_any_way_is_upright(
    extension: str, clear: Clear, tmp_path: Path, readings: Results
) -> None:
    image = pytest.importorskip("PIL.Image")
    heif = pytest.importorskip("pillow_heif") if extension == "HEIF" else None
    pictures = {}
    for orientation in range(1, 9):
        file, tags = io.BytesIO(), image.Exif()
        stored = image.fromarray(as_stored(clear.gray, orientation)).convert("RGB")
        tags[274] = orientation
        if heif:
            heif.from_pillow(stored).save(file, quality=90, exif=tags.tobytes())
        else:
            stored.save(file, extension, quality=90, exif=tags)
        pictures[f"{orientation}.{extension.lower()}"] = file.getvalue()
    for result in read_all(pictures, tmp_path).values():
        assert_same_page(result, readings["grey.png"])


def test_of_pictures_that_move_the_first_is_read(
    run: RunCommand, clear: Clear, tmp_path: Path
) -> None:
    image = pytest.importorskip("PIL.Image")
    first = image.fromarray(clear.gray)
    for extension in ("gif", "webp", "avif", "png"):
        others = [image.fromarray(255 - clear.gray[::-1])] * 2
        first.save(tmp_path / f"a.{extension}", save_all=True, append_images=others)
    assert run("scan", ".", "-o", "out").returncode == 0
    for result in results_in(tmp_path / "out").values():
        assert numbers_of(result) == clear.numbers and len(result["pages"]) == 1


@pytest.mark.parametrize("compression", ["group4", "jpeg"])
def test_tiff_of_hundreds_of_pages_is_read_page_by_page(compression: str) -> None:
    image, file = pytest.importorskip("PIL.Image"), io.BytesIO()
    places = [np.arange(64 * 48).reshape(48, 64) // 8 % 300 == i for i in range(300)]
    scans = [image.fromarray(np.where(ink, 0, 255).astype(np.uint8)) for ink in places]
    mode = "1" if compression == "group4" else "L"
    scans = [one.convert(mode) for one in scans]
    scans[0].save(file, "TIFF", save_all=True, append_images=scans[1:], compression=compression)
    read = list(read_pages(Source("a", data=file.getvalue())))
    assert [page.number for page in read] == list(range(1, 301))
    for page, ink in zip(read, places, strict=True):
        assert np.array_equal(page.gray < 128, ink)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_stored_pixels_of_these_tests_are_upright_to_pillow(orientation: int, clear: Clear) -> None:
    image, ops = pytest.importorskip("PIL.Image"), pytest.importorskip("PIL.ImageOps")
    for extension in (".png", ".tif"):
        data = with_orientation(extension, clear.gray, orientation)
        upright = ops.exif_transpose(image.open(io.BytesIO(data)))
        assert np.array_equal(np.asarray(upright), clear.gray)
    assert as_stored(clear.gray, 6).shape == clear.gray.shape[::-1]


def test_pages_of_a_tiff_are_read_in_order(run: RunCommand, clear: Clear, tmp_path: Path) -> None:
    blank, left = np.full((300, 400), 255, np.uint8), clear.gray[:, :400].copy()
    (tmp_path / "pages.tif").write_bytes(tiff(clear.gray, blank, 255 - left))
    assert run("scan", "pages.tif", "-o", "out").returncode == 0
    pages = results_in(tmp_path / "out")["pages.tif"]["pages"]
    assert [page["page"] for page in pages] == [1, 2, 3]
    assert [(page["width"], page["height"]) for page in pages] == [
        (700, 260),
        (400, 300),
        (400, 260),
    ]
    assert [[number["text"] for number in page["numbers"]] for page in pages] == [
        ["3407", "57"],
        [],
        ["3407"],
    ]
    found = [(row["page"], row["number"]) for row in read_rows(tmp_path / "out/pages.tif.csv")]
    assert found == [("1", "3407"), ("1", "57"), ("3", "3407")]


def test_single_digit_is_read_at_any_size_and_polarity(samples: Path, tmp_path: Path) -> None:
    digit = np.asarray(cv2.imread(str(samples / "digit.png"), cv2.IMREAD_GRAYSCALE), np.uint8)
    pictures = {}
    for size in ((28, 28), (20, 20), (24, 32), (64, 64), (120, 160), (300, 400)):
        small = np.asarray(cv2.resize(digit, size, interpolation=cv2.INTER_AREA), np.uint8)
        pictures[f"dark{size[0]}.png"] = encode(".png", small)
        pictures[f"light{size[0]}.png"] = encode(".png", 255 - small)
    truth = (samples / "digit.txt").read_text("utf-8").split()
    readings = read_all(pictures, tmp_path)
    assert {name: numbers_of(result) for name, result in readings.items()} == dict.fromkeys(
        pictures, truth
    )


def with_bmp_dpi(gray: Gray) -> bytes:
    data = bytearray(encode(".bmp", gray))
    struct.pack_into("<ii", data, 38, 11811, 11811)
    return bytes(data)


def with_jpeg_dpi(gray: Gray, unit: int, density: int) -> bytes:
    jpeg = encode(".jpg", gray)
    assert jpeg[2:4] == b"\xff\xe0"  # the JFIF segment that OpenCV writes, 16 bytes
    jfif = b"JFIF\0\1\2" + struct.pack(">BHHBB", unit, density, density, 0, 0)
    return with_segment(jpeg[:2] + jpeg[20:], 0xFFE0, jfif)


def test_resolution_is_in_the_json(clear: Clear, tmp_path: Path) -> None:
    gray, png = clear.gray, encode(".png", clear.gray)
    pictures = {
        "300.png": with_chunk(png, b"pHYs", struct.pack(">IIB", 11811, 11811, 1)),
        "none-ratio.png": with_chunk(png, b"pHYs", struct.pack(">IIB", 1, 1, 0)),
        "none.png": png,
        "300.jpg": with_jpeg_dpi(gray, 1, 300),
        "299.7-cm.jpg": with_jpeg_dpi(gray, 2, 118),
        "none.jpg": with_jpeg_dpi(gray, 0, 1),
        "none-1-to-1.jpg": with_jpeg_dpi(gray, 1, 1),
        "300.tif": tiff(gray, tags={282: (5, [300, 1]), 296: (3, [2])}),
        "300-cm.tif": tiff(gray, tags={282: (5, [30000, 254]), 296: (3, [3])}, order=">"),
        "none-ratio.tif": tiff(gray, tags={282: (5, [1, 1]), 296: (3, [1])}),
        "none-over-0.tif": tiff(gray, tags={282: (5, [300, 0])}),
        "none.tif": tiff(gray),
        "300.bmp": with_bmp_dpi(gray),
        "none.bmp": encode(".bmp", gray),
        "none.webp": encode(".webp", gray),
    }
    for name, result in read_all(pictures, tmp_path).items():
        said = name.rsplit(".", 1)[0].split("-")[0]
        dpi = result["pages"][0]["dpi"]
        assert dpi == (None if said == "none" else pytest.approx(float(said), abs=0.1)), name


def test_one_image_is_read_from_stdin(run: RunCommand, clear: Clear, tmp_path: Path) -> None:
    done = run("scan", "-", "-o", "-", "-q", stdin=encode(".webp", clear.gray))
    assert done.returncode == 0 and done.stderr == ""
    assert [(row["file"], row["number"]) for row in rows(done.stdout)] == [
        ("stdin", number) for number in clear.numbers
    ]
    assert run("scan", "-", "-o", "out", stdin=encode(".png", clear.gray)).returncode == 0
    assert numbers_of(results_in(tmp_path / "out")["stdin"]) == clear.numbers


@pytest.fixture
def scans(tmp_path: Path, clear: Clear) -> Path:
    """A folder of pictures and other things: page1, page2, page10, deeper/page3 and more."""
    folder = tmp_path / "scans"
    (folder / "deeper").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    data = encode(".png", clear.gray)
    for name in ("page10.png", "page2.png", "Page1.PNG", "deeper/page3.png"):
        (folder / name).write_bytes(data)
    for name in (".page4.png", ".hidden/page5.png", "notes.txt", "page6.png.csv", "thumbs.db"):
        (folder / name).write_bytes(data)
    return folder


ORDER = ["deeper/page3.png", "Page1.PNG", "page2.png", "page10.png"]


def test_folder_is_read_in_natural_order_without_hidden_and_other_files(
    run: RunCommand, scans: Path, clear: Clear
) -> None:
    done = run("scan", scans, "-o", "-")
    assert done.returncode == 0
    assert [(row["file"], row["number"]) for row in rows(done.stdout)] == [
        (name, number) for name in ORDER for number in clear.numbers
    ]


@pytest.mark.usefixtures("scans")
@pytest.mark.parametrize(
    ("inputs", "names"),
    [
        (["scans"], ORDER),
        (["scans/"], ORDER),
        (["./scans/../scans"], ORDER),
        (["scans/*.png"], ["page2.png", "page10.png"]),
        (["scans/page?.png"], ["page2.png"]),
        (["scans/[Pp]age1*"], ["Page1.PNG", "page10.png"]),
        (["scans/**/*.png"], ["deeper/page3.png", "page2.png", "page10.png"]),
        (["scans/*"], ORDER),
        (["sc*"], [f"scans/{name}" for name in ORDER]),
        (["scans/page10.png", "scans/page2.png"], ["page10.png", "page2.png"]),
        (["scans/page10.png", "scans"], ["page10.png", *ORDER[:3]]),
        (["scans/page2.png", "scans/../scans/page2.png", "scans/page2.png"], ["page2.png"]),
    ],
    ids=lambda value: " ".join(value) if all("/" in one or "s" in one for one in value) else None,
)
def test_dry_run_shows_what_would_be_read_and_writes_nothing(
    inputs: list[str], names: list[str], run: RunCommand, tmp_path: Path
) -> None:
    done = run("scan", *inputs, "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == names
    assert [path.name for path in tmp_path.iterdir()] == ["scans"]


@pytest.mark.parametrize("target", ["scans", "scans/out", "scans/deeper/out"])
def test_results_inside_the_input_folder_are_not_read_as_input(
    target: str, run: RunCommand, scans: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = run("scan", "scans", "-o", target, "--annotate", "--format", "json", "-q")
    assert (first.returncode, first.stderr) == (0, "")
    assert len(list(scans.rglob("*.annotated.jpg"))) == len(ORDER)
    monkeypatch.chdir(tmp_path)
    for inputs in (["scans"], ["scans/*"], ["scans/**"], ["scans", target]):
        found = find_sources(inputs, Path(target))
        assert {one.name for one in found if isinstance(one, Source)} == set(ORDER)


def test_results_on_stdout_leave_the_disk_alone(
    run: RunCommand, scans: Path, tmp_path: Path
) -> None:
    before = sorted(tmp_path.rglob("*"))
    as_csv = run("scan", scans, "-o", "-", "-q")
    as_json = run("scan", scans, "-o", "-", "-q", "--format", "json")
    assert sorted(tmp_path.rglob("*")) == before
    assert (as_csv.stderr, as_json.stderr) == ("", "")
    results = [json.loads(line) for line in as_json.stdout.splitlines()]
    assert [result["file"] for result in results] == ORDER
    assert [row["number"] for row in rows(as_csv.stdout)] == [
        number for result in results for number in numbers_of(result)
    ]


def test_reader_that_leaves_early_gets_no_traceback(clear: Clear, tmp_path: Path) -> None:
    for i in range(8):
        (tmp_path / f"{i}.png").write_bytes(encode(".png", clear.gray))
    command = [*COMMAND, "scan", ".", "-o", "-"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        assert running.stdout and running.stderr
        assert running.stdout.readline().startswith(b"file,page")
        running.stdout.close()
        noise = running.stderr.read().decode()
        running.wait(60)
    assert running.returncode in (0, 5, 128 + signal.SIGPIPE, -signal.SIGPIPE)
    assert "Traceback" not in noise and "Broken" not in noise


def test_annotate_writes_a_picture_of_each_page(
    run: RunCommand, clear: Clear, tmp_path: Path
) -> None:
    (tmp_path / "two.tif").write_bytes(tiff(clear.gray, clear.gray[:, :400].copy()))
    (tmp_path / "one.png").write_bytes(with_orientation(".png", clear.gray, 6))
    assert run("scan", "two.tif", "one.png", "-o", "out", "--annotate").returncode == 0
    drawn = (tmp_path / "out").glob("*.jpg")
    pictures = {path.name: np.asarray(cv2.imread(str(path))) for path in drawn}
    assert {name: picture.shape[:2] for name, picture in pictures.items()} == {
        "two.tif.annotated.jpg": (260, 700),
        "two.tif.page2.annotated.jpg": (260, 400),
        "one.png.annotated.jpg": (260, 700),
    }
    for picture in pictures.values():  # drawn in colour on the grey page
        assert np.ptp(picture.astype(int), axis=2).max() > 60


def test_closed_stdin_and_stderr_are_no_crash(clear: Clear, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encode(".png", clear.gray))
    shell = shutil.which("sh")
    if os.name != "posix" or not shell:
        pytest.skip("needs a shell")
    words = " ".join(f"'{word}'" for word in COMMAND)
    script = f"{words} scan a.png -o out 2>&- && {words} scan - -o - -q <&-"
    done = subprocess.run([shell, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert numbers_of(results_in(tmp_path / "out")["a.png"]) == clear.numbers
    assert "stdin: is empty (0 bytes)" in done.stderr and done.returncode == 7

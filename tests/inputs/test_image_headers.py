"""What a file says of itself is read as other programs read it, and lies do no harm."""

from __future__ import annotations

import io
import math
import struct
import time
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.pdf import PdfPage, pdf, scan_page
from support.pictures import (
    chunk,
    encode,
    exif,
    with_chunk,
    with_orientation,
    with_segment,
    with_webp_exif,
)
from support.tiff import tiff

from digitocr.core.errors import InputUnreadable
from digitocr.core.settings import Limits
from digitocr.core.source import Source
from digitocr.inputs.image_headers import (
    Header,
    read_header,
)
from digitocr.inputs.reader import read_pages

GRAY = np.full((24, 37), 255, np.uint8)
GRAY[5:19, 9:14] = 0
PNG, JPEG, BMP = (encode(extension, GRAY) for extension in (".png", ".jpg", ".bmp"))
AVIF = encode(".avif", GRAY)
JP2 = encode(".jp2", np.pad(GRAY, ((0, 16), (0, 27)), "edge"))  # OpenCV writes none smaller
GIF = encode(".gif", np.dstack([GRAY] * 3))
LOSSY, LOSSLESS = encode(".webp", GRAY, 64, 90), encode(".webp", GRAY, 64, 101)
DPI: dict[int, Any] = {282: (5, [300, 1]), 283: (5, [300, 1]), 296: (3, [2])}


def header(data: bytes) -> Header:
    found = read_header(data)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (PNG, "PNG"),
        (PNG + b"more bytes after its end", "PNG"),
        (JPEG, "JPEG"),
        (encode(".jpg", GRAY, 2, 1), "JPEG"),  # progressive
        (with_segment(JPEG, 0xFFE2, bytes(65_000)), "JPEG"),
        (JPEG[:2] + b"\xff\xff\xff" + JPEG[2:], "JPEG"),  # filling before a marker
        (BMP, "BMP"),
        (BMP[:22] + struct.pack("<i", -24) + BMP[26:], "BMP"),  # top row first
        (BMP[:14] + struct.pack("<IHHHH", 12, 37, 24, 1, 24), "BMP"),  # OS/2
        (LOSSY, "WebP"),
        (LOSSLESS, "WebP"),
        (encode(".webp", np.dstack([GRAY] * 4)), "WebP"),
        (with_webp_exif(LOSSLESS, 37, 24, exif(1)), "WebP"),
        (AVIF, "AVIF"),
        (GIF, "GIF"),
        (tiff(GRAY), "TIFF"),
        (tiff(GRAY, order=">"), "TIFF"),
        (encode(".tif", GRAY), "TIFF"),
    ],
)
def test_format_and_size_are_found(data: bytes, name: str) -> None:
    found = header(data)
    assert (found.format, found.width, found.height) == (name, 37, 24)
    assert (found.orientation, found.n_pages, found.largest) == (1, 1, 24 * 37)


@pytest.mark.parametrize("dpi", [None, 72, 200, 299.9994, 300, 1200])
@pytest.mark.parametrize("extension", ["PNG", "JPEG", "TIFF", "BMP"])
def test_header_says_what_pillow_says(extension: str, dpi: float | None) -> None:
    image, file = pytest.importorskip("PIL.Image"), io.BytesIO()
    image.new("L", (641, 480)).save(file, extension, **({"dpi": (dpi, dpi)} if dpi else {}))
    found, seen = header(file.getvalue()), image.open(file)
    assert (found.width, found.height) == seen.size
    said = seen.info.get("dpi", (None,))[0]
    if extension != "TIFF" or dpi:  # of a TIFF that says nothing Pillow says 1
        assert found.dpi == (None if said is None else pytest.approx(float(said), abs=0.06))


@pytest.mark.parametrize("extension", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_that_pillow_writes_is_found(extension: str, orientation: int) -> None:
    image, file = pytest.importorskip("PIL.Image"), io.BytesIO()
    tags = image.Exif()
    tags[274] = orientation
    how = {"tiffinfo": {274: orientation}} if extension == "TIFF" else {"exif": tags}
    image.new("L", (30, 20)).save(file, extension, **how)
    found = header(file.getvalue())
    assert (found.orientation, found.width, found.height) == (orientation, 30, 20)


def damaged_exif() -> list[bytes]:
    far_resolution = struct.pack("<HHIIHHIHH", 282, 5, 1, 9**8, 274, 3, 1, 6, 0)
    without_link = exif(6)[:-4]
    return [b"II*\0\x08\0\0\0\x02\0" + far_resolution + bytes(4), without_link, exif(6, ">")]


@pytest.mark.parametrize("block", damaged_exif())
def test_orientation_is_found_beside_what_is_damaged(block: bytes) -> None:
    assert header(with_chunk(PNG, b"eXIf", block)).orientation == 6
    end = PNG.index(b"IEND") - 4
    assert header(PNG[:end] + chunk(b"eXIf", block) + PNG[end:]).orientation == 6
    assert header(with_segment(JPEG, 0xFFE1, b"Exif\0\0" + block)).orientation == 6
    assert header(with_webp_exif(LOSSLESS, 37, 24, block)).orientation == 6
    assert header(with_webp_exif(LOSSLESS, 37, 24, b"Exif\0\0" + block)).orientation == 6


@pytest.mark.parametrize(
    "block", [b"", b"II", b"II*\0", b"XX" + exif(6)[2:9], exif(6)[:20], exif(0), exif(9), bytes(99)]
)
def test_broken_exif_leaves_the_picture_as_it_is(block: bytes) -> None:
    assert header(with_chunk(PNG, b"eXIf", block)).orientation == 1
    assert header(with_segment(JPEG, 0xFFE1, b"Exif\0\0" + block)).orientation == 1


def test_pages_of_a_tiff_are_counted_and_the_largest_is_known() -> None:
    large = np.zeros((500, 400), np.uint8)
    found = header(tiff(GRAY, large, GRAY, tags=DPI))
    assert (found.width, found.height, found.dpi) == (37, 24, 300)
    assert (found.n_pages, found.largest) == (3, 200_000)
    assert header(tiff(*[GRAY] * 100)).n_pages == 100
    assert header(tiff(np.dstack([GRAY] * 2), GRAY)).gray_alpha
    assert not header(tiff(np.dstack([GRAY] * 4))).gray_alpha


@pytest.mark.parametrize(
    "tags",
    [
        {282: (5, [300, 0]), 296: (3, [2])},
        {282: (5, [0, 1]), 296: (3, [2])},
        {282: (5, [300, 1]), 296: (3, [1])},
        {282: (4, [9**8]), 296: (3, [7])},
    ],
)
def test_resolution_of_no_meaning_is_none(tags: dict[int, Any]) -> None:
    assert header(tiff(GRAY, tags=tags)).dpi is None
    assert header(with_chunk(PNG, b"pHYs", struct.pack(">IIB", 0, 0, 1))).dpi is None
    assert header(with_chunk(PNG, b"pHYs", struct.pack(">IIB", 99, 99, 0))).dpi is None
    assert header(BMP[:38] + struct.pack("<ii", -99, -99) + BMP[46:]).dpi is None


@pytest.mark.parametrize("data", [JP2, JP2[JP2.index(b"\xff\x4f\xff\x51") :]])
def test_size_of_jpeg_2000_is_found_with_and_without_boxes(data: bytes) -> None:
    found = header(data)
    assert (found.format, found.width, found.height) == ("JPEG 2000", 64, 40)


@pytest.mark.parametrize("dpi", [72, 300, 1200])
def test_resolution_of_jpeg_2000_is_found(dpi: int) -> None:
    dots = struct.pack(">HHHHbb", dpi * 10, 254, dpi * 10, 254, 3, 3)
    shown = struct.pack(">I4s", 18, b"resd") + dots
    superbox = struct.pack(">I4s", 26, b"res ") + shown
    place = JP2.index(b"jp2h") - 4
    length = struct.unpack_from(">I", JP2, place)[0]
    head = struct.pack(">I", length + 26) + JP2[place + 4 : place + length] + superbox
    data = JP2[:place] + head + JP2[place + length :]
    assert header(data).dpi == pytest.approx(dpi, abs=0.1)
    none = data.replace(dots, struct.pack(">HHHHbb", 1, 0, 1, 0, 3, 3))
    assert (header(none).dpi, header(JP2).dpi) == (None, None)


def test_resolution_outside_of_a_tiff_does_not_cost_the_picture() -> None:
    data = tiff(GRAY, tags=DPI)
    entry = data.index(struct.pack("<HHI", 282, 5, 1))
    moved = data[: entry + 8] + struct.pack("<I", 2**32 - 1) + data[entry + 12 :]
    assert (header(moved).width, header(moved).dpi) == (37, None)


NO_IMAGES = [
    b"",
    b"\x89",
    b"\x89PNG\r\n",
    b"RIFF\0\0\0\0WAVE",
    b"II+\0" + bytes(99),  # BigTIFF
    b"%PDF-1.7",
    b"\0\0\0\x14ftypisom\0\0\0\0mp42" + bytes(9),  # a film
    b"\0" * 999,
]


@pytest.mark.parametrize("data", NO_IMAGES)
def test_other_bytes_have_no_header(data: bytes) -> None:
    assert read_header(data) is None


BROKEN = [
    b"GIF89a",
    PNG[:20],
    PNG[:-9],
    PNG[:33] + struct.pack(">I", 2**31) + b"tEXt" + PNG[33:],  # OpenCV would take 2 GB for it
    PNG[:33] + struct.pack(">I", 2**32 - 1) + b"IDAT" + PNG[33:],
    PNG[:33] + struct.pack(">I", 2**32 - 12) + b"eXIf" + PNG[33:],
    JPEG[:2] + b"\xff",
    JPEG[:2] + b"\xff\xe0\0\0" + JPEG[2:],  # a segment of no length
    JPEG[:2] + b"\xff\xff" * 9,
    JPEG[:2] + b"\xff\x01" + JPEG[2:],  # markers that libjpeg skips but have no length
    JPEG[:2] + b"\xff\xda\0\x08" + bytes(6) + JPEG[2:],
    JPEG[:2] + b"\xff\xd8" + JPEG[2:],
    JPEG[:2] + b"\xff\xe0\0\x04abno marker",
    b"BM",
    BMP[:30],
    LOSSY[:20],
    b"II*\0",
    b"II*\0" + bytes(4),
    b"II*\0" + struct.pack("<I", 2**32 - 1),
    b"II*\0" + struct.pack("<IHI", 8, 0, 0),  # no tags
    b"II*\0" + struct.pack("<IHI", 8, 0, 8),  # the next page is the same
    b"MM\0*" + struct.pack(">IH", 8, 65_535),
    tiff(GRAY)[:-3],
    AVIF[:40],
    AVIF.replace(b"ispe", b"none"),
    AVIF.replace(b"ipma", b"none"),
    b"\0\0\0\x10ftypavif\0\0\0\0\0\0\0\1free" + bytes(8),  # a box of no length
    JP2[:-3],
    JP2.replace(b"jp2c", b"none"),
    JP2[:12],
    JP2[JP2.index(b"\xff\x4f\xff\x51") :][:20],
    b"\xff\x4f\xff\x51" + bytes(36),  # no width
]


@pytest.mark.parametrize("data", BROKEN)
def test_broken_header_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"its (header|data|picture|pages)"):
        read_header(data)


def overlapping_pages(n: int) -> bytes:
    """Return a TIFF of n pages whose directories, of 65,535 tags each, lie over each other."""
    data = bytearray(b"II*\0" + struct.pack("<I", 8) + bytes(2 * n + 12 * 65_535 + 8 * n))
    for i in range(n):
        struct.pack_into("<H", data, 8 + 2 * i, 65_535)
    for i in range(n - 1):
        struct.pack_into("<I", data, 8 + 2 * i + 2 + 12 * 65_535, 8 + 2 * (i + 1))
    return bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        overlapping_pages(2),
        overlapping_pages(3000),
        PNG[:33] + chunk(b"eXIf", b"") * 100_000 + bytes(10**6),
        b"RIFF\0\0\0\0WEBPVP8X" + bytes(10**6),
        JPEG[:2] + b"\xff\xff" * 500_000,
        with_segment(JPEG, 0xFFE1, b"Exif\0\0" + exif(6)) * 3,
    ],
    ids=["2 pages", "3000 pages", "PNG chunks", "WebP chunks", "JPEG filling", "JPEG again"],
)
def test_hostile_header_takes_no_time(data: bytes) -> None:
    start = time.process_time()
    try:
        read_header(data)
    except ValueError as error:
        assert "its" in str(error)
    assert time.process_time() - start < 3  # 0.1 s here; what each of these aims at is minutes


def phone_pictures() -> list[bytes]:
    """Return a HEIC picture on its side, where what writes it is installed."""
    if not find_spec("pillow_heif"):
        return []
    import pillow_heif

    file = io.BytesIO()
    picture = pillow_heif.from_bytes("L", GRAY.shape[::-1], GRAY.tobytes())
    picture.save(file, exif=exif(6))
    return [file.getvalue()]


def documents() -> list[bytes]:
    """Return PDFs, where what reads them is installed."""
    if not find_spec("pypdfium2"):
        return []
    text = PdfPage("BT /F 60 Tf 40 60 Td (3407) Tj ET 9 9 m 99 9 l S", (90, 40))
    return [pdf(scan_page(GRAY)), pdf(scan_page(GRAY), text)]


FILES = [
    with_chunk(with_orientation(".png", GRAY, 6), b"pHYs", struct.pack(">IIB", 11811, 11811, 1)),
    with_orientation(".jpg", GRAY, 3),
    encode(".jpg", np.dstack([GRAY] * 3), 2, 1),
    BMP,
    LOSSY,
    with_orientation(".webp", GRAY, 8),
    tiff(GRAY, GRAY[:9], tags=DPI | {274: (3, [5])}),
    tiff(GRAY.astype(np.uint16), tags=DPI, order=">"),
    encode(".tif", np.dstack([GRAY] * 3)),
    AVIF,
    JP2,
    GIF,
    *phone_pictures(),
    *documents(),
]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A picture with some bytes changed, some taken out and the end missing."""
    data = bytearray(draw(st.sampled_from(FILES)))
    for _ in range(draw(st.integers(0, 4))):
        # Most damage to the fields at the start and, in TIFF, at the end
        near = st.integers(0, min(120, len(data) - 1))
        place = draw(near | near.map(lambda n: -1 - n) | st.integers(0, len(data) - 1))
        new = draw(st.sampled_from([b"\0", b"\xff", b"\xff" * 4, bytes(4)]) | st.binary(max_size=4))
        data[place : place + draw(st.integers(0, 4)) if place >= 0 else None] = new
        data = data or bytearray(1)
    return bytes(data[: draw(st.just(None) | st.integers(0, len(data)))])


@given(damaged() | st.binary(max_size=64))
def test_any_damage_gives_a_sound_header_or_none_or_a_value_error(data: bytes) -> None:
    try:
        found = read_header(data)
    except ValueError:
        return
    if found:
        assert found.orientation in range(1, 9)
        assert found.n_pages >= 1 and found.width >= 0 and found.height >= 0
        assert found.largest >= found.width * found.height
        assert found.dpi is None or (found.dpi > 0 and math.isfinite(found.dpi))


@given(damaged())
def test_any_damage_gives_pages_or_a_sentence(data: bytes) -> None:
    try:
        read = list(read_pages(Source("damaged", data=data), limits=Limits(1_000_000)))
    except InputUnreadable as error:
        assert str(error).startswith(("is ", "has ", "may "))
        return
    assert read and all(page.gray.dtype == np.uint8 and page.gray.ndim == 2 for page in read)
    assert [page.number for page in read] == list(range(1, len(read) + 1))

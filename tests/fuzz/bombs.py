"""Small files that ask for much: how each ends, in what time, and the most memory it took.

python tests/fuzz/bombs.py

Some are just within the default limits, and show what those cost; the others are beyond.
"""

from __future__ import annotations

import re
import struct
import sys
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # run by its path, it finds its neighbours
from fuzz.images import READER, Outcome, Reader
from support.pdf import PdfPage, pdf, pdf_stream
from support.pictures import chunk, encode
from support.tiff import tiff

SIDE = 14_000  # pixels: 196 million in a square
DOT = np.zeros((64, 64), np.uint8)
COLOUR = np.dstack([DOT] * 3)
_SECONDS = 300.0  # that one may take
_BOMBS: dict[str, Callable[[], bytes]] = {}


def bomb(name: str) -> Callable[[Callable[[], bytes]], Callable[[], bytes]]:
    """Keep what makes a file under the file's name."""

    def keep(make: Callable[[], bytes]) -> Callable[[], bytes]:
        _BOMBS[name] = make
        return make

    return keep


def packed(byte: bytes, millions: int) -> bytes:
    """Return a million copies of a byte or text, times `millions`, in zlib's format."""
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(byte * 10**6) for _ in range(millions)) + packer.flush()


def png(side: int, bits: int, colour: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """Return a square PNG of chunks."""
    first = (b"IHDR", struct.pack(">IIBBBBB", side, side, bits, colour, 0, 0, 0))
    body = b"".join(chunk(*one) for one in (first, *chunks, (b"IEND", b"")))
    return b"\x89PNG\r\n\x1a\n" + body


@bomb("8-bit-colour.png")
def _png_in_colour() -> bytes:
    return png(SIDE, 8, 2, (b"IDAT", packed(b"\0", 589)))


@bomb("16-bit-alpha.png")
def _png_in_16_bit() -> bytes:
    return png(SIDE, 16, 6, (b"IDAT", packed(b"\0", 1)))


@bomb("billion.png")
def _png_of_10_9() -> bytes:
    return png(31_623, 1, 0, (b"IDAT", packed(b"\0", 125)))


@bomb("texts.png")
def _png_with_texts() -> bytes:
    texts = [(b"zTXt", b"x\0\0" + packed(b"\0", 5))] * 900
    return png(64, 8, 0, *texts, (b"IDAT", packed(b"\0", 1)))


@bomb("one-strip.tif")
def _tiff_of_a_strip() -> bytes:
    return _tiff(1, np.uint8, SIDE)


@bomb("colour.tif")
def _tiff_in_colour() -> bytes:
    return _tiff(3, np.uint8, 1000)


@bomb("float-64.tif")
def _tiff_of_floats() -> bytes:
    return _tiff(4, np.float64, SIDE)


def _tiff(channels: int, kind: type[np.generic], rows: int) -> bytes:
    """Return a square TIFF, packed by Deflate, of strips with so many rows."""
    n, size = -(-SIDE // rows), rows * SIDE * channels * np.dtype(kind).itemsize
    strip = packed(b"\0", -(-size // 10**6)) if size < 10**9 else b""
    sides = {256: (4, [SIDE]), 257: (4, [SIDE]), 259: (3, [8]), 278: (4, [rows])}
    places = {273: (4, [8192] * n), 279: (4, [len(strip)] * n)}
    page = np.zeros((1, 1) if channels == 1 else (1, 1, channels), kind)
    return tiff(page, tags={**sides, **places}).ljust(8192, b"\0") + strip


@bomb("tiles.tif")
def _tiff_of_huge_tiles() -> bytes:
    tile = {322: (4, [30_000]), 323: (4, [30_000]), 324: (4, [8]), 325: (4, [DOT.size])}
    return tiff(DOT, tags=tile)


@bomb("pages.tif")
def _tiff_of_many_pages() -> bytes:
    return tiff(*[DOT[:1, :1]] * 10_001)


@bomb("baseline.jpg")
def _jpeg() -> bytes:
    return _enlarged_jpeg(encode(".jpg", COLOUR), b"\xff\xc0")


@bomb("progressive.jpg")
def _progressive_jpeg() -> bytes:
    return _enlarged_jpeg(encode(".jpg", COLOUR, cv2.IMWRITE_JPEG_PROGRESSIVE, 1), b"\xff\xc2")


def _enlarged_jpeg(data: bytes, frame: bytes) -> bytes:
    place = data.index(frame) + 5
    return data[:place] + struct.pack(">HH", SIDE, SIDE) + data[place + 4 :]


@bomb("scans.jpg")
def _jpeg_of_many_scans() -> bytes:
    data = _progressive_jpeg()
    start = data.rindex(b"\xff\xda")
    return data[:start] + data[start:-2] * 5000 + data[-2:]


@bomb("gray.jp2")
def _jpeg_2000() -> bytes:
    return _enlarged_jp2(encode(".jp2", DOT))


@bomb("colour.jp2")
def _jpeg_2000_in_colour() -> bytes:
    return _enlarged_jp2(encode(".jp2", COLOUR))


def _enlarged_jp2(data: bytes) -> bytes:
    sides = struct.pack(">II", SIDE, SIDE)
    data = re.sub(rb"(?s)(ihdr).{8}", lambda found: found[1] + sides, data)
    return re.sub(rb"(?s)(\xff\x4f\xff\x51.{4}).{8}", lambda found: found[1] + sides, data)


@bomb("lossless.webp")
def _webp() -> bytes:
    blank = np.zeros((SIDE, SIDE, 4), np.uint8)
    return encode(".webp", blank, cv2.IMWRITE_WEBP_QUALITY, 101)


@bomb("huge.gif")
def _gif() -> bytes:
    data = encode(".gif", COLOUR)
    return data[:6] + struct.pack("<HH", SIDE, SIDE) + data[10:]


@bomb("huge.avif")
def _avif() -> bytes:
    return encode(".avif", np.zeros((8000, 8000, 3), np.uint8), cv2.IMWRITE_AVIF_SPEED, 10)


@bomb("says-64-by-64.avif")
def _lying_avif() -> bytes:
    small = struct.pack(">II", 64, 64)
    return re.sub(rb"(?s)(ispe.{4}).{8}", lambda found: found[1] + small, _avif())


@bomb("page.pdf")
def _pdf_of_a_large_page() -> bytes:
    return pdf(PdfPage("0 0 9 9 re f", (3300, 3300)))


@bomb("picture.pdf")
def _pdf_with_a_picture() -> bytes:
    return _pdf_with(1, SIDE, "Flate", packed(b"\0", 196))


@bomb("pictures.pdf")
def _pdf_with_pictures() -> bytes:
    return _pdf_with(20, SIDE, "Flate", packed(b"\0", 196))


@bomb("says-64-by-64-jpeg.pdf")
def _pdf_with_lying_jpeg() -> bytes:
    return _pdf_with(1, 64, "DCT", _jpeg())


@bomb("says-64-by-64-jpeg-2000.pdf")
def _pdf_with_lying_jp2() -> bytes:
    return _pdf_with(1, 64, "JPX", _jpeg_2000_in_colour())


def _pdf_with(n: int, side: int, packing: str, data: bytes) -> bytes:
    """Return a PDF of a page with pictures."""
    entries = f"/Type/XObject/Subtype/Image/Width {side}/Height {side}/BitsPerComponent 8"
    image = pdf_stream(f"{entries}/ColorSpace/DeviceGray/Filter/{packing}Decode", data)
    names = [f"I{i}" for i in range(n)]
    content = " ".join(f"q 99 0 0 99 0 0 cm /{name} Do Q" for name in names)
    return pdf(PdfPage(content, (99, 99), dict.fromkeys(names, image)))


@bomb("spaces.pdf")
def _pdf_of_spaces() -> bytes:
    """A page's content is 1 GB of spaces."""
    return _pdf_of(packed(b" ", 1000))


@bomb("rectangles.pdf")
def _pdf_of_rectangles() -> bytes:
    """A page's content is six million rectangles."""
    return _pdf_of(packed(b"9 9 9 9 re f ", 6))


def _pdf_of(content: bytes) -> bytes:
    """Return a PDF of a page with a packed content."""
    stream = pdf_stream("/Filter/FlateDecode", content)
    return pdf(PdfPage("", (99, 99))).replace(pdf_stream("", b""), stream)


@bomb("forms.pdf")
def _pdf_of_forms_in_forms() -> bytes:
    """Each form draws the next ten times."""
    forms, first = [], 3
    for i in range(9):
        inside = f"/Resources<</XObject<</X {first + i + 1} 0 R>>>>" if i < 8 else ""
        content = b"/X Do " * 10 if i < 8 else b"0 0 1 1 re f"
        forms.append(pdf_stream(f"/Type/XObject/Subtype/Form/BBox[0 0 9 9]{inside}", content))
    data = pdf(PdfPage("/X Do", (99, 99)), more=forms)
    return data.replace(b"/XObject<<>>", b"/XObject<</X 3 0 R>>")


def measured(name: str, limit: float) -> tuple[int, Outcome]:
    """Return the size of a bomb in bytes, and how its reading ends within a limit of seconds."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, name)
        path.write_bytes(_BOMBS[name]())
        reader = Reader(READER, limit, Path(place))
        try:
            return path.stat().st_size, reader.read(path)
        finally:
            reader.close()


def main() -> None:
    """Print a table."""
    print("| file | bytes | seconds | MB | |\n| --- | ---: | ---: | ---: | --- |")
    for name in sys.argv[1:] or _BOMBS:
        size, outcome = measured(name, _SECONDS)
        ended = outcome.text.strip().splitlines()[-1:] if outcome.text else ["read"]
        cost = f"{outcome.seconds:.1f} | {outcome.megabytes}"
        print(f"| {name} | {size:,} | {cost} | {outcome.kind}: {ended[0]} |", flush=True)


if __name__ == "__main__":
    main()

"""What the tests share: the command, a clear picture, and encoders for what OpenCV can't write."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import hypothesis
import numpy as np
import pytest
from numpy.typing import NDArray

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Gray = NDArray[np.uint8]
Pixels = NDArray[Any]

SAMPLES = Path(__file__).parent.parent / "samples"
# How fast the machine is says nothing of the code.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")
COMMAND = [sys.executable, "-m", "digitocr"]


class Clear(NamedTuple):
    """A picture, (260, 700), and the numbers written on it in reading order."""

    gray: Gray
    numbers: list[str]


def run_command(
    *arguments: str | Path,
    cwd: Path,
    stdin: bytes | None = None,
    before: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    timeout: float = 120,
) -> subprocess.CompletedProcess[str]:
    """Run `digitocr`, after the words of another command, as a user does."""
    command = [*before, *COMMAND, *map(str, arguments)]
    source: dict[str, Any] = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
    source["env"] = {**os.environ, **(env or {})}
    done = subprocess.run(command, cwd=cwd, capture_output=True, timeout=timeout, **source)
    out, err = (stream.decode("utf-8", "surrogateescape") for stream in (done.stdout, done.stderr))
    return subprocess.CompletedProcess(command, done.returncode, out, err)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """The command, run in an empty folder: `run("scan", "a.png").returncode`."""

    def run(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
        return run_command(*arguments, **{"cwd": tmp_path, **options})

    return run


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of sample pages."""
    return SAMPLES


@pytest.fixture(scope="session")
def clear() -> Clear:
    """Two clear numbers, cut out of a sample and put on white."""
    sample = cv2.imread(str(SAMPLES / "skewed.png"), cv2.IMREAD_GRAYSCALE)
    cut = np.asarray(sample, np.uint8)[505:630, 200:820]
    gray = np.full((260, 700), 255, np.uint8)
    gray[67:192, 40:660] = np.where(cut < 190, cut, 255)
    return Clear(gray, ["3407", "57"])


@pytest.fixture(scope="session")
def unprivileged() -> list[str]:
    """The words before a command that make file permissions hold for it, for root too."""
    if os.geteuid() != 0:
        return []
    if not shutil.which("setpriv"):
        pytest.skip("root may read and write everything, and there is no setpriv to change that")
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]


def rows(text: str) -> list[dict[str, str]]:
    """Return the rows of a CSV as the csv module reads them."""
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def read_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file."""
    return rows(path.read_bytes().decode())


def numbers_of(result: dict[str, Any]) -> list[str]:
    """Return the numbers in a file's JSON."""
    return [number["text"] for page in result["pages"] for number in page["numbers"]]


def results_in(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the JSON of every file read, by the file's name."""
    files = (path for path in folder.rglob("*.json") if path.name != "run.json")
    found = [json.loads(path.read_text("utf-8")) for path in files]
    return {result["file"]: result for result in found}


def encode(extension: str, picture: Pixels, *options: int) -> bytes:
    """Return a picture as a file that OpenCV writes."""
    done, encoded = cv2.imencode(extension, picture, options)
    assert done
    return encoded.tobytes()


def see_through(gray: Gray, paper: int = 0) -> Pixels:
    """Return the picture with black ink on transparent paper of a colour, blue green red alpha."""
    colour = np.where(gray < 255, 0, paper).astype(np.uint8)
    return np.dstack([colour, colour, colour, 255 - gray])


def as_stored(upright: Pixels, orientation: int) -> Pixels:
    """Return the pixels that a file with this EXIF orientation holds of an upright picture."""
    turned = np.swapaxes(upright, 0, 1)
    return {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: turned,
        6: turned[::-1],
        7: turned[::-1, ::-1],
        8: turned[:, ::-1],
    }[orientation].copy()


def exif(orientation: int, order: str = "<") -> bytes:
    """Return an EXIF block that gives an orientation."""
    start = b"II" if order == "<" else b"MM"
    head = struct.pack(order + "HIH", 42, 8, 1)
    return start + head + struct.pack(order + "HHIHHI", 274, 3, 1, orientation, 0, 0)


def chunk(kind: bytes, body: bytes) -> bytes:
    """Return a PNG chunk."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_chunk(png: bytes, kind: bytes, body: bytes) -> bytes:
    """Return a PNG with a chunk added after its header."""
    return png[:33] + chunk(kind, body) + png[33:]


def with_segment(jpeg: bytes, marker: int, body: bytes) -> bytes:
    """Return a JPEG with a segment added at its start."""
    return jpeg[:2] + struct.pack(">HH", marker, len(body) + 2) + body + jpeg[2:]


def with_webp_exif(webp: bytes, width: int, height: int, block: bytes) -> bytes:
    """Return a lossless WebP with an EXIF block, in the extended format."""
    flags = 0x08 | 0x10  # EXIF, alpha
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    first = b"VP8X" + struct.pack("<II", 10, flags) + sides
    picture = webp[webp.index(b"VP8L", 12, 64) :] if webp[12:16] == b"VP8X" else webp[12:]
    last = b"EXIF" + struct.pack("<I", len(block)) + block + b"\0" * (len(block) % 2)
    body = b"WEBP" + first + picture + last
    return b"RIFF" + struct.pack("<I", len(body)) + body


def with_orientation(extension: str, upright: Pixels, orientation: int) -> bytes:
    """Return a file whose pixels are turned, and whose EXIF orientation turns them back."""
    stored = as_stored(upright, orientation)
    if extension == ".tif":
        return tiff(stored, tags={274: (3, [orientation])})
    data, block = encode(extension, stored), exif(orientation)
    if extension == ".jpg":
        return with_segment(data, 0xFFE1, b"Exif\0\0" + block)
    if extension == ".png":
        return with_chunk(data, b"eXIf", block)
    height, width = stored.shape[:2]
    lossless = encode(".webp", stored, cv2.IMWRITE_WEBP_QUALITY, 101)
    return with_webp_exif(lossless, width, height, block)


Tags = dict[int, tuple[int, Sequence[int]]]  # tag → (type, values)
_TIFF_TYPES = {3: "H", 4: "I", 5: "I"}  # SHORT, LONG, RATIONAL as two values


def tiff(*pages: Pixels, tags: Tags | None = None, order: str = "<") -> bytes:
    """Return an uncompressed TIFF, one directory a page; `tags` are added to each or replaced."""
    data, link = bytearray((b"II*\0" if order == "<" else b"MM\0*") + bytes(4)), 4
    for page in pages:
        pixels = page.astype(f"{order}{page.dtype.kind}{page.itemsize}").tobytes()
        start = len(data)
        data += pixels + bytes(len(pixels) % 2)
        channels = 1 if page.ndim == 2 else page.shape[2]
        entries: Tags = {
            256: (4, [page.shape[1]]),
            257: (4, [page.shape[0]]),
            258: (3, [8 * page.itemsize] * channels),
            259: (3, [1]),  # not compressed
            262: (3, [1 if channels < 3 else 2]),  # black is 0; red green blue
            273: (4, [start]),
            277: (3, [channels]),
            278: (4, [page.shape[0]]),
            279: (4, [len(pixels)]),
            339: (3, [{"u": 1, "i": 2, "f": 3}[page.dtype.kind]] * channels),
            **({338: (3, [2])} if channels in (2, 4) else {}),  # the last channel is alpha
            **(tags or {}),
        }
        struct.pack_into(order + "I", data, link, len(data))
        link = _add_directory(data, entries, order)
    return bytes(data)


def _add_directory(data: bytearray, entries: Tags, order: str) -> int:
    """Add a TIFF directory; return the place of its link to the next one, which is 0."""
    far = len(data) + 2 + 12 * len(entries) + 4  # where values of more than 4 bytes begin
    near, values = struct.pack(order + "H", len(entries)), b""
    for tag, (kind, numbers) in sorted(entries.items()):
        value = struct.pack(f"{order}{len(numbers)}{_TIFF_TYPES[kind]}", *numbers)
        near += struct.pack(order + "HHI", tag, kind, len(numbers) // (2 if kind == 5 else 1))
        if len(value) > 4:
            near += struct.pack(order + "I", far + len(values))
            values += value + bytes(len(value) % 2)
        else:
            near += value.ljust(4, b"\0")
    data += near + bytes(4) + values
    return far - 4


@dataclass(frozen=True)
class PdfPage:
    """A page of a PDF: what draws it, its size in points, and the pictures that it names."""

    content: str
    size: tuple[float, float] = (504, 187.2)  # the clear picture at 100 dpi
    images: dict[str, bytes] = field(
        default_factory=dict
    )  # name → a stream, see `pdf_stream` and `pdf_image`
    entries: str = ""  # more of its dictionary


def pdf_stream(entries: str, data: bytes) -> bytes:
    """Return a PDF stream that is not compressed further."""
    return f"<<{entries}/Length {len(data)}>>stream\n".encode() + data + b"\nendstream"


def pdf_image(gray: Gray, entries: str = "") -> bytes:
    """Return a grey picture as a PDF stream; the entries come first, so that they hold."""
    height, width = gray.shape
    kind = f"/Type/XObject/Subtype/Image/Width {width}/Height {height}"
    shades = "" if "BitsPerComponent" in entries else "/BitsPerComponent 8/ColorSpace/DeviceGray"
    return pdf_stream(f"{entries}{kind}{shades}/Filter/FlateDecode", zlib.compress(gray.tobytes()))


def scan_page(gray: Gray, dpi: float = 100, entries: str = "") -> PdfPage:
    """Return a page that one picture fills."""
    width, height = (72 * side / dpi for side in gray.shape[::-1])
    content = f"{width} 0 0 {height} 0 0 cm /I Do"
    return PdfPage(content, (width, height), {"I": pdf_image(gray)}, entries)


def pdf(*pages: PdfPage, catalog: str = "", trailer: str = "", more: Sequence[bytes] = ()) -> bytes:
    """Return a PDF; `more` objects get the numbers from 3, which entries may name."""
    objects = [b"", b"", *more]
    kids = []
    for page in pages:
        names = ""
        for name, stream in page.images.items():
            objects.append(stream)
            names += f"/{name} {len(objects)} 0 R"
        objects.append(pdf_stream("", page.content.encode()))
        font = "/Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica-Bold>>>>"
        objects.append(
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 {page.size[0]} {page.size[1]}]{page.entries}"
            f"/Contents {len(objects)} 0 R/Resources<<{font}/XObject<<{names}>>>>>>".encode()
        )
        kids.append(f"{len(objects)} 0 R")
    objects[0] = f"<</Type/Catalog/Pages 2 0 R{catalog}>>".encode()
    objects[1] = f"<</Type/Pages/Count {len(kids)}/Kids[{' '.join(kids)}]>>".encode()
    return _with_xref(objects, trailer)


def _with_xref(objects: Sequence[bytes], trailer: str) -> bytes:
    data, table = bytearray(b"%PDF-1.7\n"), b"0000000000 65535 f \n"
    for number, body in enumerate(objects, 1):
        table += b"%010d 00000 n \n" % len(data)
        data += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    start, size = len(data), len(objects) + 1
    data += b"xref\n0 %d\n" % size + table
    data += f"trailer<</Size {size}/Root 1 0 R{trailer}>>\nstartxref\n{start}\n%%EOF\n".encode()
    return bytes(data)

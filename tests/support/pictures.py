"""The clear picture, and encoders for what OpenCV can't write."""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from support.command import SAMPLES
from support.tiff import Pixels, tiff

Gray = NDArray[np.uint8]


class Clear(NamedTuple):
    """A picture, (260, 700), and the numbers written on it in reading order."""

    gray: Gray
    numbers: list[str]


def clear_picture() -> Clear:
    """Return two clear numbers, cut out of a sample and put on white."""
    sample = cv2.imread(str(SAMPLES / "skewed.png"), cv2.IMREAD_GRAYSCALE)
    cut = np.asarray(sample, np.uint8)[505:630, 200:820]
    gray = np.full((260, 700), 255, np.uint8)
    gray[67:192, 40:660] = np.where(cut < 190, cut, 255)
    return Clear(gray, ["3407", "57"])


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

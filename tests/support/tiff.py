"""TIFF files of any layout, which OpenCV can't write."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

Pixels = NDArray[Any]


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

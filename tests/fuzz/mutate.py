"""Files made hostile: bits turned, parts cut out, doubled and spliced, fields set to extremes."""

from __future__ import annotations

import random
import re
import struct
import zlib
from collections.abc import Callable
from typing import TypeAlias

Mutation: TypeAlias = Callable[[bytearray, random.Random], None]  # changes a file in place

# What fields are set to: where counts turn over, and sizes of 10⁹ pixels.
_EXTREMES = (0, 1, 2, 127, 128, 255, 256, 32_767, 32_768, 40_000, 65_535, 65_536, 2**20, 2**24)
_EXTREMES += (2**28, 2**31 - 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1)
_HEAD = 200  # bytes: most headers lie within them
# After these stand lengths, sizes and counts.
_MARKS = {
    "jpg": re.compile(rb"\xff[\xc0-\xfe]"),
    "webp": re.compile(rb"RIFF|VP8[ LX]|ALPH|ANIM|ANMF|EXIF"),
    "gif": re.compile(rb"GIF8.a|[\x21\x2c]"),
    "heic": re.compile(rb"ftyp|meta|pitm|iloc|iinf|ipco|ispe|ipma|irot|hvcC|pixi|auxC|mdat|iref"),
    "avif": re.compile(rb"ftyp|meta|pitm|iloc|iinf|ipco|ispe|ipma|av1C|pixi|mdat"),
    "jp2": re.compile(rb"jp2h|ihdr|colr|jp2c|\xff[\x4f-\x93]"),
}
_PDF_TOKEN = re.compile(rb"-?\d+\.?\d*|/\w+|\b(?:obj|endobj|stream|endstream|re|cm|Do)\b")
_PDF_TOKENS = (b"0", b"-1", b"1e9", b"99999999", b"2147483648", b"0.00001", b"null", b"[", b">>")
_PDF_TOKENS += (b"/Kids", b"/Filter", b"/FlateDecode", b"1 0 R", b"3 0 R", b"4 0 R", b"<<", b"q Q")
_TIFF_TAGS = (256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 282, 284, 317, 320, 322, 323)


def mutated(data: bytes, ending: str, others: list[bytes], rng: random.Random) -> bytes:
    """Return a hostile copy of a file.

    Args:
        data: a whole file.
        ending: of its name; fields that its format has are looked for.
        others: of the same format, to splice it with.
        rng: decides all; the same state gives the same file.
    """
    changed = bytearray(data)
    if rng.random() < 0.1:
        other = rng.choice(others)
        changed[rng.randrange(len(data)) :] = other[rng.randrange(len(other)) :]
    special = _SPECIAL.get(ending)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        if special and rng.random() < 0.5:
            special(changed, rng)
        else:
            rng.choice(_COMMON)(changed, rng)
        if not changed:
            break
    if ending == "png" and rng.random() < 0.8:
        _mend_checksums(changed)
    return bytes(changed)


def _flip_bits(data: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 2, 8, 30))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _set_field(data: bytearray, rng: random.Random) -> None:
    _set_extreme(data, rng.randrange(min(_HEAD, len(data))), rng)


def _set_extreme(data: bytearray, place: int, rng: random.Random) -> None:
    """Set one, two, four or eight bytes to an extreme, never making the file longer."""
    width, order = rng.choice((1, 2, 2, 4, 4, 4, 8)), rng.choice(("big", "little"))
    value = rng.choice([one for one in _EXTREMES if one < 256**width])
    field = value.to_bytes(width, "big" if order == "big" else "little")
    data[place : place + width] = field[: len(data[place : place + width])]


def _cut_end(data: bytearray, rng: random.Random) -> None:
    del data[rng.randrange(len(data)) :]


def _cut_out(data: bytearray, rng: random.Random) -> None:
    start, end = _part(data, rng)
    del data[start:end]


def _double(data: bytearray, rng: random.Random) -> None:
    start, end = _part(data, rng)
    data[end:end] = data[start:end] * rng.choice((1, 1, 20))


def _blank_out(data: bytearray, rng: random.Random) -> None:
    start, end = _part(data, rng)
    data[start:end] = bytes([rng.choice((0, 255))]) * (end - start)


def _insert_noise(data: bytearray, rng: random.Random) -> None:
    place = rng.randrange(len(data))
    data[place:place] = rng.randbytes(rng.choice((1, 4, 64)))


def _part(data: bytearray, rng: random.Random) -> tuple[int, int]:
    start = rng.randrange(len(data))
    return start, min(len(data), start + rng.choice((1, 2, 4, 16, 256, len(data))))


_COMMON: tuple[Mutation, ...] = (
    *(_flip_bits, _set_field, _cut_end, _cut_out, _double, _blank_out, _insert_noise),
)


def _near_mark(marks: re.Pattern[bytes]) -> Mutation:
    """Return what sets a field after one of a format's marks."""

    def change(data: bytearray, rng: random.Random) -> None:
        ends = [found.end() for found in marks.finditer(bytes(data))]
        if ends:
            place = rng.choice(ends) + rng.randrange(-8, 16)
            _set_extreme(data, max(0, min(place, len(data) - 1)), rng)

    return change


def _chunks(data: bytearray) -> list[tuple[int, int]]:
    """Return where each chunk of a PNG starts and ends, as far as they go."""
    found, place = [], 8
    while place + 12 <= len(data):
        end = place + 12 + int.from_bytes(data[place : place + 4], "big")
        if end > len(data):
            break
        found.append((place, end))
        place = end
    return found


def _change_chunk(data: bytearray, rng: random.Random) -> None:
    """Remove, double, move or change a chunk of a PNG."""
    chunks = _chunks(data)
    if not chunks:
        return
    start, end = rng.choice(chunks)
    kind = rng.randrange(5)
    if kind == 0:
        del data[start:end]
    elif kind == 1:
        data[end:end] = data[start:end]
    elif kind == 2:
        place = rng.choice(chunks)[0]
        data[place:place] = data[start:end]
    elif end - start > 12:
        _set_extreme(data, rng.randrange(start + 8, end - 4), rng)


def _mend_checksums(data: bytearray) -> None:
    """Make the checksums of a PNG right again, so that what was changed in it is read."""
    for start, end in _chunks(data):
        data[end - 4 : end] = struct.pack(">I", zlib.crc32(data[start + 4 : end - 4]))


def _change_entry(data: bytearray, rng: random.Random) -> None:
    """Change an entry of a TIFF's first directory: its tag, type, count or value."""
    order = ">" if data[:2] == b"MM" else "<"
    if len(data) < 8:
        return
    place = int(struct.unpack_from(order + "I", data, 4)[0])
    if place + 2 > len(data):
        return
    entry = place + 2 + 12 * rng.randrange(max(1, struct.unpack_from(order + "H", data, place)[0]))
    if entry + 12 > len(data):
        return
    kind = rng.randrange(6)
    if kind == 0:
        struct.pack_into(order + "H", data, entry, rng.choice(_TIFF_TAGS))
    elif kind == 1:
        struct.pack_into(order + "H", data, entry + 2, rng.randrange(14))
    elif kind == 2:
        struct.pack_into(order + "I", data, entry + 4, rng.choice(_EXTREMES) & 0xFFFFFFFF)
    else:
        value = rng.choice((*_EXTREMES, 8, len(data), len(data) - 1, place)) & 0xFFFFFFFF
        struct.pack_into(order + "I", data, entry + 8, value)


def _change_token(data: bytearray, rng: random.Random) -> None:
    """Replace a number, name or operator of a PDF by another, or by an extreme."""
    tokens = list(_PDF_TOKEN.finditer(bytes(data)))
    if tokens:
        found = rng.choice(tokens)
        new = rng.choice(_PDF_TOKENS) if rng.random() < 0.7 else rng.choice(tokens)[0]
        data[found.start() : found.end()] = new


_SPECIAL: dict[str, Mutation] = {
    **{ending: _near_mark(marks) for ending, marks in _MARKS.items()},
    "png": _change_chunk,
    "tif": _change_entry,
    "pdf": _change_token,
}

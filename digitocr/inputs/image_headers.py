"""What an image file says of itself in its first bytes, read without decoding it.

OpenCV decodes but tells neither the size before it allocates, nor the resolution, nor the number
of pages of a file in memory. Only fields that are needed are read; sizes are never trusted for
more than a limit.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeAlias

Data: TypeAlias = bytes | bytearray  # a file, or a part of one

# TIFF 6.0 tags, also used by EXIF 2.32
_WIDTH, _HEIGHT, _BITS, _ORIENTATION, _SAMPLES, _X_RESOLUTION, _UNIT = (
    *(256, 257, 258, 274, 277, 282, 296),
)
_TILE_WIDTH, _TILE_HEIGHT, _KIND = 322, 323, 339
_TAGS = {_WIDTH, _HEIGHT, _BITS, _ORIENTATION, _SAMPLES, _X_RESOLUTION, _UNIT}
_TAGS |= {_TILE_WIDTH, _TILE_HEIGHT, _KIND}
_FLOAT = 3  # a kind of numbers
MOST_PAGES = 100_000  # one more is counted, and no further
# Bytes of memory that reading takes for each pixel until it is grey, as `tests/fuzz/bombs.py`
# measures them; those of other formats depend on what their headers say.
_HELD = {"BMP": 8, "WebP": 8, "GIF": 7, "AVIF": 17, "HEIF": 8}
# Brands of an ISO base media file: AVIF 1.1 (section 6), HEIF (ISO/IEC 23008-12, annexes B and E)
_BRANDS = {
    "AVIF": {b"avif", b"avis"},
    "HEIF": {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"},
}
# How an AVIF is mirrored after its turn (0 top to bottom, 1 left to right) → the EXIF orientation
# for each number of quarter turns to the left; ISO/IEC 23008-12, 6.5.10 and 6.5.12, in the order
# that MIAF (ISO/IEC 23000-22) asks for
_ORIENTATIONS = {None: (1, 8, 3, 6), 0: (4, 5, 2, 7), 1: (2, 7, 4, 5)}
_PROGRESSIVE = {0xFFC2, 0xFFC6, 0xFFCA, 0xFFCE}  # frame headers (ITU T.81, table B.1)
_MOST_SCANS = 100  # of a JPEG; cameras and programs write about ten
# Dots per metre, as PNG and BMP give them, or per unit of JFIF (1, 2) or TIFF (2, 3) → per inch.
_METRE, _INCH, _CENTIMETRE = 0.0254, 1.0, 2.54


@dataclass(frozen=True, slots=True)
class Header:
    """The format of a file, and its first page."""

    format: str  # "PNG", "JPEG", "BMP", "WebP", "TIFF", "GIF", "JPEG 2000", "AVIF" or "HEIF"
    width: int  # pixels, before the orientation is applied
    height: int
    dpi: float | None = None
    orientation: int = 1  # EXIF 1..8
    # Of a TIFF: for each page the four bytes that link to its directory, as they stand in the file.
    links: tuple[bytes, ...] = ()
    largest: int = 0  # pixels of the largest page
    memory: int = 0  # bytes that decoding the page takes that takes most
    gray_alpha: bool = False  # a TIFF page with grey and transparency, which OpenCV drops

    @property
    def n_pages(self) -> int:
        """The number of pages; 1 but for TIFF."""
        return max(1, len(self.links))


def read_header(data: Data) -> Header | None:
    """Return the header of an image file, or None where the bytes are of no known format.

    Raises:
        ValueError: the format is known but the header is damaged or ends early.
    """
    try:
        header = _by_magic(data)
    except (struct.error, IndexError, KeyError, ZeroDivisionError) as error:
        raise ValueError("its header is damaged or ends early") from error
    if header is None:
        return None
    largest = header.largest or header.width * header.height
    memory = header.memory or largest * _HELD.get(header.format, 0)
    return replace(header, largest=largest, memory=memory)


def _by_magic(data: Data) -> Header | None:
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png(data)
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg(data)
    if data.startswith(b"BM"):
        return _bmp(data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _webp(data)
    if data[:4] in (b"II*\0", b"MM\0*"):
        return _tiff(data)
    if data[:6] in (b"GIF87a", b"GIF89a"):
        return Header("GIF", *struct.unpack_from("<HH", data, 6))
    if data.startswith(b"\xff\x4f\xff\x51"):
        return _codestream(data, 0)
    if data.startswith(b"\0\0\0\x0cjP  \r\n\x87\n"):
        return _jp2(data)
    if data[4:8] == b"ftyp":
        return _heif(data)
    return None


def _png(data: Data) -> Header:
    """PNG (ISO/IEC 15948): IHDR first; pHYs and eXIf anywhere before the end.

    OpenCV takes memory for a chunk, up to 4 GB, before it finds that the file ends earlier.
    """
    width, height, bits, colour = struct.unpack_from(">IIBB", data, 16)
    held = 2 * {0: 1, 2: 3, 3: 4, 4: 4, 6: 4}[colour] * (2 if bits == 16 else 1)
    header = Header("PNG", width, height, memory=width * height * held)
    place, kind = 8, b""
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, place)
        body, end = place + 8, place + 8 + length
        if end + 4 > len(data):
            raise ValueError("its data ends early")
        if kind == b"pHYs":
            dots, _, unit = struct.unpack_from(">IIB", data, body)
            header = replace(header, dpi=_dpi(dots, {1: _METRE}.get(unit)))
        elif kind == b"eXIf":
            header = replace(header, orientation=_exif_orientation(data[body:end]))
        place = end + 4
    return header


def png_picture(data: Data) -> bytearray:
    """Return a PNG that has been read by `read_header` with its picture alone.

    OpenCV unpacks texts and colour profiles too, which may be 1000 times larger than the file.
    """
    bare, place, kind = bytearray(data[:8]), 8, b""
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, place)
        end = place + 12 + length
        if kind[:1].isupper() or kind == b"tRNS":
            bare += data[place:end]
        place = end
    return bare


def _jpeg(data: Data) -> Header:
    """JPEG (ITU T.81, JFIF 1.02): segments until the frame header."""
    dpi, orientation, place = None, 1, 2
    while True:
        marker, length = struct.unpack_from(">HH", data, place)
        body, end = place + 4, place + 2 + length
        if marker == 0xFFE0 and data[body : body + 5] == b"JFIF\0":
            unit, dots = struct.unpack_from(">BH", data, body + 7)
            # 1 is what writers put that know of no resolution
            dpi = _dpi(dots, {1: _INCH, 2: _CENTIMETRE}.get(unit)) if dots > 1 else None
        elif marker == 0xFFE1 and data[body : body + 6] == b"Exif\0\0":
            orientation = _exif_orientation(data[body + 6 : end])
        elif 0xFFC0 <= marker <= 0xFFCF and marker not in (0xFFC4, 0xFFC8, 0xFFCC):
            height, width, channels = struct.unpack_from(">HHB", data, body + 1)
            # Of a progressive one all coefficients are kept, 16 bits each.
            held = 1 + 2 * channels if marker in _PROGRESSIVE else 2
            if data.count(b"\xff\xda", end) > _MOST_SCANS:  # each may go over all pixels
                raise ValueError(f"its picture is in more than {_MOST_SCANS} parts")
            memory = width * height * held
            return Header("JPEG", width, height, dpi, orientation, memory=memory)
        elif marker < 0xFFC0 or 0xFFD0 <= marker <= 0xFFDA:
            raise ValueError("its picture begins before its header")
        place = place + 1 if marker == 0xFFFF else end  # 0xFF may be repeated as filling


def _bmp(data: Data) -> Header:
    """BMP: BITMAPINFOHEADER and later, or OS/2 1.x; a negative height means top row first."""
    if struct.unpack_from("<I", data, 14)[0] == 12:
        return Header("BMP", *struct.unpack_from("<HH", data, 18))
    width, height = struct.unpack_from("<ii", data, 18)
    dots = struct.unpack_from("<i", data, 38)[0]
    return Header("BMP", abs(width), abs(height), _dpi(dots, _METRE))


def _webp(data: Data) -> Header:
    """WebP (RFC 9649): VP8X, VP8L or VP8 chunk first, EXIF after the picture."""
    kind = data[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(data[i : i + 3], "little") + 1 for i in (24, 27))
    elif kind == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    else:
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
    return Header("WebP", width, height, orientation=_webp_orientation(data))


def _webp_orientation(data: Data) -> int:
    place = 12
    while place + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, place)
        if kind == b"EXIF":
            return _exif_orientation(data[place + 8 :][:length].removeprefix(b"Exif\0\0"))
        place += 8 + length + length % 2
    return 1


def _tiff(data: Data) -> Header:
    """TIFF 6.0: one directory a page, chained."""
    order = _byte_order(data)
    pages: list[dict[int, float]] = []
    links, unread = [bytes(data[4:8])], len(data)
    while any(links[-1]) and len(pages) <= MOST_PAGES:
        place = struct.unpack(order + "I", links[-1])[0]
        tags, end = _directory(data, place, order)
        pages.append(tags)
        unread -= end - place
        if unread < 0:  # made to be read for ever
            raise ValueError("its pages overlap")
        links.append(struct.unpack_from("4s", data, end)[0])
    first, units = pages[0], {2.0: _INCH, 3.0: _CENTIMETRE}
    return Header(
        "TIFF",
        int(first[_WIDTH]),
        int(first[_HEIGHT]),
        dpi=_dpi(first.get(_X_RESOLUTION, 0), units.get(first.get(_UNIT, 2))),
        orientation=_orientation(first),
        links=tuple(links[: len(pages)]),
        largest=int(max(map(_tiff_pixels, pages))),
        memory=int(max(_tiff_pixels(page) * _tiff_held(page) for page in pages)),
        gray_alpha=any(page.get(_SAMPLES) == 2 for page in pages),
    )


def _tiff_pixels(page: dict[int, float]) -> float:
    """Return the pixels of a TIFF page, filled up to those of a tile."""
    width = max(page[_WIDTH], page.get(_TILE_WIDTH, 0))
    return width * max(page[_HEIGHT], page.get(_TILE_HEIGHT, 0))


def _tiff_held(page: dict[int, float]) -> float:
    """Return the bytes that a pixel of a TIFF page takes while it is decoded."""
    size = max(1.0, page.get(_BITS, 1) / 8) * page.get(_SAMPLES, 1)
    return size * (4 if page.get(_KIND) == _FLOAT else 2)


def _boxes(data: Data, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield the boxes between two places as (type, start, end) of what is in each.

    They are the same in JPEG 2000 (ITU T.800, annex I) and ISO base media (ISO/IEC 14496-12).
    """
    while start < end:
        length, kind = struct.unpack_from(">I4s", data, start)
        body = start + 8
        if length == 1:  # too long for four bytes
            length, body = struct.unpack_from(">Q", data, body)[0], body + 8
        stop = start + length if length else end
        if not body <= stop <= end:
            raise ValueError("its data ends early")
        yield kind, body, stop
        start = stop


def _box(data: Data, kind: bytes, start: int, end: int) -> tuple[int, int]:
    """Return where what is in the first box of a type starts and ends; KeyError without one."""
    for found, body, stop in _boxes(data, start, end):
        if found == kind:
            return body, stop
    raise KeyError(kind)


def _jp2(data: Data) -> Header:
    """JPEG 2000 (ITU T.800, annex I): boxes around a codestream."""
    dpi = None
    # Its header holds a resolution where the writer knew of one.
    with suppress(KeyError, ZeroDivisionError, struct.error):
        resolutions = _box(data, b"res ", *_box(data, b"jp2h", 0, len(data)))
        for _, body, _ in _boxes(data, *resolutions):
            _, _, over, under, _, exponent = struct.unpack_from(">HHHHbb", data, body)
            dpi = _dpi(over / under * 10.0**exponent, _METRE)  # the last: for showing
    return replace(_codestream(data, _box(data, b"jp2c", 0, len(data))[0]), dpi=dpi)


def _codestream(data: Data, start: int) -> Header:
    """Return what a JPEG 2000 codestream says of itself (SIZ: ITU T.800, A.5.1)."""
    right, bottom, left, top = struct.unpack_from(">IIII", data, start + 8)
    channels = struct.unpack_from(">H", data, start + 40)[0]
    if right <= left or bottom <= top:
        raise ValueError("its header is damaged")
    width, height = right - left, bottom - top
    held = 2 + 5 * channels  # they are decoded to 32 bits
    return Header("JPEG 2000", width, height, memory=width * height * held)


def _heif(data: Data) -> Header | None:
    """AVIF and HEIF (ISO/IEC 23008-12): the first picture is an item that has properties."""
    start, end = _box(data, b"ftyp", 0, len(data))
    brands = {bytes(data[place : place + 4]) for place in (start, *range(start + 8, end, 4))}
    name = next((name for name, own in _BRANDS.items() if brands & own), None)
    if name is None:
        return None  # a film
    start, end = _box(data, b"meta", 0, len(data))
    own, largest = _first_item(data, start + 4, end)  # after its version and flags
    turns = data[own[b"irot"]] & 3 if b"irot" in own else 0
    mirror = data[own[b"imir"]] & 1 if b"imir" in own else None
    orientation = _ORIENTATIONS[mirror][turns]
    return Header(name, *_item_size(data, own[b"ispe"]), orientation=orientation, largest=largest)


def _first_item(data: Data, start: int, end: int) -> tuple[dict[bytes, int], int]:
    """Return where the first picture's properties are, by type, and the pixels of the largest."""
    place = _box(data, b"pitm", start, end)[0]
    item = struct.unpack_from(">I" if data[place] else ">H", data, place + 4)[0]
    start, end = _box(data, b"iprp", start, end)
    known = list(_boxes(data, *_box(data, b"ipco", start, end)))
    numbers = _item_properties(data, _box(data, b"ipma", start, end)[0], item)
    own = {known[i - 1][0]: known[i - 1][1] for i in numbers if i}  # 0 is none
    sizes = [_item_size(data, body) for kind, body, _ in known if kind == b"ispe"]
    return own, max((width * height for width, height in sizes), default=0)


def _item_size(data: Data, place: int) -> tuple[int, int]:
    """Return the width and height in an ispe box."""
    width, height = struct.unpack_from(">II", data, place + 4)
    return width, height


def _item_properties(data: Data, place: int, item: int) -> list[int]:
    """Return the numbers, from 1, of an item's properties, out of an ipma box."""
    version, long = data[place], data[place + 3] & 1
    count = struct.unpack_from(">I", data, place + 4)[0]
    place += 8
    for _ in range(count):
        found, n = struct.unpack_from(">IB" if version else ">HB", data, place)
        place += 5 if version else 3
        if found == item:
            numbers = struct.unpack_from(f">{n}{'H' if long else 'B'}", data, place)
            return [number & (0x7FFF if long else 0x7F) for number in numbers]
        place += n * (2 if long else 1)
    raise KeyError(item)


def _byte_order(data: Data) -> str:
    return "<" if data.startswith(b"II") else ">"


def _directory(data: Data, place: int, order: str) -> tuple[dict[int, float], int]:
    """Return the numbers among `_TAGS` of one TIFF directory, and where its entries end."""
    count = struct.unpack_from(order + "H", data, place)[0]
    end = place + 2 + 12 * count
    tags = {}
    for tag, kind, n, value in struct.iter_unpack(order + "HHI4s", data[place + 2 : end]):
        if tag not in _TAGS:
            continue
        if kind == 3:  # SHORT; of several the first
            if n > 2:  # stored elsewhere
                far = struct.unpack(order + "I", value)[0]
                value = data[far : far + 2].ljust(2, b"\0")
            tags[tag] = struct.unpack(order + "H", value[:2])[0]
        elif kind == 4:  # LONG
            tags[tag] = struct.unpack(order + "I", value)[0]
        elif kind == 5:  # RATIONAL, stored elsewhere
            tags[tag] = _ratio(data, struct.unpack(order + "I", value)[0], order)
    return tags, end


def _ratio(data: Data, place: int, order: str) -> float:
    """Return a TIFF fraction, 0 where it lies outside of the file or is none."""
    over, under = struct.unpack(order + "II", data[place : place + 8].ljust(8, b"\0"))
    return float(over / under) if under else 0.0


def _exif_orientation(exif: Data) -> int:
    """Return the orientation, 1..8, that an EXIF block gives; 1 where it gives none."""
    order = _byte_order(exif)
    try:
        return _orientation(_directory(exif, struct.unpack_from(order + "I", exif, 4)[0], order)[0])
    except struct.error:
        return 1


def _orientation(tags: dict[int, float]) -> int:
    orientation = int(tags.get(_ORIENTATION, 1))
    return orientation if 1 <= orientation <= 8 else 1


def _dpi(dots: float, units_per_inch: float | None) -> float | None:
    """Return a resolution in dots per inch; None where it or its unit is not given."""
    return round(max(0.0, dots * (units_per_inch or 0)), 1) or None

"""Small whole files of every kind that is read, made here: what the mutations begin with."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from support.pdf import PdfPage, pdf, pdf_image, pdf_stream, scan_page
from support.pictures import chunk, encode, exif, see_through, with_chunk, with_orientation
from support.tiff import tiff

Gray = NDArray[np.uint8]
Seeds = dict[str, list[bytes]]  # ending → files


def picture(text: str = "3407 57") -> Gray:
    """Return a picture of numbers, (60, 200)."""
    gray = np.full((60, 200), 255, np.uint8)
    cv2.putText(gray, text, (14, 42), cv2.FONT_HERSHEY_SIMPLEX, 1.2, 0, 3, cv2.LINE_AA)
    return gray


def all_seeds() -> Seeds:
    """Return whole files by their ending; without HEIC where pillow-heif is not installed."""
    gray = picture()
    seeds = {
        "png": list(_png(gray)),
        "jpg": list(_jpeg(gray)),
        "tif": list(_tiff(gray)),
        "bmp": list(_bmp(gray)),
        "webp": list(_webp(gray)),
        "pdf": list(_pdf(gray)),
        "heic": list(_heic(gray)),
        "gif": [_saved(gray, "GIF"), _moving(gray, "GIF")],
        "avif": [encode(".avif", gray), encode(".avif", _colour(gray))],
        "jp2": [encode(".jp2", gray), encode(".jp2", _colour(gray))],
    }
    return {ending: files for ending, files in seeds.items() if files}


def _colour(gray: Gray) -> Gray:
    """Return the picture in three channels that differ."""
    return np.dstack([gray, cv2.GaussianBlur(gray, (0, 0), 2), gray])


def _saved(gray: Gray, kind: str, mode: str = "L", **options: Any) -> bytes:
    """Return the picture as Pillow saves it, which writes more kinds than OpenCV."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(gray).convert(mode).save(file, kind, **options)
    return file.getvalue()


def _moving(gray: Gray, kind: str) -> bytes:
    """Return three frames."""
    from PIL import Image

    more = [Image.fromarray(picture(text)) for text in ("12", "34")]
    return _saved(gray, kind, save_all=True, append_images=more, duration=40)


def _png(gray: Gray) -> Iterator[bytes]:
    plain = encode(".png", gray)
    yield plain
    yield encode(".png", gray, cv2.IMWRITE_PNG_BILEVEL, 1)
    yield encode(".png", see_through(gray))
    yield encode(".png", _colour(gray).astype(np.uint16) * 257)
    yield _saved(gray, "PNG", "P")
    yield _saved(gray, "PNG", "LA")
    yield _moving(gray, "PNG")
    yield with_orientation(".png", gray, 6)
    for kind, body in (
        (b"pHYs", struct.pack(">IIB", 11811, 11811, 1)),
        (b"tRNS", struct.pack(">H", 255)),
        (b"gAMA", struct.pack(">I", 45455)),
        (b"tEXt", b"Comment\0no digits"),
    ):
        plain = with_chunk(plain, kind, body)
    yield plain


def _jpeg(gray: Gray) -> Iterator[bytes]:
    yield encode(".jpg", gray)
    yield encode(".jpg", _colour(gray), cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    yield encode(".jpg", _colour(gray), cv2.IMWRITE_JPEG_RST_INTERVAL, 2)
    yield with_orientation(".jpg", gray, 6)
    yield _saved(gray, "JPEG", "CMYK")


def _tiff(gray: Gray) -> Iterator[bytes]:
    yield tiff(gray)
    yield tiff(gray, picture("12"), order=">")
    yield tiff(_colour(gray).astype(np.uint16) * 257)
    yield tiff(gray.astype(np.float32) / 255)
    yield tiff(see_through(gray), tags={274: (3, [6])})
    padded = cv2.copyMakeBorder(gray, 0, 4, 0, 8, cv2.BORDER_CONSTANT, value=255)  # (64, 208)
    sides = {256: (4, [200]), 257: (4, [60]), 322: (3, [208]), 323: (3, [64])}
    yield tiff(padded, tags={**sides, 324: (4, [8]), 325: (4, [padded.size])})
    for compression in ("group4", "group3", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        mode = "1" if compression.startswith("group") else "L"
        yield _saved(gray, "TIFF", mode, compression=compression)


def _bmp(gray: Gray) -> Iterator[bytes]:
    for mode in ("1", "P", "L", "RGB"):
        yield _saved(gray, "BMP", mode)
    yield encode(".bmp", see_through(gray))
    yield _run_lengths(gray)


def _run_lengths(gray: Gray) -> bytes:
    """Return a BMP of 256 colours in run-length encoding (BI_RLE8)."""
    height, width = gray.shape
    pixels = (
        b"".join(b"".join(bytes([1, value]) for value in row) + b"\0\0" for row in gray[::-1])
        + b"\0\1"
    )
    palette = b"".join(bytes([i, i, i, 0]) for i in range(256))
    sizes = (40, width, height, 1, 8, 1, len(pixels), 11811, 11811, 256, 256)
    info = struct.pack("<IiiHHIIiiII", *sizes)
    start = 14 + len(info) + len(palette)
    return struct.pack("<2sIII", b"BM", start + len(pixels), 0, start) + info + palette + pixels


def _webp(gray: Gray) -> Iterator[bytes]:
    yield encode(".webp", gray, cv2.IMWRITE_WEBP_QUALITY, 60)
    yield encode(".webp", see_through(gray))
    yield with_orientation(".webp", gray, 6)
    yield _moving(gray, "WEBP")


def _pdf(gray: Gray) -> Iterator[bytes]:
    yield pdf(scan_page(gray))
    yield pdf(scan_page(gray, entries="/Rotate 90"), scan_page(picture("12")))
    yield pdf(PdfPage("BT /F 40 Tf 20 20 Td (3407) Tj ET 9 9 90 90 re S", (200, 80)))
    entries = "/Type/XObject/Subtype/Image/Width 200/Height 60/BitsPerComponent 8"
    for name, data in (("DCT", encode(".jpg", gray)), ("JPX", encode(".jp2", gray))):
        stream = pdf_stream(f"{entries}/ColorSpace/DeviceGray/Filter/{name}Decode", data)
        yield pdf(PdfPage("144 0 0 43 0 0 cm /I Do", (144, 43), {"I": stream}))
    form = pdf_stream("/Type/XObject/Subtype/Form/BBox[0 0 144 43]", b"9 9 99 22 re f")
    masked = pdf_image(gray, "/Decode[1 0]/Interpolate true")
    yield pdf(PdfPage("/G Do 144 0 0 43 0 0 cm /I Do", (144, 43), {"I": masked, "G": form}))


def _heic(gray: Gray) -> Iterator[bytes]:
    try:
        from pillow_heif import from_bytes
    except ModuleNotFoundError:
        return
    for mode, pixels in (("L", gray), ("RGB", _colour(gray)), ("RGBA", see_through(gray))):
        file = io.BytesIO()
        heif = from_bytes(mode, gray.shape[::-1], pixels.tobytes())
        heif.save(file, quality=60, exif=exif(6) if mode == "RGB" else None)
        yield file.getvalue()


__all__ = ["Seeds", "all_seeds", "chunk", "picture"]

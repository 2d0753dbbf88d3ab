"""PDF files, written as text."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from support.pictures import Gray


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

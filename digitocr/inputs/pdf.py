"""The pages of a PDF, drawn one at a time by pdfium (the extra `pdf`)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from math import hypot
from threading import Lock
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from digitocr.core.errors import (
    ExtraMissing,
    InputTooLarge,
    InputUnreadable,
)
from digitocr.core.settings import Limits

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfImage, PdfObject, PdfPage

Drawn: TypeAlias = NDArray[np.uint8]  # (H, W, 3), blue green red

_POINTS = 72  # units of a page's length to an inch (ISO 32000-1, 8.3.2.3)
_START = 1024  # bytes; a PDF's signature lies within them (Adobe's implementation notes, 13)
_END = 2048  # bytes; its end lies within the last 1024, and there may be as many of something else
# A page is a scan where its pictures cover this part of it; pictures that cover less may be logos.
_SCAN = 0.5
# Of a scan in layers, the sharpest that covers this part of the page gives the resolution.
_LAYER = 0.1
_COLOUR = 16  # pixels; a picture with fewer both across and down is a coloured ground
_INVISIBLE = {3, 7}  # text render modes: what OCR put behind a scan (ISO 32000-1, table 106)
_HELD = 7  # bytes that a pixel of a scan in colour takes: unpacked, drawn and grey
_DECRYPTED = "Save encrypted PDFs without a password and run the same command again."
_PDFIUM = Lock()  # pdfium is not made for threads


def is_pdf(file: BufferedIOBase) -> bool:
    """Tell whether a file, at its start before and after, is a PDF."""
    start = file.read(_START)
    file.seek(0)
    return b"%PDF-" in start


def count_pages(file: BufferedIOBase) -> int:
    """Return the number of pages of a PDF.

    Raises:
        ExtraMissing: pypdfium2 is not installed.
        InputUnreadable: the PDF is damaged or encrypted.
    """
    with _opened_pdf(file) as document:
        return len(document)


def draw_page(file: BufferedIOBase, index: int, dpi: float, limits: Limits) -> tuple[Drawn, float]:
    """Draw a page as a viewer shows it.

    The document is opened for each page, because pdfium keeps all that it has read of one; this
    takes 4 ms, 50 ms where it has 5,000 pages.

    Args:
        file: the PDF, at any place.
        index: the page, from 0.
        dpi: dots per inch for what is not a scan; a scan has its own pixels.
        limits: for a page, and for all pictures on it together.

    Returns:
        The page and the dots per inch that it was drawn at.

    Raises:
        ExtraMissing: pypdfium2 is not installed.
        InputUnreadable: the PDF is damaged or encrypted, or the page is too large.
    """
    with _opened_pdf(file) as document, _loaded_page(document, index) as page:
        images = _images(page, index, limits)
        dpi = _resolution(page, images, dpi)
        width, height = (max(1, round(side * dpi / _POINTS)) for side in page.get_size())
        excess = limits.excess(width * height, _HELD * width * height)
        if excess:
            raise InputTooLarge(f"has on page {index + 1}, at {dpi:.0f} dpi, {excess}")
        drawn = _drawn_page(page, width, height)
        if drawn.min() == drawn.max() and not (all(map(_decodes, images)) and _is_textless(page)):
            raise InputUnreadable(f"is damaged: what is on page {index + 1} can't be drawn")
        return drawn, dpi


@contextmanager
def _opened_pdf(file: BufferedIOBase) -> Iterator[PdfDocument]:
    """Open a PDF, with its forms filled in, and close it."""
    try:
        import pypdfium2
        from pypdfium2 import raw
    except ModuleNotFoundError as error:
        raise ExtraMissing("is a PDF, which needs: pip install 'digitocr[pdf]'") from error
    with _PDFIUM:
        _check_end(file)
        try:
            document = pypdfium2.PdfDocument(file)
        except pypdfium2.PdfiumError as error:
            if error.err_code in (raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY):
                sentence = "is encrypted; save it without a password"
                raise InputUnreadable(sentence, _DECRYPTED) from error
            raise InputUnreadable("is damaged: it is no whole PDF") from error
        with document:
            if document.get_formtype() == raw.FORMTYPE_ACRO_FORM:
                document.init_forms()
            yield document


def _check_end(file: BufferedIOBase) -> None:
    """Raise InputUnreadable where a PDF ends early: pdfium would show its last pages as blank."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _END))
    if b"startxref" not in file.read():
        raise InputUnreadable("is damaged: its data ends early")
    file.seek(0)


@contextmanager
def _loaded_page(document: PdfDocument, index: int) -> Iterator[PdfPage]:
    """Load a page and close it."""
    from pypdfium2 import PdfiumError

    try:
        page = document[index]
    except PdfiumError as error:
        raise InputUnreadable(f"is damaged on page {index + 1} of {len(document)}") from error
    try:
        yield page
    finally:
        page.close()


def _images(page: PdfPage, index: int, limits: Limits) -> list[PdfImage]:
    """Return the pictures on a page, which is not to take more than it may."""
    from pypdfium2 import PdfImage

    images = [one for one in page.get_objects() if isinstance(one, PdfImage)]
    sizes = [width * height for width, height in (image.get_px_size() for image in images)]
    excess = limits.excess(max(sizes, default=0), _HELD * sum(sizes))
    if excess:
        raise InputTooLarge(f"has in pictures on page {index + 1} {excess}")
    return images


def _resolution(page: PdfPage, images: list[PdfImage], dpi: float) -> float:
    """Return the dots per inch to draw a page at: a scan's own, else those asked for."""
    width, height = page.get_size()
    layers = sorted(map(_dpi_and_area, images), reverse=True)
    if sum(area for _, area in layers) < _SCAN * width * height or _shows_vectors(page):
        return dpi
    covered = 0.0
    for own, area in layers:  # a scan may be in many strips
        covered += area
        if covered >= _LAYER * width * height:
            return own
    return dpi


def _dpi_and_area(image: PdfImage) -> tuple[float, float]:
    """Return how many dots to an inch a picture has on its page, and its area in square points."""
    matrix, around = image.get_matrix(), image.container
    while around:
        matrix, around = matrix.multiply(around.get_matrix()), around.container
    width, height = hypot(matrix.a, matrix.b), hypot(matrix.c, matrix.d)
    across, down = image.get_px_size()
    if not width or not height or max(across, down) < _COLOUR:
        return 0.0, 0.0
    return _POINTS * max(across / width, down / height), width * height


def _shows_vectors(page: PdfPage) -> bool:
    """Tell whether a page shows anything besides pictures."""
    from pypdfium2 import raw

    others = (raw.FPDF_PAGEOBJ_PATH, raw.FPDF_PAGEOBJ_SHADING)
    return any(one.type in others or _is_text(one) for one in page.get_objects())


def _is_text(one: PdfObject) -> bool:
    """Tell whether an object is text that is shown."""
    from pypdfium2 import raw

    if one.type != raw.FPDF_PAGEOBJ_TEXT:
        return False
    return raw.FPDFTextObj_GetTextRenderMode(one) not in _INVISIBLE


def _drawn_page(page: PdfPage, width: int, height: int) -> Drawn:
    """Return a page drawn into a rectangle of pixels, on white.

    `PdfPage.render` takes a scale alone and rounds it up: all pixels of a scan would be moved.
    """
    from pypdfium2 import PdfBitmap, raw

    bitmap = PdfBitmap.new_native(width, height, raw.FPDFBitmap_BGR)
    bitmap.fill_rect((255, 255, 255, 255), 0, 0, width, height)
    place = (0, 0, width, height, 0, raw.FPDF_ANNOT)
    raw.FPDF_RenderPageBitmap(bitmap, page, *place)
    if page.formenv:
        raw.FPDF_FFLDraw(page.formenv, bitmap, page, *place)
    pixels: Drawn = bitmap.to_numpy()
    bitmap.close()
    return pixels


def _decodes(image: PdfImage) -> bool:
    """Tell whether a picture can be read: pdfium leaves out those that can't."""
    from pypdfium2 import raw

    bitmap = raw.FPDFImageObj_GetBitmap(image)
    if not bitmap:
        return False
    raw.FPDFBitmap_Destroy(bitmap)
    return True


def _is_textless(page: PdfPage) -> bool:
    """Tell whether a page has nothing to show but pictures, lines and blanks.

    pdfium leaves out text whose font it can't read.
    """
    if not any(map(_is_text, page.get_objects())):
        return True
    text = page.get_textpage()
    try:
        return not text.get_text_range().strip()
    finally:
        text.close()

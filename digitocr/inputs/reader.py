"""`Source` → decoded `Page`s, one at a time."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BufferedIOBase, BytesIO
from threading import Lock
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from digitocr.core.arrays import Gray
from digitocr.core.errors import (
    ExtraMissing,
    InputTooLarge,
    InputUnreadable,
    counted,
)
from digitocr.core.page_ranges import PageRanges
from digitocr.core.settings import Limits
from digitocr.core.source import (
    Page,
    Source,
)
from digitocr.inputs.image_headers import (
    Header,
    png_picture,
    read_header,
)
from digitocr.inputs.pdf import (
    count_pages,
    draw_page,
    is_pdf,
)
from digitocr.storage.object_store import fetched_file

_MOST_BYTES = 2_000_000_000  # of a file; a picture's are held in memory
# File descriptor 2 is the whole process's: one thread at a time may turn it away.
_STDERR = Lock()
_LIMITS = Limits()

Pixels: TypeAlias = NDArray[np.integer[Any] | np.floating[Any]]  # (H, W) or (H, W, channels)

# What turns a picture upright for each EXIF orientation: (mirror left-right first, then turn).
_TURNS: dict[int, tuple[bool, int | None]] = {
    1: (False, None),
    2: (True, None),
    3: (False, cv2.ROTATE_180),
    4: (True, cv2.ROTATE_180),
    5: (True, cv2.ROTATE_90_COUNTERCLOCKWISE),
    6: (False, cv2.ROTATE_90_CLOCKWISE),
    7: (True, cv2.ROTATE_90_CLOCKWISE),
    8: (False, cv2.ROTATE_90_COUNTERCLOCKWISE),
}


def read_pages(
    source: Source,
    wanted: PageRanges | None = None,
    dpi: int = 300,
    limits: Limits = _LIMITS,
) -> Iterator[Page]:
    """Yield the pages of a source in grey, one at a time, upright as a viewer shows them.

    Args:
        source: a picture, of which the first frame is read where it moves; a TIFF or a PDF.
        wanted: the pages to read; None for all.
        dpi: dots per inch for pages of a PDF that are no scans.
        limits: what the file may ask for.

    Raises:
        ExtraMissing: a package that reads this kind of file is not installed.
        InputUnreadable: the file is missing, empty, damaged, too large or no image, or has none
            of the wanted pages.
    """
    if source.gray is not None:
        yield _page_of_picture(source.gray, wanted, limits)
        return
    try:
        with _opened_file(source) as file:
            if is_pdf(file):
                for index in _wanted_indices(count_pages(file), wanted, limits):
                    drawn, own_dpi = draw_page(file, index, dpi, limits)
                    yield Page(index + 1, _to_gray(drawn), round(own_dpi, 1))
            else:
                yield from _read_image(_whole_file(file), wanted, limits)
    except OSError as error:
        raise InputUnreadable(f"can't be opened: {error.strerror}") from error


def _page_of_picture(gray: Gray, wanted: PageRanges | None, limits: Limits) -> Page:
    """Return a decoded picture as a page."""
    if excess := limits.excess(gray.size, gray.size):
        raise InputTooLarge(f"has {excess}")
    (index,) = _wanted_indices(1, wanted, limits)
    return Page(index + 1, gray, None)


def _opened_file(source: Source) -> BufferedIOBase:
    """Return a source as a file."""
    if source.remote:
        return _within_limit(fetched_file(source.remote, _MOST_BYTES + 1))
    found = source.path.stat() if source.path else None
    if found and not stat.S_ISREG(found.st_mode):
        raise InputUnreadable("is not a file")  # a pipe or a device may never end
    return _within_limit(source.path.open("rb") if source.path else BytesIO(source.data or b""))


def _within_limit(file: BufferedIOBase) -> BufferedIOBase:
    if file.seek(0, os.SEEK_END) > _MOST_BYTES:
        file.close()
        raise InputTooLarge(f"is larger than {_MOST_BYTES // 10**6} MB")
    file.seek(0)
    return file


def _wanted_indices(n_pages: int, ranges: PageRanges | None, limits: Limits) -> list[int]:
    """Return the indices, from 0, of the wanted pages that a document has."""
    found: Sequence[int] = range(n_pages)
    if ranges is not None:
        found = [i for i in found if any(i + 1 in wanted for wanted in ranges)]
    if not found:
        sentence = f"has {counted(n_pages, 'page')}, none of those that Settings.pages names"
        raise InputUnreadable(sentence, "Name pages with Settings.pages that all documents have.")
    if len(found) > limits.pages:
        raise InputTooLarge(
            f"has more than {limits.pages} pages;"
            " name some with Settings.pages, or raise Limits.pages"
        )
    return list(found)


def _whole_file(file: BufferedIOBase) -> bytearray:
    """Return the bytes of a file, once: a TIFF may have hundreds of pages."""
    data = bytearray(file.seek(0, os.SEEK_END))
    file.seek(0)
    del data[file.readinto(data) :]
    return data


def _read_image(data: bytearray, ranges: PageRanges | None, limits: Limits) -> Iterator[Page]:
    """Yield the wanted pages of a picture; of one that moves, the first."""
    header = _checked_header(data, limits)
    if header.format == "PNG":
        data = png_picture(data)
    buffer = np.frombuffer(data, np.uint8)
    for index in _wanted_indices(header.n_pages, ranges, limits):
        image = _decode(buffer, header, index)
        if image is None:
            where = f" on page {index + 1} of {header.n_pages}" if header.n_pages > 1 else ""
            rare = f"or is a kind of {header.format} that can't be read"
            raise InputUnreadable(f"is damaged, ends early{where} {rare}")
        if header.gray_alpha and image.min() == image.max():
            raise InputUnreadable("may hold its ink in its transparency; save it as PNG")
        yield Page(index + 1, _to_gray(image), header.dpi)


def _checked_header(data: bytearray, limits: Limits) -> Header:
    """Return the header of an image that may be decoded."""
    if not data:
        raise InputUnreadable("is empty (0 bytes)")
    try:
        header = read_header(data)
    except ValueError as error:
        raise InputUnreadable(f"is damaged: {error}") from error
    if header is None:
        raise InputUnreadable("is no PDF and no image of a known kind, whatever its name says")
    excess = limits.excess(header.largest, header.memory)
    if excess:
        raise InputTooLarge(f"has {excess}")
    return header


def _decode(buffer: NDArray[np.uint8], header: Header, index: int) -> Pixels | None:
    """Return one page as stored but upright, or None where it can't be decoded."""
    if header.format == "HEIF":
        return _decode_heif(buffer)
    with _stderr_off():
        try:
            if header.format == "JPEG":  # libjpeg gives grey at a third of the cost of colour
                return cv2.imdecode(buffer, cv2.IMREAD_GRAYSCALE)
            if header.format == "TIFF":  # decoded upright in any mode
                # Made the first page: OpenCV would go through all pages before it, each time.
                buffer[4:8] = np.frombuffer(header.links[index], np.uint8)
                pages = cv2.imdecodemulti(buffer, cv2.IMREAD_UNCHANGED, range=(0, 1))[1]
                return pages[0] if pages else None
            image = cv2.imdecode(buffer, cv2.IMREAD_UNCHANGED)
        except cv2.error:
            return None
    return None if image is None else _upright_image(image, header.orientation)


def _decode_heif(buffer: NDArray[np.uint8]) -> Pixels | None:
    """Return the first picture of a HEIF file, which libheif turns upright."""
    try:
        from pillow_heif import open_heif
    except ModuleNotFoundError as error:
        raise ExtraMissing("is a HEIF image, which needs: pip install 'digitocr[heic]'") from error
    try:
        found = open_heif(buffer.tobytes(), bgr_mode=True)
        return np.asarray(found[found.primary_index])
    except (ValueError, EOFError, SyntaxError, RuntimeError, OSError, IndexError):
        return None  # all that its documentation names


@contextmanager
def _stderr_off() -> Iterator[None]:
    """Keep libpng and libtiff, which write to the process's stderr, from doing so."""
    with _STDERR:
        try:
            kept = os.dup(2)
        except OSError:  # stderr is closed
            yield
            return
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(nowhere)


def _upright_image(image: Pixels, orientation: int) -> Pixels:
    """Return the image turned as its EXIF orientation asks."""
    mirror, turn = _TURNS[orientation]
    if mirror:
        image = cv2.flip(image, 1)
    return image if turn is None else cv2.rotate(image, turn)


def _to_gray(image: Pixels) -> Gray:
    """Return an image of any depth and number of channels as grey, transparent parts white."""
    if image.dtype != np.uint8:
        image = _to_8_bit(image)
    if image.ndim == 2:
        return np.ascontiguousarray(image, np.uint8)
    gray = cv2.cvtColor(np.asarray(image, np.uint8), cv2.COLOR_BGR2GRAY)
    if image.shape[2] == 4:
        opaque = np.asarray(image[:, :, 3], np.uint8)
        gray = cv2.bitwise_not(cv2.multiply(cv2.bitwise_not(gray), opaque, scale=1 / 255))
    return np.asarray(gray, np.uint8)


def _to_8_bit(image: Pixels) -> NDArray[np.uint8]:
    """Return a deeper image in 8 bits, its brightest value white (12-bit scans fill 1/16)."""
    if image.dtype != np.uint16:
        image = _finite(image.astype(np.float32))
    brightest = float(image.max(initial=0))
    return np.asarray(cv2.convertScaleAbs(image, alpha=255 / (brightest or 1)), np.uint8)


def _finite(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the image without negative values; what has no value (NaN) is as bright as paper."""
    brightest = float(image.max(initial=0, where=np.isfinite(image)))
    return np.nan_to_num(image, nan=brightest, posinf=brightest, neginf=0).clip(0)

"""`Source` → decoded `Page`s, one at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np
from numpy.typing import NDArray

from digitocr.errors import InputUnreadable
from digitocr.headers import Header, read_header
from digitocr.records import Gray, Page, Source

# 200 megapixels: A3 at 600 dpi is 70; a page this large takes about 1 GB to decode in colour.
MAX_PIXELS = 200_000_000
MAX_PAGES = 10_000
MAX_BYTES = 2_000_000_000

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


def read_pages(source: Source) -> Iterator[Page]:
    """Yield the pages of a source in grey, one at a time, EXIF orientation applied.

    Raises:
        InputUnreadable: the file is missing, empty, damaged, too large or no image.
    """
    data = _read_bytes(source)
    header = _checked_header(data)
    buffer = np.frombuffer(data, np.uint8)
    for index in range(header.n_pages):
        image = _decode(buffer, header, index)
        if image is None:
            where = f" on page {index + 1} of {header.n_pages}" if header.n_pages > 1 else ""
            raise InputUnreadable(f"is damaged or ends early{where} ({header.format})")
        yield Page(index + 1, _to_gray(image), header.dpi)


def _read_bytes(source: Source) -> bytes:
    """Return the bytes of a source."""
    if source.path is None:
        return source.data or b""
    try:
        if source.path.stat().st_size > MAX_BYTES:
            raise InputUnreadable(f"is larger than {MAX_BYTES // 10**6} MB", "Split it.")
        return source.path.read_bytes()
    except OSError as error:
        raise InputUnreadable(f"can't be opened: {error.strerror}") from error


def _checked_header(data: bytes) -> Header:
    """Return the header of an image that may be decoded."""
    if not data:
        raise InputUnreadable("is empty (0 bytes)")
    try:
        header = read_header(data)
    except ValueError as error:
        raise InputUnreadable(f"is damaged: {error}") from error
    if header is None:
        raise InputUnreadable("is not an image, whatever its name says")
    if header.largest > MAX_PIXELS:
        size = f"{header.width} x {header.height} pixels"
        raise InputUnreadable(f"has {size}, more than {MAX_PIXELS // 10**6} million", "Shrink it.")
    if header.n_pages > MAX_PAGES:
        raise InputUnreadable(f"has more than {MAX_PAGES} pages", "Split it.")
    return header


def _decode(buffer: NDArray[np.uint8], header: Header, index: int) -> NDArray[np.generic] | None:
    """Return one page as stored but upright, or None where it can't be decoded."""
    with _quiet():
        try:
            if header.format == "JPEG":  # libjpeg gives grey at a third of the cost of colour
                return cv2.imdecode(buffer, cv2.IMREAD_GRAYSCALE)
            if header.format == "TIFF":  # decoded upright in any mode
                pages = cv2.imdecodemulti(buffer, cv2.IMREAD_UNCHANGED, range=(index, index + 1))[1]
                return pages[0] if pages else None
            image = cv2.imdecode(buffer, cv2.IMREAD_UNCHANGED)
        except cv2.error:
            return None
    return None if image is None else _turned(image, header.orientation)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep libpng and libtiff, which write to the process's stderr, from doing so."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _turned(image: NDArray[np.generic], orientation: int) -> NDArray[np.generic]:
    """Return the image turned as its EXIF orientation asks."""
    mirror, turn = _TURNS[orientation]
    if mirror:
        image = cv2.flip(image, 1)
    return image if turn is None else cv2.rotate(image, turn)


def _to_gray(image: NDArray[np.generic]) -> Gray:
    """Return an image of any depth and number of channels as grey, transparent parts white."""
    if image.dtype != np.uint8:
        image = _to_8_bit(image)
    if image.ndim == 2:
        return np.ascontiguousarray(image, np.uint8)
    if image.shape[2] == 4:
        opaque = image[:, :, 3:].astype(np.uint16)
        image = (image[:, :, :3] * opaque + 255 * (255 - opaque)) // 255
    return np.asarray(cv2.cvtColor(image.astype(np.uint8), cv2.COLOR_BGR2GRAY), np.uint8)


def _to_8_bit(image: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Return a deeper image in 8 bits, its brightest value white (12-bit scans fill 1/16)."""
    values = np.nan_to_num(image.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    brightest = float(values.max(initial=0))
    return np.clip(values * (255 / brightest if brightest > 0 else 0), 0, 255).astype(np.uint8)

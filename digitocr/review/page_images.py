"""Pictures of pages for the page of `review`: cut and scaled when they are asked for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

import cv2
import numpy as np
from numpy.typing import NDArray

from digitocr.core.arrays import Gray
from digitocr.core.errors import InputUnreadable
from digitocr.core.geometry import Box
from digitocr.core.settings import Limits
from digitocr.core.source import Source
from digitocr.inputs.reader import read_pages

# Decoded pages that are kept, bytes: ten of A3 at 600 dpi.
_KEPT = 700_000_000
# How much of a page is shown: around a number as parts of its height, for its line as multiples.
_AROUND = 0.35
_LINE_ASIDE, _LINE_ABOVE = 7.0, 1.1
# Pictures are no larger than these, pixels: a screen shows no more of a number, and of a page.
_CROP_SIDE, _LINE_SIDE = 1000, 1600
PAGE_SIDES = (1400, 4200)  # of a whole page, at first and when it is looked at closely
_JPEG_QUALITY = 80


@dataclass(frozen=True, slots=True)
class Shape:
    """The size of a page as given, and how it is turned to stand upright."""

    width: int  # pixels
    height: int
    rotation: int  # clockwise turn that sets it upright: 0, 90, 180, 270 degrees

    @property
    def upright(self) -> Shape:
        """The page once it is turned; its `rotation` is the turn back."""
        back = -self.rotation % 360
        if self.rotation % 180:
            return Shape(self.height, self.width, back)
        return Shape(self.width, self.height, back)

    def turned(self, box: Box) -> Box:
        """Return where a box of the page as given is once that is upright."""
        if self.rotation == 90:
            return Box(self.height - box.bottom, box.x, box.height, box.width)
        if self.rotation == 180:
            return Box(self.width - box.right, self.height - box.bottom, box.width, box.height)
        if self.rotation == 270:
            return Box(box.y, self.width - box.right, box.height, box.width)
        return box


def part_of(box: Box, whole: Box) -> tuple[float, float, float, float]:
    """Return where a box is in another one: x, y, width and height as parts of its sides."""
    x, y = (box.x - whole.x) / whole.width, (box.y - whole.y) / whole.height
    return x, y, box.width / whole.width, box.height / whole.height


def crop_around(shape: Shape, box: Box) -> Box:
    """Return what is shown of a number: its box on the upright page, with a little around it."""
    upright = shape.turned(box)
    room = max(4, round(_AROUND * upright.height))
    return _box_with_room(shape, upright, room, room)


def line_around(shape: Shape, box: Box) -> Box:
    """Return what is shown of a number's line, on the upright page."""
    upright = shape.turned(box)
    high = max(8, upright.height)
    return _box_with_room(shape, upright, round(_LINE_ASIDE * high), round(_LINE_ABOVE * high))


def _box_with_room(shape: Shape, box: Box, aside: int, above: int) -> Box:
    """Return a box of the upright page with room around it, as far as the page goes."""
    page = shape.upright
    x, y = max(0, box.x - aside), max(0, box.y - above)
    right, bottom = min(page.width, box.right + aside), min(page.height, box.bottom + above)
    return Box(x, y, max(1, right - x), max(1, bottom - y))


class Pictures:
    """Pictures of a run's pages; safe to use from several threads."""

    def __init__(self, source: Callable[[str], Source], dpi: int, limits: Limits) -> None:
        """Begin with no page decoded.

        Args:
            source: returns the input of a name, or raises InputUnreadable where it is not there.
            dpi: that pages of PDFs which are no scans were drawn with.
            limits: that the inputs were read with.
        """
        self._source, self._dpi, self._limits = source, dpi, limits
        self._pages: OrderedDict[tuple[str, int], Gray] = OrderedDict()
        self._decoding: dict[tuple[str, int], Lock] = {}
        self._lock = Lock()

    def page(self, file: str, number: int, size: tuple[int, int]) -> Gray:
        """Return a page as given, of the size (height, width) that it was read in.

        Raises:
            ExtraMissing: a package that reads this kind of file is not installed.
            InputUnreadable: the input is gone, has changed or can't be read any more.
        """
        gray = self._decoded_page(file, number)
        if gray.shape != size:
            raise InputUnreadable("has pages of another size than when it was read")
        return gray

    def _decoded_page(self, file: str, number: int) -> Gray:
        key = file, number
        with self._lock:
            own = self._decoding.setdefault(key, Lock())
        with own:  # whoever comes second waits for the first, and finds the page
            with self._lock:
                if key in self._pages:
                    self._pages.move_to_end(key)
                    return self._pages[key]
            found = read_pages(
                self._source(file), (range(number, number + 1),), self._dpi, self._limits
            )
            gray = next(found).gray
            self._keep(key, gray)
        return gray

    def _keep(self, key: tuple[str, int], gray: Gray) -> None:
        with self._lock:
            self._pages[key] = gray
            while sum(one.nbytes for one in self._pages.values()) > _KEPT and len(self._pages) > 1:
                old, _ = self._pages.popitem(last=False)
                self._decoding.pop(old, None)

    def upright(self, file: str, number: int, shape: Shape) -> Gray:
        """Return a page turned upright; raises as `page`."""
        gray = self.page(file, number, (shape.height, shape.width))
        return np.rot90(gray, -shape.rotation // 90)

    def crop(self, file: str, number: int, shape: Shape, box: Box) -> bytes:
        """Return a number's picture, a PNG; raises as `page`."""
        cut = _cut(self.upright(file, number, shape), crop_around(shape, box))
        return _png(_shrunk_picture(cut, _CROP_SIDE))

    def line(self, file: str, number: int, shape: Shape, box: Box) -> bytes:
        """Return a picture of the line that a number stands in, a PNG; raises as `page`."""
        cut = _cut(self.upright(file, number, shape), line_around(shape, box))
        return _png(_shrunk_picture(cut, _LINE_SIDE))

    def whole(self, file: str, number: int, shape: Shape, side: int) -> bytes:
        """Return a page, its longer side at most `side` pixels, a JPEG; raises as `page`."""
        small = _shrunk_picture(self.upright(file, number, shape), side)
        quality = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
        return cv2.imencode(".jpg", small, quality)[1].tobytes()


def _cut(gray: Gray, box: Box) -> Gray:
    return gray[box.y : box.bottom, box.x : box.right]


def _shrunk_picture(gray: NDArray[np.uint8], side: int) -> Gray:
    """Return a picture made smaller, by area, until its longer side has so many pixels."""
    scale = side / max(gray.shape)
    gray = np.ascontiguousarray(gray)
    if scale >= 1:
        return gray
    size = max(1, round(gray.shape[1] * scale)), max(1, round(gray.shape[0] * scale))
    return np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.uint8)


def _png(gray: Gray) -> bytes:
    return cv2.imencode(".png", gray)[1].tobytes()

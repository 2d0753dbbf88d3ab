"""A page's numbers → small pictures of them in a ZIP, which a workbook shows beside each."""

from __future__ import annotations

import io
import zipfile

from digitocr.core.arrays import Gray
from digitocr.core.document import PageResult
from digitocr.core.geometry import Box
from digitocr.imaging.drawing import box_png


def number_pictures_zip(gray: Gray, result: PageResult) -> bytes:
    """Return pictures of all numbers on a page as the bytes of a ZIP; the same for the same.

    First those that were read, then those that were missed.
    """
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as pictures:
        for name, box in (*_read_boxes(result), *_missed_boxes(result)):
            # A ZipInfo is of 1980.
            pictures.writestr(zipfile.ZipInfo(name), box_png(gray, box, result.rotation))
    return archive.getvalue()


def picture_names(page: PageResult) -> dict[Box, str]:
    """Return what the pictures of a page's numbers are called in its ZIP, by box."""
    return {box: name for name, box in (*_missed_boxes(page), *_read_boxes(page))}


def _read_boxes(page: PageResult) -> list[tuple[str, Box]]:
    """Return the names and boxes of the numbers that were read on a page."""
    return [(f"{page.page}-{i}.png", one.box) for i, one in enumerate(page.as_read.numbers, 1)]


def _missed_boxes(page: PageResult) -> list[tuple[str, Box]]:
    """Return the names and boxes of the numbers that were missed on a page."""
    boxes = [one.box for one in page.numbers if one.is_missed]
    return [(f"{page.page}-{'-'.join(map(str, box.sides))}.png", box) for box in boxes]

"""A blank form → its form file, ready to edit, and a picture with the names of its fields."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from digitocr.core.arrays import Gray
from digitocr.core.errors import (
    ExtraMissing,
    InputUnreadable,
    NothingToRead,
    OutputUnwritable,
)
from digitocr.core.source import Source
from digitocr.forms.box_detection import (
    are_filled,
    find_boxes,
)
from digitocr.forms.template import Field, description
from digitocr.imaging.binarize import binarize
from digitocr.imaging.deskew import deskew
from digitocr.imaging.drawing import FONT, GREEN, RED, Picture, draw_box, jpeg_bytes, png_bytes
from digitocr.imaging.rectify import rectify
from digitocr.inputs.reader import read_pages
from digitocr.storage import atomic

_BY_HAND = "Draw boxes with closed lines, or write the file by hand: see docs/forms.md."


@dataclass(frozen=True, slots=True)
class Begun:
    """A form file that has been begun."""

    fields: tuple[Field, ...]  # "field1" and so on, in reading order
    filled: bool
    names: Path  # the picture with the names drawn


def begin_form(picture: Path, target: Path) -> Begun:
    """Find the boxes of a form and write its form file, and beside it a picture with the names.

    A picture that is not level, or shows more than the form's sheet, is set level; that is written
    too, as the picture that the form file names.

    Args:
        picture: of the form, upright, blank or filled; of several pages the first.
        target: the form file to write, which may not be there yet.

    Raises:
        NothingToRead: the picture can't be read, or shows no box.
        OutputUnwritable: a file is there already, or can't be written.
    """
    names, upright = (target.with_suffix(ending) for ending in (".names.jpg", ".level.png"))
    for path in (target, names, upright):
        if path.exists():
            raise OutputUnwritable(
                f"{path}: is there already", "Name another file with Run.output."
            )
    try:
        gray = next(read_pages(Source(picture.name, picture))).gray
    except InputUnreadable as error:
        raise NothingToRead(f"{picture}: {error}") from error
    except ExtraMissing as error:
        raise ExtraMissing(f"{picture}: {error}") from error
    page = deskew(rectify(gray, by_grid=False))
    dark = binarize(page.gray)
    places = find_boxes(dark)
    if not places:
        raise NothingToRead(f"{picture}: shows no box to write in", _BY_HAND)
    fields = tuple(Field(f"field{i}", one.box, one.cells) for i, one in enumerate(places, 1))
    filled = are_filled(places, dark)
    as_given = page.gray.shape == gray.shape and np.allclose(page.to_page, np.eye(3))
    shown = _relative(picture, target.parent) if as_given else upright.name
    if not as_given:
        _write(upright, png_bytes(page.gray))
    _write(names, jpeg_bytes(named_boxes(page.gray, fields)))
    _write(target, description(shown, fields, filled).encode())
    return Begun(fields, filled, names)


def _relative(picture: Path, folder: Path) -> str:
    """Return a picture's name as its form file gives it: from the folder of that."""
    return Path(os.path.relpath(picture, folder)).as_posix()


def _write(path: Path, content: bytes) -> None:
    try:
        atomic.write(path, content)
    except OSError as error:
        raise OutputUnwritable.because(path, error) from error


def named_boxes(gray: Gray, fields: Sequence[Field]) -> Picture:
    """Return a copy of a form with the box, the cells and the name of each field drawn on it."""
    picture = np.asarray(cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR), np.uint8)
    for field in fields:
        box = field.box
        size = float(np.clip(box.height / 60, 0.4, 3.0))
        thickness = max(1, round(size * 1.5))
        draw_box(picture, box, GREEN, thickness)
        for i in range(1, field.cells or 1):
            x = box.x + round(i * box.width / (field.cells or 1))
            cv2.line(picture, (x, box.y), (x, box.bottom - 1), GREEN, 1)
        place = (box.x + thickness + 1, box.y + round(24 * size))
        cv2.putText(picture, field.name, place, FONT, 0.7 * size, RED, thickness, cv2.LINE_AA)
    return picture

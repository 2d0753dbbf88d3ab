"""A blank form → its form file, ready to edit, and a picture with the names of its fields."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from digitocr import disk
from digitocr.boxes import are_filled, find_boxes
from digitocr.draw import encoded, lossless, named_boxes
from digitocr.errors import ExtraMissing, InputUnreadable, NothingToRead, OutputUnwritable
from digitocr.forms import description
from digitocr.ink import find_dark
from digitocr.pages import read_pages
from digitocr.records import Field, Source
from digitocr.straighten import flatten, level

_BY_HAND = "Draw boxes with closed lines, or write the file by hand: see the README, section Forms."


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
            raise OutputUnwritable(f"{path}: is there already", "Name another file with -o.")
    try:
        gray = next(read_pages(Source(picture.name, picture))).gray
    except InputUnreadable as error:
        raise NothingToRead(f"{picture}: {error}") from error
    except ExtraMissing as error:
        raise ExtraMissing(f"{picture}: {error}") from error
    straight = level(flatten(gray, by_grid=False))
    dark = find_dark(straight.gray)
    places = find_boxes(dark)
    if not places:
        raise NothingToRead(f"{picture}: shows no box to write in", _BY_HAND)
    fields = tuple(Field(f"field{i}", one.box, one.cells) for i, one in enumerate(places, 1))
    filled = are_filled(places, dark)
    as_given = straight.gray.shape == gray.shape and np.allclose(straight.to_page, np.eye(3))
    shown = _relative(picture, target.parent) if as_given else upright.name
    if not as_given:
        _write(upright, lossless(straight.gray))
    _write(names, encoded(named_boxes(straight.gray, fields)))
    _write(target, description(shown, fields, filled).encode())
    return Begun(fields, filled, names)


def _relative(picture: Path, folder: Path) -> str:
    """Return a picture's name as its form file gives it: from the folder of that."""
    return Path(os.path.relpath(picture, folder)).as_posix()


def _write(path: Path, content: bytes) -> None:
    try:
        disk.write(path, content)
    except OSError as error:
        raise OutputUnwritable.because(path, error) from error

"""A form file → the form: its reference picture or size, and its fields with what is known of each.

picture = "blank.png"          # or: size = [2480, 3508]

[[field]]
name = "customer"
box = [413, 307, 473, 66]      # x, y, width and height, pixels of the picture
cells = 8                      # optional, as are the following
digits = 8
check = "luhn"
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from digitocr.core.arrays import (
    BinaryImage,
    Gray,
)
from digitocr.core.errors import (
    ExtraMissing,
    InputUnreadable,
    WrongSetting,
    WrongUsage,
)
from digitocr.core.geometry import Box
from digitocr.core.settings import (
    Constraints,
    Limits,
)
from digitocr.core.source import Source
from digitocr.export.csv import form_columns
from digitocr.forms.registration import (
    Reference,
    reference_of,
)
from digitocr.imaging.binarize import (
    binarize,
    page_ink,
)
from digitocr.inputs.reader import read_pages
from digitocr.numbers.constraints import Constraint, constraint_of


@dataclass(frozen=True, slots=True)
class Field:
    """A place on a form that holds one number."""

    name: str
    box: Box  # pixels of the form's picture
    cells: int | None = None  # side by side, for a digit each; None: it is no comb
    constraints: Constraints = dataclasses.field(
        default_factory=Constraints
    )  # as the file has them
    constraint: Constraint | None = None  # the same, to hold numbers against; None: all may be


_MOST_BYTES = 1_000_000
_MOST_COUNTED = 10**9
_MOST_FIELDS, _MOST_CELLS, _MOST_NAME = 1000, 100, 100  # the last: characters
_AROUND = 0.5  # of a field's height: writing that sticks out of it may cross what is printed there
_KEYS = {"picture", "size", "filled", "field"}
_FIELD_KEYS = {"name", "box", "cells", "digits", "pattern", "range", "check", "list"}
_KEY_OF = {"within": "range", "listed": "list"}  # other parts of constraints: their own names
_ADVICE = "See docs/forms.md; digitocr form BLANK.png -o FORM.toml makes such a file."


@dataclass(frozen=True, slots=True)
class Form:
    """A form, and what its pages are known by."""

    fields: tuple[Field, ...]
    size: tuple[int, int]  # width and height, pixels
    reference: Reference | None  # None: pages are the form from edge to edge
    printed: BinaryImage | None  # of the reference's size: what is dark in and around fields


def load_form(path: Path) -> Form:
    """Return the form that a file describes, with what its fields' numbers are held against.

    Raises:
        WrongUsage: the file, or the picture it names, is missing, damaged, too large or makes no
            sense.
    """
    try:
        stat = path.stat()
        if not path.is_file():
            raise WrongUsage(f"{path}: is no file", _ADVICE)  # a pipe may never end
        if stat.st_size > _MOST_BYTES:
            raise WrongUsage(f"{path}: is larger than {_MOST_BYTES // 10**6} MB", _ADVICE)
        described = _table(path.read_text("utf-8"))
    except OSError as error:
        raise WrongUsage(f"{path}: can't be read: {error.strerror}", _ADVICE) from error
    except (ValueError, RecursionError) as error:
        raise WrongUsage(f"{path}: is no TOML: {error}", _ADVICE) from error
    try:
        return _form(described, path.parent)
    except _Wrong as error:
        raise WrongUsage(f"{path}: {error}", _ADVICE) from error


def _table(text: str) -> dict[str, Any]:
    """Return what a text in TOML says."""
    if sys.version_info >= (3, 11):  # here, so that who reads no form does not wait for it
        import tomllib
    else:
        import tomli as tomllib
    return tomllib.loads(text)


class _Wrong(Exception):
    """What is wrong with a form's description, without the file's name."""


def _form(described: Mapping[str, Any], folder: Path) -> Form:
    """Return a form as described; paths are relative to a folder."""
    _check_keys(described, _KEYS)
    filled = described.get("filled", False)
    if not isinstance(filled, bool):
        raise _Wrong("filled is neither true nor false")
    if ("picture" in described) == ("size" in described):
        raise _Wrong("has to name either a picture or a size")
    reference = _reference(described["picture"], folder) if "picture" in described else None
    size = _size(described["size"]) if reference is None else reference.gray.shape[::-1]
    listed = described.get("field", [])
    if not isinstance(listed, list) or not 1 <= len(listed) <= _MOST_FIELDS:
        raise _Wrong(f"has not 1 to {_MOST_FIELDS} fields, each under [[field]]")
    width, height = size
    fields = [_named_field(one, i, folder, (width, height)) for i, one in enumerate(listed, 1)]
    _check_names([field.name for field in fields])
    boxes = [field.box for field in fields]
    printed = None if reference is None else _print_near_fields(reference.gray, boxes, filled)
    return Form(tuple(fields), (width, height), reference, printed)


def _print_near_fields(gray: Gray, boxes: Sequence[Box], filled: bool) -> BinaryImage:
    """Return what is dark in and around the fields of a form's picture.

    Of a filled form only ruled lines: what else is in its fields is writing.
    """
    dark = binarize(gray)
    ink = page_ink(gray).binary if filled else None
    near = np.zeros_like(dark)
    for box in boxes:
        inside = slice(box.y, box.bottom), slice(box.x, box.right)
        if ink is not None:
            dark[inside] &= ~ink[inside]
        room = round(_AROUND * box.height)
        top, left = max(0, box.y - room), max(0, box.x - room)
        near[top : box.bottom + room, left : box.right + room] = 255
    return np.asarray(dark & near, np.uint8)


def _check_keys(described: Mapping[str, Any], allowed: set[str]) -> None:
    for key in described:
        if key not in allowed:
            raise _Wrong(f"{key} is none of {', '.join(sorted(allowed))}")


def _reference(name: Any, folder: Path) -> Reference:
    """Return the first page of a picture as what pages are brought onto."""
    if not isinstance(name, str) or not name or "\0" in name:
        raise _Wrong("picture is no file name")
    try:
        page = next(read_pages(Source(name, folder / name)))
    except InputUnreadable as error:
        raise _Wrong(f"picture {name} {error}") from error
    except ExtraMissing as error:
        raise ExtraMissing(f"{folder / name}: {error}") from error
    return reference_of(page.gray)


def _size(value: Any) -> tuple[int, int]:
    if not _are_whole(value, 2) or min(value) < 1 or value[0] * value[1] > Limits().pixels:
        raise _Wrong("size is no [width, height] in pixels")
    return value[0], value[1]


def _are_whole(value: Any, n: int) -> bool:
    """Tell whether a value is a list of n whole numbers."""
    return isinstance(value, list) and len(value) == n and all(map(_is_whole, value))


def _is_whole(value: Any) -> bool:
    """Tell whether a value is a whole number, no larger than pixels are counted to."""
    return type(value) is int and abs(value) < _MOST_COUNTED


def _named_field(described: Any, number: int, folder: Path, size: tuple[int, int]) -> Field:
    """Return a field as described; what is wrong with it names it."""
    named = described.get("name") if isinstance(described, dict) else None
    label = repr(named) if isinstance(named, str) and named else str(number)
    try:
        return _field(described, folder, size)
    except _Wrong as error:
        raise _Wrong(f"field {label}: {error}") from error
    except WrongSetting as error:  # of its constraints
        key = _KEY_OF.get(error.setting, error.setting)
        raise _Wrong(f"field {label}: {error.named(key)}") from error


def _field(described: Any, folder: Path, size: tuple[int, int]) -> Field:
    if not isinstance(described, dict):
        raise _Wrong("has no name and box")
    _check_keys(described, _FIELD_KEYS)
    name, cells = described.get("name"), described.get("cells")
    if not isinstance(name, str) or not name.isprintable() or not 0 < len(name) <= _MOST_NAME:
        raise _Wrong(f"name is no text of 1 to {_MOST_NAME} characters")
    if cells is not None and not (type(cells) is int and 1 <= cells <= _MOST_CELLS):
        raise _Wrong(f"cells is no number from 1 to {_MOST_CELLS}")
    box, constraints = _box(described.get("box"), size), _constraints(described, folder)
    return Field(name, box, cells, constraints, constraint_of(constraints))


def _box(value: Any, size: tuple[int, int]) -> Box:
    """Return a box that is within a form's size."""
    if not _are_whole(value, 4) or min(value[2:]) < 1:
        raise _Wrong("box is no [x, y, width, height] in pixels")
    box = Box(*value)
    if min(box.x, box.y) < 0 or box.right > size[0] or box.bottom > size[1]:
        raise _Wrong(f"box {value} is not within the form, which has {size[0]} by {size[1]} pixels")
    return box


def _constraints(described: Mapping[str, Any], folder: Path) -> Constraints:
    """Return what is known about a field's number."""
    digits = described.get("digits")
    texts = {
        part: described.get(_KEY_OF.get(part, part))
        for part in ("pattern", "within", "check", "listed")
    }
    texts |= {"digits": str(digits) if _is_whole(digits) else digits}
    for part, text in texts.items():
        if text is not None and not (isinstance(text, str) and "\0" not in text):
            raise _Wrong(f"{_KEY_OF.get(part, part)} is no text")
    if texts["listed"]:
        texts["listed"] = str(folder / texts["listed"])
    return Constraints(**texts)


def _check_names(names: Sequence[str]) -> None:
    """Raise _Wrong unless names give columns that can be told apart."""
    columns = form_columns(names)
    for column in columns:
        if columns.count(column) > 1:
            raise _Wrong(f"two columns of forms.csv would be named {column}")


_HEAD = """\
# A form: pages are brought onto the picture, and what is written in each field is read.
# Give each field its name; what is known of its number, in any of these lines, helps to read it:
#   digits = 8                    or "4-6"
#   pattern = '\\d{{2}}\\.\\d{{2}}'    a regular expression
#   range = "0..100"
#   check = "luhn"                a check digit: luhn, ean, isbn, ...
#   list = "roster.csv:number"    a CSV and its column
# Fields that are not wanted can go. Boxes are x, y, width and height in pixels of the picture.

picture = {picture}
"""
_FILLED = "filled = true  # what is in the picture's fields is writing, not print\n"
_FIELD = """
[[field]]
name = "{name}"
box = [{box.x}, {box.y}, {box.width}, {box.height}]
"""


def description(picture: str, fields: Sequence[Field], filled: bool) -> str:
    """Return the text of a form file, for fields of which nothing is known yet.

    Args:
        picture: the form's, from the folder of the form file.
        fields: of plain names.
        filled: something is written in the picture's fields.
    """
    text = _HEAD.format(picture=json.dumps(picture, ensure_ascii=False)) + _FILLED * filled
    for field in fields:
        text += _FIELD.format(name=field.name, box=field.box)
        text += f"cells = {field.cells}\n" if field.cells else ""
    return text

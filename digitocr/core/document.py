"""What was read: a file's pages, their numbers, tables and fields."""

from __future__ import annotations

from dataclasses import dataclass

from digitocr.core.geometry import Box


@dataclass(frozen=True, slots=True)
class Digit:
    """One digit as read."""

    digit: str  # "0".."9"
    confidence: float  # 0..1; in results the calibrated chance of being right
    box: Box
    group: int = -1  # the number of the run of ink it was read in; in results -1


@dataclass(frozen=True, slots=True)
class Number:
    """Neighbouring digits read as one, as on paper: "007", "9.093" and "-5" stay so."""

    # Digits, and signs between and before them: . , : / and -; "" where a person who checked it
    # found no number, which is left out of all but JSON.
    text: str
    # 0..1; in results the chance that every digit is right, before that the product of how sure
    # its digits are and how sure it is that they are all of it
    confidence: float
    status: str  # "ok", "review" or, where a person has decided what is there, "checked"
    line: int  # from 1, top to bottom
    item: int  # from 1, left to right in its line
    box: Box
    digits: tuple[Digit, ...]
    table: int | None = None  # table, row and column count from 1, None outside a table
    row: int | None = None
    column: int | None = None
    field: str | None = None  # of the form, by its name; None without one
    read: str | None = None  # where it is checked: what was read there; None where it was missed


@dataclass(frozen=True, slots=True)
class Table:
    """Numbers that stand in rows and columns."""

    box: Box
    rows: tuple[tuple[str, ...], ...]  # one text a cell, "" for a blank one


@dataclass(frozen=True, slots=True)
class PageResult:
    """What was read on one page; a blank page has no numbers. Boxes are page pixels."""

    page: int  # from 1
    width: int
    height: int
    dpi: float | None
    rotation: int  # as in `UprightPage`
    skew: float
    numbers: tuple[Number, ...]
    tables: tuple[Table, ...] = ()
    fields: tuple[FieldResult, ...] = ()  # of a form, all of them in its order
    error: str | None = None  # why a page could not be read where others of its file could
    reading: PageResult | None = None  # where something is checked: the page as it was read


@dataclass(frozen=True, slots=True)
class FieldResult:
    """What is in a field of a form."""

    name: str
    text: str  # "" where nothing is
    confidence: float  # 0..1, the chance that it is right
    status: str  # as of a `Number`
    box: Box  # of the field, page pixels


@dataclass(frozen=True, slots=True)
class ModelId:
    """Which network read a file."""

    name: str
    sha256: str  # of the weights file


@dataclass(frozen=True, slots=True)
class FileResult:
    """What was read in one file."""

    file: str  # the name of its Source
    model: ModelId
    pages: tuple[PageResult, ...]

    @property
    def numbers(self) -> list[Number]:
        """The numbers of all pages in reading order, without what a person found to be none."""
        return [number for page in self.pages for number in page.numbers if number.text]

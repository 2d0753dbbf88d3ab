"""What was read: a file's pages, their numbers, tables and fields; to and from JSON's objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from digitocr.core.errors import ExtraMissing
from digitocr.core.geometry import Box
from digitocr.core.source import utf8_name
from digitocr.core.version import __version__

SCHEMA = 1  # of what `FileResult.to_dict` gives


class Reason(str, Enum):
    """Why a number, or a field of a form, is to be reviewed; results name reasons in this order."""

    UNSURE = "unsure"  # its chance is below the line for review
    MARK_DROPPED = "mark-dropped"  # a mark beside it was left out of it
    CUT_OFF = "cut-off"  # it ends at the edge of the picture
    RULE_BROKEN = "rule-broken"  # no reading of it fits what is known about numbers here
    REGROUPED = "regrouped"  # it was joined or split so that it fits what is known
    AMBIGUOUS = "ambiguous"  # a second reading of it fits nearly as well
    READERS_DISAGREE = "readers-disagree"  # the other reader read something else there
    SMALL = "small"  # its digits are lower than 12 pixels
    CROSSED = "crossed"  # a line runs through its field
    CELLS_UNCLEAR = "cells-unclear"  # a blank cell is among its digits, or two are in one cell
    UNREAD = "unread"  # there is writing in its field that was not read

    @property
    def forces_review(self) -> bool:
        """Whether it says more than the confidence does: what has it is never `ok`."""
        return self not in (Reason.READERS_DISAGREE, Reason.SMALL)


Reasons = tuple[Reason, ...]  # each once, in the order of `Reason`


def sorted_reasons(*reasons: Reason) -> Reasons:
    """Return reasons, each once, in the order that results have them in."""
    return tuple(one for one in Reason if one in reasons)


def _reasons_from(words: str) -> Reasons:
    """Return the reasons that results name."""
    return sorted_reasons(*(Reason(word) for word in words.split()))


@dataclass(frozen=True, slots=True)
class Note:
    """Something about a page that its numbers don't say."""

    code: str
    sentence: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as results have it."""
        return {"code": self.code, "sentence": self.sentence}

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Note:
        """Return the note that `to_dict` was of."""
        return cls(found["code"], found["sentence"])


INK_WITHOUT_NUMBERS = Note(
    "ink-without-numbers", "There is ink on this page, but no number was read."
)


@dataclass(frozen=True, slots=True)
class Digit:
    """One digit as read."""

    digit: str  # "0".."9"
    confidence: float  # 0..1; in results the calibrated chance of being right
    box: Box
    group: int = -1  # the number of the ink group it was read in; in results -1

    def to_dict(self) -> dict[str, Any]:
        """Return it as results have it."""
        return {
            "digit": self.digit,
            "confidence": round(self.confidence, 4),
            "box": list(self.box.sides),
        }

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Digit:
        """Return the digit that `to_dict` was of."""
        return cls(found["digit"], found["confidence"], Box(*found["box"]))


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
    reasons: Reasons = ()  # why it is for review; () where it is not

    @property
    def reason(self) -> str:
        """Its reasons as results have them: words, space-separated; "" for none."""
        return " ".join(self.reasons)

    def because(self, *reasons: Reason) -> Number:
        """Return it with further reasons."""
        return replace(self, reasons=sorted_reasons(*self.reasons, *reasons))

    @property
    def is_missed(self) -> bool:
        """Whether a person has seen it where nothing was read."""
        return self.status == "checked" and self.read is None

    def to_dict(self) -> dict[str, Any]:
        """Return it as results have it: `read` only where it is checked."""
        return {
            "text": self.text,
            "confidence": round(self.confidence, 4),
            "status": self.status,
            "reason": self.reason,
            **({"read": self.read} if self.status == "checked" else {}),
            "line": self.line,
            "item": self.item,
            "table": self.table,
            "row": self.row,
            "column": self.column,
            "field": self.field,
            "box": list(self.box.sides),
            "digits": [digit.to_dict() for digit in self.digits],
        }

    @classmethod
    def from_dict(cls, found: Mapping[str, Any], with_digits: bool = True) -> Number:
        """Return the number that `to_dict` was of."""
        digits = tuple(map(Digit.from_dict, found["digits"])) if with_digits else ()
        return cls(
            found["text"],
            found["confidence"],
            found["status"],
            found["line"],
            found["item"],
            Box(*found["box"]),
            digits,
            found["table"],
            found["row"],
            found["column"],
            found.get("field"),
            found.get("read"),
            _reasons_from(found.get("reason", "")),
        )


@dataclass(frozen=True, slots=True)
class Table:
    """Numbers that stand in rows and columns."""

    box: Box
    rows: tuple[tuple[str, ...], ...]  # one text a cell, "" for a blank one

    def to_dict(self) -> dict[str, Any]:
        """Return it as results have it."""
        return {"box": list(self.box.sides), "rows": [list(row) for row in self.rows]}

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Table:
        """Return the table that `to_dict` was of."""
        return cls(Box(*found["box"]), tuple(map(tuple, found["rows"])))


@dataclass(frozen=True, slots=True)
class FieldResult:
    """What is in a field of a form."""

    name: str
    text: str  # "" where nothing is
    confidence: float  # 0..1, the chance that it is right
    status: str  # as of a `Number`
    box: Box  # of the field, page pixels; empty where early results don't say where it is
    reasons: Reasons = ()  # as of a `Number`

    def to_dict(self) -> dict[str, Any]:
        """Return it as results have it."""
        return {
            "name": self.name,
            "text": self.text,
            "confidence": round(self.confidence, 4),
            "status": self.status,
            "reason": " ".join(self.reasons),
            "box": list(self.box.sides),
        }

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> FieldResult:
        """Return the field that `to_dict` was of."""
        return cls(
            found["name"],
            found["text"],
            found["confidence"],
            found["status"],
            Box(*(found.get("box") or (0, 0, 0, 0))),
            _reasons_from(found.get("reason", "")),
        )


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
    notes: tuple[Note, ...] = ()

    @property
    def as_read(self) -> PageResult:
        """The page as it was read, without decisions."""
        return self.reading or self

    def to_dict(self) -> dict[str, Any]:
        """Return it as results have it: `reading` only where something is checked."""
        return {
            "page": self.page,
            "width": self.width,
            "height": self.height,
            "dpi": self.dpi,
            "rotation": self.rotation,
            "skew": self.skew,
            "notes": [note.to_dict() for note in self.notes],
            **self._content_dict(),
            **({"error": self.error} if self.error else {}),
            **({"reading": self.reading._content_dict()} if self.reading else {}),
        }

    def _content_dict(self) -> dict[str, Any]:
        """Return what was read on it, as results have that."""
        return {
            "numbers": [number.to_dict() for number in self.numbers],
            "tables": [table.to_dict() for table in self.tables],
            **({"fields": [field.to_dict() for field in self.fields]} if self.fields else {}),
        }

    @classmethod
    def from_dict(cls, found: Mapping[str, Any], with_digits: bool = True) -> PageResult:
        """Return the page that `to_dict` was of."""
        about = {key: found[key] for key in ("page", "width", "height", "dpi", "rotation", "skew")}
        about["error"] = found.get("error")
        about["notes"] = tuple(map(Note.from_dict, found.get("notes", ())))
        content, reading = _page_content(found, with_digits), found.get("reading")
        as_read = cls(**about, **_page_content(reading, with_digits)) if reading else None
        return cls(**about, **content, reading=as_read)


def _page_content(found: Mapping[str, Any], with_digits: bool) -> dict[str, Any]:
    """Return numbers, tables and fields of a page, as arguments of `PageResult`."""
    return {
        "numbers": tuple([Number.from_dict(one, with_digits) for one in found["numbers"]]),
        "tables": tuple(map(Table.from_dict, found["tables"])),
        "fields": tuple(map(FieldResult.from_dict, found.get("fields", ()))),
    }


@dataclass(frozen=True, slots=True)
class ModelId:
    """Which network read a file."""

    name: str
    sha256: str  # of the weights file

    def to_dict(self) -> dict[str, Any]:
        """Return it as results have it."""
        return {"name": self.name, "sha256": self.sha256}

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> ModelId:
        """Return the id that `to_dict` was of."""
        return cls(found["name"], found["sha256"])


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

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it (docs/schema).

        Of a page on which something is checked, `reading` has the numbers, tables and fields as
        they were read, and each number that is checked has `read`, what was read there, or None.
        """
        return {
            "schema": SCHEMA,
            "file": utf8_name(self.file),
            "digitocr": __version__,
            "model": self.model.to_dict(),
            "pages": [page.to_dict() for page in self.pages],
        }

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each number, by the names of the CSV's columns.

        What a person found to be no number has none.
        """
        return [
            {
                "file": self.file,
                "page": page.page,
                "line": number.line,
                "item": number.item,
                "table": number.table,
                "row": number.row,
                "column": number.column,
                "number": number.text,
                "confidence": round(number.confidence, 4),
                "status": number.status,
                **dict(zip(("x", "y", "width", "height"), number.box.sides, strict=True)),
                "field": number.field,
                "reason": number.reason,
            }
            for page in self.pages
            for number in page.numbers
            if number.text
        ]

    def to_pandas(self) -> Any:
        """Return `rows` as a DataFrame.

        Raises:
            ExtraMissing: pandas is not installed.
        """
        try:
            import pandas
        except ModuleNotFoundError as error:
            sentence, advice = "a table needs pandas", "Install it with: pip install pandas"
            raise ExtraMissing(sentence, advice) from error
        return pandas.DataFrame(self.rows())

    @classmethod
    def from_dict(
        cls, found: Mapping[str, Any], file: str | None = None, with_digits: bool = True
    ) -> FileResult:
        """Return the result that `to_dict`, of this version or an earlier one, was of.

        Args:
            found: what it gave.
            file: the name of its Source, where that holds bytes that are no UTF-8.
            with_digits: also of each number its digits, which take most of the memory and time.

        Raises:
            ValueError: it is no such result.
        """
        try:
            pages = tuple([PageResult.from_dict(page, with_digits) for page in found["pages"]])
            name = found["file"] if file is None else file
            return cls(name, ModelId.from_dict(found["model"]), pages)
        except (KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"lacks what a result has: {error}") from error

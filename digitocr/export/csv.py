"""Results → CSV."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from digitocr.core.document import (
    FieldResult,
    FileResult,
    Number,
    Table,
)
from digitocr.core.source import Unread, utf8_name

COLUMNS = [
    "file",
    "page",
    "line",
    "item",
    "table",
    "row",
    "column",
    "number",
    "confidence",
    "status",
    "x",
    "y",
    "width",
    "height",
    "field",
    "reason",
]
# A spreadsheet takes a cell that begins so for a formula (OWASP, CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
# Where a comma is the decimal mark, spreadsheets split at semicolons; the csv module quotes
# neither these nor, before Python 3.13, a lone carriage return.
_QUOTED = re.compile('[",;\t\r\n]')
# Numbers that Excel shows as they are when it opens a CSV: it shows 11 digits of a number, with a
# point among them (Microsoft, KB 65903); a digit is left for a minus.
_SAFE_IN_EXCEL = re.compile(r"0|-?[1-9][0-9]{0,9}")
BOM = "\ufeff"  # without it Excel takes a CSV for one in the system's old code page


def csv_text(rows: Iterable[Iterable[object]]) -> str:
    """Return rows as CSV (RFC 4180, but lines end in a bare newline)."""
    return "".join(",".join(map(_cell, row)) + "\n" for row in rows)


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text


def header_row(excel: bool = False) -> str:
    """Return the header line of every numbers CSV, for Excel after a byte order mark."""
    return (BOM if excel else "") + csv_text([COLUMNS])


def number_rows(result: FileResult, excel: bool = False) -> str:
    """Return a file's numbers as CSV lines without the header; "" for a blank file.

    What a person found to be no number has no line.
    """
    name = safe_cell(utf8_name(result.file))
    return csv_text(
        _number_row(name, page.page, number, excel)
        for page in result.pages
        for number in page.numbers
        if number.text
    )


def _number_row(name: str, page: int, number: Number, excel: bool) -> list[object]:
    text = excel_cell(number.text) if excel else number.text
    confidence = f"{number.confidence:.4f}"
    place = [number.line, number.item, number.table, number.row, number.column]
    field = None if number.field is None else safe_cell(number.field)
    about = [confidence, number.status, *number.box.sides, field, number.reason]
    return [name, page, *place, text, *about]


def table_rows(table: Table, excel: bool = False) -> str:
    """Return a table as CSV, shaped as on paper, without a header."""
    return csv_text(map(excel_cell, row) if excel else row for row in table.rows)


def form_columns(names: Sequence[str]) -> list[str]:
    """Return the columns of forms.csv for fields of these names."""
    after = [f"{name}_{what}" for name in names for what in ("confidence", "status")]
    return ["file", "page", *names, *after]


def form_header(names: Sequence[str], excel: bool = False) -> str:
    """Return the header line of forms.csv for fields of these names."""
    return (BOM if excel else "") + csv_text([map(safe_cell, form_columns(names))])


def form_rows(result: FileResult, excel: bool = False) -> str:
    """Return a file's fields as CSV lines without the header: a line for each page read."""
    name = safe_cell(utf8_name(result.file))
    return csv_text(
        [name, page.page, *_field_cells(page.fields, excel)]
        for page in result.pages
        if not page.error
    )


def _field_cells(fields: Sequence[FieldResult], excel: bool) -> list[str]:
    texts = [excel_cell(one.text) if excel else one.text for one in fields]
    after = [cell for one in fields for cell in (f"{one.confidence:.4f}", one.status)]
    return [*texts, *after]


def excel_cell(text: str) -> str:
    """Return a number so that Excel shows it as on paper when a double click opens its CSV.

    Opened so, a CSV has no text: "007" becomes 7, of more than 15 digits the rest become zeros
    (Microsoft, KB 269370), more than 11 are shown as 1.23E+11, and 1-2, 12:05 and, where a comma
    is the decimal mark, 1.5 become dates and times. Of a formula whose value is a text, ="007",
    nothing is changed. Whole numbers that stay as they are get none, so that they can be added
    up; a blank cell stays blank.
    """
    return text if not text or _SAFE_IN_EXCEL.fullmatch(text) else f'="{text}"'


def error_rows(unread: Iterable[Unread], excel: bool = False) -> str:
    """Return errors.csv: one row for each input that could not be read."""
    rows = ((safe_cell(utf8_name(one.file)), safe_cell(utf8_name(one.error))) for one in unread)
    return (BOM if excel else "") + csv_text([("file", "error"), *rows])


def safe_cell(text: str) -> str:
    """Return a text that no spreadsheet runs as a formula: with an apostrophe before it."""
    return f"'{text}" if text.startswith(_FORMULA) else text

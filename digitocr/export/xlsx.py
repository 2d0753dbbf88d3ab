"""Results → XLSX: all numbers with pictures, fields of forms, errors, each table as on paper."""

from __future__ import annotations

import datetime
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from digitocr.core.document import FileResult, Number, PageResult
from digitocr.core.settings import Decimal
from digitocr.core.source import Unread, utf8_name
from digitocr.export.csv import (
    COLUMNS,
    form_columns,
)
from digitocr.export.number_pictures import picture_names
from digitocr.imaging.drawing import BOX_PNG_HEIGHT_PX

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

# Rows of a sheet, characters of its name, and those that can't be in one (Microsoft, "Excel
# specifications and limits" and "Rename a worksheet").
ROWS = 1_048_576
_NAME_LENGTH = 31
_NOT_IN_NAMES = re.compile(r"[\[\]:*?/\\'\x00-\x1f\ufffe\uffff\U00010000-\U0010ffff]")
# XlsxWriter keeps 2 KB of memory for each picture and 20 KB for each table's sheet until the end:
# 0.3 GB with these, however many files there are (benchmarks/README.md).
PICTURES = 100_000
TABLES = 5_000

_DIGITS = 15  # a spreadsheet keeps no more of a number (Microsoft, KB 269370)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.(?P<decimals>[0-9]+))?")
_MINUS_ZERO = re.compile(r"-0(?:\.0+)?")
_MAYBE_THOUSANDS = re.compile(r"-?[1-9][0-9]{0,2}\.[0-9]{3}")
_COMMA = str.maketrans(",", ".")

_COLUMNS = (*COLUMNS[:8], "picture", *COLUMNS[8:])
_WIDTHS = (  # characters, filter button and all
    *(30, 7, 7, 7, 7, 7, 9, 16, 27),
    *(12, 9, 7, 7, 8, 8, 12, 16),
)
_WIDEST = 60  # characters
_FILE_AT, _NUMBER_AT, _PICTURE_AT = map(_COLUMNS.index, ("file", "number", "picture"))
_MARGIN = 2  # pixels above and below a picture in its cell
_TO_REVIEW = "#FFE0C2"  # a light orange that black digits stay easy to read on
_GENERAL, _TEXT, _WHOLE, _CHANCE = "General", "@", "0", "0.0000"  # number formats
# A workbook holds the time when it was made; the same results are to give the same bytes.
_MADE = datetime.datetime(2000, 1, 1)


class IllustratedResult(NamedTuple):
    """A file's result, without digits, and the folder with the pictures of its numbers."""

    result: FileResult
    pictures: Path


def number_format(text: str, decimal: Decimal | None = None) -> str | None:
    """Return the format in which a spreadsheet shows a number as on paper, None to keep it as text.

    A number is at most 15 digits, with or without a minus and a decimal mark, and no needless zeros
    before it. All else would lose something ("007", 19 digits), is none (times and dates: "12:05",
    "2024-11") or may be another: "9.093" is 9093 where points part thousands.

    Args:
        text: as on paper.
        decimal: which mark stands before decimals; where that is not known only a point is one,
            and not before three digits.
    """
    if decimal not in (None, "point") and "." in text:
        return None
    text = _with_point(text, decimal)
    number = _NUMBER.fullmatch(text)
    if not number or _MINUS_ZERO.fullmatch(text):
        return None
    if decimal is None and _MAYBE_THOUSANDS.fullmatch(text):
        return None
    if sum(letter.isdigit() for letter in text) > _DIGITS:
        return None
    decimals = number["decimals"]
    return f"0.{'0' * len(decimals)}" if decimals else _WHOLE


def _with_point(text: str, decimal: Decimal | None) -> str:
    """Return a number with a point before its decimals where that mark is known to be a comma."""
    return text.translate(_COMMA) if decimal == "comma" else text


def write_workbook(
    path: Path,
    files: Iterable[IllustratedResult],
    unread: Iterable[Unread],
    fields: Sequence[str] = (),
    decimal: Decimal | None = None,
) -> list[str]:
    """Write a workbook: sheets "numbers", "forms" and "errors", then one for each table.

    Args:
        path: the file to write, in a folder where temporary files may be written too.
        files: what was read, in order; one is held at a time.
        unread: what was not.
        fields: names of the form's fields, in order; none without a form, and no sheet of them.
        decimal: which mark stands before decimals; None where that is not known.

    Returns:
        A sentence, without its full stop, for each kind of thing that there was no room for.

    Raises:
        OSError: it can't be written; what is at `path` then is no workbook.
    """
    from xlsxwriter import Workbook
    from xlsxwriter.exceptions import FileCreateError

    target = _Target(path, "w")
    try:
        with (
            io.BufferedWriter(target) as file,
            Workbook(file, {"tmpdir": str(path.parent)}) as workbook,
        ):
            workbook.use_zip64()
            workbook.set_properties({"created": _MADE})
            left_out = _Book(workbook, fields, decimal).fill(files, unread)
    except FileCreateError as error:
        raise error.args[0] from None  # the OSError that it stands for
    if target.error:
        raise target.error
    return left_out


class _Target(io.FileIO):
    """A file that also takes what there is no room for, and keeps the error for the end.

    A ZIP that can't be written tries once more when it is forgotten, and Python complains.
    """

    error: OSError | None = None

    def write(self, data: Any, /) -> int:
        """Return how many bytes were taken."""
        if self.error is None:
            try:
                return super().write(data)
            except OSError as error:
                self.error = error
        return len(data)


class _Book:
    """A workbook while it is filled."""

    def __init__(self, workbook: Workbook, fields: Sequence[str], decimal: Decimal | None) -> None:
        self._workbook = workbook
        self._decimal = decimal
        self._names: set[str] = set()  # of its sheets, which differ by more than case
        self._bold = workbook.add_format({"bold": True, "indent": 1})
        self._styles = cache(self._new_style)
        self._n_pictures = self._n_tables = 0
        self._begin_numbers()
        self._form_columns = tuple(form_columns(fields)) if fields else ()
        if fields:
            self._begin_forms()

    def fill(self, files: Iterable[IllustratedResult], unread: Iterable[Unread]) -> list[str]:
        """Fill all sheets; return what there was no room for."""
        self._write_errors(unread)
        for result, pictures in files:
            file = utf8_name(result.file)
            for page in result.pages:
                names = picture_names(page)
                for number in page.numbers:
                    if number.text:  # else a person found that it is none
                        picture = pictures / names.get(number.box, "none")
                        self._write_number(file, page.page, number, picture)
                self._write_tables(file, page)
                if self._form_columns and not page.error:
                    self._write_form(file, page)
        self._end_numbers()
        kinds = (("pictures", self._n_pictures, PICTURES), ("tables", self._n_tables, TABLES))
        return [f"holds the first {most} of {n} {kind}" for kind, n, most in kinds if n > most]

    def _write_errors(self, unread: Iterable[Unread]) -> None:
        sheet = self._new_list("errors", ("file", "error"))
        sheet.set_column(0, 1, _WIDEST)
        for row, one in enumerate(unread, 1):
            for column, text in enumerate((one.file, one.error)):
                sheet.write_string(row, column, utf8_name(text), self._styles(_GENERAL, False))

    def _begin_numbers(self) -> None:
        """Begin a sheet of numbers; the first is called so, further ones "numbers~2"..."""
        self._numbers, self._row = self._new_list("numbers", _COLUMNS), 1
        self._widths = list(_WIDTHS)
        # The height of each row by itself would be kept in memory.
        self._numbers.set_default_row((BOX_PNG_HEIGHT_PX + 2 * _MARGIN) * 0.75)  # points

    def _end_numbers(self) -> None:
        self._numbers.autofilter(0, 0, self._row - 1, len(_COLUMNS) - 1)
        _set_widths(self._numbers, self._widths)

    def _write_number(self, file: str, page: int, number: Number, picture: Path) -> None:
        if self._row == ROWS:
            self._end_numbers()
            self._begin_numbers()
        for_review = number.status == "review"
        for column, text in ((_FILE_AT, file), (_NUMBER_AT, number.text)):
            self._widths[column] = max(self._widths[column], min(len(text) + 2, _WIDEST))
        place = number.line, number.item, number.table, number.row, number.column
        values: list[str | float | None] = [file, page, *place, number.text, None]
        values += [number.confidence, number.status, *number.box.sides]
        values += [number.field, number.reason or None]
        for column, value in enumerate(values):
            if column == _NUMBER_AT:
                self._write_text(self._numbers, self._row, column, number.text, for_review)
            else:
                self._write_value(self._numbers, self._row, column, value, for_review)
        self._insert_picture(picture, number.text)
        self._row += 1

    def _begin_forms(self) -> None:
        """Begin a sheet of forms, a row a page; further ones are called "forms~2"..."""
        self._forms, self._form_row = self._new_list("forms", self._form_columns), 1
        widths = [_WIDTHS[_FILE_AT], *(max(9, len(name) + 5) for name in self._form_columns[1:])]
        _set_widths(self._forms, widths)

    def _write_form(self, file: str, page: PageResult) -> None:
        """Write the fields of a page, those to review in colour."""
        if self._form_row == ROWS:
            self._begin_forms()
        sheet, row = self._forms, self._form_row
        self._write_value(sheet, row, 0, file, False)
        self._write_value(sheet, row, 1, page.page, False)
        for column, field in enumerate(page.fields, 2):
            for_review = field.status == "review"
            if field.text:
                self._write_text(sheet, row, column, field.text, for_review)
            else:
                self._write_value(sheet, row, column, None, for_review)
        for column, field in enumerate(page.fields):
            for_review, after = field.status == "review", 2 + len(page.fields) + 2 * column
            self._write_value(sheet, row, after, field.confidence, for_review)
            self._write_value(sheet, row, after + 1, field.status, for_review)
        self._form_row += 1

    def _write_value(
        self, sheet: Worksheet, row: int, column: int, value: str | float | None, for_review: bool
    ) -> None:
        if value is None:
            sheet.write_blank(row, column, None, self._styles(_GENERAL, for_review))
        elif isinstance(value, str):
            sheet.write_string(row, column, value, self._styles(_GENERAL, for_review))
        else:
            shown = _CHANCE if isinstance(value, float) else _WHOLE
            sheet.write_number(row, column, value, self._styles(shown, for_review))

    def _write_text(
        self, sheet: Worksheet, row: int, column: int, text: str, for_review: bool
    ) -> None:
        """Write what is on paper, as a number where that loses nothing."""
        shown = number_format(text, self._decimal)
        if shown is None:
            sheet.write_string(row, column, text, self._styles(_TEXT, for_review))
        else:
            value = float(_with_point(text, self._decimal))
            sheet.write_number(row, column, value, self._styles(shown, for_review))

    def _insert_picture(self, picture: Path, text: str) -> None:
        self._n_pictures += 1
        # There is none of a missed number whose page was not to be had, nor where another run in
        # the same folder has ended before this one.
        if self._n_pictures <= PICTURES and picture.exists():
            options = {
                "x_offset": 3 * _MARGIN,
                "y_offset": _MARGIN,
                "object_position": 1,  # goes with its row where that is filtered out
                "description": text,
            }
            self._numbers.insert_image(self._row, _PICTURE_AT, picture, options)

    def _write_tables(self, file: str, page: PageResult) -> None:
        """Write each table of a page as on paper, cells to review in colour."""
        to_review = {
            (number.table, number.row, number.column)
            for number in page.numbers
            if number.status == "review"
        }
        for i, table in enumerate(page.tables, 1):
            self._n_tables += 1
            if self._n_tables > TABLES:
                continue
            ending = f" {i}" if page.page == 1 else f" page{page.page} {i}"
            sheet = self._new_sheet(self._new_name(file, ending))
            for row, column, text in _filled_cells(table.rows):
                for_review = (i, row + 1, column + 1) in to_review
                self._write_text(sheet, row, column, text, for_review)
            columns = zip(*table.rows, strict=False)
            _set_widths(sheet, [max(6, 2 + max(map(len, texts))) for texts in columns])

    def _new_list(self, name: str, columns: tuple[str, ...]) -> Worksheet:
        """Return a new sheet that may have very many rows, with its header."""
        # It writes each row to a file of its own that stays open: too many for sheets of tables.
        self._workbook.constant_memory = True
        sheet = self._new_sheet(self._new_name(name))
        self._workbook.constant_memory = False
        sheet.write_row(0, 0, columns, self._bold)
        sheet.freeze_panes(1, 0)
        sheet.repeat_rows(0)  # on every page, where it is printed
        sheet.set_landscape()
        sheet.fit_to_pages(1, 0)  # as wide as a page
        return sheet

    def _new_sheet(self, name: str) -> Worksheet:
        sheet = self._workbook.add_worksheet(name)
        # "007" is text on purpose: Excel need not mark it with a green corner.
        sheet.ignore_errors({"number_stored_as_text": f"A1:XFD{ROWS}"})
        return sheet

    def _new_name(self, wanted: str, ending: str = "") -> str:
        """Return a name for a sheet that no other has: of a path its end, which tells most."""
        stem = _NOT_IN_NAMES.sub("_", wanted)
        for n in count(1):
            told_apart = f"{ending}~{n}" if n > 1 else ending
            name = stem[-(_NAME_LENGTH - len(told_apart)) :] + told_apart
            if name.casefold() not in self._names:
                break
        self._names.add(name.casefold())
        return name

    def _new_style(self, shown: str, for_review: bool) -> Format:
        """Return a look for cells: by number format, and in colour where for review."""
        look: dict[str, str | int] = {"num_format": shown, "valign": "vcenter"}
        if shown == _TEXT:
            look["align"] = "right"  # as the numbers above and below it
        if shown == _GENERAL:
            look["indent"] = 1
        if for_review:
            look["bg_color"] = _TO_REVIEW
        return self._workbook.add_format(look)


def _set_widths(sheet: Worksheet, widths: Iterable[int]) -> None:
    """Set how wide each column is, in characters."""
    for column, width in enumerate(widths):
        sheet.set_column(column, column, width)


def _filled_cells(rows: Sequence[Sequence[str]]) -> Iterator[tuple[int, int, str]]:
    """Yield row, column, both from 0, and text of each cell that is not blank."""
    for row, texts in enumerate(rows):
        for column, text in enumerate(texts):
            if text:
                yield row, column, text

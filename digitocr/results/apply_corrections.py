"""What a person decided about numbers, put over what was read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from digitocr.core.document import (
    FieldResult,
    FileResult,
    Number,
    PageResult,
    Table,
)
from digitocr.results.corrections import Correction
from digitocr.results.matching import (
    holding_box,
    in_one_another,
    pairs,
)
from digitocr.results.missed import page_with_missed


def corrected_result(result: FileResult, corrections: Sequence[Correction]) -> FileResult:
    """Return what was read in a file with decisions put over it, in place of any before.

    A decision belongs to the number whose box overlaps its box most, if that is at least a half of
    what both fill: it gets the text, or "" where there is no number, confidence 1, status
    "checked" and no reasons. Where there is none to belong to, what else lies in the box is left
    out, and a number that is there comes in at its place (`missed.page_with_missed`). Pages keep
    their `reading`.

    Args:
        result: a reading, or what this gave earlier.
        corrections: of the file as it was read (`valid_corrections`), by place; none gives the
            reading.
    """
    return replace(
        result,
        pages=tuple(
            corrected_page(page, [one for one in corrections if one.page == page.page])
            for page in result.pages
        ),
    )


def corrected_page(page: PageResult, decisions: Sequence[Correction]) -> PageResult:
    """Return a page with the decisions about it put over it, as `corrected_result`."""
    reading = page.reading or page
    boxes = [number.box for number in reading.numbers]
    belongs = pairs([one.box for one in decisions], boxes)
    decided = {number: decisions[i] for i, number in belongs.items()}
    # A box as it was read says nothing of others that it may overlap on a slanting page.
    drawn = [one.box for one in decisions if one.box not in boxes]
    left_out = in_one_another(boxes, drawn)
    page = replace(
        reading,
        numbers=tuple(
            _checked_number(number, decided[i]) if i in decided else number
            for i, number in enumerate(reading.numbers)
            if i in decided or not left_out[i]
        ),
    )
    free = [one for i, one in enumerate(decisions) if i not in belongs]
    for one in free:
        page = page if one.number is None else page_with_missed(page, one.box, one.number)
    page = replace(
        page,
        tables=tuple(_table_of(table, i, page) for i, table in enumerate(page.tables, 1)),
        fields=tuple(_field_of(field, page, free) for field in page.fields),
    )
    return reading if page == reading else replace(page, reading=reading)


def _checked_number(number: Number, decision: Correction) -> Number:
    text = decision.number or ""
    return replace(
        number, text=text, confidence=1.0, status="checked", read=number.text, reasons=()
    )


def _table_of(table: Table, number: int, page: PageResult) -> Table:
    """Return a table, counted from 1, with what the page's numbers are now."""
    rows = [[""] * len(row) for row in table.rows]
    for one in page.numbers:
        if one.table == number and one.row and one.column:
            texts = rows[one.row - 1]
            texts[one.column - 1] = f"{texts[one.column - 1]} {one.text}".strip()
    return replace(table, rows=tuple(map(tuple, rows)))


def _field_of(field: FieldResult, page: PageResult, free: Iterable[Correction]) -> FieldResult:
    """Return a field with what was decided about it: its number's text, or that it is blank."""
    own = [one for one in page.numbers if one.field == field.name]
    at = page.fields.index(field)
    boxes = [one.box for one in page.fields]
    blank = any(one.number is None and holding_box(one.box, boxes) == at for one in free)
    if not blank and all(one.status != "checked" for one in own):
        return field
    text = " ".join(one.text for one in own if one.text)
    return replace(field, text=text, confidence=1.0, status="checked", reasons=())

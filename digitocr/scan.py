"""The order of the stages: one file in, its numbers out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from digitocr.align import brought_onto, find_form, from_edge_to_edge, shows
from digitocr.crops import normalise
from digitocr.decode import Lattices
from digitocr.errors import FormMisfit
from digitocr.fields import (
    Guesses,
    as_written,
    enlarged,
    inside_fields,
    is_in,
    one_a_cell,
    runs_in,
    scaled,
    settled,
    without_print,
)
from digitocr.forms import Form, load_form
from digitocr.gridlines import grid_within, without_lines
from digitocr.ink import find_dark, find_ink
from digitocr.known import rule_of
from digitocr.layout import into_numbers
from digitocr.model import Model, load_model, scores, strip_scores
from digitocr.narrow import narrowed
from digitocr.pages import read_pages
from digitocr.records import (
    Box,
    Candidate,
    Digit,
    Field,
    FieldReading,
    FileResult,
    Gray,
    Grid,
    Ink,
    Known,
    Mask,
    Number,
    Page,
    PageResult,
    Reading,
    RunTexts,
    Scores,
    Settings,
    Source,
    Straight,
    Table,
    Transform,
    overlap,
)
from digitocr.regroup import regrouped
from digitocr.segment import Marks, Run, find_marks, whole_marks
from digitocr.straighten import Flat, flatten, level
from digitocr.strips import find_strips, texts_of
from digitocr.tables import (
    cells_of,
    find_grids,
    grids_of,
    into_tables,
    tables_among,
    with_aligned,
)
from digitocr.upright import quarter_turn


def scan_file(source: Source | str | Path, settings: Settings | None = None) -> FileResult:
    """Read every number in one file.

    Args:
        source: a file, as a path or a `Source`.
        settings: how to read; None for the defaults.

    Returns:
        The numbers page by page; a blank page has none.

    Raises:
        ExtraMissing: a package that reads this kind of file is not installed.
        InputUnreadable: the file is missing, empty, damaged, too large or no image, or has none
            of the pages that the settings name.
        ModelUnreadable: the model is missing, damaged or of another shape.
        WrongUsage: the settings' `pages` names no pages.
    """
    settings = settings or Settings()
    if not isinstance(source, Source):
        source = Source(Path(source).name, Path(source))
    model = load_model(settings.model)
    return file_result(source, model, [result for _, result in scan_pages(source, settings, model)])


def file_result(source: Source, model: Model, pages: Sequence[PageResult]) -> FileResult:
    """Return what was read on a file's pages.

    Raises:
        FormMisfit: none of them shows the form.
    """
    if pages and all(page.error for page in pages):
        raise FormMisfit(pages[0].error or "")
    return FileResult(source.name, model.id, tuple(pages))


def scan_pages(
    source: Source, settings: Settings, model: Model
) -> Iterator[tuple[Page, PageResult]]:
    """Yield each page of a file with what was read on it, one page at a time."""
    for page in read_pages(source, settings.pages, settings.dpi):
        yield page, read_page(page, settings, model)


def read_page(page: Page, settings: Settings, model: Model) -> PageResult:
    """Read every number on one page; a blank page gives a result with no numbers."""
    if settings.form is not None:
        return _read_form(page, load_form(settings.form), settings, model)
    straight, ink, grids = _level_ink(flatten(page.gray), model)
    marks = find_marks(ink.mask, [grid.box for grid in grids])
    marks = whole_marks(marks, straight.to_page, page.gray.shape)
    found = read_marks(marks, settings, model, grids)
    numbers, tables = _in_places(found, grids, settings)
    line = model.review_line(settings)
    height, width = page.gray.shape
    return PageResult(
        page=page.number,
        width=width,
        height=height,
        dpi=page.dpi,
        rotation=straight.rotation,
        skew=straight.skew,
        numbers=tuple(
            _on_page(_judged(one, model, line), model, straight.to_page, width, height)
            for one in numbers
        ),
        tables=tuple(
            replace(one, box=_box_on_page(one.box, straight.to_page, width, height))
            for one in tables
        ),
    )


def _read_form(page: Page, form: Form, settings: Settings, model: Model) -> PageResult:
    """Read the fields of one page of a form; its error says so where it is none of that form."""
    height, width = page.gray.shape
    result = PageResult(page.number, width, height, page.dpi, 0, 0.0, ())
    to_page = _map_of_form(page.gray, form, model)
    if to_page is None:
        return replace(result, error=f"page {page.number} doesn't show the form {settings.form}")
    straight, scale = brought_onto(page.gray, to_page, form.size)
    ink, boxes = _written(straight.gray, form, scale)
    inside, crossed = inside_fields(ink, boxes)
    marks = find_marks(inside)
    reading = read_marks(marks, settings, model)
    line = model.review_line(settings)
    numbers, fields = [], []
    runs = runs_in(boxes, {run.number: run.box for run in marks.runs})
    for i, (field, box, own) in enumerate(zip(form.fields, boxes, runs, strict=True), 1):
        whole = shows(box, straight, page.gray) and not crossed[i - 1]
        number, found = _in_field(field, box, own, reading, whole)
        if number is not None:
            number = _judged(replace(number, line=i, item=1, field=field.name), model, line)
            numbers.append(_on_page(number, model, straight.to_page, width, height))
            read = (number.text, number.confidence, number.status)
            found = FieldReading(field.name, *read, found.box)
        fields.append(replace(found, box=_box_on_page(box, straight.to_page, width, height)))
    return replace(
        result,
        rotation=straight.rotation,
        skew=straight.skew,
        numbers=tuple(numbers),
        fields=tuple(fields),
    )


def _map_of_form(gray: Gray, form: Form, model: Model) -> Transform | None:
    """Return the map from a form's pixels to a page's, None where the page is none of the form."""
    if form.reference is not None:
        return find_form(gray, form.reference)
    flat = flatten(gray, by_grid=False)  # that would move the page's edges
    aslant = not np.allclose(flat.to_page[2, :2], 0)
    return from_edge_to_edge(form.size, flat.gray.shape, aslant, _level_ink(flat, model)[0])


def _written(gray: Gray, form: Form, scale: float) -> tuple[Mask, list[Box]]:
    """Return what is written on a page brought onto a form, without print, and where fields are."""
    boxes = [scaled(field.box, scale) for field in form.fields]
    if form.printed is None:
        return find_ink(gray).mask, boxes
    ink = find_dark(gray)
    printed, boxes = settled(ink, enlarged(form.printed, ink), boxes)
    return without_print(ink, printed, scale), boxes


def _in_field(
    field: Field, box: Box, runs: Sequence[int], reading: Reading, whole: bool
) -> tuple[Number | None, FieldReading]:
    """Return the number in a field, None in a blank one, and that it is blank.

    Args:
        field: what is known about it.
        box: where it is on the page brought onto the form.
        runs: of ink in it, left to right.
        reading: of the page.
        whole: the page shows all of the field, and no line runs through it.
    """
    guesses: Guesses = {run: (reading.guesses or {})[run] for run in runs}
    doubtful = not whole
    if field.cells:
        guesses, gaps = one_a_cell(guesses, box, field.cells)
        doubtful = doubtful or gaps
    signs = [
        [one for one in marks if is_in(one, box) and not field.cells]
        for marks in (reading.low, reading.slashes, reading.percents)
    ]
    number, sure = as_written(guesses, *signs)
    status = "review" if doubtful or (number is None and runs) else "ok"
    blank = FieldReading(field.name, "", sure if whole else 0.0, status, box)
    if number is None:
        return None, blank
    if field.known != Known():
        (number,) = narrowed([number], guesses, rule_of(field.known))
    return replace(number, status="review" if doubtful else number.status), blank


def _in_places(
    found: Reading, grids: Sequence[Grid], settings: Settings
) -> tuple[tuple[Number, ...], tuple[Table, ...]]:
    """Return the numbers that digits make, those in tables with their cells, and the tables."""
    boxes = [digit.box for digit in found.digits]
    ruled = tables_among(grids, boxes)
    numbers = into_numbers(found, cells_of(boxes, ruled), settings.decimal)
    tables = with_aligned(numbers, ruled)
    if tables != ruled:  # columns part numbers too
        numbers = into_numbers(found, cells_of(boxes, tables), settings.decimal)
    if found.guesses is not None:
        holds = rule_of(settings.known, settings.decimal)
        within = cells_of([one.box for one in numbers], tables)
        numbers = tuple(narrowed(regrouped(numbers, within, holds), found.guesses, holds))
    return into_tables(numbers, tables)


def _judged(number: Number, model: Model, line: float) -> Number:
    """Return a number with its chance of being right, to be reviewed where that is below a line.

    What no rule allows has none.
    """
    chance = model.number_chance(number.confidence) if number.confidence else 0.0
    status = number.status if chance >= line else "review"
    return replace(number, confidence=chance, status=status)


def _level_ink(flat: Flat, model: Model) -> tuple[Straight, Ink, list[Grid]]:
    """Return a page upright and level, what is written on it, and what may be its tables."""
    straight = level(flat)
    ink, grids = _ink_and_grids(straight)
    turn = quarter_turn(_in_tables(ink.mask, grids), model)
    if turn:
        straight = level(flat, turn)
        ink, grids = _ink_and_grids(straight)
    return straight, ink, grids


def _ink_and_grids(straight: Straight) -> tuple[Ink, list[Grid]]:
    """Return what is written on a page, and what may be its tables, from the top."""
    ink = find_ink(straight.gray, straight.blurred)
    grids = find_grids(ink.rules, max(ink.mask.shape))
    if straight.frame is None:
        return ink, grids
    framed = grid_within(straight.gray, straight.frame)
    grids = [framed, *(grid for grid in grids if not overlap(grid.box, framed.box))]
    return replace(ink, mask=without_lines(ink.mask, framed)), grids


def _in_tables(mask: Mask, grids: Sequence[Grid]) -> Mask:
    """Return the ink in what may be tables, all of it where there are none.

    Around a puzzle in a newspaper there is text, which says less of which way up it is.
    """
    if not grids:
        return mask
    inside = np.zeros_like(mask)
    for box in (grid.box for grid in grids):
        where = slice(box.y, box.bottom), slice(box.x, box.right)
        inside[where] = mask[where]
    return inside


def read_marks(
    marks: Marks, settings: Settings, model: Model, grids: Sequence[Grid] = ()
) -> Reading:
    """Return what the model reads in a page's ink; confidences are not yet chances.

    What the first network leaves doubtful is read again with what stands beside it, as a strip.
    """
    candidates = [one for run in marks.runs for one in _proposed(run)]
    within = grids_of([run.box for run in marks.runs], grids)
    places = dict(zip((run.number for run in marks.runs), within, strict=True))
    where = [places[one.run] for one in candidates]
    lattices = Lattices(candidates, _scored(candidates, model), model.digits_shown, where)
    reading = lattices.read()
    seen: dict[int, RunTexts] = {}
    if settings.second_opinion and model.strip_reader and reading.doubtful:
        for strip in find_strips(candidates, set(reading.doubtful)):
            seen |= texts_of(strip, strip_scores(model.strip_reader, strip.image)[0])
        reading = lattices.read(seen)
    if settings.known != Known() or settings.form is not None:
        reading = replace(reading, guesses=lattices.guesses(seen))
    return replace(reading, low=(*reading.low, *marks.low), percents=tuple(marks.percents))


def _proposed(run: Run) -> list[Candidate]:
    """Return what may be digits in a run; a mark no wider than one is not cut.

    To cut takes longer than to read, and strips tell where two digits are as narrow as one.
    """
    whole = run.whole
    return run.candidates if whole is None else [whole]


def _scored(candidates: Sequence[Candidate], model: Model) -> Scores:
    """Return what the first network says of N candidates, (N, 10)."""
    return scores(model, normalise([one.ink for one in candidates]))


def _on_page(number: Number, model: Model, to_page: Transform, width: int, height: int) -> Number:
    """Return a number with its boxes in pixels of the page as given, its digits' chances known."""

    def on_page(box: Box) -> Box:
        return _box_on_page(box, to_page, width, height)

    digits = tuple(
        Digit(digit.digit, model.digit_chance(digit.confidence), on_page(digit.box))
        for digit in number.digits
    )
    return replace(number, digits=digits, box=on_page(number.box))


def _box_on_page(box: Box, to_page: Transform, width: int, height: int) -> Box:
    """Return the upright box around a straightened one, within the page.

    Edges lie half a pixel outside of pixel centres, which is what transforms act on.
    """
    left, top, right, bottom = box.x - 0.5, box.y - 0.5, box.right - 0.5, box.bottom - 0.5
    corners = np.array([[left, right, right, left], [top, top, bottom, bottom], [1, 1, 1, 1]])
    x, y, w = to_page @ corners
    x, y = np.clip(x / w + 0.5, 0, width), np.clip(y / w + 0.5, 0, height)
    x0, y0 = int(np.floor(x.min() + 1e-6)), int(np.floor(y.min() + 1e-6))
    return Box(x0, y0, int(np.ceil(x.max() - 1e-6)) - x0, int(np.ceil(y.max() - 1e-6)) - y0)

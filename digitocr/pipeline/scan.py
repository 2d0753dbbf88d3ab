"""The order of the stages: one file in, its numbers out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from digitocr.core.arrays import (
    Gray,
    Mask,
    Scores,
)
from digitocr.core.document import (
    Digit,
    FieldReading,
    FileResult,
    Number,
    PageResult,
    Table,
)
from digitocr.core.errors import FormMisfit
from digitocr.core.geometry import (
    Box,
    Transform,
    corners_of,
    overlap,
)
from digitocr.core.settings import (
    Known,
    Settings,
)
from digitocr.core.source import (
    Page,
    Source,
)
from digitocr.forms.fields import (
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
from digitocr.forms.registration import (
    brought_onto,
    find_form,
    from_edge_to_edge,
    shows,
)
from digitocr.forms.template import (
    Field,
    Form,
    load_form,
)
from digitocr.imaging.binarize import (
    find_dark,
    find_ink,
)
from digitocr.imaging.deskew import (
    Flat,
    Straight,
    flatten,
    level,
)
from digitocr.imaging.ruling_lines import Ink, take_out_rules
from digitocr.inputs.reader import read_pages
from digitocr.layout.faint_lines import find_lines
from digitocr.layout.grid import Grid
from digitocr.layout.grid_lines import (
    grid_within,
    with_strokes,
    without_lines,
)
from digitocr.layout.ruled_tables import (
    cells_of,
    find_grids,
    grids_of,
    into_tables,
    tables_among,
    with_aligned,
    with_spans,
)
from digitocr.numbers.assemble import (
    arranged,
    into_numbers,
)
from digitocr.numbers.constraints import rule_of
from digitocr.numbers.regroup import regrouped
from digitocr.numbers.rerank import narrowed
from digitocr.recognition.components import (
    Marks,
    Run,
    find_marks,
    whole_marks,
)
from digitocr.recognition.hypotheses import (
    Candidate,
    Reading,
    RunTexts,
)
from digitocr.recognition.lattice import Lattices
from digitocr.recognition.line_images import (
    find_strips,
    texts_of,
)
from digitocr.recognition.model import (
    Model,
    load_model,
    scores,
    strip_scores,
)
from digitocr.recognition.normalize import normalise
from digitocr.recognition.orientation import quarter_turn

# A wide mark that the first network reads as sure as this is one digit.
_SURE = 0.95
_LEAST_ROWS = 3  # of a table that is told by faint or broken lines


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
    for page in read_pages(source, settings.pages, settings.dpi, settings.limits):
        yield page, read_page(page, settings, model)


def read_page(page: Page, settings: Settings, model: Model) -> PageResult:
    """Read every number on one page; a blank page gives a result with no numbers."""
    if settings.form is not None:
        return _read_form(page, load_form(settings.form), settings, model)
    straight, marks, grids = _marks_on(page, model)
    found = read_marks(marks, settings, model, grids)
    numbers, tables = _in_places(found, grids, settings)
    line = model.review_line(settings)
    height, width = page.gray.shape
    places = _boxes_on_page([one.box for one in tables], straight.to_page, width, height)
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
        tables=tuple(replace(one, box=box) for one, box in zip(tables, places, strict=True)),
    )


def _marks_on(page: Page, model: Model) -> tuple[Straight, Marks, list[Grid]]:
    """Return a page upright and level, what is written on it, and what may be its tables."""
    straight, ink, grids = _level_ink(flatten(page.gray), model)
    marks = find_marks(ink.mask, [grid.box for grid in grids])
    return straight, whole_marks(marks, straight.to_page, page.gray.shape), grids


def runs_on(page: Page, model: Model) -> tuple[list[Run], list[Box]]:
    """Return the runs of ink on a page as scanning sees them, and their boxes in page pixels."""
    straight, marks, _ = _marks_on(page, model)
    height, width = page.gray.shape
    boxes = _boxes_on_page([run.box for run in marks.runs], straight.to_page, width, height)
    return marks.runs, boxes


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
        fields.append(found)
    places = _boxes_on_page(boxes, straight.to_page, width, height)
    return replace(
        result,
        rotation=straight.rotation,
        skew=straight.skew,
        numbers=tuple(numbers),
        fields=tuple(replace(one, box=box) for one, box in zip(fields, places, strict=True)),
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
    lines = arranged(found)
    numbers = into_numbers(lines, cells_of(boxes, ruled), settings.decimal)
    tables = with_aligned(numbers, ruled)
    if tables != ruled:  # columns part numbers too
        numbers = into_numbers(lines, cells_of(boxes, tables), settings.decimal)
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
    if straight.frame is None:
        return _with_broken_lines(straight, find_ink(straight.gray, straight.blurred))
    dark = find_dark(straight.gray, straight.blurred)
    framed = grid_within(straight.gray, straight.frame)
    ink = with_strokes(take_out_rules(dark.copy()), dark, framed)
    grids = find_grids(ink.rules, max(ink.mask.shape))
    framed = with_spans(framed, ink.rules)
    grids = [framed, *(grid for grid in grids if not overlap(grid.box, framed.box))]
    return replace(ink, mask=without_lines(ink.mask, framed)), grids


def _with_broken_lines(straight: Straight, ink: Ink) -> tuple[Ink, list[Grid]]:
    """Return ink and grids, those among them whose lines are faint or broken.

    Of these only ones with lines between their rows: in others rows and columns align.
    """
    longer = max(ink.mask.shape)
    grids = find_grids(ink.rules, longer)
    whole, bridged = find_lines(straight.gray, ink)
    found = find_grids(whole.rules, longer, bridged)
    broken = [grid for grid in found if len(grid.rows) > _LEAST_ROWS]
    if not broken:
        return ink, grids
    apart = [one for one in grids if not any(overlap(one.box, grid.box) for grid in broken)]
    return whole, sorted([*broken, *apart], key=lambda grid: (grid.rows[0], grid.columns[0]))


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
    candidates = _proposed(marks.runs, model)
    within = grids_of([run.box for run in marks.runs], grids)
    places = dict(zip((run.number for run in marks.runs), within, strict=True))
    where = [places[one.run] for one in candidates]
    lattices = Lattices(candidates, _scored(candidates, model), model.digits_shown, where)
    seen: dict[int, RunTexts] = {}
    if settings.second_opinion and model.strip_reader:
        for strip in find_strips(candidates, lattices.doubtful()):
            seen |= texts_of(strip, strip_scores(model.strip_reader, strip.image)[0])
    reading = lattices.read(seen)
    if settings.known != Known() or settings.form is not None:
        reading = replace(reading, guesses=lattices.guesses(seen))
    return replace(reading, low=(*reading.low, *marks.low), percents=tuple(marks.percents))


def _proposed(runs: Sequence[Run], model: Model) -> list[Candidate]:
    """Return what may be digits in runs of ink, run by run.

    To cut takes longer than to read: what is no wider than most digits is not cut, as strips tell
    where two are as narrow as one, nor what is surely one wide digit.
    """
    wide = [one for run in runs if run.is_wide and (one := run.whole)]
    surest = _scored(wide, model).max(axis=1) if wide else ()
    whole = {one.run for one, chance in zip(wide, surest, strict=True) if chance >= _SURE}
    proposed = []
    for run in runs:
        one = run.whole if not run.is_wide or run.number in whole else None
        proposed += [one] if one else run.candidates
    return proposed


def _scored(candidates: Sequence[Candidate], model: Model) -> Scores:
    """Return what the first network says of N candidates, (N, 10)."""
    return scores(model, normalise([one.ink for one in candidates]))


def _on_page(number: Number, model: Model, to_page: Transform, width: int, height: int) -> Number:
    """Return a number with its boxes in pixels of the page as given, its digits' chances known."""
    boxes = [number.box, *(digit.box for digit in number.digits)]
    whole, *each = _boxes_on_page(boxes, to_page, width, height)
    digits = tuple(
        Digit(digit.digit, model.digit_chance(digit.confidence), box)
        for digit, box in zip(number.digits, each, strict=True)
    )
    return replace(number, digits=digits, box=whole)


def _boxes_on_page(boxes: Sequence[Box], to_page: Transform, width: int, height: int) -> list[Box]:
    """Return the upright boxes around N straightened ones, within the page.

    Edges lie half a pixel outside of pixel centres, which is what transforms act on.
    """
    if not boxes:
        return []
    left, top, right, bottom = corners_of(boxes).T - 0.5
    corners = np.array([[left, right, right, left], [top, top, bottom, bottom]])  # (2, 4, N)
    x, y, w = np.einsum("ij,jkn->ikn", to_page[:, :2], corners) + to_page[:, 2, None, None]
    x, y = np.clip(x / w + 0.5, 0, width), np.clip(y / w + 0.5, 0, height)
    starts = np.floor(np.stack([x.min(axis=0), y.min(axis=0)], axis=1) + 1e-6)
    ends = np.ceil(np.stack([x.max(axis=0), y.max(axis=0)], axis=1) - 1e-6)
    return [Box(*row) for row in np.hstack([starts, ends - starts]).astype(int).tolist()]

"""The order of the stages: one file in, its numbers out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from digitocr.crops import normalise
from digitocr.decode import Lattices
from digitocr.ink import find_ink
from digitocr.layout import into_numbers
from digitocr.model import Model, load_model, scores, strip_scores
from digitocr.pages import read_pages
from digitocr.records import (
    Box,
    Candidate,
    Digit,
    FileResult,
    Gray,
    Ink,
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
)
from digitocr.segment import Marks, Run, find_marks
from digitocr.straighten import flatten, level
from digitocr.strips import find_strips, texts_of
from digitocr.tables import (
    Grid,
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
        InputUnreadable: the file is missing, empty, damaged, too large or no image.
        ModelUnreadable: the model is missing, damaged or of another shape.
    """
    settings = settings or Settings()
    if not isinstance(source, Source):
        source = Source(Path(source).name, Path(source))
    model = load_model(settings.model)
    pages = tuple(result for _, result in scan_pages(source, settings, model))
    return FileResult(source.name, model.id, pages)


def scan_pages(
    source: Source, settings: Settings, model: Model
) -> Iterator[tuple[Page, PageResult]]:
    """Yield each page of a file with what was read on it, one page at a time."""
    for page in read_pages(source):
        yield page, read_page(page, settings, model)


def read_page(page: Page, settings: Settings, model: Model) -> PageResult:
    """Read every number on one page; a blank page gives a result with no numbers."""
    straight, ink, grids = _level_ink(page.gray, model)
    marks = find_marks(ink.mask, [grid.box for grid in grids])
    found = read_marks(marks, settings, model, grids)
    numbers, tables = _in_places(found, grids, settings, model)
    height, width = page.gray.shape
    return PageResult(
        page=page.number,
        width=width,
        height=height,
        dpi=page.dpi,
        rotation=straight.rotation,
        skew=straight.skew,
        numbers=tuple(_on_page(one, model, straight.to_page, width, height) for one in numbers),
        tables=tuple(
            replace(one, box=_box_on_page(one.box, straight.to_page, width, height))
            for one in tables
        ),
    )


def _in_places(
    found: Reading, grids: Sequence[Grid], settings: Settings, model: Model
) -> tuple[tuple[Number, ...], tuple[Table, ...]]:
    """Return the numbers that digits make, those in tables with their cells, and the tables."""
    boxes = [digit.box for digit in found.digits]
    line, chance = model.review_line(settings), model.number_chance
    ruled = tables_among(grids, boxes)
    numbers = into_numbers(found, line, chance, cells_of(boxes, ruled), settings.decimal)
    tables = with_aligned(numbers, ruled)
    if tables != ruled:  # columns part numbers too
        numbers = into_numbers(found, line, chance, cells_of(boxes, tables), settings.decimal)
    return into_tables(numbers, tables)


def _level_ink(gray: Gray, model: Model) -> tuple[Straight, Ink, list[Grid]]:
    """Return a page upright and level, what is written on it, and what may be its tables."""
    flat = flatten(gray)
    straight = level(flat)
    ink = find_ink(straight.gray)
    grids = find_grids(ink.rules, max(ink.mask.shape))
    turn = quarter_turn(_in_tables(ink.mask, grids), model)
    if turn:
        straight = level(flat, turn)
        ink = find_ink(straight.gray)
        grids = find_grids(ink.rules, max(ink.mask.shape))
    return straight, ink, grids


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
    places = grids_of([run.box for run in marks.runs], grids)
    where = [places[one.run] for one in candidates]
    lattices = Lattices(candidates, _scored(candidates, model), model.digits_shown, where)
    reading = lattices.read()
    if settings.second_opinion and model.strip_reader and reading.doubtful:
        seen: dict[int, RunTexts] = {}
        for strip in find_strips(candidates, set(reading.doubtful)):
            seen |= texts_of(strip, strip_scores(model.strip_reader, strip.image)[0])
        reading = lattices.read(seen)
    return replace(reading, low=(*reading.low, *marks.low))


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

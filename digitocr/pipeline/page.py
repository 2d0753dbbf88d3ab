"""One page in, its numbers out: the order of the stages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from digitocr.core.document import (
    Number,
    PageResult,
    Table,
)
from digitocr.core.geometry import (
    Box,
)
from digitocr.core.settings import (
    Known,
    Settings,
)
from digitocr.core.source import (
    Page,
)
from digitocr.forms.template import (
    load_form,
)
from digitocr.imaging.deskew import UprightPage
from digitocr.imaging.rectify import rectify
from digitocr.layout.borderless_tables import ruled_and_borderless_tables
from digitocr.layout.grid import Grid
from digitocr.layout.ruled_tables import ruled_tables
from digitocr.layout.table_cells import cell_numbers, grid_numbers, numbers_and_tables
from digitocr.numbers.assemble import (
    assembled_numbers,
    digit_lines,
)
from digitocr.numbers.constraints import rule_of
from digitocr.numbers.regroup import regrouped_numbers
from digitocr.numbers.rerank import reranked_numbers
from digitocr.pipeline.finish import boxes_on_page, judged, on_page
from digitocr.pipeline.form_page import read_form
from digitocr.pipeline.ink import level_ink
from digitocr.recognition.components import (
    Components,
    InkGroup,
    find_components,
    unclipped_components,
)
from digitocr.recognition.hypotheses import (
    PageReading,
)
from digitocr.recognition.model import (
    Model,
)
from digitocr.recognition.reader import read_components


def read_page(page: Page, settings: Settings, model: Model) -> PageResult:
    """Read every number on one page; a blank page gives a result with no numbers."""
    if settings.form is not None:
        return read_form(page, load_form(settings.form), settings, model)
    straight, marks, grids = _marks_on(page, model)
    found = read_components(
        marks,
        model,
        grid_numbers([group.box for group in marks.groups], grids),
        second_opinion=settings.second_opinion,
        keep_hypotheses=settings.known != Known(),
    )
    numbers, tables = _in_places(found, grids, settings)
    line = model.review_line(settings)
    height, width = page.gray.shape
    places = boxes_on_page([one.box for one in tables], straight.to_page, width, height)
    return PageResult(
        page=page.number,
        width=width,
        height=height,
        dpi=page.dpi,
        rotation=straight.rotation,
        skew=straight.skew,
        numbers=tuple(
            on_page(judged(one, model, line), model, straight.to_page, width, height)
            for one in numbers
        ),
        tables=tuple(replace(one, box=box) for one, box in zip(tables, places, strict=True)),
    )


def _marks_on(page: Page, model: Model) -> tuple[UprightPage, Components, list[Grid]]:
    """Return a page upright and level, what is written on it, and what may be its tables."""
    straight, ink, grids = level_ink(rectify(page.gray), model)
    marks = find_components(ink.mask, [grid.box for grid in grids])
    return straight, unclipped_components(marks, straight.to_page, page.gray.shape), grids


def ink_groups_on(page: Page, model: Model) -> tuple[list[InkGroup], list[Box]]:
    """Return the runs of ink on a page as scanning sees them, and their boxes in page pixels."""
    straight, marks, _ = _marks_on(page, model)
    height, width = page.gray.shape
    boxes = boxes_on_page([group.box for group in marks.groups], straight.to_page, width, height)
    return marks.groups, boxes


def _in_places(
    found: PageReading, grids: Sequence[Grid], settings: Settings
) -> tuple[tuple[Number, ...], tuple[Table, ...]]:
    """Return the numbers that digits make, those in tables with their cells, and the tables."""
    boxes = [digit.box for digit in found.digits]
    ruled = ruled_tables(grids, boxes)
    lines = digit_lines(found)
    numbers = assembled_numbers(lines, cell_numbers(boxes, ruled), settings.decimal)
    tables = ruled_and_borderless_tables(numbers, ruled)
    if tables != ruled:  # columns part numbers too
        numbers = assembled_numbers(lines, cell_numbers(boxes, tables), settings.decimal)
    if found.hypotheses is not None:
        holds = rule_of(settings.known, settings.decimal)
        within = cell_numbers([one.box for one in numbers], tables)
        numbers = tuple(
            reranked_numbers(regrouped_numbers(numbers, within, holds), found.hypotheses, holds)
        )
    return numbers_and_tables(numbers, tables)

"""One page in, its numbers out: the order of the stages, from the top down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from digitocr.core.document import (
    Number,
    PageResult,
    Table,
)
from digitocr.core.geometry import Box
from digitocr.core.settings import Decimal
from digitocr.core.source import Page
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
from digitocr.numbers.constraints import Constraint
from digitocr.numbers.regroup import regrouped_numbers
from digitocr.numbers.rerank import reranked_numbers
from digitocr.pipeline.finish import boxes_on_page, finished_page
from digitocr.pipeline.ink import upright_ink
from digitocr.recognition.components import (
    Components,
    InkGroup,
    find_components,
    unclipped_components,
)
from digitocr.recognition.hypotheses import PageReading
from digitocr.recognition.model import Model
from digitocr.recognition.reader import read_components


@dataclass(frozen=True, slots=True)
class PageReader:
    """Reads pages of any kind."""

    model: Model
    review_line: float  # confidence below which a number is to be reviewed, 0..1
    second_opinion: bool = True  # the strip reader reads what the classifier leaves doubtful
    decimal: Decimal | None = None
    constraint: Constraint | None = None  # on every number; None: anything goes

    def read(self, page: Page) -> PageResult:
        """Read every number on one page; a blank page gives a result with no numbers."""
        upright, components, grids = _components_on(page, self.model)
        # What the networks read in each component, alone and in its line.
        reading = read_components(
            components,
            self.model,
            grid_numbers([group.box for group in components.groups], grids),
            second_opinion=self.second_opinion,
            keep_hypotheses=self.constraint is not None,
        )
        # Digits that stand together are numbers; those in tables have their cells.
        numbers, tables = self._numbers_and_tables(reading, grids)
        # Chances in place of confidences, pixels of the page as given.
        return finished_page(page, upright, numbers, tables, self.model, self.review_line)

    def _numbers_and_tables(
        self, reading: PageReading, grids: Sequence[Grid]
    ) -> tuple[tuple[Number, ...], tuple[Table, ...]]:
        """Return the numbers that digits make, those in tables with their cells, and the tables."""
        boxes = [digit.box for digit in reading.digits]
        ruled = ruled_tables(grids, boxes)
        lines = digit_lines(reading)
        numbers = assembled_numbers(lines, cell_numbers(boxes, ruled), self.decimal)
        tables = ruled_and_borderless_tables(numbers, ruled)
        if tables != ruled:  # columns part numbers too
            numbers = assembled_numbers(lines, cell_numbers(boxes, tables), self.decimal)
        if self.constraint and reading.hypotheses is not None:
            within = cell_numbers([one.box for one in numbers], tables)
            joined = regrouped_numbers(numbers, within, self.constraint)
            numbers = tuple(reranked_numbers(joined, reading.hypotheses, self.constraint))
        return numbers_and_tables(numbers, tables)


def _components_on(page: Page, model: Model) -> tuple[UprightPage, Components, list[Grid]]:
    """Return a page upright and level, what is written on it, and what may be its tables."""
    # The sheet brought to a rectangle, its rows level.
    rectified = rectify(page.gray)
    # The right way up; dark on light; ruling lines taken out, and what grids they make.
    upright, ink, grids = upright_ink(rectified, model)
    # What touches is one component; components near each other are a group.
    components = find_components(ink.mask, [grid.box for grid in grids])
    return upright, unclipped_components(components, upright.to_page, page.gray.shape), grids


def ink_groups_on(page: Page, model: Model) -> tuple[list[InkGroup], list[Box]]:
    """Return the groups of ink on a page as scanning sees them, and their boxes in page pixels."""
    upright, components, _ = _components_on(page, model)
    height, width = page.gray.shape
    boxes = [group.box for group in components.groups]
    return components.groups, boxes_on_page(boxes, upright.to_page, width, height)

"""One page in, its numbers out: the order of the stages, from the top down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from digitocr.core.arrays import Gray
from digitocr.core.document import (
    Number,
    PageResult,
)
from digitocr.core.geometry import Box
from digitocr.core.settings import Decimal
from digitocr.core.source import Page
from digitocr.imaging.deskew import MOST_SKEW, UprightPage
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
from digitocr.numbers.fusion import Arbiter, Place, refused_shares
from digitocr.numbers.regroup import regrouped_numbers
from digitocr.numbers.rerank import reranked_numbers
from digitocr.pipeline.finish import (
    boxes_on_page,
    finished_page,
    number_with_chances,
)
from digitocr.pipeline.ink import upright_ink
from digitocr.pipeline.line_page import in_lines, is_ruling, places_on_page
from digitocr.pipeline.notes import page_notes
from digitocr.recognition.components import (
    Components,
    InkGroup,
    find_components,
    unclipped_components,
)
from digitocr.recognition.hypotheses import PageReading
from digitocr.recognition.model import Model
from digitocr.recognition.page_lines import LineScanner, PageLines
from digitocr.recognition.reader import read_components


@dataclass(frozen=True, slots=True)
class LineReaders:
    """What reads whole lines, and what weighs it against the reading of digits."""

    scanner: LineScanner
    arbiter: Arbiter


@dataclass(frozen=True, slots=True)
class PageReader:
    """Reads pages of any kind."""

    model: Model
    review_line: float  # chance below which a number is to be reviewed, 0..1
    second_opinion: bool = True  # the strip reader reads what the classifier leaves doubtful
    decimal: Decimal | None = None
    constraint: Constraint | None = None  # on every number; None: anything goes
    line_readers: LineReaders | None = None  # None: digits are read from their contours alone

    def read(self, page: Page) -> PageResult:
        """Read every number on one page; a blank page gives a result with no numbers."""
        read = self._read_components(page)
        numbers, lines = read.numbers, PageLines(())
        # What whole lines are read as, from grey pixels; where both differ, the likelier.
        if self.line_readers:
            lines = self._lines(read, self.line_readers, page)
            found = self._places(read, lines, page)
            # Cells and fields are cut out for what they hold: that is kept, however doubtful.
            numbers = self._fused(found, self.line_readers, _is_cut_out(found, lines))
        placed, filled = numbers_and_tables(numbers, read.tables)
        notes = page_notes(placed, read.groups, read.upright.gray, lines)
        # Doubtful ones are marked; pixels of the page as given.
        return finished_page(page, read.upright, placed, filled, self.review_line, notes)

    def places(self, page: Page) -> tuple[UprightPage, list[Place]]:
        """Return a page set upright, and what both readers read in each place there; [] for one."""
        read, readers = self._read_components(page), self.line_readers
        found = self._places(read, self._lines(read, readers, page), page) if readers else []
        return read.upright, found

    def _read_components(self, page: Page) -> _ComponentNumbers:
        """Return what is read of a page's contours alone."""
        upright, components, grids = _components_on(page, self.model)
        # What the networks read in each component, alone and in its line.
        reading = read_components(
            components,
            self.model,
            grid_numbers([group.box for group in components.groups], grids),
            second_opinion=self.second_opinion,
            keep_hypotheses=self.constraint is not None,
        )
        # Digits that stand together are numbers, in tables those in one cell.
        numbers, tables = self._numbers_and_grids(reading, grids)
        chances = [number_with_chances(one, self.model) for one in numbers]
        return _ComponentNumbers(upright, components.groups, reading, chances, tables)

    def _numbers_and_grids(
        self, reading: PageReading, grids: Sequence[Grid]
    ) -> tuple[Sequence[Number], list[Grid]]:
        """Return the numbers that digits make, and the grids of tables, ruled or only aligned."""
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
        return numbers, tables

    def _lines(self, read: _ComponentNumbers, readers: LineReaders, page: Page) -> PageLines:
        """Return the lines of the page, which reach over the numbers seen there.

        It is looked at as given, or upright where a grid set it so: writing as askew as that is
        not found well.
        """
        if read.is_level:
            boxes = [one.box for one in read.numbers]
            return readers.scanner.read(read.upright.gray, 0, self.constraint, boxes)
        boxes = read.boxes_on(page)
        return readers.scanner.read(page.gray, read.upright.rotation, self.constraint, boxes)

    def _places(self, read: _ComponentNumbers, lines: PageLines, page: Page) -> list[Place]:
        """Return what both readers read in each place of the upright page."""
        boxes, to_lines = read.boxes_on(page), read.upright.to_page
        if read.is_level:
            boxes, to_lines = [one.box for one in read.numbers], np.eye(3)
        found = places_on_page(read.numbers, boxes, lines, to_lines, self.decimal)
        refused = refused_shares(found, read.reading.non_digits)
        return [
            replace(place, refused=share)
            for place, share in zip(found, refused, strict=True)
            if not is_ruling(place, read.tables)
        ]

    def _fused(self, found: Sequence[Place], readers: LineReaders, keep_all: bool) -> list[Number]:
        """Return the numbers of both readers, each place once, in reading order."""
        fused = readers.arbiter.numbers(found, keep_all or self.constraint is not None)
        if all(one.line for one in fused):
            return sorted(fused, key=lambda one: (one.line, one.item))
        return in_lines(fused)


def _is_cut_out(found: Sequence[Place], lines: PageLines) -> bool:
    """Tell whether a picture is a cut around one number, as far as the finder sees."""
    read = [one for place in found for one in place.lines]
    is_number = len(read) == 1 and read[0].line.is_number > 0.5  # rather than other writing
    return lines.is_one_line and len(found) == 1 and is_number


@dataclass(frozen=True, slots=True)
class _ComponentNumbers:
    """What is read of a page's contours: all of it in pixels of the upright page."""

    upright: UprightPage
    groups: list[InkGroup]
    reading: PageReading
    numbers: list[Number]  # with their chances
    tables: list[Grid]

    @property
    def is_level(self) -> bool:
        """Whether lines are looked for on the upright page: by writing none is set so level."""
        return abs(self.upright.skew) > MOST_SKEW

    def boxes_on(self, page: Page) -> list[Box]:
        """Return where the numbers are on the page as given."""
        height, width = page.gray.shape
        return boxes_on_page([one.box for one in self.numbers], self.upright.to_page, width, height)


def _components_on(page: Page, model: Model) -> tuple[UprightPage, Components, list[Grid]]:
    """Return a page upright and level, what is written on it, and what may be its tables."""
    # The sheet brought to a rectangle, its rows level.
    rectified = rectify(page.gray)
    # The right way up; dark on light; ruling lines taken out, and what grids they make.
    upright, ink, grids = upright_ink(rectified, model)
    # What touches is one component; components near each other are a group.
    components = find_components(ink.binary, [grid.box for grid in grids])
    return upright, unclipped_components(components, upright.to_page, page.gray.shape), grids


def ink_groups_on(page: Page, model: Model) -> tuple[Gray, list[InkGroup], list[Box]]:
    """Return an upright page, the groups of ink that scanning sees there, and where they lie.

    The last are their boxes in pixels of the page as given.
    """
    upright, components, _ = _components_on(page, model)
    height, width = page.gray.shape
    boxes = [group.box for group in components.groups]
    return upright.gray, components.groups, boxes_on_page(boxes, upright.to_page, width, height)

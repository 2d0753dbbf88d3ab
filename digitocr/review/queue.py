"""The numbers of a run: what is to be reviewed, least certain first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from digitocr.core.document import Digit, FieldResult, FileResult, Number, PageResult
from digitocr.core.errors import (
    InputUnreadable,
    WrongUsage,
)
from digitocr.core.geometry import Box
from digitocr.results.corrections import Correction
from digitocr.results.matching import (
    holding_box,
    pairs,
)
from digitocr.review.page_images import Shape

_FILES_KEPT = 32  # of which digits are kept
IN_TABLES, OUTSIDE = "any", "none"  # what `Filter.table` may be besides a table's number


@dataclass(slots=True)
class ReviewItem:
    """A number as it was read, or a place where none was, and what was decided about it."""

    id: int  # its place in the list of all, from 0
    file: str
    page: int  # from 1
    box: Box  # page pixels
    read: str | None  # None: nothing was read there
    confidence: float  # 0..1
    for_review: bool  # its status as read was "review"
    line: int = 0  # as in results; 0 for a missed number whose place is not known
    item: int = 0
    table: int | None = None
    row: int | None = None
    column: int | None = None
    field: str | None = None
    decision: Correction | None = None
    version: int = 0  # counts the decisions of this session about it, and those taken back

    def take_place_of(self, number: Number) -> None:
        """Take on the place in the page's lines, tables and fields that results give a number."""
        self.line, self.item, self.field = number.line, number.item, number.field
        self.table, self.row, self.column = number.table, number.row, number.column

    @property
    def is_there(self) -> bool:
        """Whether there is something to look at: not where a number was added and taken back."""
        return self.read is not None or self.for_review or self.decision is not None

    @property
    def status(self) -> str:
        """As results show it: "review", "ok" or "checked"."""
        if self.decision:
            return "checked"
        return "review" if self.for_review else "ok"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which numbers are wanted."""

    file: str = ""  # a part of the file's name, in any case
    table: str = ""  # `IN_TABLES`, `OUTSIDE` or a table's number; "" for all
    field: str = ""  # a form's; "" for all
    status: str = "review"  # "review", "ok", "checked" or "all"
    most: float = 1.0  # the highest confidence

    def matches(self, item: ReviewItem) -> bool:
        """Tell whether a number is wanted."""
        return (
            item.is_there
            and self.status in ("all", item.status)
            and item.confidence <= self.most
            and self._table_matches(item)
            and self.field in ("", item.field)
            and self.file.casefold() in item.file.casefold()
        )

    def _table_matches(self, item: ReviewItem) -> bool:
        if self.table == OUTSIDE:
            return item.table is None
        return self.table == "" or (self.table in (IN_TABLES, str(item.table)) and bool(item.table))


class ReviewQueue:
    """All numbers of a run."""

    def __init__(self, read: Callable[[str], FileResult]) -> None:
        """Begin with none; `read` returns the result of a file, or raises InputUnreadable."""
        self.items: list[ReviewItem] = []
        self.shapes: dict[tuple[str, int], Shape] = {}  # of file and page
        self.files: dict[str, int] = {}  # name → its place in the order of the run, from 0
        self._of_page = defaultdict[tuple[str, int], list[ReviewItem]](list)
        # Digits take ten times the memory of all else, and are wanted of few numbers.
        self._digits = lru_cache(maxsize=_FILES_KEPT)(lambda file: _digits(read(file)))

    def __getitem__(self, number: int) -> ReviewItem:
        """Return a number by its place in the list of all; raise WrongUsage where it has none."""
        if not 0 <= number < len(self.items):
            raise WrongUsage(f"there is no number {number}")
        return self.items[number]

    def add_file(self, result: FileResult, corrections: Iterable[Correction]) -> None:
        """Add the numbers of a file.

        Args:
            result: what is known of it; digits are not needed.
            corrections: the last decision about each place in it.
        """
        self.files[result.file] = len(self.files)
        decisions = list(corrections)
        for page in result.pages:
            self.shapes[result.file, page.page] = Shape(page.width, page.height, page.rotation)
            of_page = [one for one in decisions if one.page == page.page]
            self._add_page(result.file, page, of_page)

    def _add_page(self, file: str, page: PageResult, decisions: Sequence[Correction]) -> None:
        """Add a page; each decision goes with the box that it overlaps most, as in results."""
        found = [self._add_number(file, page.page, one) for one in page.as_read.numbers]
        for line, field in enumerate(page.as_read.fields, 1):  # lines as numbers of forms have them
            # Early results don't say where a field is.
            if field.status == "review" and not field.text and field.box.width:
                found.append(self._add_unread_field(file, page.page, line, field))
        if not decisions:
            return
        belongs = pairs([one.box for one in decisions], [one.box for one in found])
        for i, place in belongs.items():
            found[place].decision = decisions[i]
        places = {one.box: one for one in page.numbers}
        for i, decision in enumerate(decisions):
            if i not in belongs and decision.number is not None:
                item = self.missed_item(file, page.page, decision.box)
                item.decision = decision
                if not item.for_review and decision.box in places:
                    item.take_place_of(places[decision.box])

    def drawn_item(self, file: str, page: int, box: Box) -> ReviewItem:
        """Return the number that a drawn box is around, else as `missed_item`."""
        there = [one for one in self._of_page[file, page] if one.is_there]
        same = pairs([box], [one.box for one in there])
        return there[same[0]] if same else self.missed_item(file, page, box)

    def missed_item(self, file: str, page: int, box: Box) -> ReviewItem:
        """Return the place that a missed number is at: an unread field of a form, else a new one.

        A field about which something is decided is not unread.
        """
        fields = [
            one
            for one in self._of_page[file, page]
            if one.read is None and one.for_review and not one.decision
        ]
        at = holding_box(box, [one.box for one in fields])
        if at is not None:
            return fields[at]
        return self._add(ReviewItem(len(self.items), file, page, box, None, 0.0, for_review=False))

    def _add_number(self, file: str, page: int, number: Number) -> ReviewItem:
        """Add a number as it was read."""
        return self._add(
            ReviewItem(
                len(self.items),
                file,
                page,
                number.box,
                number.text,
                number.confidence,
                number.status == "review",
                number.line,
                number.item,
                number.table,
                number.row,
                number.column,
                number.field,
            )
        )

    def _add_unread_field(self, file: str, page: int, line: int, field: FieldResult) -> ReviewItem:
        """Add a field of a form in which there is something that was not read."""
        item = ReviewItem(
            len(self.items), file, page, field.box, None, field.confidence, True, line, 1
        )
        item.field = field.name
        return self._add(item)

    def _add(self, item: ReviewItem) -> ReviewItem:
        self.items.append(item)
        self._of_page[item.file, item.page].append(item)
        return item

    def digits(self, item: ReviewItem) -> Sequence[Digit]:
        """Return the digits of a number as its file's JSON has them, left to right.

        Empty where somebody has removed or damaged that since: a decision needs no digits.
        """
        try:
            return self._digits(item.file).get((item.page, item.box), ())
        except InputUnreadable:
            return ()

    def choices(self) -> dict[str, Any]:
        """Return what filters may choose from: fields, and how many tables a page has at most."""
        fields = dict.fromkeys(item.field for item in self.items if item.field)
        tables = max((item.table or 0 for item in self.items), default=0)
        return {"fields": list(fields), "tables": tables, "files": len(self.files)}

    def wanted(self, chosen: Filter) -> list[ReviewItem]:
        """Return the numbers that are wanted, least certain first, else in reading order."""
        found = (item for item in self.items if chosen.matches(item))
        return sorted(found, key=lambda item: item.confidence)

    def neighbours(self, item: ReviewItem) -> list[ReviewItem]:
        """Return the numbers of the table, or of the form, that a number is in; else none.

        They come in reading order; a missed one before the one that it has moved on.
        """
        if item.table is None and item.field is None:
            return []
        found = [
            one
            for one in self._of_page[item.file, item.page]
            if one.is_there
            and one.table == item.table
            and (one.field is None) == (item.field is None)
        ]
        return sorted(found, key=lambda one: (one.line, one.item, one.read is not None))


def _digits(result: FileResult) -> dict[tuple[int, Box], Sequence[Digit]]:
    """Return the digits of each number that was read in a file, by page and box."""
    return {
        (page.page, number.box): number.digits
        for page in result.pages
        for number in page.as_read.numbers
    }

"""The numbers of a run as its JSON files have them: what is to be reviewed, least certain first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

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

PLACE = ("line", "item", "table", "row", "column", "field")
STATUSES = ("review", "ok", "checked", "all")
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
    doubtful: bool  # its status as read was "review"
    line: int = 0  # as in results; 0 for a missed number whose place is not known
    item: int = 0
    table: int | None = None
    row: int | None = None
    column: int | None = None
    field: str | None = None
    decision: Correction | None = None
    version: int = 0  # counts the decisions of this session about it, and those taken back

    def place(self, found: Mapping[str, Any]) -> None:
        """Take on the place in the page's lines, tables and fields that results give a number."""
        for name in PLACE:
            setattr(self, name, found[name])

    @property
    def is_there(self) -> bool:
        """Whether there is something to look at: not where a number was added and taken back."""
        return self.read is not None or self.doubtful or self.decision is not None

    @property
    def status(self) -> str:
        """As results show it: "review", "ok" or "checked"."""
        if self.decision:
            return "checked"
        return "review" if self.doubtful else "ok"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which numbers are wanted."""

    file: str = ""  # a part of the file's name, in any case
    table: str = ""  # `IN_TABLES`, `OUTSIDE` or a table's number; "" for all
    field: str = ""  # a form's; "" for all
    status: str = "review"  # one of `STATUSES`
    most: float = 1.0  # the highest confidence

    def holds(self, entry: ReviewItem) -> bool:
        """Tell whether a number is wanted."""
        return (
            entry.is_there
            and self.status in ("all", entry.status)
            and entry.confidence <= self.most
            and self._table_holds(entry)
            and self.field in ("", entry.field)
            and self.file.casefold() in entry.file.casefold()
        )

    def _table_holds(self, entry: ReviewItem) -> bool:
        if self.table == OUTSIDE:
            return entry.table is None
        return self.table == "" or (
            self.table in (IN_TABLES, str(entry.table)) and bool(entry.table)
        )


class ReviewQueue:
    """All numbers of a run."""

    def __init__(self, read: Callable[[str], Mapping[str, Any]]) -> None:
        """Begin with none; `read` returns the JSON of a file, or raises InputUnreadable."""
        self.entries: list[ReviewItem] = []
        self.shapes: dict[tuple[str, int], Shape] = {}  # of file and page
        self.files: dict[str, int] = {}  # name → its place in the order of the run, from 0
        self._of_page = defaultdict[tuple[str, int], list[ReviewItem]](list)
        # Digits take ten times the memory of all else, and are wanted of few numbers.
        self._digits = lru_cache(maxsize=_FILES_KEPT)(lambda file: _digits(read(file)))

    def __getitem__(self, number: int) -> ReviewItem:
        """Return a number by its place in the list of all; raise WrongUsage where it has none."""
        if not 0 <= number < len(self.entries):
            raise WrongUsage(f"there is no number {number}")
        return self.entries[number]

    def add_file(
        self, name: str, result: Mapping[str, Any], corrections: Iterable[Correction]
    ) -> None:
        """Add the numbers of a file.

        Args:
            name: as in the journal, where it may hold bytes that JSON can't.
            result: its JSON.
            corrections: the last decision about each place in it.
        """
        self.files[name] = len(self.files)
        decisions = list(corrections)
        for page in result["pages"]:
            number = page["page"]
            self.shapes[name, number] = Shape(page["width"], page["height"], page["rotation"])
            self._add_page(name, page, [one for one in decisions if one.page == number])

    def _add_page(
        self, name: str, page: Mapping[str, Any], decisions: Sequence[Correction]
    ) -> None:
        """Add a page; each decision goes with the box that it overlaps most, as in results."""
        number, reading = page["page"], as_read(page)
        found = [
            self._add(file=name, page=number, **one)
            for one in (*_numbers(reading["numbers"]), *_unread_fields(reading))
        ]
        if not decisions:
            return
        belongs = pairs([one.box for one in decisions], [one.box for one in found])
        for i, place in belongs.items():
            found[place].decision = decisions[i]
        places = {one["box"]: one for one in _numbers(page["numbers"])}
        for i, decision in enumerate(decisions):
            if i not in belongs and decision.number is not None:
                entry = self.missed(name, number, decision.box)
                entry.decision = decision
                if not entry.doubtful and decision.box in places:
                    entry.place(places[decision.box])

    def drawn(self, file: str, page: int, box: Box) -> ReviewItem:
        """Return the number that a drawn box is around, as results tell it, else as `missed`."""
        there = [one for one in self._of_page[file, page] if one.is_there]
        same = pairs([box], [one.box for one in there])
        return there[same[0]] if same else self.missed(file, page, box)

    def missed(self, file: str, page: int, box: Box) -> ReviewItem:
        """Return the place that a missed number is at: an unread field of a form, else a new one.

        A field about which something is decided is not unread.
        """
        fields = [
            one
            for one in self._of_page[file, page]
            if one.read is None and one.doubtful and not one.decision
        ]
        at = holding_box(box, [one.box for one in fields])
        if at is not None:
            return fields[at]
        return self._add(file=file, page=page, box=box, read=None, confidence=0.0, doubtful=False)

    def _add(self, **given: Any) -> ReviewItem:
        entry = ReviewItem(id=len(self.entries), **given)
        self.entries.append(entry)
        self._of_page[entry.file, entry.page].append(entry)
        return entry

    def digits(self, entry: ReviewItem) -> Sequence[Mapping[str, Any]]:
        """Return the digits of a number as its file's JSON has them, left to right.

        Empty where somebody has removed or damaged that since: a decision needs no digits.
        """
        try:
            return self._digits(entry.file).get((entry.page, entry.box), ())
        except InputUnreadable:
            return ()

    def choices(self) -> dict[str, Any]:
        """Return what filters may choose from: fields, and how many tables a page has at most."""
        fields = dict.fromkeys(entry.field for entry in self.entries if entry.field)
        tables = max((entry.table or 0 for entry in self.entries), default=0)
        return {"fields": list(fields), "tables": tables, "files": len(self.files)}

    def queue(self, wanted: Filter) -> list[ReviewItem]:
        """Return the numbers that are wanted, least certain first, else in reading order."""
        found = (entry for entry in self.entries if wanted.holds(entry))
        return sorted(found, key=lambda entry: entry.confidence)

    def beside(self, entry: ReviewItem) -> list[ReviewItem]:
        """Return the numbers of the table, or of the form, that a number is in; else none.

        They come in reading order; a missed one before the one that it has moved on.
        """
        if entry.table is None and entry.field is None:
            return []
        found = [
            one
            for one in self._of_page[entry.file, entry.page]
            if one.is_there
            and one.table == entry.table
            and (one.field is None) == (entry.field is None)
        ]
        return sorted(found, key=lambda one: (one.line, one.item, one.read is not None))


def _digits(result: Mapping[str, Any]) -> dict[tuple[int, Box], Sequence[Mapping[str, Any]]]:
    """Return the digits of each number in a file's JSON, by page and box."""
    return {
        (page["page"], Box(*number["box"])): number["digits"]
        for page in map(as_read, result["pages"])
        for number in page["numbers"]
    }


def as_read(page: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a page of a file's JSON as it was read, without decisions."""
    return {**page, **page.get("reading", {})}


def _numbers(numbers: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield what an entry needs of each number on a page."""
    for one in numbers:
        yield {
            "box": Box(*one["box"]),
            "read": one["text"],
            "confidence": one["confidence"],
            "doubtful": one["status"] == "review",
            "line": one["line"],
            "item": one["item"],
            "table": one["table"],
            "row": one["row"],
            "column": one["column"],
            "field": one.get("field"),
        }


def _unread_fields(page: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the fields of a form in which there is something that was not read."""
    for i, one in enumerate(page.get("fields", ()), 1):
        if one["status"] == "review" and not one["text"] and "box" in one:
            yield {
                "box": Box(*one["box"]),
                "read": None,
                "confidence": one["confidence"],
                "doubtful": True,
                "line": i,  # as numbers of forms have it
                "item": 1,
                "field": one["name"],
            }

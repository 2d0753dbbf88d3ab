"""A review while it goes on: what is decided about each number, safe before it is answered."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from threading import RLock
from typing import Any, Protocol

from digitocr.core.document import (
    FileResult,
    Number,
)
from digitocr.core.errors import (
    InputUnreadable,
    WrongUsage,
)
from digitocr.core.geometry import Box
from digitocr.results.corrections import (
    Correction,
    Corrections,
    is_number,
)
from digitocr.results.journal import Stamp
from digitocr.review.audit_sample import Audit
from digitocr.review.page_images import (
    crop_around,
    line_around,
    part_of,
)
from digitocr.review.queue import (
    Filter,
    ReviewItem,
    ReviewQueue,
)

_RECENT = 100  # decisions that a page just opened can take back, one after the other
_PAUSE = 60.0  # seconds; who decides nothing for longer does something else meanwhile


class Conflict(Exception):
    """Somebody else, such as another tab, has decided about a number meanwhile."""


class ResultsWriter(Protocol):
    """What writes results anew as they are decided about."""

    @property
    def trouble(self) -> str:
        """Why they are behind the decisions, a sentence without full stop; "" if they aren't."""

    def changed(self, file: str) -> None:
        """Take note that something was decided about a file."""


class Session:
    """The numbers of a run and the decisions about them; safe to use from several threads."""

    def __init__(
        self,
        doubts: ReviewQueue,
        corrections: Corrections,
        stamps: Mapping[str, Stamp | None],
        result: Callable[[str], FileResult],
        written: ResultsWriter,
        audit: Audit | None = None,
    ) -> None:
        """Begin.

        Args:
            doubts: the numbers of the run.
            corrections: where decisions go.
            stamps: that files were read with, by name.
            result: returns what is known of a file with the decisions about it; raises
                InputUnreadable where its results are gone.
            written: is told each file about which something was decided, to write its results.
            audit: whose sample is looked at, in place of the doubtful numbers.
        """
        self.doubts, self.audit, self._corrections = doubts, audit, corrections
        self._stamps, self._result, self._written = stamps, result, written
        self._log: list[int] = []  # the number of each change, in order
        self._seconds, self._last = 0.0, 0.0  # spent, and when the last decision was made
        self._n_decisions = 0
        asked = audit.sample if audit else [one for one in doubts.entries if one.doubtful]
        self._asked = {entry.id for entry in asked}
        self._n_done = sum(entry.decision is not None for entry in asked)
        self._lock = RLock()

    def decide(self, number: int, version: int, text: str | None) -> ReviewItem:
        """Say what a number is; that is on the disk when this returns.

        Args:
            number: its place in the list of all.
            version: of what the caller has seen of it.
            text: what is there, None for no number.

        Raises:
            Conflict: it is not as the caller has seen it.
            OutputUnwritable: the decision can't be written.
            WrongUsage: the text is no number.
        """
        with self._lock:
            entry = self._unchanged(number, version)
            return self._write(entry, _checked(text))

    def undo(self, number: int, version: int) -> ReviewItem:
        """Take the decision about a number back; raises as `decide`."""
        with self._lock:
            entry = self._unchanged(number, version)
            if entry.decision is None:
                raise WrongUsage("nothing is decided about this number")
            return self._write(entry, entry.decision.number, undone=True)

    def recent(self) -> list[int]:
        """Return the numbers about which something was decided last, the last one at the end."""
        among = self.audit.sample if self.audit else self.doubts.entries
        with self._lock:
            decided = [(one.decision.time, one.id) for one in among if one.decision]
        return [number for _, number in reversed(heapq.nlargest(_RECENT, decided))]

    def add(self, file: str, page: int, box: Box, text: str | None) -> ReviewItem:
        """Add a number that was missed, in a box of page pixels; raises as `decide`.

        Drawn in a field of a form that was not read, or around a number, it is what is there.
        """
        with self._lock:
            if (file, page) not in self.doubts.shapes:
                raise WrongUsage("there is no such page")
            checked = _checked(text)
            if checked is None:
                raise WrongUsage("a number that was missed is one")
            entry = self.doubts.drawn(file, page, box)
            added = self._write(entry, checked, box if entry.read is None else None)
            if entry.line:
                return added
            with suppress(InputUnreadable):  # its place stays unknown
                entry.place(asdict(_number_at(box, page, self._result(file))))
            return replace(entry)

    def _unchanged(self, number: int, version: int) -> ReviewItem:
        entry = self.doubts[number]
        if entry.version != version:
            raise Conflict
        return entry

    def _write(
        self, entry: ReviewItem, text: str | None, box: Box | None = None, undone: bool = False
    ) -> ReviewItem:
        """Write a decision down, then take note of it.

        Another one is of the place that the one before was about, as is its being taken back: boxes
        move where files are read anew, and a number may be drawn in a part of a field.
        """
        place = entry.decision.box if entry.decision else box or entry.box
        decision = Correction(
            entry.file, entry.page, place, entry.read, text, self._stamps[entry.file], undone
        )
        kept = self._corrections.add(decision)
        before, entry.decision = entry.decision, None if undone else kept
        if entry.id in self._asked:
            self._n_done += (entry.decision is not None) - (before is not None)
        entry.version += 1
        self._log.append(entry.id)
        self._written.changed(entry.file)
        self._count_time(0 if undone else 1)
        return replace(entry)

    def _count_time(self, n_decisions: int) -> None:
        now = time.monotonic()
        if self._last:
            self._seconds += min(now - self._last, _PAUSE)
        self._last = now
        self._n_decisions += n_decisions

    def queue(self, wanted: Filter) -> list[int]:
        """Return which numbers are wanted, by their places in the list of all, in order.

        In an audit those of its sample that are left.
        """
        with self._lock:
            if self.audit:
                return [entry.id for entry in self.audit.sample if not entry.decision]
            return [entry.id for entry in self.doubts.queue(wanted)]

    def changes(self, since: int, most: int) -> tuple[list[int], int]:
        """Return what has changed in the session since its first `since` changes, at most so many.

        Returns:
            The numbers, and how many changes of the session they cover.
        """
        with self._lock:
            found = self._log[max(0, since) :][:most]
            return sorted(set(found)), max(0, since) + len(found)

    def progress(self) -> dict[str, Any]:
        """Return how far the review is: counts, and numbers an hour (None at first)."""
        with self._lock:
            speed = self._n_decisions / self._seconds * 3600 if self._seconds > 0 else None
            return {
                "asked": len(self._asked),
                "done": self._n_done,
                "decided": self._n_decisions,
                "hourly": speed and round(speed),
                "changes": len(self._log),
                "trouble": self._written.trouble,
            }


def _number_at(box: Box, page: int, result: FileResult) -> Number:
    """Return the number that was added at a place; raise InputUnreadable where there is none."""
    for found in result.pages:
        for number in found.numbers:
            if (found.page, number.box, number.read) == (page, box, None):
                return number
    raise InputUnreadable("its results don't have it")


def _checked(text: str | None) -> str | None:
    """Return a number as typed, if it is one."""
    if text is not None and not (isinstance(text, str) and is_number(text)):
        raise WrongUsage("a number has digits, and of other signs only . , : / - %")
    return text


def shown(entry: ReviewItem, doubts: ReviewQueue) -> dict[str, Any]:
    """Return what the page needs to know of a number, as JSON takes it."""
    shape = doubts.shapes[entry.file, entry.page]
    page = shape.upright
    turned, line = shape.turned(entry.box), line_around(shape, entry.box)
    crop = crop_around(shape, entry.box)
    return {
        "id": entry.id,
        "version": entry.version,
        "file": entry.file,
        "page": entry.page,
        "pageId": f"{doubts.files[entry.file]}/{entry.page}",
        "line": entry.line,
        "item": entry.item,
        "table": entry.table,
        "row": entry.row,
        "column": entry.column,
        "field": entry.field,
        "read": entry.read,
        "confidence": entry.confidence,
        "doubtful": entry.doubtful,
        "digits": [
            {"digit": one["digit"], "confidence": one["confidence"]} for one in doubts.digits(entry)
        ],
        "decided": entry.decision is not None,
        "number": entry.decision.number if entry.decision else None,
        "onPage": part_of(turned, Box(0, 0, page.width, page.height)),
        "onLine": part_of(turned, line),
        "pageSize": [page.width, page.height],
        "lineSize": [line.width, line.height],
        "cropSize": [crop.width, crop.height],
    }

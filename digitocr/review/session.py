"""A review while it goes on: what is decided about each number, safe before it is answered."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from threading import RLock
from typing import Protocol

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
from digitocr.review.queue import (
    Filter,
    ReviewItem,
    ReviewQueue,
)

_RECENT = 100  # decisions that a page just opened can take back, one after the other
_PAUSE = 60.0  # seconds; who decides nothing for longer does something else meanwhile


class Conflict(Exception):
    """Somebody else, such as another tab, has decided about a number meanwhile."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a review is."""

    asked: int  # numbers to look at
    done: int  # of these, those that are decided about
    decided: int  # decisions of this session
    hourly: int | None  # how many decisions an hour; None at first
    changes: int  # of this session, those taken back among them
    trouble: str  # as of the `ResultsWriter`


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
        queue: ReviewQueue,
        corrections: Corrections,
        stamps: Mapping[str, Stamp | None],
        result: Callable[[str], FileResult],
        writer: ResultsWriter,
        audit: Audit | None = None,
    ) -> None:
        """Begin.

        Args:
            queue: the numbers of the run.
            corrections: where decisions go.
            stamps: that files were read with, by name.
            result: returns what is known of a file with the decisions about it; raises
                InputUnreadable where its results are gone.
            writer: is told each file about which something was decided, to write its results.
            audit: whose sample is looked at, in place of the numbers for review.
        """
        self.queue, self.audit, self._corrections = queue, audit, corrections
        self._stamps, self._result, self._writer = stamps, result, writer
        self._log: list[int] = []  # the number of each change, in order
        self._seconds, self._last = 0.0, 0.0  # spent, and when the last decision was made
        self._n_decisions = 0
        asked = audit.sample if audit else [one for one in queue.items if one.for_review]
        self._asked = {item.id for item in asked}
        self._n_done = sum(item.decision is not None for item in asked)
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
            item = self._unchanged_item(number, version)
            return self._write(item, _checked_number(text))

    def undo(self, number: int, version: int) -> ReviewItem:
        """Take the decision about a number back; raises as `decide`."""
        with self._lock:
            item = self._unchanged_item(number, version)
            if item.decision is None:
                raise WrongUsage("nothing is decided about this number")
            return self._write(item, item.decision.number, undone=True)

    def recent(self) -> list[int]:
        """Return the numbers about which something was decided last, the last one at the end."""
        among = self.audit.sample if self.audit else self.queue.items
        with self._lock:
            decided = [(one.decision.time, one.id) for one in among if one.decision]
        return [number for _, number in reversed(heapq.nlargest(_RECENT, decided))]

    def add(self, file: str, page: int, box: Box, text: str | None) -> ReviewItem:
        """Add a number that was missed, in a box of page pixels; raises as `decide`.

        Drawn in a field of a form that was not read, or around a number, it is what is there.
        """
        with self._lock:
            if (file, page) not in self.queue.shapes:
                raise WrongUsage("there is no such page")
            checked = _checked_number(text)
            if checked is None:
                raise WrongUsage("a number that was missed is one")
            item = self.queue.drawn_item(file, page, box)
            added = self._write(item, checked, box if item.read is None else None)
            if item.line:
                return added
            with suppress(InputUnreadable):  # its place stays unknown
                item.take_place_of(_number_at(box, page, self._result(file)))
            return replace(item)

    def _unchanged_item(self, number: int, version: int) -> ReviewItem:
        item = self.queue[number]
        if item.version != version:
            raise Conflict
        return item

    def _write(
        self, item: ReviewItem, text: str | None, box: Box | None = None, undone: bool = False
    ) -> ReviewItem:
        """Write a decision down, then take note of it.

        Another one is of the place that the one before was about, as is its being taken back: boxes
        move where files are read anew, and a number may be drawn in a part of a field.
        """
        place = item.decision.box if item.decision else box or item.box
        decision = Correction(
            item.file, item.page, place, item.read, text, self._stamps[item.file], undone
        )
        kept = self._corrections.add(decision)
        before, item.decision = item.decision, None if undone else kept
        if item.id in self._asked:
            self._n_done += (item.decision is not None) - (before is not None)
        item.version += 1
        self._log.append(item.id)
        self._writer.changed(item.file)
        self._count_time(0 if undone else 1)
        return replace(item)

    def _count_time(self, n_decisions: int) -> None:
        now = time.monotonic()
        if self._last:
            self._seconds += min(now - self._last, _PAUSE)
        self._last = now
        self._n_decisions += n_decisions

    def wanted(self, chosen: Filter) -> list[int]:
        """Return which numbers are wanted, by their places in the list of all, in order.

        In an audit those of its sample that are left.
        """
        with self._lock:
            if self.audit:
                return [item.id for item in self.audit.sample if not item.decision]
            return [item.id for item in self.queue.wanted(chosen)]

    def changes(self, since: int, most: int) -> tuple[list[int], int]:
        """Return what has changed in the session since its first `since` changes, at most so many.

        Returns:
            The numbers, and how many changes of the session they cover.
        """
        with self._lock:
            found = self._log[max(0, since) :][:most]
            return sorted(set(found)), max(0, since) + len(found)

    def progress(self) -> Progress:
        """Return how far the review is."""
        with self._lock:
            speed = self._n_decisions / self._seconds * 3600 if self._seconds > 0 else None
            return Progress(
                asked=len(self._asked),
                done=self._n_done,
                decided=self._n_decisions,
                hourly=None if speed is None else round(speed),
                changes=len(self._log),
                trouble=self._writer.trouble,
            )


def _number_at(box: Box, page: int, result: FileResult) -> Number:
    """Return the number that was added at a place; raise InputUnreadable where there is none."""
    for found in result.pages:
        for number in found.numbers:
            if (found.page, number.box, number.read) == (page, box, None):
                return number
    raise InputUnreadable("its results don't have it")


def _checked_number(text: str | None) -> str | None:
    """Return a number as typed, if it is one."""
    if text is not None and not (isinstance(text, str) and is_number(text)):
        raise WrongUsage("a number has digits, and of other signs only . , : / - %")
    return text

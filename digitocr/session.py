"""A review while it goes on: what is decided about each number, safe before it is answered."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from threading import RLock
from typing import Any

from digitocr.corrections import Correction, Corrections, is_number
from digitocr.doubts import Doubts, Entry, Filter
from digitocr.errors import WrongUsage
from digitocr.journal import Stamp
from digitocr.pictures import crop_around, line_around, part_of
from digitocr.records import Box
from digitocr.sampled import Audit

_PAUSE = 60.0  # seconds; who decides nothing for longer does something else meanwhile


class Conflict(Exception):
    """Somebody else, such as another tab, has decided about a number meanwhile."""


class Session:
    """The numbers of a run and the decisions about them; safe to use from several threads."""

    def __init__(
        self,
        doubts: Doubts,
        corrections: Corrections,
        stamps: Mapping[str, Stamp | None],
        audit: Audit | None = None,
        changed: Callable[[str], None] = lambda _file: None,
    ) -> None:
        """Begin.

        Args:
            doubts: the numbers of the run.
            corrections: where decisions go.
            stamps: that files were read with, by name.
            audit: whose sample is looked at, in place of the doubtful numbers.
            changed: is told each file about which something was decided.
        """
        self.doubts, self.audit, self._corrections = doubts, audit, corrections
        self._stamps, self._changed = stamps, changed
        self._log: list[int] = []  # the number of each change, in order
        self._seconds, self._last = 0.0, 0.0  # spent, and when the last decision was made
        self._n_decisions = 0
        asked = audit.sample if audit else [one for one in doubts.entries if one.doubtful]
        self._asked = {entry.id for entry in asked}
        self._n_done = sum(entry.decision is not None for entry in asked)
        self._lock = RLock()

    def decide(self, number: int, version: int, text: str | None) -> Entry:
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

    def undo(self, number: int, version: int) -> Entry:
        """Take the decision about a number back; raises as `decide`."""
        with self._lock:
            entry = self._unchanged(number, version)
            if entry.decision is None:
                raise WrongUsage("nothing is decided about this number")
            return self._write(entry, entry.decision.number, undone=True)

    def add(self, file: str, page: int, box: Box, text: str | None) -> Entry:
        """Add a number that was missed, in a box of page pixels; raises as `decide`."""
        with self._lock:
            if (file, page) not in self.doubts.shapes:
                raise WrongUsage("there is no such page")
            checked = _checked(text)
            if checked is None:
                raise WrongUsage("a number that was missed is one")
            return self._write(self.doubts.add_missed(file, page, box, None), checked)

    def _unchanged(self, number: int, version: int) -> Entry:
        entry = self.doubts[number]
        if entry.version != version:
            raise Conflict
        return entry

    def _write(self, entry: Entry, text: str | None, undone: bool = False) -> Entry:
        """Write a decision down, then take note of it.

        One is taken back at the place it was about: boxes move where files are read anew.
        """
        place = entry.decision.box if undone and entry.decision else entry.box
        decision = Correction(
            entry.file, entry.page, place, entry.read, text, self._stamps[entry.file], undone
        )
        self._corrections.add(decision)
        before, entry.decision = entry.decision, None if undone else decision
        if entry.id in self._asked:
            self._n_done += (entry.decision is not None) - (before is not None)
        entry.version += 1
        self._log.append(entry.id)
        self._changed(entry.file)
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

    def changes(self, since: int) -> list[int]:
        """Return the numbers that were changed after the first `since` changes of the session."""
        with self._lock:
            return sorted(set(self._log[max(0, since) :]))

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
            }


def _checked(text: str | None) -> str | None:
    """Return a number as typed, if it is one."""
    if text is not None and not (isinstance(text, str) and is_number(text)):
        raise WrongUsage("a number has digits, and of other signs only . , : / - %")
    return text


def shown(entry: Entry, doubts: Doubts) -> dict[str, Any]:
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

"""A folder that fills: which files in it are complete."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from digitocr.core.source import (
    Source,
    Unread,
)
from digitocr.inputs.discover import find_sources
from digitocr.storage.object_store import Place

# A file whose size and time have been still for so many seconds is taken for complete. Scanners
# that write a page at a time pause between pages; what is taken too early is read again when it
# has grown.
STILL = 3.0
# Seconds from one look into the folder to the next: no sooner, and, because network shares and
# some user file systems tell nobody of their changes, no later.
_SOONEST, _LATEST = 1.0, 10.0
_SHARE = 10  # a look that took long is followed by so many times as long without one

_State = tuple[int, int] | str  # size and mtime in ns of a file, or why it can't be read


@dataclass(slots=True)
class _Sight:
    """A file in the folder, as it was seen last."""

    one: Source | Unread
    state: _State
    since: float  # when it was first seen so
    handed_out: bool = False


class Inbox:
    """A folder that fills, walked again and again."""

    def __init__(self, folder: Path, *apart: Place | None, follow: bool = False) -> None:
        """Begin; the folders `apart` are passed over where they lie in it.

        Links that lead out of it are followed where `follow` says so.
        """
        self.folder, self._apart, self._follow = folder, apart, follow
        self._sights: dict[Path | str, _Sight] = {}
        self._restless = True  # something may have changed since the last look
        self._soonest = self._latest = 0.0

    @property
    def unread(self) -> list[Unread]:
        """What is there and can't be read: broken links, folders that can't be listed, ..."""
        found = (sight.one for sight in self._sights.values() if sight.handed_out)
        return [one for one in found if isinstance(one, Unread)]

    def arrivals(self, changed: bool) -> list[Source | Unread]:
        """Return what is complete, in natural order, and each once only until it changes.

        Args:
            changed: something is known to have changed in the folder since the last call.
        """
        self._restless |= changed
        start = time.monotonic()
        if start < (self._soonest if self._restless else self._latest):
            return []
        self._look(start)
        waiting = [sight for sight in self._sights.values() if not sight.handed_out]
        complete = [sight for sight in waiting if start - sight.since >= STILL]
        for sight in complete:
            sight.handed_out = True
        self._restless = len(complete) < len(waiting)
        end = time.monotonic()
        self._soonest = end + max(_SOONEST, _SHARE * (end - start))
        self._latest = end + max(_LATEST, _SHARE * (end - start))
        return [sight.one for sight in complete]

    def _look(self, now: float) -> None:
        sights: dict[Path | str, _Sight] = {}
        # An absolute path is never taken for a glob or for stdin.
        inputs = [str(self.folder.absolute())]
        # Names stay as they are (`str`): what was read must not get another when more files come.
        for one in find_sources(inputs, *self._apart, follow=self._follow, key=str):
            key = _key(one)
            before, state = self._sights.get(key), _state(one)
            if before and before.state == state:
                sights[key] = before
            elif state is not None:
                sights[key] = _Sight(one, state, now)
        self._sights = sights

    def has(self, path: Path) -> bool:
        """Tell whether a file, by its absolute path, was there at the last look."""
        return path in self._sights

    def forget(self, path: Path) -> None:
        """Take it that a file has gone."""
        self._sights.pop(path, None)

    def as_it_was(self, source: Source) -> bool:
        """Tell whether a file is there, and the same as when it was complete."""
        sight = self._sights.get(_key(source))
        return sight is not None and sight.state == _state(source)


def _key(one: Source | Unread) -> Path | str:
    return one.file if isinstance(one, Unread) else one.path or one.name


def _state(one: Source | Unread) -> _State | None:
    """Return what changes with a file, None where it is gone."""
    if isinstance(one, Unread):
        return one.error
    return size_and_time(one.path) if one.path else None


def size_and_time(path: Path) -> tuple[int, int] | None:
    """Return a file's size and the time of its last change in ns, None where it is gone."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns

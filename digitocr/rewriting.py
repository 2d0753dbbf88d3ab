"""Results kept up to date with decisions while these are made: a file's soon, the views in turn."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event, Lock, Thread

from digitocr.checking import Checking
from digitocr.errors import DigitocrError

_PAUSE = 0.5  # seconds that a file's results wait at the least: decisions come one after the other
# The views are written anew no sooner than after so many seconds, and after so many times what
# writing them took: with 100,000 files that is minutes.
_VIEWS, _VIEWS_SHARE = 5.0, 10


class Rewriting:
    """A thread that writes results anew; while it runs, the folder's journal is its own."""

    def __init__(self, checking: Checking, besides: Callable[[], None], stale: bool) -> None:
        """Begin.

        Args:
            checking: the results folder.
            besides: writes what else depends on decisions, before the views.
            stale: the views are behind the decisions.
        """
        self.trouble = ""  # why something could not be written the last time, a sentence
        self._checking, self._besides = checking, besides
        self._files: dict[str, None] = {}  # in the order of the decisions
        self._stale, self._views_at = stale, 0.0
        self._lock, self._stop = Lock(), Event()
        self._thread = Thread(target=self._run, daemon=True)

    def __enter__(self) -> Rewriting:
        self._thread.start()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """Write what is left."""
        self._stop.set()
        self._thread.join()
        self._views_at = 0.0
        self._write()

    def changed(self, file: str) -> None:
        """Take note that something was decided about a file; to be called from any thread."""
        with self._lock:
            self._files[file] = None

    def _run(self) -> None:
        while not self._stop.wait(_PAUSE):
            self._write()

    def _write(self) -> None:
        """Write what has changed; what can't be written is tried again."""
        with self._lock:
            files, self._files = self._files, {}
        self._stale = self._stale or bool(files)
        try:
            for file in files:
                self._checking.rewrite(file)
            if self._stale and time.monotonic() >= self._views_at:
                self._write_views()
        except DigitocrError as error:
            with self._lock:
                self._files = files | self._files
            self.trouble = str(error)
        else:
            self.trouble = ""

    def _write_views(self) -> None:
        start = time.monotonic()
        self._besides()
        self._checking.write_views()
        end = time.monotonic()
        self._stale, self._views_at = False, end + max(_VIEWS, _VIEWS_SHARE * (end - start))

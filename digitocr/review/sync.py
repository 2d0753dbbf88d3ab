"""Results kept up to date with decisions: a file's soon, those of the whole run in turn."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from threading import Event, Lock, Thread

from digitocr.core.errors import DigitocrError
from digitocr.review.workspace import Workspace

_PAUSE = 0.5  # seconds that a file's results wait at the least: decisions come one after the other
# Combined files are written anew no sooner than after so many seconds, and after so many times what
# writing them took: with 100,000 files that is minutes.
_COMBINED_PAUSE, _COMBINED_SHARE = 5.0, 10


class ResultsSync:
    """A thread that writes results anew; while it runs, the folder's journal is its own."""

    def __init__(
        self,
        workspace: Workspace,
        write_audit: Callable[[], None],
        stale: bool,
        say: Callable[[str], None],
    ) -> None:
        """Begin.

        Args:
            workspace: the results folder.
            write_audit: writes what else depends on decisions, before the combined files.
            stale: the combined files are behind the decisions.
            say: is given a sentence when results can't be written, and when they are again.
        """
        self._workspace, self._write_audit, self._say = workspace, write_audit, say
        self._files: dict[str, None] = {}  # in the order of the decisions
        self._stale, self._combined_at = stale, 0.0
        self._files_trouble = self._combined_trouble = (
            ""  # why they could not be written the last time
        )
        self._lock, self._stop = Lock(), Event()
        self._thread = Thread(target=self._run, daemon=True)

    def __enter__(self) -> ResultsSync:
        self._thread.start()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """Write what is left."""
        self._stop.set()
        self._thread.join()
        self._combined_at = 0.0
        self._write()

    @property
    def trouble(self) -> str:
        """Why results are behind the decisions, a sentence without full stop; "" if they aren't."""
        why = self._files_trouble or self._combined_trouble
        return f"results don't show the last decisions: {why}" if why else ""

    def changed(self, file: str) -> None:
        """Take note that something was decided about a file; to be called from any thread."""
        with self._lock:
            self._files[file] = None

    def _run(self) -> None:
        while not self._stop.wait(_PAUSE):
            before = self.trouble
            self._write()
            if self.trouble and not before:
                self._say(f"warning: {self.trouble}. No decision is lost; writing is tried again.")
            elif before and not self.trouble:
                self._say("Results show all decisions again.")

    def _write(self) -> None:
        """Write what has changed; what can't be written keeps nothing else back."""
        with self._lock:
            files, self._files = self._files, {}
        self._stale = self._stale or bool(files)
        troubles = {file: _failure(partial(self._workspace.rewrite, file)) for file in files}
        for file in filter(troubles.get, files):
            self.changed(file)  # it is tried again
        self._files_trouble = next(filter(None, troubles.values()), "")
        if self._stale and time.monotonic() >= self._combined_at:
            start = time.monotonic()
            self._combined_trouble = _failure(self._write_combined)
            end = time.monotonic()
            self._stale = bool(self._combined_trouble)
            self._combined_at = end + max(_COMBINED_PAUSE, _COMBINED_SHARE * (end - start))

    def _write_combined(self) -> None:
        self._write_audit()
        self._workspace.write_combined()


def _failure(write: Callable[[], object]) -> str:
    """Write something; return why that could not be done, "" where it could."""
    try:
        write()
    except DigitocrError as error:
        return str(error).rstrip(".")
    except Exception as error:  # a bug: the thread goes on, and whoever reviews is told
        return f"unexpected {type(error).__name__}: {error}"
    return ""

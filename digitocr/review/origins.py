"""Where the inputs of results are now, as far as they are what they were when they were read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from digitocr.core.errors import InputUnreadable
from digitocr.core.source import Source
from digitocr.results.journal import Done


def finder(read: Iterable[Done], inputs: Path | None) -> Callable[[str], Source]:
    """Return what finds the input of a name, or raises InputUnreadable, saying what to do.

    Args:
        read: how the reading of each input ended.
        inputs: the folder that they are in now; None: they are where they were read.
    """
    places = {done.file: (done.path, done.stamp) for done in read}

    def find(name: str) -> Source:
        known, stamp = places[name]
        path = inputs / name if inputs else Path(known)
        if not (inputs or known):
            raise InputUnreadable(
                f"the results don't say where {name} is: end the review, and name the folder that"
                " the inputs are in with --inputs"
            )
        try:
            now = path.stat()
        except OSError as error:
            raise InputUnreadable(
                f"{path} is not there any more: end the review, and name the folder that the inputs"
                " are in now with --inputs"
            ) from error
        if stamp and (now.st_size, now.st_mtime_ns) != (stamp.size, stamp.mtime_ns):
            raise InputUnreadable(f"{path} has changed since it was read: scan it again")
        return Source(name, path)

    return find

"""The same command again: which files an earlier run has done, and why others are read again."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from digitocr.core.errors import InputUnreadable, counted
from digitocr.core.source import Source
from digitocr.results.corrections import (
    Correction,
    decisions_digest,
    valid_corrections,
)
from digitocr.results.journal import (
    Done,
    Journal,
    Stamp,
)
from digitocr.storage.atomic import path_inside
from digitocr.storage.object_store import (
    Place,
    StorePath,
)


class Left(NamedTuple):
    """What is left to do."""

    sources: list[Source]
    notes: list[str]  # sentences, without full stop, about what is read again


def left_to_do(
    sources: Sequence[Source],
    journal: Journal,
    folder: Place,
    stamp_of: Callable[[Source], Stamp | None],
    decisions_of: Callable[[str], Sequence[Correction]],
) -> Left:
    """Return what is to be read of all files; the journal forgets these.

    Args:
        sources: the files.
        journal: of the earlier runs.
        folder: of the results.
        stamp_of: tells what the results of a file depend on now.
        decisions_of: tells what a person decided about the numbers of a file, by its name.
    """
    left, reasons, present = list[Source](), Counter[str](), PresentResults(folder)
    for source in sources:
        done = journal[source.name]
        reason: str | None = ""
        if done is not None:
            now = stamp_of(source)
            reason = why_again(
                present, done, now, valid_corrections(decisions_of(source.name), now)
            )
        if reason is not None:
            journal.forget(source.name)
            left.append(source)
            reasons.update([reason] if reason else [])
    return Left(
        left, [f"read again because {why}: {counted(n, 'file')}" for why, n in reasons.items()]
    )


def why_again(
    present: PresentResults,
    done: Done,
    now: Stamp | None,
    decisions: Sequence[Correction] = (),
) -> str | None:
    """Return why an input that was done is to be read again, None where it is not.

    "" for what needs no word: it failed, or can't be reached now.

    Args:
        present: the results that are there.
        done: how it ended.
        now: what its results depend on now.
        decisions: of a person about its numbers, which hold now.
    """
    if done.error is not None or now is None or done.stamp is None:
        return ""
    if done.stamp.settings != now.settings:
        return "settings have changed"
    if done.stamp.model != now.model:
        return "the model has changed"
    if done.stamp != now:
        return "inputs have changed"
    if done.decided != decisions_digest(decisions):
        return "corrections are not in their results"
    if not all(present.has(name, size) for name, size in done.written.items()):
        return "results are gone"
    return None


class PresentResults:
    """The results that are there when it is made, or soon after: each folder is listed once."""

    def __init__(self, folder: Place) -> None:
        """Begin; nothing is listed yet."""
        self._folder, self._sizes = folder, dict[str, dict[str, int]]()

    def has(self, name: str, size: int) -> bool:
        """Tell whether a result is there, as it was written: no link, and through none."""
        if isinstance(self._folder, StorePath):
            return True  # to ask for each would take as long as to read many of them
        parent, _, file = name.rpartition("/")
        if parent not in self._sizes:
            self._sizes[parent] = _sizes_in(self._folder, f"{parent}/" if parent else "")
        return self._sizes[parent].get(file) == size


def _sizes_in(folder: Path, parent: str) -> dict[str, int]:
    """Return the sizes of the files in a folder of the results, none through a link out of it."""
    sizes = dict[str, int]()
    with (
        suppress(OSError, InputUnreadable),
        os.scandir(path_inside(folder, f"{parent}file").parent) as listing,
    ):
        for entry in listing:
            with suppress(FileNotFoundError):  # what is written meanwhile gets another name
                if entry.is_file(follow_symlinks=False):
                    sizes[entry.name] = entry.stat(follow_symlinks=False).st_size
    return sizes

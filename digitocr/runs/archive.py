"""The folder that files are moved into when they have been read; nothing is ever overwritten."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path, PurePosixPath

from digitocr.core.errors import InputUnreadable
from digitocr.core.source import Source
from digitocr.results.file_results import remove_unfinished
from digitocr.results.journal import Journal
from digitocr.runs.inbox import (
    Inbox,
    size_and_time,
)
from digitocr.storage import atomic
from digitocr.storage.atomic import sync_folder


class Archive:
    """Where files go from an inbox, each by a name that no other one has had.

    Scanners that count from 1 again drop other pages under names that were there before. These
    must replace neither the files that were moved nor, wherever those are by now, their results.
    """

    def __init__(
        self, folder: Path, inbox: Inbox, journal: Journal, warn: Callable[[str], None]
    ) -> None:
        """Begin; `journal` knows the names of what was read, `warn` is given sentences."""
        remove_unfinished(folder, journal.names())  # what a killed run was copying
        self._folder, self._inbox, self._journal, self._warn = folder, inbox, journal, warn
        self._names: dict[Path, str] = {}  # of files that are not moved yet

    def named(self, source: Source) -> Source:
        """Return a file by the name that it will have here; the same until it is moved."""
        if source.path is None:
            return source
        if source.path not in self._names:
            names = _other_names(source.name)
            name = next(name for name in names if self._is_free(name, source.path))
            self._names[source.path] = name
            if name != source.name:
                self._warn(f"{source.name}: is {name} from now on: another file had its name")
        return replace(source, name=self._names[source.path])

    def _is_free(self, name: str, path: Path) -> bool:
        """Tell whether no other file has a name: here, in the inbox or in the journal."""
        at_home, here = (self._inbox.folder / name).absolute(), self._folder / name
        if name in self._names.values() or (path != at_home and self._inbox.has(at_home)):
            return False
        now, done = size_and_time(path), self._journal[name]
        if done is None or done.error is not None or done.stamp is None:
            return not os.path.lexists(here)
        if (done.stamp.size, done.stamp.mtime_ns) != now:
            return False
        return not os.path.lexists(here) or size_and_time(here) == now  # it was being moved

    def put_away(self, source: Source) -> None:
        """Move a file that was read, unless it has changed since; a link stays where it is."""
        path = source.path
        if path is None or path.is_symlink() or not self._inbox.as_it_was(source):
            return
        try:
            _move(path, atomic.path_inside(self._folder, source.name))
        except OSError as error:
            self._warn(f"{path}: can't be moved to {self._folder}: {error.strerror}")
        except InputUnreadable:
            self._warn(f"{path}: can't be moved to {self._folder}: a link there leads elsewhere")
        else:
            self._names.pop(path, None)
            self._inbox.forget(path)


def _other_names(name: str) -> Iterator[str]:
    """Yield a file's name, then those to take where another file has it: a-2.png, a-3.png, ..."""
    path = PurePosixPath(name)
    yield name
    for number in count(2):
        yield str(path.with_name(f"{path.stem}-{number}{path.suffix}"))


def _move(path: Path, target: Path) -> None:
    """Move a file, onto another file system too; its folder is made.

    Raises:
        OSError: it can't be moved, and is untouched; FileExistsError where the target is there.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if not os.path.lexists(target):
        try:
            os.link(path, target)  # unlike a renamed file, a link replaces nothing
        except FileExistsError:
            raise
        except OSError:  # another file system, or one without links
            _copy(path, target)
    elif size_and_time(target) != size_and_time(path):  # else it was moved when that was stopped
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    try:
        sync_folder(target.parent)
        path.unlink(missing_ok=True)
    except OSError:
        target.unlink()
        raise


def _copy(path: Path, target: Path) -> None:
    with path.open("rb") as content:
        atomic.write(target, atomic.file_pieces(content))
    with suppress(OSError):  # not every file system keeps times
        shutil.copystat(path, target)

"""The journal of a results folder: a line for each file that is finished, and how it ended.

It is what a run goes on from, and what the combined files are made of. A line is written
when the file's results are safe on the disk; of several for a file the last holds.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from digitocr.core.document import (
    INK_WITHOUT_NUMBERS,
    FieldResult,
    FileResult,
    Number,
    PageResult,
)
from digitocr.core.errors import OutputUnwritable
from digitocr.storage.atomic import (
    sync_file,
    sync_folder,
)

NAME = "journal.jsonl"
PAUSE = 0.5  # seconds that finished files may wait for their lines: so much is lost at the most
_BEGIN = b'{"file":'  # of every line
_DECODER = json.JSONDecoder()
_BLOCK = 65536  # bytes read at a time to find the last line
_AT_ONCE = 32  # files that are synced at a time
_LOCKED_AT = 2**31 - 2  # bytes; far behind the last line, because Windows bars what is locked
# Some network and user file systems have no locks: there two runs at a time can't be told.
_NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL}


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a result depends on: it holds as long as this is the same."""

    size: int  # of the input, bytes
    mtime_ns: int
    settings: str  # a hash of the settings, and of the files that they name
    model: str  # of the weights file, SHA-256
    version: str = ""  # of what has a URL, its ETag

    def same_input(self, other: Stamp) -> bool:
        """Tell whether the input is the same, whatever it was read with."""
        return (self.size, self.mtime_ns, self.version) == (
            *(other.size, other.mtime_ns, other.version),
        )


@dataclass(frozen=True, slots=True)
class Done:
    """How the work on one input ended."""

    file: str
    stamp: Stamp | None = None  # None for what has none, such as stdin: it is read each time
    path: str = ""  # where the input was, absolute; "" for what is no file of this machine
    error: str | None = None  # None: read and written
    advice: str = ""  # what to do about the error, a sentence
    misfits: tuple[str, ...] = ()  # why pages of it were not read, though others were
    lacks_extra: bool = False  # a package that reads this kind of file is not installed
    n_pages: int = 0
    n_numbers: int = 0
    n_review: int = 0
    n_checked: int = 0  # of them, those that a person has decided about
    n_silent: int = 0  # pages that hold ink of which no number was read
    decided: str = (
        ""  # what tells which decisions are in its results (`corrections.decisions_digest`)
    )
    least: float | None = None  # the lowest confidence of its numbers
    seconds: float = 0.0
    written: dict[str, int] = field(default_factory=dict)  # path in the folder → bytes
    trace: str = ""  # where a bug was met; not in the journal


class Journal:
    """The journal of a folder, which is this run's alone while it is open."""

    pause = PAUSE

    def __init__(
        self, folder: Path, names: Iterable[str] | None = None, restart: bool = False
    ) -> None:
        """Open the journal, or begin it.

        Args:
            folder: of the results; it is there.
            names: of the inputs; lines of others are kept, and passed over. None: of all in it.
            restart: forget what is in it.

        Raises:
            OutputUnwritable: it can't be written, or another run is writing in the folder.
        """
        self._folder, self._path = folder, folder / NAME
        self._waiting: list[Done] = []
        self._since = 0.0  # when the first of them ended
        # Where each file's last line begins.
        self._places = dict.fromkeys(names or (), -1)
        try:
            if self._path.is_symlink():  # nothing is written through links
                self._path.unlink()
            with ExitStack() as opened:
                self._file: BinaryIO = self._path.open("a+b", buffering=0)
                opened.callback(self._file.close)
                _lock(self._file, folder)
                self._file.truncate(0 if restart else _whole_lines_size(self._file))
                self._lines = opened.enter_context(self._path.open("rb"))
                self._find_places(every=names is None)
                opened.pop_all()  # nothing went wrong: they stay open
        except OSError as error:
            raise OutputUnwritable.because(self._path, error) from error

    def _find_places(self, every: bool) -> None:
        place = 0
        for line in self._lines:
            name = _named_in(line)
            if name in self._places or (every and name is not None and _is_name(name)):
                self._places[name] = place
            place += len(line)

    def __getitem__(self, name: str) -> Done | None:
        """Return how the work on an input ended, None where it has not."""
        place = self._places.get(name, -1)
        if place < 0:
            return None
        self._lines.seek(place)
        return _from_line(self._lines.readline())

    def __contains__(self, name: str) -> bool:
        """Tell whether the work on an input has ended."""
        return self._places.get(name, -1) >= 0

    def names(self) -> list[str]:
        """Return the inputs on which the work has ended."""
        return [name for name, place in self._places.items() if place >= 0]

    @property
    def n_open(self) -> int:
        """How many inputs have no line, so that they are yet to be read."""
        return sum(place < 0 for place in self._places.values())

    def forget(self, name: str) -> None:
        """Take it that an input is yet to be read."""
        self._places[name] = -1

    def add(self, done: Done) -> None:
        """Note how an input ended; its line follows within a moment (`keep_up`).

        Raises:
            OutputUnwritable: as `flush`, where lines have waited long enough.
        """
        self._since = self._since or time.monotonic()
        self._waiting.append(done)
        self.keep_up()

    def keep_up(self) -> None:
        """Write the lines that have waited long enough: many at once, for the disk's sake.

        Raises:
            OutputUnwritable: as `flush`.
        """
        if self._waiting and time.monotonic() - self._since >= self.pause:
            self.flush()

    def flush(self) -> None:
        """Write the lines of all that is finished, when its results are safe.

        Raises:
            OutputUnwritable: they can't be written, or the folder is no more what it was.
        """
        try:
            check_there(self._path, self._file)
            if not self._waiting:
                return
            self._sync(self._waiting)
            lines = [_line_of(done) for done in self._waiting]
            place = append(self._file, b"".join(lines))
        except OSError as error:
            raise OutputUnwritable.because(self._path, error) from error
        for done, line in zip(self._waiting, lines, strict=True):
            self._places[done.file] = place
            place += len(line)
        self._waiting, self._since = [], 0.0

    def _sync(self, finished: Iterable[Done]) -> None:
        """Make results safe before the lines that say that they are."""
        _sync_results(self._folder, finished)

    def close(self) -> None:
        """Write what waits, and let other runs have the folder."""
        try:
            self.flush()
        finally:
            self._lines.close()
            self._file.close()


def is_ours(folder: Path) -> bool:
    """Tell whether a folder has a journal, even one in which there is nothing yet."""
    path = folder / NAME
    try:
        if path.is_symlink():
            return False
        with path.open("rb") as file:
            lines = iter(partial(file.readline, _BLOCK), b"")
            return path.stat().st_size == 0 or any(line.startswith(_BEGIN) for line in lines)
    except OSError:
        return False


def ended(folder: Path) -> list[Done]:
    """Return how work on each file in a folder's journal ended, by name; nobody is kept out.

    Raises:
        OSError: there is none that can be read.
    """
    with (folder / NAME).open("rb") as lines:
        found = {done.file: done for line in lines if (done := _from_line(line))}
    return [found[name] for name in sorted(found)]


def _line_of(done: Done) -> bytes:
    entry = _fields(done)
    del entry["trace"]
    entry["stamp"] = done.stamp and _fields(done.stamp)
    entry["time"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return json.dumps(entry, separators=(",", ":")).encode() + b"\n"


def _fields(one: Done | Stamp) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__slots__}


def _named_in(line: bytes) -> str | None:
    """Return which file a line is about, None where it is of another kind.

    Of a hundred thousand lines, to read all that they say takes seconds.
    """
    try:
        found = line.startswith(_BEGIN) and _DECODER.raw_decode(line.decode(), len(_BEGIN))[0]
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, str) else None


def _is_name(name: str) -> bool:
    """Tell whether a text may be the name of an input: a path within a folder."""
    try:
        parts = os.fsencode(name).split(b"/")
    except UnicodeEncodeError:
        return False
    return b"\0" not in b"".join(parts) and {b"", b".", b".."}.isdisjoint(parts)


def _from_line(line: bytes) -> Done | None:
    """Return what a line says, None where it is torn or of another kind."""
    try:
        entry, end = _DECODER.raw_decode(text := line.decode())  # `loads` takes half as long again
        if text[end:] != "\n":
            return None
        del entry["time"]
        stamp, misfits = entry.pop("stamp"), tuple(entry.pop("misfits"))
        done = Done(stamp=Stamp(**stamp) if stamp else None, misfits=misfits, **entry)
        return done if _is_sound(done) else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _is_sound(done: Done) -> bool:
    """Tell whether what a line says is of the kinds that it should be.

    Raises:
        TypeError, ValueError: it is not.
    """
    texts = (done.file, done.path, done.error or "", done.advice, done.decided, *done.misfits)
    texts += tuple(done.written)
    counts = [done.n_pages, done.n_numbers, done.n_review, done.n_checked, done.n_silent]
    counts += done.written.values()
    numbers = (done.seconds, done.least or 0.0)
    os.fsencode("".join(texts))  # JSON may have texts that no file has
    sound = {*map(type, texts)} == {str} and {*map(type, counts)} == {int}
    return sound and {*map(type, numbers)} <= {int, float} and type(done.lacks_extra) is bool


def check_there(path: Path, file: BinaryIO) -> None:
    """Raise OSError where a file that is open is no more the one of that path."""
    if not os.path.samestat(path.stat(), os.fstat(file.fileno())):
        raise FileNotFoundError(errno.ENOENT, "the folder was taken away")


def append(file: BinaryIO, lines: bytes) -> int:
    """Add lines to a file, which are safe on return; return where they begin.

    What an attempt before this left torn at its end is cut off.

    Args:
        file: open to be read and added to, without a buffer.
        lines: each with its end.

    Raises:
        OSError: they can't be written, or only in part.
    """
    place = _whole_lines_size(file)
    file.truncate(place)
    _write_whole(file, lines)
    os.fsync(file.fileno())
    return place


def _whole_lines_size(file: BinaryIO) -> int:
    """Return how many bytes of a file are whole lines."""
    size = file.seek(0, os.SEEK_END)
    for end in range(size, 0, -_BLOCK):
        start = max(0, end - _BLOCK)
        file.seek(start)
        found = file.read(end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
    return 0


def _write_whole(file: BinaryIO, data: bytes) -> None:
    """Write all of it; a raw file may take less than it is given."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def _sync_results(top: Path, finished: Iterable[Done]) -> None:
    """Make results safe, then their names: those in each folder, and those of the folders.

    Many files at a time, which a file system takes to the disk together.
    """
    names = {name for done in finished for name in done.written}
    folders = {path for name in names for path in PurePosixPath(name).parents}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for _ in pool.map(sync_file, (top / name for name in names)):
            pass  # an error of one is raised here
    for path in folders:
        sync_folder(top / path)


def _lock(file: BinaryIO, folder: Path) -> None:
    """Take a file for this process alone, until it is closed or the process ends, however.

    Raises:
        OutputUnwritable: another process has it.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(_LOCKED_AT)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        raise OutputUnwritable(
            f"{folder}: another run is writing there",
            "Wait for its end, close a review of it, or choose another folder with Run.output.",
        ) from None
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise


def with_counts(done: Done, result: FileResult) -> Done:
    """Return how the work on a file ended, with the counts of what is known of it."""
    numbers = result.numbers
    statuses = [one.status for page in result.pages for one in _judged_numbers(page)]
    return replace(
        done,
        misfits=tuple(page.error for page in result.pages if page.error),
        n_pages=len(result.pages),
        n_numbers=len(numbers),
        n_review=statuses.count("review"),
        n_checked=statuses.count("checked"),
        n_silent=sum(map(_is_silent, result.pages)),
        least=min((number.confidence for number in numbers), default=None),
    )


def _judged_numbers(page: PageResult) -> Sequence[Number | FieldResult]:
    """Return what of a page may be for review or checked: numbers, of a form its fields."""
    return page.fields or [number for number in page.numbers if number.text]


def _is_silent(page: PageResult) -> bool:
    """Tell whether a page holds ink of which neither reader nor person gave a number."""
    return INK_WITHOUT_NUMBERS in page.notes and not any(one.text for one in page.numbers)

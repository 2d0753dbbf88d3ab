"""The journal of results in an object store, so that any machine can go on with them.

Nothing can be added to an object. New lines are put as objects of their own, numbered on, and made
one again when a run ends. A number is put only where it is not there yet: of two runs at once, one
finds its next number taken, and stops. So no lock is left behind by a run that is killed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from digitocr.core.errors import OutputUnwritable
from digitocr.inputs.discover import COMBINED_FILES
from digitocr.results.guard import refuse
from digitocr.results.journal import (
    NAME,
    Done,
    Journal,
)
from digitocr.storage.atomic import file_pieces
from digitocr.storage.object_store import (
    StorePath,
    contents,
)
from digitocr.storage.places import unwritable, write_file

_PART = re.compile(r"journal\.(\d{9})\.jsonl")


class StoreJournal(Journal):
    """The journal of a place in a store: a file here while it is open, its lines copied there.

    The run that began last goes on: its first number, with no lines, is put at once.
    """

    pause = 5.0  # seconds, as each part is a request

    def __init__(self, store: StorePath, names: Iterable[str], restart: bool = False) -> None:
        """Fetch the journal, or begin it.

        Args:
            store: where results are.
            names: of the inputs; lines of others are kept, and passed over.
            restart: forget what is in it.

        Raises:
            OutputUnwritable: it can't be reached or written, or there are combined files that no
                journal speaks of.
        """
        self._store = store
        self._here = TemporaryDirectory()
        self._whole = Path(self._here.name) / NAME
        try:
            earlier = self._fetch()
        except OSError as error:
            sentence = f"{store}/{NAME}: can't be read: {error.strerror}"
            raise OutputUnwritable(sentence) from error
        if not earlier:
            refuse(store, (name for name in COMBINED_FILES if (store / name).exists()))
        super().__init__(Path(self._here.name), names, restart)
        self._copied = self._file.seek(0, os.SEEK_END)  # bytes
        self._last = max(map(_number, earlier), default=0)
        self._parts = [name for name in earlier if name != NAME]
        self._mine = True
        try:
            self._put(b"%s\n" % os.urandom(8).hex().encode())  # no line of a file's
            self._remove(earlier if restart else ())
        except OutputUnwritable:
            self._mine = False
            with suppress(OutputUnwritable):
                self.close()
            raise

    def _fetch(self) -> list[str]:
        """Fetch what there is; return the names of its objects, in order."""
        found = [str(path).rpartition("/")[2] for path in (self._store / "journal.").beginning()]
        names = [name for name in found if name == NAME or _PART.fullmatch(name)]
        names.sort(key=_number)
        with self._whole.open("wb") as file:
            file.writelines(contents(self._store, names))
        return names

    def _sync(self, finished: Iterable[Done]) -> None:
        """Do nothing: what a store has taken is safe."""

    def flush(self) -> None:
        """Put the lines of all that is finished.

        Raises:
            OutputUnwritable: they can't be put, or another run is at work there.
        """
        super().flush()
        with self._whole.open("rb") as file:
            file.seek(self._copied)
            new = file.read()
        if new or not self._mine:
            self._put(new)
            self._copied += len(new)

    def _put(self, lines: bytes) -> None:
        part = f"journal.{self._last + 1:09}.jsonl"
        try:
            if self._mine:
                (self._store / part).write(lines, new=True)
        except FileExistsError:
            self._mine = self._is_there(part, lines)  # put by an attempt whose answer was lost
        except OSError as error:
            sentence = f"{self._store / part}: can't be written: {error.strerror}"
            raise OutputUnwritable(sentence) from error
        if not self._mine:
            raise OutputUnwritable(
                f"{self._store}: another run is writing there",
                "Wait for its end, or choose another folder with Run.output.",
            )
        self._last += 1
        self._parts.append(part)

    def _is_there(self, part: str, lines: bytes) -> bool:
        try:
            return (self._store / part).read_bytes() == lines
        except OSError:
            return False

    def close(self) -> None:
        """Put what waits, make the journal one object, and remove its parts."""
        with self._here:
            super().close()
            write_file(self._store / NAME, self._content())
            self._remove(self._parts)

    def _remove(self, names: Iterable[str]) -> None:
        for name in names:
            with unwritable(self._store / name):
                (self._store / name).unlink()

    def _content(self) -> Iterator[bytes]:
        with self._whole.open("rb") as file:
            yield from file_pieces(file)


def _number(name: str) -> int:
    """Return the number of a part, 0 of the journal that earlier parts were made one in."""
    found = _PART.fullmatch(name)
    return int(found[1]) if found else 0

"""What a person decided about numbers in a results folder: the file that it is kept in.

Decisions are added to `corrections.jsonl`, a line each, and none is ever changed there: of several
about one place the last holds. Results are made of the reading and of these (`apply_corrections`),
so that a page that is read again keeps them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import BinaryIO

import numpy as np

from digitocr.core.errors import OutputUnwritable
from digitocr.core.geometry import Box
from digitocr.core.source import utf8_name
from digitocr.results.journal import (
    Journal,
    Stamp,
    append,
    check_there,
)
from digitocr.results.matching import (
    same_place,
)
from digitocr.storage.atomic import sync_folder

NAME = "corrections.jsonl"
# What a number may be, as on paper: the signs are those that readings have.
_NUMBER = re.compile(r"(?=.*[0-9])[0-9.,:/%-]{1,100}")
_MOST_PIXELS = 10**9  # of a box, from the page's edge


@dataclass(frozen=True, slots=True)
class Correction:
    """What a person decided about one place on a page: that is file, page and box.

    Raises:
        ValueError: when it is made of what makes no sense.
    """

    file: str  # as in results
    page: int  # from 1
    box: Box  # of the number as read, or as drawn; page pixels
    read: str | None  # what was read there; None: a number that was missed
    number: str | None  # what is there; None: no number
    stamp: Stamp | None  # of the input as it was read; None where that has none: it never counts
    undone: bool = False  # takes the decision about this place back
    time: str = ""  # UTC, ISO 8601

    def __post_init__(self) -> None:
        """Hold what comes from a file, or from a browser, to what it must be."""
        sides = self.box.sides
        if not all(type(side) is int and abs(side) < _MOST_PIXELS for side in sides):
            raise ValueError(f"{self.box}: is no box in pixels")
        if min(sides[2:]) < 1 or type(self.page) is not int or self.page < 1:
            raise ValueError(f"{self.box} on page {self.page}: is no place")
        if self.number is not None and not is_number(self.number):
            raise ValueError(f"{self.number!r}: is no number")
        if not (self.read is None or isinstance(self.read, str)) or not utf8_name(self.file):
            raise ValueError(f"{self.file!r}, {self.read!r}: is no name, or no text")
        if type(self.undone) is not bool or not isinstance(self.time, str):
            raise ValueError(f"{self.undone!r}, {self.time!r}: says not whether or when")


def is_number(text: str) -> bool:
    """Tell whether a text is a number as it may stand on paper: digits, and signs in numbers."""
    return bool(_NUMBER.fullmatch(text))


class Corrections:
    """The decisions about a results folder's numbers, as far as they are not undone."""

    def __init__(self, folder: Path, journal: Journal | None = None) -> None:
        """Read the file, if there is one; lines that are torn or foreign are passed over.

        Args:
            folder: of the results.
            journal: of the folder, where the caller has it open. Without it the first decision
                that is added opens it, because it keeps others from writing there meanwhile.

        Raises:
            OutputUnwritable: the file can't be read.
        """
        self._folder, self._path = folder, folder / NAME
        self._journal, self._opened_here = journal, False
        self._file: BinaryIO | None = None
        self._of: dict[str, dict[tuple[int, Box], Correction]] = {}
        try:
            if self._path.is_file():
                with self._path.open("rb") as lines:
                    for line in lines:
                        self._take(_from_line(line))
        except OSError as error:
            raise OutputUnwritable(f"{self._path}: can't be read: {error.strerror}") from error

    def __enter__(self) -> Corrections:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.close()

    def __len__(self) -> int:
        """Return how many there are that are not undone, of all files."""
        return sum(map(len, self._of.values()))

    def of(self, file: str) -> list[Correction]:
        """Return the last decision about each place of a file that is not undone, as they came.

        Also those made when the file was another (`valid_corrections`).
        """
        return list(self._of.get(utf8_name(file), {}).values())

    def valid(self, file: str, stamp: Stamp | None) -> list[Correction]:
        """Return the decisions about a file that hold for it as it is now (`valid_corrections`)."""
        return valid_corrections(self.of(file), stamp)

    def add(self, correction: Correction) -> Correction:
        """Keep a decision, which is safe on the disk on return; one without a time gets it.

        Returns:
            The decision as it is kept.

        Raises:
            OutputUnwritable: it can't be, or another process is writing in the folder.
        """
        if not correction.time:
            # Milliseconds: what was decided last is told by it.
            now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
            correction = replace(correction, time=now.replace("+00:00", "Z"))
        try:
            file = self._own_file()
            check_there(self._path, file)  # what is added to a file that is removed is lost
            append(file, _line_of(correction))
        except OSError as error:
            raise OutputUnwritable.because(self._path, error) from error
        self._take(correction)
        return correction

    def _own_file(self) -> BinaryIO:
        """Return the file, this process's alone from now on."""
        if self._file is None:
            if self._journal is None:
                self._journal, self._opened_here = Journal(self._folder, ()), True
            if self._path.is_symlink():  # nothing is written through links
                raise OutputUnwritable(f"{self._path}: is a link", "Put the file in its place.")
            self._file = self._path.open("a+b", buffering=0)
            sync_folder(self._folder)
        return self._file

    def _take(self, correction: Correction | None) -> None:
        """Let a decision take the place of an earlier one."""
        if correction is None:
            return
        of_file = self._of.setdefault(utf8_name(correction.file), {})
        place = correction.page, correction.box
        of_file.pop(place, None)
        if not correction.undone:
            of_file[place] = correction

    def close(self) -> None:
        """Let other processes have the folder, unless the caller has its journal open."""
        if self._file:
            self._file.close()
            self._file = None
        if self._journal and self._opened_here:
            self._journal.close()
            self._journal, self._opened_here = None, False


def _line_of(correction: Correction) -> bytes:
    entry = asdict(correction) | {"box": correction.box.sides}
    return json.dumps(entry, separators=(",", ":")).encode() + b"\n"


def _from_line(line: bytes) -> Correction | None:
    """Return what a line says, None where it is torn or of another kind."""
    if not line.endswith(b"\n"):  # the next writer cuts it off
        return None
    try:
        entry = json.loads(line)
        box, stamp = Box(*entry.pop("box")), entry.pop("stamp")
        return Correction(box=box, stamp=Stamp(**stamp) if stamp else None, **entry)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def valid_corrections(corrections: Iterable[Correction], stamp: Stamp | None) -> list[Correction]:
    """Return the decisions that hold for a file as it is now, by place.

    Those are of the file as it is, and not of a place that a later one is about, too: when pages
    are read anew, boxes move a little, and what is decided then is of a place beside.

    Args:
        corrections: about the file, as they came.
        stamp: of the file now; None, where that can't be told: none holds.
    """
    held = [one for one in corrections if stamp and one.stamp and one.stamp.same_input(stamp)]
    held.sort(key=attrgetter("page"))
    last = [
        one
        for _, of_page in groupby(held, attrgetter("page"))
        for one in _latest_corrections(list(of_page))
    ]
    return sorted(last, key=lambda one: (one.page, one.box.y, *one.box.sides))


def _latest_corrections(decisions: Sequence[Correction]) -> Iterator[Correction]:
    """Yield the decisions about a page that no later one takes the place of."""
    near = same_place([one.box for one in decisions])
    for i, one in enumerate(decisions):
        later = (decisions[j] for j in np.flatnonzero(near[i]).tolist() if j > i)
        if not any(_replaces(other, one) for other in later):
            yield one


def _replaces(later: Correction, one: Correction) -> bool:
    """Tell whether a decision about nearly the same place takes that of an earlier one.

    Of a number that is read as one with its neighbour, the whole is found to be none and its parts
    are drawn, in any order: these go together.
    """
    if later.read is None:
        return one.read is None
    return one.read is not None or later.number is not None


def decisions_digest(corrections: Iterable[Correction]) -> str:
    """Return what tells decisions about a file from others; "" where there are none."""
    about = [(one.page, one.box.sides, one.read, one.number) for one in corrections]
    return hashlib.sha256(repr(about).encode("utf-8", "replace")).hexdigest()[:16] if about else ""

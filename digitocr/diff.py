"""Two results folders of the same pages → the numbers that changed from one to the other."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import groupby, repeat
from operator import itemgetter
from pathlib import Path
from typing import TypeAlias

from digitocr.errors import ExitCode, InputUnreadable, NothingToRead
from digitocr.overlaps import pairs
from digitocr.records import FileResult, Number, PageResult
from digitocr.results import read_result
from digitocr.sources import natural_key
from digitocr.writers import csv_text, safe_cell, utf8_name

COLUMNS = [
    *("file", "page", "x", "y", "width", "height"),
    *("old_number", "old_confidence", "old_status"),
    *("new_number", "new_confidence", "new_status"),
]
_RESULT, _BEGINS = ".json", b'{"schema":'  # how a file's result is named, and how it begins
_ADVICE = "Name folders that digitocr scan has written."
_Key: TypeAlias = tuple[tuple[str | int, ...], str]  # of a name (`natural_key`)


@dataclass(frozen=True, slots=True)
class Change:
    """A number that is another, or is only in one of two results; not both are None."""

    page: int  # from 1
    old: Number | None
    new: Number | None


@dataclass
class Tally:
    """Counts over what was compared."""

    files: int = 0  # compared
    apart: int = 0  # files only in one of the folders, or whose results can't be read
    numbers: int = 0  # at places where both have one
    other: int = 0  # of these, those whose text is another
    only_old: int = 0
    only_new: int = 0
    checked: int = 0  # places in the old results that a person has decided about
    read_right_old: int = 0  # of these, those that the reader had right
    read_right_new: int = 0

    @property
    def exit_code(self) -> ExitCode:
        """How the comparison ended: whether all could be compared, not whether all is the same."""
        return ExitCode.SOME_FAILED if self.apart else ExitCode.OK


def compared(old: Path, new: Path, tally: Tally, warn: Callable[[str], None]) -> Iterator[str]:
    """Yield a CSV, header first, of the numbers that changed, file by file in natural order.

    Args:
        old: a results folder with JSON.
        new: another.
        tally: is counted up; complete when all is taken.
        warn: is given sentences about files that can't be compared.

    Raises:
        NothingToRead: a folder holds no such results.
    """
    for folder in (old, new):
        if not any(_files(folder)):
            raise NothingToRead(f"{folder}: holds no results in JSON", _ADVICE)
    yield csv_text([COLUMNS])
    for file, folders in _in_both(old, new):
        try:
            if len(folders) == 1:
                raise InputUnreadable(f"{file}: is only in {folders[0]}")
            before, after = (read_result(folder, file) for folder in folders)
        except InputUnreadable as error:
            tally.apart += 1
            warn(str(error))
            continue
        tally.files += 1
        yield csv_text(_row(file, one) for one in changes(before, after, tally))


def _in_both(old: Path, new: Path) -> Iterator[tuple[str, list[Path]]]:
    """Yield the name of each file that has results, and the folders that have them, old first."""
    found = (zip(_files(folder), repeat(folder)) for folder in (old, new))
    in_order = merge(*found, key=itemgetter(0))
    for key, both in groupby(in_order, key=itemgetter(0)):
        yield "/".join(name for _, name in key), [folder for _, folder in both]


def _files(folder: Path) -> Iterator[list[_Key]]:
    """Yield the files that have results in a folder, in order, by the key of each part of a name.

    Raises:
        NothingToRead: the folder, or one in it, can't be listed.
    """
    try:
        with os.scandir(folder) as entries:
            found = [(one.name, one.is_dir(follow_symlinks=False)) for one in entries]
    except OSError as error:
        raise NothingToRead(f"{folder}: can't be listed: {error.strerror}", _ADVICE) from error
    names = [
        (name if is_folder else name.removesuffix(_RESULT), is_folder)
        for name, is_folder in found
        if not name.startswith(".") and (is_folder or name.endswith(_RESULT))
    ]
    for name, is_folder in sorted(names, key=lambda one: (natural_key(one[0]), one[1])):
        if is_folder:
            yield from ([natural_key(name), *rest] for rest in _files(folder / name))
        elif _is_result(folder / f"{name}{_RESULT}"):
            yield [natural_key(name)]


def _is_result(path: Path) -> bool:
    """Tell a file's result from JSON of another kind: run.json, and what others put there."""
    try:
        with path.open("rb") as file:
            return file.read(len(_BEGINS)) == _BEGINS
    except OSError:
        return False


def changes(old: FileResult, new: FileResult, tally: Tally) -> Iterator[Change]:
    """Yield the numbers of a file that changed, page by page in the old ones' order.

    A number is the one in the other results whose box overlaps its box most (`overlaps.pairs`).
    """
    before = {page.page: page.numbers for page in old.pages}
    after = {page.page: page for page in new.pages}
    for page in sorted(before.keys() | after.keys()):
        yield from _changes(page, before.get(page, ()), after.get(page), tally)


def _changes(
    page: int, old: tuple[Number, ...], now: PageResult | None, tally: Tally
) -> Iterator[Change]:
    new = now.numbers if now else ()
    same = pairs([one.box for one in old], [one.box for one in new])
    for i, before in enumerate(old):
        after = new[same[i]] if i in same else None
        _count(before, after, tally)
        if before.text != (after.text if after else ""):
            yield Change(page, before, after)
    for i, after in enumerate(new):
        if after.text and i not in same.values():
            tally.only_new += 1
            yield Change(page, None, after)


def _count(before: Number, after: Number | None, tally: Tally) -> None:
    """Count an old number, and the new one at its place."""
    text = after.text if after else ""
    if before.text and text:
        tally.numbers += 1
        tally.other += before.text != text
    else:
        tally.only_old += bool(before.text)
        tally.only_new += bool(text)
    if before.status == "checked":
        tally.checked += 1
        tally.read_right_old += _read(before) == before.text
        tally.read_right_new += _read(after) == before.text


def _read(number: Number | None) -> str:
    """Return what was read at a place, whatever a person has decided since; "" for no number."""
    if number is None:
        return ""
    return number.read or "" if number.status == "checked" else number.text


def _row(file: str, change: Change) -> list[object]:
    both = (change.old, change.new)
    box = next(one.box for one in both if one)
    cells = [cell for one in both for cell in _cells(one)]
    return [safe_cell(utf8_name(file)), change.page, *box.sides, *cells]


def _cells(number: Number | None) -> list[str]:
    if number is None:
        return ["", "", ""]
    return [number.text, f"{number.confidence:.4f}", number.status]

"""Two results folders of the same pages → the numbers that changed from one to the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from digitocr.core.document import (
    FileResult,
    Number,
    PageResult,
)
from digitocr.core.errors import (
    ExitCode,
    InputUnreadable,
    NothingToRead,
)
from digitocr.core.source import utf8_name
from digitocr.export.csv import (
    csv_text,
    safe_cell,
)
from digitocr.results.combined import input_names
from digitocr.results.file_results import read_result
from digitocr.results.matching import pairs

COLUMNS = [
    *("file", "page", "x", "y", "width", "height"),
    *("old_number", "old_confidence", "old_status"),
    *("new_number", "new_confidence", "new_status"),
    *("old_reason", "new_reason"),
]
_ADVICE = "Name folders that digitocr scan has written."


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


def changes_csv(old: Path, new: Path, tally: Tally, warn: Callable[[str], None]) -> Iterator[str]:
    """Yield a CSV, header first, of the numbers that changed, file by file in the order of the old.

    Args:
        old: a results folder with JSON.
        new: another.
        tally: is counted up; complete when all is taken.
        warn: is given sentences about files that can't be compared.

    Raises:
        NothingToRead: a folder holds no such results.
    """
    for folder in (old, new):
        if not any(_has(folder, file) for file in _inputs(folder)):
            raise NothingToRead(f"{folder}: holds no results in JSON", _ADVICE)
    yield csv_text([COLUMNS])
    only_new = (file for file in _inputs(new) if not _has(old, file))
    for file in chain(_inputs(old), only_new):
        folders = [folder for folder in (old, new) if _has(folder, file)]
        if not folders:
            continue  # it could not be read
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


def _inputs(folder: Path) -> Iterator[str]:
    """Yield the files of the last run into a folder, in order."""
    try:
        yield from (file for file, error in input_names(folder) if error is None)
    except FileNotFoundError as error:
        raise NothingToRead(f"{folder}: is no folder of results", _ADVICE) from error
    except (OSError, ValueError, TypeError) as error:
        sentence = f"{folder}: holds results that are damaged: {error}"
        raise NothingToRead(sentence, _ADVICE) from error


def _has(folder: Path, file: str) -> bool:
    return (folder / f"{file}.json").is_file()


def changes(old: FileResult, new: FileResult, tally: Tally) -> Iterator[Change]:
    """Yield the numbers of a file that changed, page by page in the old ones' order.

    A number is the one in the other results whose box overlaps its box most (`matching.pairs`).
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
        _count_place(before, after, tally)
        if before.text != (after.text if after else ""):
            yield Change(page, before, after)
    for i, after in enumerate(new):
        if after.text and i not in same.values():
            tally.only_new += 1
            yield Change(page, None, after)


def _count_place(before: Number, after: Number | None, tally: Tally) -> None:
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
        tally.read_right_old += _text_as_read(before) == before.text
        tally.read_right_new += _text_as_read(after) == before.text


def _text_as_read(number: Number | None) -> str:
    """Return what was read at a place, whatever a person has decided since; "" for no number."""
    if number is None:
        return ""
    return number.read or "" if number.status == "checked" else number.text


def _row(file: str, change: Change) -> list[object]:
    both = (change.old, change.new)
    box = next(one.box for one in both if one)
    cells = [cell for one in both for cell in _cells(one)]
    cells += [one.reason if one else "" for one in both]
    return [safe_cell(utf8_name(file)), change.page, *box.sides, *cells]


def _cells(number: Number | None) -> list[str]:
    if number is None:
        return ["", "", ""]
    return [number.text, f"{number.confidence:.4f}", number.status]

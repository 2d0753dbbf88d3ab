"""The results of one file in the output folder: written whole, and rid of what was there before."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path, PurePosixPath

from digitocr.core.document import (
    FileResult,
    PageResult,
)
from digitocr.core.errors import (
    InputUnreadable,
    OutputUnwritable,
)
from digitocr.core.source import (
    Page,
    Source,
)
from digitocr.export import csv as writers
from digitocr.export.annotate import annotated_jpeg
from digitocr.export.json import (
    from_json,
    json_text,
)
from digitocr.export.number_pictures import number_pictures_zip
from digitocr.storage import atomic as disk
from digitocr.storage.object_store import (
    Place,
    StorePath,
)

# What the name of one file can bring about; any other failure to write ends the run.
_NAME_TROUBLE = {
    errno.ENAMETOOLONG,
    errno.EEXIST,
    errno.EISDIR,
    errno.ENOTDIR,
    errno.EILSEQ,
    errno.EINVAL,
}
PICTURES = ".pictures"  # in the output folder: those of numbers, which a workbook is made of
OF_FILE = ("csv", "json", "form.csv")  # after a file's name
_OF_PAGE = re.compile(r"(?:page(\d+)\.)?(?:table\d+\.csv|annotated\.jpg)")  # the same


@dataclass(frozen=True, slots=True)
class Output:
    """Where results go and in which forms."""

    folder: Place | None  # None: stdout
    formats: tuple[str, ...]  # "csv", "json", "xlsx"; the last is made of the second
    annotate: bool = False
    excel: bool = False  # CSV that a double click in Excel does not spoil


class Results:
    """The results of one file in the output folder."""

    def __init__(
        self,
        folder: Place,
        source: Source,
        output: Output,
        field_names: Sequence[str] = (),
        all_pages: bool = True,
        safe: bool = False,
    ) -> None:
        """Begin; nothing is written yet.

        Args:
            folder: where results go.
            source: whose they are.
            output: which results.
            field_names: of the form that is read; () for none.
            all_pages: the file's are read.
            safe: what is written is on the disk at once; else the journal sees to it, for many.
        """
        self._folder, self._name, self._safe = folder, source.name, safe
        self._field_names, self._all_pages, self._output = field_names, all_pages, output
        self.written: dict[str, int] = {}  # path in the folder → bytes

    def write_page(self, page: Page, result: PageResult) -> None:
        """Write the pictures of a page, where they are wanted.

        Raises:
            InputUnreadable: the file's name allows no results.
            OutputUnwritable: they can't be written, whatever the name.
        """
        names = pictures_of_page(self._name, page.number)
        wanted = (self._output.annotate, "xlsx" in self._output.formats)
        for name, is_wanted, draw in zip(names, wanted, _DRAWERS, strict=True):
            if is_wanted:
                self._write_at(name, draw(page.gray, result))

    def write(self, result: FileResult) -> None:
        """Write what was read on all pages.

        Raises:
            InputUnreadable: the file's name allows no results.
            OutputUnwritable: they can't be written, whatever the name.
        """
        excel = self._output.excel
        head = writers.form_header(self._field_names, excel) if self._field_names else ""
        for ending, text in _texts(result, self._output.formats, excel, head):
            self._write(ending, text.encode())
        if isinstance(self._folder, StorePath):
            self._forget_in_store(self._folder)
        else:
            self._forget_rest(self._folder, result)

    def _write(self, ending: str, content: bytes) -> None:
        self._write_at(f"{self._name}.{ending}", content)

    def _write_at(self, name: str, content: bytes) -> None:
        """Write a file, telling trouble with its name from trouble with the folder."""
        folder = self._folder
        if isinstance(folder, Path) and not folder.is_dir():
            # It would be made anew, with these results alone.
            raise OutputUnwritable(f"{folder}: is not there any more")
        try:
            write_file(_inside(folder, name), content, self._safe)
        except OutputUnwritable as error:
            cause = error.__cause__
            if isinstance(cause, OSError) and cause.errno in _NAME_TROUBLE:
                sentence = f"its results can't be written: {cause.strerror}"
                raise InputUnreadable(sentence, disk.OTHER_NAME) from error
            raise
        self.written[name] = len(content)

    def forget(self) -> None:
        """Remove results that an earlier run left for a file that now can't be read."""
        if isinstance(self._folder, StorePath):
            self.written.clear()
            self._forget_in_store(self._folder)
            return
        for ending in OF_FILE:
            # There is none, its name is too long or that of a folder, or it is not in the folder.
            with suppress(OSError, InputUnreadable):
                disk.inside(self._folder, f"{self._name}.{ending}").unlink()
        with suppress(InputUnreadable):
            self._forget_pages(self._folder, set())
        with suppress(InputUnreadable):
            remove_folder(disk.inside(self._folder, pictures_of(self._name)))

    def _forget_in_store(self, store: StorePath) -> None:
        """Remove what an earlier run left and this has not written: one request tells of all."""
        with unwritable(store / self._name):
            for path in (store / f"{self._name}.").beginning():
                name = str(path).removeprefix(f"{store}/")
                ending = name.removeprefix(f"{self._name}.")
                if (ending in OF_FILE or _OF_PAGE.fullmatch(ending)) and name not in self.written:
                    path.unlink()

    def _forget_rest(self, folder: Path, result: FileResult) -> None:
        """Remove what an earlier run left and this has not written: it would be old."""
        for ending in OF_FILE:
            self._forget_unwritten(folder, ending)
        for page in result.pages:
            before, tables = _before(page.page), count(1)
            self._forget_unwritten(folder, f"{before}annotated.jpg")
            while self._forget_unwritten(folder, f"{before}table{next(tables)}.csv"):
                pass
        if not self._all_pages:
            self._forget_pages(folder, {page.page for page in result.pages})

    def _forget_unwritten(self, folder: Path, ending: str) -> bool:
        """Remove a result that this has not written; return whether there was one, or is now."""
        name = f"{self._name}.{ending}"
        if name not in self.written:
            try:
                disk.inside(folder, name).unlink()
            except OSError:  # there is none, or a folder of that name
                return False
        return True

    def _forget_pages(self, folder: Path, kept: set[int]) -> None:
        """Remove tables and pictures that an earlier run left of pages but those kept."""
        start = disk.inside(folder, f"{self._name}.")
        with suppress(OSError):  # there is no such folder, or a name is that of one
            for path in start.parent.iterdir():
                if path.name.startswith(start.name):
                    found = _OF_PAGE.fullmatch(path.name.removeprefix(start.name))
                    if found and int(found[1] or 1) not in kept:
                        path.unlink()


def _inside(folder: Place, name: str) -> Place:
    """Return where a result goes, in a folder through no link out of it; stores have no links."""
    return disk.inside(folder, name) if isinstance(folder, Path) else folder / name


def _before(page: int) -> str:
    """Return what tells the pages of a longer file apart, before an ending."""
    return "" if page == 1 else f"page{page}."


def _texts(
    result: FileResult, formats: Sequence[str], excel: bool, form_head: str
) -> Iterator[tuple[str, str]]:
    """Yield what is written of a file: what follows its name, and the text.

    Args:
        result: what is known of it.
        formats: "csv" and "json"; others are made of these.
        excel: CSV is for a double click in Excel.
        form_head: the header of its fields; "" without a form.
    """
    if "csv" in formats:
        yield "csv", writers.header_row(excel) + rows(result, "csv", excel)
        for page in result.pages:
            for number, table in enumerate(page.tables, 1):
                yield f"{_before(page.page)}table{number}.csv", writers.table_rows(table, excel)
    if "json" in formats:
        yield "json", rows(result, "json", excel)
    if form_head:
        yield "form.csv", form_head + writers.form_rows(result, excel)


def read_result(folder: Path, file: str) -> FileResult:
    """Return what the results in a folder say of a file, and what was read there.

    Raises:
        InputUnreadable: they have no JSON of it, or it is damaged.
    """
    path = folder / f"{file}.json"
    try:
        return from_json(path.read_bytes(), file)
    except OSError as error:
        sentence = f"{path}: can't be read: {error.strerror}"
    except ValueError as error:
        sentence = f"{path}: is damaged: {error}"
    raise InputUnreadable(sentence, "Scan it again, with JSON among what --format names.")


def rewrite(folder: Path, result: FileResult, names: Iterable[str]) -> dict[str, int]:
    """Write results of a file anew, in the forms that they have; return their sizes, bytes.

    Args:
        folder: of the results.
        result: what is known of the file now.
        names: of its results in the folder; of these, what has no text stays.

    Raises:
        InputUnreadable: a link leads out of the folder.
        OutputUnwritable: they can't be written.
    """
    there, written = set(names), dict[str, int]()
    formats = [kind for kind in ("csv", "json") if f"{result.file}.{kind}" in there]
    heads = {name: _first_line(folder / f"{result.file}.{name}") for name in ("csv", "form.csv")}
    excel = heads["csv"].startswith(writers.BOM)
    form_head = heads["form.csv"] if f"{result.file}.form.csv" in there else ""
    for ending, text in _texts(result, formats, excel, form_head):
        name, content = f"{result.file}.{ending}", text.encode()
        write_file(_inside(folder, name), content)
        written[name] = len(content)
    return written


def rewrite_pictures(
    folder: Path, file: str, page: Page, result: PageResult, names: Iterable[str]
) -> dict[str, int]:
    """Write the pictures of a page anew, those that it has; as `rewrite`."""
    there, written = set(names), dict[str, int]()
    for name, draw in zip(pictures_of_page(file, page.number), _DRAWERS, strict=True):
        if name in there:
            content = draw(page.gray, result)
            write_file(_inside(folder, name), content)
            written[name] = len(content)
    return written


def _first_line(path: Path) -> str:
    """Return the header of a CSV, with its end; "" where there is none."""
    try:
        with path.open(encoding="utf-8", newline="\n") as file:
            return file.readline()
    except (OSError, ValueError):
        return ""


def rows(result: FileResult, kind: str, excel: bool) -> str:
    """Return what is written of a file's numbers, without a header; `kind` is csv or json."""
    return writers.number_rows(result, excel) if kind == "csv" else json_text(result)


def pictures_of(name: str) -> str:
    """Return where the pictures of a file's numbers are, a ZIP a page; its name may be long."""
    return f"{PICTURES}/{hashlib.sha256(os.fsencode(name)).hexdigest()[:32]}"


def pictures_of_page(file: str, page: int) -> tuple[str, str]:
    """Return what the pictures of a page are called: with readings drawn on, and its numbers'."""
    return f"{file}.{_before(page)}annotated.jpg", f"{pictures_of(file)}/{page}.zip"


# What makes the pictures of a page, in the order of `pictures_of_page`.
_DRAWERS = (annotated_jpeg, number_pictures_zip)


def write_file(path: Place, content: bytes | Iterator[bytes], safe: bool = True) -> None:
    """Write a file whole or not at all; on a disk `safe` as `disk.write` takes it.

    Raises:
        OutputUnwritable: it can't be written.
    """
    with unwritable(path):
        if isinstance(path, StorePath):
            path.write(content)
        else:
            disk.write(path, content, safe)


@contextmanager
def unwritable(path: Place) -> Iterator[None]:
    """Say which file it is that can't be written."""
    try:
        yield
    except OSError as error:
        raise OutputUnwritable.because(path, error) from error


def check_folder(folder: Place) -> None:
    """Make the output folder, or raise OutputUnwritable while nothing is lost yet."""
    if isinstance(folder, StorePath):
        return  # has no folders; its journal is written before anything is read
    try:
        disk.check(folder)
    except FileExistsError as error:
        raise OutputUnwritable(f"{folder}: is a file, not a folder") from error
    except OSError as error:
        raise OutputUnwritable.because(folder, error) from error


def remove_folder(path: Path) -> None:
    """Remove a folder with all in it, or a link in its place, if there is one."""
    if path.is_symlink():
        with suppress(OSError):
            path.unlink()
    shutil.rmtree(path, ignore_errors=True)


def sweep(folder: Place, names: Iterable[str]) -> None:
    """Remove what killed processes have left half written beside results of these names."""
    if isinstance(folder, StorePath):
        return  # nothing there is ever half written
    pictures = {f"{PICTURES}/{path.name}" for path in (folder / PICTURES).glob("*")}
    for place in {".", *pictures, *(str(PurePosixPath(name).parent) for name in names)}:
        with suppress(InputUnreadable):  # a link leads elsewhere
            disk.sweep(disk.inside(folder, f"{place}/file").parent)

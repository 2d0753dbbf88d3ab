"""The results of one file in the output folder: written whole, and rid of what was there before."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
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
from digitocr.core.source import Page
from digitocr.export.annotate import annotated_jpeg
from digitocr.export.csv import (
    BOM,
    form_header,
    form_rows,
    header_row,
    number_rows,
    table_rows,
)
from digitocr.export.json import (
    from_json,
    json_text,
)
from digitocr.export.number_pictures import number_pictures_zip
from digitocr.results.file_names import (
    FILE_ENDINGS,
    PAGE_ENDING,
    PICTURES,
    number_pictures_folder,
    page_picture_names,
    page_prefix,
)
from digitocr.storage import atomic
from digitocr.storage.object_store import (
    Place,
    StorePath,
)
from digitocr.storage.places import place_inside, remove_folder, unwritable, write_file

# What the name of one file can bring about; any other failure to write ends the run.
_NAME_TROUBLE = {
    errno.ENAMETOOLONG,
    errno.EEXIST,
    errno.EISDIR,
    errno.ENOTDIR,
    errno.EILSEQ,
    errno.EINVAL,
}


@dataclass(frozen=True, slots=True)
class Output:
    """Where results go and in which forms."""

    folder: Place | None  # None: stdout
    formats: tuple[str, ...]  # "csv", "json", "xlsx"; the last is made of the second
    annotate: bool = False
    excel: bool = False  # CSV that a double click in Excel does not spoil


class FileResultsWriter:
    """What writes the results of one file into the output folder."""

    def __init__(
        self,
        folder: Place,
        file: str,
        output: Output,
        field_names: Sequence[str] = (),
        some_pages: bool = False,
        safe: bool = False,
    ) -> None:
        """Begin; nothing is written yet.

        Args:
            folder: where results go.
            file: whose they are, the name of its Source.
            output: which results.
            field_names: of the form's fields; none without a form.
            some_pages: not all pages of a document are read.
            safe: what is written is on the disk at once; else the journal sees to it, for many.
        """
        self._folder, self._name, self._output = folder, file, output
        self._field_names, self._some_pages, self._safe = field_names, some_pages, safe
        self.written: dict[str, int] = {}  # path in the folder → bytes

    def write_page(self, page: Page, result: PageResult) -> None:
        """Write the pictures of a page, where they are wanted.

        Raises:
            InputUnreadable: the file's name allows no results.
            OutputUnwritable: they can't be written, whatever the name.
        """
        names = page_picture_names(self._name, page.number)
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
        excel, names = self._output.excel, self._field_names
        head = form_header(names, excel) if names else ""
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
            write_file(place_inside(folder, name), content, self._safe)
        except OutputUnwritable as error:
            cause = error.__cause__
            if isinstance(cause, OSError) and cause.errno in _NAME_TROUBLE:
                sentence = f"its results can't be written: {cause.strerror}"
                raise InputUnreadable(sentence, atomic.OTHER_NAME) from error
            raise
        self.written[name] = len(content)

    def forget(self) -> None:
        """Remove results that an earlier run left for a file that now can't be read."""
        if isinstance(self._folder, StorePath):
            self.written.clear()
            self._forget_in_store(self._folder)
            return
        for ending in FILE_ENDINGS:
            # There is none, its name is too long or that of a folder, or it is not in the folder.
            with suppress(OSError, InputUnreadable):
                atomic.path_inside(self._folder, f"{self._name}.{ending}").unlink()
        with suppress(InputUnreadable):
            self._forget_pages(self._folder, set())
        with suppress(InputUnreadable):
            remove_folder(atomic.path_inside(self._folder, number_pictures_folder(self._name)))

    def _forget_in_store(self, store: StorePath) -> None:
        """Remove what an earlier run left and this has not written: one request tells of all."""
        with unwritable(store / self._name):
            for path in (store / f"{self._name}.").beginning():
                name = str(path).removeprefix(f"{store}/")
                ending = name.removeprefix(f"{self._name}.")
                is_result = ending in FILE_ENDINGS or PAGE_ENDING.fullmatch(ending)
                if is_result and name not in self.written:
                    path.unlink()

    def _forget_rest(self, folder: Path, result: FileResult) -> None:
        """Remove what an earlier run left and this has not written: it would be old."""
        for ending in FILE_ENDINGS:
            self._forget_unwritten(folder, ending)
        for page in result.pages:
            before, tables = page_prefix(page.page), count(1)
            self._forget_unwritten(folder, f"{before}annotated.jpg")
            while self._forget_unwritten(folder, f"{before}table{next(tables)}.csv"):
                pass
        if self._some_pages:
            self._forget_pages(folder, {page.page for page in result.pages})

    def _forget_unwritten(self, folder: Path, ending: str) -> bool:
        """Remove a result that this has not written; return whether there was one, or is now."""
        name = f"{self._name}.{ending}"
        if name not in self.written:
            try:
                atomic.path_inside(folder, name).unlink()
            except OSError:  # there is none, or a folder of that name
                return False
        return True

    def _forget_pages(self, folder: Path, kept: set[int]) -> None:
        """Remove tables and pictures that an earlier run left of pages but those kept."""
        start = atomic.path_inside(folder, f"{self._name}.")
        with suppress(OSError):  # there is no such folder, or a name is that of one
            for path in start.parent.iterdir():
                if path.name.startswith(start.name):
                    found = PAGE_ENDING.fullmatch(path.name.removeprefix(start.name))
                    if found and int(found[1] or 1) not in kept:
                        path.unlink()


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
        yield "csv", header_row(excel) + number_rows(result, excel)
        for page in result.pages:
            for number, table in enumerate(page.tables, 1):
                yield f"{page_prefix(page.page)}table{number}.csv", table_rows(table, excel)
    if "json" in formats:
        yield "json", json_text(result)
    if form_head:
        yield "form.csv", form_head + form_rows(result, excel)


def read_result(folder: Path, file: str, with_digits: bool = True) -> FileResult:
    """Return what the results in a folder say of a file, and what was read there.

    Its numbers have no digits unless `with_digits`: these take most of the memory and time.

    Raises:
        InputUnreadable: they have no JSON of it, or it is damaged.
    """
    path = folder / f"{file}.json"
    try:
        return from_json(path.read_bytes(), file, with_digits)
    except OSError as error:
        sentence = f"{path}: can't be read: {error.strerror}"
    except ValueError as error:
        sentence = f"{path}: is damaged: {error}"
    raise InputUnreadable(sentence, "Scan it again, with JSON among what Run.formats names.")


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
    excel = heads["csv"].startswith(BOM)
    form_head = heads["form.csv"] if f"{result.file}.form.csv" in there else ""
    for ending, text in _texts(result, formats, excel, form_head):
        name, content = f"{result.file}.{ending}", text.encode()
        write_file(place_inside(folder, name), content)
        written[name] = len(content)
    return written


def rewrite_pictures(
    folder: Path, file: str, page: Page, result: PageResult, names: Iterable[str]
) -> dict[str, int]:
    """Write the pictures of a page anew, those that it has; as `rewrite`."""
    there, written = set(names), dict[str, int]()
    for name, draw in zip(page_picture_names(file, page.number), _DRAWERS, strict=True):
        if name in there:
            content = draw(page.gray, result)
            write_file(place_inside(folder, name), content)
            written[name] = len(content)
    return written


def _first_line(path: Path) -> str:
    """Return the header of a CSV, with its end; "" where there is none."""
    try:
        with path.open(encoding="utf-8", newline="\n") as file:
            return file.readline()
    except (OSError, ValueError):
        return ""


# What makes the pictures of a page, in the order of `page_picture_names`.
_DRAWERS = (annotated_jpeg, number_pictures_zip)


def text_header(output: Output, field_names: Sequence[str] = ()) -> str:
    """Return what the one text for stdout begins with: the header of a CSV, "" before JSON.

    Args:
        output: in which form it is.
        field_names: of the form's fields; none without a form.
    """
    if output.formats != ("csv",):
        return ""
    return form_header(field_names, output.excel) if field_names else header_row(output.excel)


def text_of(result: FileResult, output: Output, field_names: Sequence[str] = ()) -> str:
    """Return what is written of a file to stdout; as `text_header`."""
    if output.formats != ("csv",):
        return json_text(result)
    return form_rows(result, output.excel) if field_names else number_rows(result, output.excel)


def print_text(text: str) -> None:
    """Write results to stdout at once, so that a reader behind a pipe gets each file when done."""
    sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()


def remove_unfinished(folder: Place, names: Iterable[str]) -> None:
    """Remove what killed processes have left half written beside results of these names."""
    if isinstance(folder, StorePath):
        return  # nothing there is ever half written
    pictures = {f"{PICTURES}/{path.name}" for path in (folder / PICTURES).glob("*")}
    for place in {".", *pictures, *(str(PurePosixPath(name).parent) for name in names)}:
        with suppress(InputUnreadable):  # a link leads elsewhere
            atomic.remove_unfinished(atomic.path_inside(folder, f"{place}/file").parent)

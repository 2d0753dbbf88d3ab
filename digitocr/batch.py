"""Many files: read each, write its results, count, and write the views of the whole run."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import platform
import re
import shutil
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from digitocr import __version__, sheets, writers
from digitocr.draw import annotated, cutting, encoded
from digitocr.errors import (
    DigitocrError,
    ExitCode,
    ExtraMissing,
    FormMisfit,
    InputUnreadable,
    OutputUnwritable,
)
from digitocr.forms import load_form
from digitocr.model import Model
from digitocr.records import (
    FieldReading,
    FileResult,
    Number,
    Page,
    PageResult,
    Settings,
    Source,
    Unread,
)
from digitocr.scan import file_result, scan_pages

# What the name of one file can bring about; any other failure to write ends the run.
_NAME_TROUBLE = {
    errno.ENAMETOOLONG,
    errno.EEXIST,
    errno.EISDIR,
    errno.ENOTDIR,
    errno.EILSEQ,
    errno.EINVAL,
}
# In the output folder while a workbook is in the making: pictures of numbers and its parts.
_PARTS = ".numbers.xlsx.parts"
_OF_PAGE = re.compile(r"(?:page(\d+)\.)?(?:table\d+\.csv|annotated\.jpg)")  # after a file's name


@dataclass(frozen=True, slots=True)
class Output:
    """Where results go and in which forms."""

    folder: Path | None  # None: stdout
    formats: tuple[str, ...]  # "csv", "json", "xlsx"; the last is made of the second
    annotate: bool = False
    excel: bool = False  # CSV that a double click in Excel does not spoil


@dataclass(frozen=True, slots=True)
class Done:
    """How the work on one input ended."""

    file: str
    error: str | None = None  # None: read and written
    advice: str = ""  # what to do about the error, a sentence
    trace: str = ""  # where a bug was met
    lacks_extra: bool = False  # a package that reads this kind of file is not installed
    misfits: tuple[str, ...] = ()  # why pages of it were not read, though others were
    n_pages: int = 0
    n_numbers: int = 0
    n_review: int = 0
    least: float | None = None  # the lowest confidence of its numbers
    seconds: float = 0.0


@dataclass
class Report:
    """Counts over a run, and the exit code that they add up to."""

    done: list[Done] = field(default_factory=list)
    interrupted: bool = False
    seconds: float = 0.0

    @property
    def read(self) -> list[Done]:
        """The files that were read and written."""
        return [one for one in self.done if one.error is None]

    @property
    def failed(self) -> list[Done]:
        """The inputs that could not be read."""
        return [one for one in self.done if one.error is not None]

    @property
    def unread(self) -> list[Unread]:
        """The inputs that could not be read, and the pages of others that could not."""
        return [
            Unread(one.file, error)
            for one in self.done
            for error in ([one.error] if one.error is not None else one.misfits)
        ]

    @property
    def advice(self) -> list[str]:
        """What to do about what could not be read, a sentence for each kind."""
        wanted = [one.advice or (FormMisfit.advice if one.misfits else "") for one in self.done]
        return list(dict.fromkeys(filter(None, wanted)))

    @property
    def counts(self) -> dict[str, int]:
        """Totals, by the names that run.json uses."""
        return {
            "read": len(self.read),
            "failed": len(self.failed),
            "pages": sum(one.n_pages for one in self.done),
            "numbers": sum(one.n_numbers for one in self.done),
            "review": sum(one.n_review for one in self.done),
        }

    @property
    def exit_code(self) -> ExitCode:
        """How the run ended."""
        if self.interrupted:
            return ExitCode.INTERRUPTED
        if self.done and all(one.lacks_extra for one in self.done):
            return ExitCode.EXTRA_MISSING
        return ExitCode.SOME_FAILED if self.unread else ExitCode.OK


def run(
    found: Sequence[Source | Unread], settings: Settings, model: Model, output: Output
) -> Iterator[Done]:
    """Read every input and write its results; yield how each ended, in order.

    Raises:
        OutputUnwritable: results can't be written, whatever the file; what was finished stays.
    """
    for one in found:
        start = time.perf_counter()
        if isinstance(one, Unread):
            yield Done(one.file, one.error, one.advice)
            continue
        try:
            result = _read(one, settings, model, output)
        except (OutputUnwritable, BrokenPipeError):
            raise
        except DigitocrError as error:
            _forget(one, output)
            lacks_extra = isinstance(error, ExtraMissing)
            yield Done(one.name, str(error), error.advice, lacks_extra=lacks_extra)
        except Exception as error:  # a bug met on one file must not cost the others
            sentence = f"unexpected {type(error).__name__}: {error}"
            advice = "Report what was unexpected; --verbose shows where it was met."
            yield Done(one.name, sentence, advice, traceback.format_exc())
        else:
            yield _done(result, time.perf_counter() - start)


def _done(result: FileResult, seconds: float) -> Done:
    numbers = result.numbers
    return Done(
        file=result.file,
        misfits=tuple(page.error for page in result.pages if page.error),
        n_pages=len(result.pages),
        n_numbers=len(numbers),
        n_review=sum(one.status == "review" for page in result.pages for one in _judged(page)),
        least=min((number.confidence for number in numbers), default=None),
        seconds=seconds,
    )


def _judged(page: PageResult) -> Sequence[Number | FieldReading]:
    """Return what of a page may be for review: numbers, of a form its fields."""
    return page.fields or page.numbers


def _read(source: Source, settings: Settings, model: Model, output: Output) -> FileResult:
    """Read one file, write its results and return them."""
    pages = []
    for page, page_result in scan_pages(source, settings, model):
        pages.append(page_result)
        if output.annotate and output.folder:
            _write_picture(output.folder, source, page, page_result)
        if "xlsx" in output.formats and output.folder:
            _keep_pictures(output.folder, source.name, page, page_result)
    result = file_result(source, model, pages)
    for kind in output.formats:
        if output.folder is None:
            _print(_lines(result, kind, settings, output.excel))
        elif kind != "xlsx":  # of the whole run
            top = writers.header_row(output.excel) if kind == "csv" else ""
            content = top + _rows(result, kind, output.excel)
            _write(_target(output.folder, source, kind), content.encode())
    if output.folder is not None and "csv" in output.formats:
        _write_tables(output.folder, source, result, output.excel)
    if output.folder is not None:
        _write_fields(output.folder, source, result, settings.form, output.excel)
        if settings.pages:
            _forget_pages(output.folder, source, {page.page for page in result.pages})
    return result


def _rows(result: FileResult, kind: str, excel: bool) -> str:
    return writers.number_rows(result, excel) if kind == "csv" else writers.json_text(result)


def header(settings: Settings, excel: bool) -> str:
    """Return the header of the one CSV that is written to stdout."""
    return _form_header(settings.form, excel) if settings.form else writers.header_row(excel)


def _form_header(form: Path, excel: bool) -> str:
    """Return the header of forms.csv."""
    return writers.form_header([field.name for field in load_form(form).fields], excel)


def _lines(result: FileResult, kind: str, settings: Settings, excel: bool) -> str:
    """Return what is written of a file to stdout."""
    if settings.form and kind == "csv":
        return writers.form_rows(result, excel)
    return _rows(result, kind, excel)


def _write_fields(
    folder: Path, source: Source, result: FileResult, form: Path | None, excel: bool
) -> None:
    """Write the fields of a form; those that an earlier run with a form left go."""
    path = _target(folder, source, "form.csv")
    if form:
        _write(path, (_form_header(form, excel) + writers.form_rows(result, excel)).encode())
        return
    with suppress(OSError):  # there are none
        path.unlink()


def _write_tables(folder: Path, source: Source, result: FileResult, excel: bool) -> None:
    """Write each table as it stands on paper; tables that an earlier run left go."""
    for page in result.pages:
        for number, table in enumerate(page.tables, 1):
            content = writers.table_rows(table, excel).encode()
            _write(_table_target(folder, source, page.page, number), content)
        _forget_tables(folder, source, page.page, len(page.tables) + 1)


def _table_target(folder: Path, source: Source, page: int, number: int) -> Path:
    """Return where a table goes; the pages of a longer file are told apart by number."""
    return _target(folder, source, f"{'' if page == 1 else f'page{page}.'}table{number}.csv")


def _forget_tables(folder: Path, source: Source, page: int, first: int) -> None:
    """Remove a page's tables from a number on."""
    with suppress(OSError):  # the first that there is none of
        for number in count(first):
            _table_target(folder, source, page, number).unlink()


def _target(folder: Path, source: Source, ending: str) -> Path:
    return folder / f"{source.name}.{ending}"


def _write_picture(folder: Path, source: Source, page: Page, result: PageResult) -> None:
    """Write the annotated copy of a page; the pages of a longer file are told apart by number."""
    ending = "annotated.jpg" if page.number == 1 else f"page{page.number}.annotated.jpg"
    _write(_target(folder, source, ending), encoded(annotated(page.gray, result)))


def _keep_pictures(folder: Path, name: str, page: Page, result: PageResult) -> None:
    """Keep a picture of each number on a page until the workbook is written."""
    kept = _pictures(folder, name)
    with _writing(kept):
        kept.mkdir(parents=True, exist_ok=True)
        for i, number in enumerate(result.numbers, 1):
            picture = cutting(page.gray, number.box, result.rotation)
            (kept / sheets.picture_name(page.number, i)).write_bytes(picture)


def _pictures(folder: Path, name: str) -> Path:
    """Return where the pictures of a file's numbers are; its name may be a path, and long."""
    return folder / _PARTS / hashlib.sha256(os.fsencode(name)).hexdigest()


@contextmanager
def pictures_removed(output: Output) -> Iterator[None]:
    """Leave no pictures of numbers behind, however a run ends; a killed one's go with the next."""
    try:
        yield
    finally:
        if output.folder:
            shutil.rmtree(output.folder / _PARTS, ignore_errors=True)


def _write(path: Path, content: bytes) -> None:
    """Write results of one file, telling trouble with its name from trouble with the folder."""
    try:
        _write_view(path, content)
    except OutputUnwritable as error:
        cause = error.__cause__
        if isinstance(cause, OSError) and cause.errno in _NAME_TROUBLE:
            sentence = f"its results can't be written: {cause.strerror}"
            raise InputUnreadable(sentence) from error
        raise


def _write_view(path: Path, content: bytes | Iterator[bytes]) -> None:
    """Write a file that covers the whole run."""
    with _writing(path):
        writers.write(path, content)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Say which file it is that can't be written."""
    try:
        yield
    except OSError as error:
        raise OutputUnwritable(f"{path}: can't be written: {error.strerror}") from error


def _print(text: str) -> None:
    """Write results to stdout at once, so that a reader behind a pipe gets each file when done."""
    sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()


def _forget(source: Source, output: Output) -> None:
    """Remove results that an earlier run left for a file that now can't be read."""
    if output.folder is None:
        return
    for ending in ("csv", "json", "form.csv"):
        with suppress(OSError):  # there is none, or its name is too long or that of a folder
            _target(output.folder, source, ending).unlink()
    _forget_pages(output.folder, source, set())


def _forget_pages(folder: Path, source: Source, kept: set[int]) -> None:
    """Remove tables and pictures that an earlier run left of pages but those kept."""
    start = _target(folder, source, "")
    with suppress(OSError):  # there is no such folder, or a name is that of one
        for path in start.parent.iterdir():
            if path.name.startswith(start.name):
                found = _OF_PAGE.fullmatch(path.name.removeprefix(start.name))
                if found and int(found[1] or 1) not in kept:
                    path.unlink()


def check_folder(folder: Path) -> None:
    """Make the output folder, or raise OutputUnwritable while nothing is lost yet."""
    try:
        writers.check(folder)
    except FileExistsError as error:
        raise OutputUnwritable(f"{folder}: is a file, not a folder") from error
    except OSError as error:
        raise OutputUnwritable(f"{folder}: can't be written: {error.strerror}") from error


def write_views(
    report: Report, inputs: Sequence[str], settings: Settings, model: Model, output: Output
) -> list[str]:
    """Write what covers the whole run: numbers.csv, numbers.xlsx, errors.csv and run.json.

    Returns:
        A sentence, without its full stop, for each thing that one of them had no room for.
    """
    folder, left_out = output.folder, list[str]()
    if folder is None:
        return left_out
    if "csv" in output.formats:
        _write_view(folder / "numbers.csv", _all_numbers(folder, report, output.excel))
    else:
        _forget_view(folder / "numbers.csv")
    if settings.form:
        lines = _all_forms(folder, report, settings.form, output.excel)
        _write_view(folder / "forms.csv", lines)
    else:
        _forget_view(folder / "forms.csv")
    if "xlsx" in output.formats:
        left_out = _write_workbook(folder, report, settings)
    else:
        _forget_view(folder / "numbers.xlsx")
    _write_view(folder / "errors.csv", writers.error_rows(report.unread, output.excel).encode())
    about = _about_run(report, inputs, settings, model, output)
    _write_view(folder / "run.json", json.dumps(about, indent=1, ensure_ascii=False).encode())
    return left_out


def _forget_view(path: Path) -> None:
    """Remove a view that an earlier run left and this one does not write: it would be old."""
    with suppress(OSError):  # there is none
        path.unlink()


def _write_workbook(folder: Path, report: Report, settings: Settings) -> list[str]:
    """Write numbers.xlsx out of every file's JSON; return what it has no room for."""
    made, path = folder / _PARTS / "numbers.xlsx", folder / "numbers.xlsx"
    fields = [one.name for one in load_form(settings.form).fields] if settings.form else []
    with _writing(path):
        made.parent.mkdir(exist_ok=True)
        shown = _all_shown(folder, report)
        left_out = sheets.write_workbook(made, shown, report.unread, fields, settings.decimal)
        with made.open("rb") as content:
            writers.write(path, iter(lambda: content.read(1 << 20), b""))
    return [f"{path}: {sentence}" for sentence in left_out]


def _all_shown(folder: Path, report: Report) -> Iterator[sheets.Shown]:
    """Yield what a workbook shows of each file that was read."""
    for one in report.read:
        result = json.loads((folder / f"{one.file}.json").read_bytes())
        yield sheets.Shown(result, _pictures(folder, one.file))


def _all_numbers(folder: Path, report: Report, excel: bool) -> Iterator[bytes]:
    """Yield the lines of numbers.csv: those of every file's CSV, one header."""
    header = writers.header_row(excel).encode()
    yield header
    for one in report.read:
        with (folder / f"{one.file}.csv").open("rb") as lines:
            yield lines.read().removeprefix(header)


def _all_forms(folder: Path, report: Report, form: Path, excel: bool) -> Iterator[bytes]:
    """Yield the lines of forms.csv: those of every file's fields, one header."""
    header = _form_header(form, excel).encode()
    yield header
    for one in report.read:
        with (folder / f"{one.file}.form.csv").open("rb") as lines:
            yield lines.read().removeprefix(header)


def _about_run(
    report: Report, inputs: Sequence[str], settings: Settings, model: Model, output: Output
) -> dict[str, Any]:
    return {
        "digitocr": __version__,
        "model": {"name": model.id.name, "sha256": model.id.sha256},
        "inputs": [writers.utf8_name(text) for text in inputs],
        "settings": {
            "max_error": settings.max_error,
            "min_confidence": model.review_line(settings),
            "second_opinion": settings.second_opinion,
            "decimal": settings.decimal,
            "known": {part: text for part, text in asdict(settings.known).items() if text},
            "pages": settings.pages,
            "dpi": settings.dpi,
            **({"form": writers.utf8_name(str(settings.form))} if settings.form else {}),
            "formats": list(output.formats),
            "annotate": output.annotate,
            "excel": output.excel,
        },
        "interrupted": report.interrupted,
        **report.counts,
        "seconds": round(report.seconds, 3),
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "opencv": cv2.__version__,
        },
    }

"""Many files: read each, write its results, count, and write the views of the whole run."""

from __future__ import annotations

import errno
import json
import platform
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from digitocr import __version__, writers
from digitocr.draw import annotated, encoded
from digitocr.errors import DigitocrError, ExitCode, InputUnreadable, OutputUnwritable
from digitocr.model import Model
from digitocr.records import FileResult, Page, PageResult, Settings, Source, Unread
from digitocr.scan import scan_pages

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

    folder: Path | None  # None: stdout
    formats: tuple[str, ...]  # "csv", "json"
    annotate: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """How the work on one input ended."""

    file: str
    error: str | None = None  # None: read and written
    trace: str = ""  # where a bug was met
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
        return ExitCode.SOME_FAILED if self.failed else ExitCode.OK


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
            yield Done(one.file, one.error)
            continue
        try:
            result = _read(one, settings, model, output)
        except (OutputUnwritable, BrokenPipeError):
            raise
        except DigitocrError as error:
            _forget(one, output)
            yield Done(one.name, str(error))
        except Exception as error:  # a bug met on one file must not cost the others
            sentence = f"unexpected {type(error).__name__}: {error}"
            yield Done(one.name, sentence, traceback.format_exc())
        else:
            yield _done(result, time.perf_counter() - start)


def _done(result: FileResult, seconds: float) -> Done:
    numbers = result.numbers
    return Done(
        file=result.file,
        n_pages=len(result.pages),
        n_numbers=len(numbers),
        n_review=sum(number.status == "review" for number in numbers),
        least=min((number.confidence for number in numbers), default=None),
        seconds=seconds,
    )


def _read(source: Source, settings: Settings, model: Model, output: Output) -> FileResult:
    """Read one file, write its results and return them."""
    pages = []
    for page, page_result in scan_pages(source, settings, model):
        pages.append(page_result)
        if output.annotate and output.folder:
            _write_picture(output.folder, source, page, page_result)
    result = FileResult(source.name, model.id, tuple(pages))
    for kind in output.formats:
        if output.folder is None:
            _print(writers.number_rows(result) if kind == "csv" else writers.json_text(result))
        else:
            _write(_target(output.folder, source, kind), _content(result, kind))
    if output.folder is not None and "csv" in output.formats:
        _write_tables(output.folder, source, result)
    return result


def _write_tables(folder: Path, source: Source, result: FileResult) -> None:
    """Write each table as it stands on paper; tables that an earlier run left go."""
    for page in result.pages:
        for number, table in enumerate(page.tables, 1):
            content = writers.csv_text(table.rows).encode()
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


def _content(result: FileResult, kind: str) -> bytes:
    if kind == "json":
        return writers.json_text(result).encode()
    return (writers.header_row() + writers.number_rows(result)).encode()


def _target(folder: Path, source: Source, ending: str) -> Path:
    return folder / f"{source.name}.{ending}"


def _write_picture(folder: Path, source: Source, page: Page, result: PageResult) -> None:
    """Write the annotated copy of a page; the pages of a longer file are told apart by number."""
    ending = "annotated.jpg" if page.number == 1 else f"page{page.number}.annotated.jpg"
    _write(_target(folder, source, ending), encoded(annotated(page.gray, result)))


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
    try:
        writers.write(path, content)
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
    for ending in ("csv", "json", "annotated.jpg"):
        with suppress(OSError):  # there is none, or its name is too long or that of a folder
            _target(output.folder, source, ending).unlink()
    _forget_tables(output.folder, source, 1, 1)
    with suppress(OSError):
        for page in count(2):
            _forget_tables(output.folder, source, page, 1)
            _target(output.folder, source, f"page{page}.annotated.jpg").unlink()


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
) -> None:
    """Write what covers the whole run: numbers.csv, errors.csv and run.json."""
    folder = output.folder
    if folder is None:
        return
    if "csv" in output.formats:
        _write_view(folder / "numbers.csv", _all_numbers(folder, report))
    failed = (Unread(one.file, one.error or "") for one in report.failed)
    _write_view(folder / "errors.csv", writers.error_rows(failed).encode())
    about = _about_run(report, inputs, settings, model, output)
    _write_view(folder / "run.json", json.dumps(about, indent=1, ensure_ascii=False).encode())


def _all_numbers(folder: Path, report: Report) -> Iterator[bytes]:
    """Yield the lines of numbers.csv: those of every file's CSV, one header."""
    header = writers.header_row().encode()
    yield header
    for one in report.read:
        with (folder / f"{one.file}.csv").open("rb") as lines:
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
            "formats": list(output.formats),
            "annotate": output.annotate,
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

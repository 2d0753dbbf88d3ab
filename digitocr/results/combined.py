"""The combined files of a run: numbers.csv, forms.csv, numbers.xlsx, errors.csv and run.json.

They are made of the journal and of each file's results, in the order of the inputs, one at a time.
"""

from __future__ import annotations

import csv
import heapq
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

from digitocr.core.errors import (
    ExitCode,
    FormMisfit,
    InputUnreadable,
)
from digitocr.core.settings import Decimal
from digitocr.core.source import Unread
from digitocr.export.csv import csv_text, error_rows, form_header, header_row
from digitocr.export.json import from_json
from digitocr.export.xlsx import IllustratedResult, write_workbook
from digitocr.results.audit import AuditSummary
from digitocr.results.audit_record import audited_run, read_audit
from digitocr.results.corrections import (
    Correction,
    valid_corrections,
)
from digitocr.results.file_names import PICTURES, number_pictures_folder
from digitocr.results.journal import (
    Done,
    Journal,
)
from digitocr.results.run_info import RunCounts, RunInfo, read_run_info, write_run_info
from digitocr.storage import atomic
from digitocr.storage.object_store import (
    Place,
    contents,
)
from digitocr.storage.places import remove_folder, unwritable, write_file

N_LISTED = 3  # of the slowest files, of the least certain, of those without a number
INPUTS = ".inputs.jsonl"  # in the output folder: what the combined files are of, in order
_PARTS = ".numbers.xlsx.parts"  # in the output folder while a workbook is in the making


@dataclass
class Report:
    """What a run comes to: counts, the exit code they add up to, what its combined files show."""

    read: int = 0
    failed: int = 0
    pages: int = 0
    numbers: int = 0
    review: int = 0
    checked: int = 0  # of the numbers, those that a person has decided about
    silent: int = 0  # pages that hold ink of which no number was read
    silent_files: list[str] = field(default_factory=list)  # the files with such pages
    outdated: int = 0  # decisions about files that have changed since
    audit: str = ""  # what one of its numbers came to, a sentence without its full stop
    misfits: int = 0  # pages that could not be read where others of their file could
    lack_extra: int = 0  # files whose extra is not installed
    least_certain: list[Done] = field(default_factory=list)  # the files least certain, least first
    slowest: list[Done] = field(default_factory=list)
    earlier: int = 0  # of those read, in earlier runs
    # All inputs in order, and why they are none; that is None for what is a file, read or not.
    inputs: list[tuple[str, str | None]] = field(default_factory=list)
    files: list[str] = field(default_factory=list)  # those that were read
    unread: list[Unread] = field(default_factory=list)  # others, and pages that were not
    decided: list[Done] = field(default_factory=list)  # files with decisions in their results
    advice: list[str] = field(default_factory=list)  # what to do about each kind of failure
    interrupted: bool = False
    seconds: float = 0.0

    def add(self, done: Done, decisions: Sequence[Correction] = ()) -> None:
        """Count how one input ended, and which of the decisions about its numbers don't hold."""
        self.inputs.append((done.file, None if done.stamp else done.error))
        self.files += [done.file] if done.error is None else []
        errors = done.misfits if done.error is None else [done.error]
        self.unread += [Unread(done.file, error) for error in errors]
        self.decided += [done] if done.decided and done.error is None else []
        self.outdated += len(decisions) - len(valid_corrections(decisions, done.stamp))
        self.checked += done.n_checked
        self.failed += done.error is not None
        self.read += done.error is None
        self.pages += done.n_pages
        self.numbers += done.n_numbers
        self.review += done.n_review
        self.silent += done.n_silent
        self.silent_files += [done.file] if done.n_silent else []
        self.misfits += len(done.misfits)
        self.lack_extra += done.lacks_extra
        advice = done.advice or (FormMisfit.advice if done.misfits else "")
        if advice and advice not in self.advice:
            self.advice.append(advice)
        if done.n_numbers:
            self.least_certain = _smallest(
                [*self.least_certain, done], lambda one: one.least or 0.0
            )
        if done.error is None:
            self.slowest = _smallest([*self.slowest, done], lambda one: -one.seconds)

    @property
    def counts(self) -> RunCounts:
        """Totals, as run.json has them."""
        names = RunCounts.__slots__
        return RunCounts(**{name: getattr(self, name) for name in names})

    @property
    def exit_code(self) -> ExitCode:
        """How the run ended."""
        if self.interrupted:
            return ExitCode.INTERRUPTED
        if self.lack_extra and self.lack_extra == self.read + self.failed:
            return ExitCode.EXTRA_MISSING
        return ExitCode.SOME_FAILED if self.failed or self.misfits else ExitCode.OK


def _smallest(files: Iterable[Done], key: Callable[[Done], float]) -> list[Done]:
    return heapq.nsmallest(N_LISTED, files, key=key)


def write_combined(report: Report, run: RunInfo, folder: Place | None) -> list[str]:
    """Write what covers the whole run.

    Args:
        report: over all inputs, in their order.
        run: what was known of it before.
        folder: where results are; None: they were printed, and there is nothing to write.

    Returns:
        A sentence, without its full stop, for each thing that one of them had no room for.

    Raises:
        OutputUnwritable: one of them can't be written.
    """
    if folder is None:
        return []
    seconds = round(report.seconds, 3)
    run = replace(run, interrupted=report.interrupted, seconds=seconds)
    run, left_out = _write(folder, report, run)
    if isinstance(folder, Path):
        lines = (json.dumps(one).encode() + b"\n" for one in report.inputs)
        write_file(folder / INPUTS, lines)
    report.audit = run.audit.sentence if run.audit else ""
    return left_out


def rewrite_combined(folder: Path, journal: Journal) -> list[str]:
    """Write what covers the last run anew, of results that have changed since; as `write_combined`.

    Raises:
        InputUnreadable: no run has ended there, or what it left is damaged.
        OutputUnwritable: one of them can't be written.
    """
    try:
        run, report = read_run_info(folder), Report()
        for done in run_inputs(folder, journal):
            report.add(done)
        return _write(folder, report, run)[1]
    except (OSError, ValueError, KeyError, TypeError) as error:
        sentence = f"{folder}: is no folder of results, or is damaged: {error}"
        raise InputUnreadable(sentence, "Scan into it again.") from error


def run_inputs(folder: Path, journal: Journal) -> Iterator[Done]:
    """Yield how each input of the last run into a folder ended, in order.

    Raises:
        OSError: no run has ended there.
        ValueError: what it left is damaged.
    """
    for file, error in input_names(folder):
        if done := journal[file] if error is None else Done(file, error=error):
            yield done


def input_names(folder: Path) -> Iterator[tuple[str, str | None]]:
    """Yield the name of each input of the last run into a folder, in order, and why it is none.

    That is None for what is a file, whether it could be read or not.

    Raises:
        OSError: no run has ended there.
        ValueError: what it left is damaged.
    """
    with (folder / INPUTS).open("rb") as lines:
        for line in lines:
            file, error = json.loads(line)
            yield file, error


def _write(folder: Place, report: Report, run: RunInfo) -> tuple[RunInfo, list[str]]:
    """Write the combined files of a run; return what run.json says, and what had no room."""
    settings, left_out = run.settings, list[str]()
    if "csv" in settings.formats:
        header = header_row(settings.excel).encode()
        write_file(folder / "numbers.csv", _joined_csv(folder, report.files, "csv", header))
    else:
        _forget(folder / "numbers.csv")
    if settings.fields:
        header = form_header(settings.fields, settings.excel).encode()
        write_file(folder / "forms.csv", _joined_csv(folder, report.files, "form.csv", header))
    else:
        _forget(folder / "forms.csv")
    if isinstance(folder, Path):  # a store gets no workbook
        if "xlsx" in settings.formats:
            left_out = _write_workbook(folder, report, settings.fields, settings.decimal)
        else:
            _forget(folder / "numbers.xlsx")
            remove_folder(folder / PICTURES)
    write_file(folder / "errors.csv", error_rows(report.unread, settings.excel).encode())
    run = replace(
        run,
        counts=report.counts,
        decided=run_decisions_digest(report.decided),
        audit=_audit_summary(folder, run),
    )
    write_run_info(folder, run)
    return run, left_out


def _audit_summary(folder: Place, run: RunInfo) -> AuditSummary | None:
    """Return what an audit of this run has come to, None where there is none."""
    kept = read_audit(folder) if isinstance(folder, Path) else None
    return (
        kept.summary if kept and kept.run == audited_run(run) and kept.summary.looked_at else None
    )


def run_decisions_digest(read: Iterable[Done]) -> str:
    """Return what tells the decisions that are in results from others; "" where there are none.

    run.json has it of the combined files, which a review that was killed may have left behind.
    """
    files = [f"{one.file}/{one.decided}" for one in read if one.decided]
    return sha256("\n".join(files).encode("utf-8", "replace")).hexdigest()[:16] if files else ""


def _forget(path: Place) -> None:
    """Remove a combined file that an earlier run left and this one does not write."""
    with suppress(OSError):  # there is none
        path.unlink()


def _joined_csv(folder: Place, files: Sequence[str], ending: str, header: bytes) -> Iterator[bytes]:
    """Yield the lines of every file's CSV of a kind, with one header."""
    yield header
    for content in contents(folder, (f"{file}.{ending}" for file in files)):
        if content.startswith(header):
            yield content.removeprefix(header)
        else:
            yield _widened_rows(content, header.count(b",") + 1)


def _widened_rows(content: bytes, n_columns: int) -> bytes:
    """Return the rows of an earlier version's CSV with the columns that it lacks, blank."""
    rows = list(csv.reader(io.StringIO(content.decode("utf-8"), newline="")))[1:]
    return csv_text([*row, *[""] * (n_columns - len(row))] for row in rows).encode("utf-8")


def _write_workbook(
    folder: Path, report: Report, fields: Sequence[str], decimal: Decimal | None
) -> list[str]:
    """Write numbers.xlsx out of every file's JSON; return what it has no room for."""
    parts, path = folder / _PARTS, folder / "numbers.xlsx"
    remove_folder(parts)  # a killed run's, or a link
    try:
        with unwritable(path):
            parts.mkdir()
            made = parts / "numbers.xlsx"
            results = _illustrated_results(folder, parts, report.files)
            left_out = write_workbook(made, results, report.unread, fields, decimal)
            with made.open("rb") as content:
                atomic.write(path, atomic.file_pieces(content))
    finally:
        remove_folder(parts)
    return [f"{path}: {sentence}" for sentence in left_out]


def _illustrated_results(
    folder: Path, parts: Path, files: Sequence[str]
) -> Iterator[IllustratedResult]:
    """Yield what a workbook shows of each file that was read; its pictures stay till the end."""
    for file in files:
        kept = number_pictures_folder(file)
        for page in sorted((folder / kept).glob("*.zip")):
            with zipfile.ZipFile(page) as pictures:
                pictures.extractall(parts / kept)
        content = (folder / f"{file}.json").read_bytes()
        yield IllustratedResult(from_json(content, file, with_digits=False), parts / kept)

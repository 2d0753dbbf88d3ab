"""The views of a run: numbers.csv, forms.csv, numbers.xlsx, errors.csv and run.json.

They are made of the journal and of each file's results, in the order of the inputs, one at a time.
"""

from __future__ import annotations

import heapq
import json
import platform
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from digitocr.core.document import ModelId
from digitocr.core.errors import (
    ExitCode,
    FormMisfit,
    InputUnreadable,
)
from digitocr.core.settings import (
    Decimal,
    Settings,
)
from digitocr.core.source import Unread, utf8_name
from digitocr.core.version import __version__
from digitocr.export import csv as writers
from digitocr.export.json import from_json
from digitocr.export.xlsx import IllustratedResult, write_workbook
from digitocr.results import audit
from digitocr.results.corrections import (
    Correction,
    in_force,
)
from digitocr.results.file_results import (
    PICTURES,
    Output,
    pictures_of,
    remove_folder,
    unwritable,
    write_file,
)
from digitocr.results.journal import (
    Done,
    Journal,
)
from digitocr.storage import atomic as disk
from digitocr.storage.object_store import (
    Place,
    contents,
    without_secrets,
)

SHOWN = 3  # of the slowest and of the least certain files
INPUTS = ".inputs.jsonl"  # in the output folder: what the views are of, in order
_PARTS = ".numbers.xlsx.parts"  # in the output folder while a workbook is in the making


class ReadWith(NamedTuple):
    """What a run's files are read with, as run.json says it."""

    settings: Settings
    model: ModelId
    review_line: float  # confidence below which numbers are to be reviewed
    field_names: Sequence[str]  # of the form; () where none is read


@dataclass
class Report:
    """What a run comes to: counts, the exit code that they add up to, and what its views show."""

    read: int = 0
    failed: int = 0
    pages: int = 0
    numbers: int = 0
    review: int = 0
    checked: int = 0  # of the numbers, those that a person has decided about
    outdated: int = 0  # decisions about files that have changed since
    audit: str = ""  # what one of its numbers came to, a sentence without its full stop
    misfits: int = 0  # pages that could not be read where others of their file could
    lack_extra: int = 0  # files whose extra is not installed
    doubtful: list[Done] = field(default_factory=list)  # the files least certain, least first
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
        self.outdated += len(decisions) - len(in_force(decisions, done.stamp))
        self.checked += done.n_checked
        self.failed += done.error is not None
        self.read += done.error is None
        self.pages += done.n_pages
        self.numbers += done.n_numbers
        self.review += done.n_review
        self.misfits += len(done.misfits)
        self.lack_extra += done.lacks_extra
        advice = done.advice or (FormMisfit.advice if done.misfits else "")
        if advice and advice not in self.advice:
            self.advice.append(advice)
        if done.n_numbers:
            self.doubtful = _first([*self.doubtful, done], lambda one: one.least or 0.0)
        if done.error is None:
            self.slowest = _first([*self.slowest, done], lambda one: -one.seconds)

    @property
    def counts(self) -> dict[str, int]:
        """Totals, by the names that run.json uses."""
        names = ("read", "failed", "pages", "numbers", "review", "checked")
        return {name: getattr(self, name) for name in names}

    @property
    def exit_code(self) -> ExitCode:
        """How the run ended."""
        if self.interrupted:
            return ExitCode.INTERRUPTED
        if self.lack_extra and self.lack_extra == self.read + self.failed:
            return ExitCode.EXTRA_MISSING
        return ExitCode.SOME_FAILED if self.failed or self.misfits else ExitCode.OK


def _first(files: Iterable[Done], key: Callable[[Done], float]) -> list[Done]:
    return heapq.nsmallest(SHOWN, files, key=key)


def write_combined(
    report: Report,
    inputs: Sequence[str],
    read_with: ReadWith,
    output: Output,
) -> list[str]:
    """Write what covers the whole run.

    Args:
        report: over all inputs, in their order.
        inputs: as typed.
        read_with: what they were read with.
        output: where results are.

    Returns:
        A sentence, without its full stop, for each thing that one of them had no room for.

    Raises:
        OutputUnwritable: one of them can't be written.
    """
    if output.folder is None:
        return []
    about = _about_run(report, inputs, read_with, output)
    left_out = _write(output.folder, report, about)
    if isinstance(output.folder, Path):
        lines = (json.dumps(one).encode() + b"\n" for one in report.inputs)
        write_file(output.folder / INPUTS, lines)
    report.audit = about["audit"]["sentence"] if about["audit"] else ""
    return left_out


def rewrite_combined(folder: Path, journal: Journal) -> list[str]:
    """Write what covers the last run anew, of results that have changed since; as `write_combined`.

    Raises:
        InputUnreadable: no run has ended there, or what it left is damaged.
        OutputUnwritable: one of them can't be written.
    """
    try:
        about = json.loads((folder / "run.json").read_bytes())
        report = Report()
        for done in run_inputs(folder, journal):
            report.add(done)
        return _write(folder, report, about | report.counts)
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


def _write(folder: Place, report: Report, about: dict[str, Any]) -> list[str]:
    """Write the views of a run that `about`, for run.json, says all else of."""
    settings, left_out = about["settings"], list[str]()
    formats, excel, fields = (settings.get(key) for key in ("formats", "excel", "fields"))
    if "csv" in formats:
        header = writers.header_row(excel).encode()
        write_file(folder / "numbers.csv", _joined(folder, report.files, "csv", header))
    else:
        _forget(folder / "numbers.csv")
    if fields:
        header = writers.form_header(fields, excel).encode()
        write_file(folder / "forms.csv", _joined(folder, report.files, "form.csv", header))
    else:
        _forget(folder / "forms.csv")
    if isinstance(folder, Path):  # a store gets no workbook
        if "xlsx" in formats:
            decimal = settings["decimal"]
            left_out = _write_workbook(folder, report, fields or (), decimal)
        else:
            _forget(folder / "numbers.xlsx")
            remove_folder(folder / PICTURES)
    errors = writers.error_rows(report.unread, excel)
    write_file(folder / "errors.csv", errors.encode())
    about["decided"] = decided(report.decided)
    about["audit"] = _audit(folder, about)
    write_file(folder / "run.json", json.dumps(about, indent=1, ensure_ascii=False).encode())
    return left_out


def _audit(folder: Place, about: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what an audit of this run has come to, None where there is none."""
    kept = audit.kept(folder) if isinstance(folder, Path) else None
    if kept and kept["run"] == audit.audited(about) and kept["summary"].get("looked_at"):
        summary: dict[str, Any] = kept["summary"]
        return summary
    return None


def decided(read: Iterable[Done]) -> str:
    """Return what tells the decisions that are in results from others; "" where there are none.

    run.json has it of the views, which a review that was killed may have left behind.
    """
    shown = [f"{one.file}/{one.decided}" for one in read if one.decided]
    return sha256("\n".join(shown).encode("utf-8", "replace")).hexdigest()[:16] if shown else ""


def _forget(path: Place) -> None:
    """Remove a view that an earlier run left and this one does not write: it would be old."""
    with suppress(OSError):  # there is none
        path.unlink()


def _joined(folder: Place, files: Sequence[str], ending: str, header: bytes) -> Iterator[bytes]:
    """Yield the lines of every file's CSV of a kind, with one header."""
    yield header
    for content in contents(folder, (f"{file}.{ending}" for file in files)):
        yield content.removeprefix(header)


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
            shown = _illustrated_results(folder, parts, report.files)
            left_out = write_workbook(made, shown, report.unread, fields, decimal)
            with made.open("rb") as content:
                disk.write(path, disk.pieces(content))
    finally:
        remove_folder(parts)
    return [f"{path}: {sentence}" for sentence in left_out]


def _illustrated_results(
    folder: Path, parts: Path, files: Sequence[str]
) -> Iterator[IllustratedResult]:
    """Yield what a workbook shows of each file that was read; its pictures stay till the end."""
    for file in files:
        kept = pictures_of(file)
        for page in sorted((folder / kept).glob("*.zip")):
            with zipfile.ZipFile(page) as pictures:
                pictures.extractall(parts / kept)
        content = (folder / f"{file}.json").read_bytes()
        yield IllustratedResult(from_json(content, file, with_digits=False), parts / kept)


def _about_run(
    report: Report, inputs: Sequence[str], read_with: ReadWith, output: Output
) -> dict[str, Any]:
    settings, model = read_with.settings, read_with.model
    return {
        "digitocr": __version__,
        "model": {"name": model.name, "sha256": model.sha256},
        "inputs": [utf8_name(without_secrets(text)) for text in inputs],
        "settings": {
            "max_error": settings.max_error,
            "min_confidence": read_with.review_line,
            "second_opinion": settings.second_opinion,
            "decimal": settings.decimal,
            "known": {part: text for part, text in asdict(settings.constraints).items() if text},
            "pages": settings.pages,
            "dpi": settings.dpi,
            "limits": asdict(settings.limits),
            **(_about_form(settings.form, read_with.field_names) if settings.form else {}),
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


def _about_form(form: Path, field_names: Sequence[str]) -> dict[str, Any]:
    return {"form": utf8_name(str(form)), "fields": list(field_names)}

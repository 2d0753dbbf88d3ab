"""The unit of work: read one file, write its results, and say how it ended."""

from __future__ import annotations

import hashlib
import platform
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import MappingProxyType

import cv2
import numpy as np

from digitocr.core.document import (
    FileResult,
)
from digitocr.core.errors import (
    DigitocrError,
    ExtraMissing,
    InputTooLarge,
    ModelUnreadable,
    OutputUnwritable,
    with_names,
)
from digitocr.core.settings import Settings, list_and_column
from digitocr.core.source import Source, Unread
from digitocr.core.version import __version__
from digitocr.pipeline.scan import Scanner
from digitocr.results.apply_corrections import corrected_page
from digitocr.results.corrections import (
    Correction,
    decisions_digest,
    valid_corrections,
)
from digitocr.results.file_results import (
    FileResultsWriter,
    Output,
    text_of,
)
from digitocr.results.journal import (
    Done,
    Stamp,
    with_counts,
)
from digitocr.results.run_info import RunInfo, new_run_info
from digitocr.runs.executors import ExecutorBroken, go_on

_NO_NAMES: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Job:
    """What is done with every file of a run."""

    settings: Settings
    output: Output
    model: str  # of the weights file, SHA-256
    fingerprint: str  # of the settings (`fingerprint`)
    versions: str  # of what reads (`versions`)
    # How the command that is being run calls settings (`with_names`): pairs.
    option_names: tuple[tuple[str, str], ...] = ()
    # It is done on other machines, whose disks the journal's process can't see to.
    elsewhere: bool = False

    def worded(self, sentence: str) -> str:
        """Return a sentence with the names that settings have where it is read."""
        return with_names(sentence, dict(self.option_names))


def job_of(scanner: Scanner, output: Output, option_names: Mapping[str, str] = _NO_NAMES) -> Job:
    """Return what is to be done, by this process and others; this one has its scanner already.

    Args:
        scanner: what files are read with.
        output: where results go.
        option_names: how settings are called where sentences about files are read.
    """
    return Job(
        scanner.settings,
        output,
        scanner.model.id.sha256,
        fingerprint(scanner, output),
        versions(),
        tuple(option_names.items()),
    )


def versions() -> str:
    """Return the versions of the packages that results depend on."""
    return f"digitocr {__version__}, NumPy {np.__version__}, OpenCV {cv2.__version__}"


_scanners: dict[Job, Scanner] = {}  # of this process: one at the most


def keep_scanner(job: Job, scanner: Scanner) -> None:
    """Have this process read the files of a job with a scanner that it has."""
    _scanners.clear()
    _scanners[job] = scanner


def scanner_of(job: Job) -> Scanner:
    """Return what this process reads the files of a job with; it is made once.

    Raises:
        DigitocrError: as `same_scanner`.
    """
    if job not in _scanners:
        keep_scanner(job, same_scanner(job))
    return _scanners[job]


def same_scanner(job: Job) -> Scanner:
    """Return a scanner that reads as that of the process, maybe on another machine, that began.

    Raises:
        ExecutorBroken: it would not, or the files that it needs are not there.
        ModelUnreadable: its model is another.
        OutputUnwritable: the output folder is not there.
    """
    here, settings, advice = platform.node(), job.settings, "Every machine needs the same install."
    if job.versions != versions():
        sentence = f"{here}: has {versions()}, and the run began with {job.versions}"
        raise ExecutorBroken(sentence, advice)
    advice = "Put what all machines need on storage that all of them see by the same path."
    try:
        scanner = Scanner(settings)
        own_fingerprint = fingerprint(scanner, job.output)
    except (OSError, DigitocrError) as error:
        raise ExecutorBroken(f"{here}: {error}", advice) from error
    if scanner.model.id.sha256 != job.model:
        raise ModelUnreadable(f"{here}: {settings.model}: is not the model that the run began with")
    if own_fingerprint != job.fingerprint:
        raise ExecutorBroken(f"{here}: has other form files or lists of numbers", advice)
    if isinstance(job.output.folder, Path) and not job.output.folder.is_dir():
        raise OutputUnwritable(f"{here}: {job.output.folder}: is not there", advice)
    return scanner


def run_info(inputs: Sequence[str], scanner: Scanner, output: Output) -> RunInfo:
    """Return what run.json says of a run before it has ended; `inputs` are as typed."""
    return new_run_info(
        inputs,
        scanner.settings,
        output,
        scanner.model.id,
        scanner.review_line,
        scanner.field_names,
    )


def prepare(job: Job) -> None:
    """Load what all files of a run need; what is wrong with it `read_file` says."""
    with suppress(Exception):
        scanner_of(job)


def fingerprint(scanner: Scanner, output: Output) -> str:
    """Return a hash of all but the model and the input that results depend on.

    It covers what the settings name, too: the form with its picture, and the lists of numbers.
    Limits are left out: files beyond them have no results, and they are raised to read these.

    Raises:
        OSError: a list is not there.
    """
    settings, form = scanner.settings, scanner.form
    about = asdict(settings) | {"model": None, "limits": None, "version": __version__}
    about |= {"output": (output.formats, output.annotate, output.excel)}
    digest = hashlib.sha256(repr(about).encode("utf-8", "surrogateescape"))
    constraints = [settings.constraints]
    if settings.form and form:
        constraints += [field.constraints for field in form.fields]
        digest.update(settings.form.read_bytes())
        digest.update(form.reference.gray.tobytes() if form.reference else b"")
    for listed in sorted({one.listed for one in constraints if one.listed}):
        digest.update(list_and_column(listed)[0].read_bytes())
    return digest.hexdigest()[:16]


def stamp(source: Source, job: Job) -> Stamp | None:
    """Return what the results of a file depend on, None where that can't be told or reached."""
    if remote := source.remote:  # as it was when it was found: to ask again would take a request
        size, version = remote.size or 0, remote.version
        return Stamp(size, 0, job.fingerprint, job.model, version) if version else None
    try:
        found = source.path.stat() if source.path else None
    except OSError:
        return None
    return found and Stamp(found.st_size, found.st_mtime_ns, job.fingerprint, job.model)


def place(source: Source) -> str:
    """Return where a file is on this machine, for who wants to see it later; "" for others."""
    return str(source.path.absolute()) if source.path else ""


def read_file(source: Source, job: Job, decisions: Sequence[Correction] = ()) -> tuple[Done, str]:
    """Read one file; write its results into the output folder, or return them as text.

    Args:
        source: the file.
        job: what is done with it.
        decisions: of a person about its numbers; those that hold are put over what is read.

    Raises:
        ExecutorBroken: this process would read otherwise than the one that the run began in.
        ModelUnreadable: the model is not the one that the run began with.
        OutputUnwritable: results can't be written, whatever the file.
    """
    scanner = scanner_of(job)
    start, text = time.perf_counter(), ""
    # Before it is read: it may change meanwhile.
    done = Done(source.name, stamp(source, job), place(source))
    results = _results(source, job, scanner.field_names)
    try:
        held = valid_corrections(decisions, done.stamp)
        result = _read_result(source, scanner, results, held)
        if results:
            results.write(result)
            done = replace(done, written=results.written)
        else:
            text = text_of(result, job.output, scanner.field_names)
        done = with_counts(replace(done, decided=decisions_digest(held)), result)
    except (OutputUnwritable, ModelUnreadable):
        raise
    except DigitocrError as error:
        lacks_extra = isinstance(error, ExtraMissing)
        sentence, advice = job.worded(str(error)), job.worded(error.advice)
        done = replace(done, error=sentence, advice=advice, lacks_extra=lacks_extra)
    except MemoryError:
        done = replace(done, error=too_much(job), advice=InputTooLarge.advice)
    except Exception as error:  # a bug met on one file must not cost the others
        sentence = f"unexpected {type(error).__name__}: {error}"
        advice = job.worded("Report what was unexpected; Run.verbose shows where it was met.")
        done = replace(done, error=sentence, advice=advice, trace=traceback.format_exc())
    if results and done.error is not None:
        results.forget()
    return replace(done, seconds=round(time.perf_counter() - start, 4)), text


def lost_file(source: Source, job: Job, why: str) -> Done:
    """Return that a file was not read, because the process that was to do it died or hung."""
    if results := _results(source, job):
        results.forget()
    advice = "Leave out what ends the process that reads it; raise Run.timeout for what takes long."
    error, advice = job.worded(why), job.worded(advice)
    return Done(source.name, stamp(source, job), place(source), error=error, advice=advice)


def too_much(job: Job) -> str:
    """Return the sentence about a file for which memory ran out."""
    most = job.settings.limits.process // 10**6
    return f"takes more memory than there is, or than {most} MB"


def not_read(one: Unread, job: Job) -> Done:
    """Return how it ended with what is no file to read."""
    return Done(one.file, error=job.worded(one.error), advice=job.worded(one.advice))


def _results(source: Source, job: Job, field_names: Sequence[str] = ()) -> FileResultsWriter | None:
    """Return what writes the results of a file, None where they go to stdout."""
    folder = job.output.folder
    if folder is None:
        return None
    return FileResultsWriter(
        folder,
        source.name,
        job.output,
        field_names,
        some_pages=job.settings.pages is not None,
        safe=job.elsewhere,
    )


def _read_result(
    source: Source,
    scanner: Scanner,
    results: FileResultsWriter | None,
    decisions: Sequence[Correction],
) -> FileResult:
    """Return what is in a file, with decisions put over it; write its pages' pictures."""
    pages = []
    for page, reading in scanner.pages(source):
        result = corrected_page(reading, [one for one in decisions if one.page == page.number])
        pages.append(result)
        if results:
            results.write_page(page, result)
        go_on()
    return scanner.result(source, pages)

"""The unit of work: read one file, write its results, and say how it ended."""

from __future__ import annotations

import hashlib
import platform
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

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
)
from digitocr.core.settings import Settings
from digitocr.core.source import Source
from digitocr.core.version import __version__
from digitocr.forms.template import load_form
from digitocr.pipeline.scan import file_result, scan_pages
from digitocr.recognition.model import (
    Model,
    load_model,
)
from digitocr.results.corrections import (
    Correction,
    corrected_page,
    digest,
    in_force,
)
from digitocr.results.file_results import (
    FileResultsWriter,
    Output,
    text_of,
)
from digitocr.results.journal import (
    Done,
    Stamp,
    counted,
)
from digitocr.runs import executors as executors


@dataclass(frozen=True, slots=True)
class Job:
    """What is done with every file of a run."""

    settings: Settings
    output: Output
    model: str  # of the weights file, SHA-256
    fingerprint: str  # of the settings (`fingerprint`)
    versions: str  # of what reads (`versions`)
    # It is done on other machines, whose disks the journal's process can't see to.
    elsewhere: bool = False


def job(settings: Settings, model: Model, output: Output) -> Job:
    """Return what is to be done, by this process and others."""
    known = fingerprint(settings, output)
    return Job(settings, output, model.id.sha256, known, versions())


def versions() -> str:
    """Return the versions of the packages that results depend on."""
    return f"digitocr {__version__}, NumPy {np.__version__}, OpenCV {cv2.__version__}"


@lru_cache(maxsize=1)
def check_same(job: Job) -> None:
    """See that this process, maybe on another machine, reads as the one that the run began in.

    Raises:
        EngineBroken: it would not, or the files that it needs are not there.
        ModelUnreadable: its model is another.
        OutputUnwritable: the output folder is not there.
    """
    here, settings, advice = platform.node(), job.settings, "Every machine needs the same install."
    if job.versions != versions():
        sentence = f"{here}: has {versions()}, and the run began with {job.versions}"
        raise executors.ExecutorBroken(sentence, advice)
    advice = "Put what all machines need on storage that all of them see by the same path."
    try:
        model, known = load_model(settings.model), fingerprint(settings, job.output)
    except (OSError, DigitocrError) as error:
        raise executors.ExecutorBroken(f"{here}: {error}", advice) from error
    if model.id.sha256 != job.model:
        raise ModelUnreadable(f"{here}: {settings.model}: is not the model that the run began with")
    if known != job.fingerprint:
        raise executors.ExecutorBroken(f"{here}: has other form files or lists of numbers", advice)
    if isinstance(job.output.folder, Path) and not job.output.folder.is_dir():
        raise OutputUnwritable(f"{here}: {job.output.folder}: is not there", advice)


def prepare(job: Job) -> None:
    """Load what all files of a run need; what is wrong with it `read` says."""
    with suppress(Exception):
        check_same(job)


def fingerprint(settings: Settings, output: Output) -> str:
    """Return a hash of all but the model and the input that results depend on.

    It covers what the settings name, too: the form with its picture, and the lists of numbers.
    Limits are left out: files beyond them have no results, and they are raised to read these.

    Raises:
        OSError: a list is not there.
    """
    about = asdict(settings) | {"model": None, "limits": None, "version": __version__}
    about |= {"output": (output.formats, output.annotate, output.excel)}
    digest = hashlib.sha256(repr(about).encode("utf-8", "surrogateescape"))
    known = [settings.known]
    if settings.form:
        form = load_form(settings.form)
        known += [field.known for field in form.fields]
        digest.update(settings.form.read_bytes())
        digest.update(form.reference.gray.tobytes() if form.reference else b"")
    for listed in sorted({one.listed for one in known if one.listed}):
        digest.update(Path(listed.rpartition(":")[0]).read_bytes())
    return digest.hexdigest()[:16]


def stamp(source: Source, job: Job) -> Stamp | None:
    """Return what the results of a file depend on, None where that can't be told or reached."""
    if remote := source.remote:  # as it was when it was found: to ask again would take a request
        size, known = remote.size or 0, remote.version
        return Stamp(size, 0, job.fingerprint, job.model, known) if known else None
    try:
        found = source.path.stat() if source.path else None
    except OSError:
        return None
    return found and Stamp(found.st_size, found.st_mtime_ns, job.fingerprint, job.model)


def place(source: Source) -> str:
    """Return where a file is on this machine, for who wants to see it later; "" for others."""
    return str(source.path.absolute()) if source.path else ""


def read(source: Source, job: Job, decisions: Sequence[Correction] = ()) -> tuple[Done, str]:
    """Read one file; write its results into the output folder, or return them as text.

    Args:
        source: the file.
        job: what is done with it.
        decisions: of a person about its numbers; those that hold are put over what is read.

    Raises:
        EngineBroken: this process would read otherwise than the one that the run began in.
        ModelUnreadable: the model is not the one that the run began with.
        OutputUnwritable: results can't be written, whatever the file.
    """
    check_same(job)
    start, text = time.perf_counter(), ""
    # Before it is read: it may change meanwhile.
    done = Done(source.name, stamp(source, job), place(source))
    results = _results(source, job)
    try:
        held = in_force(decisions, done.stamp)
        result = _read(source, job, results, held)
        if results:
            results.write(result)
            done = replace(done, written=results.written)
        else:
            text = text_of(result, job.output, field_names(job.settings))
        done = counted(replace(done, decided=digest(held)), result)
    except (OutputUnwritable, ModelUnreadable):
        raise
    except DigitocrError as error:
        lacks_extra = isinstance(error, ExtraMissing)
        done = replace(done, error=str(error), advice=error.advice, lacks_extra=lacks_extra)
    except MemoryError:
        done = replace(done, error=too_much(job), advice=InputTooLarge.advice)
    except Exception as error:  # a bug met on one file must not cost the others
        sentence = f"unexpected {type(error).__name__}: {error}"
        advice = "Report what was unexpected; --verbose shows where it was met."
        done = replace(done, error=sentence, advice=advice, trace=traceback.format_exc())
    if results and done.error is not None:
        results.forget()
    return replace(done, seconds=round(time.perf_counter() - start, 4)), text


def lost(source: Source, job: Job, why: str) -> Done:
    """Return that a file was not read, because the process that was to do it died or hung."""
    if results := _results(source, job):
        results.forget()
    advice = "Leave out what ends the process that reads it; raise --timeout for what takes long."
    return Done(source.name, stamp(source, job), place(source), error=why, advice=advice)


def too_much(job: Job) -> str:
    """Return the sentence about a file for which memory ran out."""
    most = job.settings.limits.process // 10**6
    return f"takes more memory than there is, or than {most} MB"


def _results(source: Source, job: Job) -> FileResultsWriter | None:
    folder = job.output.folder
    if folder is None:
        return None
    return FileResultsWriter(
        folder,
        source.name,
        job.output,
        field_names(job.settings),
        some_pages=job.settings.pages is not None,
        safe=job.elsewhere,
    )


def field_names(settings: Settings) -> tuple[str, ...]:
    """Return the names of the form's fields; () where no form is read."""
    form = load_form(settings.form) if settings.form else None
    return tuple(field.name for field in form.fields) if form else ()


def _read(
    source: Source, job: Job, results: FileResultsWriter | None, decisions: Sequence[Correction]
) -> FileResult:
    """Return what is in a file, with decisions put over it; write its pages' pictures."""
    model = load_model(job.settings.model)
    if model.id.sha256 != job.model:
        raise ModelUnreadable(f"{job.settings.model}: has changed while it was in use")
    pages = []
    for page, reading in scan_pages(source, job.settings, model):
        result = corrected_page(reading, [one for one in decisions if one.page == page.number])
        pages.append(result)
        if results:
            results.write_page(page, result)
        executors.go_on()
    return file_result(source, model, pages)

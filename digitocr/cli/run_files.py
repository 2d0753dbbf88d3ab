"""What `digitocr scan` and `watch` do: read all, show how it goes, write what it came to."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from digitocr.cli.console import (
    printable,
    say,
    say_lines,
    warn,
)
from digitocr.cli.options import OPTION_NAMES
from digitocr.core.errors import (
    ExitCode,
    NothingToRead,
    counted,
    with_names,
)
from digitocr.core.source import (
    Source,
    Unread,
)
from digitocr.inputs.discover import find_sources
from digitocr.pipeline.scan import Scanner
from digitocr.results.combined import write_combined
from digitocr.results.file_results import print_text, text_header
from digitocr.runs.batch import Batch
from digitocr.runs.executors import cores
from digitocr.runs.job import run_info
from digitocr.runs.signals import interruptible
from digitocr.storage.places import check_folder

if TYPE_CHECKING:
    from digitocr.cli.options import ScanOptions
    from digitocr.results.combined import Report
    from digitocr.results.file_results import Output
    from digitocr.results.journal import Done
    from digitocr.runs.watch import Watch


class Manner(NamedTuple):
    """How a run over many files goes about it."""

    workers: int | None  # None: as many as cores
    timeout: float | None  # seconds
    cluster: str | None  # the address of a Dask scheduler
    restart: bool
    verbose: bool
    quiet: bool


def scanner(reading: ScanOptions) -> Scanner:
    """Return what files are read with, as options say."""
    return Scanner(reading.settings())


def found_in(inputs: list[str], target: Output, follow: bool) -> list[Source | Unread]:
    """Return what there is to read; raise NothingToRead where nothing is."""
    found = [_with_option_names(one) for one in find_sources(inputs, target.folder, follow=follow)]
    if not any(isinstance(one, Source) for one in found):
        for one in found:
            if isinstance(one, Unread):
                say(f"error: {one.file}: {one.error}.")
        raise NothingToRead(f"nothing to read in {', '.join(inputs)}")
    return found


def _with_option_names(one: Source | Unread) -> Source | Unread:
    """Return what was found, in terms of options where it can't be read."""
    if isinstance(one, Source):
        return one
    error, advice = (with_names(text, OPTION_NAMES) for text in (one.error, one.advice))
    return replace(one, error=error, advice=advice)


def show_plan(found: list[Source | Unread]) -> ExitCode:
    """Print what would be read, a name a line; return what reading it could end with at best."""
    code = ExitCode.OK
    for one in found:
        if isinstance(one, Unread):
            code = ExitCode.SOME_FAILED
            say(f"error: {one.file}: {one.error}.")
        else:
            print(printable(one.name))
    return code


def _silent(text: str) -> None:
    """Say nothing."""


def scan_all(
    inputs: list[str],
    found: list[Source | Unread],
    scanner: Scanner,
    target: Output,
    manner: Manner,
) -> Report:
    """Read all inputs, write all results, show how it went."""
    start = time.perf_counter()
    if target.folder:
        check_folder(target.folder)
    else:
        print_text(text_header(target, scanner.field_names))
    workers = manner.workers or cores()
    with (
        Batch(found, scanner, target, restart=manner.restart, option_names=OPTION_NAMES) as run,
        interruptible(_silent if manner.quiet else say) as stop,
    ):
        with run.executor(workers, manner.timeout, manner.cluster) as executor:
            run.begin(executor)
            run.plan()
            for note in run.notes if not manner.quiet else ():
                say(f"{note}.")
            for one in _maybe_with_progress(run.work(executor, stop), run.left, manner.quiet):
                _say_done(one, counts=manner.verbose, trace=manner.verbose)
        run.finish()
        report = run.report
        report.interrupted, report.seconds = stop.is_set(), time.perf_counter() - start
        left_out = write_combined(report, run_info(inputs, scanner, target), target.folder)
    for sentence in left_out:
        warn(sentence)
    if not manner.quiet:
        from digitocr.cli.report import summary

        where = "stdout" if target.folder is None else str(target.folder)
        summary(report, scanner.review_line, where)
    return report


def _maybe_with_progress(done: Iterator[Done], total: int, quiet: bool) -> Iterator[Done]:
    """Return what was done, with a progress bar where stderr is a terminal."""
    if quiet or not (sys.stderr and sys.stderr.isatty()):
        return done
    from digitocr.cli.report import with_progress

    return with_progress(done, total)


def watch_on(watching: Watch, manner: Manner) -> Report:
    """Read what comes, and show how each file ended."""
    from digitocr.runs.signals import ended_by_sigterm

    tell = _silent if manner.quiet else say
    with interruptible(tell) as stop, ended_by_sigterm(stop, tell) as asked:
        tell("Watching; Ctrl-C ends it.")  # once signals end it as they should
        for one in watching.work(manner.workers or cores(), manner.timeout, stop):
            _say_done(one, counts=not manner.quiet, trace=manner.verbose)
        return watching.finish(interrupted=not asked.is_set())


def _say_done(done: Done, counts: bool, trace: bool) -> None:
    """Say how one file ended: always that it failed, else only where its counts are wanted."""
    if done.error:
        say(f"error: {done.file}: {done.error}.")
        if trace:
            say_lines(done.trace)
    for misfit in done.misfits:
        say(f"error: {done.file}: {misfit}.")
    if counts and not done.error:
        found = f"{counted(done.n_pages, 'page')}, {counted(done.n_numbers, 'number')}"
        silent = f", {done.n_silent} with ink but no number" if done.n_silent else ""
        say(f"{done.file}: {found}{silent}, {done.n_review} to review, {done.seconds:.2f} s")

"""Read what is dropped into a folder, as it comes, until asked to end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, wait
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Event
from types import MappingProxyType

from digitocr.core.errors import (
    NothingToRead,
    OutputUnwritable,
    WrongUsage,
    counted,
)
from digitocr.core.source import Source
from digitocr.export.csv import form_header, header_row
from digitocr.inputs.discover import natural_key
from digitocr.pipeline.scan import Scanner
from digitocr.results.combined import (
    Report,
    write_combined,
)
from digitocr.results.corrections import Corrections
from digitocr.results.file_results import (
    Output,
    remove_unfinished,
)
from digitocr.results.guard import refuse_foreign_files
from digitocr.results.journal import (
    Done,
    Journal,
)
from digitocr.runs.archive import Archive
from digitocr.runs.batch import TIMEOUT, Outcome, outcome
from digitocr.runs.inbox import Inbox
from digitocr.runs.job import job_of, not_read, prepare, read_file, run_info, stamp
from digitocr.runs.process_pool import ProcessPool
from digitocr.runs.resume import PresentResults, why_again
from digitocr.storage.places import check_folder

_TICK = 0.2  # seconds that finished files, and the wish to end, wait at the most
# The combined files are written anew no sooner than after so many seconds, and after so many
# times what writing them took: with 100,000 files that is minutes.
_COMBINED_PAUSE, _COMBINED_SHARE = 5.0, 10


class Watch:
    """A folder that fills; the results folder is this process's own until the watch is closed.

    All that the journal knows stays in the combined files: what was read stays read, wherever its
    file has gone. What could not be read leaves them when its file is taken away.
    """

    def __init__(
        self,
        inbox: Inbox,
        scanner: Scanner,
        output: Output,
        archive: Path | None,
        warn: Callable[[str], None],
        option_names: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Begin.

        Args:
            inbox: the folder; it passes over those of results and archive.
            scanner: to read with; workers make their own, of the same settings.
            output: where results go.
            archive: the folder to move what is read into; None: nothing is moved.
            warn: is given sentences about what is not as it should be.
            option_names: how settings are called where sentences about files are read.

        Raises:
            NothingToRead: the folder is not there.
            OutputUnwritable: a folder can't be made or written, another run is writing there, or
                it holds what no run wrote.
            WrongUsage: results are to go to stdout, or files to be moved to where they are.
        """
        if not isinstance(output.folder, Path):
            where = output.folder or "-"
            raise WrongUsage(
                f"Run.output {where}: watch writes files, into a folder of this machine"
            )
        _check_folders(inbox.folder, output.folder, archive)
        refuse_foreign_files(output, ())
        self._folder, self._output = output.folder, output
        self._scanner, self._warn = scanner, warn
        self._job = job_of(scanner, output, option_names)
        self._inbox = inbox
        self._journal = Journal(output.folder)
        self._corrections = Corrections(output.folder, self._journal)
        self._archive = archive and Archive(archive, self._inbox, self._journal, warn)
        self._heads = _heads(scanner.field_names, output)
        self._waiting: dict[Path, Source] = {}  # complete and not begun
        self._reading: dict[Future[Outcome], Source] = {}
        self._failed: dict[str, Path] = {}  # what the journal names as such, and is there
        self._start, self._combined_at = time.perf_counter(), time.monotonic() + _COMBINED_PAUSE
        self._stale = True  # the combined files don't show all that is read
        self._begin_anew()

    def _begin_anew(self) -> None:
        """Tidy up after earlier runs; what they could not read is tried once more."""
        names = self._journal.names()
        remove_unfinished(self._folder, names)
        n_gone = 0
        for name in names:
            done = self._journal[name]
            if done is None or done.error is not None:
                self._journal.forget(name)
            elif not self._fits(done) and not (self._inbox.folder / name).exists():
                n_gone += 1
        if n_gone:
            self._warn(
                f"{self._folder}: the combined files leave out {counted(n_gone, 'file')} of those "
                "read before: the results are gone, or not in the formats wanted now"
            )

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        try:
            self._journal.close()
        except OutputUnwritable:
            if error is None:
                raise

    def work(self, workers: int, timeout: float | None, stop: Event) -> Iterator[Done]:
        """Read what comes until `stop` is set; yield how each file ended.

        Args:
            workers: processes to read with.
            timeout: seconds that a page may take; None for `TIMEOUT`.
            stop: once it is set, files begun are finished and no others begun.

        Raises:
            ExecutorBroken: no process can be started.
            ModelUnreadable: the model has changed.
            OutputUnwritable: results can't be written, whatever the file.
        """
        memory, ready = self._job.settings.limits.process, partial(prepare, self._job)
        with ProcessPool(workers, timeout or TIMEOUT, memory, ready) as executor:
            for changed in _ticks(self._inbox.folder, stop):
                yield from self._take(changed)
                self._begin(executor, workers * executor.ahead)
                yield from self._end()
                if self._stale and time.monotonic() >= self._combined_at:
                    self._write_combined()
            for future in self._reading:
                future.cancel()
            wait(self._reading)
            yield from self._end()

    def _take(self, changed: bool) -> Iterator[Done]:
        """Note what has come or gone; yield what has come and is no file to read."""
        for one in self._inbox.arrivals(changed):
            if isinstance(one, Source):
                self._waiting[_path(one)] = one
            else:
                self._stale = True
                yield not_read(one, self._job)
        gone = [name for name, path in self._failed.items() if not self._inbox.has(path)]
        for name in gone:
            self._journal.forget(name)
            del self._failed[name]
            self._stale = True

    def _begin(self, executor: Executor, most: int) -> None:
        """Have the next files read; those that earlier runs have read are only moved."""
        present = PresentResults(self._folder)
        busy = {_path(source) for source in self._reading.values()}
        for path in [path for path in self._waiting if path not in busy]:
            if len(self._reading) >= most:
                return
            source = self._waiting.pop(path)
            if not self._inbox.as_it_was(source):
                continue  # it has changed or gone, and comes again when it is complete
            if self._archive:
                source = self._archive.named(source)
            if not self._is_done(source, present):
                decisions = self._corrections.of(source.name)
                future = executor.submit(read_file, source, self._job, decisions)
                self._reading[future] = source
            elif self._archive:
                self._archive.put_away(source)

    def _is_done(self, source: Source, present: PresentResults) -> bool:
        done = self._journal[source.name]
        now = stamp(source, self._job)
        if done is None or done.error is not None:
            return done is not None and done.stamp == now
        decisions = self._corrections.valid(source.name, now)
        return why_again(present, done, now, decisions) is None and self._fits(done)

    def _end(self) -> Iterator[Done]:
        """Note and yield how files ended; move those that were read."""
        read = []
        for future in [future for future in self._reading if future.done()]:
            source = self._reading.pop(future)
            if future.cancelled():
                continue
            done, _ = outcome(future, source, self._job)
            if done.error is None:
                read.append(source)
                self._failed.pop(done.file, None)
            elif self._inbox.as_it_was(source):
                self._failed[done.file] = _path(source)
            else:
                continue  # it has changed or gone while it was read
            self._journal.add(done)
            self._stale = True
            yield done
        self._journal.keep_up()
        if read and self._archive:
            self._journal.flush()  # a file that is gone has to be in it
            for source in read:
                self._archive.put_away(source)

    def finish(self, interrupted: bool) -> Report:
        """Write the combined files for the last time; return what they come to."""
        report, left_out = self._write_combined(interrupted)
        for sentence in left_out:
            self._warn(sentence)
        return report

    def _write_combined(self, interrupted: bool = False) -> tuple[Report, list[str]]:
        start = time.monotonic()
        self._journal.flush()
        report = Report(interrupted=interrupted, seconds=time.perf_counter() - self._start)
        names = self._combined_names()
        for done in self._ended_files(names):
            report.add(done, self._corrections.of(done.file))
        inputs = [str(self._inbox.folder)]
        left_out = write_combined(
            report, run_info(inputs, self._scanner, self._output), self._folder
        )
        end = time.monotonic()
        self._stale = False
        self._combined_at = end + max(_COMBINED_PAUSE, _COMBINED_SHARE * (end - start))
        return report, left_out

    def _combined_names(self) -> list[str]:
        """Return the names, in natural order, of the files that the combined files are made of."""
        found = ((name, self._journal[name]) for name in self._journal.names())
        shown = (name for name, done in found if done and (done.error or self._fits(done)))
        return sorted(shown, key=natural_key)

    def _ended_files(self, names: Iterable[str]) -> Iterator[Done]:
        """Yield how files ended, and what is there and is no file to read."""
        for unread in self._inbox.unread:
            yield not_read(unread, self._job)
        for name in names:
            if done := self._journal[name]:
                yield done

    def _fits(self, done: Done) -> bool:
        """Tell whether what is combined is there, and in the formats wanted now."""
        paths = ((self._folder / f"{done.file}.{ending}", head) for ending, head in self._heads)
        return all(_begins(path, head) for path, head in paths)


def _check_folders(inbox: Path, folder: Path, archive: Path | None) -> None:
    """Say now what is wrong with the folders; those to write into are made."""
    if not inbox.is_dir():
        if inbox.exists():
            raise NothingToRead(f"{inbox}: is a file, not a folder", "Name the folder it is in.")
        raise NothingToRead(f"{inbox}: there is no such folder", "Make it, or name another.")
    check_folder(folder)
    if archive is None:
        return
    try:
        check_folder(archive)
    except OutputUnwritable as error:
        raise OutputUnwritable(str(error), "Choose another folder with Run.done.") from error
    if archive.samefile(inbox):
        raise WrongUsage(f"Run.done {archive}: is the folder that is watched")


def _heads(field_names: Sequence[str], output: Output) -> list[tuple[str, bytes]]:
    """Return the endings of what is combined, and what each such file begins with."""
    heads = []
    if "csv" in output.formats:
        heads.append(("csv", header_row(output.excel)))
    if field_names:
        heads.append(("form.csv", form_header(field_names, output.excel)))
    if "xlsx" in output.formats:
        heads.append(("json", "{"))
    return [(ending, head.encode()) for ending, head in heads]


def _begins(path: Path, head: bytes) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(head)) == head
    except OSError:
        return False


def _path(source: Source) -> Path:
    """Return where a file is; all that are found in a folder have a path."""
    return source.path or Path(source.name)


def _ticks(folder: Path, stop: Event) -> Iterator[bool]:
    """Yield every moment until `stop` is set, True where something has changed in a folder."""
    import watchfiles

    tick = round(1000 * _TICK)  # milliseconds
    with suppress(OSError, RuntimeError):  # it is gone, or the system watches no more folders
        for changes in watchfiles.watch(
            folder, watch_filter=None, debounce=tick, stop_event=stop, rust_timeout=tick,
            yield_on_timeout=True, ignore_permission_denied=True,
        ):  # fmt: skip
            yield bool(changes)
    while not stop.wait(_TICK):
        yield False

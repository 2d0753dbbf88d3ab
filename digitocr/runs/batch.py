"""Many files: have what is left to do done by an executor, keep the journal, count."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event
from types import MappingProxyType, TracebackType

from digitocr.core.errors import OutputUnwritable
from digitocr.core.source import (
    Source,
    Unread,
)
from digitocr.pipeline.scan import Scanner
from digitocr.results import journal
from digitocr.results.combined import Report
from digitocr.results.corrections import (
    Correction,
    Corrections,
)
from digitocr.results.file_results import (
    Output,
    print_text,
    remove_unfinished,
)
from digitocr.results.guard import refuse_foreign_files
from digitocr.results.journal import (
    Done,
    Journal,
)
from digitocr.results.store_journal import StoreJournal
from digitocr.runs.executors import FileExecutor, InPlace, Lost
from digitocr.runs.job import (
    Job,
    job_of,
    keep_scanner,
    lost_file,
    not_read,
    prepare,
    read_file,
    stamp,
    too_much,
)
from digitocr.runs.resume import left_to_do
from digitocr.storage.object_store import (
    Place,
    StorePath,
)

TIMEOUT = 120.0  # seconds a page; the largest that is accepted takes less than half of it
# Files begun and not yet counted, for each worker: where results are printed in order, those behind
# a slow file wait for it, and their texts take memory.
_AHEAD_IN_ORDER = 16

Outcome = tuple[Done, str]


class Batch:
    """A run over many files; its journal is open and its folder is its own until it is closed."""

    def __init__(
        self,
        found: Sequence[Source | Unread],
        scanner: Scanner,
        output: Output,
        *,
        restart: bool = False,
        option_names: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Open the journal; `plan` finds out what is left to do.

        Args:
            found: the inputs, in order.
            scanner: to read with; workers make their own, of the same settings.
            output: where results go; a folder is there.
            restart: forget earlier runs.
            option_names: how settings are called where sentences about files are read.

        Raises:
            OutputUnwritable: the folder can't be written, another run is writing there, or it holds
                what no run wrote.
        """
        self.report = Report()
        self.notes: list[str] = []  # sentences about what is read again
        self._found = found
        self._scanner, self._output = scanner, output
        self._job = job_of(scanner, output, option_names)
        self._journal: Journal | None = None
        self._corrections: Corrections | None = None  # stores have none
        self._todo = [one for one in found if isinstance(one, Source)]
        self._reading: dict[Future[Outcome], Source] = {}
        if output.folder:
            names = [one.name for one in self._todo]
            refuse_foreign_files(output, names)
            self._journal = _journal_of(output.folder, names, restart)
            if isinstance(output.folder, Path):
                self._corrections = Corrections(output.folder, self._journal)

    def __enter__(self) -> Batch:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if self._journal:
                self._journal.close()
        except OutputUnwritable:
            if error is None:
                raise

    @property
    def left(self) -> int:
        """How many inputs are yet to be read, or named because they can't be."""
        return len(self._todo) + len(self._unread_done())

    def _unread_done(self) -> list[Done]:
        return [not_read(one, self._job) for one in self._found if isinstance(one, Unread)]

    def executor(
        self, workers: int, timeout: float | None, cluster: str | None = None
    ) -> FileExecutor:
        """Return what reads; it starts while it is found out what has been done already.

        One file alone is read in this process, unless it is to be given up after some time: a
        process of its own takes longer to start than most files to read.

        Args:
            workers: processes to read with.
            timeout: seconds that a page may take; None for `TIMEOUT`.
            cluster: the address of a Dask scheduler, whose workers read instead.

        Raises:
            ExecutorBroken: the cluster can't be reached.
            ExtraMissing: Dask is not installed.
        """
        self._job = replace(self._job, elsewhere=cluster is not None)
        memory, ready = self._job.settings.limits.process, partial(prepare, self._job)
        if cluster:
            from digitocr.runs.dask_executor import DaskExecutor

            return DaskExecutor(cluster, timeout or TIMEOUT, memory, ready)
        if len(self._found) == 1 and timeout is None:
            keep_scanner(self._job, self._scanner)
            return InPlace()
        from digitocr.runs.process_pool import ProcessPool

        few, at_once = min(workers, len(self._todo)), min(workers, self._surely_left())
        return ProcessPool(few, timeout or TIMEOUT, memory, ready, at_once)

    def _surely_left(self) -> int:
        """Return how many files are to be read, whatever becomes of those that have been."""
        return self._journal.n_open if self._journal else len(self._todo)

    def begin(self, executor: FileExecutor) -> None:
        """Have the first files read that no earlier run has; `plan` looks at the others meanwhile.

        Args:
            executor: that reads, in other processes.
        """
        if self._journal and not isinstance(executor, InPlace):
            new = (one for one in self._todo if one.name not in self._journal)
            for source in islice(new, executor.workers * executor.ahead):
                self._reading[self._begun_call(executor, source)] = source

    def plan(self) -> None:
        """Leave out what an earlier run has done, where it still holds; note what doesn't."""
        if self._journal and self._output.folder:
            n_found = len(self._todo)
            self._todo, self.notes = left_to_do(
                self._todo,
                self._journal,
                self._output.folder,
                partial(stamp, job=self._job),
                self._decisions,
            )
            self.report.earlier = n_found - len(self._todo)

    def _decisions(self, name: str) -> list[Correction]:
        """Return what a person decided about a file's numbers, also before it changed."""
        return self._corrections.of(name) if self._corrections else []

    def work(self, executor: FileExecutor, stop: Event) -> Iterator[Done]:
        """Read what is left; yield how each input ended.

        Args:
            executor: that reads.
            stop: once it is set, files begun are finished and no others begun.

        Raises:
            ExecutorBroken: no process can be started, the cluster went away or has other versions.
            ModelUnreadable: the model has changed.
            OutputUnwritable: results can't be written, whatever the file.
        """
        yield from map(self._counted_done, self._unread_done())
        for done, text in self._outcomes(executor, stop):
            if self._journal:
                self._journal.add(done)
            else:
                print_text(text)
            yield self._counted_done(done)

    def finish(self) -> None:
        """Count what this run and those before it have done, once all is read.

        Raises:
            OutputUnwritable: the journal can't be written.
        """
        if self._journal and self._output.folder:
            self._journal.flush()
            remove_unfinished(self._output.folder, self._found_names())
            for done in self._ended_inputs():
                self.report.add(done, self._decisions(done.file))

    def _counted_done(self, done: Done) -> Done:
        if self._journal is None:
            self.report.add(done)
        return done

    def _found_names(self) -> Iterator[str]:
        return (one.name for one in self._found if isinstance(one, Source))

    def _ended_inputs(self) -> Iterator[Done]:
        """Yield how each input in the journal ended, in order; not those that have not."""
        for one in self._found:
            if isinstance(one, Unread):
                yield not_read(one, self._job)
            elif self._journal and (done := self._journal[one.name]):
                yield done

    def _begun_call(self, executor: FileExecutor, source: Source) -> Future[Outcome]:
        return executor.submit(read_file, source, self._job, self._decisions(source.name))

    def _outcomes(self, executor: FileExecutor, stop: Event) -> Iterator[Outcome]:
        """Yield how each file ended: printed ones in order, else as they end."""
        in_order = self._journal is None
        ahead = _AHEAD_IN_ORDER if in_order else executor.ahead
        waiting, begun = self._reading, {one.name for one in self._reading.values()}
        ended = SimpleQueue[Future[Outcome]]()
        for future in waiting:
            future.add_done_callback(ended.put)
        left = (one for one in self._todo if one.name not in begun)
        while True:
            room = max(0, executor.workers * ahead - len(waiting))
            for source in islice(left, 0 if stop.is_set() else room):
                future = self._begun_call(executor, source)
                waiting[future] = source
                if not in_order:
                    future.add_done_callback(ended.put)
            if stop.is_set():
                for future in waiting:
                    future.cancel()
            if not waiting:
                return
            for future in _first_ended(waiting) if in_order else _ended_calls(ended):
                source = waiting.pop(future)
                if not future.cancelled():
                    yield outcome(future, source, self._job)
            if self._journal:
                self._journal.keep_up()


def outcome(future: Future[Outcome], source: Source, job: Job) -> Outcome:
    """Return how it ended with a file that an executor was given, and its results as text.

    Raises:
        Exception: what `read_file` raises; that its process was lost is an outcome.
    """
    try:
        return future.result()
    except Lost as error:
        return lost_file(source, job, str(error)), ""
    except MemoryError:  # where even `read_file` had none left to say so
        return lost_file(source, job, too_much(job)), ""


def _first_ended(waiting: Iterable[Future[Outcome]]) -> list[Future[Outcome]]:
    """Return the first call once it has ended; after a while nothing."""
    return list(wait(islice(waiting, 1), journal.PAUSE).done)


def _ended_calls(ended: SimpleQueue[Future[Outcome]]) -> Iterator[Future[Outcome]]:
    """Yield the calls that have ended, once there is one; after a while nothing."""
    with suppress(Empty):
        yield ended.get(timeout=journal.PAUSE)
        while True:
            yield ended.get_nowait()


def _journal_of(folder: Place, names: Iterable[str], restart: bool) -> Journal:
    """Return the journal of a results folder, opened."""
    if isinstance(folder, StorePath):
        return StoreJournal(folder, names, restart)
    return Journal(folder, names, restart)

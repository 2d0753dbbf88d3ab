"""Many files: what is left to do, have it done by an engine, keep the journal, count."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event
from types import FrameType, TracebackType

from digitocr.core.errors import (
    InputUnreadable,
    OutputUnwritable,
    counted,
)
from digitocr.core.settings import Settings
from digitocr.core.source import (
    Source,
    Unread,
)
from digitocr.recognition.model import Model
from digitocr.results import journal
from digitocr.results.combined import Report
from digitocr.results.corrections import (
    Correction,
    Corrections,
    digest,
    in_force,
)
from digitocr.results.file_results import (
    Output,
    print_text,
    sweep,
)
from digitocr.results.guard import refuse_foreign_files
from digitocr.results.journal import (
    Done,
    Journal,
    Stamp,
)
from digitocr.results.store_journal import StoreJournal
from digitocr.runs import executors as executors
from digitocr.runs import job as work
from digitocr.storage.atomic import inside
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
        settings: Settings,
        model: Model,
        output: Output,
        restart: bool = False,
    ) -> None:
        """Open the journal; `plan` finds out what is left to do.

        Args:
            found: the inputs, in order.
            settings: how to read.
            model: to read with; workers load it from where the settings say.
            output: where results go; a folder is there.
            restart: forget earlier runs.

        Raises:
            OutputUnwritable: the folder can't be written, another run is writing there, or it holds
                what no run wrote.
        """
        self.report = Report()
        self.notes: list[str] = []  # sentences about what is read again
        self._found = found
        self._job = work.job(settings, model, output)
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
        return len(self._todo) + len(self._unread())

    def _unread(self) -> list[Done]:
        return [not_read(one) for one in self._found if isinstance(one, Unread)]

    def executor(
        self, workers: int, timeout: float | None, cluster: str | None = None
    ) -> executors.FileExecutor:
        """Return what reads; it starts while it is found out what has been done already.

        One file alone is read in this process, unless it is to be given up after some time: a
        process of its own takes longer to start than most files to read.

        Args:
            workers: processes to read with.
            timeout: seconds that a page may take; None for `TIMEOUT`.
            cluster: the address of a Dask scheduler, whose workers read instead.

        Raises:
            EngineBroken: the cluster can't be reached.
            ExtraMissing: Dask is not installed.
        """
        self._job = replace(self._job, elsewhere=cluster is not None)
        memory, prepare = self._job.settings.limits.process, partial(work.prepare, self._job)
        if cluster:
            from digitocr.runs.dask_executor import DaskExecutor

            return DaskExecutor(cluster, timeout or TIMEOUT, memory, prepare)
        if len(self._found) == 1 and timeout is None:
            return executors.InPlace()
        from digitocr.runs.process_pool import ProcessPool

        few, at_once = min(workers, len(self._todo)), min(workers, self._surely_left())
        return ProcessPool(few, timeout or TIMEOUT, memory, prepare, at_once)

    def _surely_left(self) -> int:
        """Return how many files are to be read, whatever becomes of those that have been."""
        return self._journal.n_open if self._journal else len(self._todo)

    def begin(self, executor: executors.FileExecutor) -> None:
        """Have the first files read that no earlier run has; `plan` looks at the others meanwhile.

        Args:
            executor: that reads, in other processes.
        """
        if self._journal and not isinstance(executor, executors.InPlace):
            new = (one for one in self._todo if one.name not in self._journal)
            for source in islice(new, executor.workers * executor.ahead):
                self._reading[self._begun(executor, source)] = source

    def plan(self) -> None:
        """Leave out what an earlier run has done, where it still holds; note what doesn't."""
        if self._journal and self._job.output.folder:
            self._leave_out_done(self._job.output.folder, self._journal)

    def _leave_out_done(self, folder: Place, kept: Journal) -> None:
        left, reasons, present = [], Counter[str](), Present(folder)
        for source in self._todo:
            done = kept[source.name]
            reason = "" if done is None else self._why_again(present, done, source)
            if done is None or reason is not None:
                kept.forget(source.name)
                left.append(source)
                reasons.update([reason] if reason else [])
        self.report.earlier = len(self._todo) - len(left)
        self._todo = left
        self.notes = [
            f"read again because {why}: {counted(n, 'file')}" for why, n in reasons.items()
        ]

    def _why_again(self, present: Present, done: Done, source: Source) -> str | None:
        now = work.stamp(source, self._job)
        return why_again(present, done, now, in_force(self._decisions(source.name), now))

    def _decisions(self, name: str) -> list[Correction]:
        """Return what a person decided about a file's numbers, also before it changed."""
        return self._corrections.of(name) if self._corrections else []

    def work(self, executor: executors.FileExecutor, stop: Event) -> Iterator[Done]:
        """Read what is left; yield how each input ended.

        Args:
            executor: that reads.
            stop: once it is set, files begun are finished and no others begun.

        Raises:
            EngineBroken: no process can be started, or the cluster went away or has other versions.
            ModelUnreadable: the model has changed.
            OutputUnwritable: results can't be written, whatever the file.
        """
        yield from map(self._counted, self._unread())
        for done, text in self._outcomes(executor, stop):
            if self._journal:
                self._journal.add(done)
            else:
                print_text(text)
            yield self._counted(done)

    def finish(self) -> None:
        """Count what this run and those before it have done, once all is read.

        Raises:
            OutputUnwritable: the journal can't be written.
        """
        if self._journal and self._job.output.folder:
            self._journal.flush()
            sweep(self._job.output.folder, self._found_names())
            for done in self._ended():
                self.report.add(done, self._decisions(done.file))

    def _counted(self, done: Done) -> Done:
        if self._journal is None:
            self.report.add(done)
        return done

    def _found_names(self) -> Iterator[str]:
        return (one.name for one in self._found if isinstance(one, Source))

    def _ended(self) -> Iterator[Done]:
        """Yield how each input in the journal ended, in order; not those that have not."""
        for one in self._found:
            if isinstance(one, Unread):
                yield not_read(one)
            elif self._journal and (done := self._journal[one.name]):
                yield done

    def _begun(self, executor: executors.FileExecutor, source: Source) -> Future[Outcome]:
        return executor.submit(work.read, source, self._job, self._decisions(source.name))

    def _outcomes(self, executor: executors.FileExecutor, stop: Event) -> Iterator[Outcome]:
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
                future = self._begun(executor, source)
                waiting[future] = source
                if not in_order:
                    future.add_done_callback(ended.put)
            if stop.is_set():
                for future in waiting:
                    future.cancel()
            if not waiting:
                return
            for future in _first(waiting) if in_order else _arrived(ended):
                source = waiting.pop(future)
                if not future.cancelled():
                    yield outcome(future, source, self._job)
            if self._journal:
                self._journal.keep_up()


def outcome(future: Future[Outcome], source: Source, job: work.Job) -> Outcome:
    """Return how it ended with a file that an engine was given, and its results as text.

    Raises:
        Exception: what `work.read` raises; that its process was lost is an outcome.
    """
    try:
        return future.result()
    except executors.Lost as error:
        return work.lost(source, job, str(error)), ""
    except MemoryError:  # where even `work.read` had none left to say so
        return work.lost(source, job, work.too_much(job)), ""


def _first(waiting: Iterable[Future[Outcome]]) -> list[Future[Outcome]]:
    """Return the first call once it has ended; after a while nothing."""
    return list(wait(islice(waiting, 1), journal.PAUSE).done)


def _arrived(ended: SimpleQueue[Future[Outcome]]) -> Iterator[Future[Outcome]]:
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


def not_read(one: Unread) -> Done:
    """Return how it ended with what is no file to read."""
    return Done(one.file, error=one.error, advice=one.advice)


def why_again(
    present: Present, done: Done, now: Stamp | None, decisions: Sequence[Correction] = ()
) -> str | None:
    """Return why an input that was done is to be read again, None where it is not.

    "" for what needs no word: it failed, or can't be reached now.

    Args:
        present: the results that are there.
        done: how it ended.
        now: what its results depend on now.
        decisions: of a person about its numbers, which hold now.
    """
    if done.error is not None or now is None or done.stamp is None:
        return ""
    if done.stamp.settings != now.settings:
        return "settings have changed"
    if done.stamp.model != now.model:
        return "the model has changed"
    if done.stamp != now:
        return "inputs have changed"
    if done.decided != digest(decisions):
        return "corrections are not in their results"
    if not all(present.has(name, size) for name, size in done.written.items()):
        return "results are gone"
    return None


class Present:
    """The results that are there when it is made, or soon after: each folder is listed once."""

    def __init__(self, folder: Place) -> None:
        """Begin; nothing is listed yet."""
        self._folder, self._sizes = folder, dict[str, dict[str, int]]()

    def has(self, name: str, size: int) -> bool:
        """Tell whether a result is there, as it was written: no link, and through none."""
        if isinstance(self._folder, StorePath):
            return True  # to ask for each would take as long as to read many of them
        parent, _, file = name.rpartition("/")
        if parent not in self._sizes:
            self._sizes[parent] = _sizes_in(self._folder, f"{parent}/" if parent else "")
        return self._sizes[parent].get(file) == size


def _sizes_in(folder: Path, parent: str) -> dict[str, int]:
    """Return the sizes of the files in a folder of the results, none through a link out of it."""
    sizes = dict[str, int]()
    with (
        suppress(OSError, InputUnreadable),
        os.scandir(inside(folder, f"{parent}file").parent) as listing,
    ):
        for entry in listing:
            with suppress(FileNotFoundError):  # what is written meanwhile gets another name
                if entry.is_file(follow_symlinks=False):
                    sizes[entry.name] = entry.stat(follow_symlinks=False).st_size
    return sizes


def cores() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def interruptible(say: Callable[[str], None]) -> Iterator[Event]:
    """Let the first Ctrl-C set an event, and the next one raise KeyboardInterrupt."""
    stop = Event()
    before = signal.getsignal(signal.SIGINT)

    def ask(number: int, frame: FrameType | None) -> None:
        del number, frame
        signal.signal(signal.SIGINT, before)
        stop.set()
        say("Interrupted: what is being read is finished. Ctrl-C once more stops at once.")

    if before is signal.default_int_handler:  # it is ignored where a shell runs in the background
        signal.signal(signal.SIGINT, ask)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)

"""A results folder while a person checks it: decisions are kept, and shown in all that is written.

What the reader read stays in each file's JSON, so that no picture is read again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from digitocr.core.document import FileResult
from digitocr.core.errors import (
    ExtraMissing,
    InputUnreadable,
    NothingToRead,
)
from digitocr.core.source import Page, Source
from digitocr.results.apply_corrections import corrected_result
from digitocr.results.combined import (
    INPUTS,
    rewrite_combined,
    run_inputs,
)
from digitocr.results.corrections import (
    Correction,
    Corrections,
    decisions_digest,
)
from digitocr.results.file_names import page_picture_names
from digitocr.results.file_results import (
    read_result,
    rewrite,
    rewrite_pictures,
)
from digitocr.results.journal import (
    Done,
    Journal,
    with_counts,
)
from digitocr.results.run_info import NAME as RUN_INFO
from digitocr.results.run_info import read_run_info
from digitocr.review.page_images import Pictures


class Workspace:
    """The results of a folder's last run, which are this process's own until this is closed.

    One thread may add to `corrections`, or take `pictures`, while another has results written.
    """

    def __init__(self, folder: Path, inputs: Path | None = None) -> None:
        """Open them, and show in them what was decided and is not shown yet.

        Args:
            folder: of the results.
            inputs: the folder that the inputs are in now; None: they are where they were read.

        Raises:
            InputUnreadable: what a run left there is damaged.
            NothingToRead: no run into the folder has ended.
            OutputUnwritable: they can't be written, or another process is writing there.
        """
        if not (folder / INPUTS).is_file():
            sentence = f"{folder}: is no folder of results"
            raise NothingToRead(sentence, "Name one that digitocr scan has written.")
        self._folder = folder
        self._journal = Journal(folder)
        try:
            self.corrections = Corrections(folder, self._journal)
            self.pictures = self._input_pictures(inputs)
            for done in self.files():
                if done.decided != decisions_digest(self.decisions(done)):
                    self.rewrite(done.file)
        except BaseException:
            self._journal.close()
            raise

    def __enter__(self) -> Workspace:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.close()

    def files(self) -> Iterator[Done]:
        """Yield how the reading of each file of the run ended that was read, in order.

        Raises:
            InputUnreadable: what the run left is damaged.
        """
        try:
            yield from (done for done in run_inputs(self._folder, self._journal) if not done.error)
        except (OSError, ValueError, TypeError) as error:
            sentence = f"{self._folder}: its results are damaged: {error}"
            raise InputUnreadable(sentence, "Scan into it again.") from error

    def _input_pictures(self, inputs: Path | None) -> Pictures:
        """Return the pictures of the inputs; raise InputUnreadable where run.json is damaged."""
        try:
            settings = read_run_info(self._folder).settings
            if settings.dpi is None or settings.limits is None:
                raise ValueError("lacks dpi, or limits")
        except (OSError, ValueError) as error:
            sentence = f"{self._folder / RUN_INFO}: is damaged: {error}"
            raise InputUnreadable(sentence, "Scan into it again.") from error
        return Pictures(input_finder(self.files(), inputs), settings.dpi, settings.limits)

    def decisions(self, done: Done) -> list[Correction]:
        """Return the decisions about a file that hold for it as it was read."""
        return self.corrections.valid(done.file, done.stamp)

    def result(self, file: str) -> FileResult:
        """Return what is known of a file's numbers, with what was read.

        Raises:
            InputUnreadable: it has no JSON, or that is damaged.
        """
        return corrected_result(
            read_result(self._folder, file), self.decisions(self._done_of(file))
        )

    def _done_of(self, file: str) -> Done:
        done = self._journal[file]
        if done is None or done.error is not None:
            raise InputUnreadable(f"{file}: was not read", "Name a file of the run.")
        return done

    def rewrite(self, file: str) -> None:
        """Write a file's results anew, with what is decided about it.

        Without decisions they are what the scan wrote, to the byte. Pictures of pages stay as they
        are where the input is not to be had.

        Raises:
            InputUnreadable: it has no JSON, or that is damaged.
            OutputUnwritable: they can't be written.
        """
        done = self._done_of(file)
        decisions = self.decisions(done)  # once: another thread may add one meanwhile
        before = read_result(self._folder, file)
        result = corrected_result(before, decisions)
        # Pictures first: whatever ends this between, pages that differ from the JSON show it.
        written = done.written | self._rewrite_pictures(done, before, result)
        written |= rewrite(self._folder, result, done.written)
        done = replace(done, written=written, decided=decisions_digest(decisions))
        self._journal.add(with_counts(done, result))
        self._journal.flush()  # else what a next decision changes might not be missed

    def _rewrite_pictures(
        self, done: Done, before: FileResult, result: FileResult
    ) -> dict[str, int]:
        """Write the pictures of pages that have changed, those that there are; return sizes."""
        written = dict[str, int]()
        for was, now in zip(before.pages, result.pages, strict=True):
            if was == now or done.written.keys().isdisjoint(
                page_picture_names(done.file, now.page)
            ):
                continue
            with suppress(InputUnreadable, ExtraMissing):
                gray = self.pictures.page(done.file, now.page, (now.height, now.width))
                page = Page(now.page, gray, now.dpi)
                written |= rewrite_pictures(self._folder, done.file, page, now, done.written)
        return written

    def write_combined(self) -> list[str]:
        """Write numbers.csv and what else covers the whole run anew.

        Returns:
            A sentence, without its full stop, for each thing that one of them had no room for.

        Raises:
            InputUnreadable: what the run left is damaged.
            OutputUnwritable: one of them can't be written.
        """
        self._journal.flush()
        return rewrite_combined(self._folder, self._journal)

    def close(self) -> None:
        """Let other processes have the folder; the combined files are written before, where wanted.

        Raises:
            OutputUnwritable: the journal can't be written.
        """
        self.corrections.close()
        self._journal.close()


def input_finder(read: Iterable[Done], inputs: Path | None) -> Callable[[str], Source]:
    """Return what finds the input of a name, or raises InputUnreadable, saying what to do.

    Args:
        read: how the reading of each input ended.
        inputs: the folder that they are in now; None: they are where they were read.
    """
    origins = {done.file: (done.path, done.stamp) for done in read}

    def find(name: str) -> Source:
        read_at, stamp = origins[name]
        path = inputs / name if inputs else Path(read_at)
        if not (inputs or read_at):
            raise InputUnreadable(
                f"the results don't say where {name} is: end the review, and name the folder that"
                " the inputs are in with Review.inputs"
            )
        try:
            now = path.stat()
        except OSError as error:
            raise InputUnreadable(
                f"{path} is not there any more: end the review, and name the folder that the inputs"
                " are in now with Review.inputs"
            ) from error
        if stamp and (now.st_size, now.st_mtime_ns) != (stamp.size, stamp.mtime_ns):
            raise InputUnreadable(f"{path} has changed since it was read: scan it again")
        return Source(name, path)

    return find

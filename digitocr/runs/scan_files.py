"""Many files for a program: their results one after the other, read here or by workers."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from functools import lru_cache, partial

from digitocr.core.document import FileResult
from digitocr.core.errors import DigitocrError, InputTooLarge, InputUnreadable
from digitocr.core.settings import Settings
from digitocr.core.source import Source
from digitocr.inputs.given import Given, source_of
from digitocr.pipeline.scan import Scanner, naming
from digitocr.runs.executors import Lost, go_on
from digitocr.runs.process_pool import ProcessPool

_TIMEOUT = 120.0  # seconds a page; the largest that is accepted takes less than half of it
_AHEAD = 4  # files for each worker, so that none waits for its next


def scan_files(
    inputs: Iterable[Given],
    settings: Settings | None = None,
    *,
    workers: int | None = None,
    timeout: float = _TIMEOUT,
) -> Iterator[FileResult | DigitocrError]:
    """Yield for each input, in order, what was read, or the error that says why it can't be.

    Args:
        inputs: files or pictures, as `Scanner.scan_file` takes them; no more of them are held than
            are being read.
        settings: how to read; None for the defaults.
        workers: processes to read with; None reads in this one. A script that asks for them has to
            have its calls under `if __name__ == "__main__":`, as with Python's multiprocessing.
        timeout: seconds after which workers give a page up, and its file with it.

    Raises:
        DigitocrError: as `Scanner`, and where no worker can be started.
    """
    settings = settings or Settings()
    scanner = Scanner(settings)  # says what is wrong with the settings before anything is read
    if workers is None:
        for given in inputs:
            yield _result_or_error(scanner, given)
        return
    ready = partial(_scanner_of, settings)
    waiting = deque[tuple[str, Future[FileResult | DigitocrError]]]()
    with ProcessPool(workers, timeout, settings.limits.process, ready) as pool:
        for given in inputs:
            try:
                source = source_of(given)
            except DigitocrError as error:
                waiting.append(("", _ended_future(error)))
            else:
                future = pool.submit(_scan_in_worker, settings, source)
                waiting.append((source.name, future))
            if len(waiting) >= _AHEAD * workers:
                yield _outcome(*waiting.popleft())
        while waiting:
            yield _outcome(*waiting.popleft())


def _result_or_error(scanner: Scanner, given: Given) -> FileResult | DigitocrError:
    name = given.name if isinstance(given, Source) else ""
    try:
        source = source_of(given)
        name = source.name
        with naming(source):
            pages = []
            for _, page in scanner.pages(source):
                pages.append(page)
                go_on()
            return scanner.result(source, pages)
    except DigitocrError as error:
        return error
    except MemoryError:
        return InputTooLarge(f"{name}: takes more memory than there is")
    except Exception as error:  # a bug met on one file must not cost the others
        return DigitocrError(f"{name}: unexpected {type(error).__name__}: {error}")


@lru_cache(maxsize=1)
def _scanner_of(settings: Settings) -> Scanner:
    """Return the scanner of this process; it is made once."""
    return Scanner(settings)


def _scan_in_worker(settings: Settings, source: Source) -> FileResult | DigitocrError:
    return _result_or_error(_scanner_of(settings), source)


def _ended_future(error: DigitocrError) -> Future[FileResult | DigitocrError]:
    future: Future[FileResult | DigitocrError] = Future()
    future.set_result(error)
    return future


def _outcome(name: str, future: Future[FileResult | DigitocrError]) -> FileResult | DigitocrError:
    try:
        return future.result()
    except (Lost, MemoryError) as error:
        return InputUnreadable(f"{name}: {error or 'takes more memory than there is'}")

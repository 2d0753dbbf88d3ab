"""The executor for many machines: a Dask cluster, whose workers do the same units of work.

Each Dask worker has processes of its own read files (`ProcessPool`), so that a file that
makes one die or hang costs that file alone, as on one machine, and Dask never sees it. What Dask
does is to find free workers, and to give the files of one that went away to others.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, ParamSpec, TypeVar

from digitocr.core.errors import ExtraMissing
from digitocr.runs.executors import (
    ExecutorBroken,
    FileExecutor,
    Lost,
)
from digitocr.runs.process_pool import ProcessPool

P = ParamSpec("P")
R = TypeVar("R")

_CONNECT = 15.0  # seconds for the scheduler to answer, when the run begins or after it was away
_COUNTED = 2.0  # seconds after which the workers are counted anew: they join and leave
_MAKING = Lock()


class DaskExecutor(FileExecutor):
    """A Dask cluster. A future's exception is `Lost` where every worker that had the call died.

    Calls that have been submitted can't be cancelled: their workers may have begun.
    """

    def __init__(
        self, address: str, timeout: float, memory: int, prepare: Callable[[], object]
    ) -> None:
        """Connect.

        Args:
            address: of the scheduler, such as tcp://10.0.0.1:8786.
            timeout: seconds after which a call is given up that neither ends nor calls `go_on`.
            memory: bytes that each process may take that reads.
            prepare: is called in each before its first call, whose time begins after it.

        Raises:
            ExecutorBroken: there is no scheduler.
            ExtraMissing: Dask is not installed.
        """
        try:
            from distributed import Client
        except ModuleNotFoundError as error:
            sentence = f"Run.cluster needs {error.name}, which is not installed"
            advice = "Install it with: pip install 'digitocr[cluster]'"
            raise ExtraMissing(sentence, advice) from error
        logging.disable()  # Dask's logs have tracebacks; what matters of them is said here
        self._address, self._of_each = address, (timeout, memory)
        self._prepare = prepare
        self._threads, self._counted = 0, -_COUNTED
        try:
            self._client = Client(address, timeout=_CONNECT, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            raise ExecutorBroken(
                f"{address}: no Dask scheduler answers there", "Begin one with: dask scheduler"
            ) from error

    @property
    def workers(self) -> int:
        """Return how many calls can run at a time now; 1 where no worker has joined yet."""
        if time.monotonic() - self._counted >= _COUNTED:
            with suppress(Exception):  # what is wrong with it the calls will tell
                self._threads = sum(self._client.nthreads().values())
            self._counted = time.monotonic()
        return max(1, self._threads)

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Return the future of a call, which waits for a free worker."""
        future: Future[R] = Future()
        future.set_running_or_notify_cancel()
        call = partial(fn, *args, **kwargs)
        try:
            remote = self._client.submit(
                _do_there, call, self._prepare, str(Path.cwd()), *self._of_each, pure=False
            )
        except Exception as error:
            raise self._gone_error() from error
        remote.add_done_callback(partial(self._settle, future))
        return future

    def _settle(self, future: Future[Any], remote: Any) -> None:
        """Hand on how a call ended."""
        from distributed import KilledWorker

        try:
            future.set_result(remote.result())
        except KilledWorker:
            future.set_exception(Lost("every worker of the cluster that was to read it died"))
        except Exception as error:
            future.set_exception(error if remote.status == "error" else self._gone_error())

    def _gone_error(self) -> ExecutorBroken:
        return ExecutorBroken(
            f"{self._address}: the Dask scheduler went away",
            "What was finished is kept; the same command goes on with the rest.",
        )

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Leave the cluster; it goes on for others."""
        del wait, cancel_futures  # who submits takes what comes back first
        with suppress(Exception):
            self._client.close(timeout=_COUNTED)


@dataclass(slots=True)
class _Set:
    """Processes of a Dask worker, as many as it has threads."""

    processes: ProcessPool
    calls: int = 0  # that have not ended


_sets: dict[tuple[float, int], _Set] = {}  # of this Dask worker, by time and memory of a call


def _do_there(
    call: Callable[[], R], prepare: Callable[[], object], folder: str, timeout: float, memory: int
) -> R:
    """Do a call in a process of this Dask worker, in the folder that the command was given in."""
    with _MAKING:
        one = _set_for(timeout, memory, partial(_do_in_folder, folder, prepare))
        one.calls += 1
    try:
        return one.processes.submit(_do_in_folder, folder, call).result()
    finally:
        with _MAKING:
            one.calls -= 1


def _do_in_folder(folder: str, call: Callable[[], R]) -> R:
    with suppress(OSError):  # where all are URLs, there need be no such folder
        os.chdir(folder)
    return call()


def _set_for(timeout: float, memory: int, prepare: Callable[[], object]) -> _Set:
    """Return the processes for such calls; where there are none yet, those without calls end."""
    key = timeout, memory
    if key not in _sets:
        for idle in [other for other, one in _sets.items() if one.calls == 0]:
            _sets.pop(idle).processes.shutdown()
        _sets[key] = _Set(_started_pool(timeout, memory, prepare))
    return _sets[key]


def _started_pool(timeout: float, memory: int, prepare: Callable[[], object]) -> ProcessPool:
    from distributed import get_worker

    # Dask's nanny starts workers as daemons, which multiprocessing lets have no children, as they
    # would be left behind. These end with their parent.
    multiprocessing.current_process()._config.pop("daemon", None)  # type: ignore[attr-defined]
    return ProcessPool(get_worker().state.nthreads, timeout, memory, prepare)

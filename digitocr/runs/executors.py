"""Where the work runs: `FileExecutor`, a `concurrent.futures.Executor`.

`InPlace` is the calling process itself, `process_pool.ProcessPool` are worker processes on this
machine, and `dask_executor.DaskExecutor` is many machines.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import ParamSpec, TypeVar

from digitocr.core.errors import DigitocrError

P = ParamSpec("P")
R = TypeVar("R")


def cores() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Lost(Exception):
    """A call whose process died or was given up: a sentence that says why."""


class ExecutorBroken(DigitocrError):
    """No worker process can be started."""

    advice = "Is there memory for it? Fewer take less: Run.workers 1"


class FileExecutor(Executor):
    """An executor that says how many calls it can do at a time."""

    ahead = 4  # calls for each worker, the one that it does among them: none waits for its next

    @property
    def workers(self) -> int:
        """Return how many; it may change while it runs."""
        return 1


class InPlace(FileExecutor):
    """Runs each call at once, in this process."""

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Return a future that has ended."""
        future: Future[R] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


say_it_goes_on: Callable[[], None] | None = None  # set in processes whose calls may be given up


def go_on() -> None:
    """Say, in a call, that it goes on: its time begins anew. Elsewhere nothing comes of it."""
    if say_it_goes_on is not None:
        say_it_goes_on()

"""An executor of worker processes on this machine.

Of `concurrent.futures`' own pool all is lost when one process dies; here each call has a process to
itself, and one that dies or hangs costs this call alone.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from multiprocessing import connection, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from multiprocessing.util import Finalize
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any, NamedTuple, ParamSpec, TypeVar

from digitocr.runs import executors
from digitocr.runs.executors import (
    ExecutorBroken,
    FileExecutor,
    Lost,
)
from digitocr.runs.memory import (
    keep_freed_memory,
    limit_memory,
)

P = ParamSpec("P")
R = TypeVar("R")

# A forked process would have the locks of OpenBLAS' and OpenCV's threads, but not the threads.
_SPAWN = multiprocessing.get_context("spawn")
# As many processes as cores, each with as many threads, would get into each other's way.
_ONE_THREAD = dict.fromkeys(
    (
        *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
        *("VECLIB_MAXIMUM_THREADS", "OPENCV_FOR_THREADS_NUM"),
    ),
    "1",
)
_STARTS = 3  # attempts, before no worker is thought to start here
_START = 60.0  # seconds that one may take to start
_GRACE = 2.0  # seconds that one may take to end
# Ctrl-C, and the end of a service, reach all its processes; the one that started them decides.
_OF_PARENT = {signal.SIGINT, signal.SIGTERM}
_PR_SET_PDEATHSIG = 1  # prctl(2)
_STARTING = Lock()  # what multiprocessing keeps of its processes is not made for threads


class _Call(NamedTuple):
    future: Future[Any]
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class ProcessPool(FileExecutor):
    """Worker processes, each with one call at a time.

    A future's exception is `Lost` where the process died in the call or was given up, and
    `ExecutorBroken` where none could be started for it. Functions, arguments and what comes back go
    through pipes, pickled. No worker outlives this process.
    """

    ahead = 64  # small files are read while the journal waits for the disk; till then none begins

    def __init__(
        self,
        workers: int,
        timeout: float,
        memory: int,
        prepare: Callable[[], object] | None = None,
        at_once: int = 0,
    ) -> None:
        """Begin; processes start when there are calls for them, some at once.

        Args:
            workers: how many.
            timeout: seconds after which a call is given up that neither ends nor says that it goes
                on (`executors.go_on`).
            memory: bytes that each process may take, where the platform has such a limit; what
                wants more gets a MemoryError, or its process dies.
            prepare: is called in each process before its first call, whose time begins after it.
            at_once: so many start before there is a call, which then need not wait for them.
        """
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._workers = [_Worker(timeout, memory, prepare) for _ in range(workers)]
        self._threads = [
            Thread(target=self._serve, args=(worker, i < at_once), daemon=True)
            for i, worker in enumerate(self._workers)
        ]
        for thread in self._threads:
            thread.start()
        # When Python ends, multiprocessing asks its processes to, by a signal that these pass
        # over, and waits for them; this comes before that.
        self._at_end = Finalize(None, self.kill, exitpriority=0)

    @property
    def workers(self) -> int:
        """Return how many processes there are at most."""
        return len(self._workers)

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Return the future of a call, which waits for a free process."""
        future: Future[R] = Future()
        self._calls.put(_Call(future, fn, args, kwargs))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes when their calls have ended; nothing may be submitted after it."""
        with suppress(Empty):
            while cancel_futures:
                if call := self._calls.get_nowait():
                    call.future.cancel()
        for _ in self._threads:
            self._calls.put(None)
        if wait:
            for thread in self._threads:
                thread.join()
            self._at_end.cancel()

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """Wait for the calls; where an error ends the block, end the processes at once."""
        self.shutdown() if error is None else self.kill()

    def kill(self) -> None:
        """End the processes at once, whatever they do; their calls are lost."""
        for worker in self._workers:
            worker.stop()
        self.shutdown(cancel_futures=True)

    def _serve(self, worker: _Worker, at_once: bool) -> None:
        """Have a worker do calls, one after the other."""
        if hasattr(signal, "pthread_sigmask"):  # its process will not see them, from its start
            resource_tracker.ensure_running()  # else the first start does it, and unblocks them
            signal.pthread_sigmask(signal.SIG_BLOCK, _OF_PARENT)
        with suppress(Exception):  # what is wrong is said of the first call
            if at_once:
                worker.running()
        while call := self._calls.get():
            if not call.future.set_running_or_notify_cancel():
                continue
            try:
                done, value = worker.do(call)
            except Exception as error:
                done, value = False, error
            if done:
                call.future.set_result(value)
            else:
                call.future.set_exception(value)
        worker.stop()


class _Worker:
    """A process that does calls, and is started anew where it has died."""

    def __init__(self, timeout: float, memory: int, prepare: Callable[[], object] | None) -> None:
        self._timeout, self._memory, self._prepare = timeout, memory, prepare
        self._stopped = False
        self._process: SpawnProcess | None = None
        self._pipe: Connection | None = None

    def do(self, call: _Call) -> tuple[bool, Any]:
        """Return whether a call came to its end, and what it gave or raised."""
        pipe = self.running()
        try:
            pipe.send(call[1:])
            while pipe.poll(self._timeout):
                answer: tuple[bool, Any] | None = pipe.recv()
                if answer is not None:  # else it goes on
                    return answer
        except (EOFError, OSError):
            raise Lost(f"the process that read it {self._end()}") from None
        self._end(at_once=True)
        raise Lost(f"takes too long: gave nothing for {self._timeout:g} s (Run.timeout)")

    def running(self) -> Connection:
        """Return the pipe to the process, which is started where there is none or a dead one."""
        if self._process and self._pipe and not connection.wait([self._process.sentinel], 0):
            return self._pipe
        how = ""
        for _ in range(_STARTS):
            try:
                pipe = self._start()
            except OSError as error:
                sentence = f"a process to read files can't be started: {error.strerror}"
                raise ExecutorBroken(sentence) from error
            with suppress(EOFError, OSError):
                pipe.send(self._prepare)
                if pipe.poll(_START):
                    pipe.recv()
                    return pipe
            how = self._end()
        raise ExecutorBroken(f"a process to read files {how} when it started")

    def _start(self) -> Connection:
        with _STARTING:
            if self._stopped:
                raise Lost("the run was stopped")
            pipe, its_end = _SPAWN.Pipe()
            process = _SPAWN.Process(target=_work, args=(its_end, self._memory), daemon=True)
            process.start()
            self._pipe, self._process = pipe, process
        its_end.close()  # so that the pipe ends with the process
        return pipe

    def _end(self, at_once: bool = False) -> str:
        """See that the process ends; return how it did."""
        process, self._process = self._process, None
        if process is None:
            return "was stopped"
        if at_once or not connection.wait([process.sentinel], _GRACE):
            process.kill()
            connection.wait([process.sentinel], _GRACE)  # one that waits for a dead disk never ends
        with _STARTING:
            process.join(_GRACE)
        code = process.exitcode
        if code is None or code >= 0:
            return f"ended with exit code {code}"
        name = signal.Signals(-code).name
        why = " (has memory run out?)" if name == "SIGKILL" else ""  # Windows has none
        return f"was ended by {name}{why}"

    def stop(self) -> None:
        """End the process at once, and for good."""
        with _STARTING:
            self._stopped = True
            if self._process is not None:
                self._process.kill()


def _work(pipe: Connection, memory: int) -> None:
    """Do what comes through a pipe, in a process of its own, until that is closed."""
    os.environ.update(_ONE_THREAD)  # before the libraries are loaded, with what comes first
    for number in _OF_PARENT:
        signal.signal(number, signal.SIG_IGN)
    _end_with_parent()
    limit_memory(memory)
    keep_freed_memory()
    executors.say_it_goes_on = partial(pipe.send, None)
    try:
        if prepare := pipe.recv():
            prepare()
        pipe.send(None)  # ready
        while True:
            function, args, kwargs = pipe.recv()
            pipe.send(_outcome(function, args, kwargs))
    except (EOFError, OSError):  # what started it is gone
        return


def _outcome(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[bool, Any]:
    try:
        return True, function(*args, **kwargs)
    except Exception as error:
        return False, error


def _end_with_parent() -> None:
    """See that this process ends when the one that started it does, however that ends."""
    Thread(target=_outlast, daemon=True).start()
    if sys.platform == "linux":  # even where no thread of Python's gets its turn
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _outlast() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)

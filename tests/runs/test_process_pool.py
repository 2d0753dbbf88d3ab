"""Worker processes: what they do, and that one which dies or hangs costs its call only."""

from __future__ import annotations

import errno
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import wait
from functools import partial
from multiprocessing.context import SpawnProcess

import pytest

from digitocr.runs.executors import (
    ExecutorBroken,
    InPlace,
    Lost,
)
from digitocr.runs.process_pool import ProcessPool

GIGABYTE = 10**9


@pytest.fixture
def pool() -> Iterator[ProcessPool]:
    """Two worker processes that may take a minute for a call: machines may be busy."""
    with ProcessPool(2, timeout=60, memory=GIGABYTE) as processes:
        yield processes


def test_calls_are_done_elsewhere(pool: ProcessPool) -> None:
    futures = [pool.submit(math.factorial, i) for i in range(20)]
    assert [future.result() for future in futures] == [math.factorial(i) for i in range(20)]
    assert pool.submit(os.getpid).result() != os.getpid()


def test_what_comes_before_the_first_call_does_not_count_as_its_time() -> None:
    with ProcessPool(1, 2, GIGABYTE, partial(time.sleep, 3)) as pool:
        assert pool.submit(math.factorial, 3).result() == 6
    with ProcessPool(1, 20, GIGABYTE, partial(os.umask, 0o123)) as pool:
        assert pool.submit(os.umask, 0).result() == 0o123  # it was called, and there


def test_an_error_comes_back(pool: ProcessPool) -> None:
    error = pool.submit(math.sqrt, -1).exception()
    assert isinstance(error, ValueError)
    assert pool.submit(math.sqrt, 4).result() == 2


def test_one_that_dies_costs_its_call_only(pool: ProcessPool) -> None:
    calls = [pool.submit(os.abort) if i == 2 else pool.submit(math.factorial, i) for i in range(6)]
    with pytest.raises(Lost, match="ended by SIGABRT"):
        calls.pop(2).result()
    assert [call.result() for call in calls] == [1, 1, 6, 24, 120]


def test_one_that_hangs_costs_its_call_only() -> None:
    with ProcessPool(2, timeout=5, memory=GIGABYTE) as pool:
        hung, after = pool.submit(time.sleep, 600), pool.submit(math.factorial, 5)
        assert after.result() == 120
        with pytest.raises(Lost, match=r"takes too long: gave nothing for 5 s \(Run.timeout\)"):
            hung.result()
        assert pool.submit(math.factorial, 5).result() == 120


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit on a process's memory")
def test_what_takes_too_much_memory_costs_its_call_only(pool: ProcessPool) -> None:
    with pytest.raises(MemoryError):
        pool.submit(bytearray, GIGABYTE).result()
    assert len(pool.submit(bytearray, GIGABYTE // 10).result()) == GIGABYTE // 10


def test_one_killed_while_it_waits_costs_nothing(pool: ProcessPool) -> None:
    for pid in {pool.submit(os.getpid).result() for _ in range(4)}:
        os.kill(pid, signal.SIGKILL)
    time.sleep(0.5)  # until they are dead
    assert pool.submit(math.factorial, 5).result() == 120


def test_workers_use_one_thread(pool: ProcessPool) -> None:
    assert pool.submit(os.getenv, "OPENBLAS_NUM_THREADS").result() == "1"
    assert pool.submit(os.getenv, "OPENCV_FOR_THREADS_NUM").result() == "1"


@pytest.mark.skipif(sys.platform == "win32", reason="needs signal masks")
def test_no_worker_sees_ctrl_c_from_its_start() -> None:
    code = (
        "import signal; from digitocr.runs.process_pool import ProcessPool\n"
        "with ProcessPool(1, timeout=20, memory=10**9) as pool:\n"
        "    mask = pool.submit(signal.pthread_sigmask, signal.SIG_BLOCK, []).result()\n"
        "print(sorted(one.name for one in mask))"
    )
    # In a process of its own: in this one multiprocessing's helper, which matters, may run already.
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['SIGINT', 'SIGTERM']\n"


def test_shutdown_waits_for_what_is_begun_and_cancels_the_rest() -> None:
    pool = ProcessPool(1, timeout=20, memory=GIGABYTE)
    begun = pool.submit(time.sleep, 0.5)
    waiting = [pool.submit(math.factorial, i) for i in range(9)]
    while not begun.running():
        time.sleep(0.01)
    pool.shutdown(cancel_futures=True)
    assert begun.result() is None
    assert all(future.cancelled() for future in waiting)


def test_an_error_ends_all_at_once() -> None:
    start = time.monotonic()
    with pytest.raises(KeyError), ProcessPool(2, timeout=60, memory=GIGABYTE) as pool:
        calls = [pool.submit(time.sleep, 60) for _ in range(3)]
        pool.submit(math.factorial, 5)
        raise KeyError
    wait(calls, 5)
    assert all(call.done() for call in calls)
    assert time.monotonic() - start < 50


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel which processes there are")
@pytest.mark.parametrize("work", ["time.sleep, 60", "re.match, '(a*)*b', 'a' * 99"])
def test_workers_end_with_what_started_them(work: str) -> None:
    """Even one that never lets go of the interpreter's lock, as a regular expression does."""
    program = (
        "import os, re, sys, time; from digitocr.runs.process_pool import ProcessPool\n"
        "pool = ProcessPool(1, 60, 10**9)\n"
        "print(pool.submit(os.getpid).result(), flush=True)\n"
        f"pool.submit({work}).result()\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as starting:
        assert starting.stdout is not None
        worker = int(starting.stdout.readline())
        time.sleep(0.5)
        starting.kill()
    deadline = time.monotonic() + 10
    while os.path.exists(f"/proc/{worker}"):  # noqa: PTH110
        with open(f"/proc/{worker}/stat") as stat:  # noqa: PTH123
            if stat.read().rpartition(")")[2].split()[0] == "Z":
                break
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_python_ends_though_nothing_was_shut_down() -> None:
    program = (
        "import time; from digitocr.runs.process_pool import ProcessPool\n"
        "pool = ProcessPool(2, 60, 10**9)\n"
        "pool.submit(abs, -1).result(), pool.submit(time.sleep, 60)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=50)


def test_no_process_to_be_had_is_one_sentence(
    pool: ProcessPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(process: SpawnProcess) -> None:
        del process
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(SpawnProcess, "start", start)
    with pytest.raises(ExecutorBroken, match="a process to read files can't be started: "):
        pool.submit(abs, -1).result()


def test_in_place_runs_at_once_in_this_process() -> None:
    with InPlace() as pool:
        assert pool.submit(os.getpid).result(0) == os.getpid()
        assert isinstance(pool.submit(math.sqrt, -1).exception(0), ValueError)

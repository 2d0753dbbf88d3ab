"""The command as the tests run it: in their own process, or in one of its own as a user does."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from digitocr.runs import process_pool
from digitocr.runs.executors import FileExecutor, InPlace

RunCommand = Callable[..., "subprocess.CompletedProcess[str]"]

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "samples"
BENCHMARKS = ROOT / "benchmarks"
MISCHIEF = ROOT / "tests" / "faults" / "mischief"
COMMAND = [sys.executable, "-m", "digitocr"]


def run_command(
    *arguments: str | Path,
    cwd: Path,
    stdin: bytes = b"",
    before: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run `digitocr` and return how it ended.

    It runs in this process, where to start Python and to load all libraries costs nothing, and its
    files are read here one after the other. Where other words come before it, or it has modules of
    its own, it has a process.
    """
    if before or "PYTHONPATH" in (env or {}):
        return run_process(*arguments, cwd=cwd, stdin=stdin, before=before, env=env)
    words = ["digitocr", *map(str, arguments)]
    with (
        _in_folder(cwd),
        mock.patch.dict(os.environ, env or {}),
        mock.patch.object(sys, "argv", words),
        mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin))),
        mock.patch.object(process_pool, "ProcessPool", _InsteadOfProcesses),
        _caught(1, "stdout", "strict") as out,
        _caught(2, "stderr", "backslashreplace") as err,
    ):
        code = _ended()
    return _as_ended(words, code, out, err)


def run_process(
    *arguments: str | Path,
    cwd: Path,
    stdin: bytes = b"",
    before: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    timeout: float = 120,
) -> subprocess.CompletedProcess[str]:
    """Run `digitocr` in a process of its own, after the words of another command."""
    command = [*before, *COMMAND, *map(str, arguments)]
    environment = {**os.environ, **(env or {})}
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, timeout=timeout, input=stdin, env=environment
    )
    return _as_ended(command, done.returncode, done.stdout, done.stderr)


def with_modules_of(folder: Path) -> dict[str, str]:
    """Return the environment in which Python finds the modules of a folder first."""
    return {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT), *sys.path[1:]])}


class _InsteadOfProcesses(FileExecutor):
    """Takes what the pool of processes takes, and runs each call at once in this process."""

    def __init__(
        self,
        workers: int,
        timeout: float,
        memory: int,
        prepare: Callable[[], object] | None = None,
        at_once: int = 0,
    ) -> None:
        del timeout, memory, at_once
        self._n_workers, self._prepare = workers, prepare
        self._in_place = InPlace()

    @property
    def workers(self) -> int:
        return self._n_workers

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if self._prepare:
            self._prepare()
            self._prepare = None
        return self._in_place.submit(fn, *args, **kwargs)


def _as_ended(command: list[str], code: int, *streams: bytes) -> subprocess.CompletedProcess[str]:
    out, err = (stream.decode("utf-8", "surrogateescape") for stream in streams)
    return subprocess.CompletedProcess(command, code, out, err)


def _ended() -> int:
    """Run what `sys.argv` says; return the exit code."""
    from digitocr.__main__ import main

    try:
        main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0


@contextmanager
def _in_folder(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@contextmanager
def _caught(descriptor: int, name: str, errors: str) -> Iterator[bytearray]:
    """Catch what is written to a stream, also by libraries that know no `sys.stderr`."""
    caught = bytearray()
    with tempfile.TemporaryFile() as file:
        before = os.dup(descriptor)
        os.dup2(file.fileno(), descriptor)
        stream = open(descriptor, "w", encoding="utf-8", errors=errors, closefd=False)  # noqa: SIM115
        try:
            with mock.patch.object(sys, name, stream):
                yield caught
                stream.flush()
        finally:
            os.dup2(before, descriptor)
            os.close(before)
        file.seek(0)
        caught += file.read()

"""Check a run's numbers in the browser: a page on this machine, for this machine alone."""

from __future__ import annotations

import gc
import secrets
import signal
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from digitocr.core.document import FileResult
from digitocr.core.errors import (
    ModelUnreadable,
    NothingToRead,
    OutputUnwritable,
)
from digitocr.core.settings import Settings
from digitocr.pipeline.scan import Scanner
from digitocr.recognition.model import Model
from digitocr.results.apply_corrections import corrected_result
from digitocr.results.audit_record import audited_run, write_audit
from digitocr.results.combined import run_decisions_digest
from digitocr.results.file_results import read_result
from digitocr.results.journal import Done
from digitocr.results.run_info import RunInfo, read_run_info
from digitocr.review.app import web_app
from digitocr.review.audit_sample import (
    Audit,
    audit_sentences,
    begin_audit,
)
from digitocr.review.queue import ReviewQueue
from digitocr.review.session import Session
from digitocr.review.sync import ResultsSync
from digitocr.review.workspace import Workspace

_HOST = "127.0.0.1"
_TOKEN = 32  # random bytes in the address
_GRACE = 2  # seconds that answers begun may take once the review is to end
# Seconds that a connection may be idle: one closed while a decision is sent looks like the end.
_IDLE = 86_400
_LATER = "No decision is lost: make room there, and review it again."
_ADVICE = "Name a folder that digitocr scan wrote, with JSON among its Run.formats."


class AuditOptions(NamedTuple):
    """What an audit looks at."""

    size: int  # numbers
    seed: int
    shown: bool  # the reading of each is shown at once


def review(
    folder: Path,
    inputs: Path | None,
    say: Callable[[str], None],
    option_names: Mapping[str, str],
    audit_options: AuditOptions | None = None,
) -> None:
    """Let a person review a run's numbers in a browser, until Ctrl-C or SIGTERM.

    Args:
        folder: of the results.
        inputs: the folder that the inputs are in now; None: they are where they were read.
        say: is given sentences: the page's address, in the end how many numbers are checked, or
            what an audit came to.
        option_names: how settings are called where the browser shows sentences (`with_names`).
        audit_options: look at a random sample of the `ok` numbers instead, to tell how many are
            wrong.

    Raises:
        ExtraMissing: a package that this needs is not installed.
        NothingToRead: the folder holds no results that can be reviewed.
        OutputUnwritable: another process is writing in the folder, or it can't be written.
    """
    import starlette  # noqa: F401  (before the numbers are read: they may be many)
    import uvicorn  # noqa: F401

    run = _run_to_review(folder)
    with Workspace(folder, inputs) as workspace:
        read = list(workspace.files())
        queue = _review_queue(folder, read, workspace)
        about = audited_run(run)
        audit = begin_audit(folder, about, queue, *audit_options) if audit_options else None
        behind = run.decided != run_decisions_digest(read)
        results_sync = ResultsSync(workspace, partial(_write_audit_of, folder, audit), behind, say)
        session = _session(folder, read, workspace, queue, results_sync, audit)
        with results_sync:
            app = partial(web_app, session, workspace.pictures, _model_of(run), option_names)
            _serve(app, say)
        if results_sync.trouble:
            raise OutputUnwritable(results_sync.trouble, _LATER)
        for sentence in audit_sentences(audit) if audit else _review_sentences(session, folder):
            say(sentence)


def _review_sentences(session: Session, folder: Path) -> list[str]:
    """Return what a review ends with: how many of the numbers asked for are checked."""
    progress = session.progress()
    return [f"{progress.done} of {progress.asked} checked. Results: {folder}"]


def _session(
    folder: Path,
    read: Iterable[Done],
    workspace: Workspace,
    queue: ReviewQueue,
    results_sync: ResultsSync,
    audit: Audit | None,
) -> Session:
    stamps = {done.file: done.stamp for done in read}

    def result(file: str) -> FileResult:  # not `workspace.result`: it is another thread's
        decisions = workspace.corrections.valid(file, stamps[file])
        return corrected_result(read_result(folder, file), decisions)

    return Session(queue, workspace.corrections, stamps, result, results_sync, audit)


def _write_audit_of(folder: Path, audit: Audit | None) -> None:
    """Write audit.json, where there is an audit."""
    if audit:
        write_audit(folder, audit.record())


def _serve(make_app: Callable[[str, list[str]], Any], say: Callable[[str], None]) -> None:
    """Answer the browser until the process is asked to end.

    Args:
        make_app: returns the application for a token and the names with port that it is called by.
        say: is given the page's address.
    """
    import uvicorn

    token = secrets.token_urlsafe(_TOKEN)
    with socket.create_server((_HOST, 0)) as listening:
        port = listening.getsockname()[1]
        hosts = [f"{name}:{port}" for name in (_HOST, "localhost")]
        config = uvicorn.Config(
            make_app(token, hosts), log_config=None, access_log=False, lifespan="off", ws="none",
            http="h11", loop="asyncio", server_header=False, timeout_graceful_shutdown=_GRACE,
            timeout_keep_alive=_IDLE,
        )  # fmt: skip

        class Server(uvicorn.Server):
            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                """Say where it is once it is there: from now on it ends well."""
                await super().startup(sockets)
                say(f"Open http://{hosts[0]}/{token}/ in a browser; Ctrl-C ends the review.")

        with suppress(KeyboardInterrupt), _ended_by_sigterm():
            Server(config).run(sockets=[listening])


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM be what Ctrl-C is, so that what is left is written; uvicorn raises both again."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _run_to_review(folder: Path) -> RunInfo:
    """Return what run.json says of a run whose numbers can be reviewed."""
    try:
        run = read_run_info(folder)
    except (OSError, ValueError) as error:
        raise NothingToRead(f"{folder}: holds no results of a scan", _ADVICE) from error
    if "json" not in run.settings.formats:
        raise NothingToRead(f"{folder}: holds no JSON, which is what is reviewed", _ADVICE)
    return run


def _model_of(run: RunInfo) -> Model | None:
    """Return the model that a run was read with, None where it is not at hand."""
    if run.model is None:
        return None
    with suppress(ModelUnreadable):
        model = Scanner(Settings(model=run.model.name, second_opinion=False)).model
        return model if model.id.sha256 == run.model.sha256 else None
    return None


def _review_queue(folder: Path, read: Iterable[Done], workspace: Workspace) -> ReviewQueue:
    """Return the numbers of all files that were read."""
    queue = ReviewQueue(partial(read_result, folder))
    gc.disable()  # it would go through all numbers again and again, and find nothing
    for done in read:
        if (folder / f"{done.file}.json").exists():  # else somebody has removed its results
            result = read_result(folder, done.file, with_digits=False)
            queue.add_file(result, workspace.decisions(done))
    gc.enable()
    gc.freeze()
    return queue

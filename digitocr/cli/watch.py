"""`digitocr watch`: read what a scanner drops into a folder."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Annotated

import typer

from digitocr.cli.console import (
    warn,
)
from digitocr.cli.options import (
    OPTION_NAMES,
    Quiet,
    ScanOptions,
    Verbose,
    extra,
    with_scan_options,
)
from digitocr.cli.reporting import reported
from digitocr.core.errors import (
    WrongUsage,
)


@with_scan_options
def watch(
    inbox: Annotated[
        str, typer.Argument(metavar="INBOX", help="Folder that files are dropped into (walked).")
    ],
    output: Annotated[
        str, typer.Option("--output", "-o", help="Folder for the results.")
    ] = "digitocr-results",
    done: Annotated[
        str | None,
        typer.Option(metavar="MOVE_DIR", help="Folder to move each file into that was read."),
    ] = None,
    *,
    reading: ScanOptions,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Read what a scanner drops into a folder, as it comes. Ctrl-C or SIGTERM ends it.

    Example: digitocr watch inbox -o results --done archive
    """
    with reported(verbose):
        from digitocr.cli import run_files
        from digitocr.cli.report import summary
        from digitocr.runs.inbox import Inbox
        from digitocr.runs.watch import Watch

        with extra("watch"):
            importlib.import_module("watchfiles")
        if not inbox or done == "":
            raise WrongUsage("INBOX or --done: names no folder")
        scanner, target = run_files.scanner(reading), reading.output(output)
        archive = None if done is None else Path(done)
        manner = run_files.Manner(reading.workers, reading.timeout, None, False, verbose, quiet)
        folder = Inbox(Path(inbox), target.folder, archive, follow=reading.follow_symlinks)
        with Watch(folder, scanner, target, archive, warn, OPTION_NAMES) as watching:
            report = run_files.watch_on(watching, manner)
        if not quiet:
            summary(report, scanner.review_line, output)
        raise typer.Exit(report.exit_code)

"""`digitocr scan`: read the numbers in page images."""

from __future__ import annotations

from typing import Annotated

import typer

from digitocr.cli.options import (
    Quiet,
    ScanOptions,
    Verbose,
    with_scan_options,
)
from digitocr.cli.reporting import reported
from digitocr.core.errors import (
    WrongUsage,
)


@with_scan_options
def scan(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Images, PDFs, folders (walked), globs, - for one image or PDF on stdin, or URLs"
            " (s3://bucket/scans/, gs://, az://, https://).",
        ),
    ],
    output: Annotated[
        str,
        typer.Option("--output", "-o", help="Folder or URL for the results; - for stdout, as csv."),
    ] = "digitocr-results",
    *,
    reading: ScanOptions,
    cluster: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="Read on the machines of a Dask cluster: tcp://HOST:8786."
        ),
    ] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Read what earlier runs have read, too.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be read.")
    ] = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Read the numbers in page images.

    Example: digitocr scan scans/ -o results
    """
    with reported(verbose):
        if cluster and reading.workers:
            raise WrongUsage("--cluster has workers of its own: leave out --workers")
        from digitocr.cli import run_files

        scanner, target = run_files.scanner(reading), reading.output(output)
        found = run_files.found_in(inputs, target, reading.follow_symlinks)
        if dry_run:
            raise typer.Exit(run_files.show_plan(found))
        manner = run_files.Manner(
            reading.workers, reading.timeout, cluster, restart, verbose, quiet
        )
        report = run_files.scan_all(inputs, found, scanner, target, manner)
        raise typer.Exit(report.exit_code)

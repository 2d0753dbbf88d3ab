"""`digitocr review`: check doubtful numbers in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from digitocr.cli.console import (
    say,
)
from digitocr.cli.options import (
    OPTION_NAMES,
    Verbose,
    extra,
)
from digitocr.cli.reporting import reported


def review(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder of results, as digitocr scan wrote it.")
    ],
    inputs: Annotated[
        Path | None,
        typer.Option(help="Folder that the inputs are in now, if they were moved."),
    ] = None,
    audit: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="Look at N random ok numbers, to tell how many are wrong."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the choice of an audit's numbers.")] = 0,
    show: Annotated[
        bool, typer.Option("--show", help="Show each number's reading at once in an audit.")
    ] = False,
    verbose: Verbose = False,
) -> None:
    """Check and correct doubtful numbers in the browser. It is served to this machine alone.

    Example: digitocr review results && digitocr review results --audit 200
    """
    with reported(verbose), extra("review"):
        from digitocr.review.server import AuditOptions
        from digitocr.review.server import review as review_results

        audit_options = AuditOptions(audit, seed, show) if audit else None
        review_results(folder, inputs, say, OPTION_NAMES, audit_options)

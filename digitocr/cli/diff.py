"""`digitocr diff`: list what changed from one scan to another."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from digitocr.cli.console import (
    warn,
)
from digitocr.cli.options import (
    STDOUT,
    Verbose,
)
from digitocr.cli.reporting import reported
from digitocr.core.errors import (
    OutputUnwritable,
)


def diff(
    old: Annotated[
        Path, typer.Argument(metavar="OLD_DIR", help="Results of a scan, with JSON among them.")
    ],
    new: Annotated[Path, typer.Argument(metavar="NEW_DIR", help="Others, of the same files.")],
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="CSV to write; - for stdout.")
    ] = STDOUT,
    verbose: Verbose = False,
) -> None:
    """List the numbers that changed from one scan to another. Models or settings may differ.

    Example: digitocr diff results results-new -o changed.csv
    """
    with reported(verbose):
        from digitocr.cli.report import compared_summary
        from digitocr.results.diff import (
            Tally,
            changes_csv,
        )
        from digitocr.results.file_results import print_text
        from digitocr.storage.places import write_file

        if output == STDOUT and sys.stdout is None:
            raise OutputUnwritable("stdout is closed")
        tally = Tally()
        texts = changes_csv(old, new, tally, warn)
        if output == STDOUT:
            for text in texts:
                print_text(text)
        else:
            write_file(Path(output), (text.encode() for text in texts))
        compared_summary(tally)
        raise typer.Exit(tally.exit_code)

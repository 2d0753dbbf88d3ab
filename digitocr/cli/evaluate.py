"""`digitocr evaluate`: measure a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from digitocr.cli.options import (
    Verbose,
    extra,
)
from digitocr.cli.reporting import reported


def evaluate(
    model: Annotated[str, typer.Argument(help="Name (see: digitocr models) or path.")] = "digits",
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder with MNIST/raw, or with pictures and a truth.csv (file,truth).",
            show_default="MNIST, downloaded into the cache",
        ),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Folder for pictures of what was read wrong.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    verbose: Verbose = False,
) -> None:
    """Measure a model: accuracy, confusions, calibration.

    Example: digitocr evaluate --data ../scans-with-truth
    """
    with reported(verbose), extra("train"):
        from digitocr.cli.run_training import evaluate_model

        evaluate_model(model, data, report, as_json)

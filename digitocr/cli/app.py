"""The commands: parse, call, show, exit. Results go to stdout or files, all else to stderr."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from digitocr.cli import diff, evaluate, form, models, review, scan, train, watch
from digitocr.core.version import __version__
from digitocr.runs.memory import keep_freed_memory

app = typer.Typer(
    help="Read the numbers on scanned and photographed pages into CSV, workbooks and JSON.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # Rich takes longer to load than all else that help needs
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Run the command line."""
    # Networks this small are read faster on one core; NumPy is loaded later, and reads this.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    keep_freed_memory()
    app(prog_name="digitocr")


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"digitocr {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


# In the order that help shows them. What a command takes is imported when it runs: help waits for
# none of it.
for _command in (
    scan.scan,
    watch.watch,
    review.review,
    diff.diff,
    form.form,
    train.train,
    evaluate.evaluate,
    models.models,
):
    app.command()(_command)

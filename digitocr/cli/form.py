"""`digitocr form`: begin a form file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from digitocr.cli.console import (
    say,
)
from digitocr.cli.options import (
    Verbose,
)
from digitocr.cli.reporting import reported


def form(
    picture: Annotated[
        Path, typer.Argument(metavar="BLANK.png", help="A picture of the form, upright.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FORM.toml", help="The form file to write.")
    ],
    verbose: Verbose = False,
) -> None:
    """Find the boxes of a form, and write a form file to edit. It is for digitocr scan --form.

    Example: digitocr form blank.png -o form.toml
    """
    with reported(verbose):
        from digitocr.forms.draft import begin_form

        begun = begin_form(picture, output)
        if begun.filled:
            say("Most boxes are filled: what is in them is taken for writing (filled = true).")
        say(f"fields: {len(begun.fields)}, their names drawn in {begun.names}")
        say(f"Written: {output}; give the fields their names there, and what is known of each.")

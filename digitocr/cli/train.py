"""`digitocr train`: train a network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from digitocr.cli.options import (
    Verbose,
    extra,
)
from digitocr.cli.reporting import reported
from digitocr.core.errors import (
    WrongUsage,
)


def train(
    recipe: Annotated[
        str, typer.Option(help="scan (the supplied model's) or seed (the first project's).")
    ] = "scan",
    data: Annotated[
        Path | None,
        typer.Option(help="Folder with MNIST/raw.", show_default="downloaded into the cache"),
    ] = None,
    add: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DATA[=LICENCE]",
            help="More to train on: an npz with images and labels (-1 is no digit), or a folder"
            " with a picture for each and a truth.csv (file,truth); with --from a results folder"
            " with checked numbers. Again for more.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="MODEL", help="Go on with this model: learn what was checked."
        ),
    ] = None,
    fonts: Annotated[
        Path | None, typer.Option(help="Folder of fonts whose digits to train on besides.")
    ] = None,
    hands: Annotated[
        Path | None,
        typer.Option(
            help="Folder of pen ink, signs and meter digits; with --fonts all networks are made"
            " anew, in stages that go on where they were stopped."
        ),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Rounds.", show_default="the recipe's")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Digits a step.", show_default="the recipe's")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(min=1e-9, help="Adam's.", show_default="the recipe's")
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The weights file to write.")
    ] = Path("digits.safetensors"),
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    seed: Annotated[int, typer.Option(help="Of every random choice.")] = 0,
    report: Annotated[
        Path | None, typer.Option(help="Folder for curves, confusions and predictions.")
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="With --from: write what reads other hands worse, too."),
    ] = False,
    verbose: Verbose = False,
) -> None:
    """Train a network that reads digits, and write its weights.

    Example: digitocr train -o mine.safetensors && digitocr scan scans --model mine.safetensors
    """
    with reported(verbose), extra("train"):
        from digitocr.cli import run_training
        from digitocr.training import recipes

        if hands and not (fonts and recipe == "scan"):
            raise WrongUsage("--hands goes with --fonts and --recipe scan")
        _check(model, recipe, add or [], (fonts, hands, batch_size, learning_rate, report))
        if model is not None:
            run_training.learn_checked(model, add or [], data, epochs, seed, output, force)
            return
        wanted = recipes.recipe(recipe, epochs, batch_size, learning_rate, seed)
        more = run_training.Data(data, add or [], fonts, hands)
        run_training.train_network(wanted, more, output, device, report)


def _check(model: str | None, recipe: str, add: list[str], others: tuple[object, ...]) -> None:
    """Raise WrongUsage where --from stands with options that it doesn't go with, or is missing."""
    from digitocr.training.data.corrected_samples import holds_corrections

    if model is None:
        if any(holds_corrections(Path(one)) for one in add):
            raise WrongUsage("--add of a results folder needs --from MODEL, which goes on from it")
    elif not add or recipe != "scan" or any(one is not None for one in others):
        raise WrongUsage(
            "--from goes with --add DIR, --data, --epochs, --seed and -o, with no others"
        )

"""The commands: parse, call, show, exit. Results go to stdout or files, all else to stderr."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from digitocr.cli.console import (
    say,
    say_lines,
    warn,
)
from digitocr.cli.options import (
    OPTION_NAMES,
    STDOUT,
    Quiet,
    ScanOptions,
    Verbose,
    extra,
    sentence_of,
    with_scan_options,
)
from digitocr.core.errors import (
    DigitocrError,
    ExitCode,
    OutputUnwritable,
    WrongUsage,
    with_names,
)
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


@contextmanager
def _reported(verbose: bool = False) -> Iterator[None]:
    """Turn every error into one sentence on stderr and its exit code."""
    try:
        yield
    except typer.Exit:
        raise
    except DigitocrError as error:
        advice = with_names(error.advice, OPTION_NAMES)
        if isinstance(error, WrongUsage) and not advice:
            advice = f"See: digitocr {sys.argv[1]} --help"
        sentence = f"{sentence_of(error).rstrip('.')}. {advice}".rstrip()
        _fail(sentence, error.exit_code, verbose)
    except KeyboardInterrupt:
        _fail("interrupted.", ExitCode.INTERRUPTED, verbose=False)
    except BrokenPipeError:
        # The reader of stdout has gone; Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        raise typer.Exit(ExitCode.OUTPUT) from None
    except OSError as error:  # of inputs they are caught where these are read
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        _fail(f"{error.filename or 'stdout'}: {error.strerror}.", ExitCode.OUTPUT, verbose)
    except Exception as error:
        sentence = f"unexpected {type(error).__name__}: {error}. See where with --verbose."
        _fail(sentence, ExitCode.CRASH, verbose)


def _fail(sentence: str, code: ExitCode, verbose: bool) -> NoReturn:
    """Say why a command ends, and end it."""
    if verbose:
        say_lines(traceback.format_exc())
    say(f"error: {sentence}")
    raise typer.Exit(code) from None


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


@app.command()
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
    with _reported(verbose):
        if cluster and reading.workers:
            raise WrongUsage("--cluster has workers of its own: leave out --workers")
        from digitocr.cli import scan as runs

        scanner, target = runs.scanner(reading), reading.output(output)
        found = runs.found_in(inputs, target, reading.follow_symlinks)
        if dry_run:
            raise typer.Exit(runs.show_plan(found))
        manner = runs.Manner(reading.workers, reading.timeout, cluster, restart, verbose, quiet)
        report = runs.scan_all(inputs, found, scanner, target, manner)
        raise typer.Exit(report.exit_code)


@app.command()
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
    with _reported(verbose):
        from digitocr.cli import report as show
        from digitocr.cli import scan as runs
        from digitocr.runs.inbox import Inbox
        from digitocr.runs.watch import Watch

        with extra("watch"):
            importlib.import_module("watchfiles")
        if not inbox or done == "":
            raise WrongUsage("INBOX or --done: names no folder")
        scanner, target = runs.scanner(reading), reading.output(output)
        archive = None if done is None else Path(done)
        manner = runs.Manner(reading.workers, reading.timeout, None, False, verbose, quiet)
        folder = Inbox(Path(inbox), target.folder, archive, follow=reading.follow_symlinks)
        with Watch(folder, scanner, target, archive, warn, OPTION_NAMES) as watching:
            report = runs.watch_on(watching, manner)
        if not quiet:
            show.summary(report, scanner.review_line, output)
        raise typer.Exit(report.exit_code)


@app.command()
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
    with _reported(verbose), extra("review"):
        from digitocr.review.server import AuditOptions
        from digitocr.review.server import review as review_results

        audit_options = AuditOptions(audit, seed, show) if audit else None
        review_results(folder, inputs, say, audit_options)


@app.command()
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
    with _reported(verbose):
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


@app.command()
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
    with _reported(verbose):
        from digitocr.forms.draft import begin_form

        begun = begin_form(picture, output)
        if begun.filled:
            say("Most boxes are filled: what is in them is taken for writing (filled = true).")
        say(f"fields: {len(begun.fields)}, their names drawn in {begun.names}")
        say(f"Written: {output}; give the fields their names there, and what is known of each.")


@app.command()
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
    verbose: Verbose = False,
) -> None:
    """Train a network that reads digits, and write its weights.

    Example: digitocr train -o mine.safetensors && digitocr scan scans --model mine.safetensors
    """
    with _reported(verbose), extra("train"):
        from digitocr.cli import train as training
        from digitocr.training import recipes, train
        from digitocr.training.data.corrected_samples import holds_corrections

        if model is not None:
            others = (fonts, batch_size, learning_rate, report)
            if not add or recipe != "scan" or any(one is not None for one in others):
                raise WrongUsage(
                    "--from goes with --add DIR, --data, --epochs, --seed and -o, with no others"
                )
            training.learn_checked(model, list(map(Path, add)), data, epochs, seed, output)
            return
        if any(holds_corrections(Path(one)) for one in add or []):
            raise WrongUsage("--add of a results folder needs --from MODEL, which goes on from it")
        wanted = recipes.recipe(recipe, epochs, batch_size, learning_rate, seed)
        found = training.Data(data, add or [], fonts)
        training.train_network(wanted, found, output, train.pick_device(device), report)


@app.command()
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
    with _reported(verbose), extra("train"):
        from digitocr.cli.train import evaluate_model

        evaluate_model(model, data, report, as_json)


@app.command()
def models() -> None:
    """Show the supplied models and their cards."""
    with _reported():
        from digitocr.cli import report as show
        from digitocr.recognition.model import (
            load_model,
            supplied_models,
        )

        for path in supplied_models():
            model = load_model(path)
            show.stdout().print(show.card(model.id.name, {"sha256": model.id.sha256, **model.card}))

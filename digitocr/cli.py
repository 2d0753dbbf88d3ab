"""The commands: parse, call, show, exit. Results go to stdout or files, all else to stderr."""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digitocr import __version__
from digitocr.errors import DigitocrError, ExitCode, NothingToRead, WrongUsage

if TYPE_CHECKING:
    from digitocr.batch import Done, Output, Report
    from digitocr.model import Model
    from digitocr.records import Settings, Source, Unread

app = typer.Typer(
    help="Read the numbers on scanned and photographed pages into CSV and JSON.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_FORMATS = ("csv", "json")
_STDOUT = "-"

Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Say more; show tracebacks of errors.")
]


def main() -> None:
    """Run the command line."""
    app(prog_name="digitocr")


@contextmanager
def _reported(verbose: bool = False) -> Iterator[None]:
    """Turn every error into one sentence on stderr and its exit code."""
    try:
        yield
    except DigitocrError as error:
        _say_error(error, verbose)
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        _say("interrupted.")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    except BrokenPipeError:
        # The reader of stdout has gone; Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(ExitCode.OUTPUT) from None
    except typer.Exit:
        raise
    except Exception as error:
        if verbose:
            traceback.print_exc()
        advice = "" if verbose else " Run with --verbose to see where."
        _say(f"error: unexpected {type(error).__name__}: {error}.{advice}")
        raise typer.Exit(ExitCode.CRASH) from None


def _say_error(error: DigitocrError, verbose: bool) -> None:
    if verbose:
        traceback.print_exc()
    _say(f"error: {str(error).rstrip('.')}. {error.advice}".rstrip())


def _say(text: str) -> None:
    """Print a line to stderr, whatever characters file names put into it."""
    from digitocr.show import printable

    print(printable(text), file=sys.stderr)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"digitocr {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show it.")
    ] = False,
) -> None:
    pass


@app.command()
def scan(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Image files, folders (walked), globs, or - for one image on stdin.",
        ),
    ],
    output: Annotated[
        str, typer.Option("--output", "-o", help="Folder for the results, or - for stdout.")
    ] = "digitocr-results",
    formats: Annotated[
        str | None,
        typer.Option(
            "--format", help="csv, json or both.", show_default="csv,json; on stdout csv"
        ),
    ] = None,
    model: Annotated[str, typer.Option(help="Name (see: digitocr models) or path.")] = "digits",
    min_confidence: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Numbers less sure than this get status review.",
            show_default="from the model's calibration",
        ),
    ] = None,
    annotate: Annotated[
        bool, typer.Option("--annotate", help="Also write each page with its readings drawn on.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be read.")
    ] = False,
    verbose: Verbose = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")
    ] = False,
) -> None:
    """Read the numbers in page images.

    Example: digitocr scan scans/ -o results
    """
    with _reported(verbose):
        target = _output(output, formats, annotate)
        found = _found(inputs, target)
        if dry_run:
            _show_plan(found)
            return
        report = _scan(inputs, found, model, min_confidence, target, verbose, quiet)
        raise typer.Exit(report.exit_code)


def _output(output: str, formats: str | None, annotate: bool) -> Output:
    """Return where results go."""
    from digitocr.batch import Output

    folder = None if output == _STDOUT else Path(output)
    kinds = tuple((formats or ("csv,json" if folder else "csv")).split(","))
    for kind in kinds:
        if kind not in _FORMATS:
            raise WrongUsage(f"--format {kind}: is none of {', '.join(_FORMATS)}")
    if folder is None and (len(kinds) > 1 or annotate):
        raise WrongUsage("-o - takes one --format and no --annotate")
    return Output(folder, kinds, annotate)


def _found(inputs: list[str], target: Output) -> list[Source | Unread]:
    """Return what there is to read; raise NothingToRead where nothing is."""
    from digitocr.records import Source, Unread
    from digitocr.sources import find_sources

    found = find_sources(inputs, target.folder)
    if not any(isinstance(one, Source) for one in found):
        for one in found:
            if isinstance(one, Unread):
                _say(f"error: {one.file}: {one.error}.")
        raise NothingToRead(f"nothing to read in {', '.join(inputs)}")
    return found


def _show_plan(found: list[Source | Unread]) -> None:
    """Print what would be read, a name a line."""
    from digitocr.records import Unread
    from digitocr.show import printable

    for one in found:
        if isinstance(one, Unread):
            _say(f"error: {one.file}: {one.error}.")
        else:
            print(printable(one.name))


def _scan(
    inputs: list[str],
    found: list[Source | Unread],
    model_name: str,
    min_confidence: float | None,
    target: Output,
    verbose: bool,
    quiet: bool,
) -> Report:
    """Read all inputs, write all results, show how it went."""
    from digitocr import batch, show, writers
    from digitocr.model import load_model
    from digitocr.records import Settings

    settings = Settings(model_name, min_confidence)
    model = load_model(model_name)
    if target.folder:
        batch.check_folder(target.folder)
    elif target.formats == ("csv",):
        sys.stdout.write(writers.header_row())
        sys.stdout.flush()
    report, start = batch.Report(), time.perf_counter()
    try:
        for done in show.tracked(batch.run(found, settings, model, target), len(found), quiet):
            report.done.append(done)
            if done.error:
                _say(f"error: {done.file}: {done.error}.")
    except KeyboardInterrupt:
        report.interrupted = True
    report.seconds = time.perf_counter() - start
    batch.write_views(report, inputs, settings, model, target)
    if not quiet:
        where = "stdout" if target.folder is None else str(target.folder)
        show.summary(report, batch.min_confidence(settings, model), where)
    return report

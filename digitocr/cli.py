"""The commands: parse, call, show, exit. Results go to stdout or files, all else to stderr."""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import shlex
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple, NoReturn

import typer

from digitocr import __version__
from digitocr.errors import (
    DigitocrError,
    ExitCode,
    ExtraMissing,
    NothingToRead,
    OutputUnwritable,
    WrongUsage,
)

if TYPE_CHECKING:
    from digitocr.batch import Done, Output, Report
    from digitocr.dataset import Digits
    from digitocr.recipes import Material, Recipe
    from digitocr.records import Known, Settings, Source, Unread

app = typer.Typer(
    help="Read the numbers on scanned and photographed pages into CSV, workbooks and JSON.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # Rich takes longer to load than all else that help needs
    context_settings={"help_option_names": ["-h", "--help"]},
)

_FORMATS = ("csv", "json", "xlsx")
_STDOUT = "-"
# M_MMAP_THRESHOLD, at the most 32 MB, and M_TRIM_THRESHOLD: arrays up to the one are kept, all in
# all up to the other.
_MALLOC = {-3: 32 << 20, -1: 256 << 20}

Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Say more; show tracebacks of errors.")
]


def main() -> None:
    """Run the command line."""
    # Networks this small are read faster on one core; NumPy is loaded later, and reads this.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    keep_freed_memory()
    app(prog_name="digitocr")


def keep_freed_memory() -> None:
    """Have the memory of one page's arrays kept for the next, where the C library is glibc's.

    It would be given back to the system and fetched anew for every array, which takes a tenth of
    the time of a page: see mallopt(3).
    """
    with suppress(OSError, AttributeError):  # of other C libraries
        mallopt = ctypes.CDLL("libc.so.6").mallopt
        for parameter, value in _MALLOC.items():
            mallopt(parameter, value)


@contextmanager
def _reported(verbose: bool = False) -> Iterator[None]:
    """Turn every error into one sentence on stderr and its exit code."""
    try:
        yield
    except typer.Exit:
        raise
    except DigitocrError as error:
        _fail(f"{str(error).rstrip('.')}. {error.advice}".rstrip(), error.exit_code, verbose)
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
    if verbose and sys.stderr:
        traceback.print_exc()
    _say(f"error: {sentence}")
    raise typer.Exit(code) from None


def _say(text: str) -> None:
    """Print a line to stderr, whatever characters file names put into it."""
    from digitocr.show import printable

    if sys.stderr:  # closed by `2>&-`; print would write into the results on stdout
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
            help="Images, PDFs, folders (walked), globs, or - for one image or PDF on stdin.",
        ),
    ],
    output: Annotated[
        str, typer.Option("--output", "-o", help="Folder for the results, or - for stdout.")
    ] = "digitocr-results",
    formats: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="csv, json, xlsx, or several with commas; xlsx brings json.",
            show_default="csv,json; on stdout csv",
        ),
    ] = None,
    excel: Annotated[
        bool, typer.Option("--excel", help="CSV that Excel does not spoil on a double click.")
    ] = False,
    model: Annotated[str, typer.Option(help="Name (see: digitocr models) or path.")] = "digits",
    max_error: Annotated[
        float,
        typer.Option(min=0, max=1, help="Share of the numbers marked ok that may be wrong."),
    ] = 0.03,
    min_confidence: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Numbers less sure than this get status review.",
            show_default="from --max-error and the model's calibration",
        ),
    ] = None,
    second_opinion: Annotated[
        bool, typer.Option(help="Read what is doubtful again, as whole strips of ink.")
    ] = True,
    decimal: Annotated[
        Literal["point", "comma", "none"] | None,
        typer.Option(
            help="What stands before decimals, where the page can't say. "
            "The other mark parts thousands; with none both do, or are specks.",
            show_default="as on the page",
        ),
    ] = None,
    digits: Annotated[
        str | None,
        typer.Option(metavar="N[-M]", help="Every number has so many digits."),
    ] = None,
    pattern: Annotated[
        str | None,
        typer.Option(
            metavar="REGEX",
            help="Every number, with its signs, matches a regular expression of Python's.",
        ),
    ] = None,
    within: Annotated[
        str | None,
        typer.Option("--range", metavar="A..B", help="Every number's value."),
    ] = None,
    check: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Every number's check digit is right: luhn, ean, isbn, verhoeff, ...",
        ),
    ] = None,
    listed: Annotated[
        str | None,
        typer.Option(
            "--list",
            metavar="FILE.csv:COLUMN",
            help="Every number is in this column.",
        ),
    ] = None,
    pages: Annotated[
        str | None,
        typer.Option(
            metavar="2-4,7,9-",
            help="Pages of each PDF or TIFF to read, from 1; 9- is from the ninth to the last.",
            show_default="all",
        ),
    ] = None,
    dpi: Annotated[
        int, typer.Option(min=50, max=1200, help="For PDF pages that are no scans.")
    ] = 300,
    form: Annotated[
        Path | None,
        typer.Option(
            metavar="FORM.toml",
            help="Read the fields of this form, and nothing else (see: digitocr form --help).",
        ),
    ] = None,
    annotate: Annotated[
        bool, typer.Option("--annotate", help="Also write each page with its readings drawn on.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be read.")
    ] = False,
    verbose: Verbose = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")] = False,
) -> None:
    """Read the numbers in page images.

    Example: digitocr scan scans/ -o results
    """
    with _reported(verbose):
        from digitocr.known import rule_of
        from digitocr.pageranges import page_ranges
        from digitocr.records import Known, Settings

        known = Known(digits, pattern, within, check, listed)
        rule_of(known)  # says now what is wrong with it
        least = None if min_confidence is None else _chance("--min-confidence", min_confidence)
        if pages is not None:
            page_ranges(pages)  # the same
        if form:
            _check_form(form, known)
        settings = Settings(
            model,
            max_error=_chance("--max-error", max_error),
            min_confidence=least,
            second_opinion=second_opinion,
            decimal=decimal,
            known=known,
            pages=pages,
            dpi=dpi,
            form=form,
        )
        target = _output(output, formats, annotate, excel)
        found = _found(inputs, target)
        if dry_run:
            raise typer.Exit(_show_plan(found))
        report = _scan(inputs, found, settings, target, verbose, quiet)
        raise typer.Exit(report.exit_code)


def _check_form(form: Path, known: Known) -> None:
    """Say now what is wrong with a form file."""
    from digitocr.forms import load_form
    from digitocr.records import Known

    if known != Known():
        raise WrongUsage("--form goes without what is known of all numbers: say it of its fields")
    load_form(form)


def _chance(option: str, value: float) -> float:
    """Return an option's value if it is a chance; Typer's bounds let NaN pass."""
    if not 0 <= value <= 1:
        raise WrongUsage(f"{option} {value}: is not within 0..1")
    return value


def _output(output: str, formats: str | None, annotate: bool, excel: bool) -> Output:
    """Return where results go."""
    from digitocr.batch import Output

    if not output:
        raise WrongUsage("-o: names no folder")
    folder = None if output == _STDOUT else Path(output)
    kinds = _kinds(formats or ("csv,json" if folder else "csv"))
    if folder is None and (len(kinds) > 1 or annotate):
        raise WrongUsage("-o - takes one --format, csv or json, and no --annotate")
    if folder is None and sys.stdout is None:
        raise OutputUnwritable("stdout is closed")
    if excel and "csv" not in kinds:
        raise WrongUsage("--excel is about CSV, which --format leaves out")
    return Output(folder, kinds, annotate, excel)


def _kinds(formats: str) -> tuple[str, ...]:
    """Return the formats in a list with commas, and what they are made of."""
    kinds = list(dict.fromkeys(kind.strip() for kind in formats.split(",")))
    for kind in kinds:
        if kind not in _FORMATS:
            raise WrongUsage(f"--format {kind}: is none of {', '.join(_FORMATS)}")
    if "xlsx" in kinds:
        with _extra("xlsx"):
            importlib.import_module("xlsxwriter")  # before hours of reading
        kinds += [] if "json" in kinds else ["json"]
    return tuple(kinds)


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


def _show_plan(found: list[Source | Unread]) -> ExitCode:
    """Print what would be read, a name a line; return what reading it could end with at best."""
    from digitocr.records import Unread
    from digitocr.show import printable

    code = ExitCode.OK
    for one in found:
        if isinstance(one, Unread):
            code = ExitCode.SOME_FAILED
            _say(f"error: {one.file}: {one.error}.")
        else:
            print(printable(one.name))
    return code


def _scan(
    inputs: list[str],
    found: list[Source | Unread],
    settings: Settings,
    target: Output,
    verbose: bool,
    quiet: bool,
) -> Report:
    """Read all inputs, write all results, show how it went."""
    from digitocr import batch
    from digitocr.model import load_model

    model = load_model(settings.model)
    if target.folder:
        batch.check_folder(target.folder)
    elif target.formats == ("csv",):
        sys.stdout.write(batch.header(settings, target.excel))
        sys.stdout.flush()
    report, start = batch.Report(), time.perf_counter()
    with batch.pictures_removed(target):
        with _interruptible(report):
            for done in _tracked(batch.run(found, settings, model, target), len(found), quiet):
                report.done.append(done)
                _say_done(done, verbose)
        report.seconds = time.perf_counter() - start
        for sentence in batch.write_views(report, inputs, settings, model, target):
            _say(f"warning: {sentence}.")
    if not quiet:
        from digitocr import show

        where = "stdout" if target.folder is None else str(target.folder)
        show.summary(report, model.review_line(settings), where)
    return report


def _tracked(done: Iterator[Done], total: int, quiet: bool) -> Iterator[Done]:
    """Return what was done, with a progress bar where stderr is a terminal."""
    if quiet or not (sys.stderr and sys.stderr.isatty()):
        return done
    from digitocr import show

    return show.tracked(done, total)


@contextmanager
def _interruptible(report: Report) -> Iterator[None]:
    """Let Ctrl-C end the reading, but not the writing of what was read."""
    try:
        yield
    except KeyboardInterrupt:
        report.interrupted = True


def _say_done(done: Done, verbose: bool) -> None:
    """Say how one file ended: always that it failed, else only when asked to say more."""
    if done.error:
        _say(f"error: {done.file}: {done.error}.")
        if verbose and done.trace and sys.stderr:
            sys.stderr.write(done.trace)
    for misfit in done.misfits:
        _say(f"error: {done.file}: {misfit}.")
    if verbose and not done.error:
        counts = f"{done.n_pages} pages, {done.n_numbers} numbers, {done.n_review} to review"
        _say(f"{done.file}: {counts}, {done.seconds:.2f} s")


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
    """Find the boxes of a form, and write a form file to edit, for: digitocr scan --form.

    Example: digitocr form blank.png -o form.toml
    """
    with _reported(verbose):
        from digitocr.blank import begin_form

        begun = begin_form(picture, output)
        if begun.filled:
            _say("Most boxes are filled: what is in them is taken for writing (filled = true).")
        _say(f"fields: {len(begun.fields)}, their names drawn in {begun.names}")
        _say(f"Written: {output}; give the fields their names there, and what is known of each.")


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
            " with a picture for each and a truth.csv (file,truth). Again for more.",
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
    with _reported(verbose), _extra("train"):
        from digitocr import recipes, train

        wanted = recipes.recipe(recipe, epochs, batch_size, learning_rate, seed)
        found = Data(data, add or [], fonts)
        _train(wanted, found, output, train.pick_device(device), report)


@contextmanager
def _extra(name: str) -> Iterator[None]:
    """Say which install brings a package that is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ExtraMissing(
            f"{error.name} is not installed", f"Install it with: pip install 'digitocr[{name}]'"
        ) from error


class Data(NamedTuple):
    """Where what a network is trained on is from."""

    mnist: Path | None  # None: the cache
    more: list[str]
    fonts: Path | None


def _train(recipe: Recipe, data: Data, output: Path, device: str, report: Path | None) -> None:
    """Train, print a line an epoch, save the weights with their card."""
    from digitocr import batch, show, train, writers
    from digitocr.model import model_file

    for target in (output.parent, report):
        if target:
            batch.check_folder(target)  # before minutes of training
    if output.is_dir():
        raise OutputUnwritable(f"{output}: is a folder, not a file", "Name a file with -o.")
    material, test = _material(recipe, data)
    run, history = train.Training(recipe, material, device), []
    with suppress(KeyboardInterrupt):
        for epoch in run.epochs():
            history.append(epoch)
            _say(show.epoch_line(epoch))
    if run.weights is None:
        raise KeyboardInterrupt
    # Measuring takes minutes, and what is trained must not be lost.
    writers.write(output, model_file(run.weights, {"command": _command_line()}))
    card = train.card(run, run.weights, test, _command_line())
    writers.write(output, model_file(run.weights, card))
    _say(show.trained(history[-1], card, str(output)))
    if report:
        train.write_report(run, run.weights, history, report)
    if not run.finished:
        raise typer.Exit(ExitCode.INTERRUPTED)


def _material(recipe: Recipe, data: Data) -> tuple[Material, Digits | None]:
    """Return what a network is trained on, and digits to measure it with in the end, if any."""
    from digitocr.additions import draw_fonts, load_addition
    from digitocr.dataset import joined, load_mnist, mnist_folder
    from digitocr.recipes import material

    digits, test = load_mnist(data.mnist or mnist_folder())
    additions = [load_addition(wanted) for wanted in data.more]
    fonts = draw_fonts(data.fonts) if data.fonts else []
    if recipe.pooled:
        return material(recipe, joined(digits, test), additions, fonts), None
    return material(recipe, digits, additions, fonts), test


def _command_line() -> str:
    """Return the command that is being run, for the card."""
    return shlex.join(["digitocr", *sys.argv[1:]])


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
    with _reported(verbose), _extra("train"):
        _evaluate(model, data, report, as_json)


def _evaluate(name: str, data: Path | None, pictures: Path | None, as_json: bool) -> None:
    """Measure and print."""
    from digitocr import evaluate, show
    from digitocr.dataset import mnist_folder
    from digitocr.model import load_model

    model, folder = load_model(name), data or mnist_folder()
    report: evaluate.DigitReport | evaluate.PageReport
    if evaluate.holds_digits(folder):
        report, answered = evaluate.evaluate_digits(model, folder)
        if pictures:
            evaluate.write_digit_report(answered, pictures)
    else:
        report = evaluate.evaluate_pages(model, folder, pictures)
    if as_json:
        print(json.dumps(evaluate.as_json(report)))
    else:
        show.stdout().print(show.report(report))


@app.command()
def models() -> None:
    """Show the supplied models and their cards."""
    with _reported():
        from digitocr import show
        from digitocr.model import load_model, supplied_models

        for path in supplied_models():
            model = load_model(path)
            show.stdout().print(show.card(model.id.name, {"sha256": model.id.sha256, **model.card}))

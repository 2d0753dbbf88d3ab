"""The commands: parse, call, show, exit. Results go to stdout or files, all else to stderr."""

from __future__ import annotations

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
from typing import TYPE_CHECKING, Annotated, NamedTuple, NoReturn

import typer

from digitocr import __version__
from digitocr.errors import (
    DigitocrError,
    ExitCode,
    NothingToRead,
    OutputUnwritable,
    WrongUsage,
    counted,
)
from digitocr.memory import keep_freed_memory
from digitocr.options import STDOUT, Quiet, Reading, Verbose, extra, with_reading

if TYPE_CHECKING:
    from digitocr.dataset import Digits
    from digitocr.journal import Done
    from digitocr.recipes import Material, Recipe
    from digitocr.records import Settings, Source, Unread
    from digitocr.results import Output
    from digitocr.views import Report
    from digitocr.watch import Watch

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
    if verbose:
        _say_lines(traceback.format_exc())
    _say(f"error: {sentence}")
    raise typer.Exit(code) from None


def _say(text: str) -> None:
    """Print a line to stderr, whatever characters file names put into it."""
    from digitocr.show import printable

    if sys.stderr:  # closed by `2>&-`; print would write into the results on stdout
        print(printable(text), file=sys.stderr)


def _say_lines(text: str) -> None:
    """Print lines, a traceback's, which may hold file names, to stderr."""
    for line in text.splitlines():
        _say(line)


def _warn(sentence: str) -> None:
    _say(f"warning: {sentence}.")


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
@with_reading
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
    reading: Reading,
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
        settings = reading.settings()
        target = reading.output(output)
        found = _found(inputs, target, reading.follow_symlinks)
        if dry_run:
            raise typer.Exit(_show_plan(found))
        manner = Manner(reading.workers, reading.timeout, cluster, restart, verbose, quiet)
        report = _scan(inputs, found, settings, target, manner)
        raise typer.Exit(report.exit_code)


def _found(inputs: list[str], target: Output, follow: bool) -> list[Source | Unread]:
    """Return what there is to read; raise NothingToRead where nothing is."""
    from digitocr.records import Source, Unread
    from digitocr.sources import find_sources

    found = find_sources(inputs, target.folder, follow=follow)
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


class Manner(NamedTuple):
    """How a run over many files goes about it."""

    workers: int | None  # None: as many as cores
    timeout: float | None  # seconds
    cluster: str | None  # the address of a Dask scheduler
    restart: bool
    verbose: bool
    quiet: bool


def _scan(
    inputs: list[str],
    found: list[Source | Unread],
    settings: Settings,
    target: Output,
    manner: Manner,
) -> Report:
    """Read all inputs, write all results, show how it went."""
    from digitocr import batch, results, views, work
    from digitocr.model import load_model

    start, model = time.perf_counter(), load_model(settings.model)
    if target.folder:
        results.check_folder(target.folder)
    elif target.formats == ("csv",):
        work.show(work.header(settings, target.excel))
    workers = manner.workers or batch.cores()
    with (
        batch.Run(found, settings, model, target, manner.restart) as run,
        batch.interruptible(lambda text: None if manner.quiet else _say(text)) as stop,
    ):
        with run.engine(workers, manner.timeout, manner.cluster) as engine:
            run.plan()
            for note in run.notes if not manner.quiet else ():
                _say(f"{note}.")
            for one in _tracked(run.work(engine, stop), run.left, manner.quiet):
                _say_done(one, counts=manner.verbose, trace=manner.verbose)
        run.finish()
        report = run.report
        report.interrupted, report.seconds = stop.is_set(), time.perf_counter() - start
        left_out = views.write_views(report, inputs, settings, model, target)
    for sentence in left_out:
        _warn(sentence)
    if not manner.quiet:
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


@app.command()
@with_reading
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
    reading: Reading,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Read what a scanner drops into a folder, as it comes, until Ctrl-C or SIGTERM.

    Example: digitocr watch inbox -o results --done archive
    """
    with _reported(verbose):
        from digitocr import show
        from digitocr.inbox import Inbox
        from digitocr.model import load_model
        from digitocr.watch import Watch

        with extra("watch"):
            importlib.import_module("watchfiles")
        if not inbox or done == "":
            raise WrongUsage("INBOX or --done: names no folder")
        settings, target = reading.settings(), reading.output(output)
        archive = None if done is None else Path(done)
        model = load_model(settings.model)
        manner = Manner(reading.workers, reading.timeout, None, False, verbose, quiet)
        folder = Inbox(Path(inbox), target.folder, archive, follow=reading.follow_symlinks)
        with Watch(folder, settings, model, target, archive, _warn) as watching:
            report = _watch(watching, manner)
        if not quiet:
            show.summary(report, model.review_line(settings), output)
        raise typer.Exit(report.exit_code)


def _watch(watching: Watch, manner: Manner) -> Report:
    """Read what comes, and show how each file ended."""
    from digitocr import batch
    from digitocr.watch import ended_by_sigterm

    def say(text: str) -> None:
        if not manner.quiet:
            _say(text)

    say("Watching; Ctrl-C ends it.")
    with batch.interruptible(say) as stop, ended_by_sigterm(stop, say) as asked:
        for one in watching.work(manner.workers or batch.cores(), manner.timeout, stop):
            _say_done(one, counts=not manner.quiet, trace=manner.verbose)
        return watching.finish(interrupted=not asked.is_set())


def _say_done(done: Done, counts: bool, trace: bool) -> None:
    """Say how one file ended: always that it failed, else only where its counts are wanted."""
    if done.error:
        _say(f"error: {done.file}: {done.error}.")
        if trace:
            _say_lines(done.trace)
    for misfit in done.misfits:
        _say(f"error: {done.file}: {misfit}.")
    if counts and not done.error:
        found = f"{counted(done.n_pages, 'page')}, {counted(done.n_numbers, 'number')}"
        _say(f"{done.file}: {found}, {done.n_review} to review, {done.seconds:.2f} s")


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
    """Check and correct doubtful numbers in the browser, on this machine alone.

    Example: digitocr review results && digitocr review results --audit 200
    """
    with _reported(verbose), extra("review"):
        from digitocr.review import Sampling
        from digitocr.review import review as review_results

        sampling = Sampling(audit, seed, show) if audit else None
        review_results(folder, inputs, _say, sampling)


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
    """List the numbers that changed from one scan to another, such as with another model.

    Example: digitocr diff results results-new -o changed.csv
    """
    with _reported(verbose):
        from digitocr.diff import Tally, compared
        from digitocr.results import write_file
        from digitocr.show import compared_summary
        from digitocr.work import show

        if output == STDOUT and sys.stdout is None:
            raise OutputUnwritable("stdout is closed")
        tally = Tally()
        texts = compared(old, new, tally, _warn)
        if output == STDOUT:
            for text in texts:
                show(text)
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
        from digitocr import recipes, train
        from digitocr.lessons import is_checked

        if model is not None:
            others = (fonts, batch_size, learning_rate, report)
            if not add or recipe != "scan" or any(one is not None for one in others):
                raise WrongUsage(
                    "--from goes with --add DIR, --data, --epochs, --seed and -o, with no others"
                )
            _learn(model, list(map(Path, add)), data, epochs, seed, output)
            return
        if any(is_checked(Path(one)) for one in add or []):
            raise WrongUsage("--add of a results folder needs --from MODEL, which goes on from it")
        wanted = recipes.recipe(recipe, epochs, batch_size, learning_rate, seed)
        found = Data(data, add or [], fonts)
        _train(wanted, found, output, train.pick_device(device), report)


def _check_file(output: Path) -> None:
    """Raise OutputUnwritable unless a weights file can be written."""
    from digitocr import results

    results.check_folder(output.parent)
    if output.is_dir():
        raise OutputUnwritable(f"{output}: is a folder, not a file", "Name a file with -o.")


class Data(NamedTuple):
    """Where what a network is trained on is from."""

    mnist: Path | None  # None: the cache
    more: list[str]
    fonts: Path | None


def _train(recipe: Recipe, data: Data, output: Path, device: str, report: Path | None) -> None:
    """Train, print a line an epoch, save the weights with their card."""
    from digitocr import results, show, train, writers
    from digitocr.model import model_file

    _check_file(output)  # before minutes of training
    if report:
        results.check_folder(report)
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


def _learn(
    name: str, folders: list[Path], data: Path | None, rounds: int | None, seed: int, output: Path
) -> None:
    """Go on with a model: learn what was checked, save the new one with its card."""
    from digitocr import learn, replay, show, writers
    from digitocr.dataset import load_mnist, mnist_at_hand
    from digitocr.lessons import checked_numbers
    from digitocr.model import load_model, model_file

    _check_file(output)
    old, mnist = load_model(name), mnist_at_hand(data)
    training, test = load_mnist(mnist) if mnist else (None, None)
    checked = [checked_numbers(folder, old) for folder in folders]
    for one in checked:
        _say(show.checked(one))
    known = replay.replay(training, seed)
    lessons, apart = learn.held_out([lesson for one in checked for lesson in one.lessons])
    new = learn.learned(old, lessons, known, seed, rounds or learn.ROUNDS, _say)
    before, after = (learn.measured(model, apart, test) for model in (old, new))
    card = learn.card(old, checked, known, before, after, _command_line())
    writers.write(output, model_file(new.arrays, card))
    _say(show.learned(card, str(output)))


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
    with _reported(verbose), extra("train"):
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

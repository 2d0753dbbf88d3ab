"""What `digitocr train` and `digitocr evaluate` do, from their data to what they show."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import typer

from digitocr.cli.console import say
from digitocr.cli.report import (
    checked_folder_line,
    epoch_line,
    evaluation_report,
    learning_line,
    stdout,
    training_line,
)
from digitocr.core.errors import (
    ExitCode,
    OutputUnwritable,
)
from digitocr.core.settings import Settings
from digitocr.pipeline.scan import Scanner
from digitocr.recognition.model import LINE_FILES, Model, model_file
from digitocr.storage import atomic
from digitocr.storage.places import check_folder
from digitocr.training import evaluate, finetune, finetune_lines, train
from digitocr.training.data import replay
from digitocr.training.data.corrected_samples import CorrectedSample, corrected_samples
from digitocr.training.data.datasets import (
    Digits,
    joined_digits,
    load_mnist,
    mnist_at_hand,
    mnist_folder,
)
from digitocr.training.data.hands import check_hands
from digitocr.training.data.replay import Replay
from digitocr.training.data.symbols import (
    draw_fonts,
    load_addition,
)
from digitocr.training.line_network import LineNetwork
from digitocr.training.recipes import (
    Material,
    Recipe,
    material,
    recipe,
)


class Data(NamedTuple):
    """Where what a network is trained on is from."""

    mnist: Path | None  # None: the cache
    more: list[str]
    fonts: Path | None
    hands: Path | None  # what the readers of lines learn from; None: they are not trained


def train_network(
    wanted: Recipe, data: Data, output: Path, device: str, report: Path | None
) -> None:
    """Train, print a line an epoch, save the weights with their card; then the readers of lines."""
    device = train.pick_device(device)
    _check_file(output)  # before minutes of training
    if report:
        check_folder(report)
    if data.hands:
        check_hands(data.hands)
    if data.hands and _was_trained(output):
        say(f"{output} was trained by this command: going on with the readers of lines")
    else:
        _train_classifier(wanted, data, output, device, report)
    if data.hands and data.fonts:
        share = wanted.epochs / recipe(wanted.name).epochs
        _train_readers(output, data.fonts, data.hands, share)


def _was_trained(output: Path) -> bool:
    """Tell whether a weights file is the finished work of this very command."""
    if not output.is_file():
        return False
    card = Scanner(Settings(model=output, second_opinion=False)).model.card
    return card.get("command") == _command_line() and card.get("stopped_early") is False


def _train_readers(output: Path, fonts: Path, hands: Path, share: float) -> None:
    """Train what reads lines, on a share of what the supplied networks saw, in stages."""
    from digitocr.training.train_readers import Drawn, train_readers

    usual = Drawn()
    drawn = Drawn(*(max(1, round(share * of)) for of in (usual.steps, usual.lines, usual.pages)))
    train_readers(output, (fonts,), hands, drawn, output.with_suffix(".stages"), say)
    say(f"The readers of lines lie beside {output}.")


def _train_classifier(
    wanted: Recipe, data: Data, output: Path, device: str, report: Path | None
) -> None:
    shown, test = _material(wanted, data)
    run, history = train.Training(wanted, shown, device), []
    with suppress(KeyboardInterrupt):
        for epoch in run.epochs():
            history.append(epoch)
            say(epoch_line(epoch))
    if run.weights is None:
        raise KeyboardInterrupt
    # Measuring takes minutes, and what is trained must not be lost.
    write_model(output, model_file(run.weights, {"command": _command_line()}))
    card = train.card(run, run.weights, test, _command_line())
    atomic.write(output, model_file(run.weights, card))
    say(training_line(history[-1], card, str(output)))
    if report:
        train.write_report(run, run.weights, history, report)
    if not run.finished:
        raise typer.Exit(ExitCode.INTERRUPTED)


def learn_checked(
    name: str, folders: list[str], data: Path | None, rounds: int | None, seed: int, output: Path,
    force: bool,
) -> None:  # fmt: skip
    """Go on with a model: learn what was checked, save the new one with its card.

    The line reader learns it too; the finder and what weighs both readings stay as they are.

    Raises:
        ReadsWorse: the new model reads what others wrote worse, and nothing forces it.
    """
    _check_file(output)
    old = Scanner(Settings(model=name, second_opinion=False)).model
    mnist = mnist_at_hand(data)
    training, test = load_mnist(mnist) if mnist else (None, None)
    checked = [corrected_samples(Path(folder), old) for folder in folders]
    for one in checked:
        say(checked_folder_line(one))
    known = replay.replay(training, seed)
    everything = [sample for one in checked for sample in one.samples]
    samples, apart = finetune.training_and_held_out(everything)
    rounds = rounds or finetune.ROUNDS
    new = finetune.finetuned_model(old, samples, known, seed, rounds, say)
    readers = _learned_readers(old, samples, known, seed, rounds)
    before, after = (finetune.measure(model, apart, test) for model in (old, new))
    if readers:
        before, after = (
            replace(one, lines=finetune_lines.measure_lines(network, apart, known.symbols))
            for one, network in zip((before, after), readers.networks, strict=True)
        )
    if not force:
        finetune.check_others(before, after)
    card = finetune.card(old, checked, known, before, after, _command_line())
    write_model(output, model_file(new.arrays, card), readers.files if readers else ())
    say(learning_line(card, str(output)))


class _Readers(NamedTuple):
    """Readers of lines that have learned: what the files beside the model hold.

    The line readers are the one that was gone on from and the new one.
    """

    files: list[bytes]
    networks: tuple[LineNetwork, LineNetwork]


def _learned_readers(
    old: Model, samples: Sequence[CorrectedSample], known: Replay, seed: int, rounds: int
) -> _Readers | None:
    """Return what reads lines beside a model, the line reader with what it learned; None: none."""
    if not old.line_files:
        return None
    say("line reader")
    lines = finetune_lines.lines_of(samples)
    files = [path.read_bytes() for path in old.line_files]
    network = finetune_lines.load_line_network(old.line_files[1])
    learned = finetune_lines.finetuned_line_network(network, lines, known.symbols, seed, rounds)
    files[1] = finetune_lines.line_file(old.line_files[1], learned)
    return _Readers(files, (network, learned))


def _material(wanted: Recipe, data: Data) -> tuple[Material, Digits | None]:
    """Return what a network is trained on, and digits to measure it with in the end, if any."""
    digits, test = load_mnist(data.mnist or mnist_folder())
    additions = [load_addition(wanted) for wanted in data.more]
    fonts = draw_fonts(data.fonts) if data.fonts else []
    if wanted.pooled:
        return material(wanted, joined_digits(digits, test), additions, fonts), None
    return material(wanted, digits, additions, fonts), test


def write_model(output: Path, weights: bytes, readers: Sequence[bytes] = ()) -> None:
    """Write new weights, and the files of their readers of lines, if any, in `LINE_FILES`' order.

    Those that lie there belong to other weights, and go first.
    """
    beside = [output.with_suffix(ending) for ending in LINE_FILES]
    for path in beside:
        path.unlink(missing_ok=True)
    atomic.write(output, weights)
    for path, content in zip(beside, readers, strict=False):
        atomic.write(path, content)


def _check_file(output: Path) -> None:
    """Raise OutputUnwritable unless a weights file can be written."""
    check_folder(output.parent)
    if output.is_dir():
        raise OutputUnwritable(f"{output}: is a folder, not a file", "Name a file with -o.")


def _command_line() -> str:
    """Return the command that is being run, for the card."""
    return shlex.join(["digitocr", *sys.argv[1:]])


def evaluate_model(name: str, data: Path | None, pictures: Path | None, as_json: bool) -> None:
    """Measure and print."""
    scanner, folder = Scanner(Settings(model=name)), data or mnist_folder()
    report: evaluate.DigitReport | evaluate.PageReport
    if evaluate.is_digit_folder(folder):
        report, answered = evaluate.evaluate_digits(scanner.model, folder)
        if pictures:
            evaluate.write_digit_report(answered, pictures)
    else:
        report = evaluate.evaluate_pages(scanner, folder, pictures)
    if as_json:
        print(json.dumps(evaluate.as_json(report)))
    else:
        stdout().print(evaluation_report(report))

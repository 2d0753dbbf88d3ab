"""Train the networks that scanning uses. Read top to bottom: the run, its networks, its card."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from digitocr.core.arrays import (
    Answers,
    Crops,
    Labels,
)
from digitocr.core.document import ModelId
from digitocr.core.errors import WrongUsage
from digitocr.core.version import __version__
from digitocr.recognition.classifier import logits
from digitocr.recognition.model import Model
from digitocr.recognition.normalize import normalized_crops
from digitocr.recognition.strip_reader import Weights, strip_reader_from
from digitocr.training import plots
from digitocr.training.calibration import confusion_matrix
from digitocr.training.data.augment import distorted_epochs
from digitocr.training.data.datasets import (
    NON_DIGIT,
    Digits,
    joined_digits,
)
from digitocr.training.data.line_batches import (
    ShownLine,
    batches,
    written_chunks,
)
from digitocr.training.loop import (
    CHUNK,
    STRIP_BATCH,
    Shown,
    Teacher,
    Trained,
    TrainingLoop,
    accuracy,
    answers_wanted,
    crop_epoch,
    n_lines_read,
    strip_epoch,
)
from digitocr.training.model_calibration import calibration_facts
from digitocr.training.networks import (
    HIDDEN,
    Network,
    SpecialistNetwork,
    StripNetwork,
    TeacherNetwork,
)
from digitocr.training.recipes import (
    Material,
    Recipe,
)

_LINES_HELD_OUT = 2000  # at the most, written with held-out symbols, to see how the reader does
_LINE_RATE, _MOST_GRADIENT = 0.003, 10.0  # the last: of its gradient, at the most
# MNIST's digits are shown so often more while a specialist tells what they are, and are told apart
# from others by labels so much higher. Tuned as benchmarks/experiments.md says.
_MNIST_TIMES, _MNIST_OFFSET = 2, 100
_SPECIALIST_RATE, _SPECIALIST_BATCH, _POLISH_RATE, _SOFTENED = 0.003, 128, 0.0005, 2.0
_LINES_AN_EPOCH = 4096  # between two reports


@dataclass(frozen=True, slots=True)
class Epoch:
    """How training stands after an epoch."""

    network: str  # "teacher", "first network", "specialist", "polish" or "strip reader"
    number: int  # from 1
    epochs: int
    loss: float  # mean over the epoch's batches
    training_accuracy: float  # 0..1, of the answers given while training
    accuracy: float  # 0..1, on what is held out: digits, or lines of the strip reader
    seconds: float  # since the training of this network began

    @property
    def seconds_left(self) -> float:
        """The time that the other epochs of this network will take."""
        return self.seconds / self.number * (self.epochs - self.number)


class Training:
    """One run of a recipe: iterate over `epochs()`, then take `weights`."""

    def __init__(self, recipe: Recipe, material: Material, device: str = "cpu") -> None:
        """Make ready.

        Args:
            recipe: how to train.
            material: what on.
            device: torch's name of where to train.
        """
        torch.manual_seed(recipe.seed)
        if recipe.distort:  # one core makes the next epoch meanwhile
            torch.set_num_threads(max(1, torch.get_num_threads() - 1))
        self.recipe = recipe
        self.device = torch.device(device)
        self.material = material
        self.unseen = self.crops_of(material.held_out)
        self.weights: dict[str, Weights] | None = None  # the best so far; None before there are any
        self.finished = False

    def epochs(self) -> Iterator[Epoch]:
        """Train, yielding after each epoch; `weights` is up to date whenever it stops.

        The teacher comes first, the strip reader last.
        """
        recipe, digits, teacher = self.recipe, self.material.training, None
        if recipe.teacher:
            epochs = self._n_epochs(recipe.teacher)
            loop = self._training_loop(TeacherNetwork(), recipe.teacher_rate, epochs)
            yield from self._train_on_crops(
                "teacher", loop, epochs, self._shown_epochs(digits, epochs)
            )
            teacher = Teacher(loop.kept, recipe.taught)
        best, epochs = -1.0, recipe.epochs
        learner = self._training_loop(Network(), recipe.learning_rate, epochs)
        data = self._shown_epochs(digits, epochs, teacher)
        for epoch in self._train_on_crops("first network", learner, epochs, data):
            if epoch.accuracy >= best or (epoch.number == epochs and recipe.keep_last):
                best, self.weights = epoch.accuracy, learner.kept.exported()
            yield epoch
        if recipe.polish:
            yield from self._polish_network(learner.kept, teacher)
        if recipe.lines:
            yield from self._train_strip_reader()
        self.finished = True

    def _n_epochs(self, share: float) -> int:
        """Return how many epochs are a share of the first network's."""
        return max(1, round(share * self.recipe.epochs))

    def _training_loop(self, network: Trained, rate: float, epochs: int) -> TrainingLoop[Trained]:
        """Return the training loop of a network over some epochs."""
        recipe = self.recipe
        steps = math.ceil(len(self.material.training) / recipe.batch_size) * epochs
        cycle = steps if recipe.one_cycle else 0
        return TrainingLoop(network.to(self.device), rate, cycle, recipe.average)

    def _train_on_crops(
        self,
        name: str,
        loop: TrainingLoop[Trained],
        epochs: int,
        data: Iterator[Shown],
        size: int | None = None,
    ) -> Iterator[Epoch]:
        """Train a network on crops, `size` at a step, or as many as the recipe says."""
        start, labels = time.perf_counter(), self.material.held_out.labels
        for number, shown in enumerate(data, 1):
            loop.network.train()
            loss, right = crop_epoch(loop, shown, size or self.recipe.batch_size)
            loop.network.eval()
            score = accuracy(self._logits(loop.kept, self.unseen), labels)
            yield Epoch(name, number, epochs, loss, right, score, time.perf_counter() - start)

    def _polish_network(self, before: Network, teacher: Teacher | None) -> Iterator[Epoch]:
        """Go on training the first network, while a specialist tells what MNIST's digits are.

        Its weights are then moved a part of the way only: all of it would make it too sure of
        these (Wortsman et al. 2022, "Robust fine-tuning").
        """
        recipe, own = self.recipe, self.material.mnist
        epochs = self._n_epochs(recipe.specialist)
        steps = math.ceil(len(own) / _SPECIALIST_BATCH) * epochs
        loop = TrainingLoop(SpecialistNetwork().to(self.device), _SPECIALIST_RATE, steps)
        data = self._shown_epochs(own, epochs)
        yield from self._train_on_crops("specialist", loop, epochs, data, _SPECIALIST_BATCH)
        specialist = Teacher(loop.kept, 1.0, _SOFTENED)
        told_apart = replace(own, labels=own.labels + _MNIST_OFFSET)
        digits = joined_digits(self.material.training, *[told_apart] * _MNIST_TIMES)
        epochs = self._n_epochs(recipe.polish)
        steps = math.ceil(len(digits) / recipe.batch_size) * epochs
        learner = TrainingLoop(copy.deepcopy(before), _POLISH_RATE, steps, recipe.average)
        data = self._shown_epochs(digits, epochs, teacher, specialist)
        for epoch in self._train_on_crops("polish", learner, epochs, data):
            pairs = before.exported(), learner.kept.exported()
            self.weights = {
                key: old + np.float32(recipe.polished) * (pairs[1][key] - old)
                for key, old in pairs[0].items()
            }
            yield epoch

    def _train_strip_reader(self) -> Iterator[Epoch]:
        """Train the strip reader on written lines, new ones in every epoch."""
        recipe, found = self.recipe, self.material
        torch.manual_seed(recipe.seed)
        shown = math.ceil(len(found.training) * recipe.epochs * recipe.lines)
        size = min(shown, _LINES_AN_EPOCH)
        epochs = math.ceil(shown / size)
        network = StripNetwork().to(self.device)
        steps = epochs * math.ceil(size / STRIP_BATCH)
        loop = TrainingLoop(network, _LINE_RATE, steps, recipe.average, _MOST_GRADIENT)
        start, n_held_out = time.perf_counter(), min(_LINES_HELD_OUT, size)
        held_out = next(written_chunks(found.unseen, n_held_out, 1, [recipe.seed, 1]))
        chunks = written_chunks(found.shown, size, epochs, [recipe.seed, 0])
        rng = np.random.default_rng(recipe.seed)
        for number, lines in enumerate(chunks, 1):
            loss, right = strip_epoch(loop, lines, rng)
            score = self._share_of_lines_read(loop.kept, held_out)
            self.weights = {**(self.weights or {}), **loop.kept.exported()}
            yield Epoch(
                "strip reader", number, epochs, loss, right, score, time.perf_counter() - start
            )

    @torch.no_grad()
    def _share_of_lines_read(self, network: nn.Module, lines: Sequence[ShownLine]) -> float:
        """Return the share, 0..1, of lines that are read right."""
        right = 0
        for batch in batches(lines, STRIP_BATCH):
            right += n_lines_read(network(torch.from_numpy(batch.images).to(self.device)), batch)
        return right / len(lines)

    @torch.no_grad()
    def _logits(self, network: nn.Module, crops: Crops) -> Answers:
        """Return a network's logits, (N, 10), of (N, 28, 28) crops."""
        flat = self._tensor(crops.reshape(-1, 784))
        return np.asarray(torch.cat([network(some).cpu() for some in flat.split(CHUNK)]))

    def crops_of(self, digits: Digits) -> Crops:
        """Return digits as the network is shown them when it is measured, (N, 28, 28)."""
        if self.recipe.distort:
            parts = range(0, len(digits), CHUNK)
            return np.concatenate(
                [normalized_crops(list(digits.images[i : i + CHUNK])) for i in parts]
            )
        return digits.images.astype(np.float32) / np.float32(255)

    def _shown_epochs(
        self,
        digits: Digits,
        epochs: int,
        teacher: Teacher | None = None,
        specialist: Teacher | None = None,
    ) -> Iterator[Shown]:
        """Yield what is shown of N digits in each epoch; taught ones are shown some times each."""
        if not self.recipe.distort:
            crops = self._tensor(self.crops_of(digits).reshape(-1, 784))
            yield from [
                _with_wanted_answers(crops, self._tensor(digits.labels), None, None)
            ] * epochs
            return
        echo = self.recipe.echo if teacher else 1
        for first, made in enumerate(
            distorted_epochs(digits, math.ceil(epochs / echo), self.recipe.seed)
        ):
            crops, labels = (self._tensor(part) for part in (made[0].reshape(-1, 784), made[1]))
            shown = _with_wanted_answers(crops, labels, teacher, specialist)
            yield from [shown] * min(echo, epochs - first * echo)

    def _tensor(self, array: Crops | Labels) -> torch.Tensor:
        return torch.from_numpy(array).to(self.device)


def _with_wanted_answers(
    crops: torch.Tensor, labels: torch.Tensor, teacher: Teacher | None, specialist: Teacher | None
) -> Shown:
    """Return crops and what teachers say of them: of MNIST's own, told apart, the specialist."""
    own = labels >= _MNIST_OFFSET
    labels = torch.where(own, labels - _MNIST_OFFSET, labels)
    wanted, temperatures = answers_wanted(labels), torch.ones(len(labels), device=labels.device)
    if teacher is not None:
        wanted = wanted.lerp(teacher.chances(crops), teacher.share)
    if specialist is not None:
        wanted[own] = specialist.chances(crops[own])
        temperatures[own] = specialist.temperature
    return crops, labels, wanted, temperatures


def as_model(weights: dict[str, Weights], card: dict[str, Any] | None = None) -> Model:
    """Return trained weights as what scanning reads with."""
    first = {key: weights[key] for key in ("w1", "b1", "w2", "b2")}
    return Model(
        ModelId("", ""),
        first["w1"],
        first["b1"],
        first["w2"],
        first["b2"],
        card=card or {},
        strip_reader=strip_reader_from(weights),
    )


def quality_facts(
    training: Training, weights: dict[str, Weights], test: Digits | None
) -> dict[str, Any]:
    """Return the part of the card that says how good a trained network is.

    Args:
        training: a run that has stopped.
        weights: what it came to.
        test: digits that no choice was made on; None where there are none.
    """
    parts = {"training": training.material.training, "held_out": training.material.held_out}
    if test is not None:
        parts["mnist_test"] = test
    facts = {f"accuracy_{name}": _accuracy(training, weights, part) for name, part in parts.items()}
    return facts | calibration_facts(as_model(weights), training.material, training.recipe)


def _accuracy(training: Training, weights: dict[str, Weights], digits: Digits) -> float:
    known = digits[np.flatnonzero(digits.labels != NON_DIGIT)]
    found = logits(as_model(weights), training.crops_of(known))
    return round(accuracy(found, known.labels), 5)


def card(
    training: Training,
    weights: dict[str, Weights],
    test: Digits | None,
    command: str,
) -> dict[str, Any]:
    """Return what is known about a trained network, for the header of its file."""
    found = training.material
    n_digits = int((found.training.labels != NON_DIGIT).sum())
    return {
        "architecture": f"784-{HIDDEN}-10, ReLU"
        + (", and a convolutional strip reader" if training.recipe.lines else ""),
        "data": "MNIST (CC BY-SA 3.0)",
        "added": found.facts,
        "digits": {"training": n_digits, "held_out": len(found.held_out)},
        "no_digits": len(found.training) - n_digits,
        "recipe": asdict(training.recipe),
        "stopped_early": not training.finished,
        "command": command,
        **quality_facts(training, weights, test),
        "date": datetime.now(timezone.utc).date().isoformat(),
        "versions": {"digitocr": __version__, "torch": torch.__version__, "numpy": np.__version__},
    }


def pick_device(wanted: str) -> str:
    """Return torch's name for the device to train on; "auto" takes the fastest there is.

    Raises:
        WrongUsage: the device that was asked for is not there.
    """
    there = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if wanted == "auto":
        return next(name for name in ("cuda", "mps", "cpu") if there[name])
    if not there.get(wanted):
        raise WrongUsage(f"Training.device {wanted}: is not there (auto, cpu, cuda or mps)")
    return wanted


def write_report(
    training: Training, weights: dict[str, Weights], history: Sequence[Epoch], folder: Path
) -> None:
    """Write curves of loss and accuracy, the confusions and a grid of held-out digits.

    Raises:
        OSError: the folder can't be written.
    """
    held_out = training.material.held_out
    read = logits(as_model(weights), training.crops_of(held_out)).argmax(axis=1)
    history = [epoch for epoch in history if epoch.network == "first network"]
    some = np.random.default_rng(training.recipe.seed).permutation(len(held_out))[: plots.GRID]
    folder.mkdir(parents=True, exist_ok=True)
    plots.write_curves(
        folder / "curves.png",
        {"loss": [epoch.loss for epoch in history]},
        {
            "training": [epoch.training_accuracy for epoch in history],
            "held out": [epoch.accuracy for epoch in history],
        },
    )
    plots.write_confusion(folder / "confusion.png", confusion_matrix(held_out.labels, read))
    plots.write_digits(
        folder / "predictions.png", held_out.images[some], held_out.labels[some], read[some]
    )

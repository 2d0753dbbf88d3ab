"""Train the networks that scanning uses. Read top to bottom: steps, losses, the run, its card."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Generic, TypeAlias, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from digitocr import __version__, draw
from digitocr.calibration import confusion_matrix
from digitocr.crops import normalise
from digitocr.dataset import NO_DIGIT, Digits
from digitocr.distort import distorted_epochs
from digitocr.errors import WrongUsage
from digitocr.fitting import calibrated
from digitocr.lines import ShownLine, StripBatch, batches, written_chunks
from digitocr.model import CLASSES, Model, Weights, logits, strip_reader
from digitocr.networks import HIDDEN, Network, StripNetwork, TeacherNetwork
from digitocr.recipes import Material, Recipe
from digitocr.records import Answers, Crops, Labels, ModelId

_CHUNK = 2000  # crops answered at a time
_LINES_HELD_OUT = 2000  # at the most, written with held-out symbols, to see how the reader does
_STRIP_BATCH, _STRIP_RATE, _STEEPEST = 64, 0.003, 10.0  # the last: of its gradient, at the most
_LINES_SHOWN = 4096  # between two reports


@dataclass(frozen=True, slots=True)
class Teacher:
    """A trained network that another one learns from (Hinton et al. 2015)."""

    network: nn.Module
    share: float  # of the answers wanted, 0..1

    @torch.no_grad()
    def chances(self, crops: torch.Tensor) -> torch.Tensor:
        """Return what it says of (N, 784) crops, (N, 10), rows summing to 1."""
        return torch.cat([F.softmax(self.network(some), 1) for some in crops.split(_CHUNK)])


def answers_wanted(labels: torch.Tensor) -> torch.Tensor:
    """Return (B, 10) chances: all for the label, or the same for each where there is no digit."""
    wanted = F.one_hot(labels.clamp(min=0), 10).float()
    wanted[labels == NO_DIGIT] = 0.1
    return wanted


# (N, 784) crops, (N,) labels and (N, 10) wanted answers.
Shown: TypeAlias = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
Trained = TypeVar("Trained", bound=nn.Module)


class Course(Generic[Trained]):
    """One network and what moves its weights."""

    def __init__(
        self,
        network: Trained,
        learning_rate: float,
        cycle: int = 0,
        average: float = 0.0,
        steepest: float = math.inf,
    ) -> None:
        """Set out to train a network.

        Args:
            network: on the device where it is trained.
            learning_rate: Adam's.
            cycle: the steps over which the rate rises to this and falls to nothing; 0 keeps it.
            average: the part of the average weights that stays at each step; 0 averages nothing.
            steepest: longer gradients are shortened to this.
        """
        self.network = network
        self.kept = copy.deepcopy(network) if average else network
        self.adam = torch.optim.Adam(network.parameters(), learning_rate, fused=True)
        self.schedule = (
            torch.optim.lr_scheduler.OneCycleLR(
                self.adam, learning_rate, total_steps=max(cycle, 11), pct_start=0.1
            )
            if cycle
            else None
        )
        self.average = average
        self.steepest = steepest
        self.steps = 0

    def step(self, loss: torch.Tensor) -> None:
        """Move the weights so that a loss becomes less."""
        self.adam.zero_grad(set_to_none=True)
        loss.backward()
        if self.steepest < math.inf:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.steepest)
        self.adam.step()
        if self.schedule:
            self.schedule.step()
        self._average()

    def _average(self) -> None:
        """Move the averaged weights towards the network's.

        Fast at first, so that short runs are not held back by the weights they began with.
        """
        self.steps += 1
        if self.average:
            stays = min(self.average, self.steps / (self.steps + 10))
            pairs = zip(self.kept.parameters(), self.network.parameters(), strict=True)
            with torch.no_grad():
                for mean, new in pairs:
                    mean.lerp_(new, 1 - stays)


def crop_epoch(course: Course[Trained], shown: Shown, size: int) -> tuple[float, float]:
    """Train on N crops once, in a new order, `size` at a step.

    Returns:
        The mean loss, and the share, 0..1, of digits that was answered right meanwhile.
    """
    crops, labels, wanted = shown
    losses, right = torch.zeros((), device=crops.device), torch.zeros((), device=crops.device)
    for batch in torch.randperm(len(labels), device=crops.device).split(size):
        answers = course.network(crops[batch])  # (B, 10)
        loss = F.cross_entropy(answers, wanted[batch])
        course.step(loss)
        losses += loss.detach() * len(batch)
        right += (answers.detach().argmax(1) == labels[batch]).sum()
    known = (labels != NO_DIGIT).sum()
    return float(losses / len(crops)), float(right / known)


def strip_epoch(
    course: Course[StripNetwork], lines: Sequence[ShownLine], rng: np.random.Generator
) -> tuple[float, float]:
    """Train on some written lines once.

    Returns:
        The mean loss, and the share, 0..1, of lines that was read right meanwhile.
    """
    losses, right = 0.0, 0
    device = next(course.network.parameters()).device
    for batch in batches(lines, _STRIP_BATCH, rng):
        answers = course.network(torch.from_numpy(batch.strips).to(device))  # (B, 11, T)
        loss = ctc_loss(answers, batch)
        course.step(loss)
        losses += float(loss.detach()) * len(batch.lengths)
        right += _n_read(answers.detach(), batch)
    return losses / len(lines), right / len(lines)


def ctc_loss(answers: torch.Tensor, batch: StripBatch) -> torch.Tensor:
    """Return the mean of how unlikely the digits of B lines are, given (B, 11, T) answers."""
    lengths = torch.full((len(batch.lengths),), answers.shape[2])
    loss = F.ctc_loss(
        answers.permute(2, 0, 1).log_softmax(2),
        torch.from_numpy(batch.digits).to(answers.device),
        lengths,
        torch.from_numpy(batch.lengths),
        blank=CLASSES,
        zero_infinity=True,
        reduction="none",
    )
    return loss.mean()


def _n_read(answers: torch.Tensor, batch: StripBatch) -> int:
    """Return of how many lines the likeliest path, (B, 11, T) answers, gives just the digits."""
    paths = answers.argmax(1).cpu().numpy()
    ends = np.cumsum(batch.lengths)
    right = 0
    for path, end, length in zip(paths, ends, batch.lengths, strict=True):
        starts = path[np.flatnonzero(np.diff(path, prepend=CLASSES))]
        right += int(np.array_equal(starts[starts != CLASSES], batch.digits[end - length : end]))
    return right


@dataclass(frozen=True, slots=True)
class Epoch:
    """How training stands after an epoch."""

    network: str  # "teacher", "first network" or "strip reader"
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
        recipe, teacher = self.recipe, None
        if recipe.teacher:
            epochs = max(1, round(recipe.teacher * recipe.epochs))
            course = self._course(TeacherNetwork(), recipe.teacher_rate, epochs)
            yield from self._learn("teacher", course, epochs, None)
            teacher = Teacher(course.kept, recipe.taught)
        best = -1.0
        learner = self._course(Network(), recipe.learning_rate, recipe.epochs)
        for epoch in self._learn("first network", learner, recipe.epochs, teacher):
            if epoch.accuracy >= best or (epoch.number == recipe.epochs and recipe.keep_last):
                best, self.weights = epoch.accuracy, learner.kept.exported()
            yield epoch
        if recipe.lines:
            yield from self._learn_strips()
        self.finished = True

    def _course(self, network: Trained, rate: float, epochs: int) -> Course[Trained]:
        """Return the course of a network over some epochs."""
        recipe = self.recipe
        steps = math.ceil(len(self.material.training) / recipe.batch_size) * epochs
        cycle = steps if recipe.one_cycle else 0
        return Course(network.to(self.device), rate, cycle, recipe.average)

    def _learn(
        self, name: str, course: Course[Trained], epochs: int, teacher: Teacher | None
    ) -> Iterator[Epoch]:
        """Train a network on crops."""
        start, labels = time.perf_counter(), self.material.held_out.labels
        echo = self.recipe.echo if teacher else 1
        for number, shown in enumerate(self._data(epochs, echo, teacher), 1):
            loss, right = crop_epoch(course, shown, self.recipe.batch_size)
            score = accuracy(self._answers(course.kept, self.unseen), labels)
            yield Epoch(name, number, epochs, loss, right, score, time.perf_counter() - start)

    def _learn_strips(self) -> Iterator[Epoch]:
        """Train the strip reader on written lines, new ones in every epoch."""
        recipe, found = self.recipe, self.material
        torch.manual_seed(recipe.seed)
        shown = math.ceil(len(found.training) * recipe.epochs * recipe.lines)
        size = min(shown, _LINES_SHOWN)
        epochs = math.ceil(shown / size)
        network = StripNetwork().to(self.device)
        steps = epochs * math.ceil(size / _STRIP_BATCH)
        course = Course(network, _STRIP_RATE, steps, recipe.average, _STEEPEST)
        start, n_held_out = time.perf_counter(), min(_LINES_HELD_OUT, size)
        held_out = next(written_chunks(found.unseen, n_held_out, 1, [recipe.seed, 1]))
        chunks = written_chunks(found.shown, size, epochs, [recipe.seed, 0])
        rng = np.random.default_rng(recipe.seed)
        for number, lines in enumerate(chunks, 1):
            loss, right = strip_epoch(course, lines, rng)
            score = self._lines_read(course.kept, held_out)
            self.weights = {**(self.weights or {}), **course.kept.exported()}
            yield Epoch(
                "strip reader", number, epochs, loss, right, score, time.perf_counter() - start
            )

    @torch.no_grad()
    def _lines_read(self, network: nn.Module, lines: Sequence[ShownLine]) -> float:
        """Return the share, 0..1, of lines that are read right."""
        right = 0
        for batch in batches(lines, _STRIP_BATCH):
            right += _n_read(network(torch.from_numpy(batch.strips).to(self.device)), batch)
        return right / len(lines)

    @torch.no_grad()
    def _answers(self, network: nn.Module, crops: Crops) -> Answers:
        """Return a network's logits, (N, 10), of (N, 28, 28) crops."""
        flat = self._tensor(crops.reshape(-1, 784))
        return np.asarray(torch.cat([network(some).cpu() for some in flat.split(_CHUNK)]))

    def crops_of(self, digits: Digits) -> Crops:
        """Return digits as the network is shown them when it is measured, (N, 28, 28)."""
        if self.recipe.distort:
            parts = range(0, len(digits), _CHUNK)
            return np.concatenate([normalise(list(digits.images[i : i + _CHUNK])) for i in parts])
        return digits.images.astype(np.float32) / np.float32(255)

    def _data(self, epochs: int, echo: int, teacher: Teacher | None) -> Iterator[Shown]:
        """Yield each epoch's (N, 784) crops, (N,) labels and (N, 10) wanted answers."""
        training = self.material.training
        if not self.recipe.distort:
            crops = self._tensor(self.crops_of(training).reshape(-1, 784))
            labels = self._tensor(training.labels)
            yield from [(crops, labels, answers_wanted(labels))] * epochs
            return
        for first, made in enumerate(
            distorted_epochs(training, math.ceil(epochs / echo), self.recipe.seed)
        ):
            crops, labels = (self._tensor(part) for part in (made[0].reshape(-1, 784), made[1]))
            wanted = answers_wanted(labels)
            if teacher is not None:
                wanted = wanted.lerp(teacher.chances(crops), teacher.share)
            yield from [(crops, labels, wanted)] * min(echo, epochs - first * echo)

    def _tensor(self, array: Crops | Labels) -> torch.Tensor:
        return torch.from_numpy(array).to(self.device)


def accuracy(found: Answers, labels: Labels) -> float:
    """Return the share, 0..1, of (N, 10) logits that are highest at the label."""
    return float((found.argmax(axis=1) == labels).mean())


def as_model(weights: dict[str, Weights], card: dict[str, Any] | None = None) -> Model:
    """Return trained weights as what scanning reads with."""
    first = {key: weights[key] for key in ("w1", "b1", "w2", "b2")}
    return Model(ModelId("", ""), **first, card=card or {}, strip_reader=strip_reader(weights))


def measured(
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
    return facts | calibrated(as_model(weights), training.material, training.recipe)


def _accuracy(training: Training, weights: dict[str, Weights], digits: Digits) -> float:
    known = digits[np.flatnonzero(digits.labels != NO_DIGIT)]
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
    n_digits = int((found.training.labels != NO_DIGIT).sum())
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
        **measured(training, weights, test),
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
        raise WrongUsage(f"--device {wanted}: is not there (auto, cpu, cuda or mps)")
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
    some = np.random.default_rng(training.recipe.seed).permutation(len(held_out))[: draw.GRID]
    folder.mkdir(parents=True, exist_ok=True)
    draw.write_curves(
        folder / "curves.png",
        {"loss": [epoch.loss for epoch in history]},
        {
            "training": [epoch.training_accuracy for epoch in history],
            "held out": [epoch.accuracy for epoch in history],
        },
    )
    draw.write_confusion(folder / "confusion.png", confusion_matrix(held_out.labels, read))
    draw.write_digits(
        folder / "predictions.png", held_out.images[some], held_out.labels[some], read[some]
    )

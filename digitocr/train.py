"""Train the network that scanning uses. Read top to bottom: recipe, network, loop, card."""

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
import torch.nn.functional as F
from torch import nn

from digitocr import __version__, draw
from digitocr.calibration import calibrate, confusion_matrix
from digitocr.crops import normalise
from digitocr.dataset import Digits, distorted, distorted_epochs, split
from digitocr.errors import WrongUsage
from digitocr.model import Model, Weights, logits
from digitocr.records import Answers, Crops, Labels, ModelId

HIDDEN = 512


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a network is trained; the same recipe, data and machine give the same weights."""

    name: str
    epochs: int
    batch_size: int
    learning_rate: float  # Adam's; the highest where the schedule is one-cycle
    seed: int = 0
    keep_last: bool = False  # else the weights that read the held-out digits best are kept
    held_out: float = 0.2  # the share of digits that is not trained on
    pooled: bool = False  # MNIST's test digits are put to the others before they are split
    # The seed project stops here. `scan` also distorts the digits, raises and lowers the learning
    # rate over one cycle (Smith 2018) and keeps a running average of the weights (Polyak 1992).
    distort: bool = False
    one_cycle: bool = False
    average: float = 0.0  # the part of the average that stays at each step, later on


SEED = Recipe("seed", epochs=50, batch_size=100, learning_rate=0.001, pooled=True, keep_last=True)
SCAN = Recipe(
    "scan",
    epochs=300,
    batch_size=256,
    learning_rate=0.002,
    held_out=1 / 12,
    distort=True,
    one_cycle=True,
    average=0.9995,
)


def recipe(
    name: str,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    seed: int = 0,
) -> Recipe:
    """Return a recipe by its name, with what is not None in place of its own settings.

    Raises:
        WrongUsage: there is no such recipe.
    """
    found = {recipe.name: recipe for recipe in (SCAN, SEED)}.get(name)
    if found is None:
        raise WrongUsage(f"--recipe {name}: is neither scan nor seed")
    return replace(
        found,
        epochs=epochs or found.epochs,
        batch_size=batch_size or found.batch_size,
        learning_rate=learning_rate or found.learning_rate,
        seed=seed,
    )


class Network(nn.Module):
    """The seed project's network: 784 → 512 → ReLU → 10."""

    def __init__(self) -> None:
        """Draw the weights."""
        super().__init__()
        self.hidden = nn.Linear(784, HIDDEN)
        self.output = nn.Linear(HIDDEN, 10)

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        """Return the logits, (B, 10), of (B, 784) crops."""
        logits: torch.Tensor = self.output(F.relu(self.hidden(crops)))
        return logits


class Course:
    """One network and what moves its weights."""

    def __init__(
        self,
        network: Network,
        learning_rate: float,
        cycle: int = 0,
        average: float = 0.0,
    ) -> None:
        """Set out to train a network.

        Args:
            network: on the device where it is trained.
            learning_rate: Adam's.
            cycle: the steps over which the rate rises to this and falls to nothing; 0 keeps it.
            average: the part of the average weights that stays at each step; 0 averages nothing.
        """
        self.network = network
        self.kept = copy.deepcopy(network) if average else network
        self.adam = torch.optim.Adam(network.parameters(), learning_rate, fused=True)
        self.schedule = (
            torch.optim.lr_scheduler.OneCycleLR(
                self.adam, learning_rate, total_steps=cycle, pct_start=0.1
            )
            if cycle
            else None
        )
        self.average = average
        self.steps = 0

    def epoch(self, crops: torch.Tensor, labels: torch.Tensor, size: int) -> tuple[float, float]:
        """Train on (N, 784) crops once, `size` at a step.

        Returns:
            The mean loss, and the share, 0..1, that was answered right meanwhile.
        """
        losses, right = torch.zeros((), device=crops.device), torch.zeros((), device=crops.device)
        for batch, truth in zip(crops.split(size), labels.split(size), strict=True):
            logits = self.network(batch)  # (B, 10)
            loss = F.cross_entropy(logits, truth)
            self.adam.zero_grad(set_to_none=True)
            loss.backward()
            self.adam.step()
            if self.schedule:
                self.schedule.step()
            self._average()
            losses += loss.detach() * len(batch)
            right += (logits.detach().argmax(1) == truth).sum()
        return float(losses / len(crops)), float(right / len(crops))

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


@dataclass(frozen=True, slots=True)
class Epoch:
    """How training stands after an epoch."""

    number: int  # from 1
    epochs: int
    loss: float  # mean over the epoch's batches
    training_accuracy: float  # 0..1, of the answers given while training
    accuracy: float  # 0..1, on the held-out digits
    seconds: float  # since training began

    @property
    def seconds_left(self) -> float:
        """The time that the other epochs will take."""
        return self.seconds / self.number * (self.epochs - self.number)


class Training:
    """One run of a recipe: iterate over `epochs()`, then take `weights`."""

    def __init__(self, recipe: Recipe, digits: Digits, device: str = "cpu") -> None:
        """Split the digits and draw the weights.

        Args:
            recipe: how to train.
            digits: all that may be trained on or held out.
            device: torch's name of where to train.
        """
        torch.manual_seed(recipe.seed)
        if recipe.distort:  # one core makes the next epoch meanwhile
            torch.set_num_threads(max(1, torch.get_num_threads() - 1))
        self.recipe = recipe
        self.device = torch.device(device)
        self.training, self.held_out = split(digits, recipe.held_out, recipe.seed)
        self.unseen = self.crops_of(self.held_out)
        self.weights: dict[str, Weights] | None = None  # the best so far; None before there are any
        self.finished = False

    def epochs(self) -> Iterator[Epoch]:
        """Train, yielding after each epoch; `weights` is up to date whenever it stops."""
        recipe, start, best = self.recipe, time.perf_counter(), -1.0
        steps = math.ceil(len(self.training) / recipe.batch_size) * recipe.epochs
        course = Course(
            Network().to(self.device),
            recipe.learning_rate,
            cycle=steps if recipe.one_cycle else 0,
            average=recipe.average,
        )
        for number, (crops, labels) in enumerate(self._data(), 1):
            loss, right = course.epoch(crops, labels, recipe.batch_size)
            weights = exported(course.kept)
            score = accuracy(answers(weights, self.unseen), self.held_out.labels)
            self.finished = number == recipe.epochs
            # The seed project kept the last weights, not the best.
            if score >= best or (self.finished and recipe.keep_last):
                best, self.weights = score, weights
            yield Epoch(number, recipe.epochs, loss, right, score, time.perf_counter() - start)

    def crops_of(self, digits: Digits) -> Crops:
        """Return digits as the network is shown them when it is measured, (N, 28, 28)."""
        if self.recipe.distort:
            return normalise(list(digits.images))
        return digits.images.astype(np.float32) / np.float32(255)

    def _data(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield each epoch's (N, 784) crops and (N,) labels, shuffled, on the device."""
        if self.recipe.distort:
            recipe = self.recipe
            for made, truth in distorted_epochs(self.training, recipe.epochs, recipe.seed):
                yield self._tensor(made.reshape(-1, 784)), self._tensor(truth)
            return
        crops = self._tensor(self.crops_of(self.training).reshape(-1, 784))
        labels = self._tensor(self.training.labels)
        for _ in range(self.recipe.epochs):
            order = torch.randperm(len(labels), device=self.device)
            yield crops[order], labels[order]

    def _tensor(self, array: Crops | Labels) -> torch.Tensor:
        return torch.from_numpy(array).to(self.device)


def exported(network: Network) -> dict[str, Weights]:
    """Return a network's weights as `digitocr.model` takes them: (in, out) float32 arrays."""
    hidden, output = network.hidden, network.output
    arrays = {"w1": hidden.weight.T, "b1": hidden.bias, "w2": output.weight.T, "b2": output.bias}
    return {key: array.detach().cpu().numpy().copy() for key, array in arrays.items()}


def accuracy(found: Answers, labels: Labels) -> float:
    """Return the share, 0..1, of (N, 10) logits that are highest at the label."""
    return float((found.argmax(axis=1) == labels).mean())


def answers(weights: dict[str, Weights], crops: Crops) -> Answers:
    """Return the logits, (N, 10), of (N, 28, 28) crops."""
    model = Model(ModelId("", ""), weights["w1"], weights["b1"], weights["w2"], weights["b2"])
    return logits(model, crops)


def measured(
    training: Training, weights: dict[str, Weights], test: Digits | None
) -> dict[str, Any]:
    """Return the part of the card that says how good a trained network is.

    The calibration is fitted to held-out digits as they are and distorted as for training: digits
    on pages are between the two.

    Args:
        training: a run that has stopped.
        weights: what it came to.
        test: digits that no choice was made on; None where there are none.
    """
    held_out = training.held_out
    facts: dict[str, Any] = {
        "accuracy_training": _accuracy(training, weights, training.training),
        "accuracy_held_out": _accuracy(training, weights, held_out),
    }
    if test is not None:
        facts["accuracy_mnist_test"] = _accuracy(training, weights, test)
    crops, labels = training.crops_of(held_out), held_out.labels
    if training.recipe.distort:
        rng = np.random.default_rng(training.recipe.seed)
        crops = np.concatenate([crops, distorted(held_out.images, rng)])
        labels = np.concatenate([labels, labels])
    return facts | asdict(calibrate(answers(weights, crops), labels))


def _accuracy(training: Training, weights: dict[str, Weights], digits: Digits) -> float:
    return round(accuracy(answers(weights, training.crops_of(digits)), digits.labels), 5)


def card(
    training: Training,
    weights: dict[str, Weights],
    test: Digits | None,
    data: str,
    command: str,
) -> dict[str, Any]:
    """Return what is known about a trained network, for the header of its file."""
    recipe = asdict(training.recipe)
    return {
        "architecture": f"784-{HIDDEN}-10, ReLU",
        "data": data,
        "digits": {"training": len(training.training), "held_out": len(training.held_out)},
        "recipe": recipe,
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
    held_out = training.held_out
    read = answers(weights, training.crops_of(held_out)).argmax(axis=1)
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

"""Train the network that scanning uses. Read top to bottom: recipe, network, loop, card."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from digitocr import __version__, draw
from digitocr.additions import Addition
from digitocr.calibration import (
    Chances,
    Right,
    chance_curve,
    confusion_matrix,
    fitted_temperature,
    share_wrong,
)
from digitocr.crops import normalise
from digitocr.dataset import NO_DIGIT, Digits, joined, split
from digitocr.distort import distorted, distorted_epochs
from digitocr.errors import WrongUsage
from digitocr.layout import into_numbers
from digitocr.model import SECOND, Model, Second, Weights, logits, second_logits
from digitocr.records import Answers, Crops, Labels, ModelId, Settings
from digitocr.scan import read_marks
from digitocr.strokes import draw_forms
from digitocr.touching import cut_digits, write_number

HIDDEN = 512
CHANNELS = (24, 32, 64)  # of the second network
# One drawing of a digit has to stand for a hand, so those of fonts are shown this often an epoch.
_FONT_TIMES = 10
_LETTER_TIMES = 2
_CHUNK = 2000  # crops made, and answered by the teacher, at a time
_FONTS_HELD_OUT = 0.2  # of the fonts: hands that no network has seen, for the calibration
# Numbers composed for the calibration, for each held-out digit, a fifth of them with digits that
# touch, and how long they are.
_NUMBERS, _LENGTH = 0.6, (1, 7)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the networks are trained; the same recipe, data and machine give the same weights."""

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
    cuts: float = 0.0  # digits cut out of touching ones, and as many wrong cuts, for each digit
    forms: float = 0.0  # digits drawn in forms that MNIST hardly has, for each of MNIST's
    echo: int = 1  # epochs that show the first network the same distortions (Choi et al. 2019)
    # Epochs of the second network, for one of the first, and how fast it learns.
    second: float = 0.0
    second_rate: float = 0.004
    taught: float = 0.0  # the part of the first's answers wanted that the second gives


SEED = Recipe("seed", epochs=50, batch_size=100, learning_rate=0.001, pooled=True, keep_last=True)
SCAN = Recipe(
    "scan",
    epochs=150,
    batch_size=256,
    learning_rate=0.002,
    keep_last=True,
    held_out=1 / 12,
    distort=True,
    one_cycle=True,
    average=0.9995,
    cuts=0.4,
    forms=0.16,
    echo=3,
    second=0.11,
    taught=0.9,
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


@dataclass(frozen=True, slots=True)
class Material:
    """What networks are trained on and measured with."""

    training: Digits  # shown in every epoch, with marks that are no digit
    held_out: Digits  # of MNIST
    hands: Digits  # of fonts that are not trained on; may be empty
    facts: list[dict[str, Any]]  # what was added to MNIST, for the card


def material(
    recipe: Recipe,
    digits: Digits,
    additions: Sequence[Addition] = (),
    fonts: Sequence[Addition] = (),
) -> Material:
    """Return what a recipe trains on: digits in part, additions, most of the fonts, and cuts.

    Args:
        recipe: says how many are held out and cut.
        digits: MNIST's.
        additions: labelled symbols, all trained on.
        fonts: symbols drawn with one font each.
    """
    training, held_out = split(digits, recipe.held_out, recipe.seed)
    order = np.random.default_rng(recipe.seed).permutation(len(fonts))
    n_held_out = round(len(fonts) * _FONTS_HELD_OUT)
    hands = [fonts[i].digits for i in sorted(order[:n_held_out])]
    shown = [fonts[i].digits for i in sorted(order[n_held_out:])]
    forms = draw_forms(round(recipe.forms * len(training)), recipe.seed)
    parts = [training, forms, *(addition.digits for addition in additions)]
    if recipe.cuts:
        n = max(1, round(recipe.cuts * sum(map(len, parts))))
        parts.append(training)  # a second time, or MNIST would be the smaller part
        parts.append(cut_digits(joined(*parts, *shown), n, recipe.seed))
    for symbols in shown:
        known = symbols.labels != NO_DIGIT
        parts += [symbols[np.flatnonzero(known)]] * _FONT_TIMES
        parts += [symbols[np.flatnonzero(~known)]] * _LETTER_TIMES
    facts = [addition.facts for addition in [*additions, *fonts]]
    return Material(joined(*parts), held_out, joined(held_out[:0], *hands), facts)


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

    def exported(self) -> dict[str, Weights]:
        """Return the weights as `digitocr.model` takes them, float32."""
        hidden, output = self.hidden, self.output
        return _as_numpy(
            {"w1": hidden.weight.T, "b1": hidden.bias, "w2": output.weight.T, "b2": output.bias}
        )


class SecondNetwork(nn.Module):
    """Three convolutions, the first in steps of 2 (Simard et al. 2003), and a linear layer."""

    def __init__(self) -> None:
        """Draw the weights."""
        super().__init__()
        a, b, c = CHANNELS
        self.first = nn.Conv2d(1, a, 5, stride=2, padding=2)
        self.middle = nn.Conv2d(a, b, 3, padding=1)
        self.last = nn.Conv2d(b, c, 3, padding=1)
        self.output = nn.Linear(49 * c, 10)
        self.to(memory_format=torch.channels_last)  # twice as fast on a CPU

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        """Return the logits, (B, 10), of (B, 784) crops."""
        maps = F.relu(self.first(crops.view(-1, 1, 28, 28)))  # (B, A, 14, 14)
        maps = F.max_pool2d(F.relu(self.middle(maps)), 2)  # (B, B', 7, 7)
        maps = F.relu(self.last(maps))
        logits: torch.Tensor = self.output(maps.flatten(1))
        return logits

    def exported(self) -> dict[str, Weights]:
        """Return the weights as `digitocr.model` takes them, float32."""
        # Linear rows are by channel, row and column in torch; by row, column and channel there.
        rows = self.output.weight.reshape(10, -1, 7, 7).permute(2, 3, 1, 0).reshape(-1, 10)
        tensors: dict[str, torch.Tensor] = {f"{SECOND}w": rows, f"{SECOND}b": self.output.bias}
        for i, layer in enumerate((self.first, self.middle, self.last), 1):
            tensors[f"{SECOND}k{i}"] = layer.weight.permute(2, 3, 1, 0)
            tensors[f"{SECOND}c{i}"] = torch.as_tensor(layer.bias)
        return _as_numpy(tensors)


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


class Course:
    """One network and what moves its weights."""

    def __init__(
        self,
        network: Network | SecondNetwork,
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
                self.adam, learning_rate, total_steps=max(cycle, 11), pct_start=0.1
            )
            if cycle
            else None
        )
        self.average = average
        self.steps = 0

    def epoch(
        self, crops: torch.Tensor, labels: torch.Tensor, wanted: torch.Tensor, size: int
    ) -> tuple[float, float]:
        """Train on (N, 784) crops once, in a new order, `size` at a step.

        Args:
            crops: what is shown.
            labels: (N,), 0..9 or `NO_DIGIT`.
            wanted: (N, 10), the answers to learn.
            size: crops at a step.

        Returns:
            The mean loss, and the share, 0..1, of digits that was answered right meanwhile.
        """
        losses, right = torch.zeros((), device=crops.device), torch.zeros((), device=crops.device)
        order = torch.randperm(len(labels), device=crops.device)
        for batch in order.split(size):
            logits = self.network(crops[batch])  # (B, 10)
            loss = F.cross_entropy(logits, wanted[batch])
            self.adam.zero_grad(set_to_none=True)
            loss.backward()
            self.adam.step()
            if self.schedule:
                self.schedule.step()
            self._average()
            losses += loss.detach() * len(batch)
            right += (logits.detach().argmax(1) == labels[batch]).sum()
        known = (labels != NO_DIGIT).sum()
        return float(losses / len(crops)), float(right / known)

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

    network: str  # "first" or "second"
    number: int  # from 1
    epochs: int
    loss: float  # mean over the epoch's batches
    training_accuracy: float  # 0..1, of the answers given while training
    accuracy: float  # 0..1, on the held-out digits
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

        The second network comes first, to teach the first one.
        """
        recipe, teacher, second = self.recipe, None, {}
        if recipe.second:
            course = self._course(SecondNetwork(), recipe.second_rate, self._second_epochs())
            for epoch, found in self._learn("second", course, self._second_epochs(), None):
                second = found
                yield epoch
            teacher = Teacher(course.kept, recipe.taught)
        best = -1.0
        course = self._course(Network(), recipe.learning_rate, recipe.epochs)
        for epoch, found in self._learn("first", course, recipe.epochs, teacher):
            self.finished = epoch.number == recipe.epochs
            if epoch.accuracy >= best or (self.finished and recipe.keep_last):
                best, self.weights = epoch.accuracy, {**found, **second}
            yield epoch

    def _second_epochs(self) -> int:
        return max(1, round(self.recipe.second * self.recipe.epochs))

    def _course(self, network: Network | SecondNetwork, rate: float, epochs: int) -> Course:
        """Return the course of a network over some epochs."""
        recipe = self.recipe
        steps = math.ceil(len(self.material.training) / recipe.batch_size) * epochs
        cycle = steps if recipe.one_cycle else 0
        return Course(network.to(self.device), rate, cycle, recipe.average)

    def _learn(
        self, name: str, course: Course, epochs: int, teacher: Teacher | None
    ) -> Iterator[tuple[Epoch, dict[str, Weights]]]:
        """Train one network, yielding its weights after each epoch."""
        start, labels = time.perf_counter(), self.material.held_out.labels
        echo = self.recipe.echo if name == "first" else 1
        for number, shown in enumerate(self._data(epochs, echo, teacher), 1):
            loss, right = course.epoch(*shown, self.recipe.batch_size)
            weights = course.kept.exported()
            score = accuracy(answers(weights, self.unseen), labels)
            passed = time.perf_counter() - start
            yield Epoch(name, number, epochs, loss, right, score, passed), weights

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


def _as_numpy(tensors: dict[str, torch.Tensor]) -> dict[str, Weights]:
    return {key: tensor.detach().cpu().numpy().copy() for key, tensor in tensors.items()}


def accuracy(found: Answers, labels: Labels) -> float:
    """Return the share, 0..1, of (N, 10) logits that are highest at the label."""
    return float((found.argmax(axis=1) == labels).mean())


def answers(weights: dict[str, Weights], crops: Crops) -> Answers:
    """Return the logits, (N, 10), of (N, 28, 28) crops: the first network's if it is there."""
    if "w1" in weights:
        return logits(as_model(weights), crops)
    second = Second(**{key.removeprefix(SECOND): array for key, array in weights.items()})
    return second_logits(second, crops)


def as_model(weights: dict[str, Weights], card: dict[str, Any] | None = None) -> Model:
    """Return trained weights as what scanning reads with."""
    first = {key: array for key, array in weights.items() if not key.startswith(SECOND)}
    other = {key.removeprefix(SECOND): weights[key] for key in weights if key not in first}
    second = Second(**other) if other else None
    return Model(ModelId("", ""), **first, card=card or {}, second=second)


def measured(
    training: Training, weights: dict[str, Weights], test: Digits | None
) -> dict[str, Any]:
    """Return the part of the card that says how good a trained network is.

    Args:
        training: a run that has stopped.
        weights: what it came to.
        test: digits that no choice was made on; None where there are none.
    """
    held_out = training.material.held_out
    facts: dict[str, Any] = {
        "accuracy_training": _accuracy(training, weights, training.material.training),
        "accuracy_held_out": _accuracy(training, weights, held_out),
    }
    if test is not None:
        facts["accuracy_mnist_test"] = _accuracy(training, weights, test)
    return facts | calibrated(training, weights)


def _accuracy(training: Training, weights: dict[str, Weights], digits: Digits) -> float:
    known = digits[np.flatnonzero(digits.labels != NO_DIGIT)]
    return round(accuracy(answers(weights, training.crops_of(known)), known.labels), 5)


def calibrated(training: Training, weights: dict[str, Weights]) -> dict[str, Any]:
    """Return the part of the card that makes chances of scores.

    Temperatures are fitted to held-out digits, unseen hands and cuts of both, distorted as for
    training; the curves to numbers put together of them and read as on pages.
    """
    recipe, found = training.recipe, training.material
    rng = np.random.default_rng(recipe.seed)
    known = joined(found.held_out, found.hands[np.flatnonzero(found.hands.labels != NO_DIGIT)])
    shown = joined(found.held_out, found.hands)
    if recipe.cuts:
        shown = joined(
            shown, cut_digits(known, max(1, round(recipe.cuts * len(known))), recipe.seed)
        )
    crops = distorted(shown.images, rng) if recipe.distort else training.crops_of(shown)
    facts: dict[str, Any] = {}
    for part, key in (("w1", "temperature"), (f"{SECOND}w", "second_temperature")):
        if part in weights:
            own = {k: v for k, v in weights.items() if k.startswith(SECOND) == (part != "w1")}
            facts[key] = round(fitted_temperature(answers(own, crops), shown.labels), 4)
    model = as_model(weights, facts)
    written = _even(known, found, rng)
    digit, number = read_written(model, written, round(_NUMBERS * len(known)), rng)
    chances = chance_curve(*number)
    expected = np.interp(number[0], *chances) if chances[0] else number[0]
    return facts | {
        "digit_chance": chance_curve(*digit),
        "number_chance": chances,
        "share_wrong": share_wrong(expected, number[1]),
    }


def _even(known: Digits, found: Material, rng: np.random.Generator) -> Digits:
    """Return held-out digits with as many of unseen hands as of MNIST, if there are any."""
    n = len(found.held_out)
    hands = np.arange(n, len(known))
    return joined(found.held_out, known[rng.choice(hands, n)]) if len(hands) else known


def read_written(
    model: Model, digits: Digits, n: int, rng: np.random.Generator
) -> tuple[tuple[Chances, Right], tuple[Chances, Right]]:
    """Return confidences and what was right, of digits and of numbers, in n composed numbers."""
    of_digits: list[tuple[float, bool]] = []
    of_numbers: list[tuple[float, bool]] = []
    for i in range(n):
        written = write_number(digits, rng, _LENGTH, touching=i % 5 == 0)
        reading = read_marks(written.mask, Settings(), model)
        text = "".join(map(str, written.labels))
        for number in into_numbers(reading.digits, reading.others, 0.0):
            of_numbers.append((number.confidence, number.text == text))
            if len(number.text) == len(text):
                pairs = zip(number.digits, text, strict=True)
                of_digits += [(digit.confidence, digit.digit == true) for digit, true in pairs]
    return _columns(of_digits), _columns(of_numbers)


def _columns(rows: Sequence[tuple[float, bool]]) -> tuple[Chances, Right]:
    return np.array([row[0] for row in rows]), np.array([row[1] for row in rows], bool)


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
        "architecture": f"784-{HIDDEN}-10, ReLU",
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
    read = answers(weights, training.crops_of(held_out)).argmax(axis=1)
    history = [epoch for epoch in history if epoch.network == "first"]
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

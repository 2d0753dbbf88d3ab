"""Go on training a model with numbers that a person checked, so that it does not forget.

Both networks learn, as a number that is uncertain is decided by both (benchmarks/learning.py).
Each step also shows them what they knew before, and holds what they say of it to what they said
(Li and Hoiem 2016, "Learning without Forgetting").
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn

from digitocr.core.arrays import Labels
from digitocr.core.errors import ReadsWorse
from digitocr.core.version import __version__
from digitocr.recognition.classifier import logits
from digitocr.recognition.components import Components
from digitocr.recognition.model import Model
from digitocr.recognition.normalize import normalized_crops
from digitocr.recognition.reader import read_components
from digitocr.recognition.strip_reader import StripReader, Weights
from digitocr.training.data.augment import distorted_crops
from digitocr.training.data.corrected_samples import (
    CheckedFolder,
    CorrectedSample,
    digits_of,
)
from digitocr.training.data.datasets import Digits
from digitocr.training.data.line_batches import (
    ShownLine,
    StripBatch,
    batches,
    shown_line,
    written_lines,
)
from digitocr.training.data.line_scan import (
    scanned_ink,
)
from digitocr.training.data.replay import Replay
from digitocr.training.data.written_symbols import (
    Symbols,
    symbols,
)
from digitocr.training.loop import (
    TrainingLoop,
    accuracy,
    answers_wanted,
    ctc_loss,
)
from digitocr.training.networks import (
    Network,
    StripNetwork,
)
from digitocr.training.train import as_model

ROUNDS = 20
# They were chosen on digits of one half of three sets, to read those of the other half and MNIST's
# test (benchmarks/experiments.md).
_STEPS, _OWN, _KEPT, _RATE = 16, 64, 128, 0.001  # a round; digits shown at a step, new and known
_LINE_STEPS, _LINE_OWN, _LINE_WRITTEN, _LINE_KEPT, _LINE_RATE = 6, 24, 8, 32, 0.0005
_MOST_GRADIENT = 10.0  # of the strip reader's gradient
_AVERAGE = 0.97  # the part of the average weights that stays at each step
# How much a digit that is known counts for a new one, and a column that is known for a new line.
_DIVERGENCE_WEIGHT, _LINE_DIVERGENCE_WEIGHT = 12.0, 10.0
MOST_WORSE = 0.003  # of what others wrote
_HELD_OUT = 6  # one in so many numbers is not learned from, but read before and after


Values = NDArray[np.float64]  # (N,), of samples


@dataclass(frozen=True, slots=True)
class LineMeasure:
    """How well a line reader reads."""

    right: int  # of the numbers held out, as many are read exactly, signs and all
    of: int
    known: float  # 0..1, of known lines

    def facts(self) -> dict[str, Any]:
        """Return what the card says of it."""
        return {
            "lines_right": self.right,
            "lines": self.of,
            "known_lines": round(self.known, 5),
        }


@dataclass(frozen=True, slots=True)
class Measure:
    """How well a model reads."""

    numbers: int  # of those held out, as many are read right
    of: int
    mnist: float | None  # 0..1, of the first network on MNIST's test digits; None without them
    lines: LineMeasure | None = None  # of the line reader; None without one
    mnist_digits: int = 0  # that are tested

    def facts(self) -> dict[str, Any]:
        """Return what the card says of it."""
        facts: dict[str, Any] = {"numbers_right": self.numbers, "numbers": self.of}
        if self.mnist is not None:
            facts["mnist_test"] = round(self.mnist, 5)
        return facts | (self.lines.facts() if self.lines else {})


def training_and_held_out(
    samples: Sequence[CorrectedSample],
) -> tuple[list[CorrectedSample], list[CorrectedSample]]:
    """Return samples to learn from, and one in six to measure with, always the same ones.

    They are drawn by number, whatever page each is on; a sample alone is learned from.
    """
    order = np.random.default_rng(0).permutation(len(samples)).tolist()
    n = len(samples) // _HELD_OUT
    return [samples[i] for i in sorted(order[n:])], [samples[i] for i in sorted(order[:n])]


def finetuned_model(
    model: Model,
    samples: Sequence[CorrectedSample],
    known: Replay,
    seed: int,
    rounds: int,
    say: Callable[[str], None],
) -> Model:
    """Return a model that has learned from checked numbers; its card is the old one's.

    The temperature and the curves that make chances of its scores stay as they are.

    Args:
        model: to go on from.
        samples: at least one.
        known: what it must not forget.
        seed: of every choice; the same gives the same weights on the same machine.
        rounds: of some steps each; `ROUNDS` is usual.
        say: is given a line for each network.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    say(f"first network: {rounds * _STEPS} steps")
    weights, own = model.arrays, digits_of(samples)
    if len(own):
        weights |= _finetuned_classifier(model, own, known.digits, rounds, rng)
    if model.strip_reader:
        say(f"strip reader: {rounds * _LINE_STEPS} steps")
        uncertainty = _uncertainty_of_numbers(model, samples)
        weights |= _finetuned_strip_reader(
            model.strip_reader, samples, uncertainty, known.symbols, rounds, rng
        )
    return as_model(weights, model.card)


def _finetuned_classifier(
    model: Model, own: Digits, known: Digits, rounds: int, rng: np.random.Generator
) -> dict[str, Weights]:
    """Return the first network's weights after it was shown new digits."""
    network = Network()
    network.take(model)
    before = copy.deepcopy(network)
    loop = TrainingLoop(network, _RATE, rounds * _STEPS, _AVERAGE)
    for _ in range(rounds):
        some = _sample_places(_uncertainty(network, own), _STEPS * _OWN, rng)
        crops, labels = _distorted_tensors(own[some], rng)
        held, _ = _distorted_tensors(known[rng.integers(len(known), size=_STEPS * _KEPT)], rng)
        wanted = answers_wanted(torch.from_numpy(labels))
        for new, right, old in zip(
            crops.split(_OWN), wanted.split(_OWN), held.split(_KEPT), strict=True
        ):
            loss = F.cross_entropy(network(new), right)
            loop.step(loss + _DIVERGENCE_WEIGHT * _divergence(network, before, old))
    return loop.kept.exported()


@torch.no_grad()
def _uncertainty(network: Network, digits: Digits) -> Values:
    """Return how far off what is wanted a network's answers to N digits are, (N,), 0..1."""
    crops = torch.from_numpy(normalized_crops(list(digits.images)).reshape(len(digits), -1))
    answers = F.softmax(network(crops), 1)
    off = answers - answers_wanted(torch.from_numpy(digits.labels))
    return off.abs().sum(1).numpy().astype(np.float64) / 2


def _sample_places(uncertainty: Values, n: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return which n of N samples are shown: half are drawn evenly, half by their uncertainty.

    Most are known already (importance sampling: Katharopoulos and Fleuret 2018).
    """
    chances = (1 / len(uncertainty) + uncertainty / max(uncertainty.sum(), 1e-9)) / 2
    return rng.choice(len(uncertainty), n, p=chances / chances.sum())


def _distorted_tensors(digits: Digits, rng: np.random.Generator) -> tuple[torch.Tensor, Labels]:
    """Return N digits, each distorted anew: (N, 784) crops and their labels."""
    crops = distorted_crops(digits.images, rng).reshape(len(digits), -1)
    return torch.from_numpy(crops), digits.labels


def _divergence(network: nn.Module, before: nn.Module, known: torch.Tensor) -> torch.Tensor:
    """Return how unlikely a network holds what it said before, (B, C) or (B, C, T) answers."""
    with torch.no_grad():
        said = F.softmax(before(known), 1)
    return -(said * F.log_softmax(network(known), 1)).sum(1).mean()


def _finetuned_strip_reader(
    reader: StripReader,
    samples: Sequence[CorrectedSample],
    uncertainty: Values,
    known: Symbols,
    rounds: int,
    rng: np.random.Generator,
) -> dict[str, Weights]:
    """Return the strip reader's weights after it was shown new numbers.

    As they were written, scanned anew each time, and put together anew of their digits.
    """
    network = StripNetwork()
    network.take(reader)
    before = copy.deepcopy(network)
    loop = TrainingLoop(network, _LINE_RATE, rounds * _LINE_STEPS, _AVERAGE, _MOST_GRADIENT)
    own = symbols(digits_of(samples), ())
    for _ in range(rounds):
        for new, old in _line_round(samples, uncertainty, own, known, rng):
            loss = ctc_loss(network(torch.from_numpy(new.images)), new)
            strayed = _divergence(network, before, torch.from_numpy(old.images))
            loop.step(loss + _LINE_DIVERGENCE_WEIGHT * strayed)
    return loop.kept.exported()


def _uncertainty_of_numbers(model: Model, samples: Sequence[CorrectedSample]) -> Values:
    """Return how unsure a first network is of each of N numbers: of its least sure digit.

    The least sure are what the strip reader is asked about, and so are numbers that could not be
    split into digits.
    """
    network = Network()
    network.take(model)
    uncertainty = []
    for one in samples:
        whole = len(one.digits) >= max(1, len(one.text))
        uncertainty.append(float(_uncertainty(network, one.digits).max()) if whole else 1.0)
    return np.array(uncertainty)


def _line_round(
    samples: Sequence[CorrectedSample],
    uncertainty: Values,
    own: Symbols,
    known: Symbols,
    rng: np.random.Generator,
) -> Iterator[tuple[StripBatch, StripBatch]]:
    """Yield a round's batches, of new lines and of known ones about as long."""
    some = _sample_places(uncertainty, _LINE_STEPS * _LINE_OWN, rng)
    new = [_rescanned_line(samples[i], rng) for i in some.tolist()]
    if own.places:
        new += written_lines(own, _LINE_STEPS * _LINE_WRITTEN, rng)
    old = written_lines(known, _LINE_STEPS * _LINE_KEPT, rng)
    pairs = list(
        zip(batches(new, -(-len(new) // _LINE_STEPS)), batches(old, _LINE_KEPT), strict=True)
    )
    for i in rng.permutation(len(pairs)):
        yield pairs[i]


def _rescanned_line(sample: CorrectedSample, rng: np.random.Generator) -> ShownLine:
    """Return a number as another scan would show it."""
    mask = sample.mask
    extent = 0, 0, mask.shape[1], mask.shape[0]
    ink = scanned_ink(mask, extent, sample.text != "", rng)
    return shown_line(ink, np.array(list(map(int, sample.text)), np.int64))


def measure(model: Model, samples: Sequence[CorrectedSample], test: Digits | None) -> Measure:
    """Return how well a model reads numbers that it has not learned from, and MNIST's test."""
    right = sum(_digits_read(model, one) == one.text for one in samples)
    mnist = None
    if test is not None:
        mnist = accuracy(logits(model, normalized_crops(list(test.images))), test.labels)
    return Measure(right, len(samples), mnist, mnist_digits=len(test) if test else 0)


def check_others(before: Measure, after: Measure) -> None:
    """Raise ReadsWorse where what others wrote is read worse by more than 0.3 points.

    A single digit of few may be chance.
    """
    worse = max(MOST_WORSE, 1.5 / max(1, before.mnist_digits))
    for of, old, new, most in (
        ("MNIST's test digits", before.mnist, after.mnist, worse),
        ("known lines", _known_share(before), _known_share(after), MOST_WORSE),
    ):
        if old is not None and new is not None and round(old - new, 6) > most:
            raise ReadsWorse(
                f"nothing was written: of {of} the new model reads {100 * new:.2f} %, the one that"
                f" it goes on from {100 * old:.2f} %"
            )


def _known_share(measured: Measure) -> float | None:
    return measured.lines.known if measured.lines else None


def _digits_read(model: Model, sample: CorrectedSample) -> str:
    """Return the digits that a model reads in a number's ink."""
    reading = read_components(Components(list(sample.groups), [], []), model)
    digits = sorted(reading.digits, key=lambda digit: digit.box.middle)
    return "".join(digit.digit for digit in digits)


def card(
    model: Model,
    folders: Sequence[CheckedFolder],
    known: Replay,
    before: Measure,
    after: Measure,
    command: str,
) -> dict[str, Any]:
    """Return what is known about a model that has learned, for the header of its file.

    Args:
        model: that it went on from; what its card says of how scores become chances stays.
        folders: what it learned from.
        known: what it was shown again.
        before: the model, measured.
        after: the new one, measured.
        command: that made it.
    """
    stays = {key: one for key, one in model.card.items() if not key.startswith("accuracy_")}
    if after.mnist is not None:
        stays["accuracy_mnist_test"] = round(after.mnist, 5)
    return stays | {
        "from": {
            "name": model.id.name,
            "sha256": model.id.sha256,
            "command": model.card.get("command"),
        },
        "learned": [one.facts for one in folders],
        "replay": known.name,
        "before": before.facts(),
        "after": after.facts(),
        "command": command,
        "date": datetime.now(timezone.utc).date().isoformat(),
        "versions": {"digitocr": __version__, "torch": torch.__version__, "numpy": np.__version__},
    }

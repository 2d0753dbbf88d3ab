"""Go on training a model with numbers that a person checked, so that it does not forget.

Both networks learn, as a number that is in doubt is decided by both (benchmarks/learning.py).
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
from digitocr.core.version import __version__
from digitocr.recognition.classifier import logits
from digitocr.recognition.components import Components
from digitocr.recognition.line_reader import LineReader, Weights
from digitocr.recognition.model import Model
from digitocr.recognition.normalize import normalized_crops
from digitocr.recognition.reader import read_components
from digitocr.training.data.augment import distorted
from digitocr.training.data.corrected_samples import (
    Checked,
    CorrectedSample,
    digits_of,
)
from digitocr.training.data.datasets import Digits
from digitocr.training.data.line_batches import (
    LineBatch,
    ShownLine,
    batches,
    shown_line,
    written_lines,
)
from digitocr.training.data.replay import Replay
from digitocr.training.data.written_lines import (
    Symbols,
    scanned,
    symbols,
)
from digitocr.training.loop import (
    TrainingLoop,
    accuracy,
    answers_wanted,
    ctc_loss,
)
from digitocr.training.networks import (
    LineNetwork,
    Network,
)
from digitocr.training.train import as_model

ROUNDS = 20
# They were chosen on digits of one half of three sets, to read those of the other half and MNIST's
# test (benchmarks/experiments.md).
_STEPS, _OWN, _KEPT, _RATE = 16, 64, 128, 0.001  # a round; digits shown at a step, new and known
_STRIP_STEPS, _STRIP_OWN, _STRIP_WRITTEN, _STRIP_KEPT, _STRIP_RATE = 6, 24, 8, 32, 0.0005
_STEEPEST = 10.0  # of the strip reader's gradient
_AVERAGE = 0.97  # the part of the average weights that stays at each step
# How much a digit that is known counts for a new one, and a column that is known for a new line.
_HOLD, _HOLD_COLUMNS = 12.0, 10.0
_HELD_OUT = 6  # one in so many numbers is not learned from, but read before and after


Values = NDArray[np.float64]  # (N,), of lessons


@dataclass(frozen=True, slots=True)
class Measure:
    """How well a model reads."""

    numbers: int  # of those held out, as many are read right
    of: int
    mnist: float | None  # 0..1, of the first network on MNIST's test digits; None without them

    def facts(self) -> dict[str, Any]:
        """Return what the card says of it."""
        facts: dict[str, Any] = {"numbers_right": self.numbers, "numbers": self.of}
        return facts if self.mnist is None else facts | {"mnist_test": round(self.mnist, 5)}


def held_out(
    samples: Sequence[CorrectedSample],
) -> tuple[list[CorrectedSample], list[CorrectedSample]]:
    """Return lessons to learn from, and one in six to measure with, always the same ones.

    They are drawn by number, whatever page each is on; a lesson alone is learned from.
    """
    order = np.random.default_rng(0).permutation(len(samples)).tolist()
    n = len(samples) // _HELD_OUT
    return [samples[i] for i in sorted(order[n:])], [samples[i] for i in sorted(order[:n])]


def learned(
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
        weights |= _crops_learned(model, own, known.digits, rounds, rng)
    if model.line_reader:
        say(f"strip reader: {rounds * _STRIP_STEPS} steps")
        doubts = _doubts_of_numbers(model, samples)
        weights |= _strips_learned(model.line_reader, samples, doubts, known.symbols, rounds, rng)
    return as_model(weights, model.card)


def _crops_learned(
    model: Model, own: Digits, known: Digits, rounds: int, rng: np.random.Generator
) -> dict[str, Weights]:
    """Return the first network's weights after it was shown new digits."""
    network = Network()
    network.take(model)
    before = copy.deepcopy(network)
    course = TrainingLoop(network, _RATE, rounds * _STEPS, _AVERAGE)
    for _ in range(rounds):
        some = _drawn(_doubts(network, own), _STEPS * _OWN, rng)
        crops, labels = _distorted(own[some], rng)
        held, _ = _distorted(known[rng.integers(len(known), size=_STEPS * _KEPT)], rng)
        wanted = answers_wanted(torch.from_numpy(labels))
        for new, right, old in zip(
            crops.split(_OWN), wanted.split(_OWN), held.split(_KEPT), strict=True
        ):
            loss = F.cross_entropy(network(new), right)
            course.step(loss + _HOLD * _strayed(network, before, old))
    return course.kept.exported()


@torch.no_grad()
def _doubts(network: Network, digits: Digits) -> Values:
    """Return how far off what is wanted a network's answers to N digits are, (N,), 0..1."""
    crops = torch.from_numpy(normalized_crops(list(digits.images)).reshape(len(digits), -1))
    answers = F.softmax(network(crops), 1)
    off = answers - answers_wanted(torch.from_numpy(digits.labels))
    return off.abs().sum(1).numpy().astype(np.float64) / 2


def _drawn(doubts: Values, n: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return which n of N lessons are shown: half are drawn evenly, half by the doubts about them.

    Most are known already (importance sampling: Katharopoulos and Fleuret 2018).
    """
    chances = (1 / len(doubts) + doubts / max(doubts.sum(), 1e-9)) / 2
    return rng.choice(len(doubts), n, p=chances / chances.sum())


def _distorted(digits: Digits, rng: np.random.Generator) -> tuple[torch.Tensor, Labels]:
    """Return N digits, each distorted anew: (N, 784) crops and their labels."""
    crops = distorted(digits.images, rng).reshape(len(digits), -1)
    return torch.from_numpy(crops), digits.labels


def _strayed(network: nn.Module, before: nn.Module, known: torch.Tensor) -> torch.Tensor:
    """Return how unlikely a network holds what it said before, (B, C) or (B, C, T) answers."""
    with torch.no_grad():
        said = F.softmax(before(known), 1)
    return -(said * F.log_softmax(network(known), 1)).sum(1).mean()


def _strips_learned(
    reader: LineReader,
    samples: Sequence[CorrectedSample],
    doubts: Values,
    known: Symbols,
    rounds: int,
    rng: np.random.Generator,
) -> dict[str, Weights]:
    """Return the strip reader's weights after it was shown new numbers.

    As they were written, scanned anew each time, and put together anew of their digits.
    """
    network = LineNetwork()
    network.take(reader)
    before = copy.deepcopy(network)
    course = TrainingLoop(network, _STRIP_RATE, rounds * _STRIP_STEPS, _AVERAGE, _STEEPEST)
    own = symbols(digits_of(samples), ())
    for _ in range(rounds):
        for new, old in _strip_round(samples, doubts, own, known, rng):
            loss = ctc_loss(network(torch.from_numpy(new.strips)), new)
            strayed = _strayed(network, before, torch.from_numpy(old.strips))
            course.step(loss + _HOLD_COLUMNS * strayed)
    return course.kept.exported()


def _doubts_of_numbers(model: Model, samples: Sequence[CorrectedSample]) -> Values:
    """Return the greatest doubt that a first network leaves about a digit of each of N numbers.

    Those are what the strip reader is asked about; so are digits that could not be cut apart.
    """
    network = Network()
    network.take(model)
    doubts = []
    for one in samples:
        whole = len(one.digits) >= max(1, len(one.text))
        doubts.append(float(_doubts(network, one.digits).max()) if whole else 1.0)
    return np.array(doubts)


def _strip_round(
    samples: Sequence[CorrectedSample],
    doubts: Values,
    own: Symbols,
    known: Symbols,
    rng: np.random.Generator,
) -> Iterator[tuple[LineBatch, LineBatch]]:
    """Yield a round's batches, of new lines and of known ones about as long."""
    some = _drawn(doubts, _STRIP_STEPS * _STRIP_OWN, rng)
    new = [_seen_again(samples[i], rng) for i in some.tolist()]
    if own.places:
        new += written_lines(own, _STRIP_STEPS * _STRIP_WRITTEN, rng)
    old = written_lines(known, _STRIP_STEPS * _STRIP_KEPT, rng)
    pairs = list(
        zip(batches(new, -(-len(new) // _STRIP_STEPS)), batches(old, _STRIP_KEPT), strict=True)
    )
    for i in rng.permutation(len(pairs)):
        yield pairs[i]


def _seen_again(sample: CorrectedSample, rng: np.random.Generator) -> ShownLine:
    """Return a number as another scan would show it."""
    mask = sample.mask
    extent = 0, 0, mask.shape[1], mask.shape[0]
    ink = scanned(mask, extent, sample.text != "", rng)
    return shown_line(ink, np.array(list(map(int, sample.text)), np.int64))


def measured(model: Model, samples: Sequence[CorrectedSample], test: Digits | None) -> Measure:
    """Return how well a model reads numbers that it has not learned from, and MNIST's test."""
    right = sum(_read(model, one) == one.text for one in samples)
    mnist = None
    if test is not None:
        mnist = accuracy(logits(model, normalized_crops(list(test.images))), test.labels)
    return Measure(right, len(samples), mnist)


def _read(model: Model, sample: CorrectedSample) -> str:
    """Return the digits that a model reads in a number's ink."""
    reading = read_components(Components(list(sample.groups), [], []), model)
    digits = sorted(reading.digits, key=lambda digit: digit.box.middle)
    return "".join(digit.digit for digit in digits)


def card(
    model: Model,
    folders: Sequence[Checked],
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

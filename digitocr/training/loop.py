"""How a network is trained: the teacher it learns from, its losses, its steps, an epoch of them."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from digitocr.core.arrays import (
    Answers,
    Labels,
)
from digitocr.recognition.model import CLASSES
from digitocr.training.data.datasets import NON_DIGIT
from digitocr.training.data.line_batches import (
    ShownLine,
    StripBatch,
    batches,
)
from digitocr.training.networks import StripNetwork

CHUNK = 2000  # crops answered at a time
STRIP_BATCH = 64


@dataclass(frozen=True, slots=True)
class Teacher:
    """A trained network that another one learns from (Hinton et al. 2015)."""

    network: nn.Module
    share: float  # of the answers wanted, 0..1
    temperature: float = 1.0  # what its logits are divided by, and those of what learns from it

    @torch.no_grad()
    def chances(self, crops: torch.Tensor) -> torch.Tensor:
        """Return what it says of (N, 784) crops, (N, 10), rows summing to 1."""
        return torch.cat([self._soft_targets(some) for some in crops.split(CHUNK)])

    def _soft_targets(self, crops: torch.Tensor) -> torch.Tensor:
        return F.softmax(self.network(crops) / self.temperature, 1)


def answers_wanted(labels: torch.Tensor) -> torch.Tensor:
    """Return (B, 10) chances: all for the label, or the same for each where there is no digit."""
    wanted = F.one_hot(labels.clamp(min=0), 10).float()
    wanted[labels == NON_DIGIT] = 0.1
    return wanted


# (N, 784) crops, (N,) labels, (N, 10) wanted answers and the (N,) temperatures of these.
Shown: TypeAlias = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]
Trained = TypeVar("Trained", bound=nn.Module)


class TrainingLoop(Generic[Trained]):
    """One network and what moves its weights."""

    def __init__(
        self,
        network: Trained,
        learning_rate: float,
        cycle: int = 0,
        average: float = 0.0,
        most_gradient: float = math.inf,
    ) -> None:
        """Set out to train a network.

        Args:
            network: on the device where it is trained.
            learning_rate: Adam's.
            cycle: the steps over which the rate rises to this and falls to nothing; 0 keeps it.
            average: the part of the average weights that stays at each step; 0 averages nothing.
            most_gradient: longer gradients are shortened to this.
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
        self.most_gradient = most_gradient
        self.steps = 0

    def step(self, loss: torch.Tensor) -> None:
        """Move the weights so that a loss becomes less."""
        self.adam.zero_grad(set_to_none=True)
        loss.backward()
        if self.most_gradient < math.inf:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.most_gradient)
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


def crop_epoch(loop: TrainingLoop[Trained], shown: Shown, size: int) -> tuple[float, float]:
    """Train on N crops once, in a new order, `size` at a step.

    Returns:
        The mean loss, and the share, 0..1, of digits that was answered right meanwhile.
    """
    crops, labels, wanted, temperatures = shown
    losses, right = torch.zeros((), device=crops.device), torch.zeros((), device=crops.device)
    for batch in torch.randperm(len(labels), device=crops.device).split(size):
        answers = loop.network(crops[batch])  # (B, 10)
        loss = _softened_loss(answers, wanted[batch], temperatures[batch])
        loop.step(loss)
        losses += loss.detach() * len(batch)
        right += (answers.detach().argmax(1) == labels[batch]).sum()
    known = (labels != NON_DIGIT).sum()
    return float(losses / len(crops)), float(right / known)


def _softened_loss(
    answers: torch.Tensor, wanted: torch.Tensor, temperatures: torch.Tensor
) -> torch.Tensor:
    """Return the mean cross-entropy of (B, 10) answers, each at its temperature.

    Its gradients are as long at any temperature (Hinton et al. 2015).
    """
    chances = F.log_softmax(answers / temperatures[:, None], 1)
    return -((wanted * chances).sum(1) * temperatures**2).mean()


def strip_epoch(
    loop: TrainingLoop[StripNetwork], lines: Sequence[ShownLine], rng: np.random.Generator
) -> tuple[float, float]:
    """Train on some written lines once.

    Returns:
        The mean loss, and the share, 0..1, of lines that was read right meanwhile.
    """
    losses, right = 0.0, 0
    device = next(loop.network.parameters()).device
    for batch in batches(lines, STRIP_BATCH, rng):
        answers = loop.network(torch.from_numpy(batch.images).to(device))  # (B, 11, T)
        loss = ctc_loss(answers, batch)
        loop.step(loss)
        losses += float(loss.detach()) * len(batch.lengths)
        right += n_lines_read(answers.detach(), batch)
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


def n_lines_read(answers: torch.Tensor, batch: StripBatch) -> int:
    """Return of how many lines the likeliest path, (B, 11, T) answers, gives just the digits."""
    paths = answers.argmax(1).cpu().numpy()
    ends = np.cumsum(batch.lengths)
    right = 0
    for path, end, length in zip(paths, ends, batch.lengths, strict=True):
        starts = path[np.flatnonzero(np.diff(path, prepend=CLASSES))]
        right += int(np.array_equal(starts[starts != CLASSES], batch.digits[end - length : end]))
    return right


def accuracy(found: Answers, labels: Labels) -> float:
    """Return the share, 0..1, of (N, 10) logits that are highest at the label."""
    return float((found.argmax(axis=1) == labels).mean())

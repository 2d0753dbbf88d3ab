"""A network in training: AdamW over one cosine, a running average, checkpoints to go on from."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

Export = Callable[[nn.Module, Path], None]


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast a network learns; units are what `learn` counts: lines or steps."""

    total: int
    rate: float  # AdamW's, at its highest
    warm_steps: int  # over which the rate rises
    keep: float  # the part of the average that stays at each step, later on
    clip: float  # the longest gradient


class AveragedTrainer:
    """A network in training with its running average, which is what is measured and exported."""

    def __init__(
        self, folder: Path, network: nn.Module, schedule: Schedule, export: Export
    ) -> None:
        """Start anew, or go on from the checkpoint in `folder`.

        Args:
            folder: for checkpoint.pt and latest.onnx.
            network: with random weights.
            schedule: how long and how fast it learns.
            export: writes a network as ONNX.
        """
        self._folder, self._schedule, self._export = folder, schedule, export
        self.network = network.to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.network).eval()
        self._optimizer = torch.optim.AdamW(
            self.network.parameters(), schedule.rate, weight_decay=0.01
        )
        self.seen = self.steps = 0
        folder.mkdir(parents=True, exist_ok=True)
        if self._checkpoint.exists():
            self._load()

    @property
    def _checkpoint(self) -> Path:
        return self._folder / "checkpoint.pt"

    @property
    def exported(self) -> Path:
        """Where the averaged network lies as ONNX once it was saved."""
        return self._folder / "latest.onnx"

    @property
    def is_done(self) -> bool:
        """Whether as much was learned from as was planned."""
        return self.seen >= self._schedule.total

    def _load(self) -> None:
        state = torch.load(self._checkpoint, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self._optimizer.load_state_dict(state["optimizer"])
        self.seen, self.steps = state["seen"], state["steps"]

    def save(self) -> None:
        """Write the checkpoint, and the averaged network as ONNX; neither is ever half written."""
        state = {
            "network": self.network.state_dict(), "average": self.average.state_dict(),
            "optimizer": self._optimizer.state_dict(), "seen": self.seen, "steps": self.steps,
        }  # fmt: skip
        partial = self._checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(self._checkpoint)
        partial = self.exported.with_suffix(".partial")
        self._export(copy.deepcopy(self.average).eval(), partial)
        partial.replace(self.exported)

    def set_rate(self) -> None:
        """Set the learning rate for the next step."""
        warm = min(1.0, (self.steps + 1) / self._schedule.warm_steps)
        done = min(1.0, self.seen / self._schedule.total)
        fallen = 0.02 + 0.98 * (1 + math.cos(math.pi * done)) / 2
        for group in self._optimizer.param_groups:
            group["lr"] = self._schedule.rate * warm * fallen

    def learn(self, loss: Tensor, count: int) -> float:
        """Make a step down a loss of `count` lines or steps; return it as a number."""
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), self._schedule.clip)
        self._optimizer.step()
        self._follow()
        self.steps += 1
        self.seen += count
        return float(loss.detach())

    def _follow(self) -> None:
        keep = min(self._schedule.keep, (1 + self.steps) / (10 + self.steps))
        with torch.no_grad():
            pairs = zip(
                self.average.state_dict().values(), self.network.state_dict().values(), strict=True
            )
            for mean, now in pairs:
                if mean.dtype.is_floating_point:
                    mean.lerp_(now, 1 - keep)
                else:
                    mean.copy_(now)

"""Train the finder on drawn pages: `python -m digitocr.training.train_finder --help`.

Every checkpoint can be gone on from, and comes with an ONNX export of the averaged weights.
"""

import argparse
import copy
import math
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset

from digitocr.recognition.finder import (
    DIRECTION_X,
    DIRECTION_Y,
    HEIGHT,
    NUMBER,
    OTHER,
    RULING,
    Gray,
    Maps,
    prepared,
)
from digitocr.training.data.pages import PagePainter
from digitocr.training.finder_network import FinderNetwork
from digitocr.training.finder_targets import IGNORED, page_targets

Batch = tuple[Tensor, Tensor]
_HELD = 150  # crops that may be learned from again
_HARD_NEGATIVES = 4.0  # for each place of writing so many places without, the most doubtful ones


class DrawnPages(IterableDataset[Batch]):
    """Batches of crops of drawn pages without end: pictures (N, 1, S, S) and their targets."""

    def __init__(
        self, fonts: tuple[Path, ...], data: Path, seed: int, size: int, count: int
    ) -> None:
        """Remember where fonts and hands are; the worker loads them."""
        super().__init__()
        self._source = fonts, data, seed
        self._size, self._count = size, count

    def __iter__(self) -> Iterator[Batch]:
        """Yield batches."""
        cv2.setNumThreads(1)
        torch.set_num_threads(1)
        pages = PagePainter.load(*self._source).pages(self._size, self._size)
        store = _Store(np.random.default_rng(self._source[-1]))
        while True:
            fresh = [next(pages) for _ in range(self._count // 2)]
            chosen = [(page.gray, page_targets(page)) for page in fresh]
            seen = store.some(self._count - len(chosen))
            store.keep(chosen)
            chosen += seen
            pictures = np.stack([prepared(gray) for gray, _ in chosen])[:, None]
            targets = np.stack([maps for _, maps in chosen])
            yield torch.from_numpy(pictures), torch.from_numpy(targets)


class _Store:
    """Crops seen not long ago: half of a batch are such, as drawing costs as much as learning."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._held: list[tuple[Gray, Maps]] = []

    def some(self, count: int) -> list[tuple[Gray, Maps]]:
        """Return crops at random, none while there are none."""
        if not self._held:
            return []
        return [self._held[int(i)] for i in self._rng.integers(len(self._held), size=count)]

    def keep(self, crops: list[tuple[Gray, Maps]]) -> None:
        """Keep crops, each in place of another once there are enough."""
        for crop in crops:
            if len(self._held) < _HELD:
                self._held.append(crop)
            else:
                self._held[int(self._rng.integers(_HELD))] = crop


def _overlap_loss(chance: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Return 1 - Dice over a batch."""
    both = (chance * target * weight).sum()
    return 1 - (2 * both + 1) / ((chance * weight).sum() + (target * weight).sum() + 1)


def _kernel_loss(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Return cross entropy over kernels and the hardest places besides, and overlap."""
    losses = nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    losses = losses * weight
    positive = losses * target
    negative = (losses * (1 - target)).flatten()
    count = int(min(negative.numel(), _HARD_NEGATIVES * float(target.sum()) + 500))
    hardest = negative.topk(count, sorted=False).values
    entropy = (positive.sum() + hardest.sum()) / (target.sum() + count)
    return 3 * entropy + _overlap_loss(logits.sigmoid(), target, weight)


def finder_loss(maps: Tensor, targets: Tensor) -> Tensor:
    """Return the loss of maps (N, MAPS, h, w) against targets (N, MAPS + 1, h, w)."""
    weight = 1 - targets[:, IGNORED]
    loss = maps.new_zeros(())
    for index, share in ((NUMBER, 1.0), (OTHER, 0.7), (RULING, 0.4)):
        loss = loss + share * _kernel_loss(maps[:, index], targets[:, index], weight)
    inside = (targets[:, NUMBER] + targets[:, OTHER]).clamp(max=1) * weight
    for index, share in ((HEIGHT, 1.0), (DIRECTION_X, 0.7), (DIRECTION_Y, 0.7)):
        off = (maps[:, index] - targets[:, index]).abs() * inside
        loss = loss + share * off.sum() / (inside.sum() + 1)
    return loss


def export(network: nn.Module, path: Path) -> None:
    """Write a network as ONNX: "pages" (N, 1, H, W) to "maps" (N, MAPS, H / 4, W / 4)."""
    axes = {
        "pages": {0: "count", 2: "height", 3: "width"},
        "maps": {0: "count", 2: "rows", 3: "columns"},
    }
    partial = path.with_suffix(".partial")
    torch.onnx.export(
        copy.deepcopy(network).eval(), (torch.zeros(1, 1, 128, 128),), str(partial),
        input_names=["pages"], output_names=["maps"], dynamic_axes=axes, opset_version=17,
        dynamo=False,
    )  # fmt: skip
    partial.replace(path)


class Trainer:
    """A network in training with its running average, which is what is measured and exported."""

    def __init__(self, folder: Path, total: int, rate: float) -> None:
        """Start anew, or go on from the checkpoint in `folder`."""
        self._folder, self._total, self._rate = folder, total, rate
        self.network = FinderNetwork().to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.network).eval()
        self._optimizer = torch.optim.AdamW(self.network.parameters(), rate, weight_decay=0.01)
        self.steps = 0
        folder.mkdir(parents=True, exist_ok=True)
        if self._path.exists():
            self._load()

    @property
    def _path(self) -> Path:
        return self._folder / "checkpoint.pt"

    def _load(self) -> None:
        state = torch.load(self._path, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self._optimizer.load_state_dict(state["optimizer"])
        self.steps = state["steps"]

    def save(self) -> None:
        """Write the checkpoint and the averaged network as latest.onnx."""
        state = {
            "network": self.network.state_dict(), "average": self.average.state_dict(),
            "optimizer": self._optimizer.state_dict(), "steps": self.steps,
        }  # fmt: skip
        partial = self._path.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(self._path)
        export(self.average, self._folder / "latest.onnx")

    def _set_rate(self) -> None:
        warm = min(1.0, (self.steps + 1) / 100)
        done = min(1.0, self.steps / self._total)
        rate = self._rate * warm * (0.02 + 0.98 * (1 + math.cos(math.pi * done)) / 2)
        for group in self._optimizer.param_groups:
            group["lr"] = rate

    def step(self, pages: Tensor, targets: Tensor) -> float:
        """Learn from a batch; return its loss."""
        self._set_rate()
        maps = self.network(pages.contiguous(memory_format=torch.channels_last))
        loss = finder_loss(maps, targets)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self._optimizer.step()
        self._follow()
        self.steps += 1
        return float(loss.detach())

    def _follow(self) -> None:
        keep = min(0.995, (1 + self.steps) / (10 + self.steps))
        with torch.no_grad():
            pairs = zip(
                self.average.state_dict().values(), self.network.state_dict().values(), strict=True
            )
            for mean, now in pairs:
                if mean.dtype.is_floating_point:
                    mean.lerp_(now, 1 - keep)
                else:
                    mean.copy_(now)

    @property
    def done(self) -> bool:
        """Tell whether as many steps were made as were planned."""
        return self.steps >= self._total


def train(
    trainer: Trainer, fonts: tuple[Path, ...], data: Path, size: int, count: int, pause: float
) -> None:
    """Train until the planned steps are made; save every `pause` seconds."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    pages = DrawnPages(fonts, data, 1000 + trainer.steps, size, count)
    begun = saved = told = time.monotonic()
    losses: list[float] = []
    for pictures, targets in DataLoader(pages, None, num_workers=1, prefetch_factor=8):
        losses.append(trainer.step(pictures, targets))
        now = time.monotonic()
        if now - told > 30:
            figures = f"{now - begun:.0f}s step {trainer.steps} loss {np.mean(losses[-60:]):.4f}"
            print(time.strftime("%H:%M:%S"), figures, flush=True)
            told = now
        if now - saved > pause or trainer.done:
            trainer.save()
            saved = time.monotonic()
        if trainer.done:
            return


def main(arguments: list[str]) -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where checkpoints and exports go")
    parser.add_argument("--fonts", type=Path, action="append", required=True)
    parser.add_argument("--data", type=Path, required=True, help="../shared/data")
    parser.add_argument("--steps", type=int, default=8000)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--size", type=int, default=384, help="side of a crop in pixels")
    parser.add_argument("--count", type=int, default=8, help="crops of a batch")
    parser.add_argument("--pause", type=float, default=240.0, help="seconds between checkpoints")
    options = parser.parse_args(arguments)
    torch.manual_seed(0)
    trainer = Trainer(options.folder, options.steps, options.rate)
    fonts = tuple(options.fonts)
    train(trainer, fonts, options.data, options.size, options.count, options.pause)


if __name__ == "__main__":
    main(sys.argv[1:])

"""Train the finder on drawn pages.

Every checkpoint can be gone on from, and comes with an ONNX export of the averaged weights.
"""

import time
from collections.abc import Callable, Iterator
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
from digitocr.training.averaged_trainer import AveragedTrainer, Schedule
from digitocr.training.data.pages import PagePainter
from digitocr.training.finder_network import FinderNetwork
from digitocr.training.finder_targets import IGNORED, page_targets

Batch = tuple[Tensor, Tensor]
STEPS, RATE = 33_000, 1.6e-3  # of the supplied finder; at 3e-3 it stands still early
SIZE, COUNT = 320, 4  # of a batch's crops: their side in pixels, how many
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
    torch.onnx.export(
        network, (torch.zeros(1, 1, 128, 128),), str(path), input_names=["pages"],
        output_names=["maps"], dynamic_axes=axes, opset_version=17, dynamo=False,
    )  # fmt: skip


def finder_trainer(folder: Path, steps: int, rate: float = RATE) -> AveragedTrainer:
    """Return a finder in training; it goes on from the checkpoint in `folder`."""
    schedule = Schedule(steps, rate, warm_steps=100, keep=0.995, clip=5.0)
    return AveragedTrainer(folder, FinderNetwork(), schedule, export)


def learn_batch(trainer: AveragedTrainer, pages: Tensor, targets: Tensor) -> float:
    """Learn from a batch; return its loss."""
    trainer.set_rate()
    maps = trainer.network(pages.contiguous(memory_format=torch.channels_last))
    return trainer.learn(finder_loss(maps, targets), 1)


def train(
    trainer: AveragedTrainer, fonts: tuple[Path, ...], data: Path, size: int = SIZE,
    count: int = COUNT, pause: float = 240.0, say: Callable[[str], None] = print,
) -> None:  # fmt: skip
    """Train until the planned steps are made; save every `pause` seconds and when stopped."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    pages = DrawnPages(fonts, data, 1000 + trainer.steps, size, count)
    saved = told = time.monotonic()
    losses: list[float] = []
    try:
        for pictures, targets in DataLoader(pages, None, num_workers=1, prefetch_factor=8):
            losses.append(learn_batch(trainer, pictures, targets))
            now = time.monotonic()
            if now - told > 30:
                say(f"finder: step {trainer.steps}, loss {np.mean(losses[-60:]):.4f}")
                told = now
            if now - saved > pause:
                trainer.save()
                saved = now
            if trainer.is_done:
                return
    finally:
        trainer.save()

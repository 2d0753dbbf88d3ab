"""Measure training by the seed project's recipe against an ordinary PyTorch loop.

    python benchmarks/seed_recipe.py [--epochs 4] [--loop-epochs 2] [--repeats 1] [--threads 1]

Both train 784-512-ReLU-10 on MNIST's 70,000 digits, split at random into 56,000 and 14,000, with
Adam at 0.001 in batches of 100. The ordinary loop is torchvision.datasets.MNIST, ToTensor and a
DataLoader; ours is `digitocr train --recipe seed`. Each runs as a command of 1 and of N epochs:
seconds an epoch are the difference of their wall times over N - 1, so that starting, loading and
saving do not count. --repeats takes the median of several such runs, the two turn by turn.
The whole commands are compared over one epoch as well. Both print what they get right.

--threads holds both to as many threads, 1 unless said otherwise: where another process works on
the same cores, two threads that wait for each other in every step are 40 times slower than one.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, TypeAlias

from commands import MNIST, digitocr, run, run_well

if TYPE_CHECKING:
    from torch import nn
    from torch.utils.data import DataLoader

    Batches: TypeAlias = DataLoader[Any]

BATCH_SIZE, LEARNING_RATE, HIDDEN = 100, 0.001, 512
N_TRAINING, N_HELD_OUT = 56_000, 14_000


@dataclass(frozen=True)
class Took:
    """Wall seconds of a command."""

    one: float  # with one epoch
    many: float  # with several
    n_epochs: int

    @property
    def epoch(self) -> float:
        """Seconds that one epoch more takes."""
        return (self.many - self.one) / (self.n_epochs - 1)


def ordinary_loop(epochs: int, data: Path) -> float:
    """Train as a tutorial would; return the part of the held-out digits that are read right."""
    import torch
    from torch import nn
    from torch.nn import functional

    torch.manual_seed(0)
    training, held_out = ordinary_data(data)
    net = nn.Sequential(nn.Flatten(), nn.Linear(784, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 10))
    optimizer = torch.optim.Adam(net.parameters(), lr=LEARNING_RATE)
    for _ in range(epochs):
        for images, labels in training:  # (100, 1, 28, 28), (100,)
            loss = functional.cross_entropy(net(images), labels)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return accuracy(net, held_out)


def ordinary_data(data: Path) -> tuple[Batches, Batches]:
    """Return the training and the held-out digits, both of MNIST's files split anew."""
    from torch.utils.data import ConcatDataset, DataLoader, random_split
    from torchvision.datasets import MNIST as TORCH_MNIST
    from torchvision.transforms import ToTensor

    parts = [TORCH_MNIST(str(data), train=train, transform=ToTensor()) for train in (True, False)]
    both: ConcatDataset[Any] = ConcatDataset(parts)
    training, held_out = random_split(both, [N_TRAINING, N_HELD_OUT])
    return (
        DataLoader(training, batch_size=BATCH_SIZE, shuffle=True),
        DataLoader(held_out, batch_size=BATCH_SIZE),
    )


def accuracy(net: nn.Module, digits: Batches) -> float:
    """Return the part of the digits that a network reads right."""
    import torch

    with torch.no_grad():
        right = [(net(images).argmax(1) == labels).sum().item() for images, labels in digits]
    return float(sum(right) / N_HELD_OUT)


def time_loop(epochs: int, data: Path) -> float:
    """Return the wall seconds of the ordinary loop as a command."""
    ran = run_well([sys.executable, __file__, "--loop", str(epochs), "--data", data])
    print(f"  ordinary, {epochs} epochs: {ran.wall:.1f} s; {ran.stdout.strip()}", flush=True)
    return ran.wall


def time_ours(epochs: int, data: Path) -> float:
    """Return the wall seconds of our command."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "seed.safetensors"
        recipe = ["--recipe", "seed", "--epochs", str(epochs), "--data", data, "-o", out]
        ran = run([digitocr(), "train", *recipe])
    if ran.code:
        sys.exit(f"error: digitocr train --recipe seed ended with {ran.code}:\n{ran.stderr}")
    said = (ran.stdout + ran.stderr).strip().splitlines()
    print(f"  digitocr, {epochs} epochs: {ran.wall:.1f} s; {said[-1] if said else ''}", flush=True)
    return ran.wall


def say(name: str, rounds: list[Took]) -> tuple[float, float]:
    """Print and return (seconds an epoch, seconds of a command of one epoch)."""
    epoch, whole = median(t.epoch for t in rounds), median(t.one for t in rounds)
    print(f"{name:10}{epoch:8.2f} s an epoch{whole:8.1f} s the command of one epoch")
    return epoch, whole


def compare(data: Path, repeats: int, n_ours: int, n_loop: int, loop_only: bool) -> None:
    """Run both, turn by turn, and print the ratios."""
    loop: list[Took] = []
    ours: list[Took] = []
    for _ in range(repeats):
        loop.append(Took(time_loop(1, data), time_loop(n_loop, data), n_loop))
        if not loop_only:
            ours.append(Took(time_ours(1, data), time_ours(n_ours, data), n_ours))
    loop_epoch, loop_whole = say("ordinary", loop)
    if ours:
        epoch, whole = say("digitocr", ours)
        print(f"faster: {loop_epoch / epoch:.1f} times an epoch, {loop_whole / whole:.1f} in all")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epochs", type=int, default=4, help="of ours, 2 or more")
    parser.add_argument("--loop-epochs", type=int, default=2, help="of the loop, 2 or more")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--loop-only", action="store_true", help="leave ours out")
    parser.add_argument("--data", type=Path, default=MNIST)
    parser.add_argument("--loop", type=int, metavar="N", help="only train by the ordinary loop")
    a = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(a.threads)  # read when the commands import torch
    if a.loop:
        print(f"{ordinary_loop(a.loop, a.data):.4f} of {N_HELD_OUT} right")
    else:
        compare(a.data, a.repeats, a.epochs, a.loop_epochs, a.loop_only)


if __name__ == "__main__":
    main()

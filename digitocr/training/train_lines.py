"""Train the line reader on drawn lines: `python -m digitocr.training.train_lines --help`.

Every checkpoint can be gone on from, and comes with an ONNX export of the averaged weights.
"""

import argparse
import copy
import math
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset

from digitocr.recognition.alphabet import encode
from digitocr.recognition.ctc import best_path
from digitocr.recognition.line_image import LINE_HEIGHT, line_image, used_columns
from digitocr.training.data.line_images import LineImage, is_readable, load_painter
from digitocr.training.data.real_lines import CHEQUE, RealLines
from digitocr.training.line_network import LineNetwork

_REAL_SHARE = 0.07
_DIGITS = slice(1, 11)
_BATCH_COLUMNS = 6144  # pixels of width in a batch, so that long and short lines cost the same
_WIDTH_STEP = 32
_HELD_OUT_KINDS = (
    "print", "hand", "string", "typewriter", "thermal", "ocr", "dotmatrix", "segment", "wheels",
    "empty",
)  # fmt: skip
_HELD_OUT_EACH = 150


@dataclass(frozen=True, slots=True)
class Batch:
    """Lines of about one width: images (N, 32, W) as bytes, their columns, truths end to end."""

    images: Tensor
    columns: Tensor
    targets: Tensor
    lengths: Tensor
    digits_only: Tensor


class DrawnLines(IterableDataset[Batch]):
    """Batches of drawn lines without end."""

    def __init__(self, fonts: tuple[Path, ...], data: Path, seed: int) -> None:
        """Remember where fonts and hands are; the worker loads them."""
        super().__init__()
        self._arguments = fonts, data, seed

    def __iter__(self) -> Iterator[Batch]:
        """Yield a batch whenever lines enough of one width are drawn."""
        cv2.setNumThreads(1)
        torch.set_num_threads(1)
        shelves: dict[int, list[LineImage]] = {}
        for line in self._lines():
            if not is_readable(line):
                continue
            width = line.crop.shape[1] * LINE_HEIGHT / line.crop.shape[0]
            shelf = max(_WIDTH_STEP, math.ceil(width / _WIDTH_STEP) * _WIDTH_STEP)
            shelves.setdefault(shelf, []).append(line)
            if len(shelves[shelf]) * shelf >= _BATCH_COLUMNS:
                yield _batch(shelves.pop(shelf), shelf)

    def _lines(self) -> Iterator[LineImage]:
        fonts, data, seed = self._arguments
        drawn = load_painter(fonts, data, seed).lines()
        real = RealLines(data, seed).lines()
        rng = np.random.default_rng(seed)
        while True:
            yield next(real if rng.random() < _REAL_SHARE else drawn)


def _batch(lines: list[LineImage], width: int) -> Batch:
    images = np.zeros((len(lines), LINE_HEIGHT, width), np.float32)
    for row, line in zip(images, lines, strict=True):
        drawn = line_image(line.crop)[:, :width]
        row[:, : drawn.shape[1]] = drawn
    truths = [encode(line.truth) for line in lines]
    columns = [min(used_columns(*line.crop.shape), width // 4) for line in lines]
    return Batch(
        torch.from_numpy(np.round((images + 0.5) * 127.5).astype(np.uint8)),
        torch.tensor(columns),
        torch.tensor([c for truth in truths for c in truth], dtype=torch.long),
        torch.tensor([len(truth) for truth in truths]),
        torch.tensor([line.kind == CHEQUE for line in lines]),
    )


def _signs_unknown(answers: Tensor, digits_only: Tensor) -> Tensor:
    """Return log-probabilities (columns, N, classes) where, in some lines, signs count as blank.

    So a line whose truth names its digits alone is learned from without a word about its signs.
    """
    digits = answers[..., _DIGITS]
    others = torch.cat([answers[..., :1], answers[..., _DIGITS.stop :]], -1)
    blank = others.logsumexp(-1, keepdim=True)
    nothing = torch.full_like(answers[..., _DIGITS.stop :], -60.0)
    merged = torch.cat([blank, digits, nothing], -1)
    return torch.where(digits_only[None, :, None], merged, answers)


def _pixels(batch: Batch) -> Tensor:
    pixels = batch.images.unsqueeze(1).float() / 127.5 - 0.5
    return pixels.contiguous(memory_format=torch.channels_last)


def _held_out(fonts: tuple[Path, ...], data: Path) -> dict[str, list[LineImage]]:
    """Return lines of each kind in faces and hands that training never sees."""
    painter = load_painter(fonts, data, seed=7, held_out=True)
    return {
        kind: [line for line, _ in zip(painter.lines(kind), range(_HELD_OUT_EACH), strict=False)]
        for kind in _HELD_OUT_KINDS
    }


def _exact_share(network: nn.Module, lines: list[LineImage]) -> float:
    right = 0
    with torch.no_grad():
        for line in lines:
            image: NDArray[np.float32] = line_image(line.crop)
            answer = network(torch.from_numpy(image)[None, None])[0].numpy()
            right += best_path(answer[: used_columns(*line.crop.shape)]).text == line.truth
    return right / len(lines)


def export(network: nn.Module, path: Path) -> None:
    """Write a network as ONNX: input "lines" (N, 1, 32, W), output "answers" (N, W / 4, 23)."""
    example = torch.zeros(2, 1, LINE_HEIGHT, 64)
    axes = {"lines": {0: "count", 3: "width"}, "answers": {0: "count", 1: "columns"}}
    partial = path.with_suffix(".partial")
    torch.onnx.export(
        copy.deepcopy(network).eval(), (example,), str(partial), input_names=["lines"],
        output_names=["answers"], dynamic_axes=axes, opset_version=17, dynamo=False,
    )  # fmt: skip
    partial.replace(path)


class Trainer:
    """A network in training with its running average, which is what is measured and exported."""

    def __init__(self, folder: Path, total: int, rate: float) -> None:
        """Start anew, or go on from the checkpoint in `folder`."""
        self._folder, self._total, self._rate = folder, total, rate
        self.network = LineNetwork().to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.network).eval()
        self._optimizer = torch.optim.AdamW(self.network.parameters(), rate, weight_decay=0.01)
        self.lines = self.steps = 0
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
        self.lines, self.steps = state["lines"], state["steps"]

    def save(self) -> None:
        """Write the checkpoint and the averaged network as latest.onnx."""
        state = {
            "network": self.network.state_dict(), "average": self.average.state_dict(),
            "optimizer": self._optimizer.state_dict(), "lines": self.lines, "steps": self.steps,
        }  # fmt: skip
        partial = self._path.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(self._path)
        export(self.average, self._folder / "latest.onnx")

    def _set_rate(self) -> None:
        warm = min(1.0, (self.steps + 1) / 300)
        done = min(1.0, self.lines / self._total)
        rate = self._rate * warm * (0.02 + 0.98 * (1 + math.cos(math.pi * done)) / 2)
        for group in self._optimizer.param_groups:
            group["lr"] = rate

    def step(self, batch: Batch) -> float:
        """Learn from a batch; return its loss per line."""
        self._set_rate()
        answers = self.network(_pixels(batch)).transpose(0, 1)
        if batch.digits_only.any():
            answers = _signs_unknown(answers, batch.digits_only)
        loss = nn.functional.ctc_loss(
            answers,
            batch.targets,
            batch.columns,
            batch.lengths,
            reduction="none",
            zero_infinity=True,
        )
        mean = (loss / batch.lengths.clamp(min=3)).mean()
        self._optimizer.zero_grad(set_to_none=True)
        mean.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), 2.0)
        self._optimizer.step()
        self._follow()
        self.steps += 1
        self.lines += len(batch.columns)
        return float(mean.detach())

    def _follow(self) -> None:
        keep = min(0.999, (1 + self.steps) / (10 + self.steps))
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
        """Tell whether as many lines were learned from as were planned."""
        return self.lines >= self._total


def _report(
    trainer: Trainer, losses: list[float], held_out: dict[str, list[LineImage]], begun: float
) -> None:
    shares = {kind: _exact_share(trainer.average, lines) for kind, lines in held_out.items()}
    figures = " ".join(f"{kind} {100 * share:.1f}" for kind, share in shares.items())
    print(
        f"{time.strftime('%H:%M:%S')} {time.monotonic() - begun:.0f}s lines {trainer.lines} "
        f"loss {np.mean(losses):.4f} exact: {figures}",
        flush=True,
    )


def train(
    folder: Path, fonts: tuple[Path, ...], data: Path, total: int, rate: float, pause: float
) -> None:
    """Train until `total` lines are learned from; save and measure every `pause` seconds.

    SIGTERM ends it with a checkpoint.
    """
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    torch.manual_seed(0)
    trainer = Trainer(folder, total, rate)
    held_out = _held_out(fonts, data)
    loader = DataLoader(
        DrawnLines(fonts, data, seed=100 + trainer.steps), None, num_workers=1, prefetch_factor=24
    )
    begun = saved = told = time.monotonic()
    losses: list[float] = []
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))
    for batch in loader:
        losses.append(trainer.step(batch))
        now = time.monotonic()
        if now - told > 60:
            print(
                f"{now - begun:.0f}s lines {trainer.lines} loss {np.mean(losses[-200:]):.4f}",
                flush=True,
            )
            told = now
        if now - saved > pause or trainer.done or asked:
            trainer.save()
            _report(trainer, losses, held_out, begun)
            losses, saved = [], time.monotonic()
        if trainer.done or asked:
            return


def main(arguments: list[str]) -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where checkpoints and exports go")
    parser.add_argument("--fonts", type=Path, action="append", required=True)
    parser.add_argument("--data", type=Path, required=True, help="../shared/data")
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--pause", type=float, default=600.0, help="seconds between checkpoints")
    options = parser.parse_args(arguments)
    fonts = tuple(options.fonts)
    train(options.folder, fonts, options.data, options.lines, options.rate, options.pause)


if __name__ == "__main__":
    main(sys.argv[1:])

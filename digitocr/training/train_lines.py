"""Train the line reader on drawn lines.

Every checkpoint can be gone on from, and comes with an ONNX export of the averaged weights.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
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
from digitocr.training.averaged_trainer import AveragedTrainer, Schedule
from digitocr.training.data.line_images import LineImage, is_readable, load_painter
from digitocr.training.data.real_lines import CHEQUE, RealLines
from digitocr.training.line_network import LineNetwork

LINES, RATE = 2_415_000, 2e-3  # of the supplied line reader
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
                yield batch_of(shelves.pop(shelf), shelf)

    def _lines(self) -> Iterator[LineImage]:
        fonts, data, seed = self._arguments
        drawn = load_painter(fonts, data, seed).lines()
        real = RealLines(data, seed).lines()
        rng = np.random.default_rng(seed)
        while True:
            yield next(real if rng.random() < _REAL_SHARE else drawn)


def batch_of(lines: Sequence[LineImage], width: int) -> Batch:
    """Return lines as one batch, their images brought to a width (pixels, a multiple of 4)."""
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


def pixels_of(batch: Batch) -> Tensor:
    """Return a batch's images (N, 1, 32, W) as the network takes them."""
    pixels = batch.images.unsqueeze(1).float() / 127.5 - 0.5
    return pixels.contiguous(memory_format=torch.channels_last)


def _held_out(fonts: tuple[Path, ...], data: Path) -> dict[str, list[LineImage]]:
    """Return lines of each kind in faces and hands that training never sees."""
    painter = load_painter(fonts, data, seed=7, held_out=True)
    return {
        kind: [line for line, _ in zip(painter.lines(kind), range(_HELD_OUT_EACH), strict=False)]
        for kind in _HELD_OUT_KINDS
    }


def exact_share(network: nn.Module, lines: Sequence[LineImage]) -> float:
    """Return the share, 0..1, of at least one line whose likeliest text is just its truth."""
    right = 0
    with torch.no_grad():
        for line in lines:
            image: NDArray[np.float32] = line_image(line.crop)
            answer = network(torch.from_numpy(image)[None, None])[0].numpy()
            right += best_path(answer[: used_columns(*line.crop.shape)]).text == line.truth
    return right / len(lines)


def export(network: nn.Module, path: Path) -> None:
    """Write a network as ONNX: input "lines" (N, 1, 32, W), output "answers" (N, W / 4, 23)."""
    axes = {"lines": {0: "count", 3: "width"}, "answers": {0: "count", 1: "columns"}}
    torch.onnx.export(
        network, (torch.zeros(2, 1, LINE_HEIGHT, 64),), str(path), input_names=["lines"],
        output_names=["answers"], dynamic_axes=axes, opset_version=17, dynamo=False,
    )  # fmt: skip


def line_trainer(folder: Path, lines: int, rate: float = RATE) -> AveragedTrainer:
    """Return a line reader in training; it goes on from the checkpoint in `folder`."""
    schedule = Schedule(lines, rate, warm_steps=300, keep=0.999, clip=2.0)
    return AveragedTrainer(folder, LineNetwork(), schedule, export)


def reading_loss(answers: Tensor, batch: Batch) -> Tensor:
    """Return the mean loss a character of answers (N, columns, classes), of short lines a third."""
    answers = answers.transpose(0, 1)
    if batch.digits_only.any():
        answers = _signs_unknown(answers, batch.digits_only)
    loss = nn.functional.ctc_loss(
        answers, batch.targets, batch.columns, batch.lengths, reduction="none", zero_infinity=True
    )
    return (loss / batch.lengths.clamp(min=3)).mean()


def learn_batch(trainer: AveragedTrainer, batch: Batch) -> float:
    """Learn from a batch; return its mean loss a character."""
    trainer.set_rate()
    loss = reading_loss(trainer.network(pixels_of(batch)), batch)
    return trainer.learn(loss, len(batch.columns))


def _exact_shares(trainer: AveragedTrainer, held_out: dict[str, list[LineImage]]) -> str:
    shares = {kind: exact_share(trainer.average, lines) for kind, lines in held_out.items()}
    return ", ".join(f"{kind} {100 * share:.1f}" for kind, share in shares.items())


def train(
    trainer: AveragedTrainer, fonts: tuple[Path, ...], data: Path, pause: float = 600.0,
    say: Callable[[str], None] = print,
) -> None:  # fmt: skip
    """Train until the planned lines are learned; save, measure every `pause` seconds and at end."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    held_out = _held_out(fonts, data)
    drawn = DrawnLines(fonts, data, seed=100 + trainer.steps)
    saved = told = time.monotonic()
    losses: list[float] = []
    try:
        for batch in DataLoader(drawn, None, num_workers=1, prefetch_factor=24):
            losses.append(learn_batch(trainer, batch))
            now = time.monotonic()
            if now - told > 60:
                say(f"line reader: {trainer.seen} lines, loss {np.mean(losses[-200:]):.4f}")
                told = now
            if now - saved > pause:
                trainer.save()
                say(f"line reader: exact, % of lines held out: {_exact_shares(trainer, held_out)}")
                saved = time.monotonic()
            if trainer.is_done:
                say(f"line reader: exact, % of lines held out: {_exact_shares(trainer, held_out)}")
                return
    finally:
        trainer.save()

"""Go on training the line reader with numbers that a person checked, so that it does not forget.

As in `finetune`: at each step it is also shown lines that it knows, and is held to what it said of
them (Li and Hoiem 2016, "Learning without Forgetting"). In the end it goes only so far from its old
weights to the new ones as it reads known lines no worse (Wortsman et al. 2022, "Robust fine-tuning
of zero-shot models").
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from digitocr.core.arrays import Gray
from digitocr.core.errors import ModelUnreadable
from digitocr.recognition.line_image import LINE_HEIGHT
from digitocr.training.data import content
from digitocr.training.data.corrected_samples import CorrectedSample
from digitocr.training.data.line_batches import shown_line
from digitocr.training.data.line_images import LineImage
from digitocr.training.data.real_lines import seen_anew
from digitocr.training.data.replay import FONTS
from digitocr.training.data.truth import to_truth
from digitocr.training.data.written_lines import write_line
from digitocr.training.data.written_symbols import Symbols
from digitocr.training.finetune import MOST_WORSE, LineMeasure
from digitocr.training.line_network import LineNetwork
from digitocr.training.loop import TrainingLoop
from digitocr.training.train_lines import (
    Batch,
    batch_of,
    exact_share,
    pixels_of,
    reading_loss,
)

# Steps of a round, lines of a step that are new and known, and Adam's rate: as many new lines as
# the strip reader is shown (benchmarks/experiments.md).
_STEPS, _OWN, _KEPT, _RATE = 6, 24, 32, 0.0003
_DIVERGENCE_WEIGHT = 10.0  # what a known column counts for a new line, as for the strip reader
_SHARES = 1.0, 0.75, 0.5, 0.25  # of the way to the new weights that are tried
_AVERAGE, _MOST_GRADIENT = 0.97, 2.0
_MEASURED = 1000  # known lines
_BORDER = 0.1  # of a line's height, that is seen beyond it at most
_HEIGHTS = 16, 48  # pixels of known print
_LONGEST = 16  # characters: longer ones are drawn anew


def load_line_network(path: Path) -> LineNetwork:
    """Return the line reader in an ONNX file, its batch norms folded into its convolutions.

    Raises:
        ModelUnreadable: the file is damaged or holds another network.
    """
    try:
        graph = onnx.load(str(path)).graph
        arrays = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
        return _folded_network([[arrays[name] for name in names] for names in _names(graph)])
    except Exception as error:  # protobuf's and onnx's own have no common kind
        raise ModelUnreadable(f"{path}: is damaged or no line reader: {error}") from error


def _names(graph: onnx.GraphProto) -> list[Sequence[str]]:
    """Return what the kernel and the bias of each convolution are called, from the first on."""
    return [node.input[1:] for node in graph.node if node.op_type == "Conv"]


def _folded_network(weights: Sequence[Sequence[np.ndarray]]) -> LineNetwork:
    """Return a network with the kernel and bias of each convolution, from the first on."""
    network = LineNetwork()
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(module, name, nn.Identity())
    for convolution, (kernel, bias) in zip(_convolutions(network), weights, strict=True):
        if convolution.weight.shape != kernel.shape:
            raise ValueError(f"a convolution of {kernel.shape}")
        convolution.weight = nn.Parameter(torch.tensor(kernel))
        convolution.bias = nn.Parameter(torch.tensor(bias))
    return network


def _convolutions(network: LineNetwork) -> list[nn.Conv2d]:
    return [one for one in network.modules() if isinstance(one, nn.Conv2d)]


def finetuned_line_network(
    network: LineNetwork, lines: Sequence[LineImage], known: Symbols, seed: int, rounds: int
) -> LineNetwork:
    """Return a line reader that has learned from checked lines, and reads known ones no worse.

    Args:
        network: to go on from, without batch norms; it stays as it is.
        lines: none leave it as it is.
        known: symbols that known lines are written with.
        seed: of every choice.
        rounds: of some steps each.
    """
    before = network.eval()
    if not lines:
        return before
    learned = _learned(before, lines, known, np.random.default_rng(seed), rounds * _STEPS)
    least = known_share(before, known) - MOST_WORSE
    for share in _SHARES:
        between = _between(before, learned, share)
        if known_share(between, known) >= least:
            return between
    return before


def _learned(
    before: LineNetwork, lines: Sequence[LineImage], known: Symbols, rng: np.random.Generator,
    steps: int,
) -> LineNetwork:  # fmt: skip
    loop = TrainingLoop(copy.deepcopy(before), _RATE, steps, _AVERAGE, _MOST_GRADIENT)
    for _ in range(steps):
        chosen = rng.integers(len(lines), size=_OWN)
        new = _batch([_shown(lines[i], rng) for i in chosen.tolist()])
        old = _batch(list(known_lines(known, _KEPT, rng)))
        loss = reading_loss(loop.network(pixels_of(new)), new)
        loop.step(loss + _DIVERGENCE_WEIGHT * _divergence(loop.network, before, pixels_of(old)))
    return loop.kept.eval()


@torch.no_grad()
def _between(before: LineNetwork, after: LineNetwork, share: float) -> LineNetwork:
    """Return the network that lies on so much, 0..1, of the way between two."""
    between = copy.deepcopy(after)
    for weights, old in zip(between.parameters(), before.parameters(), strict=True):
        weights.lerp_(old, 1 - share)
    return between


def line_file(path: Path, network: LineNetwork) -> bytes:
    """Return the ONNX file at a path with the weights of a network that was loaded from it."""
    model = onnx.load(str(path))
    places = {one.name: one for one in model.graph.initializer}
    for names, convolution in zip(_names(model.graph), _convolutions(network), strict=True):
        for name, weights in zip(names, convolution.parameters(), strict=True):
            places[name].CopyFrom(numpy_helper.from_array(weights.detach().numpy(), name))
    return bytes(model.SerializeToString())


def lines_of(samples: Sequence[CorrectedSample]) -> list[LineImage]:
    """Return the lines of those checked numbers that have one."""
    return [one.line for one in samples if one.line]


def measure_lines(
    network: LineNetwork, samples: Sequence[CorrectedSample], known: Symbols
) -> LineMeasure:
    """Return how well a line reader reads checked numbers and known lines.

    Args:
        network: that reads.
        samples: that were not learned from.
        known: symbols that known lines are written with.
    """
    own = lines_of(samples)
    right = round(exact_share(network, own) * len(own)) if own else 0
    return LineMeasure(right, len(own), known_share(network, known))


def known_share(network: LineNetwork, known: Symbols) -> float:
    """Return the share, 0..1, of known lines, always the same ones, that are read exactly."""
    return exact_share(
        network, list(known_lines(known, _MEASURED, np.random.default_rng(_MEASURED)))
    )


def _shown(line: LineImage, rng: np.random.Generator) -> LineImage:
    """Return a checked line as another picture would show it."""
    return LineImage(seen_anew(rng, line.crop, _BORDER), line.truth, line.kind)


def _batch(lines: Sequence[LineImage]) -> Batch:
    widths = [line.crop.shape[1] * LINE_HEIGHT / line.crop.shape[0] for line in lines]
    return batch_of(lines, -(-round(max(widths)) // LINE_HEIGHT) * LINE_HEIGHT)


def _divergence(network: nn.Module, before: nn.Module, known: Tensor) -> Tensor:
    """Return how unlikely a network holds, a column, what it said before."""
    with torch.no_grad():
        said = before(known).exp()
    loss: Tensor = -(said * network(known)).sum(2).mean()
    return loss


def known_lines(known: Symbols, count: int, rng: np.random.Generator) -> Iterator[LineImage]:
    """Yield lines without a checked number: half in OpenCV's type, half of known symbols."""
    for _ in range(count // 2):
        line = write_line(known, rng, plain=True)
        image = shown_line(line.mask, line.digits).image
        truth = "".join(map(str, line.digits))
        yield LineImage(seen_anew(rng, 255 - image, _BORDER), truth, "written")
    for _ in range(count - count // 2):
        text = _printable(rng)
        yield LineImage(seen_anew(rng, _printed(text, rng), _BORDER), to_truth(text), "print")


def _printable(rng: np.random.Generator) -> str:
    """Return what may stand on a line, of characters that OpenCV has."""
    while True:
        text = " ".join(content.random_line(rng).split())
        if text.isascii() and 0 < len(text) <= _LONGEST:
            return text


def _printed(text: str, rng: np.random.Generator) -> Gray:
    """Return a line in OpenCV's type, with room around it as the finder leaves."""
    font, height = FONTS[int(rng.integers(len(FONTS)))], int(rng.integers(*_HEIGHTS))
    pen = max(1, round(height * rng.uniform(0.06, 0.16)))
    scale = cv2.getFontScaleFromHeight(font, height, pen)
    (width, _), _ = cv2.getTextSize(text, font, scale, pen)
    margin = round(0.3 * height)
    page = np.full((height + 2 * margin, width + 2 * margin), 255, np.uint8)
    cv2.putText(page, text, (margin, margin + height), font, scale, 0, pen, cv2.LINE_AA)
    return page

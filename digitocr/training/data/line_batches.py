"""Written lines as the strip reader is shown them: made in another process, in batches."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import cv2
import numpy as np
from numpy.typing import NDArray

from digitocr.core.arrays import (
    BinaryImage,
    Gray,
    Labels,
)
from digitocr.training.data.written_lines import (
    write_line,
)
from digitocr.training.data.written_symbols import (
    Symbols,
)

_TASK = 256  # lines that the other process makes at a time
_AHEAD = 8  # such tasks are under way
_MARGIN = 8  # columns that lines may be shifted by
# Lines that are a number alone, its digits apart: most are on pages, and without them the reader
# told single digits worse than the first network (benchmarks/experiments.md).
_PLAIN = 0.3


@dataclass(frozen=True, slots=True)
class ShownLine:
    """A line as the strip reader is shown it."""

    image: Gray  # (32, W), ink 255 on paper 0
    digits: Labels  # (n,), left to right; n may be 0


@dataclass(frozen=True, slots=True)
class StripBatch:
    """B lines of about the same length."""

    images: NDArray[np.float32]  # (B, 1, 32, W), ink 1.0 on paper 0.0; W is even
    digits: Labels  # of all lines, one after another
    lengths: NDArray[np.int64]  # (B,), how many each has


def written_chunks(
    given: Symbols, size: int, chunks: int, seed: list[int]
) -> Iterator[list[ShownLine]]:
    """Yield `chunks` times `size` new lines; the next ones are written meanwhile.

    The same symbols and seed give the same lines.
    """
    sizes = [min(_TASK, size - first) for first in range(0, size, _TASK)]
    tasks = iter([(n, [*seed, chunk, i]) for chunk in range(chunks) for i, n in enumerate(sizes)])
    with ProcessPoolExecutor(1, get_context("spawn"), _begin, (given,)) as process:
        ahead: deque[Future[list[ShownLine]]] = deque()
        try:
            for _ in range(chunks):
                lines: list[ShownLine] = []
                while len(lines) < size:
                    while len(ahead) < _AHEAD and (task := next(tasks, None)):
                        ahead.append(process.submit(_write, *task))
                    lines += ahead.popleft().result()
                yield lines
        finally:
            process.shutdown(cancel_futures=True)


_given: Symbols  # of the process that writes


def _begin(given: Symbols) -> None:
    """Make a process ready to write; it ends with its parent, not with Ctrl-C."""
    global _given
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    _given = given


def _write(n: int, seed: list[int]) -> list[ShownLine]:
    """Return n lines."""
    return written_lines(_given, n, np.random.default_rng(seed))


def written_lines(given: Symbols, n: int, rng: np.random.Generator) -> list[ShownLine]:
    """Return n lines that are written for it."""
    lines = [write_line(given, rng, plain=bool(rng.random() < _PLAIN)) for _ in range(n)]
    return [shown_line(line.mask, line.digits) for line in lines]


def shown_line(mask: BinaryImage, digits: Labels) -> ShownLine:
    """Return a line as the strip reader is shown it, of its ink, (64, W), and its digits."""
    size = max(8, mask.shape[1] // 2), mask.shape[0] // 2
    small = cv2.resize(mask, size, interpolation=cv2.INTER_AREA)
    return ShownLine(np.asarray(small, np.uint8), digits)


def batches(
    lines: Sequence[ShownLine], size: int, rng: np.random.Generator | None = None
) -> Iterator[StripBatch]:
    """Yield lines `size` at a time, those of about the same length together.

    Args:
        lines: in any order.
        size: the most of a batch.
        rng: shuffles the batches and shifts the lines; without it they stay as they are.
    """
    order = np.argsort([line.image.shape[1] for line in lines], kind="stable")
    groups = [order[i : i + size] for i in range(0, len(order), size)]
    if rng is not None:
        rng.shuffle(groups)
    for group in groups:
        yield _batch([lines[i] for i in group], rng)


def _batch(lines: Sequence[ShownLine], rng: np.random.Generator | None) -> StripBatch:
    width = max(line.image.shape[1] for line in lines) + _MARGIN
    width += width % 2
    rows = len(lines[0].image)
    images = np.zeros((len(lines), 1, rows, width), np.float32)
    for image, line in zip(images[:, 0], lines, strict=True):
        wide = line.image.shape[1]
        left = int(rng.integers(0, width - wide + 1)) if rng else (width - wide) // 2
        image[:, left : left + wide] = line.image
    images /= 255
    digits = np.concatenate([line.digits for line in lines]).astype(np.int64)
    return StripBatch(images, digits, np.array([len(line.digits) for line in lines]))

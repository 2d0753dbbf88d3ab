"""Train what reads lines beside a classifier, in stages: finder, line reader, arbiter.

A stage that was stopped goes on where it was; one that is done is not done again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from digitocr.recognition.model import LINE_FILES
from digitocr.storage import atomic
from digitocr.training import fusion_fit, train_finder, train_lines
from digitocr.training.data.pages import PagePainter

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Drawn:
    """How much is drawn to learn from; the defaults are about what the supplied networks saw."""

    steps: int = train_finder.STEPS  # of the finder
    lines: int = train_lines.LINES  # for the line reader
    pages: int = 300  # for the arbiter


def train_readers(
    model: Path, fonts: tuple[Path, ...], hands: Path, drawn: Drawn, folder: Path, say: Say
) -> None:
    """Train the three and write them beside a model.

    Args:
        model: the classifier's weights file.
        fonts: folders of fonts.
        hands: folder with pen ink, signs and meter digits as ../shared/data has them.
        drawn: how much.
        folder: for checkpoints.
        say: is told how it goes, a line at a time.
    """
    finder = train_finder.finder_trainer(folder / "finder", drawn.steps)
    if not finder.is_done:
        train_finder.train(finder, fonts, hands, say=say)
    lines = train_lines.line_trainer(folder / "lines", drawn.lines)
    if not lines.is_done:
        train_lines.train(lines, fonts, hands, say=say)
    beside = [model.with_suffix(ending) for ending in LINE_FILES]
    for trainer, path in zip((finder, lines), beside, strict=False):
        atomic.write(path, trainer.exported.read_bytes())
    say(f"arbiter: reading {drawn.pages} drawn pages")
    painter = PagePainter.load(fonts, hands, seed=7, held_out=True)
    readers = fusion_fit.Readers(model)
    found = list(fusion_fit.drawn_rows(readers, painter, drawn.pages, seed=7))
    rows = np.vstack([own for _, own in found])
    kinds = np.array([kind for kind, own in found for _ in own])
    atomic.write(beside[2], fusion_fit.arbiter_file(fusion_fit.fitted_arbiter(rows, kinds)))

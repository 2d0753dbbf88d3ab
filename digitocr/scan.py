"""The order of the stages: one file in, its numbers out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digitocr.crops import normalise
from digitocr.decode import decide
from digitocr.ink import find_ink
from digitocr.layout import into_numbers
from digitocr.model import CLASSES, Model, load_model, scores, second_scores
from digitocr.pages import read_pages
from digitocr.records import (
    Box,
    Candidate,
    Digit,
    FileResult,
    Gray,
    Ink,
    Mask,
    Number,
    Page,
    PageResult,
    Reading,
    Scores,
    Settings,
    Source,
    Straight,
    Transform,
)
from digitocr.segment import Run, find_runs
from digitocr.straighten import flatten, level
from digitocr.upright import quarter_turn

_SETTLED = 0.98  # the first network's confidence in a mark beyond which it is not cut


def scan_file(source: Source | str | Path, settings: Settings | None = None) -> FileResult:
    """Read every number in one file.

    Args:
        source: a file, as a path or a `Source`.
        settings: how to read; None for the defaults.

    Returns:
        The numbers page by page; a blank page has none.

    Raises:
        InputUnreadable: the file is missing, empty, damaged, too large or no image.
        ModelUnreadable: the model is missing, damaged or of another shape.
    """
    settings = settings or Settings()
    if not isinstance(source, Source):
        source = Source(Path(source).name, Path(source))
    model = load_model(settings.model)
    pages = tuple(result for _, result in scan_pages(source, settings, model))
    return FileResult(source.name, model.id, pages)


def scan_pages(
    source: Source, settings: Settings, model: Model
) -> Iterator[tuple[Page, PageResult]]:
    """Yield each page of a file with what was read on it, one page at a time."""
    for page in read_pages(source):
        yield page, read_page(page, settings, model)


def read_page(page: Page, settings: Settings, model: Model) -> PageResult:
    """Read every number on one page; a blank page gives a result with no numbers."""
    straight, ink = _level_ink(page.gray, model)
    found = read_marks(ink.mask, settings, model)
    height, width = page.gray.shape
    numbers = tuple(
        _on_page(number, model, straight.to_page, width, height)
        for number in into_numbers(
            found.digits, found.others, model.review_line(settings), model.number_chance
        )
    )
    return PageResult(
        page.number, width, height, page.dpi, straight.rotation, straight.skew, numbers
    )


def _level_ink(gray: Gray, model: Model) -> tuple[Straight, Ink]:
    """Return a page upright and level, as far as can be told, and what is written on it."""
    flat = flatten(gray)
    straight = level(flat)
    ink = find_ink(straight.gray)
    turn = quarter_turn(ink.mask, model)
    if turn:
        straight = level(flat, turn)
        ink = find_ink(straight.gray)
    return straight, ink


def read_marks(mask: Mask, settings: Settings, model: Model) -> Reading:
    """Return what the model reads in a page's ink; confidences are not yet chances.

    What the first network leaves doubtful is read again by both.
    """
    candidates, found = _first_reading(find_runs(mask), model)
    reading = decide(candidates, found, model.digits_shown)
    if settings.second_opinion and model.second is not None:
        unsure = list(reading.doubtful)
        if unsure:
            crops = normalise([candidates[i].ink for i in unsure])
            found[unsure] = second_scores(model, crops)
            reading = decide(candidates, found, model.digits_shown)
    return reading


def _first_reading(runs: Sequence[Run], model: Model) -> tuple[list[Candidate], Scores]:
    """Return the N candidates of all runs and what the first network says of them, (N, 10).

    Marks that it is sure of as they stand are not cut, which takes longer than to read them.
    """
    whole = [one for run in runs if (one := run.whole) is not None]
    settled = {
        one.run: score
        for one, score in zip(whole, _scored(whole, model), strict=True)
        if score.max() >= _SETTLED
    }
    cut = [[] if run.number in settled else run.candidates for run in runs]
    others = iter(_scored([one for row in cut for one in row], model))
    candidates: list[Candidate] = []
    found: list[NDArray[np.float32]] = []
    by_run = {one.run: one for one in whole}
    for run, row in zip(runs, cut, strict=True):
        known = run.number in settled
        candidates += [by_run[run.number]] if known else row
        found += [settled[run.number]] if known else [next(others) for _ in row]
    return candidates, np.array(found, np.float32).reshape(-1, CLASSES)


def _scored(candidates: Sequence[Candidate], model: Model) -> Scores:
    """Return what the first network says of N candidates, (N, 10)."""
    return scores(model, normalise([one.ink for one in candidates]))


def _on_page(number: Number, model: Model, to_page: Transform, width: int, height: int) -> Number:
    """Return a number with its boxes in pixels of the page as given, its digits' chances known."""

    def on_page(box: Box) -> Box:
        return _box_on_page(box, to_page, width, height)

    digits = tuple(
        Digit(digit.digit, model.digit_chance(digit.confidence), on_page(digit.box))
        for digit in number.digits
    )
    return replace(number, digits=digits, box=on_page(number.box))


def _box_on_page(box: Box, to_page: Transform, width: int, height: int) -> Box:
    """Return the upright box around a straightened one, within the page.

    Edges lie half a pixel outside of pixel centres, which is what transforms act on.
    """
    left, top, right, bottom = box.x - 0.5, box.y - 0.5, box.right - 0.5, box.bottom - 0.5
    corners = np.array([[left, right, right, left], [top, top, bottom, bottom], [1, 1, 1, 1]])
    x, y, w = to_page @ corners
    x, y = np.clip(x / w + 0.5, 0, width), np.clip(y / w + 0.5, 0, height)
    x0, y0 = int(np.floor(x.min() + 1e-6)), int(np.floor(y.min() + 1e-6))
    return Box(x0, y0, int(np.ceil(x.max() - 1e-6)) - x0, int(np.ceil(y.max() - 1e-6)) - y0)

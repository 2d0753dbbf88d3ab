"""The order of the stages: one file in, its numbers out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from digitocr.crops import normalise
from digitocr.decode import decide
from digitocr.ink import find_ink
from digitocr.layout import into_numbers
from digitocr.model import Model, load_model, scores
from digitocr.pages import read_pages
from digitocr.records import (
    Box,
    Digit,
    FileResult,
    Number,
    Page,
    PageResult,
    Settings,
    Source,
    Transform,
)
from digitocr.segment import find_candidates
from digitocr.straighten import straighten


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
    straight = straighten(page.gray)
    ink = find_ink(straight.gray)
    candidates = find_candidates(ink.mask)
    crops = normalise([candidate.ink for candidate in candidates])  # (N, 28, 28)
    digits = decide(candidates, scores(model, crops))
    height, width = page.gray.shape
    numbers = tuple(
        _on_page(number, straight.to_page, width, height)
        for number in into_numbers(digits, model.review_line(settings))
    )
    return PageResult(
        page.number, width, height, page.dpi, straight.rotation, straight.skew, numbers
    )


def _on_page(number: Number, to_page: Transform, width: int, height: int) -> Number:
    """Return a number with its boxes in pixels of the page as given."""
    digits = tuple(
        Digit(d.digit, d.confidence, _box_on_page(d.box, to_page, width, height))
        for d in number.digits
    )
    return replace(number, digits=digits, box=_box_on_page(number.box, to_page, width, height))


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

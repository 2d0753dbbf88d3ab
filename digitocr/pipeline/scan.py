"""One file in, its pages' numbers out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from digitocr.core.document import (
    FileResult,
    PageResult,
)
from digitocr.core.errors import FormMisfit
from digitocr.core.settings import (
    Settings,
)
from digitocr.core.source import (
    Page,
    Source,
)
from digitocr.inputs.reader import read_pages
from digitocr.pipeline.page import read_page
from digitocr.recognition.model import (
    Model,
    load_model,
)


def scan_file(source: Source | str | Path, settings: Settings | None = None) -> FileResult:
    """Read every number in one file.

    Args:
        source: a file, as a path or a `Source`.
        settings: how to read; None for the defaults.

    Returns:
        The numbers page by page; a blank page has none.

    Raises:
        ExtraMissing: a package that reads this kind of file is not installed.
        InputUnreadable: the file is missing, empty, damaged, too large or no image, or has none
            of the pages that the settings name.
        ModelUnreadable: the model is missing, damaged or of another shape.
        WrongUsage: the settings' `pages` names no pages.
    """
    settings = settings or Settings()
    if not isinstance(source, Source):
        source = Source(Path(source).name, Path(source))
    model = load_model(settings.model)
    return file_result(source, model, [result for _, result in scan_pages(source, settings, model)])


def file_result(source: Source, model: Model, pages: Sequence[PageResult]) -> FileResult:
    """Return what was read on a file's pages.

    Raises:
        FormMisfit: none of them shows the form.
    """
    if pages and all(page.error for page in pages):
        raise FormMisfit(pages[0].error or "")
    return FileResult(source.name, model.id, tuple(pages))


def scan_pages(
    source: Source, settings: Settings, model: Model
) -> Iterator[tuple[Page, PageResult]]:
    """Yield each page of a file with what was read on it, one page at a time."""
    for page in read_pages(source, settings.pages, settings.dpi, settings.limits):
        yield page, read_page(page, settings, model)

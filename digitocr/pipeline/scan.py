"""`Scanner`: all that reading takes is loaded once, then files are read, page by page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from digitocr.core.document import (
    FileResult,
    PageResult,
)
from digitocr.core.errors import ExtraMissing, FormMisfit, InputUnreadable
from digitocr.core.page_ranges import parse_page_ranges
from digitocr.core.settings import Settings
from digitocr.core.source import (
    Page,
    Source,
)
from digitocr.inputs.given import Given, source_of
from digitocr.inputs.reader import read_pages
from digitocr.numbers.constraints import constraint_of
from digitocr.numbers.fusion import load_arbiter
from digitocr.pipeline.page import LineReaders, PageReader
from digitocr.recognition.model import load_model
from digitocr.recognition.page_lines import line_scanner

if TYPE_CHECKING:
    from digitocr.forms.template import Form
    from digitocr.pipeline.form_page import FormReader


class Scanner:
    """Reads files, all of them with the same settings; made once a process."""

    def __init__(self, settings: Settings | None = None) -> None:
        """Load the model, the form and the lists that the settings name.

        Args:
            settings: how to read; None for the defaults.

        Raises:
            ExtraMissing: a package that reads the form's picture is not installed.
            ModelUnreadable: the model is missing, damaged or of another shape.
            WrongUsage: the form file, a check or a list is missing or makes no sense.
        """
        self.settings = settings = settings or Settings()
        self.model = load_model(settings.model)
        self.form: Form | None = None
        if settings.form:
            from digitocr.forms.template import load_form  # what reads no form does not wait for it

            self.form = load_form(settings.form)
        self._pages = None if settings.pages is None else parse_page_ranges(settings.pages)
        readers = None
        if self.model.line_files and settings.second_opinion and not self.form:
            finder, line_reader, arbiter = self.model.line_files
            readers = LineReaders(line_scanner(finder, line_reader), load_arbiter(arbiter))
        judge = readers.arbiter if readers else self.model
        self.review_line = (  # confidence below which numbers are to be reviewed, 0..1
            judge.review_line(settings.max_error)
            if settings.min_confidence is None
            else settings.min_confidence
        )
        self._reader: FormReader | PageReader
        if self.form:
            from digitocr.pipeline.form_page import FormReader

            self._reader = FormReader(
                self.model, self.form, str(settings.form), self.review_line, settings.second_opinion
            )
        else:
            self._reader = PageReader(
                self.model,
                self.review_line,
                settings.second_opinion,
                settings.decimal,
                constraint_of(settings.constraints, settings.decimal),
                readers,
            )

    @property
    def field_names(self) -> tuple[str, ...]:
        """Return the names of the form's fields; () where no form is read."""
        return tuple(field.name for field in self.form.fields) if self.form else ()

    def scan_file(self, given: Given, name: str | None = None) -> FileResult:
        """Read every number in one file.

        Args:
            given: the file as a path, as bytes or opened in binary mode; or a picture: an array of
                NumPy's, uint8, grey (H, W) or blue green red (H, W, 3), or an image of Pillow's.
            name: of it in results and errors; None: the file's.

        Returns:
            The numbers page by page; a blank page has none.

        Raises:
            ExtraMissing: a package that reads this kind of file is not installed.
            FormMisfit: none of its pages shows the form.
            InputUnreadable: the file is missing, empty, damaged, too large or no image, or has
                none of the pages that the settings name.
            WrongUsage: it is none of these kinds.
        """
        source = source_of(given, name)
        with naming(source):
            return self.result(source, [result for _, result in self.pages(source)])

    def pages(self, source: Source) -> Iterator[tuple[Page, PageResult]]:
        """Yield each page of a file with what was read on it, a page at a time; as `scan_file`."""
        settings = self.settings
        for page in read_pages(source, self._pages, settings.dpi, settings.limits):
            yield page, self._reader.read(page)

    def result(self, source: Source, pages: Sequence[PageResult]) -> FileResult:
        """Return what was read on a file's pages.

        Raises:
            FormMisfit: none of them shows the form.
        """
        if pages and all(page.error for page in pages):
            raise FormMisfit(pages[0].error or "")
        return FileResult(source.name, self.model.id, tuple(pages))


@contextmanager
def naming(source: Source) -> Iterator[None]:
    """See that errors about a file name it; commands do so themselves."""
    try:
        yield
    except (InputUnreadable, ExtraMissing) as error:
        raise type(error)(f"{source.path or source.name}: {error}", error.advice) from error


def scan_file(
    given: Given, settings: Settings | None = None, name: str | None = None
) -> FileResult:
    """Read every number in one file: `Scanner.scan_file`, for who reads one alone."""
    return Scanner(settings).scan_file(given, name)

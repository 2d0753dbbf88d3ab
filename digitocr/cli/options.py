"""The options that commands share: each is written once, with its help, bounds and default."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

import typer

from digitocr.core.errors import (
    ExtraMissing,
    OutputUnwritable,
    WrongSetting,
    WrongUsage,
    with_names,
)

if TYPE_CHECKING:
    from digitocr.core.errors import DigitocrError
    from digitocr.core.settings import Settings
    from digitocr.results.file_results import Output

STDOUT = "-"
_FORMATS = ("csv", "json", "xlsx")

# What the command line calls settings, and how a run goes about it (`with_names`).
OPTION_NAMES = {
    "Settings.model": "--model",
    "Settings.pages": "--pages",
    "Settings.form": "--form",
    "Limits.pixels": "--max-pixels",
    "Limits.memory": "--max-memory",
    "Limits.pages": "--max-pages",
    "Run.cluster": "--cluster",
    "Run.done": "--done",
    "Run.follow_symlinks": "--follow-symlinks",
    "Run.formats": "--format",
    "Run.output": "-o",
    "Run.timeout": "--timeout",
    "Run.verbose": "--verbose",
    "Run.workers": "--workers",
    "Review.inputs": "--inputs",
    "Training.data": "--data",
    "Training.device": "--device",
    "Training.more": "--add",
    "Training.recipe": "--recipe",
}
_OTHER_NAMES = {"within": "--range", "listed": "--list"}  # of settings in `WrongSetting`

Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Say more; show tracebacks of errors.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")]


@dataclass(frozen=True)
class ScanOptions:
    """How pages are read, and what is written: the options of every command that reads."""

    formats: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="csv, json, xlsx, or several with commas; xlsx brings json.",
            show_default="csv,json",
        ),
    ] = None
    excel: Annotated[
        bool, typer.Option("--excel", help="CSV that Excel does not spoil on a double click.")
    ] = False
    model: Annotated[str, typer.Option(help="Name (see: digitocr models) or path.")] = "digits"
    max_error: Annotated[
        float,
        typer.Option(min=0, max=1, help="Share of the numbers marked ok that may be wrong."),
    ] = 0.03
    min_confidence: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Numbers less sure than this get status review.",
            show_default="from --max-error and the model's calibration",
        ),
    ] = None
    second_opinion: Annotated[
        bool, typer.Option(help="Read again what is doubtful, and whole lines besides.")
    ] = True
    decimal: Annotated[
        Literal["point", "comma", "none"] | None,
        typer.Option(
            help="What stands before decimals, where the page can't say. "
            "The other mark parts thousands; with none both do, or are specks.",
            show_default="as on the page",
        ),
    ] = None
    digits: Annotated[
        str | None,
        typer.Option(metavar="N[-M]", help="Every number has so many digits."),
    ] = None
    pattern: Annotated[
        str | None,
        typer.Option(
            metavar="REGEX",
            help="Every number, with its signs, matches a regular expression of Python's.",
        ),
    ] = None
    within: Annotated[
        str | None,
        typer.Option("--range", metavar="A..B", help="Every number's value."),
    ] = None
    check: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Every number's check digit is right: luhn, ean, isbn, verhoeff, ...",
        ),
    ] = None
    listed: Annotated[
        str | None,
        typer.Option("--list", metavar="FILE.csv:COLUMN", help="Every number is in this column."),
    ] = None
    pages: Annotated[
        str | None,
        typer.Option(
            metavar="2-4,7,9-",
            help="Pages of each PDF or TIFF to read, from 1; 9- is from the ninth to the last.",
            show_default="all",
        ),
    ] = None
    dpi: Annotated[int, typer.Option(min=50, max=1200, help="For PDF pages that are no scans.")] = (
        300
    )
    form: Annotated[
        Path | None,
        typer.Option(
            metavar="FORM.toml",
            help="Read the fields of this form, and nothing else (see: digitocr form --help).",
        ),
    ] = None
    max_pixels: Annotated[
        int,
        typer.Option(
            metavar="MILLIONS", min=1, max=1000, help="The most millions of pixels of a page."
        ),
    ] = 200
    max_memory: Annotated[
        int,
        typer.Option(metavar="MB", min=1, help="The most memory that decoding a page takes."),
    ] = 2000
    max_pages: Annotated[
        int,
        typer.Option(metavar="N", min=1, max=100_000, help="The most pages to read of a document."),
    ] = 10_000
    follow_symlinks: Annotated[
        bool,
        typer.Option("--follow-symlinks", help="Also read what links out of folders lead to."),
    ] = False
    annotate: Annotated[
        bool, typer.Option("--annotate", help="Also write each page with its readings drawn on.")
    ] = False
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, max=1000, help="Processes to read with.", show_default="the processor's cores"
        ),
    ] = None
    timeout: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            help="Seconds after which a page, and its file with it, is given up.",
            show_default="120; a scan of one file: none",
        ),
    ] = None

    def settings(self) -> Settings:
        """Return how to read.

        Raises:
            WrongUsage: options that go against each other, or make no sense.
        """
        from digitocr.core.settings import (
            Constraints,
            Limits,
            Settings,
        )

        return Settings(
            self.model,
            max_error=self.max_error,
            min_confidence=self.min_confidence,
            second_opinion=self.second_opinion,
            decimal=self.decimal,
            constraints=Constraints(
                self.digits, self.pattern, self.within, self.check, self.listed
            ),
            pages=self.pages,
            dpi=self.dpi,
            form=self.form,
            limits=Limits(self.max_pixels * 10**6, self.max_memory * 10**6, self.max_pages),
        )

    def output(self, where: str) -> Output:
        """Return where results go, and in which forms; `where` is what -o names.

        Raises:
            ExtraMissing: a package that writes them is not installed.
            OutputUnwritable: stdout is closed.
            WrongUsage: options that go against each other, or make no sense.
        """
        from digitocr.results.file_results import Output
        from digitocr.storage.object_store import (
            StorePath,
            output_place,
        )

        if not where:
            raise WrongUsage("-o: names no folder")
        folder = None if where == STDOUT else output_place(where)
        kinds = _kinds(self.formats or ("csv,json" if folder else "csv"))
        if folder is None and (len(kinds) > 1 or self.annotate):
            raise WrongUsage("-o - takes one --format, csv or json, and no --annotate")
        if folder is None and sys.stdout is None:
            raise OutputUnwritable("stdout is closed")
        if "xlsx" in kinds and isinstance(folder, StorePath):
            raise WrongUsage("--format xlsx: makes workbooks in folders alone, not in stores")
        if self.excel and "csv" not in kinds:
            raise WrongUsage("--excel is about CSV, which --format leaves out")
        return Output(folder, kinds, self.annotate, self.excel)


def sentence_of(error: DigitocrError) -> str:
    """Return what an error says, in terms of options."""
    if isinstance(error, WrongSetting):
        own_name = f"--{error.setting.replace('_', '-')}"
        names = OPTION_NAMES | _OTHER_NAMES
        return error.named(names.get(error.setting, own_name))
    return with_names(str(error), OPTION_NAMES)


def with_scan_options(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command that has the options of `ScanOptions` in place of its parameter `reading`.

    Typer has no options that commands share (its issue 153); it goes by a function's signature,
    and here that is put together.
    """
    parameters = list(_parameters(command))
    at = [one.name for one in parameters].index("reading")
    parameters[at : at + 1] = list(_parameters(ScanOptions))

    def run(**given: Any) -> None:
        options = {option.name: given.pop(option.name) for option in fields(ScanOptions)}
        command(reading=ScanOptions(**options), **given)

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    return run


def _parameters(of: Callable[..., Any]) -> Iterator[Parameter]:
    """Yield the parameters of a function or a dataclass, with their types in place of names."""
    hints = get_type_hints(of, include_extras=True)
    for one in signature(of).parameters.values():
        yield one.replace(kind=Parameter.KEYWORD_ONLY, annotation=hints[one.name])


def _kinds(formats: str) -> tuple[str, ...]:
    """Return the formats in a list with commas, and what they are made of."""
    kinds = list(dict.fromkeys(kind.strip() for kind in formats.split(",")))
    for kind in kinds:
        if kind not in _FORMATS:
            raise WrongUsage(f"--format {kind}: is none of {', '.join(_FORMATS)}")
    if "xlsx" in kinds:
        with extra("xlsx"):
            importlib.import_module("xlsxwriter")  # before hours of reading
        kinds += [] if "json" in kinds else ["json"]
    return tuple(kinds)


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Say which install brings a package that is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ExtraMissing(
            f"{error.name} is not installed", f"Install it with: pip install 'digitocr[{name}]'"
        ) from error

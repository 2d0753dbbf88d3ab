"""How to read: everything that a scan can be told. What makes no sense is refused here."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from digitocr.core.errors import WrongSetting, WrongUsage
from digitocr.core.page_ranges import parse_page_ranges

Decimal: TypeAlias = Literal["point", "comma", "none"]  # which sign stands before decimals

_COUNT = re.compile(r"(\d{1,3})(?:-(\d{1,3}))?")
_VALUE = r"-?\d+(?:\.\d+)?"
_RANGE = re.compile(rf"({_VALUE})\.\.({_VALUE})")
_LEAST_DPI, _MOST_DPI = 50, 1200


@dataclass(frozen=True, slots=True)
class Constraints:
    """What is known about each number, as typed; None for what is not.

    `numbers.constraints.constraint_of` makes of it what numbers are held against.
    """

    digits: str | None = None  # how many it has: "8", "4-6"
    pattern: str | None = None  # a regular expression, for the number with its signs
    within: str | None = None  # its value: "0..100"
    check: str | None = None  # a module of python-stdnum: "luhn", "ean", "us.ssn"
    listed: str | None = None  # a CSV and its column: "roster.csv:student_id"

    def __post_init__(self) -> None:
        """Refuse what makes no sense; that a check or a list is there is seen when it is loaded."""
        for one in fields(self):
            text = getattr(self, one.name)
            if text is not None and not (isinstance(text, str) and "\0" not in text):
                raise WrongSetting(one.name, repr(text), "is no text")
        if self.digits is not None:
            digit_count(self.digits)
        if self.pattern is not None:
            number_pattern(self.pattern)
        if self.within is not None:
            value_range(self.within)
        if self.listed is not None:
            list_and_column(self.listed)


def digit_count(text: str) -> tuple[int, int]:
    """Return the least and the most digits that `Constraints.digits` allows.

    Raises:
        WrongSetting: it names no count.
    """
    found = _COUNT.fullmatch(text)
    least, most = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
    if not 1 <= least <= most:
        raise WrongSetting("digits", text, "is no count such as 8 or 4-6")
    return least, most


def number_pattern(text: str) -> re.Pattern[str]:
    """Return the regular expression that `Constraints.pattern` is; digits are 0 to 9.

    Raises:
        WrongSetting: it is none.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what may mean something else one day
            return re.compile(text, re.ASCII)
    except (re.error, OverflowError, RecursionError) as error:
        raise WrongSetting("pattern", text, f"is no regular expression: {error}") from error


def value_range(text: str) -> tuple[float, float]:
    """Return the least and the greatest value that `Constraints.within` allows.

    Raises:
        WrongSetting: it names no range.
    """
    found = _RANGE.fullmatch(text)
    least, most = (float(found[1]), float(found[2])) if found else (1.0, 0.0)
    if least > most:
        raise WrongSetting("within", text, "is no range such as 0..100 or -5..5.5")
    return least, most


def list_and_column(text: str) -> tuple[Path, str]:
    """Return the CSV and the column in it that `Constraints.listed` names.

    Raises:
        WrongSetting: it names no column.
    """
    name, _, column = text.rpartition(":")
    if not name:
        raise WrongSetting("listed", text, "names no column; write FILE.csv:COLUMN")
    return Path(name), column


# Bytes that reading a page takes beside decoding it; a page of 200 million pixels takes 2 GB.
_BESIDES = 4_000_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What a file may ask for; what wants more is refused before it takes any memory."""

    pixels: int = 200_000_000  # of a page; A3 at 600 dpi has 70 million
    # bytes that decoding a page takes: 200 million pixels in 8-bit colour, 166 million in 16 bit
    memory: int = 2_000_000_000
    pages: int = 10_000  # to read of a document

    def __post_init__(self) -> None:
        """Refuse limits that allow nothing."""
        for one in fields(self):
            value = getattr(self, one.name)
            if type(value) is not int or value < 1:
                raise WrongSetting(f"Limits.{one.name}", value, "is no whole number from 1 up")

    @property
    def process(self) -> int:
        """Bytes that a whole process takes at the most: decoding, and all that comes after it."""
        return self.memory + _BESIDES

    def excess(self, pixels: int, memory: int) -> str | None:
        """Return what is too much, the end of a sentence that begins with "has"; None if nothing.

        Args:
            pixels: of a page or picture.
            memory: bytes that decoding it takes.
        """
        for found, most, what, limit in (
            (pixels, self.pixels, "million pixels", "Limits.pixels"),
            (memory, self.memory, "MB to decode", "Limits.memory"),
        ):
            if found > most:
                size = f"{-(-found // 10**6)} {what}, more than {most // 10**6}"
                return f"{size}; to read it raise {limit}"
        return None


@dataclass(frozen=True, slots=True)
class Settings:
    """How to read; the same settings, model and file give the same result."""

    model: str | Path = "digits"  # a name out of `digitocr models`, or a path
    # Numbers that the model expects to be wrong more often than this, taken together, are "review".
    max_error: float = 0.03  # 0..1
    min_confidence: float | None = None  # 0..1, below it "review"; None: as `max_error` says
    second_opinion: bool = True  # the strip reader reads what the classifier leaves doubtful
    constraints: Constraints = Constraints()  # of every number: they narrow its readings
    pages: str | None = None  # which of a document's pages to read: "2-4,7,9-"; None: all
    dpi: int = 300  # dots per inch for pages of a PDF that are no scans
    form: Path | None = None  # a form file (`load_form`): fields are read, and nothing else
    decimal: Decimal | None = None  # None: as on the page; "none": there are no decimals
    limits: Limits = Limits()

    def __post_init__(self) -> None:
        """Refuse what makes no sense.

        Raises:
            WrongSetting: a value is none that its field may have.
            WrongUsage: two of them go against each other.
        """
        _check_within("max_error", self.max_error, 0, 1)
        if self.min_confidence is not None:
            _check_within("min_confidence", self.min_confidence, 0, 1)
        _check_within("dpi", self.dpi, _LEAST_DPI, _MOST_DPI)
        if self.decimal is not None and self.decimal not in get_args(Decimal):
            raise WrongSetting(
                "decimal", self.decimal, f"is none of {', '.join(get_args(Decimal))}"
            )
        if self.pages is not None:
            parse_page_ranges(self.pages)
        if self.form is not None and self.constraints != Constraints():
            sentence = "Settings.form goes without what is known of all numbers"
            raise WrongUsage(f"{sentence}: say it of its fields")


def _check_within(setting: str, value: object, least: float, most: float) -> None:
    """Raise WrongSetting unless a value is a number within bounds; NaN is not."""
    if not isinstance(value, int | float) or not least <= value <= most:
        raise WrongSetting(setting, value, f"is not within {least}..{most}")

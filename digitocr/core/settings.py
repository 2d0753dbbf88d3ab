"""How to read: everything that a scan can be told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

Decimal: TypeAlias = Literal["point", "comma", "none"]  # which mark stands before decimals


@dataclass(frozen=True, slots=True)
class Known:
    """What is known about each number, as typed; None for what is not (`known.rule_of`)."""

    digits: str | None = None  # "8", "4-6"
    pattern: str | None = None  # a regular expression
    within: str | None = None  # "0..100"
    check: str | None = None  # "luhn"
    listed: str | None = None  # "roster.csv:student_id"


# Bytes that reading a page takes beside decoding it; a page of 200 million pixels takes 2 GB.
_BESIDES = 4_000_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What a file may ask for; what wants more is refused before it takes any memory."""

    pixels: int = 200_000_000  # of a page; A3 at 600 dpi has 70 million
    # bytes that decoding a page takes: 200 million pixels in 8-bit colour, 166 million in 16 bit
    memory: int = 2_000_000_000
    pages: int = 10_000  # to read of a document

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
        for found, most, what, option in (
            (pixels, self.pixels, "million pixels", "--max-pixels"),
            (memory, self.memory, "MB to decode", "--max-memory"),
        ):
            if found > most:
                size = f"{-(-found // 10**6)} {what}, more than {most // 10**6}"
                return f"{size}; to read it raise {option}"
        return None


@dataclass(frozen=True, slots=True)
class Settings:
    """How to read; the same settings, model and file give the same result."""

    model: str | Path = "digits"  # a name out of `digitocr models`, or a path
    # Numbers that the model expects to be wrong more often than this, taken together, are "review".
    max_error: float = 0.03  # 0..1
    min_confidence: float | None = None  # 0..1, below it "review"; None: as `max_error` says
    second_opinion: bool = True  # the strip reader reads what the first network leaves doubtful
    known: Known = Known()  # narrows the readings of every number
    pages: str | None = None  # which of a document's pages to read: "2-4,7,9-"; None: all
    dpi: int = 300  # dots per inch for pages of a PDF that are no scans
    form: Path | None = None  # a form file (`forms.load_form`): fields are read, and nothing else
    decimal: Decimal | None = None  # None: as on the page; "none": there are no decimals
    limits: Limits = Limits()

"""Frozen records that stages hand on, with units; names for arrays with their shapes."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Gray: TypeAlias = NDArray[np.uint8]  # (H, W), 0 black .. 255 white
Mask: TypeAlias = NDArray[np.uint8]  # (H, W), 255 ink, 0 paper
Crops: TypeAlias = NDArray[np.float32]  # (N, 28, 28), ink 1.0 on paper 0.0
Scores: TypeAlias = NDArray[np.float32]  # (N, 10), every row sums to 1
Strips: TypeAlias = NDArray[np.float32]  # (N, 32, W), ink 1.0 on paper 0.0; W is even
ColumnScores: TypeAlias = NDArray[np.float32]  # (N, W / 2, 11): ten digits and none, sum 1
Answers: TypeAlias = NDArray[np.float32]  # (N, 10), logits: the higher, the likelier
Labels: TypeAlias = NDArray[np.int64]  # (N,), 0..9
Decimal: TypeAlias = Literal["point", "comma", "none"]  # which mark stands before decimals
Transform: TypeAlias = NDArray[np.float64]  # (3, 3), homogeneous, acts on (x, y, 1) columns


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels, origin top left; right and bottom are exclusive."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """The first column to the right of the box."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """The first row below the box."""
        return self.y + self.height

    @property
    def sides(self) -> tuple[int, int, int, int]:
        """How results write it: x, y, width and height."""
        return self.x, self.y, self.width, self.height

    @property
    def middle(self) -> tuple[float, float]:
        """The middle of the box, (x, y)."""
        return self.x + self.width / 2, self.y + self.height / 2


def around(boxes: list[Box]) -> Box:
    """Return the smallest box that holds all boxes; `boxes` may not be empty."""
    x, y = min(box.x for box in boxes), min(box.y for box in boxes)
    right, bottom = max(box.right for box in boxes), max(box.bottom for box in boxes)
    return Box(x, y, right - x, bottom - y)


def overlap(one: Box, other: Box) -> bool:
    """Tell whether two boxes have pixels in common."""
    across = min(one.right, other.right) - max(one.x, other.x)
    down = min(one.bottom, other.bottom) - max(one.y, other.y)
    return across > 0 and down > 0


def corners_of(boxes: Sequence[Box]) -> NDArray[np.float64]:
    """Return (N, 4): left, top, right and bottom of each box."""
    corners = [(box.x, box.y, box.right, box.bottom) for box in boxes]
    return np.array(corners, np.float64).reshape(-1, 4)


def median(values: Iterable[float]) -> float:
    """Return the median of some values, 0 for none: of few, in a tenth of `np.median`'s time."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return float(ordered[middle])
    return float(sum(ordered[middle - 1 : middle + 1]) / 2)


@dataclass(frozen=True, slots=True)
class Remote:
    """A file in an object store or on a web server, as it was when it was found."""

    url: str
    size: int | None  # bytes; None where the server does not say
    version: str  # its ETag, or when it was changed; "" where the server says neither


@dataclass(frozen=True, slots=True)
class Source:
    """One input to read. Exactly one of `path`, `data` and `remote` is set."""

    name: str  # relative to the INPUT it was found under, "/" between folders; names its results
    path: Path | None = None
    data: bytes | None = None  # what came on stdin
    remote: Remote | None = None


@dataclass(frozen=True, slots=True)
class Unread:
    """One input that could not be read, and the sentence that says why."""

    file: str
    error: str
    advice: str = "Check the names of what was not found."  # what to do next, a sentence


@dataclass(frozen=True, slots=True)
class Page:
    """One decoded page, as a viewer shows it (EXIF orientation applied)."""

    number: int  # from 1
    gray: Gray
    dpi: float | None  # None where the file does not say


@dataclass(frozen=True, slots=True)
class Straight:
    """A page set upright and level."""

    gray: Gray
    to_page: Transform  # straightened pixels → pixels of the page as given
    rotation: int  # clockwise turn that sets the page upright: 0, 90, 180, 270 degrees
    skew: float  # the rest, in degrees; positive where lines fall to the right
    frame: Box | None = None  # of a ruled grid that the page was set square by
    blurred: bool = False  # a small photograph that was enlarged


@dataclass(frozen=True, slots=True)
class Span:
    """Cells of a table that are one: the first, and how many rows and columns they fill."""

    row: int  # from 0
    column: int
    rows: int
    columns: int


@dataclass(frozen=True, slots=True)
class Grid:
    """A ruled table: where its lines run, level pixels."""

    columns: tuple[float, ...]  # x of the lines, left to right, at least two
    rows: tuple[float, ...]  # y of the lines, from the top, at least two
    spans: tuple[Span, ...] = ()

    def cell(self, x: float, y: float) -> tuple[int, int] | None:
        """Return row and column, from 0, of the cell that a place is in, None outside.

        Of cells that are one it is the first.
        """
        row, column = bisect_right(self.rows, y) - 1, bisect_right(self.columns, x) - 1
        if not (0 <= row < len(self.rows) - 1 and 0 <= column < len(self.columns) - 1):
            return None
        for one in self.spans:
            if 0 <= row - one.row < one.rows and 0 <= column - one.column < one.columns:
                return one.row, one.column
        return row, column

    @property
    def box(self) -> Box:
        """What it fills."""
        x, y = round(self.columns[0]), round(self.rows[0])
        return Box(x, y, round(self.columns[-1]) - x, round(self.rows[-1]) - y)


@dataclass(frozen=True, slots=True)
class Rule:
    """A ruled line that was taken out of the ink."""

    box: Box
    horizontal: bool


@dataclass(frozen=True, slots=True)
class Ink:
    """What was written on a page, and the ruled lines kept aside."""

    mask: Mask
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A mark that may be a digit: its box and its ink alone, without its neighbours'.

    It is made of the pieces `start` to `end`, counted from the left, of a run of ink.
    """

    box: Box
    ink: Mask  # (box.height, box.width)
    run: int  # candidates of one run are alternatives to each other
    start: int  # from 0
    end: int  # the piece after its last
    size: float  # its height, as a part of the page's digit height
    severed: float  # where it was cut off the rest of the run, as parts of the digit height


@dataclass(frozen=True, slots=True)
class Digit:
    """One digit as read."""

    digit: str  # "0".."9"
    confidence: float  # 0..1; in results the calibrated chance of being right
    box: Box
    run: int = -1  # the number of the run of ink it was read in; in results -1


@dataclass(frozen=True, slots=True)
class Guess:
    """One of the readings of a run of ink."""

    chance: float  # 0..1, weighed against the other readings
    digits: tuple[Digit, ...]  # left to right; empty where it is no digit

    @property
    def text(self) -> str:
        """The digits without their places."""
        return "".join(digit.digit for digit in self.digits)


@dataclass(frozen=True, slots=True)
class RunTexts:
    """What a run of ink may be, as told from the strip that it is in."""

    chances: dict[str, float]  # of each text, "" where it is no digit; 0..1
    places: dict[str, tuple[float, ...]]  # of each text: x of its digits' middles, pixels


@dataclass(frozen=True, slots=True)
class Reading:
    """What the marks on a page were read as."""

    digits: tuple[Digit, ...]
    others: tuple[Box, ...]  # marks as high as digits that are none
    low: tuple[Box, ...] = ()  # marks too low for digits, and no part of one: points, dashes, dust
    slashes: tuple[Box, ...] = ()  # marks as high as digits that are slashes
    percents: tuple[Box, ...] = ()  # percent signs
    guesses: dict[int, tuple[Guess, ...]] | None = None  # of each run, likeliest first; if wanted


@dataclass(frozen=True, slots=True)
class Number:
    """Neighbouring digits read as one, as on paper: "007", "9.093" and "-5" stay so."""

    # Digits, and signs between and before them: . , : / and -; "" where a person who checked it
    # found no number, which is left out of all but JSON.
    text: str
    # 0..1; in results the chance that every digit is right, before that the product of how sure
    # its digits are and how sure it is that they are all of it
    confidence: float
    status: str  # "ok", "review" or, where a person has decided what is there, "checked"
    line: int  # from 1, top to bottom
    item: int  # from 1, left to right in its line
    box: Box
    digits: tuple[Digit, ...]
    table: int | None = None  # table, row and column count from 1, None outside a table
    row: int | None = None
    column: int | None = None
    field: str | None = None  # of the form, by its name; None without one
    read: str | None = None  # where it is checked: what was read there; None where it was missed


@dataclass(frozen=True, slots=True)
class Table:
    """Numbers that stand in rows and columns."""

    box: Box
    rows: tuple[tuple[str, ...], ...]  # one text a cell, "" for a blank one


@dataclass(frozen=True, slots=True)
class PageResult:
    """What was read on one page; a blank page has no numbers. Boxes are page pixels."""

    page: int  # from 1
    width: int
    height: int
    dpi: float | None
    rotation: int  # as in `Straight`
    skew: float
    numbers: tuple[Number, ...]
    tables: tuple[Table, ...] = ()
    fields: tuple[FieldReading, ...] = ()  # of a form, all of them in its order
    error: str | None = None  # why a page could not be read where others of its file could
    reading: PageResult | None = None  # where something is checked: the page as it was read


@dataclass(frozen=True, slots=True)
class FieldReading:
    """What is in a field of a form."""

    name: str
    text: str  # "" where nothing is
    confidence: float  # 0..1, the chance that it is right
    status: str  # as of a `Number`
    box: Box  # of the field, page pixels


@dataclass(frozen=True, slots=True)
class ModelId:
    """Which network read a file."""

    name: str
    sha256: str  # of the weights file


@dataclass(frozen=True, slots=True)
class FileResult:
    """What was read in one file."""

    file: str  # the name of its Source
    model: ModelId
    pages: tuple[PageResult, ...]

    @property
    def numbers(self) -> list[Number]:
        """The numbers of all pages in reading order, without what a person found to be none."""
        return [number for page in self.pages for number in page.numbers if number.text]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known about each number, as typed; None for what is not (`known.rule_of`)."""

    digits: str | None = None  # "8", "4-6"
    pattern: str | None = None  # a regular expression
    within: str | None = None  # "0..100"
    check: str | None = None  # "luhn"
    listed: str | None = None  # "roster.csv:student_id"


@dataclass(frozen=True, slots=True)
class Field:
    """A place on a form that holds one number."""

    name: str
    box: Box  # pixels of the form's picture
    cells: int | None = None  # side by side, for a digit each; None: it is no comb
    known: Known = Known()


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

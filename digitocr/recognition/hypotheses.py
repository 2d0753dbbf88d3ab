"""What marks may be: candidates for digits, and the readings of runs of ink."""

from __future__ import annotations

from dataclasses import dataclass

from digitocr.core.arrays import BinaryImage
from digitocr.core.document import Digit
from digitocr.core.geometry import Box


@dataclass(frozen=True, slots=True)
class Candidate:
    """A mark that may be a digit: its box and its ink alone, without its neighbours'.

    It is made of the pieces `start` to `end`, counted from the left, of a run of ink.
    """

    box: Box
    ink: BinaryImage  # (box.height, box.width)
    group: int  # candidates of one run are alternatives to each other
    start: int  # from 0
    end: int  # the piece after its last
    size: float  # its height, as a part of the page's digit height
    seam: float  # where it was cut off the rest of the run, as parts of the digit height


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One of the readings of a run of ink."""

    chance: float  # 0..1, weighed against the other readings
    digits: tuple[Digit, ...]  # left to right; empty where it is no digit

    @property
    def text(self) -> str:
        """The digits without their places."""
        return "".join(digit.digit for digit in self.digits)


@dataclass(frozen=True, slots=True)
class GroupTexts:
    """What a run of ink may be, as told from the strip that it is in."""

    chances: dict[str, float]  # of each text, "" where it is no digit; 0..1
    places: dict[str, tuple[float, ...]]  # of each text: x of its digits' middles, pixels


@dataclass(frozen=True, slots=True)
class PageReading:
    """What the marks on a page were read as."""

    digits: tuple[Digit, ...]
    non_digits: tuple[Box, ...]  # marks as high as digits that are none
    low: tuple[Box, ...] = ()  # marks too low for digits, and no part of one: points, dashes, dust
    slashes: tuple[Box, ...] = ()  # marks as high as digits that are slashes
    percents: tuple[Box, ...] = ()  # percent signs
    hypotheses: dict[int, tuple[Hypothesis, ...]] | None = (
        None  # of each run, likeliest first; if wanted
    )

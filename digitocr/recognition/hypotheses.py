"""What ink may be: candidates for digits, hypotheses about ink groups, the reading of a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from digitocr.core.arrays import BinaryImage
from digitocr.core.document import Digit
from digitocr.core.geometry import Box


@dataclass(frozen=True, slots=True)
class Candidate:
    """Ink that may be a digit: its box and its pixels alone, without its neighbours'.

    It is made of the pieces `start` to `end`, counted from the left, of an ink group.
    """

    box: Box
    ink: BinaryImage  # (box.height, box.width)
    group: int  # candidates of one ink group are alternatives to each other
    start: int  # from 0
    end: int  # the piece after its last
    size: float  # its height, as a part of the page's digit height
    seam: float  # how long its border with the rest of the group is, in digit heights


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One of the things that an ink group may be."""

    chance: float  # 0..1, weighed against the other hypotheses
    digits: tuple[Digit, ...]  # left to right; empty where it is no digit

    @property
    def text(self) -> str:
        """The digits without their places."""
        return "".join(digit.digit for digit in self.digits)


GroupHypotheses: TypeAlias = Mapping[int, Sequence[Hypothesis]]
"""By the ink groups' numbers, likeliest first."""


@dataclass(frozen=True, slots=True)
class GroupTexts:
    """What an ink group may be to the strip reader."""

    chances: dict[str, float]  # of each text, "" where it is no digit; 0..1
    places: dict[str, tuple[float, ...]]  # of each text: x of its digits' middles, pixels


@dataclass(frozen=True, slots=True)
class PageReading:
    """What was read in the ink on a page."""

    digits: tuple[Digit, ...]
    non_digits: tuple[Box, ...]  # as high as digits, but none
    low: tuple[Box, ...] = ()  # too low for digits, and no part of one: points, dashes, dust
    slashes: tuple[Box, ...] = ()
    percents: tuple[Box, ...] = ()
    hypotheses: GroupHypotheses | None = None  # where they are wanted

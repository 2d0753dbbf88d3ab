"""What layouts are made of: where their texts come from and how they stand in a cell."""

from dataclasses import dataclass

from digitocr.training.data.drawn_text import DrawnText
from digitocr.training.data.sheet import Block, Rng, Sheet, TextStock
from digitocr.training.data.wheels import Wheels


@dataclass(frozen=True, slots=True)
class Supply:
    """What layouts take text and pictures from."""

    stock: TextStock
    wheels: Wheels


def pick(rng: Rng, options: tuple[str, ...]) -> str:
    """Return one of some options."""
    return options[int(rng.integers(len(options)))]


def aligned(block: Block, drawn: DrawnText, side: float) -> float:
    """Return the x where a text starts: `side` 0 left, 0.5 middle, 1 right."""
    pad = min(0.6 * block.digit_height, 0.1 * block.width)
    spare = block.width - 2 * pad - drawn.ink.shape[1]
    return block.left + pad + side * max(0.0, float(spare))


def in_cell(sheet: Sheet, drawn: DrawnText, cell: Block, side: float, loose: float) -> bool:
    """Write a text into a cell if it fits there; tell whether it did."""
    if drawn.ink.shape[1] > cell.width - 2 or drawn.ink.shape[0] > cell.height * 1.5:
        return False
    x = aligned(cell, drawn, side) + sheet.rng.normal(0, loose) * cell.digit_height
    middle = cell.top + cell.height / 2 + drawn.digit_height / 2
    sheet.write(drawn, x, middle + sheet.rng.normal(0, loose / 2) * cell.digit_height)
    return True

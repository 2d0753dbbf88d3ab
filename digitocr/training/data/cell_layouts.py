"""Single characters on sheets: in combs, in square cells, in rows where they stand apart."""

from digitocr.training.data.drawn_text import DrawnText
from digitocr.training.data.layout_parts import Supply, in_cell
from digitocr.training.data.sheet import Block, Sheet, StockStyle


def _digit_row(supply: Supply, style: StockStyle, height: float, count: int) -> list[DrawnText]:
    digits = [supply.stock.text(style, "single", height) for _ in range(count)]
    return [digit for digit in digits if len(digit.truth) == 1]


def comb(sheet: Sheet, block: Block, supply: Supply) -> None:
    """Draw rows of narrow boxes with a digit in each: one number together."""
    rng, height = sheet.rng, block.digit_height
    style = supply.stock.style("hand" if rng.random() < 0.7 else None)
    pitch, rows_apart = height * rng.uniform(1.05, 1.5), height * rng.uniform(2.2, 4)
    count = min(int(block.width / pitch), int(rng.integers(3, 13)))
    strength, kind = rng.uniform(0.3, 1), rng.random()
    y = block.top + 2 * height
    while y < block.bottom - 0.5 * height and count > 1:
        filled = int(rng.integers(1, count + 1))
        _comb_digits(sheet, _digit_row(supply, style, height, filled), (block.left, y), pitch)
        top = y - 1.25 * height
        for cell in range(count + 1):
            x, up = block.left + cell * pitch, top if kind < 0.7 else y - 0.3 * height
            sheet.rule((x, up), (x, y + 0.25 * height), strength, 1)
        sides = (top, y + 0.25 * height) if kind < 0.7 else (y + 0.25 * height,)
        for side in sides:
            sheet.rule((block.left, side), (block.left + count * pitch, side), strength, 1)
        y += rows_apart


def _comb_digits(
    sheet: Sheet, digits: list[DrawnText], start: tuple[float, float], pitch: float
) -> None:
    """Write digits at a pitch and join their lines into one."""
    first = len(sheet.lines)
    for index, digit in enumerate(digits):
        middle = start[0] + (index + 0.5) * pitch - digit.ink.shape[1] / 2
        sheet.write(digit, middle, start[1] + sheet.rng.normal(0, 0.04) * digit.digit_height)
    parts = sheet.lines[first:]
    if len(parts) < 2:
        return
    quad = parts[0].quad.copy()
    quad[1:3] = parts[-1].quad[1:3]
    truth = "".join(part.truth for part in parts)
    sheet.lines[first:] = [type(parts[0])(quad, truth, parts[0].digit_height)]


def cells(sheet: Sheet, block: Block, supply: Supply) -> None:
    """Draw a grid of square cells with single numbers: sudokus, score sheets, calendars, bingo.

    A quarter has no rulings: rows of numbers that stand apart.
    """
    rng, height = sheet.rng, block.digit_height
    pitch = height * rng.uniform(1.7, 3.2)
    columns, rows = int(min(block.width / pitch, 12)), int(min(block.height / pitch, 12))
    styles = [supply.stock.style(), supply.stock.style("hand")]
    kind = "single" if rng.random() < 0.7 else "count"
    full, strength = rng.uniform(0.2, 1), rng.uniform(0.3, 1)
    letters = rng.uniform(0.2, 0.9) if rng.random() < 0.25 else 0.0
    for index in range(rows * columns):
        if rng.random() > full:
            continue
        of = "letter" if rng.random() < letters else kind
        x, y = index % columns * pitch, index // columns * pitch
        cell = Block(block.left + x, block.top + y, pitch, pitch, height)
        drawn = supply.stock.text(styles[int(rng.random() < 0.3)], of, height)
        if drawn.ink.shape[1] < 0.85 * pitch:
            in_cell(sheet, drawn, cell, 0.5, 0.08)
    if rng.random() < 0.75:
        size = max(1, round(0.05 * height)), 2 if kind == "single" else 1
        _square_rules(sheet, block, (rows, columns), pitch, (strength, *size))


def _square_rules(
    sheet: Sheet, block: Block, cells: tuple[int, int], pitch: float, pen: tuple[float, int, int]
) -> None:
    """Draw the rulings of squares; `pen`: strength, thickness, how much bolder every third is."""
    rows, columns = cells
    strength, thick, bolder = pen
    right, bottom = block.left + columns * pitch, block.top + rows * pitch
    for row in range(rows + 1):
        y, bold = block.top + row * pitch, bolder if row % 3 == 0 else 1
        sheet.rule((block.left, y), (right, y), strength, thick * bold)
    for step in range(columns + 1):
        x, bold = block.left + step * pitch, bolder if step % 3 == 0 else 1
        sheet.rule((x, block.top), (x, bottom), strength, thick * bold)


def apart(sheet: Sheet, block: Block, supply: Supply) -> None:
    """Write rows of single digits that stand apart, as people practise or count: none is joined."""
    rng, height = sheet.rng, block.digit_height
    style = supply.stock.style("hand" if rng.random() < 0.8 else None)
    pitch, gap = height * rng.uniform(1.6, 3), height * rng.uniform(0.6, 2)
    same = supply.stock.text(style, "single", height) if rng.random() < 0.3 else None
    y = block.top + 1.5 * height
    while y < block.bottom - 0.3 * height:
        x = block.left + rng.uniform(0, 2) * height
        while x < block.right - height:
            digit = same or supply.stock.text(style, "single", height * rng.uniform(0.8, 1.2))
            sheet.write(digit, x, y + rng.normal(0, 0.12) * height)
            x += digit.ink.shape[1] + gap * rng.uniform(0.7, 1.4)
        y += pitch

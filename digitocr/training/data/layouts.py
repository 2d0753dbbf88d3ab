"""What people put on sheets: tables, columns, receipts, forms, displays, text, and clutter."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from digitocr.training.data.cell_layouts import apart, cells, comb
from digitocr.training.data.clutter import clutter_picture
from digitocr.training.data.layout_parts import Supply, aligned, in_cell, pick
from digitocr.training.data.line_layout import beside
from digitocr.training.data.sheet import Block, Sheet, StockStyle

_NUMBER_KINDS = ("count", "decimal", "thousands", "signed", "date", "time", "percent", "long",
                 "padded", "money", "number", "single", "identifier", "bracketed",
                 "unit", "sum", "phone", "marked", "listed")  # fmt: skip


# tables


@dataclass(frozen=True, slots=True)
class _Column:
    left: float
    width: float
    kind: str
    side: float
    style: StockStyle


def _columns(sheet: Sheet, block: Block, supply: Supply, gap: float) -> list[_Column]:
    rng = sheet.rng
    style = supply.stock.style()
    words = supply.stock.style("print")
    other = supply.stock.style() if rng.random() < 0.25 else style
    columns: list[_Column] = []
    x = block.left
    wordy = rng.random() < 0.5
    while x < block.right - 3 * block.digit_height and len(columns) < 14:
        is_word = rng.random() < (0.8 if wordy and not columns else 0.12)
        kind = pick(rng, ("word", "words", "label")) if is_word else pick(rng, _NUMBER_KINDS)
        of = words if is_word and style.kind != "hand" else (other if len(columns) % 2 else style)
        sample = supply.stock.text(of, kind, block.digit_height).ink.shape[1]
        width = max(1.6 * block.digit_height, sample * rng.uniform(1, 1.6)) + gap
        if x + width > block.right:
            width = block.right - x
        side = 0.0 if is_word else float(rng.choice([0.0, 0.5, 1.0], p=[0.2, 0.3, 0.5]))
        columns.append(_Column(x, width, kind, side, of))
        x += width
    return columns


def table(sheet: Sheet, block: Block, supply: Supply) -> None:
    """Fill a block with a table: ruled, half ruled or not, striped, with empty cells."""
    rng, height = sheet.rng, block.digit_height
    pitch = height * float(np.exp(rng.uniform(np.log(1.45), np.log(3.2))))
    form = rng.random()
    columns = _columns(sheet, block, supply, (1.3 if form > 0.5 else 0.9) * height)
    rows = int(block.height / pitch)
    if not columns or rows < 1:
        return
    right = columns[-1].left + columns[-1].width
    full = float(rng.choice([1.0, 0.9, 0.5]))
    loose = 0.12 if columns[0].style.kind == "hand" else 0.0
    _stripes(sheet, block, right, rows, pitch)
    for row in range(rows):
        for column in columns:
            kind = "word" if row == 0 and rng.random() < 0.7 else column.kind
            if rng.random() > full:
                continue
            cell = Block(column.left, block.top + row * pitch, column.width, pitch, height)
            in_cell(sheet, supply.stock.text(column.style, kind, height), cell, column.side, loose)
    if form < 0.72:
        _table_rules(sheet, block, columns, rows, pitch, form)


def _stripes(sheet: Sheet, block: Block, right: float, rows: int, pitch: float) -> None:
    rng = sheet.rng
    x0, x1 = round(block.left), round(right)
    if rng.random() < 0.15:
        for row in range(0, rows, 2):
            y = round(block.top + row * pitch)
            sheet.shade[y : round(y + pitch), x0:x1] = rng.uniform(0.06, 0.25)
    if rng.random() < 0.15:
        row = 0 if rng.random() < 0.7 else int(rng.integers(rows))
        y = round(block.top + row * pitch)
        sheet.shade[y : round(y + pitch), x0:x1] = rng.uniform(0.6, 0.98)


def _table_rules(
    sheet: Sheet, block: Block, columns: list[_Column], rows: int, pitch: float, form: float
) -> None:
    rng = sheet.rng
    strength, thick = (
        rng.uniform(0.25, 1),
        max(1, round(block.digit_height * rng.uniform(0.02, 0.14))),
    )
    dash = int(rng.integers(1, 5)) if rng.random() < 0.12 else 0
    right, bottom = columns[-1].left + columns[-1].width, block.top + rows * pitch
    every = 1 if rng.random() < 0.75 else int(rng.integers(2, 6))
    if form < 0.6:
        for row in range(0, rows + 1, every):
            y = block.top + row * pitch
            sheet.rule((block.left, y), (right, y), strength, thick, dash)
    if form < 0.4 or form > 0.6:
        for x in [column.left for column in columns] + [right]:
            sheet.rule((x, block.top), (x, bottom), strength, thick, dash)
    if rng.random() < 0.3:
        size = right - block.left, bottom - block.top
        sheet.box((block.left, block.top), size, strength, thick + int(rng.integers(0, 3)))


def column(sheet: Sheet, block: Block, supply: Supply) -> None:
    """Write numbers under each other, with a total under a rule now and then."""
    rng, height = sheet.rng, block.digit_height
    style, kind = supply.stock.style(), pick(rng, _NUMBER_KINDS)
    side, pitch = float(rng.choice([0.0, 0.5, 1.0])), height * rng.uniform(1.4, 3)
    y = block.top + 1.3 * height
    while y < block.bottom:
        drawn = supply.stock.text(style, kind, height)
        cell = Block(block.left, y - height - pitch / 2, block.width, height + pitch, height)
        in_cell(sheet, drawn, cell, side, 0.1 if style.kind == "hand" else 0)
        y += pitch
        if rng.random() < 0.07:
            reach = min(block.width, 6 * height)
            start = block.left + side * (block.width - reach)
            sheet.rule((start, y - pitch * 0.7), (start + reach, y - pitch * 0.7), 0.9, 1)


def receipt(sheet: Sheet, block: Block, supply: Supply) -> None:
    """Write lines with words on the left and amounts at the right, headings in the middle."""
    rng, height = sheet.rng, block.digit_height
    style = supply.stock.style(pick(rng, ("print", "thermal", "typewriter", "print", "hand")))
    pitch, width = height * rng.uniform(1.45, 2.4), min(block.width, height * rng.uniform(18, 34))
    narrow = Block(block.left, block.top, width, block.height, height)
    y = block.top + pitch
    while y < block.bottom:
        if rng.random() < 0.2:
            drawn = supply.stock.text(style, pick(rng, ("words", "mixed", "date", "phone")), height)
            if drawn.ink.shape[1] < width:
                sheet.write(drawn, aligned(narrow, drawn, 0.5), y)
        else:
            left = supply.stock.text(style, pick(rng, ("words", "label", "mixed")), height)
            right = supply.stock.text(style, pick(rng, ("decimal", "money", "count")), height)
            if left.ink.shape[1] + right.ink.shape[1] + 1.5 * height < width:
                sheet.write(left, block.left, y)
                sheet.write(right, block.left + width - right.ink.shape[1], y)
        if rng.random() < 0.08:
            dash = int(rng.integers(1, 6)) if rng.random() < 0.7 else 0
            y += 0.5 * pitch
            sheet.rule((block.left, y), (block.left + width, y), 0.9, 1, dash)
        y += pitch


def paragraph(sheet: Sheet, block: Block, supply: Supply) -> None:
    """Fill a block with text."""
    rng, height = sheet.rng, block.digit_height
    style = supply.stock.style("hand" if rng.random() < 0.2 else "print")
    pitch = height * rng.uniform(1.5, 2.3)
    lined = rng.random() < 0.1
    y = block.top + pitch
    while y < block.bottom:
        drawn = supply.stock.text(
            style, "sentence" if block.width > 15 * height else "words", height
        )
        while drawn.ink.shape[1] > block.width and rng.random() < 0.8:
            drawn = supply.stock.text(style, "word", height)
        sheet.write(drawn, block.left, y)
        if lined:
            sheet.rule((block.left, y + 0.2 * height), (block.right, y + 0.2 * height), 0.4, 1)
        y += pitch


# forms


def form(sheet: Sheet, block: Block, supply: Supply) -> None:
    """Write labels with values behind them, in boxes, on lines or free."""
    rng, height = sheet.rng, block.digit_height
    print_style, pen = supply.stock.style("print"), supply.stock.style()
    label_height = height * rng.uniform(0.5, 1)
    pitch = height * rng.uniform(2, 4)
    boxed, ruled = rng.random() < 0.35, rng.random() < 0.5
    reach = block.width * rng.uniform(0.25, 0.55)
    y = block.top + pitch
    while y < block.bottom - 0.3 * height:
        label = supply.stock.text(print_style, pick(rng, ("label", "word", "words")), label_height)
        value = supply.stock.text(pen, pick(rng, (*_NUMBER_KINDS, "word", "words")), height)
        if label.ink.shape[1] < reach - height:
            sheet.write(label, block.left, y)
        x = block.left + reach
        if value.ink.shape[1] < block.width - reach - height and rng.random() < 0.85:
            sheet.write(value, x + 0.5 * height, y + rng.normal(0, 0.06) * height)
        if boxed:
            sheet.box((x, y - 1.5 * height), (block.width - reach, 2 * height), 0.8)
        elif ruled:
            dash = int(rng.integers(1, 4)) if rng.random() < 0.4 else 0
            sheet.rule((x, y + 0.25 * height), (block.right, y + 0.25 * height), 0.8, 1, dash)
        y += pitch


# single things


def notes(sheet: Sheet, block: Block, supply: Supply) -> None:
    """Write a few lines anywhere in a block, level or a little askew, some in a frame."""
    rng = sheet.rng
    style, y = supply.stock.style(), block.top
    for _ in range(int(rng.integers(1, 7))):
        height = block.digit_height * rng.uniform(0.7, 1.4)
        y += height * rng.uniform(1.5, 4)
        drawn = supply.stock.text(
            style, pick(rng, (*_NUMBER_KINDS, "mixed", "sum", "phone")), height
        )
        spare = block.width - drawn.ink.shape[1]
        if y > block.bottom or spare < 0:
            continue
        x = block.left + rng.uniform(0, spare)
        before = len(sheet.lines)
        sheet.write(drawn, x, y)
        if rng.random() < 0.12 and len(sheet.lines) > before:
            pad = 0.5 * height
            size = drawn.ink.shape[1] + 2 * pad, height + 2 * pad
            sheet.box(
                (x - pad, y - height - pad), size, rng.uniform(0.4, 1), max(1, round(height / 12))
            )


def scattered(sheet: Sheet, block: Block, supply: Supply) -> None:
    """Write turned texts here and there, as on plans, maps and dials."""
    rng = sheet.rng
    style, height = supply.stock.style(), block.digit_height
    cell = 5 * height
    common = rng.uniform(-180, 180)
    for y in np.arange(block.top + cell / 2, block.bottom - cell / 2, cell):
        for x in np.arange(block.left + cell / 2, block.right - cell / 2, cell):
            drawn = supply.stock.text(
                style, pick(rng, ("count", "decimal", "word", "single")), height
            )
            if rng.random() < 0.6 and drawn.ink.shape[1] < 0.9 * cell and len(sheet.lines) < 60:
                angle = common if rng.random() < 0.6 else float(rng.uniform(-180, 180))
                sheet.write_turned(drawn, (float(x), float(y)), angle)


def display(sheet: Sheet, block: Block, supply: Supply) -> None:
    """Draw a panel, dark or light, with a reading and small labels."""
    rng, height = sheet.rng, block.digit_height
    kind = pick(rng, ("segment", "segment", "segment", "dotmatrix", "print"))
    style = supply.stock.style(kind)
    dark = rng.random() < 0.6
    x0, y0, x1, y1 = (round(v) for v in (block.left, block.top, block.right, block.bottom))
    sheet.shade[y0:y1, x0:x1] = rng.uniform(0.6, 1) if dark else rng.uniform(0, 0.35)
    if rng.random() < 0.6:
        sheet.box(
            (x0, y0), (x1 - x0 - 1, y1 - y0 - 1), rng.uniform(0.3, 1), int(rng.integers(1, 5))
        )
    faint = float(rng.uniform(0.15, 1)) if rng.random() < 0.5 else 1.0
    y = block.top + height * rng.uniform(1.3, 2)
    while y < block.bottom - 0.2 * height:
        drawn = supply.stock.text(style, "reading", height)
        if rng.random() < 0.25:  # decimals in smaller digits
            small = supply.stock.text(style, "single", height * rng.uniform(0.5, 0.8))
            drawn = beside(rng, drawn, small, "").drawn
        if drawn.ink.shape[1] < 0.95 * block.width:
            x = block.left + rng.uniform(0.02, 0.98) * (block.width - drawn.ink.shape[1])
            sheet.write(drawn, x, y, strength=faint)
        if rng.random() < 0.5:
            label = supply.stock.text(
                supply.stock.style("print"), "label", max(min(6, height), 0.35 * height)
            )
            if label.ink.shape[1] < block.width:
                sheet.write(label, block.left + 0.02 * block.width, y + 0.7 * height)
        y += height * rng.uniform(1.8, 3)


def counter(sheet: Sheet, block: Block, supply: Supply) -> None:
    """Put in the photographed drums of a meter."""
    rng = sheet.rng
    strip, truth = supply.wheels.row(rng, min(block.digit_height * 1.3, 60))
    rows, columns = strip.shape
    if rows + 4 > block.height or columns + 4 > block.width:
        return
    top = round(block.top + rng.uniform(0, block.height - rows - 3))
    left = round(block.left + rng.uniform(0, block.width - columns - 3))
    sheet.pictures.append((top, left, strip.astype(np.float32)))
    high = 0.66 * rows
    up, right = top + 0.17 * rows, left + columns
    quad = np.array([[left, up], [right, up], [right, up + high], [left, up + high]], np.float64)
    sheet.add_line(quad, truth, high)
    if rng.random() < 0.6:
        sheet.box(
            (left - 2, top - 2),
            (columns + 3, rows + 3),
            rng.uniform(0.4, 1),
            int(rng.integers(1, 6)),
        )


# what holds no writing


def clutter(sheet: Sheet, block: Block, _supply: Supply) -> None:
    """Draw a picture without writing: shapes, hatching, scribbles, bars, soft light."""
    picture = clutter_picture(sheet.rng, round(block.height), round(block.width))
    sheet.pictures.append((round(block.top), round(block.left), picture))


def nothing(_sheet: Sheet, _block: Block, _supply: Supply) -> None:
    """Leave a block empty."""


Layout = Callable[[Sheet, Block, Supply], None]
LAYOUTS: dict[str, tuple[Layout, float]] = {
    "table": (table, 22), "column": (column, 9), "receipt": (receipt, 10),
    "paragraph": (paragraph, 12), "form": (form, 8), "comb": (comb, 4), "cells": (cells, 8),
    "apart": (apart, 3),
    "notes": (notes, 14), "scattered": (scattered, 2), "display": (display, 8),
    "counter": (counter, 2), "clutter": (clutter, 4), "nothing": (nothing, 3),
}  # fmt: skip
"""Each kind of block and how often it comes."""

_NAMES = tuple(LAYOUTS)
_SHARES = np.array([share for _, share in LAYOUTS.values()], float) / sum(
    s for _, s in LAYOUTS.values()
)


def fill(sheet: Sheet, block: Block, supply: Supply, kind: str | None = None) -> None:
    """Fill a block with a layout of a kind, or of any."""
    name = kind or _NAMES[int(sheet.rng.choice(len(_NAMES), p=_SHARES))]
    LAYOUTS[name][0](sheet, block, supply)

"""A small form that is drawn here."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from support.pictures import Gray, encode

WIDTH, HEIGHT = 900, 700


CELL = 70


BOXES = {  # x, y, width, height
    "code": (300, 110, 4 * CELL, CELL),
    "weight": (300, 220, 300, CELL),
    "year": (300, 330, 260, CELL),
    "room": (300, 440, 220, CELL),
}


FORM = f"""
picture = "blank.png"

[[field]]
name = "code"
box = {list(BOXES["code"])}
cells = 4

[[field]]
name = "weight"
box = {list(BOXES["weight"])}
range = "100..999"

[[field]]
name = "year"
box = {list(BOXES["year"])}
digits = 2

[[field]]
name = "room"
box = {list(BOXES["room"])}
list = "rooms.csv:room"
"""


ROOMS = "room\n38\n47\n56\n"


WRITTEN = {"code": "3748", "weight": "526", "year": "34", "room": "47"}


def text(page: Gray, words: str, left: int, foot: int, size: float, pen: int = 2) -> None:
    cv2.putText(page, words, (left, foot), cv2.FONT_HERSHEY_SIMPLEX, size, 40, pen, cv2.LINE_AA)


def blank() -> Gray:
    """Return the form with nothing written on it."""
    page = np.full((HEIGHT, WIDTH), 245, np.uint8)
    text(page, "Weighing card, edition 27", 60, 70, 1.1)
    for name, (x, y, width, height) in BOXES.items():
        cv2.rectangle(page, (x, y), (x + width, y + height), 120, 2)
        text(page, name.capitalize() + " no.", 60, y + 50, 0.9)
    for i in range(1, 4):
        cv2.line(page, (300 + i * CELL, 110), (300 + i * CELL, 110 + CELL), 120, 2)
    text(page, "kg", 545, 270, 1.0)
    text(page, "20", 312, 382, 1.3, 3)
    text(page, "Return before the 15th to office 4, Harbour Road 12", 60, 600, 0.8)
    text(page, "or ask 0800 1234 for a new card.", 60, 650, 0.8)
    return page


def write(page: Gray, number: str, left: int, top: int, pitch: int = 44) -> None:
    """Write digits into a box whose top is given, from a place on."""
    for i, digit in enumerate(number):
        if digit != " ":
            cv2.putText(
                page,
                digit,
                (left + i * pitch, top + 56),
                cv2.FONT_HERSHEY_SIMPLEX,
                1.7,
                20,
                4,
                cv2.LINE_AA,
            )


def filled(written: dict[str, str] = WRITTEN) -> Gray:
    """Return the form filled in; the code is as it stands in its cells, from the left."""
    page = blank()
    write(page, written["code"], 318, 110, CELL)
    write(page, written["weight"], 330, 220)
    write(page, written["year"], 385, 330)
    write(page, written["room"], 330, 440)
    return page


def put(folder: Path, form: str = FORM) -> None:
    """Write the form into a folder, with what it names."""
    (folder / "blank.png").write_bytes(encode(".png", blank()))
    (folder / "form.toml").write_text(form)
    (folder / "rooms.csv").write_text(ROOMS)

"""What the tests read results with."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest


def rows(text: str) -> list[dict[str, str]]:
    """Return the rows of a CSV as the csv module reads them."""
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def read_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file."""
    return rows(path.read_bytes().decode())


def numbers_of(result: dict[str, Any]) -> list[str]:
    """Return the numbers in a file's JSON."""
    return [number["text"] for page in result["pages"] for number in page["numbers"]]


def results_in(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the JSON of every file read, by the file's name."""
    files = (path for path in folder.rglob("*.json") if path.name != "run.json")
    found = [json.loads(path.read_text("utf-8")) for path in files]
    return {result["file"]: result for result in found}


def in_workbook(path: Path) -> dict[tuple[Any, ...], tuple[str, str, bytes]]:
    """Return number, status and picture of each row in a workbook, by file, x and y."""
    openpyxl = pytest.importorskip("openpyxl")
    sheet = openpyxl.load_workbook(path)["numbers"]
    pictures = {image.anchor._from.row: image._data() for image in sheet._images}
    header, *rows = sheet.iter_rows(values_only=True)
    cells = [dict(zip(header, row, strict=True)) for row in rows]
    return {
        (one["file"], one["x"], one["y"]): (one["number"], one["status"], pictures.get(i, b""))
        for i, one in enumerate(cells, 1)
    }

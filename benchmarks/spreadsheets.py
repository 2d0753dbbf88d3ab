"""Measure whether numbers come through a spreadsheet as they are on paper.

    python benchmarks/spreadsheets.py [--numbers N] [--pages PICTURE...]

Reads the sample pages, makes up numbers besides (zeros, points, signs, 1 to 25 digits), writes all
of them as CSV, as CSV with --excel, as XLSX and as JSON, has LibreOffice open each file and save
what its cells show, and prints how many numbers are then equal to what was written. A line for each
form; tables, in which the made-up numbers stand too, are counted cell by cell. A CSV is opened once
with the `number` column imported as text, as docs/spreadsheets.md says, and once as by a double
click, with numbers, dates and times told by LibreOffice as Excel does by itself. JSON, which
LibreOffice does not open, is read by Python. Excel itself is not measured. Exits with 1 where a
number is not equal that should be: all but the double click on plain CSV.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import openpyxl
from commands import SAMPLES

from digitocr import scan_file
from digitocr.core.document import (
    FileResult,
    ModelId,
    Number,
    PageResult,
    Table,
)
from digitocr.core.geometry import Box
from digitocr.export import csv as csv_export
from digitocr.export import json as json_export
from digitocr.export.xlsx import (
    IllustratedResult,
    write_workbook,
)

# Tokens of LibreOffice's CSV filter: separator, quote, UTF-8, first line, columns' formats (2 is
# text), language, quoted is text, detect special numbers; to save, the last one is cells as shown,
# and -1 is all sheets. LibreOffice 7.4 saves sheets as shown only where it may save formulas.
# https://help.libreoffice.org/latest/en-US/text/shared/guide/csv_params.html
AS_TEXT = f"CSV:44,34,76,1,{csv_export.COLUMNS.index('number') + 1}/2,0"
DOUBLE_CLICK = "CSV:44,34,76,1,,0,false,true"
SHOWN = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true"
ALL_SHOWN = f"{SHOWN},true,false,false,-1"
COLUMNS = 10  # of the table of made-up numbers

Rows = list[list[str]]


class Form(NamedTuple):
    """How numbers were written and read back."""

    name: str
    texts: list[str]  # in the order in which they were written
    exact: bool = True  # they should be equal to it


def made_up(n: int, seed: int = 0) -> list[str]:
    """Return numbers as they may be on paper, of every kind that a spreadsheet could spoil."""
    chance = random.Random(seed)

    def digits(most: int, least: int = 1) -> str:
        return "".join(chance.choices("0123456789", k=chance.randint(least, most)))

    kinds: list[Callable[[], str]] = [
        lambda: digits(25),
        lambda: str(chance.randrange(10 ** chance.randint(1, 17))),
        lambda: "0" * chance.randint(1, 6) + digits(9),
        lambda: f"{chance.randrange(10 ** chance.randint(1, 9))}.{digits(8)}",
        lambda: f"{digits(9)},{digits(3)}",
        lambda: ".".join([digits(3), *(digits(3, 3) for _ in range(chance.randint(1, 4)))]),
        lambda: f"{chance.randrange(24)}:{chance.randrange(60):02}",
        lambda: "-".join(digits(4) for _ in range(chance.randint(2, 3))),
        lambda: chance.choice(".,:-").join(digits(5) for _ in range(chance.randint(2, 4))),
    ]
    return [chance.choice(("", "", "-")) + chance.choice(kinds)() for _ in range(n)]


def result_of(texts: Sequence[str]) -> FileResult:
    """Return numbers as if read in a file, each in a line and in a cell of a table."""
    box = Box(0, 0, 1, 1)
    numbers = tuple(Number(text, 1.0, "ok", i, 1, box, ()) for i, text in enumerate(texts, 1))
    filled = [*texts, *[""] * (-len(texts) % COLUMNS)]
    rows = tuple(tuple(filled[i : i + COLUMNS]) for i in range(0, len(filled), COLUMNS))
    page = PageResult(1, 1, 1, None, 0, 0.0, numbers, (Table(box, rows),))
    return FileResult("made-up", ModelId("", ""), (page,))


def write_all(results: Sequence[FileResult], folder: Path) -> None:
    """Write results in every form, as the scan command does."""
    for name, excel in (("plain", False), ("excel", True)):
        rows = "".join(csv_export.number_rows(one, excel) for one in results)
        (folder / f"{name}.csv").write_text(csv_export.header_row(excel) + rows, "utf-8")
    tables = "".join(csv_export.table_rows(table, excel=True) for table in tables_of(results))
    (folder / "excel-tables.csv").write_text(tables, "utf-8")
    lines = [json_export.json_text(one) for one in results]
    (folder / "results.jsonl").write_text("".join(lines), "utf-8")
    illustrated = (IllustratedResult(one, folder) for one in results)
    write_workbook(folder / "numbers.xlsx", illustrated, [])


def tables_of(results: Sequence[FileResult]) -> list[Table]:
    """Return the tables of all pages in order."""
    return [table for result in results for page in result.pages for table in page.tables]


def reopened_csv(path: Path, opened_as: str) -> Rows:
    """Return what LibreOffice shows of a CSV."""
    return read_csv(as_shown(path, [f"--infilter={opened_as}"], SHOWN) / path.name)


def reopened_workbook(path: Path) -> dict[str, Rows]:
    """Return what LibreOffice shows of a workbook, by the names of its sheets, in order."""
    shown = as_shown(path, [], ALL_SHOWN)
    return {
        name: read_csv(shown / f"{path.stem}-{name}.csv")
        for name in openpyxl.load_workbook(path, read_only=True).sheetnames
    }


def as_shown(path: Path, options: Sequence[str], form: str) -> Path:
    """Have LibreOffice open a file and save what it shows; return the folder."""
    folder = Path(tempfile.mkdtemp(dir=path.parent))
    profile = (path.parent / "profile").as_uri()
    command = ["soffice", f"-env:UserInstallation={profile}", "--headless", *options]
    command += ["--convert-to", form, "--outdir", str(folder), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not any(folder.iterdir()):
        sys.exit(f"error: LibreOffice did not open {path.name}:\n{done.stdout}{done.stderr}")
    return folder


def read_csv(path: Path) -> Rows:
    """Return the rows of a CSV."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def column(rows: Rows) -> list[str]:
    """Return the numbers in the rows below a header."""
    return [row[rows[0].index("number")] for row in rows[1:]]


def filled(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the cells of a table that are not blank."""
    return [text for row in rows for text in row if text]


def read_back(folder: Path) -> tuple[list[Form], list[Form]]:
    """Return the numbers, and the cells of tables, that each form gives back."""
    book = reopened_workbook(folder / "numbers.xlsx")
    tables = [rows for name, rows in book.items() if name not in ("numbers", "errors")]
    lines = (folder / "results.jsonl").read_text("utf-8").splitlines()
    pages = [page for line in lines for page in json.loads(line)["pages"]]

    def opened(name: str, opened_as: str) -> Rows:
        return reopened_csv(folder / name, opened_as)

    return [
        Form("CSV, number column as text", column(opened("plain.csv", AS_TEXT))),
        Form("CSV, double click", column(opened("plain.csv", DOUBLE_CLICK)), exact=False),
        Form("CSV --excel, double click", column(opened("excel.csv", DOUBLE_CLICK))),
        Form("XLSX", column(book["numbers"])),
        Form("JSON", [number["text"] for page in pages for number in page["numbers"]]),
    ], [
        Form("tables, CSV --excel", filled(opened("excel-tables.csv", DOUBLE_CLICK))),
        Form("tables, XLSX", filled([row for rows in tables for row in rows])),
        Form(
            "tables, JSON",
            filled([row for page in pages for table in page["tables"] for row in table["rows"]]),
        ),
    ]


def compared(form: Form, texts: Sequence[str]) -> bool:
    """Print how many numbers are equal; tell whether all are that should be."""
    wrong = [pair for pair in zip(texts, form.texts, strict=False) if pair[0] != pair[1]]
    n_wrong = len(wrong) + abs(len(texts) - len(form.texts))
    print(f"{form.name:28} {len(texts) - n_wrong:6} equal {n_wrong:6} unequal", end="  ")
    print(", ".join(f"{text} → {shown}" for text, shown in wrong[:4]))
    return n_wrong == 0 or not form.exact


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--numbers", type=int, default=10_000, help="made up, besides the pages'")
    parser.add_argument("--pages", type=Path, nargs="*", help="pictures; all samples if not given")
    arguments = parser.parse_args()
    if not shutil.which("soffice"):
        sys.exit("error: there is no soffice; apt install libreoffice-calc")
    pages = arguments.pages
    if pages is None:
        pages = sorted(
            path for path in SAMPLES.iterdir() if path.suffix in (".png", ".jpg", ".tif")
        )
    results = [*map(scan_file, pages), result_of(made_up(arguments.numbers))]
    texts = [number.text for result in results for number in result.numbers]
    cells = [text for table in tables_of(results) for text in filled(table.rows)]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_all(results, folder)
        numbers, tables = read_back(folder)
    good = [compared(form, texts) for form in numbers] + [compared(form, cells) for form in tables]
    sys.exit(not all(good))


if __name__ == "__main__":
    main()

"""What a program sees: names, types, kinds of pages, rows, and errors that say which file it is."""

from __future__ import annotations

import csv
import importlib.util
import io
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import digitocr
from digitocr import (
    Constraints,
    DigitocrError,
    ExtraMissing,
    FileResult,
    InputTooLarge,
    InputUnreadable,
    Limits,
    Scanner,
    Settings,
    WrongSetting,
    WrongUsage,
    scan_file,
    scan_files,
)
from digitocr.core.errors import with_names
from digitocr.export.csv import COLUMNS, number_rows

SAMPLES = Path(digitocr.__file__).parents[1] / "samples"
RECEIPT = SAMPLES / "receipt.jpg"


@pytest.fixture(scope="module")
def receipt() -> FileResult:
    return scan_file(RECEIPT)


def texts(result: FileResult | DigitocrError) -> list[str]:
    assert isinstance(result, FileResult), result
    return [number.text for page in result.pages for number in page.numbers]


def test_all_names_are_shown_and_there() -> None:
    assert set(digitocr.__all__) <= set(dir(digitocr))
    for name in digitocr.__all__:
        assert getattr(digitocr, name) is not None
    with pytest.raises(AttributeError, match="nonesuch"):
        _ = digitocr.nonesuch


def test_the_package_is_imported_without_what_reading_takes() -> None:
    code = "import digitocr, sys; print({'cv2', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize("kind", ["path", "text", "bytes", "file", "opened", "bgr", "pillow"])
def test_a_page_may_be_given_in_many_ways(kind: str, receipt: FileResult) -> None:
    if kind == "pillow":
        given: Any = pytest.importorskip("PIL.Image").open(RECEIPT)
    else:
        given = {
            "path": lambda: RECEIPT,
            "text": lambda: str(RECEIPT),
            "bytes": RECEIPT.read_bytes,
            "file": lambda: io.BytesIO(RECEIPT.read_bytes()),
            "opened": lambda: RECEIPT.open("rb"),
            "bgr": lambda: cv2.imread(str(RECEIPT)),
        }[kind]()
    result = scan_file(given)
    assert texts(result) == texts(receipt)
    assert result.file == (RECEIPT.name if kind in ("path", "text", "opened") else "page")
    if kind == "opened":
        given.close()


def test_a_grey_array_is_read_as_its_file(receipt: FileResult) -> None:
    gray = cv2.imread(str(RECEIPT), cv2.IMREAD_GRAYSCALE)
    result = Scanner().scan_file(gray, "receipt.jpg")
    assert result.pages[0].numbers == receipt.pages[0].numbers
    assert result.file == "receipt.jpg"


@pytest.mark.parametrize(
    "given",
    [
        np.zeros((9, 9), np.float32),
        np.zeros((9, 9, 2), np.uint8),
        np.zeros((0, 9), np.uint8),
        np.zeros(9, np.uint8),
        io.StringIO("text"),
        7,
    ],
)
def test_what_is_no_page_is_refused_in_a_sentence(given: Any) -> None:
    with pytest.raises(WrongUsage, match="read"):
        scan_file(given)


def test_transparent_and_deep_pictures_of_pillow_have_ink_on_white() -> None:
    image = pytest.importorskip("PIL.Image")
    gray = np.full((60, 60), 255, np.uint8)
    cv2.putText(gray, "7", (15, 45), cv2.FONT_HERSHEY_SIMPLEX, 1.5, 0, 4)
    clear = np.zeros((60, 60, 4), np.uint8)
    clear[:, :, 3] = 255 - gray
    for picture in (image.fromarray(clear), image.fromarray(gray.astype(np.int32) * 100)):
        assert texts(scan_file(picture)) == texts(scan_file(gray)) == ["7"]


def test_rows_are_those_of_the_csv(receipt: FileResult) -> None:
    rows = receipt.rows()
    written = csv.reader(io.StringIO(number_rows(receipt)))
    for row, line in zip(rows, written, strict=True):
        values = dict(row, confidence=f"{row['confidence']:.4f}")
        assert ["" if values[name] is None else str(values[name]) for name in COLUMNS] == line
    assert receipt.to_dict()["pages"][0]["numbers"][0]["text"] == rows[0]["number"]


def test_a_table_of_pandas_or_which_package_is_missing(receipt: FileResult) -> None:
    if importlib.util.find_spec("pandas"):
        assert list(receipt.to_pandas()["number"]) == texts(receipt)
    else:
        with pytest.raises(ExtraMissing, match="pandas"):
            receipt.to_pandas()


@pytest.mark.parametrize("workers", [None, 2])
def test_many_files_come_in_order_each_with_its_result_or_error(
    workers: int | None, tmp_path: Path, receipt: FileResult
) -> None:
    (tmp_path / "bad.png").write_bytes(b"no picture")
    inputs: list[Any] = [tmp_path / "bad.png", RECEIPT, tmp_path / "gone.png", 7, RECEIPT]
    bad, first, gone, number, last = scan_files(inputs, workers=workers)
    assert texts(first) == texts(last) == texts(receipt)
    assert isinstance(bad, InputUnreadable) and str(bad).startswith(f"{tmp_path}/bad.png: ")
    assert isinstance(gone, InputUnreadable) and "gone.png" in str(gone)
    assert isinstance(number, WrongUsage)


def test_errors_name_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    with pytest.raises(InputUnreadable, match=r"a\.png: is empty"):
        scan_file(tmp_path / "a.png")
    with pytest.raises(InputUnreadable, match=r"^mine: is empty"):
        scan_file(b"", name="mine")
    with pytest.raises(InputTooLarge, match=r"raise Limits\.pixels"):
        scan_file(RECEIPT, Settings(limits=Limits(pixels=1000)))
    with pytest.raises(InputTooLarge, match=r"raise Limits\.pixels"):
        scan_file(np.zeros((99, 99), np.uint8), Settings(limits=Limits(pixels=1000)))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Settings(min_confidence=9), "min_confidence 9: is not within 0..1"),
        (lambda: Settings(max_error=float("nan")), "max_error nan: is not within 0..1"),
        (lambda: Settings(dpi=0), "dpi 0: is not within"),
        (lambda: Settings(decimal="dot"), "decimal dot: is none of point, comma, none"),  # type: ignore[arg-type]
        (lambda: Settings(pages="4-2"), "pages 4-2: 4-2 has no pages"),
        (
            lambda: Settings(form=Path("f"), constraints=Constraints(digits="2")),
            "form goes without",
        ),
        (lambda: Constraints(digits="9-2"), "digits 9-2: is no count"),
        (lambda: Constraints(pattern="("), "pattern (: is no regular expression"),
        (lambda: Constraints(within="9..2"), "within 9..2: is no range"),
        (lambda: Constraints(listed="roster.csv"), "listed roster.csv: names no column"),
        (lambda: Constraints(digits=8), "digits 8: is no text"),  # type: ignore[arg-type]
        (lambda: Scanner(Settings(constraints=Constraints(check="x"))), "check x: is no check"),
        (lambda: Limits(pixels=0), "Limits.pixels 0: is no whole number"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make: Any, says: str) -> None:
    with pytest.raises(WrongUsage) as caught:
        make()
    assert says in str(caught.value)


def test_an_error_about_a_setting_is_a_value_error_and_survives_a_pipe() -> None:
    error = WrongSetting("dpi", 0, "is not within 50..1200")
    assert isinstance(error, ValueError)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.named("--dpi")) == (str(error), "--dpi 0: is not within 50..1200")


def test_a_command_names_its_options_in_sentences() -> None:
    names = {"Limits.pixels": "--max-pixels"}
    assert with_names("raise Limits.pixels or Limits.pages", names) == (
        "raise --max-pixels or Limits.pages"
    )


SCRIPT = """
from digitocr import FileResult, Number, Settings, scan_file, scan_files
result = scan_file("a.png", Settings(min_confidence=0.9))
reveal_type(result)
numbers: list[Number] = [number for page in result.pages for number in page.numbers]
text: str = numbers[0].text
for one in scan_files(["a.png", b""]):
    reveal_type(one)
Settings(min_confidence="high")
"""


@pytest.mark.slow
def test_a_users_script_sees_the_types(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path), "script.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.count("error:") == 1, done.stdout
    assert 'script.py:9: error: Argument "min_confidence"' in done.stdout
    assert 'Revealed type is "digitocr.core.document.FileResult"' in done.stdout
    assert "FileResult | digitocr.core.errors.DigitocrError" in done.stdout.replace(
        "Union[digitocr.core.document.FileResult, ", "FileResult | "
    )

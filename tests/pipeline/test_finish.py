"""Why a number is to be reviewed, and what is said of a page without numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from digitocr import Scanner, Settings
from digitocr.core.arrays import Gray
from digitocr.core.document import (
    INK_WITHOUT_NUMBERS,
    Digit,
    FileResult,
    Number,
    PageResult,
    Reason,
)
from digitocr.core.geometry import Box
from digitocr.core.source import Page
from digitocr.imaging.deskew import UprightPage
from digitocr.pipeline.finish import finished_number

SAMPLES = Path(__file__).parents[2] / "samples"
PAGE = Page(1, np.full((400, 600), 255, np.uint8), None)


def finished(number: Number, line: float = 0.9) -> Number:
    """Return a number as results have it, on a page that was upright and level."""
    upright = UprightPage(PAGE.gray, np.eye(3), 0, 0.0)
    return finished_number(number, upright, PAGE, line)


def a_number(x: int = 100, height: int = 30, chance: float = 0.95) -> Number:
    box = Box(x, 100, 20, height)
    return Number("7", chance, "ok", 1, 1, box, (Digit("7", chance, box),))


def test_what_is_sure_is_ok_and_has_no_reason() -> None:
    number = finished(a_number())
    assert (number.status, number.reason) == ("ok", "")


def test_what_is_below_the_line_is_unsure() -> None:
    number = finished(a_number(chance=0.5))
    assert (number.status, number.reason) == ("review", "unsure")


@pytest.mark.parametrize("reason", [one for one in Reason if one.forces_review])
def test_however_sure_a_number_is_other_reasons_make_it_one_for_review(reason: Reason) -> None:
    number = finished(a_number(chance=1.0).because(reason))
    assert (number.status, number.reasons) == ("review", (reason,))


@pytest.mark.parametrize("reason", [one for one in Reason if not one.forces_review])
def test_what_the_chance_knows_of_is_no_reason_by_itself(reason: Reason) -> None:
    assert finished(a_number(chance=1.0).because(reason)).reason == ""
    assert finished(a_number(chance=0.5).because(reason)).reason == f"unsure {reason.value}"


def test_small_digits_and_numbers_at_the_edge_are_told() -> None:
    assert finished(a_number(height=11, chance=0.5)).reason == "unsure small"
    assert finished(a_number(height=12, chance=0.5)).reason == "unsure"
    assert finished(a_number(x=0)).reason == "cut-off"


def test_reasons_are_named_once_and_in_order() -> None:
    number = a_number().because(Reason.SMALL, Reason.CUT_OFF).because(Reason.SMALL)
    assert number.reason == "cut-off small"


def test_results_hold_reasons_and_notes_and_early_ones_are_read_too() -> None:
    number = replace(a_number(), status="review").because(Reason.UNSURE)
    page = PageResult(1, 600, 400, None, 0, 0.0, (number,), notes=(INK_WITHOUT_NUMBERS,))
    found = page.to_dict()
    assert PageResult.from_dict(found) == page
    del found["notes"], found["numbers"][0]["reason"]
    early = PageResult.from_dict(found)
    assert (early.notes, early.numbers[0].reasons) == ((), ())


def scanned(gray: Gray, **settings: Any) -> FileResult:
    return Scanner(Settings(**settings)).scan_file(gray, "page")


def a_word() -> Gray:
    gray = np.full((300, 500), 255, np.uint8)
    cv2.putText(gray, "Hello", (60, 160), cv2.FONT_HERSHEY_SIMPLEX, 2, 0, 4, cv2.LINE_AA)
    return gray


@pytest.mark.parametrize("second_opinion", [True, False])
def test_a_page_with_writing_and_no_number_says_so(second_opinion: bool) -> None:
    (page,) = scanned(a_word(), second_opinion=second_opinion, min_confidence=0.0).pages
    assert [one.text for one in page.numbers] == []
    assert page.notes == (INK_WITHOUT_NUMBERS,)


def test_a_blank_page_and_one_with_numbers_have_no_notes() -> None:
    rng = np.random.default_rng(0)
    blank = rng.normal(235, 4, (600, 500)).clip(0, 255).astype(np.uint8)
    assert [page.notes for page in scanned(blank).pages] == [()]
    gray = cv2.imread(str(SAMPLES / "digit.png"), cv2.IMREAD_GRAYSCALE)
    assert [page.notes for page in scanned(np.asarray(gray)).pages] == [()]


def test_ok_has_no_reason_and_review_has_one() -> None:
    scanner = Scanner()
    for name in ("receipt.jpg", "uneven-light.jpg", "specks.png"):
        for number in scanner.scan_file(SAMPLES / name).numbers:
            assert (number.status == "ok") == (number.reason == "")

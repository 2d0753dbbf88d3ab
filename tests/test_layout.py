"""Digits into numbers, numbers into lines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from digitocr.layout import into_numbers
from digitocr.records import Box, Digit

H = 40  # digit height, pixels


def written(
    text: str, x: float = 0, y: float = 0, gap: float = 0.2, slope: float = 0
) -> list[Digit]:
    """Return the digits of a line; each space widens the gap by one digit height."""
    digits = []
    start = x
    for letter in text:
        if letter == " ":
            x += H
            continue
        width = 0.25 * H if letter == "1" else 0.6 * H
        box = Box(round(x), round(y + slope * (x - start)), round(width), H)
        digits.append(Digit(letter, 0.99, box))
        x += width + gap * H
    return digits


def lines(digits: Sequence[Digit], others: Sequence[Box] = ()) -> list[str]:
    """Return the text of each line, numbers separated by spaces."""
    found: dict[int, list[str]] = {}
    for number in into_numbers(digits, others, 0.9):
        found.setdefault(number.line, []).append(number.text)
    return [" ".join(texts) for texts in found.values()]


@pytest.mark.parametrize(
    "text", ["7", "007", "12 34", "1 1 1", "111 11", "98765 4 3210", "10  20    30"]
)
def test_gaps_part_numbers(text: str) -> None:
    assert lines(written(text)) == [" ".join(text.split())]


@pytest.mark.parametrize("gap", [0.02, 0.1, 0.3])
def test_the_parting_adapts_to_how_closely_a_hand_writes(gap: float) -> None:
    assert lines(written("1234 567 89", gap=gap)) == ["1234 567 89"]


def test_widely_spaced_digits_of_one_number_stay_together() -> None:
    assert lines(written("402968", gap=0.7)) == ["402968"]


def test_lines_are_read_from_top_to_bottom_whatever_the_order_of_digits() -> None:
    digits = written("12 34") + written("56 78", y=2 * H) + written("90", x=300, y=4 * H)
    shuffled = np.random.default_rng(0).permutation(len(digits))
    assert lines([digits[i] for i in shuffled]) == ["12 34", "56 78", "90"]


def test_a_line_that_rises_across_the_page_is_one_line() -> None:
    text = "123 " * 12
    two = written(text, slope=-0.05) + written(text, y=1.6 * H, slope=-0.05)
    assert lines(two) == [" ".join(text.split())] * 2


def test_digits_of_different_heights_stand_on_one_line() -> None:
    small = [Digit("5", 0.9, Box(100, H // 2, 12, H // 2))]
    assert lines(written("12") + small) == ["12 5"]


def test_items_and_lines_count_from_one() -> None:
    found = into_numbers(written("1 2") + written("3", y=3 * H), [], 0.9)
    assert [(n.line, n.item) for n in found] == [(1, 1), (1, 2), (2, 1)]


def test_a_numbers_confidence_is_that_all_its_digits_are_right() -> None:
    digits = [Digit("1", 0.9, Box(0, 0, 20, H)), Digit("2", 0.8, Box(25, 0, 20, H))]
    (sure,), (doubtful,) = into_numbers(digits, [], 0.72), into_numbers(digits, [], 0.73)
    assert sure.confidence == pytest.approx(0.72)
    assert (sure.status, doubtful.status) == ("ok", "review")
    assert sure.box == Box(0, 0, 45, H)


def test_no_digits_give_no_numbers() -> None:
    assert into_numbers([], [], 0.9) == ()


def with_letters(text: str) -> list[str]:
    """Return what is read of a line whose letters were refused; brackets are narrow."""
    digits, others = [], []
    for letter, mark in zip(text.replace(" ", ""), written(text), strict=True):
        box = mark.box
        if letter in "()":
            others.append(Box(box.x, box.y, H // 4, H))
        elif letter.isdigit():
            digits.append(mark)
        else:
            others.append(box)
    return lines(digits, others)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("B0ok s8ils z1gzag", []),
        ("words 0 words", []),
        ("No 17", ["17"]),
        ("words 17 words", ["17"]),
        ("12kg A4 ab1234", ["12 4 1234"]),
        ("(5) (6)", ["5 6"]),
    ],
)
def test_digits_inside_words_are_letters(text: str, read: list[str]) -> None:
    assert with_letters(text) == read


@pytest.mark.parametrize("factor", [2, 5])
def test_the_size_of_a_page_in_pixels_changes_nothing(factor: int) -> None:
    digits = written("12 345 6", slope=-0.05) + written("78 9", y=2 * H)
    larger = [
        Digit(d.digit, d.confidence, Box(*(factor * n for n in (b.x, b.y, b.width, b.height))))
        for d in digits
        for b in [d.box]
    ]
    assert lines(larger) == lines(digits)

"""Digits into numbers, numbers into lines, lines into columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitocr.core.document import (
    Digit,
    Number,
)
from digitocr.core.geometry import Box
from digitocr.numbers import assemble
from digitocr.recognition.hypotheses import PageReading

H = 40  # digit height, pixels


def assembled_numbers(
    digits: Sequence[Digit],
    others: Sequence[Box],
    low: Sequence[Box] = (),
) -> tuple[Number, ...]:
    """Return the numbers that digits and other components make."""
    reading = PageReading(tuple(digits), tuple(others), tuple(low))
    return assemble.assembled_numbers(assemble.digit_lines(reading))


def written(
    text: str,
    x: float = 0,
    y: float = 0,
    gap: float = 0.2,
    slope: float = 0,
    height: float = H,
    falls: Callable[[float], float] | None = None,
) -> list[Digit]:
    """Return the digits of a line; each space widens the gap by one digit height.

    It falls by `slope`, or by as much as `falls` says of each x.
    """
    digits = []
    start = x
    for letter in text:
        if letter == " ":
            x += height
            continue
        width = 0.25 * height if letter == "1" else 0.6 * height
        down = falls(x) if falls else slope * (x - start)
        box = Box(round(x), round(y + down), round(width), round(height))
        digits.append(Digit(letter, 0.99, box))
        x += width + gap * height
    return digits


def moved(digits: Sequence[Digit], at: int, up: float = 0, confidence: float = 0.99) -> list[Digit]:
    """Return digits with one of them raised by a part of its height."""
    box = digits[at].box
    there = Box(box.x, round(box.y - up * box.height), box.width, box.height)
    return [*digits[:at], Digit(digits[at].digit, confidence, there), *digits[at + 1 :]]


def lines(digits: Sequence[Digit], others: Sequence[Box] = ()) -> list[str]:
    """Return the text of each line, numbers separated by spaces."""
    found: dict[int, list[str]] = {}
    for number in assembled_numbers(digits, others):
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
    found = assembled_numbers(written("1 2") + written("3", y=3 * H), [])
    assert [(n.line, n.item) for n in found] == [(1, 1), (1, 2), (2, 1)]


def test_a_numbers_confidence_is_that_all_its_digits_are_right() -> None:
    digits = [Digit("1", 0.9, Box(0, 0, 20, H)), Digit("2", 0.8, Box(25, 0, 20, H))]
    (found,) = assembled_numbers(digits, [])
    assert 0.71 < found.confidence <= 0.72  # and that they are one number
    assert found.box == Box(0, 0, 45, H)


def spaced(before: str, after: str, y: float = 0) -> list[Digit]:
    """Return a line of two groups of digits with a gap of 0.7 of their height."""
    first = written(before, y=y)
    return [*first, *written(after, x=first[-1].box.right + 0.7 * H, y=y)]


def test_thousands_a_little_apart_are_part_of_a_doubtful_number() -> None:
    (number,) = assembled_numbers(spaced("23", "418"), [])
    assert number.text == "23418"
    assert number.confidence < 0.5
    assert [one.text for one in assembled_numbers(spaced("23", "41"), [])] == ["23", "41"]
    assert [one.text for one in assembled_numbers(spaced("2318", "418"), [])] == ["2318", "418"]


def test_on_a_page_with_more_gaps_thousands_are_told_by_them() -> None:
    lines = [digit for i in range(3) for digit in spaced("23", "418", y=3 * H * i)]
    assert [one.text for one in assembled_numbers(lines, [])] == ["23", "418"] * 3


def test_many_gaps_on_a_page_leave_less_doubt_in_each() -> None:
    few = spaced("23", "41")
    many = [digit for i in range(9) for digit in spaced("23", "41", y=3 * H * i)]
    sure = {one.confidence for one in assembled_numbers(many, [])}
    assert min(sure) > max(one.confidence for one in assembled_numbers(few, []))


def test_a_number_that_may_go_on_is_less_sure() -> None:
    def confidence(gap: int, others: list[Box]) -> float:
        first = [Digit(digit, 0.99, Box(25 * i, 0, 20, H)) for i, digit in enumerate("2345")]
        then = [
            Digit("6", 0.99, Box(95 + gap, 0, 20, H)),
            Digit("7", 0.99, Box(120 + gap, 0, 20, H)),
        ]
        return assembled_numbers(first + then, others)[0].confidence

    assert confidence(40, []) < confidence(200, [])
    assert confidence(200, [Box(100, 0, 20, H)]) < confidence(200, [])


def test_no_digits_give_no_numbers() -> None:
    assert assembled_numbers([], []) == ()


def with_letters(text: str) -> list[str]:
    """Return what is read of a line whose letters were refused; brackets are narrow."""
    digits, others = [], []
    for letter, component in zip(text.replace(" ", ""), written(text), strict=True):
        box = component.box
        if letter in "()":
            others.append(Box(box.x, box.y, H // 4, H))
        elif letter.isdigit():
            digits.append(component)
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
        ("ab1234", ["1234"]),
        ("(5) (6)", ["5 6"]),
    ],
)
def test_digits_inside_words_are_letters(text: str, read: list[str]) -> None:
    assert with_letters(text) == read


def test_small_entries_and_a_large_total_are_each_parted_by_their_own_height() -> None:
    rows = ["12 345", "6 7890", "34 567", "890 12"]
    entries = [d for i, row in enumerate(rows) for d in written(row, y=2 * i * 16, height=16)]
    total = written("402968", y=200, height=3 * 16)
    assert lines(entries + total) == [*rows, "402968"]


def test_a_small_label_beside_a_large_number_stands_alone() -> None:
    pages = [
        d
        for i in range(4)
        for d in written("12", y=150 * i + 40, height=25)
        + written("34567", x=95, y=150 * i, height=65)
    ]
    assert lines(pages) == ["12 34567"] * 4


def test_digits_all_far_apart_and_uneven_stand_by_themselves() -> None:
    rng = np.random.default_rng(0)
    row = [Digit(str(i % 10), 0.99, Box(0, 0, 24, H)) for i in range(20)]
    x = np.cumsum(rng.uniform(1.3, 1.9, len(row)) * H)
    placed = [Digit(d.digit, 0.99, Box(int(x[i]), 0, 24, H)) for i, d in enumerate(row)]
    assert lines(placed) == [" ".join(d.digit for d in row)]


def test_digits_far_apart_but_even_are_one_number() -> None:
    assert lines(written("4029681735", gap=0.9)) == ["4029681735"]


@pytest.mark.parametrize(
    "falls",
    [
        lambda x: 0.1 * x,
        lambda x: -0.1 * x,
        lambda x: 80 * np.exp(-x / 400),
        lambda x: 60 * np.sin(x / 500),
    ],
)
def test_lines_that_slant_and_bend_stay_whole_and_apart(falls: Callable[[float], float]) -> None:
    text = "2345 " * 8
    rows = [written(text, y=1.5 * H * i, falls=falls) for i in range(6)]
    assert lines([d for row in rows for d in row]) == [text.strip()] * 6


@pytest.mark.parametrize("up", [0.55, -0.55])
def test_a_raised_digit_does_not_part_a_line(up: float) -> None:
    page = [d for i in range(4) for d in moved(written("234567", y=2 * H * i), 3, up)]
    assert lines(page) == ["234567"] * 4


def column(texts: Sequence[str], x: float, y: float, pitch: float) -> list[Digit]:
    """Return one number a line, its lines `pitch` digit heights apart."""
    return [d for i, text in enumerate(texts) for d in written(text, x, y + i * pitch * H)]


LEFT, RIGHT = ["203", "45", "678", "9", "32", "54"], ["76", "980", "23", "45", "67", "89"]


def test_columns_whose_lines_do_not_align_are_read_one_after_the_other() -> None:
    page = column(LEFT, 0, 0, 1.5) + column(RIGHT, 10 * H, 0.6 * H, 1.9)
    assert lines(page) == LEFT + RIGHT


def test_columns_whose_lines_lie_between_each_other_are_read_one_after_the_other() -> None:
    page = column(LEFT, 0, 0, 2.4) + column(RIGHT, 10 * H, 1.2 * H, 2.4)
    assert lines(page) == LEFT + RIGHT


@pytest.mark.parametrize("off", [-0.15, 0, 0.15])
def test_rows_that_align_across_wide_gaps_are_read_row_by_row(off: float) -> None:
    page = column(LEFT, 0, 0, 1.8) + column(RIGHT, 10 * H, off * H, 1.8)
    assert lines(page) == [f"{left} {right}" for left, right in zip(LEFT, RIGHT, strict=True)]


def test_cells_left_blank_do_not_part_a_table() -> None:
    page = column(LEFT, 0, 0, 1.8) + column(RIGHT[:1], 10 * H, 0, 1.8)
    page += column(RIGHT[2:], 10 * H, 2 * 1.8 * H, 1.8)
    rows = [f"{left} {right}" for left, right in zip(LEFT, RIGHT, strict=True)]
    assert lines(page) == [rows[0], LEFT[1], *rows[2:]]


def test_a_note_beside_a_list_stays_on_its_line() -> None:
    page = column(LEFT, 0, 0, 1.8) + written("7", x=10 * H, y=2 * 1.8 * H)
    assert lines(page) == [*LEFT[:2], f"{LEFT[2]} 7", *LEFT[3:]]


def test_numbers_strewn_over_a_page_are_read_from_top_to_bottom() -> None:
    texts = ["203", "45", "678", "19", "32", "54", "76", "80"]
    starts = [0, 20, 5, 28, 9, 16, 1, 23]
    page = [
        digit
        for i, (text, x) in enumerate(zip(texts, starts, strict=True))
        for digit in written(text, x=x * H, y=3 * H * i)
    ]
    assert lines(page) == texts


def low(top: float, confidence: float = 0.6, height: float = 0.45) -> list[Digit]:
    """Return 34 and 567 with a low component between them, its top so far down in digit heights."""
    box = Box(64, round(top * H), round(0.2 * H), round(height * H))
    digit = Digit("1", confidence, box)
    return [*written("34"), digit, *written("567", x=76)]


@pytest.mark.parametrize(
    ("top", "text"), [(0.75, "34,567"), (0.9, "34,567"), (-0.1, "34567"), (0.05, "34567")]
)
def test_commas_and_raised_specks_are_no_digits(top: float, text: str) -> None:
    assert lines(low(top)) == [text]


@pytest.mark.parametrize("top", [0.3, 0.5, 0.6])
def test_low_digits_on_the_baseline_or_in_the_middle_stay(top: float) -> None:
    assert lines(low(top)) == ["341567"]


def test_low_digits_read_with_confidence_stay() -> None:
    assert lines(low(0.9, confidence=0.99)) == ["341567"]


components = st.builds(
    Box,
    x=st.integers(0, 600),
    y=st.integers(0, 600),
    width=st.integers(2, 60),
    height=st.integers(2, 80),
)
pages = st.tuples(
    st.lists(components, max_size=40, unique=True),
    st.lists(st.booleans(), min_size=40, max_size=40),
)


def split(page: tuple[list[Box], list[bool]]) -> tuple[list[Digit], list[Box]]:
    """Return a page's digits, each with another confidence, and its other components."""
    boxes, read = page
    digits = [Digit(str(i % 10), i / 40, box) for i, box in enumerate(boxes) if read[i]]
    return digits, [box for i, box in enumerate(boxes) if not read[i]]


@given(pages)
def test_every_digit_is_in_one_number_at_most(page: tuple[list[Box], list[bool]]) -> None:
    digits, others = split(page)
    found = [digit for number in assembled_numbers(digits, others) for digit in number.digits]
    assert len(set(found)) == len(found)
    assert set(found) <= set(digits)


@given(pages)
def test_lines_and_items_are_numbered_without_gaps(page: tuple[list[Box], list[bool]]) -> None:
    before = (0, 0)
    for number in assembled_numbers(*split(page)):
        line, item = before
        assert (number.line, number.item) in [(line + 1, 1), (line, item + 1)]
        assert number.line > 0
        before = (number.line, number.item)


@given(pages, st.randoms())
def test_the_order_in_which_marks_come_changes_nothing(
    page: tuple[list[Box], list[bool]], random: Random
) -> None:
    digits, others = split(page)
    found = assembled_numbers(digits, others)
    random.shuffle(digits)
    random.shuffle(others)
    assert assembled_numbers(digits, others) == found


@given(pages, st.sampled_from([2, 4, 8]))  # in floats these scale without rounding
def test_the_size_of_a_page_in_pixels_changes_nothing(
    page: tuple[list[Box], list[bool]], factor: int
) -> None:
    def scaled(box: Box) -> Box:
        return Box(*(factor * length for length in (box.x, box.y, box.width, box.height)))

    digits, others = split(page)
    larger = [Digit(d.digit, d.confidence, scaled(d.box)) for d in digits]
    found = assembled_numbers(larger, [scaled(box) for box in others])
    assert [(n.text, n.line, n.item) for n in found] == [
        (n.text, n.line, n.item) for n in assembled_numbers(digits, others)
    ]


def test_signs_between_digits_do_not_make_a_word_of_them() -> None:
    """A plus floats between foot and top of the digits; a letter stands on the line."""
    plus = [Box(round(x * H), round(0.25 * H), round(0.5 * H), round(0.5 * H)) for x in (1.3, 3.9)]
    digits = [*written("0"), *written("1", x=2.6 * H), *written("0", x=5.2 * H)]
    assert lines(digits, plus) == ["0 1 0"]
    letters = [Box(box.x, H - box.height, box.width, box.height) for box in plus]
    assert lines(digits, letters) != ["0 1 0"]


def test_a_number_beside_a_digit_that_is_a_letter_is_doubtful() -> None:
    others = [digit.box for digit in written("8888")]
    letter = moved(written("0", x=others[-1].right + 4), 0, confidence=0.6)
    for gap, least, most in ((0.8, 0, 0.6), (1.5, 0.9, 1)):
        (number,) = assembled_numbers(
            [*letter, *written("234", x=letter[0].box.right + gap * H)], others
        )
        assert number.text == "234"
        assert least <= number.confidence <= most

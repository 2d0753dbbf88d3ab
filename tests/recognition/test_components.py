"""Marks out of ink."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digitocr.core.geometry import (
    Box,
    around,
)
from digitocr.recognition.components import (
    find_candidates,
    find_components,
    unclipped_components,
)
from digitocr.recognition.hypotheses import Candidate


def page(
    *boxes: tuple[int, int, int, int], size: tuple[int, int] = (400, 600)
) -> NDArray[np.uint8]:
    """Return a mask with filled boxes of ink (x, y, width, height)."""
    binary = np.zeros(size, np.uint8)
    for x, y, width, height in boxes:
        binary[y : y + height, x : x + width] = 255
    return binary


DIGITS = [(50, 50, 30, 60), (100, 50, 32, 58), (150, 52, 28, 60)]


def boxes_of(binary: NDArray[np.uint8]) -> list[Box]:
    """Return the box of each ink group: of a component and all ways to split it."""
    boxes = [around([candidate.box for candidate in group]) for group in runs_of(binary)]
    return sorted(boxes, key=lambda box: (box.x, box.y))


def runs_of(binary: NDArray[np.uint8]) -> list[list[Candidate]]:
    """Return the candidates of each run of ink, runs from left to right."""
    groups: dict[int, list[Candidate]] = {}
    for candidate in find_candidates(binary):
        groups.setdefault(candidate.group, []).append(candidate)
    return sorted(groups.values(), key=lambda group: min(c.box.x for c in group))


def drawn(text: str, step: int) -> NDArray[np.uint8]:
    """Return digits in thick strokes, their left edges `step` pixels apart."""
    binary = np.zeros((200, 400), np.uint8)
    for i, digit in enumerate(text):
        place = (60 + i * step, 140)
        cv2.putText(binary, digit, place, cv2.FONT_HERSHEY_SIMPLEX, 3, 255, 9)
    return binary


def test_each_mark_is_a_candidate_with_its_box() -> None:
    assert boxes_of(page(*DIGITS)) == [Box(*box) for box in DIGITS]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param((300, 100, 5, 5), id="a speck"),
        pytest.param((300, 95, 14, 14), id="a point"),
        pytest.param((300, 80, 40, 8), id="a dash"),
        pytest.param((300, 10, 20, 300), id="a bracket"),
        pytest.param((50, 300, 500, 40), id="a bar"),
    ],
)
def test_marks_that_have_not_the_size_of_a_digit_are_left_out(
    other: tuple[int, int, int, int],
) -> None:
    assert boxes_of(page(*DIGITS, other)) == [Box(*box) for box in DIGITS]


def test_ten_thousand_specks_do_not_change_what_is_found() -> None:
    binary = page(*DIGITS)
    rng = np.random.default_rng(0)
    binary[rng.integers(150, 400, 10_000), rng.integers(0, 600, 10_000)] = 255
    assert boxes_of(binary)[:3] == [Box(*box) for box in DIGITS]


def test_the_bar_of_a_five_belongs_to_it() -> None:
    five = [(210, 62, 26, 48), (215, 48, 30, 8)]
    group = runs_of(page(*DIGITS, *five))[-1]
    whole = max(group, key=lambda c: c.end - c.start)
    assert whole.box == Box(210, 48, 35, 62)


@pytest.mark.parametrize(("pen", "pieces"), [(4, 2), (1, 1)], ids=["a foot", "a hair"])
def test_a_piece_as_thin_as_the_pages_own_pen_belongs_to_its_digit(pen: int, pieces: int) -> None:
    binary = np.zeros((300, 1000), np.uint8)
    for x in range(40, 840, 100):
        cv2.rectangle(binary, (x, 60), (x + 50, 160), 255, 4)
    cv2.line(binary, (880, 60), (850, 150), 255, 4)
    cv2.line(binary, (850, 160), (885, 160), 255, pen)
    assert max(one.end for one in runs_of(binary)[-1]) == pieces


def test_a_large_point_that_stands_clear_of_a_digit_is_no_piece_of_it() -> None:
    point = (184, 75, 18, 18)
    assert boxes_of(page(*DIGITS, point)) == [Box(*box) for box in DIGITS]


def test_a_broken_digit_has_a_candidate_of_all_its_pieces_and_one_of_each() -> None:
    binary = page(*DIGITS, (210, 50, 30, 28), (210, 84, 30, 26))
    group = runs_of(binary)[-1]
    spans = {(c.start, c.end) for c in group}
    n = max(c.end for c in group)
    assert spans >= {(0, n), *((i, i + 1) for i in range(n))}
    (whole,) = (c for c in group if (c.start, c.end) == (0, n))
    assert whole.box == Box(210, 50, 30, 60)
    assert int((whole.ink > 0).sum()) == 30 * 28 + 30 * 26


@pytest.mark.parametrize("pair", ["00", "23", "58", "86", "88"])
def test_touching_digits_have_candidates_that_are_each_alone(pair: str) -> None:
    apart, touching = drawn(pair, 90), drawn(pair, 54)
    wide = [box for box in boxes_of(apart) if box.height > 60][:2]
    (group,) = runs_of(cv2.dilate(touching, np.ones((1, 7), np.uint8)))
    left = min(abs(c.box.width - wide[0].width) for c in group if c.start == 0)
    right = min(abs(c.box.width - wide[1].width) for c in group if c.end == group[-1].end)
    assert left <= 0.25 * wide[0].width
    assert right <= 0.25 * wide[1].width


def test_the_pieces_of_a_run_make_up_its_ink() -> None:
    binary = drawn("2586", 54)
    total = 0
    for group in runs_of(binary):
        spans = {(c.start, c.end): c for c in reversed(group)}  # the first of each span
        n = max(c.end for c in group)
        pieces = [int((spans[i, i + 1].ink > 0).sum()) for i in range(n)]
        for (start, end), c in spans.items():
            assert sum(pieces[start:end]) == int((c.ink > 0).sum())
        total += sum(pieces)
    assert total == int((binary > 0).sum())


def test_a_ring_gets_the_wall_that_a_cut_left_to_its_neighbour() -> None:
    binary = np.zeros((120, 260), np.uint8)
    for x in (80, 150):
        cv2.ellipse(binary, (x, 60), (40, 45), 0, 0, 360, 255, 6)
    (group,) = runs_of(binary)
    lent = [c for c in group if sum((c.start, c.end) == (o.start, o.end) for o in group) > 1]
    rings = [c for c in lent if abs(c.box.width - 86) < 4 and abs(c.box.height - 96) < 4]
    assert rings
    for ring in rings:
        outlines = cv2.findContours(ring.ink, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)[0]
        assert len(outlines) > 1  # and what it encloses


@pytest.mark.parametrize("blot", [(100, 300, 800, 300), (0, 0, 1000, 100)])
def test_a_signature_or_a_strip_of_desk_does_not_hide_the_digits(
    blot: tuple[int, int, int, int],
) -> None:
    digits = [(60 + 70 * i, 150, 26, 40) for i in range(12)]
    found = boxes_of(page(*digits, blot, size=(700, 1000)))
    assert {Box(*digit) for digit in digits} <= set(found)


def test_a_field_of_dots_takes_no_time_and_no_memory() -> None:
    dots = [(10 + 10 * i, 10 + 10 * j, 6, 6) for i in range(80) for j in range(60)]
    digits = [(100 + 60 * i, 700, 20, 30) for i in range(10)]
    groups = runs_of(page(*dots, *digits, size=(800, 900)))
    assert max(len(group) for group in groups) < 200


def test_a_whole_mark_may_be_taller_than_the_others() -> None:
    tall = page((20, 20, 40, 130), *((90 + 50 * i, 80, 30, 70) for i in range(6)))
    assert Box(20, 20, 40, 130) in boxes_of(tall)


def test_candidates_of_a_run_stand_one_after_another() -> None:
    groups = [c.group for c in find_candidates(drawn("2586", 54))]
    assert groups == sorted(groups)


def test_digits_one_above_the_other_stay_two() -> None:
    assert len(boxes_of(page((50, 50, 30, 60), (50, 116, 30, 60)))) == 2


def test_pieces_of_digits_in_two_lines_are_two_runs() -> None:
    broken = [(100, 68, 12, 34), (100, 50, 30, 14)]  # a 7, its bar apart
    below = [(100, 114, 30, 14), (112, 132, 18, 34)]  # a 5
    binary = page(*DIGITS[:1], *broken, *below, (50, 114, 30, 52), DIGITS[2], (150, 114, 28, 52))
    found = [box for box in boxes_of(binary) if box.x == 100]
    assert found == [Box(100, 50, 30, 52), Box(100, 114, 30, 52)]


def test_a_candidate_holds_none_of_its_neighbours_ink() -> None:
    binary = np.zeros((200, 300), np.uint8)
    cv2.line(binary, (100, 150), (160, 40), 255, 8)  # leans over the next
    cv2.line(binary, (130, 150), (190, 40), 255, 8)
    alone = (c for c in find_candidates(binary) if c.end == c.start + 1)
    left, right = sorted(alone, key=lambda c: c.box.x)
    assert left.box.right > right.box.x
    assert int((left.ink > 0).sum()) + int((right.ink > 0).sum()) == int((binary > 0).sum())


def test_holes_stay_holes() -> None:
    binary = np.zeros((200, 200), np.uint8)
    cv2.ellipse(binary, (100, 100), (30, 45), 0, 0, 360, 255, 8)
    ring = max(find_candidates(binary), key=lambda c: c.box.width)
    assert ring.box.width == 69
    assert ring.ink[ring.box.height // 2, ring.box.width // 2] == 0


def test_no_ink_gives_no_candidates() -> None:
    assert find_candidates(page()) == []


def test_marks_that_the_edge_of_a_page_cuts_off_are_left_out() -> None:
    wedge = (570, 0, 30, 60)
    assert boxes_of(page(*DIGITS, wedge)) == [Box(*box) for box in DIGITS]


def test_a_digit_that_fills_its_picture_may_touch_the_edge() -> None:
    assert boxes_of(np.full((60, 30), 255, np.uint8)) == [Box(0, 0, 30, 60)]


@pytest.mark.parametrize(("height", "found"), [(9, 0), (12, 1)])
def test_marks_lower_than_any_digit_are_none_on_an_empty_page(height: int, found: int) -> None:
    binary = np.zeros((2000, 1500), np.uint8)
    binary[900 : 900 + height, 700:703] = 255
    assert len(find_candidates(binary)) == found


@pytest.mark.parametrize(("right", "kept"), [(0, 1), (40, 2)])
def test_marks_that_the_edge_of_a_turned_page_cuts_off_are_left_out(right: int, kept: int) -> None:
    page = np.zeros((800, 1000), np.uint8)
    page[300:400, 480:500] = 255
    page[300:400, 980 - right : 1000 - right] = 255
    turn = cv2.getRotationMatrix2D((500, 400), 10, 1)
    turn[:, 2] += 100  # to where the page has grown
    level = cv2.warpAffine(page, turn, (1200, 1000), flags=cv2.INTER_NEAREST)
    to_page = np.linalg.inv(np.vstack([turn, [0, 0, 1]]))
    components = find_components(level)
    assert len(components.groups) == 2
    assert len(unclipped_components(components, to_page, page.shape).groups) == kept

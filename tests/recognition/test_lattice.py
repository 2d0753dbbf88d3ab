"""Scores into digits: ways through a lattice of pieces, and refusals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digitocr.core.geometry import Box
from digitocr.recognition.hypotheses import (
    Candidate,
    GroupTexts,
    PageReading,
)
from digitocr.recognition.lattice import PageLattices


def decide(
    candidates: Sequence[Candidate],
    scores: NDArray[np.float32],
    seen: dict[int, GroupTexts] | None = None,
) -> PageReading:
    """Return how candidates are read."""
    return PageLattices(candidates, scores).reading(seen)


Scored = tuple[Candidate, int, float]  # what it is read as, and how sure the network is


def candidate(
    digit: int,
    sure: float,
    group: int = 0,
    span: tuple[int, int] = (0, 1),
    size: float = 1.0,
    seam: float = 0.0,
) -> Scored:
    """Return a candidate of some pieces of an ink group, and how it is read."""
    start, end = span
    box = Box(100 * group + 20 * start, 0, 20 * (end - start), round(40 * size))
    ink = np.full((box.height, box.width), 255, np.uint8)
    return Candidate(box, ink, group, start, end, size, seam), digit, sure


def scored(given: Sequence[Scored]) -> tuple[list[Candidate], NDArray[np.float32]]:
    """Return candidates and their scores."""
    scores = np.empty((len(given), 10), np.float32)
    for row, (_, digit, sure) in zip(scores, given, strict=True):
        row[:] = (1 - sure) / 9
        row[digit] = sure
    return [one for one, _, _ in given], scores


def read(*given: Scored) -> str:
    """Return the digits read, from left to right."""
    digits = decide(*scored(given)).digits
    return "".join(digit.digit for digit in sorted(digits, key=lambda digit: digit.box.x))


def test_each_mark_alone_is_its_likeliest_digit() -> None:
    assert read(candidate(4, 0.99, 0), candidate(0, 0.8, 1), candidate(7, 0.99, 2)) == "407"


def test_no_candidates_give_no_digits() -> None:
    candidates, scores = scored([])
    reading = decide(candidates, scores)
    assert (reading.digits, reading.non_digits) == ((), ())
    assert PageLattices(candidates, scores).doubtful_groups() == set()


@pytest.mark.parametrize(
    ("whole", "halves", "wanted"), [(0.95, 0.3, "8"), (0.3, 0.95, "13"), (0.9, 0.15, "8")]
)
def test_the_best_way_through_a_run_is_read(whole: float, halves: float, wanted: str) -> None:
    assert wanted == read(
        candidate(1, halves, 0, (0, 1)),
        candidate(8, whole, 0, (0, 2)),
        candidate(3, halves, 0, (1, 2)),
    )


def test_a_way_is_no_better_than_its_worst_cut() -> None:
    assert (
        read(
            candidate(1, 0.99, 0, (0, 1)),
            candidate(8, 0.97, 0, (0, 2)),
            candidate(3, 0.2, 0, (1, 2)),
        )
        == "8"
    )


def test_three_digits_in_a_run_are_told_from_two() -> None:
    spans = {(0, 1): 0.95, (0, 2): 0.2, (0, 3): 0.1, (1, 2): 0.95, (1, 3): 0.3, (2, 3): 0.95}
    assert read(*(candidate(s + e, sure, 0, (s, e)) for (s, e), sure in spans.items())) == "135"


def test_low_pieces_of_a_broken_digit_are_merged_into_it() -> None:
    top, foot = candidate(7, 0.9, 0, (0, 1), size=0.3), candidate(1, 0.9, 0, (1, 2), size=0.4)
    assert read(top, candidate(5, 0.9, 0, (0, 2)), foot) == "5"


def test_a_low_piece_that_fits_nowhere_is_left_unread() -> None:
    dot, seven = candidate(1, 0.6, 0, (1, 2), size=0.2), candidate(7, 0.98, 0, (0, 1))
    reading = decide(*scored([seven, candidate(4, 0.12, 0, (0, 2)), dot]))
    assert [digit.digit for digit in reading.digits] == ["7"]
    assert reading.non_digits == ()


def test_a_mark_that_looks_like_nothing_is_refused_and_kept_aside() -> None:
    digits = [candidate(3, 0.99, group) for group in range(5)]
    blot = candidate(8, 0.12, 5)
    reading = decide(*scored([*digits, blot]))
    assert len(reading.digits) == 5
    assert reading.non_digits == (blot[0].box,)


@pytest.mark.parametrize("size", [0.2, 0.4])
def test_low_marks_are_neither_digits_nor_others(size: float) -> None:
    reading = decide(*scored([candidate(1, 0.99, 0, size=size)]))
    assert (reading.digits, reading.non_digits) == ((), ())


def test_a_page_of_many_non_digits_refuses_more() -> None:
    unclear = candidate(2, 0.5, 0)
    among_digits = [unclear, *(candidate(3, 0.99, group) for group in range(1, 40))]
    among_letters = [unclear, *(candidate(3, 0.12, group) for group in range(1, 40))]
    assert unclear[0].box in [digit.box for digit in decide(*scored(among_digits)).digits]
    assert unclear[0].box in decide(*scored(among_letters)).non_digits


@pytest.mark.parametrize("sure", [0.7, 0.8, 0.9])
def test_ways_of_different_length_are_weighed_alike(sure: float) -> None:
    """Two digits do not lose for having two factors below 1, nor does one for having but one."""
    first, second = candidate(1, sure, 0, (0, 1)), candidate(3, sure, 0, (1, 2))
    assert read(first, candidate(8, sure - 0.3, 0, (0, 2)), second) == "13"
    first, second = candidate(1, sure - 0.3, 0, (0, 1)), candidate(3, sure - 0.3, 0, (1, 2))
    assert read(first, candidate(8, sure, 0, (0, 2)), second) == "8"


def test_the_more_ink_a_cut_goes_through_the_surer_its_digits_have_to_be() -> None:
    def cut(seam: float) -> str:
        return read(
            candidate(1, 0.95, 0, (0, 1), seam=seam),
            candidate(8, 0.4, 0, (0, 2)),
            candidate(3, 0.95, 0, (1, 2), seam=seam),
        )

    assert cut(0.0) == "13"
    assert cut(3.0) == "8"


def test_confidence_is_shared_among_rival_ways() -> None:
    def confidence(whole: float) -> float:
        given = [
            candidate(1, 0.9, 0, (0, 1)),
            candidate(8, whole, 0, (0, 2)),
            candidate(3, 0.9, 0, (1, 2)),
        ]
        reading = decide(*scored(given))
        assert [digit.digit for digit in reading.digits] == ["1", "3"]
        return reading.digits[0].confidence

    alone, rivalled, pressed = confidence(0.1), confidence(0.5), confidence(0.8)
    assert 0.8 < alone < 1
    assert pressed < rivalled < alone
    assert pressed < 0.8


def test_the_digits_of_a_page_do_not_depend_on_other_runs_but_for_the_share_of_others() -> None:
    first = [
        candidate(1, 0.9, 0, (0, 1)),
        candidate(8, 0.3, 0, (0, 2)),
        candidate(3, 0.9, 0, (1, 2)),
    ]
    assert read(*first, candidate(5, 0.95, 1)) == "135"


def test_only_runs_whose_reading_is_unsure_are_in_doubt() -> None:
    sure = [candidate(4, 0.999, 0)]
    torn = [
        candidate(1, 0.9, 1, (0, 1)),
        candidate(8, 0.8, 1, (0, 2)),
        candidate(3, 0.9, 1, (1, 2)),
    ]
    unclear = [candidate(2, 0.6, 2)]
    low = [candidate(1, 0.3, 3, size=0.2)]
    assert PageLattices(*scored([*sure, *torn, *unclear, *low])).doubtful_groups() == {1, 2}


def test_ways_that_give_the_same_digits_speak_together() -> None:
    ring = candidate(0, 0.9, 0, (0, 2))
    speck = candidate(1, 0.12, 0, (1, 2), size=0.2)
    alone = decide(*scored([candidate(3, 0.12, 0, (0, 1)), ring, speck])).digits
    both = decide(*scored([candidate(0, 0.9, 0, (0, 1)), ring, speck])).digits
    assert [digit.digit for digit in (*alone, *both)] == ["0", "0"]
    assert both[0].confidence > alone[0].confidence


def test_confidences_of_a_run_multiply_to_the_chance_of_all_of_it() -> None:
    pair = [
        candidate(1, 0.95, 0, (0, 1)),
        candidate(8, 0.3, 0, (0, 2)),
        candidate(3, 0.6, 0, (1, 2)),
    ]
    one, three = decide(*scored(pair)).digits
    assert one.confidence == pytest.approx(three.confidence)
    assert one.confidence * three.confidence < 0.8


def test_a_mark_between_two_digits_is_a_digit_all_the_same() -> None:
    candidates, scores = scored([candidate(3, 0.99, group) for group in range(5)])
    scores[2] = [0, 0, 0, 0, 0.52, 0, 0, 0, 0, 0.48]
    digits = decide(candidates, scores).digits
    assert [digit.digit for digit in digits] == ["3", "3", "4", "3", "3"]
    assert digits[2].confidence == pytest.approx(0.52, abs=0.02)


def test_a_bowed_stroke_is_a_bracket_and_a_straight_one_a_1() -> None:
    def stroke(bow: int) -> Candidate:
        ink = np.zeros((120, 60), np.uint8)
        y = np.arange(5, 116)
        x = 10 + bow - bow * ((y - 60) / 55) ** 2
        points = np.stack([x, y], 1).round().astype(np.int32)
        cv2.polylines(ink, [points], False, 255, 9)
        return replace(candidate(1, 0.9)[0], ink=ink)

    _, scores = scored([candidate(1, 0.99)])
    assert [one.digit for one in decide([stroke(0)], scores).digits] == ["1"]
    assert decide([stroke(8)], scores).digits
    assert not decide([stroke(22)], scores).digits


@pytest.mark.parametrize(("flagged", "plain", "slashes"), [(3, 0, 1), (2, 0, 0), (3, 1, 0)])
def test_leaning_strokes_are_slashes_where_all_ones_have_flags(
    flagged: int, plain: int, slashes: int
) -> None:
    def stroke(group: int, *points: tuple[int, int]) -> Candidate:
        ink = np.zeros((120, 80), np.uint8)
        cv2.polylines(ink, [np.array(points, np.int32)], False, 255, 9)
        return replace(candidate(1, 0.99, group)[0], ink=ink)

    ones = [stroke(group, (10, 45), (50, 5), (50, 115)) for group in range(flagged)]
    ones += [stroke(flagged + group, (40, 5), (40, 115)) for group in range(plain)]
    slash = stroke(len(ones), (65, 5), (15, 115))
    _, scores = scored([candidate(1, 0.99, group) for group in range(len(ones) + 1)])
    reading = decide([*ones, slash], scores)
    assert reading.slashes == (slash.box,) * slashes
    assert len(reading.digits) == len(ones) + 1 - slashes
    assert not reading.non_digits


@pytest.mark.parametrize(
    ("flagged", "pen", "left_out"),
    [(24, 9, 1), (24, 15, 0), (23, 9, 0)],
    ids=["as thick", "of another pen", "few ones"],
)
def test_plain_uprights_are_rests_of_rules_where_ones_have_feet(
    flagged: int, pen: int, left_out: int
) -> None:
    def stroke(group: int, width: int, *points: tuple[int, int]) -> Candidate:
        ink = np.zeros((120, 80), np.uint8)
        cv2.polylines(ink, [np.array(points, np.int32)], False, 255, width)
        return replace(candidate(1, 0.99, group)[0], ink=ink)

    ones = [stroke(group, 9, (40, 5), (40, 110), (15, 110), (65, 110)) for group in range(flagged)]
    upright = stroke(flagged, pen, (40, 5), (40, 115))
    _, scores = scored([candidate(1, 0.99, group) for group in range(flagged + 1)])
    reading = decide([*ones, upright], scores)
    assert len(reading.digits) == flagged + 1 - left_out
    assert len(reading.non_digits) == left_out


def test_confidences_are_chances() -> None:
    rng = np.random.default_rng(0)
    given = []
    for group in range(200):
        n = int(rng.integers(1, 6))
        spans = [(s, e) for s in range(n) for e in range(s + 1, n + 1)]
        given += [
            candidate(int(rng.integers(10)), float(rng.uniform(0.1, 1)), group, span)
            for span in spans
        ]
    reading = decide(*scored(given))
    assert reading.digits
    assert all(0 < digit.confidence <= 1 for digit in reading.digits)
    boxes = [digit.box for digit in reading.digits] + list(reading.non_digits)
    assert len(set(boxes)) == len(boxes)
    for group in range(200):  # every piece is read once, or left once
        spans = sorted((b.x, b.right) for b in boxes if 100 * group <= b.x < 100 * group + 100)
        assert all(a[1] == b[0] for a, b in pairwise(spans))


def seen(**chances: float) -> GroupTexts:
    """Return what a strip says of a run, texts after an "_", their digits 10 px apart."""
    texts = {text.removeprefix("_"): chance for text, chance in chances.items()}
    return GroupTexts(
        texts, {text: tuple(10.0 * i + 5 for i in range(len(text))) for text in texts}
    )


def test_what_a_strip_says_decides_where_pieces_leave_doubt() -> None:
    candidates, scores = scored([candidate(4, 0.5)])
    scores[0, 9] = 0.45
    assert decide(candidates, scores).digits[0].digit == "4"
    (digit,) = decide(candidates, scores, seen={0: seen(_9=0.9, _4=0.1)}).digits
    assert digit.digit == "9"
    assert digit.box == candidates[0].box


def test_a_strip_may_refuse_what_looks_like_a_digit() -> None:
    candidates, scores = scored([candidate(4, 0.6)])
    assert decide(candidates, scores).digits
    reading = decide(candidates, scores, seen={0: seen(_=0.99, _4=0.01)})
    assert (reading.digits, reading.non_digits) == ((), (candidates[0].box,))


def test_digits_that_only_a_strip_tells_apart_share_the_run_between_them() -> None:
    candidates, scores = scored([candidate(8, 0.11)])
    digits = decide(candidates, scores, seen={0: seen(_13=0.98)}).digits
    assert "".join(digit.digit for digit in digits) == "13"
    assert [(digit.box.x, digit.box.right) for digit in digits] == [(0, 10), (10, 20)]


def test_confidences_of_a_run_multiply_to_its_chance_with_a_strip_too() -> None:
    candidates, scores = scored([candidate(8, 0.11)])
    sure, torn = (
        decide(candidates, scores, seen={0: texts}).digits
        for texts in (seen(_13=0.98), seen(_13=0.6, _18=0.4))
    )
    assert all(0 < digit.confidence <= 1 for digit in (*sure, *torn))
    assert torn[1].confidence < torn[0].confidence
    assert np.prod([d.confidence for d in torn]) < np.prod([d.confidence for d in sure])

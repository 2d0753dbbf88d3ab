"""Two readers' numbers in one place, and which of them is taken."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.lines import spelled_line

from digitocr.core.document import Digit, Number, Reason
from digitocr.core.errors import ModelUnreadable
from digitocr.core.geometry import Box
from digitocr.numbers.fusion import (
    N_FEATURES,
    Arbiter,
    Heard,
    Place,
    hearing,
    load_arbiter,
    page_features,
    places,
    refused_shares,
)
from digitocr.recognition.finder import TextLine
from digitocr.recognition.page_lines import PageLines, ReadNumber

LINE_CHANCE, COMPONENT_CHANCE = 5, 6  # where the features hold the readers' own chances


def component(text: str, x: int, chance: float = 0.9, cell: int | None = None) -> Number:
    box = Box(x, 10, 20 * len(text), 30)
    digits = tuple(Digit(one, chance, box) for one in text if one.isdigit())
    return Number(text, chance, "ok", 1, 1, box, digits, cell, cell, cell)


def read(text: str, x: int, chance: float = 0.9) -> ReadNumber:
    boxes = tuple(Box(x + 20 * i, 10, 20, 30) for i in range(len(text)))
    box = Box(x, 10, 20 * len(text), 30)
    line = TextLine(*box.middle, box.width, 25.0, 0.0, 0.9, 0.9)
    return ReadNumber(text, chance, line, 0.0, box, boxes)


def placed(components: list[Number], lines: list[ReadNumber]) -> list[Place]:
    """Return places where the line reader says nothing of what components read."""
    return list(places(components, lines, lambda _own, _other: None))


def arbiter() -> Arbiter:
    """Return one that believes what the readers say of themselves."""
    line, components = np.zeros(N_FEATURES), np.zeros(N_FEATURES)
    line[LINE_CHANCE] = components[COMPONENT_CHANCE] = 1.0
    return Arbiter(line, components, (0.5, 0.9), (0.2, 0.01))


def test_numbers_that_overlap_are_in_one_place() -> None:
    found = placed(
        [component("168", 0), component("75", 80), component("3", 400)], [read("168.75", 0)]
    )
    assert [(len(one.components), len(one.lines)) for one in found] == [(2, 1), (1, 0)]


@pytest.mark.parametrize(("line", "components", "text"), [(0.9, 0.7, "18.5"), (0.7, 0.9, "185")])
def test_the_likelier_reading_is_taken(line: float, components: float, text: str) -> None:
    (place,) = placed([component("185", 0, components)], [read("18.5", 0, line)])
    (number,) = arbiter().numbers([place])
    assert number.text == text
    assert number.confidence == pytest.approx(0.9)


def test_a_line_readers_number_stands_in_the_cell_of_the_other() -> None:
    (place,) = placed([component("18", 0, 0.6, cell=2)], [read("-18", -20, 0.9)])
    (number,) = arbiter().numbers([place])
    assert (number.text, number.table, number.row, number.column) == ("-18", 2, 2, 2)
    assert "".join(one.digit for one in number.digits) == "18"


def test_readers_that_differ_are_a_reason() -> None:
    (place,) = placed([component("185", 0, 0.7)], [read("18.5", 0, 0.9)])
    (number,) = arbiter().numbers([place])
    assert number.reasons == (Reason.READERS_DISAGREE,)
    (alone,) = placed([component("185", 0)], [])
    (number,) = arbiter().numbers([alone])
    assert number.reasons == ()


def test_a_mark_is_not_dropped_where_the_line_reader_reads_the_same() -> None:
    dropped = component("185", 0).because(Reason.MARK_DROPPED)
    for lines, reasons in (([read("185", 0, 0.5)], ()), ([], (Reason.MARK_DROPPED,))):
        (place,) = placed([dropped], lines)
        (number,) = arbiter().numbers([place])
        assert number.reasons == reasons


def test_what_one_reader_alone_read_and_is_likely_wrong_is_left_out() -> None:
    found = placed([component("1", 0, 0.3)], [read("1", 400, 0.3)])
    assert arbiter().numbers(found) == []
    assert [one.text for one in arbiter().numbers(found, keep_all=True)] == ["1", "1"]


def test_what_the_line_reader_hears_of_a_component_number_is_told_apart() -> None:
    number = component("10", 0)
    of = [None, Heard(0.9, 0.9), Heard(0.01, 0.1)]
    rows = [page_features([Place((number,), (), one)])[0] for one in of]
    assert len({tuple(row) for row in rows}) == 3


def test_a_part_of_what_the_line_reader_reads_is_not_heard() -> None:
    lines = PageLines((spelled_line("23", 0.9, (100, 25), (40, 20), (read("23", 80),)),))
    boxes = [Box(80, 15, 20, 20), Box(80, 15, 40, 20)]
    hears = hearing(lines, ["2", "23"], boxes)
    part, whole = hears([0], [0]), hears([1], [0])
    assert part
    assert whole
    assert part.chance < 0.1 < 0.8 < whole.chance


def test_nothing_is_heard_where_there_is_no_line() -> None:
    assert hearing(PageLines(()), ["2"], [Box(80, 90, 20, 20)])([0], []) is None


def test_characters_in_ink_that_is_no_digit_are_refused() -> None:
    found = placed([component("8", 900)], [read("12", 0), read("345", 400)])
    assert refused_shares(found, []).tolist() == [0, 0, 0]
    letters = [Box(20, 5, 20, 40), Box(395, 5, 70, 40)]
    assert sorted(refused_shares(found, letters).tolist()) == [0, 0.5, 1]
    assert refused_shares([], letters).tolist() == []


def test_odd_texts_and_refused_ones_are_told_apart() -> None:
    texts = ["12.50", "1,2022", "012.50"]
    rows = [page_features(placed([], [read(text, 0)]))[0] for text in texts]
    (place,) = placed([], [read("12.50", 0)])
    rows.append(page_features([replace(place, refused=0.5)])[0])
    assert len({tuple(row) for row in rows}) == 4


def test_the_review_line_is_the_lowest_that_holds() -> None:
    assert arbiter().review_line(0.03) == 0.9
    assert arbiter().review_line(0.2) == 0.5
    assert arbiter().review_line(0.001) == 1.0


def test_a_damaged_arbiter_is_a_damaged_model(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"line_weights": [1]}')
    with pytest.raises(ModelUnreadable, match=r"a\.json"):
        load_arbiter(tmp_path / "a.json")


def test_nothing_read_is_no_place() -> None:
    assert placed([], []) == []

"""Corrections: that none is lost or damaged, and what they make of a reading."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitocr.core.document import (
    FieldResult,
    FileResult,
    ModelId,
    Number,
    PageResult,
    Table,
)
from digitocr.core.errors import OutputUnwritable
from digitocr.core.geometry import Box
from digitocr.results.apply_corrections import corrected_result
from digitocr.results.corrections import (
    NAME,
    Correction,
    Corrections,
    valid_corrections,
)
from digitocr.results.journal import (
    Journal,
    Stamp,
)

STAMP = Stamp(120, 1_700_000_000_000_000_001, "settings", "model")
SEVEN, NINE = Box(100, 50, 80, 40), Box(300, 50, 80, 40)
FIX = Correction("a.png", 1, SEVEN, "7", "1", STAMP)


def number(text: str, line: int, item: int, box: Box, **more: object) -> Number:
    return Number(text, 0.75, "review", line, item, box, (), **more)  # type: ignore[arg-type]


def page(*numbers: Number, **more: object) -> PageResult:
    return PageResult(1, 1000, 800, None, **({"rotation": 0, "skew": 0.0} | more), numbers=numbers)  # type: ignore[arg-type]


def decided(was: PageResult, *decisions: Correction) -> PageResult:
    """Return a page with decisions put over it."""
    (now,) = corrected_result(FileResult("a.png", ModelId("m", "0"), (was,)), decisions).pages
    return now


def shown(of: PageResult) -> list[tuple[str, int, int]]:
    return [(one.text, one.line, one.item) for one in of.numbers if one.text]


TWO = page(number("7", 1, 1, SEVEN), number("9", 1, 2, NINE))


def kept(folder: Path, file: str = "a.png") -> list[Correction]:
    """Return what a new reader finds."""
    return Corrections(folder).of(file)


def add(folder: Path, *decisions: Correction) -> None:
    with Corrections(folder) as new:
        for one in decisions:
            new.add(one)


def test_what_is_added_is_found_again_with_its_time(tmp_path: Path) -> None:
    odd = replace(FIX, file="b \udcff\n.png", box=NINE, number=None, time="2026-01-02T03:04:05Z")
    with Corrections(tmp_path) as new:
        new.add(FIX)
        assert kept(tmp_path)[0].time.endswith("Z")  # safe at once
        new.add(odd)
        assert new.of(odd.file) == [odd]
    assert [replace(one, time="") for one in kept(tmp_path)] == [FIX]
    assert kept(tmp_path, odd.file) == [odd]
    assert kept(tmp_path, "b \\xff\n.png") == [odd]  # as results call it


def test_of_several_decisions_about_a_place_the_last_holds(tmp_path: Path) -> None:
    add(tmp_path, FIX, replace(FIX, page=2), replace(FIX, number="4"))
    add(tmp_path, replace(FIX, box=NINE), replace(FIX, box=NINE, undone=True))
    assert [(one.page, one.number) for one in kept(tmp_path)] == [(2, "1"), (1, "4")]
    assert len((tmp_path / NAME).read_bytes().splitlines()) == 5


def test_a_torn_line_is_passed_over_and_cut_off(tmp_path: Path) -> None:
    add(tmp_path, FIX)
    whole = (tmp_path / NAME).read_bytes()
    (tmp_path / NAME).write_bytes(whole + whole[:-1])  # all but its end: it may be half of one
    assert len(kept(tmp_path)) == 1
    add(tmp_path, replace(FIX, box=NINE))
    assert [one.box for one in kept(tmp_path)] == [SEVEN, NINE]
    assert (tmp_path / NAME).read_bytes().startswith(whole + b'{"file"')


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
ENTRY = {
    "file": "a.png",
    "page": 1,
    "box": [1, 2, 3, 4],
    "read": "7",
    "number": "1",
    "stamp": None,
    "undone": False,
    "time": "",
}


@given(
    st.lists(
        st.binary(max_size=20)
        | JSON.map(lambda value: json.dumps(value).encode())
        | st.tuples(st.sampled_from(sorted(ENTRY)), JSON).map(
            lambda change: json.dumps(ENTRY | dict([change])).encode()
        ),
        max_size=5,
    ),
    st.binary(max_size=5),
)
def test_foreign_lines_are_passed_over(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], torn: bytes
) -> None:
    folder = tmp_path_factory.mktemp("odd")
    (folder / NAME).write_bytes(b"".join(line + b"\n" for line in lines) + torn)
    before = Corrections(folder)
    add(folder, replace(FIX, file="its own.png"))
    assert [one.number for one in kept(folder, "its own.png")] == ["1"]
    assert kept(folder) == before.of("a.png")
    decided(TWO, *kept(folder))


@pytest.mark.parametrize(
    "wrong",
    [
        {"number": ""},
        {"number": "=1+1"},
        {"number": "-"},
        {"number": "1" * 101},
        {"page": 0},
        {"page": True},
        {"box": Box(0, 0, 0, 4)},
        {"box": Box(0, 0, 10**9, 4)},
        {"box": Box(0.5, 0, 4, 4)},  # type: ignore[arg-type]
        {"file": "\ud800"},
        {"file": ""},
    ],
    ids=str,
)
def test_what_makes_no_sense_is_no_correction(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"is no |says not|surrogates"):
        replace(FIX, **wrong)  # type: ignore[arg-type]


def test_adding_waits_for_no_other_writer(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    with Corrections(tmp_path) as other, pytest.raises(OutputUnwritable, match="another run"):
        other.add(FIX)
    with Corrections(tmp_path, journal) as own:
        own.add(FIX)
    journal.close()
    with Corrections(tmp_path) as first:
        first.add(replace(FIX, box=NINE))
        with pytest.raises(OutputUnwritable, match="another run"):
            Journal(tmp_path)
    Journal(tmp_path).close()
    assert len(kept(tmp_path)) == 2


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"")
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / NAME).symlink_to(elsewhere)
    with pytest.raises(OutputUnwritable, match="is a link"):
        add(folder, FIX)
    assert elsewhere.read_bytes() == b""


def test_decisions_hold_while_the_input_is_the_same() -> None:
    assert valid_corrections([FIX], replace(STAMP, settings="others", model="another")) == [FIX]
    assert valid_corrections([FIX], replace(STAMP, size=121)) == []
    assert valid_corrections([FIX], replace(STAMP, mtime_ns=3)) == []
    assert valid_corrections([FIX], replace(STAMP, version="etag")) == []
    assert (
        valid_corrections([FIX], None) == valid_corrections([replace(FIX, stamp=None)], STAMP) == []
    )


def test_a_number_is_retyped_accepted_or_none() -> None:
    now = decided(TWO, FIX, replace(FIX, box=NINE, read="9", number="9"))
    assert [(one.text, one.read, one.status, one.confidence) for one in now.numbers] == [
        ("1", "7", "checked", 1.0),
        ("9", "9", "checked", 1.0),
    ]
    now = decided(TWO, replace(FIX, number=None))
    assert [(one.text, one.read) for one in now.numbers] == [("", "7"), ("9", None)]
    assert now.reading == TWO
    assert decided(now) == TWO
    assert decided(now, FIX) == decided(TWO, FIX)


def test_untouched_pages_stay_as_they_are() -> None:
    assert decided(TWO, replace(FIX, page=2)) == TWO
    assert decided(TWO, replace(FIX, box=Box(600, 600, 9, 9), number=None)) == TWO


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        (Box(200, 50, 60, 40), [("7", 1, 1), ("5", 1, 2), ("9", 1, 3)]),  # between
        (Box(10, 60, 60, 40), [("5", 1, 1), ("7", 1, 2), ("9", 1, 3)]),
        (Box(400, 40, 60, 40), [("7", 1, 1), ("9", 1, 2), ("5", 1, 3)]),
        (Box(300, 150, 60, 40), [("7", 1, 1), ("9", 1, 2), ("5", 2, 1)]),  # below
        (Box(300, 0, 60, 30), [("5", 1, 1), ("7", 2, 1), ("9", 2, 2)]),  # above
    ],
)
def test_a_missed_number_comes_in_at_its_place(
    box: Box, expected: list[tuple[str, int, int]]
) -> None:
    now = decided(TWO, Correction("a.png", 1, box, None, "5", STAMP))
    assert shown(now) == expected
    assert [(one.read, one.status) for one in now.numbers if one.text == "5"] == [(None, "checked")]
    assert decided(now) == TWO


def test_a_missed_number_on_a_blank_page_is_its_first() -> None:
    assert shown(decided(page(), Correction("a.png", 1, NINE, None, "5", STAMP))) == [("5", 1, 1)]


def test_the_places_on_a_page_on_its_side() -> None:
    # Turned clockwise by 90° it is upright: what is lower on the page as given is farther left.
    on_side = page(
        number("7", 1, 1, Box(50, 600, 40, 80)),
        number("9", 1, 2, Box(50, 200, 40, 80)),
        rotation=90,
    )
    now = decided(on_side, Correction("a.png", 1, Box(50, 400, 40, 80), None, "5", STAMP))
    assert shown(now) == [("7", 1, 1), ("5", 1, 2), ("9", 1, 3)]
    now = decided(on_side, Correction("a.png", 1, Box(200, 400, 40, 80), None, "5", STAMP))
    assert shown(now) == [("7", 1, 1), ("9", 1, 2), ("5", 2, 1)]


def test_decisions_follow_boxes_that_have_moved() -> None:
    moved = page(number("17", 1, 1, Box(90, 52, 95, 40)), TWO.numbers[1])
    now = decided(moved, FIX)
    assert [(one.text, one.read) for one in now.numbers] == [("1", "17"), ("9", None)]


def test_what_is_read_otherwise_in_a_decided_box_is_left_out() -> None:
    parts = page(
        number("0", 1, 1, Box(100, 50, 30, 40)),
        number("1", 1, 2, Box(150, 50, 30, 40)),
        number("9", 1, 3, NINE),
    )
    assert shown(decided(parts, FIX)) == [("1", 1, 1), ("9", 1, 3)]
    assert shown(decided(parts, replace(FIX, number=None))) == [("9", 1, 3)]


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_a_joined_number_is_parted_by_three_decisions(order: tuple[int, ...]) -> None:
    joined = page(number("12", 1, 1, Box(100, 50, 100, 40)))
    decisions = [
        Correction("a.png", 1, Box(100, 50, 100, 40), "12", None, STAMP),
        Correction("a.png", 1, Box(100, 50, 60, 40), None, "1", STAMP),
        Correction("a.png", 1, Box(160, 50, 40, 40), None, "2", STAMP),
    ]
    now = decided(joined, *valid_corrections([decisions[i] for i in order], STAMP))
    assert [text for text, _, _ in shown(now)] == ["1", "2"]


@pytest.mark.parametrize("later", ["4", None])
def test_of_decisions_about_boxes_that_moved_the_last_holds(later: str | None) -> None:
    moved = Box(95, 52, 85, 40)
    again = Correction("a.png", 1, moved, "1", later, STAMP)
    now = decided(
        page(number("1", 1, 1, moved), TWO.numbers[1]), *valid_corrections([FIX, again], STAMP)
    )
    assert [text for text, _, _ in shown(now)] == [*([later] if later else []), "9"]


def test_a_number_that_was_missed_and_is_read_later_is_decided_once() -> None:
    drawn = Correction("a.png", 1, Box(598, 48, 84, 44), None, "5", STAMP)
    redrawn = replace(drawn, box=Box(596, 46, 90, 50))
    assert valid_corrections([drawn, redrawn], STAMP) == [redrawn]
    read = page(*TWO.numbers, number("3", 1, 3, Box(600, 50, 80, 40)))
    again = Correction("a.png", 1, Box(600, 50, 80, 40), "3", "6", STAMP)
    now = decided(read, *valid_corrections([drawn, again], STAMP))
    assert [text for text, _, _ in shown(now)] == ["7", "9", "6"]


def test_neighbours_are_decided_each_by_itself() -> None:
    both = [FIX, replace(FIX, box=NINE), replace(FIX, page=2)]
    assert valid_corrections(reversed(both), STAMP) == both


def test_neighbours_whose_boxes_overlap_on_a_slanting_page_stay() -> None:
    slanting = page(
        number("7", 1, 1, Box(100, 50, 100, 40)), number("9", 2, 1, Box(100, 65, 100, 40)), skew=9.0
    )
    first = replace(FIX, box=slanting.numbers[0].box, number=None)
    assert shown(decided(slanting, first)) == [("9", 2, 1)]


def test_tables_follow() -> None:
    """Of 3 by 3 cells the first row is full, the second has one number, the last none."""
    texts = (("7", "8", "9"), ("", "5 6", ""), ("", "", ""))
    boxes = [Box(40 + 100 * i, 30, 30, 30) for i in range(3)]
    cells = [
        number(texts[0][i], 1, i + 1, boxes[i], table=1, row=1, column=i + 1) for i in range(3)
    ]
    cells.append(number("5", 2, 1, Box(130, 130, 20, 30), table=1, row=2, column=2))
    cells.append(number("6", 2, 2, Box(160, 130, 20, 30), table=1, row=2, column=2))
    was = page(*cells, tables=(Table(Box(0, 0, 300, 300), texts),))
    now = decided(
        was,
        replace(FIX, box=boxes[0]),
        replace(FIX, box=cells[4].box, number=None),
        Correction("a.png", 1, Box(240, 130, 30, 30), None, "44", STAMP),
        Correction("a.png", 1, Box(45, 235, 30, 30), None, "33", STAMP),
    )
    assert now.tables[0].rows == (("1", "8", "9"), ("", "5", "44"), ("33", "", ""))
    assert [(one.text, one.row, one.column) for one in now.numbers if one.read is None] == [
        ("8", 1, 2),
        ("9", 1, 3),
        ("5", 2, 2),
        ("44", 2, 3),
        ("33", 3, 1),
    ]


def test_fields_follow() -> None:
    boxes = [Box(0, 100 * i, 300, 80) for i in range(4)]
    names = ("code", "weight", "year", "room")
    statuses = ("ok", "ok", "review", "ok")
    texts = ("7", "9", "", "")
    fields = tuple(
        FieldResult(name, text, 0.8, status, box)
        for name, text, status, box in zip(names, texts, statuses, boxes, strict=True)
    )
    was = page(
        number("7", 1, 1, Box(20, 20, 30, 40), field="code"),
        number("9", 2, 1, Box(20, 120, 30, 40), field="weight"),
        fields=fields,
    )
    now = decided(
        was,
        replace(FIX, box=was.numbers[0].box),
        replace(FIX, box=was.numbers[1].box, number=None),
        Correction("a.png", 1, boxes[2], None, None, STAMP),  # it is blank
        Correction("a.png", 1, Box(30, 320, 60, 40), None, "12", STAMP),
    )
    assert [(one.text, one.status, one.confidence) for one in now.fields] == [
        ("1", "checked", 1.0),
        ("", "checked", 1.0),
        ("", "checked", 1.0),
        ("12", "checked", 1.0),
    ]
    assert [(one.text, one.line, one.item, one.field) for one in now.numbers] == [
        ("1", 1, 1, "code"),
        ("", 2, 1, "weight"),
        ("12", 4, 1, "room"),
    ]
    assert decided(now) == was
    assert decided(was, replace(FIX, box=was.numbers[0].box)).fields[1:] == fields[1:]

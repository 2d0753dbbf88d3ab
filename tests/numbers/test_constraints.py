"""What is known about numbers, and readings that it narrows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.command import RunCommand
from support.outputs import read_rows, rows
from support.pictures import Clear, encode

from digitocr.core.document import (
    Digit,
    Number,
    Reason,
)
from digitocr.core.errors import WrongUsage
from digitocr.core.geometry import (
    Box,
    around,
)
from digitocr.core.settings import Constraints
from digitocr.numbers.constraints import constraint_of
from digitocr.numbers.notation import value_of
from digitocr.numbers.rerank import reranked_numbers
from digitocr.recognition.hypotheses import Hypothesis

H = 40  # digit height, pixels


@pytest.mark.parametrize(
    ("known", "right", "wrong"),
    [
        (Constraints(digits="4"), ["0000", "-12.34", "1,234"], ["123", "12345", ""]),
        (Constraints(digits="2-3"), ["12", "1.23"], ["1", "1234"]),
        (Constraints(pattern="[0-9]{4}-[0-9]{2}"), ["2024-11"], ["202411", "2024-113", "x2024-11"]),
        (Constraints(pattern=r"\d+|-\d"), ["12", "-1"], ["-12", "١٢"]),
        (Constraints(within="0..100"), ["0", "100", "007", "99.9", "99,9"], ["101", "-1", "12:05"]),
        (Constraints(within="-5..5.5"), ["-5", "5.5", "-0.1"], ["5.6", "-6"]),
        (Constraints(check="luhn"), ["79927398713"], ["79927398710", "79927398731"]),
        (Constraints(check="isbn"), ["9780306406157", "978-0-306-40615-7"], ["9780306406158"]),
        (Constraints(check="EAN", digits="8"), ["73513537"], ["73513536", "4006381333931"]),
        (Constraints(), ["1", "", "12:05"], []),
    ],
)
def test_rules_hold_for_what_is_right_alone(
    known: Constraints, right: Sequence[str], wrong: Sequence[str]
) -> None:
    constraint = constraint_of(known)
    allowed = filter(constraint, [*right, *wrong]) if constraint else [*right, *wrong]
    assert list(allowed) == right


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("007", 7),
        ("-5", -5),
        ("9.093", 9.093),
        ("9,5", 9.5),
        ("1.234.567", 1234567),
        ("1.234,5", 1234.5),
        ("1,234.5", 1234.5),
        ("12:05", None),
        ("2024-11", None),
    ],
)
def test_values(text: str, value: float | None) -> None:
    assert value_of(text) == value


def test_the_decimal_mark_that_is_known_tells_the_value() -> None:
    assert [value_of("1,234", mark) for mark in ("point", "comma", "none")] == [1234, 1.234, 1234]
    holds = constraint_of(Constraints(within="1000..60000"), "point")
    assert holds
    assert [text for text in ("2,234", "6,543.21", "9.5", "12:05") if holds(text)] == [
        *("2,234", "6,543.21")
    ]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--digits", "x"], "no count"),
        (["--digits", "6-4"], "no count"),
        (["--digits", "0"], "no count"),
        (["--pattern", "("], "no regular expression"),
        (["--range", "5"], "no range"),
        (["--range", "5..1"], "no range"),
        (["--check", "nonsense"], "python-stdnum"),
        (["--check", "../os"], "python-stdnum"),
        (["--check", "util"], "python-stdnum"),
        (["--list", "roster.csv"], "FILE.csv:COLUMN"),
        (["--list", "none.csv:id"], "none.csv: can't be read"),
        (["--list", "roster.csv:name"], "has no column 'name', only id, other"),
    ],
)
def test_rules_that_make_no_sense_are_wrong_usage(
    run: RunCommand, clear: Clear, tmp_path: Path, options: list[str], says: str
) -> None:
    (tmp_path / "a.png").write_bytes(encode(".png", clear.gray))
    (tmp_path / "roster.csv").write_text("id,other\n3407,x\n")
    done = run("scan", "a.png", *options)
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_list_that_is_no_text_is_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "roster.csv").write_bytes(b"id\n\xff\n")
    with pytest.raises(WrongUsage, match="no CSV"):
        constraint_of(Constraints(listed=f"{tmp_path}/roster.csv:id"))


def test_numbers_that_are_not_as_known_are_for_review(
    run: RunCommand, clear: Clear, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(encode(".png", clear.gray))
    (tmp_path / "roster.csv").write_text("id\n3407\n", "utf-8-sig")  # as spreadsheets write it
    line = ("--min-confidence", "0.5")
    done = run("scan", "a.png", "--list", "roster.csv:id", "-o", "results", *line)
    assert done.returncode == 0, done.stderr
    first, second = read_rows(tmp_path / "results" / "numbers.csv")
    assert (first["number"], first["status"]) == ("3407", "ok")
    assert (second["number"], second["confidence"], second["status"]) == ("57", "0.0000", "review")
    settings = json.loads((tmp_path / "results" / "run.json").read_text())["settings"]
    assert settings["known"] == {"listed": "roster.csv:id"}


def test_the_line_of_a_rule_is_not_below_that_of_no_rule(run: RunCommand, clear: Clear) -> None:
    png = encode(".png", clear.gray)
    plain = rows(run("scan", "-", "-o", "-", "-q", stdin=png).stdout)
    told = rows(run("scan", "-", "-o", "-", "-q", "--digits", "2-4", stdin=png).stdout)
    assert [row["number"] for row in told] == [row["number"] for row in plain] == clear.numbers
    for with_rule, without in zip(told, plain, strict=True):
        assert float(with_rule["confidence"]) >= float(without["confidence"]) - 0.02


def read_as(*runs: dict[str, float], text: str = "") -> tuple[Number, dict[int, list[Hypothesis]]]:
    """Return a number of runs side by side, each with the chances of its readings, and these."""
    hypotheses: dict[int, list[Hypothesis]] = {}
    for run, options in enumerate(runs):
        hypotheses[run] = [
            Hypothesis(
                chance,
                tuple(
                    Digit(
                        digit, chance ** (1 / len(option)), Box(100 * run + 30 * i, 0, 25, H), run
                    )
                    for i, digit in enumerate(option)
                ),
            )
            for option, chance in sorted(options.items(), key=lambda kept: -kept[1])
        ]
    digits = tuple(digit for found in hypotheses.values() for digit in found[0].digits)
    confidence = 1.0
    for digit in digits:
        confidence *= digit.confidence
    text = text or "".join(digit.digit for digit in digits)
    box = around([digit.box for digit in digits])
    return Number(text, confidence, "ok", 1, 1, box, digits), hypotheses


def test_the_likeliest_reading_that_is_allowed_is_taken() -> None:
    number, hypotheses = read_as({"4": 0.7, "9": 0.3}, {"1": 0.9, "7": 0.1}, {"0": 1.0})
    (found,) = reranked_numbers([number], hypotheses, {"910", "470", "970"}.__contains__)
    assert found.text == "910"
    assert [digit.digit for digit in found.digits] == ["9", "1", "0"]
    # 0.27 of 0.27 + 0.07 + 0.03, and a little for something else
    assert 0.68 < found.confidence < 0.73
    assert found.status == "ok"


def test_two_readings_that_are_nearly_as_likely_are_for_review() -> None:
    number, hypotheses = read_as({"4": 0.5, "9": 0.3, "7": 0.2}, {"1": 1.0})
    (found,) = reranked_numbers([number], hypotheses, {"91", "71"}.__contains__)
    assert (found.text, found.reasons) == ("91", (Reason.AMBIGUOUS,))


def test_a_digit_that_was_refused_is_found_again() -> None:
    number, hypotheses = read_as({"4": 1.0}, {"": 0.8, "7": 0.2}, {"1": 1.0})
    assert number.text == "41"
    (found,) = reranked_numbers([number], hypotheses, constraint_of(Constraints(digits="3")))
    assert found.text == "471"
    (same,) = reranked_numbers([number], hypotheses, constraint_of(Constraints(digits="2")))
    assert same.text == "41"


def test_digits_that_touch_may_be_fewer_or_more() -> None:
    number, hypotheses = read_as({"10": 0.6, "0": 0.4}, {"5": 1.0})
    (found,) = reranked_numbers([number], hypotheses, constraint_of(Constraints(digits="2")))
    assert found.text == "05"
    assert found.box == Box(0, 0, 125, H)


def test_signs_stay_and_may_be_specks() -> None:
    number, hypotheses = read_as({"4": 0.7, "9": 0.3}, {"1": 1.0}, {"5": 1.0}, text="-4.15")
    (found,) = reranked_numbers([number], hypotheses, constraint_of(Constraints(within="-10..-9")))
    assert found.text == "-9.15"
    (plain,) = reranked_numbers([number], hypotheses, constraint_of(Constraints(pattern="[0-9]+")))
    assert plain.text == "415"


def test_marks_far_off_and_other_numbers_are_no_part() -> None:
    number, hypotheses = read_as({"4": 1.0}, {"1": 1.0})
    far = Digit("7", 0.2, Box(900, 0, 25, H), 5)
    above = Digit("7", 0.2, Box(50, -2 * H, 25, H), 6)
    for digit in (far, above):
        hypotheses[digit.group] = [Hypothesis(0.8, ()), Hypothesis(0.2, (digit,))]
    (found,) = reranked_numbers([number], hypotheses, constraint_of(Constraints(digits="3")))
    assert (found.text, found.confidence, found.reasons) == ("41", 0.0, (Reason.RULE_BROKEN,))


def test_a_number_of_many_doubtful_digits_takes_no_longer_than_others() -> None:
    alike = {str(digit): 0.1 for digit in range(10)}
    number, hypotheses = read_as(*[alike] * 20)
    (found,) = reranked_numbers([number], hypotheses, constraint_of(Constraints(digits="3")))
    assert found.reasons


def test_a_refused_mark_goes_to_one_number_alone() -> None:
    left, hypotheses = read_as({"1": 1.0}, {"2": 1.0})
    digits = tuple(Digit(d, 1.0, Box(500 + 100 * i, 0, 25, H), 10 + i) for i, d in enumerate("34"))
    right = Number("34", 1.0, "ok", 1, 2, around([digit.box for digit in digits]), digits)
    hypotheses |= {digit.group: [Hypothesis(1.0, (digit,))] for digit in digits}
    between = Digit("5", 0.2, Box(140, 0, 25, H), 5)
    hypotheses[5] = [Hypothesis(0.8, ()), Hypothesis(0.2, (between,))]
    near = replace(right, digits=tuple(moved(d, -340) for d in digits), box=Box(160, 0, 125, H))
    found = reranked_numbers([left, near], hypotheses, constraint_of(Constraints(digits="3")))
    assert sorted(number.text for number in found) in (["12", "534"], ["125", "34"])


def moved(digit: Digit, right: int) -> Digit:
    """Return a digit farther to the right."""
    return replace(digit, box=replace(digit.box, x=digit.box.x + right))


def test_signs_that_make_no_sense_together_are_not_written() -> None:
    number, hypotheses = read_as({"6": 1.0}, {"543": 1.0}, {"21": 0.9, "2": 0.1}, text="6,543.21")
    (found,) = reranked_numbers(
        [number], hypotheses, constraint_of(Constraints(pattern=r"[0-9,.]{6}"))
    )
    assert found.text == "654321"


@pytest.mark.parametrize(
    ("gap", "rule", "read"),
    [
        (10, [], ["12345678"]),
        (10, ["--digits", "4"], ["1234", "5678"]),
        (10, ["--digits", "5"], ["12345678"]),  # it parts nothing so that both have five
        (30, [], ["1234", "5678"]),
        (30, ["--digits", "8"], ["12345678"]),
        (30, ["--digits", "4-8"], ["1234", "5678"]),  # they are as they are known to be
        (70, ["--digits", "8"], ["1234", "5678"]),  # too far apart to be one
    ],
)
def test_numbers_are_joined_and_split_where_only_so_the_rule_holds(
    gap: int, rule: list[str], read: list[str], run: RunCommand, tmp_path: Path
) -> None:
    page = np.full((160, 600), 255, np.uint8)
    for i, digit in enumerate("12345678"):
        place = (40 + 46 * i + (gap if i > 3 else 0), 100)
        cv2.putText(page, digit, place, cv2.FONT_HERSHEY_SIMPLEX, 2, 0, 5, cv2.LINE_AA)
    cv2.imwrite(str(tmp_path / "a.png"), page)
    found = rows(run("scan", "a.png", "-o", "-", *rule).stdout)
    assert [row["number"] for row in found] == read
    assert [row["item"] for row in found] == [str(i) for i, _ in enumerate(read, 1)]
    guessed = (gap, rule[-1:]) in ((10, ["4"]), (30, ["8"]))
    assert not guessed or {row["status"] for row in found} == {"review"}

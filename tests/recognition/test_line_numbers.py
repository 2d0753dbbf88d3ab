"""Numbers out of what a line reader spells."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from digitocr.recognition.alphabet import CLASSES, encode
from digitocr.recognition.ctc import best_path
from digitocr.recognition.line_numbers import numbers_on_line, text_chance, written_numbers


@pytest.mark.parametrize(
    ("line", "numbers"),
    [
        ("¤50", ["50"]),
        ("12¤ 1,249.00", ["12", "1,249.00"]),
        ("-18 +5 (57.20)", ["-18", "+5", "(57.20)"]),
        ("12:05 12/05/2026 2026-00398", ["12:05", "12/05/2026", "2026-00398"]),
        ("20% .5 9.093", ["20%", ".5", "9.093"]),
        ("¤: 007.", ["007"]),
        ("(12", ["12"]),
        ("12)", ["12"]),
        ("6+7-(8", ["6", "7", "8"]),
        ("0+1 65390.6- 5.-", ["0", "1", "65390.6-", "5"]),
        ("¤ - : ,", []),
        ("", []),
    ],
)
def test_what_stands_around_a_number_is_none_of_it(line: str, numbers: list[str]) -> None:
    assert written_numbers(line) == numbers


def test_the_chance_of_a_text_is_the_sum_over_all_paths_that_spell_it() -> None:
    rng = np.random.default_rng(3)
    scores = rng.normal(size=(4, CLASSES))
    log_probs = (scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))).astype(np.float32)
    wanted, total = encode("11"), 0.0
    for path in itertools.product((0, wanted[0]), repeat=4):
        merged = [label for label, _ in itertools.groupby(path) if label]
        if merged == wanted:
            total += float(np.exp(sum(log_probs[i, label] for i, label in enumerate(path))))
    assert text_chance(log_probs, "11") == pytest.approx(total, rel=1e-5)


def test_a_number_has_the_columns_of_its_characters() -> None:
    columns = [0, *encode("1"), 0, *encode("."), *encode("5"), 0, *encode("¤"), 0]
    log_probs = np.full((len(columns), CLASSES), np.log(0.01 / (CLASSES - 1)), np.float32)
    log_probs[np.arange(len(columns)), columns] = np.log(0.99)
    (number,) = numbers_on_line(best_path(log_probs), log_probs)
    assert (number.text, number.start, number.end) == ("1.5", 1, 5)
    assert number.confidence == pytest.approx(0.99**6, rel=0.05)


def test_a_number_that_may_not_be_gives_way_to_the_likeliest_that_may() -> None:
    columns = [0, *encode("1"), 0, *encode("7"), 0]
    log_probs = np.full((len(columns), CLASSES), np.log(0.01 / (CLASSES - 1)), np.float32)
    log_probs[np.arange(len(columns)), columns] = np.log(0.9)
    log_probs[3, encode("4")] = np.log(0.08)  # the second choice for the 7
    spelled = best_path(log_probs)
    (number,) = numbers_on_line(spelled, log_probs, lambda text: text == "14")
    assert (number.text, number.start, number.end) == ("14", 1, 4)
    assert 0.02 < number.confidence < 0.2
    assert not list(numbers_on_line(spelled, log_probs, lambda text: text == "99999"))

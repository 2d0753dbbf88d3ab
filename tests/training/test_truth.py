import numpy as np
import pytest

from digitocr.recognition.alphabet import SYMBOLS
from digitocr.training.data.content import KINDS, random_line, random_number
from digitocr.training.data.truth import to_truth


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("-18", "-18"),
        ("−18", "-18"),
        ("1,249.00", "1,249.00"),
        ("8’198’904.09", "8'198'904.09"),
        ("12:34", "12:34"),
        ("$50", "¤50"),
        ("-$50", "-¤50"),
        ("12kg", "12¤"),
        ("12 kg", "12 ¤"),
        ("Nr. 4", "¤ 4"),
        ("No.7", "¤7"),
        ("A-12", "¤12"),
        ("5th.", "5¤"),
        ("18°C", "18¤"),
        ("20 %", "20 %"),
        ("(57.20)", "(57.20)"),
        ("Total (net): 12", "¤ ¤ 12"),
        ("161,90 -", "161,90 -"),
        ("3 × 4 = 12", "3 ¤ 4 ¤ 12"),
        ("500/-", "500/-"),
        (".....", "¤"),
        ("", ""),
    ],
)
def test_truth(text, truth):
    assert to_truth(text) == truth


@pytest.mark.parametrize("kind", KINDS)
def test_every_number_has_a_truth_with_digits(kind):
    rng = np.random.default_rng(3)
    for _ in range(50):
        truth = to_truth(random_number(rng, kind))
        assert set(truth) <= set(SYMBOLS)
        assert any(char.isdigit() for char in truth)


def test_the_same_seed_writes_the_same_lines():
    first, second = (
        [random_line(rng) for _ in range(30)] for rng in map(np.random.default_rng, (5, 5))
    )
    assert first == second

"""Pages on their side and upside down."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from digitocr import scan_file
from digitocr.recognition.model import load_model
from digitocr.recognition.orientation import quarter_turn

TURNS = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_CLOCKWISE}


@pytest.mark.parametrize("turn", TURNS)
def test_a_turned_page_is_read_as_the_upright_one(turn: int, samples: Path, tmp_path: Path) -> None:
    given = cv2.imread(str(samples / "stock-count.jpg"))
    cv2.imwrite(str(tmp_path / "turned.png"), cv2.rotate(given, TURNS[turn]))
    (upright,) = scan_file(samples / "stock-count.jpg").pages
    (page,) = scan_file(tmp_path / "turned.png").pages
    assert (upright.rotation, page.rotation) == (0, turn)
    right = {number.text for number in upright.numbers} & {number.text for number in page.numbers}
    assert len(right) > 0.95 * len({number.text for number in upright.numbers})
    height, width = given.shape[:2]
    first = next(one for one in page.numbers if one.text == upright.numbers[0].text)
    x, y = first.box.middle
    back = {90: (width - y, x), 180: (width - x, height - y), 270: (y, height - x)}[turn]
    assert np.hypot(*np.subtract(back, upright.numbers[0].box.middle)) < 12


@pytest.mark.parametrize("text", ["7000", "30 000", "764"])
def test_dashes_that_look_like_ones_on_end_turn_no_page(text: str) -> None:
    binary = np.zeros((160, 700), np.uint8)
    cv2.putText(binary, text, (20, 110), cv2.FONT_HERSHEY_SIMPLEX, 3, 255, 7)
    for x in range(480, 680, 60):
        cv2.line(binary, (x, 40 + x // 10), (x + 45, 40 + x // 10), 255, 7)
    assert quarter_turn(binary, load_model("digits")) == 0


def test_a_blank_page_is_not_turned() -> None:
    assert quarter_turn(np.zeros((100, 100), np.uint8), load_model("digits")) == 0

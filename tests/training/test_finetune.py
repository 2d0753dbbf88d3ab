"""Learning from checked numbers through the real command, of a hand that the test makes up."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from support.command import RunCommand, run_command
from support.corrected import check
from support.material import learn_little
from support.outputs import read_rows
from support.pictures import Clear

from digitocr.core.arrays import Scores
from digitocr.recognition.components import find_candidates
from digitocr.recognition.model import load_model
from digitocr.training.data.alignment import (
    Alignment,
    forced_alignment,
)

pytest.importorskip("torch")

Gray = NDArray[np.uint8]

# Strokes from point to point, x and y in parts of the height. The 7 looks like a 1.
HAND = {
    "0": [[(0.3, 0), (0.05, 0.3), (0.05, 0.7), (0.3, 1), (0.55, 0.7), (0.55, 0.3), (0.3, 0)]],
    "1": [[(0.05, 0.3), (0.3, 0), (0.3, 1)], [(0, 1), (0.6, 1)]],
    "4": [[(0.4, 0), (0, 0.6), (0.65, 0.6)], [(0.45, 0.35), (0.4, 1)]],
    "7": [[(0, 0.25), (0.4, 0), (0.15, 1)]],
}
HEIGHT, PEN = 60, 6


def written(numbers: Sequence[str], seed: int) -> Gray:
    """Return a page with numbers of this hand, three a line."""
    rng = np.random.default_rng(seed)
    page = np.full((60 + 110 * -(-len(numbers) // 3), 900), 255, np.uint8)
    for i, number in enumerate(numbers):
        x, y = 60 + 280 * (i % 3), 40 + 110 * (i // 3)
        for digit in number:
            for stroke in HAND[digit]:
                points = np.array(stroke) * HEIGHT * rng.uniform(0.92, 1.08)
                points += np.array([x, y]) + rng.normal(0, 1.2, points.shape)
                line = np.round(points).astype(np.int32)
                cv2.polylines(page, [line], False, 20, PEN, cv2.LINE_AA)
            x += 60
    return page


def some_numbers(n: int, seed: int) -> list[str]:
    """Return n numbers of four digits."""
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list(HAND), 4)) for _ in range(n)]


def read(results: Path) -> list[str]:
    """Return the numbers of a results folder."""
    return [row["number"] for row in read_rows(results / "numbers.csv")]


@pytest.fixture(scope="module")
def pile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two pages, the first read and all its numbers checked, and what was learned."""
    folder = tmp_path_factory.mktemp("pile")
    numbers = some_numbers(24, 0)
    cv2.imwrite(str(folder / "first.png"), written(numbers, 0))
    cv2.imwrite(str(folder / "second.png"), written(some_numbers(12, 1), 1))
    assert run_command("scan", "first.png", "-o", "results", "-q", cwd=folder).returncode == 0
    check(folder / "results", "first.png", numbers)
    done = run_command(
        *("train", "--from", "digits", "--add", "results", "--epochs", "3"),
        *("-o", "new.safetensors"),
        cwd=folder,
        env={"XDG_CACHE_HOME": str(folder)},  # without MNIST
    )
    assert done.returncode == 0, done.stderr
    (folder / "said").write_text(done.stderr)
    return folder


@pytest.mark.train
def test_the_rest_of_the_pile_is_read_better(run: RunCommand, pile: Path) -> None:
    truth = some_numbers(12, 1)
    for model in ("digits", "new.safetensors"):
        run("scan", "second.png", "-o", f"{model}.out", "--model", model, "-q", cwd=pile)
    before, after = (read(pile / f"{model}.out") for model in ("digits", "new.safetensors"))
    wrong = sum(one != there for one, there in zip(before, truth, strict=True))
    assert wrong >= 5  # the hand is one that is read badly
    assert sum(one != there for one, there in zip(after, truth, strict=True)) <= wrong // 3


@pytest.mark.train
def test_what_was_known_is_not_forgotten(run: RunCommand, pile: Path, clear: Clear) -> None:
    cv2.imwrite(str(pile / "clear.png"), clear.gray)
    run("scan", "clear.png", "-o", "clear.out", "--model", "new.safetensors", "-q", cwd=pile)
    assert read(pile / "clear.out") == clear.numbers
    page, typed = np.full((300, 900), 255, np.uint8), ["2711963", "4015874"]
    for i, number in enumerate(typed):
        place = 30, 110 + 120 * i
        cv2.putText(page, number, place, cv2.FONT_HERSHEY_SIMPLEX, 2, 0, 4, cv2.LINE_AA)
    cv2.imwrite(str(pile / "type.png"), page)
    run("scan", "type.png", "-o", "type.out", "--model", "new.safetensors", "-q", cwd=pile)
    assert read(pile / "type.out") == typed


@pytest.mark.train
def test_the_card_says_what_was_learned_and_how_well(pile: Path) -> None:
    old, card = load_model("digits").card, load_model(pile / "new.safetensors").card
    (finetuned_model,) = card["learned"]
    assert (finetuned_model["name"], finetuned_model["numbers"], finetuned_model["digits"]) == (
        "results",
        24,
        96,
    )
    assert finetuned_model["left_out"] == finetuned_model["gone"] == 0
    assert card["from"]["sha256"] == load_model("digits").id.sha256
    assert card["replay"] == "drawn digits"
    assert card["before"]["numbers"] == card["after"]["numbers"] == 4
    assert card["after"]["numbers_right"] > card["before"]["numbers_right"]
    assert "accuracy_mnist_test" not in card  # it was not measured
    for kept in ("temperature", "number_chance", "digits", "no_digits"):
        assert card[kept] == old[kept]
    said = (pile / "said").read_text()
    assert "results: 24 checked numbers, 96 digits" in said
    assert f"{card['after']['numbers_right']} now" in said


@pytest.mark.train
def test_what_has_changed_or_is_not_found_is_counted(
    run: RunCommand, pile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn_little(monkeypatch)
    numbers = some_numbers(6, 2)
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(tmp_path / name), written(numbers, 2))
    run("scan", "a.png", "b.png", "-o", "results", "-q")
    check(tmp_path / "results", "a.png", ["7" * 30, None, *numbers[2:]])  # thirty on four
    check(tmp_path / "results", "b.png", numbers)
    os.utime(tmp_path / "b.png", (1, 1))
    done = run(
        *("train", "--from", pile / "new.safetensors", "--add", "results", "--epochs", "1"),
        env={"XDG_CACHE_HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    (finetuned_model,) = load_model(tmp_path / "digits.safetensors").card["learned"]
    assert (finetuned_model["numbers"], finetuned_model["left_out"], finetuned_model["gone"]) == (
        5,
        1,
        6,
    )
    assert (finetuned_model["digits"], finetuned_model["no_digits"]) == (16, 4)
    assert "1 left out" in done.stderr
    assert "6 on files that have changed" in done.stderr


@pytest.mark.train
@pytest.mark.slow
def test_the_same_seed_gives_the_same_model(run: RunCommand, pile: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        run(
            *("train", "--from", "digits", "--add", pile / "results", "--epochs", "1"),
            *("--seed", "3", "-o", tmp_path / f"{name}.safetensors"),
            cwd=pile,
            env={"XDG_CACHE_HOME": str(tmp_path)},
        )
    first, second = (load_model(tmp_path / f"{name}.safetensors").arrays for name in ("a", "b"))
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name])


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (["--from", "digits"], 2, "--from"),
        (["--from", "digits", "--add", "empty", "--fonts", "empty"], 2, "--from"),
        (["--from", "digits", "--add", "empty", "--recipe", "seed"], 2, "--from"),
        (["--from", "digits", "--add", "empty"], 3, "empty"),
        (["--from", "nothing", "--add", "empty"], 4, "nothing"),
        (["--add", "checked"], 2, "--from"),
    ],
)
def test_what_does_not_go_together_ends_in_a_sentence(
    arguments: list[str], code: int, named: str, run: RunCommand, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "checked").mkdir()
    (tmp_path / "checked" / "corrections.jsonl").touch()
    done = run("train", *arguments)
    assert done.returncode == code
    assert named in done.stderr
    assert done.stderr.count("\n") == 1


def says(n: int, known: dict[int, int]) -> Scores:
    """Return scores of n candidates: sure of a digit for some, of none for the others."""
    scores = np.full((n, 10), 0.1, np.float32)
    for place, digit in known.items():
        scores[place] = 0.001
        scores[place, digit] = 0.991
    return scores


def test_marks_apart_are_the_digits_whatever_the_network_says() -> None:
    mask = 255 - written(["7147"], 0)
    candidates = find_candidates(np.where(mask > 100, 255, 0).astype(np.uint8))
    whole = [i for i, one in enumerate(candidates) if not one.seam]
    found = forced_alignment(candidates, says(len(candidates), {}), "7147")
    assert found is not None
    assert not found.none
    assert set(found.digits) <= set(whole)
    assert [candidates[i].group for i in found.digits if i is not None] == [0, 1, 2, 3]


def test_a_number_with_another_count_of_digits_is_not_aligned() -> None:
    mask = 255 - written(["7147"], 0)
    candidates = find_candidates(np.where(mask > 100, 255, 0).astype(np.uint8))
    for text in ("714", "7", "71" * 9):
        assert forced_alignment(candidates, says(len(candidates), {}), text) is None


def test_a_mark_apart_is_left_over_where_the_network_knows_the_digits() -> None:
    mask = 255 - written(["7147"], 0)
    candidates = find_candidates(np.where(mask > 100, 255, 0).astype(np.uint8))
    whole = [i for i, one in enumerate(candidates) if one.start == 0 and not one.seam]
    first, second, third, last = whole
    known = says(len(candidates), {first: 7, second: 1, third: 4})
    found = forced_alignment(candidates, known, "714")
    assert found is not None
    assert (found.digits, found.none) == ((first, second, third), (last,))


def test_touching_digits_are_cut_where_the_network_knows_both() -> None:
    page = written(["00"], 0)
    page[40:100, 100:115] = page[68:72, 100:115] = 255
    mask = np.where(page < 128, 255, 0).astype(np.uint8)
    mask[68:73, 90:125] = 255  # a stroke from one to the other
    candidates = find_candidates(mask)
    assert len({one.group for one in candidates}) == 1
    last = max(one.end for one in candidates)
    halves = [
        (i, j)
        for i, left in enumerate(candidates)
        for j, right in enumerate(candidates)
        if left.start == 0 and left.end == right.start and right.end == last
    ]
    assert halves
    i, j = halves[0]
    assert forced_alignment(candidates, says(len(candidates), {i: 0, j: 0}), "00") == Alignment(
        (i, j), ()
    )
    unsure = forced_alignment(candidates, says(len(candidates), {i: 3, j: 3}), "00")
    assert unsure == Alignment((None, None), ())  # the cuts are guesses

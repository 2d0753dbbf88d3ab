import itertools

import numpy as np
import pytest

from digitocr.recognition.alphabet import CLASSES, OTHER, SYMBOLS, decode, encode
from digitocr.recognition.ctc import align, beam_search, best_path, locate


def random_columns(seed, count, classes=(0, 1, 2, 21, 22), sharp=2.0):
    """Log-probabilities whose mass lies on a few classes."""
    rng = np.random.default_rng(seed)
    scores = np.full((count, CLASSES), -40.0)
    scores[:, list(classes)] = rng.normal(0, sharp, (count, len(classes)))
    return (scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)).astype(np.float32)


def collapse(path):
    kept = [c for c, _ in itertools.groupby(path)]
    text = decode([c for c in kept if c])
    while OTHER * 2 in text:
        text = text.replace(OTHER * 2, OTHER)
    return text


def all_texts(columns, classes=(0, 1, 2, 21, 22)):
    """The probability of every text, by every path."""
    texts = {}
    for path in itertools.product(classes, repeat=len(columns)):
        chance = sum(float(columns[i, c]) for i, c in enumerate(path))
        text = collapse(path)
        texts[text] = np.logaddexp(texts.get(text, -np.inf), chance)
    return texts


@pytest.mark.parametrize("seed", range(8))
def test_beam_search_sums_all_paths(seed):
    columns = random_columns(seed, 5)
    texts = all_texts(columns)
    found = beam_search(columns, width=5000, keep=6)
    expected = sorted(texts, key=lambda text: -texts[text])[:6]
    assert [spelled.text for spelled in found] == expected
    assert [h.probability for h in found] == pytest.approx(
        [np.exp(texts[text]) for text in expected], rel=1e-3
    )


@pytest.mark.parametrize("seed", range(8))
def test_a_narrow_beam_finds_the_best_text(seed):
    columns = random_columns(seed, 6, sharp=4.0)
    texts = all_texts(columns)
    assert beam_search(columns)[0].text == max(texts, key=texts.get)


@pytest.mark.parametrize("seed", range(8))
def test_best_path_is_the_likeliest_class_of_each_column(seed):
    columns = random_columns(seed, 6)
    assert best_path(columns).text == collapse(columns.argmax(axis=1))


@pytest.mark.parametrize("seed", range(8))
def test_align_follows_the_likeliest_path_of_a_text(seed):
    columns = random_columns(seed, 5)
    classes = (1, 2, 2)
    paths = [
        p for p in itertools.product((0, 1, 2), repeat=5) if collapse(p) == decode(list(classes))
    ]
    best = max(paths, key=lambda path: sum(float(columns[i, c]) for i, c in enumerate(path)))
    runs, start = [], 0
    for value, group in itertools.groupby(best):
        end = start + len(list(group))
        runs += [(start, end)] if value else []
        start = end
    extents, path = align(columns, classes)
    assert extents == tuple(runs)
    assert path == pytest.approx(sum(float(columns[i, c]) for i, c in enumerate(best)), abs=1e-4)


def test_extents_belong_to_characters():
    columns = np.full((6, CLASSES), -20.0, np.float32)
    for index, symbol in enumerate(["", "1", "1", "", "1", "."]):
        columns[index, encode(symbol)[0] if symbol else 0] = np.log(0.9)
    for spelled in (best_path(columns), locate(columns, "11.")):
        assert spelled.text == "11."
        assert spelled.extents == ((1, 3), (4, 5), (5, 6))


def test_two_others_in_a_row_are_one():
    columns = np.full((5, CLASSES), -20.0, np.float32)
    for index, symbol in enumerate([OTHER, "", OTHER, "", "7"]):
        columns[index, encode(symbol)[0] if symbol else 0] = np.log(0.9)
    assert best_path(columns).text == OTHER + "7"
    assert beam_search(columns)[0].text == OTHER + "7"
    assert best_path(columns).extents[0] == (0, 3)


def test_no_columns_say_nothing():
    columns = np.zeros((0, CLASSES), np.float32)
    assert best_path(columns).text == ""
    assert [s.text for s in beam_search(columns)] == [""]


def test_the_alphabet_is_as_wide_as_the_network():
    assert CLASSES == 23
    assert decode(encode(SYMBOLS)) == SYMBOLS

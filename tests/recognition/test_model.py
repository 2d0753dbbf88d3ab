"""The network in NumPy, and its file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file
from support.command import SAMPLES, RunCommand

from digitocr.core.errors import (
    ExitCode,
    ModelUnreadable,
)
from digitocr.recognition import reader
from digitocr.recognition.classifier import logits, scores
from digitocr.recognition.components import find_components
from digitocr.recognition.model import load_model, model_file, supplied_models
from digitocr.recognition.reader import read_components
from digitocr.recognition.strip_reader import StripReader, strip_reader_from, strip_scores

Arrays = dict[str, NDArray[np.float32]]


@pytest.fixture
def arrays() -> Arrays:
    """Random weights of the right shapes."""
    rng = np.random.default_rng(0)
    shapes = {"w1": (784, 32), "b1": (32,), "w2": (32, 10), "b2": (10,)}
    return {key: rng.normal(0, 0.1, shape).astype(np.float32) for key, shape in shapes.items()}


STRIP_SHAPES = {
    "k1": (5, 5, 1, 3), "k2": (3, 3, 3, 4), "k3": (3, 3, 4, 5), "k4": (4, 3, 5, 6),
    "k5": (1, 5, 6, 7), "k6": (1, 3, 7, 11),
    "c1": (3,), "c2": (4,), "c3": (5,), "c4": (6,), "c5": (7,), "c6": (11,),
    "near1": (9, 7), "near_bias1": (7,), "mixed1": (7, 7), "mixed_bias1": (7,),
    "near2": (9, 7), "near_bias2": (7,), "mixed2": (7, 7), "mixed_bias2": (7,),
}  # fmt: skip


@pytest.fixture
def strip_arrays() -> Arrays:
    """Random weights of a strip reader with 3 to 7 channels."""
    rng = np.random.default_rng(2)
    return {
        f"strip.{key}": rng.normal(0, 0.3, shape).astype(np.float32)
        for key, shape in STRIP_SHAPES.items()
    }


def save_model(path: Path, arrays: Arrays, card: dict[str, Any]) -> None:
    """Write a model's file."""
    path.write_bytes(model_file(arrays, card))


@pytest.fixture
def crops() -> NDArray[np.float32]:
    """Crops that hold anything."""
    return np.random.default_rng(1).random((50, 28, 28), dtype=np.float32)


def test_scores_equal_those_of_torch(crops: NDArray[np.float32]) -> None:
    torch = pytest.importorskip("torch")
    networks = pytest.importorskip("digitocr.training.networks")
    model = load_model("digits")
    network = networks.Network()
    for key, target in (("w1", "hidden.weight"), ("w2", "output.weight")):
        network.get_parameter(target).data = torch.from_numpy(getattr(model, key).T.copy())
    for key, target in (("b1", "hidden.bias"), ("b2", "output.bias")):
        network.get_parameter(target).data = torch.from_numpy(getattr(model, key).copy())
    with torch.no_grad():
        found = torch.softmax(
            network(torch.from_numpy(crops.reshape(-1, 784))) / model.temperature, dim=1
        )
    np.testing.assert_allclose(scores(model, crops), found.numpy(), atol=1e-5)


def test_scores_of_strips_equal_those_of_torch(arrays: Arrays, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    networks = pytest.importorskip("digitocr.training.networks")
    torch.manual_seed(0)
    network = networks.StripNetwork()
    for context in network.contexts:  # which begin as no change
        torch.nn.init.normal_(context.mixed.weight, std=0.1)
    save_model(tmp_path / "two.safetensors", {**arrays, **network.exported()}, {})
    reader = load_model(tmp_path / "two.safetensors").strip_reader
    assert reader is not None
    strips = np.random.default_rng(3).random((4, 32, 90), dtype=np.float32)
    with torch.no_grad():
        wanted = torch.softmax(network(torch.from_numpy(strips[:, None])), 1).permute(0, 2, 1)
    np.testing.assert_allclose(strip_scores(reader, strips), wanted.numpy(), atol=1e-5)


@pytest.mark.parametrize(("n", "width"), [(0, 20), (1, 10), (3, 64)])
def test_scores_of_strips_are_chances(n: int, width: int, strip_arrays: Arrays) -> None:
    reader = strip_reader_from(strip_arrays)
    assert reader is not None
    found = strip_scores(reader, np.ones((n, 32, width), np.float32))
    assert found.shape == (n, width // 2, 11)
    np.testing.assert_allclose(found.sum(axis=2), 1, atol=1e-5)


def test_a_model_may_have_no_strip_reader(arrays: Arrays, tmp_path: Path) -> None:
    save_model(tmp_path / "one.safetensors", arrays, {})
    assert load_model(tmp_path / "one.safetensors").strip_reader is None


def test_scores_are_chances(crops: NDArray[np.float32]) -> None:
    found = scores(load_model("digits"), crops)
    assert found.shape == (50, 10)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    assert found.min() >= 0


def test_no_crops_give_no_scores() -> None:
    assert scores(load_model("digits"), np.empty((0, 28, 28), np.float32)).shape == (0, 10)


def test_what_is_saved_is_loaded(
    arrays: Arrays, crops: NDArray[np.float32], tmp_path: Path
) -> None:
    path = tmp_path / "mine.safetensors"
    save_model(path, arrays, {"temperature": 2.0})
    model = load_model(path)
    hidden = np.maximum(crops.reshape(50, 784) @ arrays["w1"] + arrays["b1"], 0)
    np.testing.assert_allclose(
        logits(model, crops), hidden @ arrays["w2"] + arrays["b2"], rtol=1e-5, atol=1e-5
    )
    assert (model.id.name, model.temperature) == ("mine", 2.0)


def test_the_line_for_review_keeps_the_share_wrong_below_what_is_asked(
    arrays: Arrays, tmp_path: Path
) -> None:
    curve = [[0.5, 0.8, 0.9, 0.99], [0.3, 0.05, 0.01, 0.004]]
    save_model(tmp_path / "mine.safetensors", arrays, {"share_wrong": curve})
    model = load_model(tmp_path / "mine.safetensors")
    lines = {share: model.review_line(share) for share in (1, 0.05, 0.01, 0.0)}
    assert lines == {1: 0.5, 0.05: 0.8, 0.01: 0.9, 0.0: 1.0}


def test_chances_are_read_off_the_cards_curves(arrays: Arrays, tmp_path: Path) -> None:
    card = {"digit_chance": [[0.0, 1.0], [0.5, 0.9]]}
    save_model(tmp_path / "mine.safetensors", arrays, card)
    model = load_model(tmp_path / "mine.safetensors")
    assert model.digit_chance(0.5) == pytest.approx(0.7)
    assert model.digit_chance(1.0) == 0.9
    assert model.number_chance(0.37) == 0.37  # the card has no such curve


def test_temperature_softens_scores(
    arrays: Arrays, crops: NDArray[np.float32], tmp_path: Path
) -> None:
    for temperature in (1.0, 4.0):
        save_model(
            tmp_path / f"t{temperature:.0f}.safetensors", arrays, {"temperature": temperature}
        )
    hot, cold = (scores(load_model(tmp_path / f"t{t}.safetensors"), crops) for t in (4, 1))
    assert (hot.max(axis=1) < cold.max(axis=1)).all()
    np.testing.assert_array_equal(hot.argmax(axis=1), cold.argmax(axis=1))


@pytest.mark.parametrize(
    "change",
    [
        {"w1": np.zeros((783, 32), np.float32)},
        {"w2": np.zeros((32, 11), np.float32)},
        {"b1": np.zeros(31, np.float32)},
        {"b1": np.zeros(0, np.float32)},
        {"b2": np.full(10, np.nan, np.float32)},
        {"b2": np.zeros(10, np.float64)},
        {"extra": np.zeros(1, np.float32)},
    ],
    ids=str,
)
def test_weights_of_another_shape_or_type_are_refused(
    change: Arrays, arrays: Arrays, tmp_path: Path
) -> None:
    save_file({**arrays, **change}, tmp_path / "bad.safetensors")
    with pytest.raises(ModelUnreadable, match=r"bad\.safetensors"):
        load_model(tmp_path / "bad.safetensors")


@pytest.mark.parametrize(
    "change",
    [
        {"strip.k1": None},
        {"strip.c6": None},
        {"strip.k1": np.zeros((5, 5, 2, 3), np.float32)},
        {"strip.k6": np.zeros((1, 3, 7, 10), np.float32), "strip.c6": np.zeros(10, np.float32)},
        {"strip.c3": np.zeros(0, np.float32)},
        {"strip.c6": np.full(11, np.inf, np.float32)},
        {"strip.more": np.zeros(1, np.float32)},
    ],
    ids=str,
)
def test_a_strip_reader_of_another_shape_is_refused(
    change: dict[str, Any], arrays: Arrays, strip_arrays: Arrays, tmp_path: Path
) -> None:
    changed = {**arrays, **strip_arrays, **change}
    save_file(
        {key: array for key, array in changed.items() if array is not None},
        tmp_path / "bad.safetensors",
    )
    with pytest.raises(ModelUnreadable, match=r"bad\.safetensors"):
        load_model(tmp_path / "bad.safetensors")


@pytest.mark.parametrize(
    "card",
    [
        *("{", "[]", "7", '{"temperature": 0}', '{"temperature": "x"}'),
        *('{"temperature": -1}', '{"temperature": []}'),
        *('{"share_wrong": 2}', '{"share_wrong": [[0.5], [2]]}', '{"share_wrong": [[0.5], []]}'),
        *('{"digit_chance": [[0, 1], [0, "x"]]}', '{"digit_chance": [[0, 1], [0, NaN]]}'),
        *('{"number_chance": [[0.1, 0.2]]}', '{"number_chance": {"x": []}}'),
    ],
)
def test_a_card_that_makes_no_sense_is_refused(card: str, arrays: Arrays, tmp_path: Path) -> None:
    save_file(arrays, tmp_path / "bad.safetensors", {"card": card})
    with pytest.raises(ModelUnreadable, match=r"bad\.safetensors"):
        load_model(tmp_path / "bad.safetensors")


def test_a_damaged_curve_is_said_in_one_sentence(
    run: RunCommand, arrays: Arrays, tmp_path: Path
) -> None:
    save_model(tmp_path / "bad.safetensors", arrays, {"share_wrong": [[0.5], [7]]})
    done = run("scan", SAMPLES / "digit.png", "--model", "bad.safetensors", "-o", "out")
    assert done.returncode == ExitCode.MODEL
    assert done.stderr.count("\n") == 1
    assert "share_wrong" in done.stderr


@pytest.mark.parametrize("option", ["--second-opinion", "--no-second-opinion"])
@pytest.mark.parametrize("networks", [1, 2])
def test_models_of_one_and_of_two_networks_scan(
    networks: int,
    option: str,
    run: RunCommand,
    arrays: Arrays,
    strip_arrays: Arrays,
    tmp_path: Path,
) -> None:
    parts = {**arrays, **(strip_arrays if networks == 2 else {})}
    save_model(tmp_path / "mine.safetensors", parts, {})
    done = run("scan", SAMPLES / "skewed.png", "--model", "mine.safetensors", "-o", "out", option)
    assert done.returncode == 0, done.stderr
    about = json.loads((tmp_path / "out" / "run.json").read_text("utf-8"))
    assert about["settings"]["second_opinion"] is (option == "--second-opinion")


def test_without_a_second_opinion_the_first_network_is_alone_in_reading(
    arrays: Arrays, strip_arrays: Arrays, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of random weights every component is in doubt."""
    save_model(tmp_path / "two.safetensors", {**arrays, **strip_arrays}, {})
    model = load_model(tmp_path / "two.safetensors")
    binary = np.zeros((100, 400), np.uint8)
    cv2.putText(binary, "3 4 5", (20, 80), cv2.FONT_HERSHEY_SIMPLEX, 2, 255, 5)
    shown = []

    def seen(reader: StripReader, strips: NDArray[np.float32]) -> NDArray[np.float32]:
        shown.append(strips.shape)
        return strip_scores(reader, strips)

    monkeypatch.setattr(reader, "strip_scores", seen)
    for wanted in (False, True):
        read_components(find_components(binary), model, second_opinion=wanted)
        assert bool(shown) is wanted
    assert all(shape[:2] == (1, 32) for shape in shown)


@pytest.mark.parametrize("n", [0, 4, 8, 100, 10_000])
def test_a_file_cut_short_is_refused(n: int, arrays: Arrays, tmp_path: Path) -> None:
    path = tmp_path / "whole.safetensors"
    save_model(path, arrays, {})
    (tmp_path / "cut.safetensors").write_bytes(path.read_bytes()[:n])
    with pytest.raises(ModelUnreadable, match=r"cut\.safetensors"):
        load_model(tmp_path / "cut.safetensors")


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ModelUnreadable, match="digits"):
        load_model("nonesuch")


def test_the_supplied_model_tells_where_it_comes_from() -> None:
    assert [model.id.name for model in supplied_models()] == ["digits"]
    card = load_model("digits").card
    assert card["architecture"].startswith("784-512-10, ReLU")
    assert card["command"].startswith("digitocr train")
    assert card["accuracy_mnist_test"] >= 0.992
    assert json.dumps(card)

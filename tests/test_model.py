"""The network in NumPy, and its file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

from digitocr.errors import ModelUnreadable
from digitocr.model import load_model, logits, model_file, scores, supplied_models
from digitocr.records import Settings

Arrays = dict[str, NDArray[np.float32]]


@pytest.fixture
def arrays() -> Arrays:
    """Random weights of the right shapes."""
    rng = np.random.default_rng(0)
    shapes = {"w1": (784, 32), "b1": (32,), "w2": (32, 10), "b2": (10,)}
    return {key: rng.normal(0, 0.1, shape).astype(np.float32) for key, shape in shapes.items()}


def save_model(path: Path, arrays: Arrays, card: dict[str, Any]) -> None:
    """Write a model's file."""
    path.write_bytes(model_file(arrays, card))


@pytest.fixture
def crops() -> NDArray[np.float32]:
    """Crops that hold anything."""
    return np.random.default_rng(1).random((50, 28, 28), dtype=np.float32)


def test_scores_equal_those_of_torch(crops: NDArray[np.float32]) -> None:
    torch = pytest.importorskip("torch")
    train = pytest.importorskip("digitocr.train")
    model = load_model("digits")
    network = train.Network()
    for key, target in (("w1", "hidden.weight"), ("w2", "output.weight")):
        network.get_parameter(target).data = torch.from_numpy(getattr(model, key).T.copy())
    for key, target in (("b1", "hidden.bias"), ("b2", "output.bias")):
        network.get_parameter(target).data = torch.from_numpy(getattr(model, key).copy())
    with torch.no_grad():
        found = torch.softmax(
            network(torch.from_numpy(crops.reshape(-1, 784))) / model.temperature, dim=1
        )
    np.testing.assert_allclose(scores(model, crops), found.numpy(), atol=1e-5)


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
    save_model(path, arrays, {"temperature": 2.0, "min_confidence": 0.5})
    model = load_model(path)
    hidden = np.maximum(crops.reshape(50, 784) @ arrays["w1"] + arrays["b1"], 0)
    np.testing.assert_allclose(
        logits(model, crops), hidden @ arrays["w2"] + arrays["b2"], rtol=1e-5, atol=1e-5
    )
    assert (model.id.name, model.temperature, model.review_line(Settings())) == ("mine", 2.0, 0.5)


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


def test_a_changed_file_is_loaded_again(arrays: Arrays, tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    save_model(path, arrays, {})
    first = load_model(path)
    save_model(path, {**arrays, "b2": arrays["b2"] + 1}, {})
    assert load_model(path).id != first.id


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
    "card",
    ["{", "[]", "7", '{"temperature": 0}', '{"temperature": "x"}', '{"min_confidence": 2}'],
)
def test_a_card_that_makes_no_sense_is_refused(card: str, arrays: Arrays, tmp_path: Path) -> None:
    save_file(arrays, tmp_path / "bad.safetensors", {"card": card})
    with pytest.raises(ModelUnreadable):
        load_model(tmp_path / "bad.safetensors")


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
    assert [path.stem for path in supplied_models()] == ["digits"]
    card = load_model("digits").card
    assert card["architecture"] == "784-512-10, ReLU"
    assert card["command"].startswith("digitocr train")
    assert card["accuracy_mnist_test"] >= 0.994
    assert json.dumps(card)

"""Training through the real command, on a small MNIST that the test draws."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from support.command import COMMAND, RunCommand
from support.material import drawn, font_folder, write_mnist

from digitocr.core.errors import DataMissing
from digitocr.recognition.model import (
    Model,
    load_model,
)
from digitocr.training.data.augment import (
    distorted_crops,
    distorted_epochs,
)
from digitocr.training.data.datasets import (
    Digits,
    load_mnist,
    read_truth,
    train_and_held_out,
)

pytest.importorskip("torch")
from digitocr.training.data.symbols import Addition
from digitocr.training.recipes import (
    SCAN,
    material,
)
from digitocr.training.train import Training


@pytest.fixture(scope="module")
def mnist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small MNIST."""
    return write_mnist(tmp_path_factory.mktemp("data"), 800, 200)


@pytest.fixture(scope="module")
def small_mnist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with so small an MNIST that nothing is learned from it."""
    return write_mnist(tmp_path_factory.mktemp("small"), 300, 60)


@pytest.mark.train
def test_the_scan_recipe_learns_to_read(run: RunCommand, mnist: Path, tmp_path: Path) -> None:
    done = run(
        "train", "--data", mnist, "--epochs", "6", "--batch-size", "50", "-o", "m.safetensors",
        "--report", "report",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("teacher, epoch ") == 1
    assert done.stderr.count("first network, epoch ") == 6
    assert done.stderr.count("specialist, epoch ") == 1
    assert done.stderr.count("polish, epoch ") == 1
    assert done.stderr.count("strip reader, epoch ") == 1
    model = load_model(tmp_path / "m.safetensors")
    assert model.w1.shape == (784, 512)
    assert model.strip_reader is not None
    assert model.card["accuracy_mnist_test"] > 0.9
    forms, cuts = 164, 359  # drawn, and cut out of touching digits
    assert model.card["digits"] == {"training": 2 * 733 + forms + cuts, "held_out": 67}
    assert model.card["no_digits"] == cuts
    assert model.card["added"] == []
    assert model.card["command"].endswith("-o m.safetensors --report report")
    assert model.temperature > 0
    for curve in ("digit_chance", "number_chance", "share_wrong"):
        x, y = model.card[curve]
        assert len(x) == len(y) > 5
    for picture in ("curves.png", "confusion.png", "predictions.png"):
        assert cv2.imread(str(tmp_path / "report" / picture)) is not None
    shown = run("evaluate", "m.safetensors", "--data", mnist)
    assert f"{100 * model.card['accuracy_mnist_test']:.2f} % right" in shown.stdout


@pytest.mark.train
def test_the_seed_recipe_pools_and_splits_as_the_seed_project_did(
    run: RunCommand, mnist: Path, tmp_path: Path
) -> None:
    done = run(
        "train", "--recipe", "seed", "--data", mnist, "--epochs", "8", "-o", "s.safetensors"
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    last = done.stderr.splitlines()[-1]
    assert "final training loss" in last
    assert "on the 800 training digits" in last
    assert "on the 200 held out" in last
    recipe = load_model(tmp_path / "s.safetensors").card["recipe"]
    assert (recipe["batch_size"], recipe["learning_rate"]) == (100, 0.001)
    assert recipe["epochs"] == 8


def weights_of(model: Model) -> tuple[NDArray[np.float32], ...]:
    """Return all weights of a model's strip reader."""
    assert model.strip_reader is not None
    return model.strip_reader.kernels + model.strip_reader.biases


def without_times(card: dict[str, Any]) -> dict[str, Any]:
    """Return a card without what may differ between two runs of the same training."""
    return {key: value for key, value in card.items() if key not in ("command", "date")}


@pytest.mark.parametrize("recipe", [pytest.param("scan", marks=pytest.mark.slow), "seed"])
@pytest.mark.train
def test_training_again_gives_the_same_weights(
    recipe: str, run: RunCommand, mnist: Path, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        run(
            "train", "--recipe", recipe, "--data", mnist, "--epochs", "2", "--device", "cpu",
            "-o", f"{name}.safetensors",
        )  # fmt: skip
    first, second = (load_model(tmp_path / f"{name}.safetensors") for name in ("a", "b"))
    np.testing.assert_array_equal(first.w1, second.w1)
    np.testing.assert_array_equal(first.w2, second.w2)
    assert (first.strip_reader is None) == (recipe == "seed")
    if first.strip_reader and second.strip_reader:
        for ours, theirs in zip(*map(weights_of, (first, second)), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    assert without_times(first.card) == without_times(second.card)


@pytest.mark.parametrize("steps", [1, 9, 10, 11])
@pytest.mark.train
def test_trainings_of_few_steps_work(steps: int) -> None:
    images, labels = drawn(30, 0)
    found = material(replace(SCAN, cuts=0.0), Digits(images, labels.astype(np.int64)))
    size = -(-len(found.training) // steps)
    recipe = replace(SCAN, epochs=1, batch_size=size)
    assert [epoch.network for epoch in Training(recipe, found).epochs()] == [
        "teacher", "first network", "specialist", "polish", "strip reader",
    ]  # fmt: skip


@pytest.mark.train
def test_ctrl_c_keeps_the_best_so_far(small_mnist: Path, tmp_path: Path) -> None:
    target = tmp_path / "m.safetensors"
    command = [*COMMAND, "train", "--data", str(small_mnist), "--epochs", "500", "-o", str(target)]
    command += ["--recipe", "seed"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as training:
        assert training.stderr is not None
        for line in training.stderr:
            if line.startswith("first network, epoch 3/"):
                break
        training.send_signal(signal.SIGINT)
        said = training.stderr.read()
    assert training.returncode == 130, said
    assert "Traceback" not in said
    assert load_model(target).card["stopped_early"] is True
    assert [path.name for path in tmp_path.iterdir()] == ["m.safetensors"]


@pytest.mark.train
def test_ctrl_c_before_there_are_weights_writes_nothing(small_mnist: Path, tmp_path: Path) -> None:
    target = tmp_path / "m.safetensors"
    command = [*COMMAND, "train", "--data", str(small_mnist), "--epochs", "500", "-o", str(target)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as training:
        assert training.stderr is not None
        assert training.stderr.readline().startswith("teacher, epoch 1/")
        training.send_signal(signal.SIGINT)
        said = training.stderr.read()
    assert training.returncode == 130, said
    assert said.endswith("error: interrupted.\n")
    assert not list(tmp_path.iterdir())


@pytest.mark.train
def test_the_card_lists_what_was_added(run: RunCommand, small_mnist: Path, tmp_path: Path) -> None:
    images, labels = drawn(40, 3)
    kinds = labels.astype(np.int8)
    kinds[:5] = -1
    np.savez(tmp_path / "more.npz", images=images, labels=kinds)
    folder = tmp_path / "pictures"
    folder.mkdir()
    cv2.imwrite(str(folder / "a.png"), 255 - images[0])
    (folder / "truth.csv").write_text(f"file,truth\na.png,{labels[0]}\n")
    fonts = font_folder(tmp_path / "fonts")
    done = run(
        "train", "--data", small_mnist, "--add", "more.npz=CC BY 4.0", "--add", "pictures",
        "--fonts", "fonts", "--epochs", "1", "-o", "m.safetensors",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    npz, pictures, font = load_model(tmp_path / "m.safetensors").card["added"]
    assert npz == {
        "name": "more.npz",
        "licence": "CC BY 4.0",
        "sha256": hashlib.sha256((tmp_path / "more.npz").read_bytes()).hexdigest(),
        "digits": 35,
        "no_digits": 5,
    }
    assert (pictures["name"], pictures["licence"]) == ("pictures", "not stated")
    assert (pictures["digits"], pictures["no_digits"]) == (1, 0)
    assert font["sha256"] == hashlib.sha256(fonts.read_bytes()).hexdigest()
    assert (font["name"], font["digits"]) == ("DejaVuSans.ttf", 10)
    assert "Bitstream" in font["licence"]


@pytest.mark.parametrize(
    "arguments", [["--add", "none.npz"], ["--add", "."], ["--fonts", "none"], ["--fonts", "."]]
)
def test_additions_that_are_not_there_are_named(
    arguments: list[str], run: RunCommand, mnist: Path, tmp_path: Path
) -> None:
    done = run("train", "--data", mnist, *arguments, "-o", "m.safetensors")
    assert done.returncode == 3
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("seed", range(3))
def test_fonts_held_out_for_calibration_are_not_trained_on(seed: int) -> None:
    def font(shade: int) -> Addition:
        images = np.zeros((12, 28, 28), np.uint8)
        images[:, 4:24, 8:20] = shade
        images[:, 10, 10:18] = np.arange(12)[:, None] + 1
        labels = np.array([*range(10), -1, -1])
        return Addition(str(shade), "", "", Digits(images, labels))

    recipe = replace(SCAN, seed=seed, cuts=0.0)
    fonts = [font(shade) for shade in range(100, 110)]
    found = material(recipe, Digits(*drawn(60, 0)), [], fonts)
    held_out, shown = set(found.hands.images[:, 5, 9]), set(found.training.images[:, 5, 9])
    assert len(held_out) == 2
    assert held_out | (shown & set(range(100, 110))) == set(range(100, 110))
    assert not held_out & shown
    assert len(found.facts) == 10


def test_no_data_and_no_network_says_both_ways_out(run: RunCommand, tmp_path: Path) -> None:
    environment = {
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        # Nothing listens on port 9 of this machine.
        **{f"{scheme}_proxy": "http://127.0.0.1:9" for scheme in ("http", "https")},
    }
    done = run("train", "-o", "m.safetensors", env=environment)
    assert done.returncode == 3
    last = done.stderr.strip().splitlines()[-1]
    assert "network" in last
    assert "--data" in last
    assert "Traceback" not in done.stderr


def test_a_folder_without_mnist_says_what_it_must_hold(run: RunCommand, tmp_path: Path) -> None:
    done = run("train", "--data", tmp_path, "-o", "m.safetensors")
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert "MNIST/raw" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--recipe", "best"], 2),
        (["--device", "abacus"], 2),
        (["--epochs", "0"], 2),
        (["-o", "."], 5),
        (["-o", "/proc/none/m.safetensors"], 5),
        (["--report", "/proc/none"], 5),
        (["--learning-rate", "0"], 2),
    ],
)
def test_what_can_not_work_is_refused_before_training(
    arguments: list[str], code: int, run: RunCommand, mnist: Path
) -> None:
    done = run("train", "--data", mnist, *arguments)
    assert done.returncode == code
    assert "epoch 1/" not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_damaged_mnist_is_named(tmp_path: Path) -> None:
    folder = write_mnist(tmp_path, 20, 20)
    images = folder / "MNIST" / "raw" / "train-images-idx3-ubyte"
    images.write_bytes(images.read_bytes()[:-100])
    with pytest.raises(DataMissing, match="train-images"):
        load_mnist(folder)


def test_splitting_loses_and_doubles_nothing() -> None:
    digits = Digits(np.arange(100).reshape(100, 1, 1).astype(np.uint8), np.arange(100))
    first, second = train_and_held_out(digits, 0.2, seed=3)
    assert (len(first), len(second)) == (80, 20)
    assert sorted([*first.labels, *second.labels]) == list(range(100))
    again, _ = train_and_held_out(digits, 0.2, seed=3)
    np.testing.assert_array_equal(first.labels, again.labels)


def test_distortion_changes_digits_but_not_beyond_recognition() -> None:
    images, labels = drawn(200, 5)
    crops = distorted_crops(images, np.random.default_rng(0))
    other = distorted_crops(images, np.random.default_rng(1))
    assert np.abs(crops - other).mean() > 0.02
    assert all(crop.max() > 0.5 for crop in crops)
    means = np.stack([crops[labels == label].mean(axis=0) for label in range(10)])
    nearest = ((crops[:, None] - means) ** 2).sum(axis=(2, 3)).argmin(axis=1)
    assert (nearest == labels).mean() > 0.7


def test_epochs_are_shuffled_distorted_and_repeatable() -> None:
    digits = Digits(*drawn(50, 0))
    first, second = distorted_epochs(digits, 2, seed=1)
    again = next(iter(distorted_epochs(digits, 2, seed=1)))
    np.testing.assert_array_equal(first[0], again[0])
    assert sorted(first[1]) == sorted(second[1]) == sorted(digits.labels)
    assert not np.array_equal(first[1], second[1])


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "file\n1.png\n", "\xff\xfe"])
def test_a_truth_file_without_its_columns_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "truth.csv").write_bytes(text.encode("latin-1"))
    try:
        assert read_truth(tmp_path) == []
    except DataMissing as error:
        assert "truth.csv" in str(error)


def test_without_the_extra_the_sentence_says_which_install_brings_it() -> None:
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "from digitocr.__main__ import main; sys.argv = ['digitocr', 'train']; main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 6
    assert "pip install 'digitocr[train]'" in done.stderr

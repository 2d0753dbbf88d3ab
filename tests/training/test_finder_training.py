import numpy as np
import pytest

torch = pytest.importorskip("torch")

from digitocr.recognition.finder import HEIGHT, MAPS, NUMBER, OTHER, RULING, Finder  # noqa: E402
from digitocr.training import train_finder  # noqa: E402
from digitocr.training.finder_network import FinderNetwork  # noqa: E402
from digitocr.training.finder_targets import IGNORED  # noqa: E402


def targets_with_a_line():
    targets = torch.zeros(1, MAPS + 1, 16, 16)
    targets[0, NUMBER, 4:6, 3:12] = 1
    targets[0, HEIGHT, 4:6, 3:12] = 0.5
    return targets


def perfect(targets):
    maps = targets[:, :MAPS].clone()
    for index in (NUMBER, OTHER, RULING):
        maps[:, index] = maps[:, index] * 20 - 10
    return maps


def test_the_network_answers_at_a_quarter_of_the_size_and_is_small():
    network = FinderNetwork().eval()
    assert network(torch.zeros(1, 1, 64, 96)).shape == (1, MAPS, 16, 24)
    assert sum(weights.numel() for weights in network.parameters()) < 260_000


def test_the_loss_is_least_for_what_is_true():
    targets = targets_with_a_line()
    right = perfect(targets)
    assert train_finder.finder_loss(right, targets) < 0.02
    for index in (NUMBER, HEIGHT, RULING):
        wrong = right.clone()
        wrong[:, index] += 8
        assert train_finder.finder_loss(wrong, targets) > 0.3


def test_what_is_ignored_costs_nothing():
    targets = targets_with_a_line()
    maps = perfect(targets)
    maps[:, OTHER, 10:12] = 10
    assert train_finder.finder_loss(maps, targets) > 0.3
    targets[:, IGNORED, 10:12] = 1
    assert train_finder.finder_loss(maps, targets) < 0.02


@pytest.mark.filterwarnings("ignore")
def test_training_goes_on_where_it_stopped_and_its_export_finds_lines(tmp_path):
    torch.manual_seed(0)
    trainer = train_finder.finder_trainer(tmp_path, 10, 1e-3)
    pages = torch.rand(2, 1, 64, 64)
    targets = targets_with_a_line().repeat(2, 1, 1, 1)
    losses = [train_finder.learn_batch(trainer, pages, targets) for _ in range(3)]
    assert losses[-1] < losses[0]
    trainer.save()
    again = train_finder.finder_trainer(tmp_path, 10, 1e-3)
    assert again.steps == 3 and not again.is_done
    losses = [train_finder.learn_batch(one, pages, targets) for one in (again, trainer)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    found = Finder(tmp_path / "latest.onnx").find(np.full((70, 90), 200, np.uint8))
    assert found.turn in (0, 90, 180, 270)  # three steps teach it nothing
    assert found.rulings.shape == (18, 23)

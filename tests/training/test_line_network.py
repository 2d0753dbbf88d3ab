import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from digitocr.recognition.alphabet import CLASSES  # noqa: E402
from digitocr.recognition.line_image import line_image, used_columns  # noqa: E402
from digitocr.recognition.line_reader import LineReader  # noqa: E402
from digitocr.training.line_network import LineNetwork  # noqa: E402
from digitocr.training.train_lines import _signs_unknown, export  # noqa: E402


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return LineNetwork().eval()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_is_exported_answers_as_the_network_does(network, tmp_path):
    export(network, tmp_path / "lines.onnx")
    reader = LineReader(tmp_path / "lines.onnx")
    rng = np.random.default_rng(0)
    crops = [
        rng.integers(0, 255, (h, w)).astype(np.uint8) for h, w in ((40, 90), (20, 200), (64, 150))
    ]
    for crop, answer in zip(crops, reader.read(crops), strict=True):
        with torch.no_grad():
            expected = network(torch.from_numpy(line_image(crop))[None, None])[0].numpy()
        columns = used_columns(*crop.shape)
        assert answer.shape == (columns, CLASSES)
        np.testing.assert_allclose(answer, expected[:columns], atol=1e-3)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_line_reads_the_same_whatever_is_read_with_it(network, tmp_path):
    export(network, tmp_path / "lines.onnx")
    reader = LineReader(tmp_path / "lines.onnx")
    rng = np.random.default_rng(1)
    crops = [rng.integers(0, 255, (30, 120)).astype(np.uint8) for _ in range(5)]
    together = reader.read(crops)
    np.testing.assert_allclose(together[2], reader.read([crops[2]])[0], atol=1e-5)


def test_signs_of_a_line_whose_signs_are_unknown_count_as_blank():
    answers = torch.log_softmax(torch.randn(4, 2, CLASSES), -1)
    merged = _signs_unknown(answers, torch.tensor([True, False]))
    torch.testing.assert_close(merged[:, 1], answers[:, 1])
    torch.testing.assert_close(merged[:, 0, 1:11], answers[:, 0, 1:11])
    torch.testing.assert_close(merged.exp().sum(-1), torch.ones(4, 2))
    assert merged[:, 0, 11:].max() < -50

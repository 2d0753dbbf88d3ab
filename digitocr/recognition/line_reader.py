"""Line crops to columns of log-probabilities, by ONNX Runtime on one thread."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from digitocr.recognition.ctc import LogProbs
from digitocr.recognition.line_image import line_image, used_columns

_BATCH_COLUMNS = 4096  # pixels of width read at once: more saves no time, only takes memory


class LineReader:
    """The learned reader of lines: grey pixels in, CTC's columns out."""

    def __init__(self, path: Path) -> None:
        """Load weights; one session may read for the whole life of a process."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )

    def read(self, crops: Sequence[NDArray[np.uint8]]) -> list[LogProbs]:
        """Return log-probabilities (columns, classes) of each grey crop (h, w) of a line.

        A column is 4 pixels of the line image, h / 8 pixels of the crop. Lines of one width are
        read together, so what one says does not hang on the others.
        """
        lines = [line_image(crop) for crop in crops]
        by_width: dict[int, list[int]] = {}
        for index, line in enumerate(lines):
            by_width.setdefault(line.shape[1], []).append(index)
        answers: list[LogProbs] = [np.empty((0, 0), np.float32)] * len(crops)
        for width, indices in by_width.items():
            size = max(1, _BATCH_COLUMNS // width)
            for start in range(0, len(indices), size):
                chosen = indices[start : start + size]
                columns = self._run(np.stack([lines[i] for i in chosen]))
                for index, answer in zip(chosen, columns, strict=True):
                    answers[index] = answer[: used_columns(*crops[index].shape)]
        return answers

    def _run(self, lines: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (N, columns, classes) for line images (N, 32, W)."""
        (answers,) = self._session.run(None, {"lines": lines[:, None]})
        return np.asarray(answers, np.float32)

"""The network of the line reader: convolutions alone, a column of answers every four pixels."""

import torch
from torch import Tensor, nn

from digitocr.recognition.alphabet import CLASSES


def _convolution(
    inputs: int,
    outputs: int,
    kernel: tuple[int, int],
    stride: tuple[int, int] = (1, 1),
    dilation: int = 1,
    rows_padded: bool = True,
) -> nn.Sequential:
    padding = (kernel[0] // 2 if rows_padded else 0, kernel[1] // 2 * dilation)
    layer = nn.Conv2d(inputs, outputs, kernel, stride, padding, (1, dilation), bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class _Residual(nn.Module):
    def __init__(self, channels: int, kernel: tuple[int, int], dilation: int = 1) -> None:
        super().__init__()
        self.layer = _convolution(channels, channels, kernel, dilation=dilation)

    def forward(self, features: Tensor) -> Tensor:
        """Return features with what the layer adds to them."""
        added: Tensor = self.layer(features)
        return features + added


class LineNetwork(nn.Module):
    """Half a million weights: shapes of strokes in two dimensions, then context along the line.

    The context of a column is 35 columns, 140 pixels, about nine digits: enough to see a word as
    a word and a point as one of thousands, and short enough to learn no numbers by heart.
    """

    def __init__(self) -> None:
        """Build with random weights."""
        super().__init__()
        self.layers = nn.Sequential(
            _convolution(1, 24, (5, 5), (2, 2)),  # 16 rows
            _convolution(24, 48, (3, 3), (2, 2)),  # 8
            _convolution(48, 64, (3, 3), (2, 1)),  # 4
            _Residual(64, (3, 3)),
            _convolution(64, 96, (3, 3), (2, 1)),  # 2
            _convolution(96, 160, (2, 3), rows_padded=False),  # 1
            _Residual(160, (1, 3)),
            _Residual(160, (1, 3), 2),
            _Residual(160, (1, 3), 4),
            _Residual(160, (1, 3), 4),
            nn.Conv2d(160, CLASSES, 1),
        )

    def forward(self, lines: Tensor) -> Tensor:
        """Take line images (N, 1, 32, W); return log-probabilities (N, W / 4, classes)."""
        scores: Tensor = self.layers(lines).squeeze(2)
        return torch.log_softmax(scores, 1).transpose(1, 2)

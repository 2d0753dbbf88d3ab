"""The network of the finder: a small encoder, features of all scales brought together, six maps."""

import torch
from torch import Tensor, nn

from digitocr.recognition.finder import MAPS

_CHANNELS = (24, 48, 96, 128)  # at 1/4, 1/8, 1/16 and 1/32 of the picture
_DEPTHS = (1, 2, 3, 3)
_NECK = 48


def _dense(inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Sequential:
    layer = nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


def _depthwise(channels: int, size: int, stride: int = 1) -> nn.Sequential:
    layer = nn.Conv2d(channels, channels, size, stride, size // 2, groups=channels, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(channels))


class _Block(nn.Module):
    """Each channel looks around itself, then channels are mixed twice; added to what came in."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.around = _depthwise(channels, 5)
        self.mix = nn.Sequential(
            _dense(channels, channels, 1),
            nn.Conv2d(channels, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return features of the same shape."""
        return torch.relu(features + self.mix(self.around(features)))


class FinderNetwork(nn.Module):
    """A quarter of a million weights; a place sees some 500 pixels around it."""

    def __init__(self) -> None:
        """Build with random weights."""
        super().__init__()
        self.stem = nn.Sequential(_dense(1, 12, 3, 2), _dense(12, _CHANNELS[0], 3, 2))
        stages, before = [], _CHANNELS[0]
        for channels, depth in zip(_CHANNELS, _DEPTHS, strict=True):
            layers: list[nn.Module] = []
            if channels != before:
                layers += [_depthwise(before, 3, 2), _dense(before, channels, 1)]
            layers += [_Block(channels) for _ in range(depth)]
            stages.append(nn.Sequential(*layers))
            before = channels
        self.stages = nn.ModuleList(stages)
        self.lateral = nn.ModuleList(nn.Conv2d(c, _NECK, 1) for c in _CHANNELS)
        self.smooth = nn.ModuleList(
            nn.Sequential(_depthwise(_NECK, 3), _dense(_NECK, _NECK, 1)) for _ in _CHANNELS[:-1]
        )
        self.head = nn.Sequential(
            _depthwise(_NECK, 5), _dense(_NECK, _NECK, 1), nn.Conv2d(_NECK, MAPS, 1)
        )

    def forward(self, pages: Tensor) -> Tensor:
        """Take pages (N, 1, H, W), sides multiples of 32; return maps (N, MAPS, H / 4, W / 4).

        Kernels and rulings are logits; the log of the height and the direction are plain numbers.
        """
        features = self.stem(pages)
        levels = []
        for stage, lateral in zip(self.stages, self.lateral, strict=True):
            features = stage(features)
            levels.append(lateral(features))
        joined = levels.pop()
        for level, smooth in zip(reversed(levels), reversed(list(self.smooth)), strict=True):
            joined = smooth(level + nn.functional.interpolate(joined, scale_factor=2.0))
        maps: Tensor = self.head(joined)
        return maps

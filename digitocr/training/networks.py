"""The networks that are trained, in torch; `recognition` reads with what they export, in NumPy."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from digitocr.recognition.model import CLASSES, Model
from digitocr.recognition.strip_reader import (
    ARRAY_PREFIX,
    CONTEXTS,
    NEIGHBOUR_STEP,
    NEIGHBOURS,
    StripContext,
    StripReader,
    Weights,
)

HIDDEN = 512
_TEACHER_CHANNELS = (24, 32, 64)
_SPECIALIST_CHANNELS, _DROPPED = (24, 48, 96), 0.3
_LINE_CHANNELS = (20, 40, 64, 128)


class Network(nn.Module):
    """The seed project's network: 784 → 512 → ReLU → 10."""

    def __init__(self) -> None:
        """Draw the weights."""
        super().__init__()
        self.hidden = nn.Linear(784, HIDDEN)
        self.output = nn.Linear(HIDDEN, CLASSES)

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        """Return the logits, (B, 10), of (B, 784) crops."""
        logits: torch.Tensor = self.output(F.relu(self.hidden(crops)))
        return logits

    @torch.no_grad()
    def take(self, model: Model) -> None:
        """Take the weights of a model."""
        pairs = (self.hidden, model.w1, model.b1), (self.output, model.w2, model.b2)
        for layer, weights, bias in pairs:
            layer.weight.copy_(torch.from_numpy(weights.T.copy()))
            layer.bias.copy_(torch.from_numpy(bias))

    def exported(self) -> dict[str, Weights]:
        """Return the weights as `digitocr.recognition.model` takes them, float32."""
        hidden, output = self.hidden, self.output
        return _as_numpy(
            {"w1": hidden.weight.T, "b1": hidden.bias, "w2": output.weight.T, "b2": output.bias}
        )


def _maps(
    crops: torch.Tensor, first: nn.Module, middle: nn.Module, last: nn.Module
) -> torch.Tensor:
    """Return what three convolutions make of (B, 784) crops: (B, 49 times the maps of the last)."""
    maps = F.relu(first(crops.view(-1, 1, 28, 28)))  # (B, A, 14, 14)
    maps = F.max_pool2d(F.relu(middle(maps)), 2)  # (B, B', 7, 7)
    return F.relu(last(maps)).flatten(1)


class TeacherNetwork(nn.Module):
    """Three convolutions, the first in steps of 2 (Simard et al. 2003), and a linear layer.

    It reads better than the first network, which learns from its answers.
    """

    def __init__(self) -> None:
        """Draw the weights."""
        super().__init__()
        a, b, c = _TEACHER_CHANNELS
        self.first = nn.Conv2d(1, a, 5, stride=2, padding=2)
        self.middle = nn.Conv2d(a, b, 3, padding=1)
        self.last = nn.Conv2d(b, c, 3, padding=1)
        self.output = nn.Linear(49 * c, CLASSES)
        self.to(memory_format=torch.channels_last)  # twice as fast on a CPU

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        """Return the logits, (B, 10), of (B, 784) crops."""
        logits: torch.Tensor = self.output(_maps(crops, self.first, self.middle, self.last))
        return logits


class SpecialistNetwork(nn.Module):
    """Convolutions as the teacher's, more of them, with batch normalisation and dropout.

    It learns MNIST's digits alone, of which it reads 99.55 % (Ioffe and Szegedy 2015; Srivastava
    et al. 2014).
    """

    def __init__(self) -> None:
        """Draw the weights."""
        super().__init__()
        a, b, c = _SPECIALIST_CHANNELS
        self.first = nn.Sequential(nn.Conv2d(1, a, 5, stride=2, padding=2), nn.BatchNorm2d(a))
        self.middle = nn.Sequential(nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b))
        self.last = nn.Sequential(nn.Conv2d(b, c, 3, padding=1), nn.BatchNorm2d(c))
        self.output = nn.Sequential(nn.Dropout(_DROPPED), nn.Linear(49 * c, CLASSES))
        self.to(memory_format=torch.channels_last)

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        """Return the logits, (B, 10), of (B, 784) crops."""
        logits: torch.Tensor = self.output(_maps(crops, self.first, self.middle, self.last))
        return logits


class StripNetwork(nn.Module):
    """Reads a whole line image: for every second column the chance of each digit and of none.

    Convolutions that halve the rows until one is left, then some along the line, of which two
    look far to both sides; trained with connectionist temporal classification (Graves et al.
    2006), so that digits need no cutting.
    """

    def __init__(self) -> None:
        """Draw the weights."""
        super().__init__()
        a, b, c, d = _LINE_CHANNELS
        self.first = nn.Conv2d(1, a, 5, stride=2, padding=2)
        self.second = nn.Conv2d(a, b, 3, padding=1)
        self.third = nn.Conv2d(b, c, 3, padding=1)
        self.fourth = nn.Conv2d(c, d, (4, 3), padding=(0, 1))
        self.fifth = nn.Conv2d(d, d, (1, 5), padding=(0, 2))
        self.contexts = nn.Sequential(*(Context(d) for _ in range(CONTEXTS)))
        self.last = nn.Conv2d(d, CLASSES + 1, (1, 3), padding=(0, 1))
        self.to(memory_format=torch.channels_last)

    def forward(self, lines: torch.Tensor) -> torch.Tensor:
        """Return the logits, (B, 11, W / 2), of (B, 1, 32, W) line images; W is even."""
        maps = F.relu(self.first(lines))  # (B, A, 16, W / 2)
        maps = F.max_pool2d(F.relu(self.second(maps)), (2, 1))  # (B, B', 8, W / 2)
        maps = F.max_pool2d(F.relu(self.third(maps)), (2, 1))  # (B, C, 4, W / 2)
        maps = F.relu(self.fourth(maps))  # (B, D, 1, W / 2)
        maps = self.contexts(F.relu(self.fifth(maps)))
        logits: torch.Tensor = self.last(maps)[:, :, 0]
        return logits

    @torch.no_grad()
    def take(self, reader: StripReader) -> None:
        """Take the weights of a model's reader."""
        for layer, kernel, bias in zip(self._layers(), reader.kernels, reader.biases, strict=True):
            layer.weight.copy_(torch.from_numpy(kernel.transpose(3, 2, 0, 1).copy()))
            torch.as_tensor(layer.bias).copy_(torch.from_numpy(bias))
        for own, given in zip(self._own_contexts(), reader.contexts, strict=True):
            own.take(given)

    def _layers(self) -> list[nn.Conv2d]:
        return [self.first, self.second, self.third, self.fourth, self.fifth, self.last]

    def _own_contexts(self) -> list[Context]:
        return [one for one in self.contexts if isinstance(one, Context)]

    def exported(self) -> dict[str, Weights]:
        """Return the weights as `digitocr.recognition.model` takes them, float32."""
        tensors: dict[str, torch.Tensor] = {}
        for i, layer in enumerate(self._layers(), 1):
            tensors[f"{ARRAY_PREFIX}k{i}"] = layer.weight.permute(2, 3, 1, 0)
            tensors[f"{ARRAY_PREFIX}c{i}"] = torch.as_tensor(layer.bias)
        for i, context in enumerate(self._own_contexts(), 1):
            tensors |= {f"{ARRAY_PREFIX}{name}{i}": one for name, one in context.tensors().items()}
        return _as_numpy(tensors)


class Context(nn.Module):
    """Adds to each column of a line what stands beside it, as far as a digit or two.

    A weight for each map and neighbour, then a mixture of all maps (Howard et al. 2017): far
    cheaper than a full convolution as wide. It begins as no change at all (Zhang et al. 2019).
    """

    def __init__(self, channels: int) -> None:
        """Draw the weights."""
        super().__init__()
        reach = NEIGHBOURS // 2 * NEIGHBOUR_STEP
        self.near = nn.Conv2d(
            channels,
            channels,
            (1, NEIGHBOURS),
            padding=(0, reach),
            dilation=(1, NEIGHBOUR_STEP),
            groups=channels,
        )
        self.mixed = nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.mixed.weight)
        nn.init.zeros_(torch.as_tensor(self.mixed.bias))

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return (B, C, 1, T) maps with what is beside each column, of the same shape."""
        added: torch.Tensor = maps + self.mixed(F.relu(self.near(maps)))
        return added

    @torch.no_grad()
    def take(self, given: StripContext) -> None:
        """Take the weights of a model's context."""
        self.near.weight[:, 0, 0].copy_(torch.from_numpy(given.near.T.copy()))
        torch.as_tensor(self.near.bias).copy_(torch.from_numpy(given.near_bias))
        self.mixed.weight[:, :, 0, 0].copy_(torch.from_numpy(given.mixed.T.copy()))
        torch.as_tensor(self.mixed.bias).copy_(torch.from_numpy(given.mixed_bias))

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return the weights by the names that `StripReader` gives them."""
        return {
            "near": self.near.weight[:, 0, 0].T,  # (NEIGHBOURS, C)
            "near_bias": torch.as_tensor(self.near.bias),
            "mixed": self.mixed.weight[:, :, 0, 0].T,  # (C, C)
            "mixed_bias": torch.as_tensor(self.mixed.bias),
        }


def _as_numpy(tensors: dict[str, torch.Tensor]) -> dict[str, Weights]:
    return {key: tensor.detach().cpu().numpy().copy() for key, tensor in tensors.items()}

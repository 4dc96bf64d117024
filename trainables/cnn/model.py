"""LeNet-5 and ResNet-18 in their CIFAR form.

B batch, C channels, H height, W width, K classes. Modules are named as in torchvision, so that
weights of its ResNet with a 3×3 stem and no first pooling load as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables.cnn import Config

__all__ = ["LeNet", "ResNet18", "build"]

CLASSES = 10
Activation = Callable[[Tensor], Tensor]


def build(config: Config, seed: int) -> nn.Module:
    """The network of `config`, initialised from `seed` alone, channels last.

    Its forward pass maps normalised images (B, 3, 32, 32) to logits (B, 10).
    """
    activation = (
        partial(functional.celu, alpha=config.celu_alpha)
        if config.activation == "celu"
        else functional.relu
    )
    with torch.random.fork_rng(devices=[]):  # initialisers draw from the global generator
        torch.manual_seed(seed)
        model = LeNet(activation) if config.model == "lenet" else ResNet18(activation)
    return model.to(memory_format=torch.channels_last)


class LeNet(nn.Module):
    """LeNet-5 (LeCun et al. 1998) on 32×32 RGB, max pooling: 62,006 parameters."""

    def __init__(self, activation: Activation) -> None:
        super().__init__()
        self.activation = activation
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, CLASSES)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        # Pooling first: the same result for a monotone activation, at a quarter of the work.
        x_BCHW = self.activation(functional.max_pool2d(self.conv1(x_BCHW), 2))
        x_BCHW = self.activation(functional.max_pool2d(self.conv2(x_BCHW), 2))
        x_BD = self.activation(self.fc1(x_BCHW.flatten(1)))
        logits_BK: Tensor = self.fc3(self.activation(self.fc2(x_BD)))
        return logits_BK


class ResNet18(nn.Module):
    """ResNet-18 (He et al. 2016) for 32×32: 3×3 stem, no first pooling, 11,173,962 parameters."""

    def __init__(self, activation: Activation) -> None:
        super().__init__()
        self.activation = activation
        self.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = _stage(64, 64, 1, activation)
        self.layer2 = _stage(64, 128, 2, activation)
        self.layer3 = _stage(128, 256, 2, activation)
        self.layer4 = _stage(256, 512, 2, activation)
        self.fc = nn.Linear(512, CLASSES)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        x_BCHW = self.activation(self.bn1(self.conv1(x_BCHW)))
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x_BCHW = stage(x_BCHW)
        logits_BK: Tensor = self.fc(x_BCHW.mean((2, 3)))
        return logits_BK


class _Block(nn.Module):
    """Two 3×3 convolutions and a shortcut, projected where the shape changes."""

    def __init__(self, inputs: int, outputs: int, stride: int, activation: Activation) -> None:
        super().__init__()
        self.activation = activation
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x_BCHW: Tensor) -> Tensor:
        y_BCHW = self.activation(self.bn1(self.conv1(x_BCHW)))
        y_BCHW = self.bn2(self.conv2(y_BCHW))
        return self.activation(y_BCHW + self.downsample(x_BCHW))


def _stage(inputs: int, outputs: int, stride: int, activation: Activation) -> nn.Sequential:
    return nn.Sequential(
        _Block(inputs, outputs, stride, activation), _Block(outputs, outputs, 1, activation)
    )

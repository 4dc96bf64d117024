from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional
from torchvision.models import resnet18

from trainables.cnn import Config
from trainables.cnn.model import build


@pytest.mark.parametrize(("model", "parameters"), [("lenet", 62_006), ("resnet18", 11_173_962)])
def test_number_of_parameters(model: str, parameters: int) -> None:
    network = build(Config(model=model), 0)
    assert sum(weight.numel() for weight in network.parameters()) == parameters
    assert all(
        weight.is_contiguous(memory_format=torch.channels_last) or weight.dim() != 4
        for weight in network.parameters()
    )


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("activation", ["relu", "celu"])
def test_resnet_equals_torchvision(training: bool, activation: str) -> None:
    ours = build(Config(model="resnet18", activation=activation, celu_alpha=0.5), 0)
    theirs = resnet18(num_classes=10)
    theirs.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    theirs.maxpool = nn.Identity()
    theirs.load_state_dict(ours.state_dict())
    if activation == "celu":
        for module in list(theirs.modules()):
            if hasattr(module, "relu"):
                module.relu = nn.CELU(0.5)
    images = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    ours.train(training)
    theirs.train(training)
    torch.testing.assert_close(ours(images), theirs(images), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(ours.bn1.running_mean, theirs.bn1.running_mean)


def test_lenet_equals_the_textbook_order() -> None:
    """Pooling before the activation changes nothing."""
    config = Config(activation="celu", celu_alpha=0.3)
    lenet = build(config, 0)
    images = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))

    def celu(x: torch.Tensor) -> torch.Tensor:
        return x.clamp(min=0) + (0.3 * ((x / 0.3).exp() - 1)).clamp(max=0)

    x = functional.max_pool2d(celu(lenet.conv1(images)), 2)
    x = functional.max_pool2d(celu(lenet.conv2(x)), 2)
    expected = lenet.fc3(celu(lenet.fc2(celu(lenet.fc1(x.flatten(1))))))
    torch.testing.assert_close(lenet(images), expected)


def test_weights_come_from_the_seed_alone() -> None:
    before = torch.get_rng_state()
    first = build(Config(), 7).state_dict()
    torch.rand(3)
    again, other = build(Config(), 7).state_dict(), build(Config(), 8).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["conv1.weight"], other["conv1.weight"])
    torch.set_rng_state(before)
    build(Config(), 7)
    assert torch.equal(torch.get_rng_state(), before)

"""K LeNets at once give what each gives alone."""

from __future__ import annotations

import pytest
import torch

from tests.gpu.lane_layers import Activation, by_groups, by_patches, one_by_one
from tests.gpu.lanes import Forward
from trainables.cnn import Config
from trainables.cnn.model import build


@pytest.mark.parametrize("forward", [by_groups, one_by_one, by_patches])
def test_layers_are_those_of_lenet(forward: Forward) -> None:
    configs = [Config(activation="relu"), Config(celu_alpha=0.3), Config()]
    models = [build(config, seed).double() for seed, config in enumerate(configs)]
    x_KBCHW = torch.randn(3, 5, 3, 32, 32, generator=torch.Generator().manual_seed(0)).double()
    layers = [torch.stack(same) for same in zip(*(m.parameters() for m in models), strict=True)]
    layers = [layer.detach().requires_grad_() for layer in layers]
    activation = Activation(
        alpha_K=torch.tensor([1, 0.3, 1]).double(), celu_K=torch.tensor([0.0, 1, 1])
    )

    logits_KBL = forward(layers, x_KBCHW, activation)
    gradients = torch.autograd.grad(logits_KBL.square().sum(), layers)

    for lane, (model, x_BCHW) in enumerate(zip(models, x_KBCHW, strict=True)):
        expected_BL = model(x_BCHW)
        torch.testing.assert_close(logits_KBL[lane], expected_BL)
        expected = torch.autograd.grad(expected_BL.square().sum(), list(model.parameters()))
        torch.testing.assert_close([gradient[lane] for gradient in gradients], list(expected))

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from trainables.cnn.optimizer import SGD


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("weight_decay", [0.0, 0.01])
@pytest.mark.parametrize("momentum", [0.5, 0.9])
def test_equals_torch(nesterov: bool, weight_decay: float, momentum: float) -> None:
    generator = torch.Generator().manual_seed(0)
    start = [torch.randn(5, 3, generator=generator), torch.randn(7, generator=generator)]
    ours, theirs = ([w.clone().requires_grad_() for w in start] for _ in range(2))
    options = {"momentum": momentum, "nesterov": nesterov, "weight_decay": weight_decay}
    mine = SGD(ours, **options)  # type: ignore[arg-type]
    reference = torch.optim.SGD(theirs, lr=1.0, **options)  # type: ignore[arg-type]
    for step in range(10):
        rate = 0.1 / (1 + step)
        gradients = [torch.randn(w.shape, generator=generator) for w in start]
        for weight, other, gradient in zip(ours, theirs, gradients, strict=True):
            weight.grad, other.grad = gradient.clone(), gradient.clone()
        mine.step(rate)
        reference.param_groups[0]["lr"] = rate
        reference.step()
        for weight, other in zip(ours, theirs, strict=True):
            torch.testing.assert_close(weight, other)
            assert weight.grad is None


def test_training_does_not_import_dynamo() -> None:
    code = (
        "import sys\n"
        "from trainables.cnn import Config\n"
        "from trainables.cnn.data import load, prepare\n"
        "from trainables.cnn.train import train\n"
        "next(train(Config(), load(prepare('toy', None).folder), seed=0, max_epochs=1))\n"
        "assert 'torch._dynamo' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

"""What needs a CUDA device: `pytest -m gpu`. Not yet run on one."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from trainables import checkpoint
from trainables.sts import Config, model
from trainables.sts import train as module
from trainables.sts.batches import layout
from trainables.sts.lstm import lstm_by_recurrence, lstm_by_torch
from trainables.sts.train import train

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

SMALL = Config(dimension=16, hidden=8, learning_rate=1e-2)
CONFIGS = [
    SMALL,
    replace(SMALL, tuning="trainable", optimizer="rmsprop", layers=2),
    replace(SMALL, bidirectional=False, pooling="last"),
]


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_resume_is_bit_identical(config, toy, tmp_path):
    whole = [epoch.predictions().tobytes() for epoch in train(config, toy, seed=0, max_epochs=4)]
    for epoch in itertools.islice(train(config, toy, seed=0, max_epochs=4), 2):
        checkpoint.save(epoch.state(), tmp_path, epoch.number)
    rest = train(config, toy, seed=0, max_epochs=4, resume_from=checkpoint.load(tmp_path)[1])
    assert [epoch.predictions().tobytes() for epoch in rest] == whole[2:]


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_no_step_waits(config, toy, monkeypatch):
    """Batches are copied before the first step; the epoch's end reads its metrics."""
    epochs = train(config, toy, seed=0, max_epochs=2)
    next(epochs)

    class StepsEndedError(Exception):
        pass

    def begin(*arguments):
        batches = list(made(*arguments))
        torch.cuda.set_sync_debug_mode("error")
        return batches

    def end(*_):
        torch.cuda.set_sync_debug_mode("default")
        raise StepsEndedError

    made = module.epoch_batches
    monkeypatch.setattr(module, "epoch_batches", begin)
    monkeypatch.setattr(module, "_predict", end)
    try:
        with pytest.raises(StepsEndedError):
            next(epochs)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("directions", [1, 2])
def test_cudnn_agrees_with_the_recurrence(directions):
    """One layer, forward and backward, on the card; stated tolerance: 1e-4, without TF32."""
    device = torch.device("cuda")
    length_S = np.array([9, 7, 7, 4, 1])
    packed = layout(length_S, directions, device)
    config = replace(SMALL, bidirectional=directions == 2)
    parameters = model.initialise(config, torch.Generator().manual_seed(0))
    names = [f"lstm.0.{name}" for name in ("input", "bias", "hidden")]
    x_TD = torch.randn(int(length_S.sum()), 16, generator=torch.Generator().manual_seed(1))
    found = []
    with torch.backends.cudnn.flags(allow_tf32=False):
        for lstm in (lstm_by_recurrence, lstm_by_torch):
            inputs = [
                t.to(device).requires_grad_() for t in (x_TD, *(parameters[n] for n in names))
            ]
            h_TF = lstm(inputs[0], None, packed, *inputs[1:])
            found.append([h_TF, *torch.autograd.grad(h_TF.square().sum(), inputs)])
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-4)


def test_gpu_agrees_with_cpu(toy):
    """Three epochs; stated tolerance: a tenth of what training has moved."""
    cpu, cuda = (
        [e.predictions() for e in train(SMALL, toy, seed=0, max_epochs=3, device=device)]
        for device in (torch.device("cpu"), torch.device("cuda"))
    )
    moved = np.abs(cpu[-1] - cpu[0]).max()
    assert moved > 0.2
    np.testing.assert_allclose(cpu[-1], cuda[-1], atol=moved / 10, rtol=0)

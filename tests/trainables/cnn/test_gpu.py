"""What needs a CUDA device: `pytest -m gpu`. Not yet run on one."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from trainables import checkpoint
from trainables.cnn import Config
from trainables.cnn.data import Data
from trainables.cnn.device import Device, choose
from trainables.cnn.train import train

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

CONFIGS = [Config(), Config(model="resnet18", batch_size=64)]


@pytest.mark.parametrize("config", CONFIGS)
def test_no_host_synchronisation_within_an_epoch(
    config: Config, toy: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps wait for nothing; the epoch's end reads its metrics, so it is left out."""
    epochs = train(config, toy, seed=0, max_epochs=2)
    next(epochs)

    class EndOfStepsError(Exception):
        pass

    def stop(*_: object) -> None:
        torch.cuda.set_sync_debug_mode("default")
        raise EndOfStepsError

    monkeypatch.setattr("trainables.cnn.train._predict", stop)
    torch.cuda.set_sync_debug_mode("error")
    try:
        with pytest.raises(EndOfStepsError):
            next(epochs)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("config", CONFIGS)
def test_resume_is_bit_identical(config: Config, toy: Data, tmp_path: Path) -> None:
    whole = [e.predictions().tobytes() for e in train(config, toy, seed=0, max_epochs=4)]
    for epoch in itertools.islice(train(config, toy, seed=0, max_epochs=4), 2):
        checkpoint.save(epoch.state(), tmp_path, epoch.number)
    loaded = checkpoint.load(tmp_path)
    assert loaded is not None
    rest = train(config, toy, seed=0, max_epochs=4, resume_from=loaded[1])
    assert [epoch.predictions().tobytes() for epoch in rest] == whole[2:]


def test_gpu_agrees_with_cpu_in_float32(toy: Data) -> None:
    """Same weights, same three steps: one batch of all images, in whatever order."""
    config = Config(batch_size=900, augmentation="none", schedule="constant", learning_rate=0.01)
    cpu, cuda = (
        [
            e.predictions()
            for e in train(config, toy, seed=0, max_epochs=3, device=Device(name=name))
        ]
        for name in ("cpu", "cuda")
    )
    moved = np.abs(cpu[-1] - cpu[0]).max()
    assert moved > 0.002
    np.testing.assert_allclose(cpu[-1], cuda[-1], atol=moved / 10, rtol=0)


def test_bfloat16_learns_as_well(toy: Data) -> None:
    *_, epoch = train(Config(), toy, seed=0, max_epochs=9, device=choose("cuda"))
    assert epoch.metrics["val_accuracy"] > 0.8

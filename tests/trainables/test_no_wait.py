"""No step of an epoch waits for a GPU: seen on a CPU by what would make it wait.

Whatever brings a number from the device to Python, or data to the device, waits there for all that
was started before. tests/trainables/cnn/test_gpu.py asks the driver itself.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import torch

from trainables import cnn, sts
from trainables.cnn import data as cnn_data
from trainables.cnn import train as cnn_loop
from trainables.sts import data as sts_data
from trainables.sts import train as sts_loop

WAITS = (
    *("item", "tolist", "numpy", "cpu", "cuda", "to", "nonzero"),
    *("__bool__", "__int__", "__float__", "__index__"),
)


class Waited(Exception):  # noqa: N818
    pass


class StepsEnded(Exception):  # noqa: N818
    pass


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Callable[[ModuleType], None]:
    """Have a training loop raise `Waited` where a step waits, and `StepsEnded` after the last."""
    steps = 0

    def refuse(name: str) -> Callable[..., Any]:
        original = getattr(torch.Tensor, name)

        def method(tensor: torch.Tensor, *arguments: Any, **options: Any) -> Any:
            if steps:
                raise Waited(name)
            return original(tensor, *arguments, **options)

        return method

    def watch(loop: ModuleType) -> None:
        def begin(loss: Callable[..., Any]) -> Callable[..., Any]:
            def first(*arguments: Any, **options: Any) -> Any:
                nonlocal steps
                steps += 1
                return loss(*arguments, **options)

            return first

        def end(*_: Any) -> None:
            nonlocal steps
            more_than_one, steps = steps > 1, 0
            assert more_than_one
            raise StepsEnded

        for name in ("cross_entropy", "mse_loss"):
            loss = begin(getattr(torch.nn.functional, name))
            monkeypatch.setattr(torch.nn.functional, name, loss)
        for name in WAITS:
            monkeypatch.setattr(torch.Tensor, name, refuse(name))
        monkeypatch.setattr(loop, "_predict", end)

    return watch


@pytest.mark.parametrize(
    "config",
    [
        cnn.Config(),
        cnn.Config(averaging="none", schedule="cosine", augmentation="crop_flip", nesterov=False),
    ],
)
def test_images(watched: Callable[[ModuleType], None], config: cnn.Config) -> None:
    data = cnn_data.load(cnn_data.prepare("toy", None).folder)
    epochs = cnn_loop.train(config, data, seed=0, max_epochs=1)
    watched(cnn_loop)

    with pytest.raises(StepsEnded):
        next(epochs)


@pytest.mark.parametrize(
    "config",
    [
        sts.Config(),
        sts.Config(tuning="trainable", optimizer="rmsprop", schedule="plateau", norm="contrast"),
        sts.Config(layers=2, pooling="last", similarity="sum", norm="none", tuning="slow"),
        sts.Config(pooling="mean", bidirectional=False, label_smoothing=0.1),
    ],
)
def test_sentences(watched: Callable[[ModuleType], None], config: sts.Config) -> None:
    data = sts_data.load(sts_data.prepare("toy", None).folder)
    epochs = sts_loop.train(config, data, seed=0, max_epochs=1)
    watched(sts_loop)

    with pytest.raises(StepsEnded):
        next(epochs)


def test_a_loop_that_waits_is_caught(
    watched: Callable[[ModuleType], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = cnn_data.load(cnn_data.prepare("toy", None).folder)
    rate = cnn_loop.rate
    monkeypatch.setattr(cnn_loop, "rate", lambda *a: torch.tensor(rate(*a)).item())
    epochs = cnn_loop.train(cnn.Config(), data, seed=0, max_epochs=1)
    watched(cnn_loop)

    with pytest.raises(Waited, match="item"):
        next(epochs)

from __future__ import annotations

import numpy as np
import pytest
import torch

from trainables.cnn import Config
from trainables.cnn import train as loop
from trainables.cnn.data import Data
from trainables.cnn.device import Device, choose
from trainables.cnn.train import train


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.mark.usefixtures("no_gpu")
def test_cpu_trains_in_float32() -> None:
    assert choose() == choose("cpu") == Device(name="cpu", bfloat16=False)


@pytest.mark.usefixtures("no_gpu")
def test_absent_gpu_is_refused() -> None:
    with pytest.raises(ValueError, match="torch sees no CUDA device"):
        choose("cuda")


def test_unknown_device_is_refused() -> None:
    with pytest.raises(ValueError, match="device must be cpu or cuda, got 'tpu'"):
        choose("tpu")


@pytest.mark.parametrize("supported", [True, False])
def test_gpu_takes_bfloat16_where_supported(
    supported: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: supported)
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", False)
    assert choose() == Device(name="cuda", bfloat16=supported)
    assert torch.backends.cudnn.deterministic


def test_autocast_computes_in_bfloat16_and_keeps_float32_weights(
    toy: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What matters of the number format on a GPU, seen through autocast on the CPU."""
    seen: dict[str, set[torch.dtype]] = {"linear": set(), "loss": set()}
    linear, loss = torch.nn.functional.linear, torch.nn.functional.cross_entropy

    def spy_linear(*arguments: torch.Tensor) -> torch.Tensor:
        result = linear(*arguments)
        seen["linear"].add(result.dtype)
        return result

    def spy_loss(logits: torch.Tensor, *rest: torch.Tensor, label_smoothing: float) -> torch.Tensor:
        seen["loss"].add(logits.dtype)
        return loss(logits, *rest, label_smoothing=label_smoothing)

    monkeypatch.setattr(torch.nn.functional, "linear", spy_linear)
    monkeypatch.setattr(torch.nn.functional, "cross_entropy", spy_loss)
    epoch = next(train(Config(), toy, seed=0, max_epochs=1, device=Device(bfloat16=True)))
    assert seen == {"linear": {torch.bfloat16}, "loss": {torch.float32}}
    state = epoch.state()
    assert {weight.dtype for weight in state["model"].values()} == {torch.float32}
    assert epoch.predictions().dtype == np.float32


@pytest.mark.parametrize("model", ["lenet", "resnet18"])
def test_autocast_changes_the_result_little(model: str, few: Data) -> None:
    """Three epochs with and without; stated tolerance: .02 of a probability."""
    config = Config(model=model, batch_size=8, learning_rate=0.01)
    results = []
    for device in (Device(), Device(bfloat16=True)):
        *_, epoch = train(config, few, seed=0, max_epochs=3, device=device)
        results.append(epoch.predictions())
    difference = np.abs(results[0] - results[1]).max()
    assert 0 < difference < 0.02


def test_a_process_copies_its_data_once_for_all_trials(toy: Data, few: Data) -> None:
    first, again = loop._on_device(toy, "cpu"), loop._on_device(toy, "cpu")

    assert all(one is other for one, other in zip(first, again, strict=True))
    assert len(loop._on_device(few, "cpu")[1]) == len(few.train_labels)

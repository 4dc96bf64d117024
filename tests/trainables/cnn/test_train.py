from __future__ import annotations

import hashlib
import itertools
import math
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import spaces.cnn
from trainables import Epoch, checkpoint
from trainables.cnn import SCHEDULES, Config
from trainables.cnn.augment import normalise
from trainables.cnn.data import CLASSES, Data, objective
from trainables.cnn.model import build
from trainables.cnn.train import _update_average, rate, train
from trainables.seeding import derive

CONFIGS = {
    "default": Config(),
    "report": Config(
        learning_rate=0.01, nesterov=False, schedule="constant", averaging="none", activation="relu"
    ),
    "everything else": Config(
        celu_alpha=0.5,
        label_smoothing=0.1,
        augmentation="flip",
        schedule="cosine",
        batch_size=64,
    ),
}


def seen(epoch: Epoch) -> tuple[object, ...]:
    """All that a consumer gets of an epoch; its state hashed, so that == is bit for bit."""
    state = epoch.state()
    tensors = [*state["model"].values(), *state["average"].values(), state["generator"]]
    tensors += state["optimizer"]["velocities"]
    digest = hashlib.sha256(epoch.predictions().tobytes())
    for tensor in tensors:
        digest.update(tensor.detach().numpy().tobytes())
    return epoch.number, dict(epoch.metrics), digest.hexdigest()


@pytest.mark.parametrize("name", CONFIGS)
def test_resume_is_bit_identical(name: str, toy: Data, tmp_path: Path) -> None:
    _check_resume(CONFIGS[name], toy, tmp_path)


def test_resume_of_resnet_is_bit_identical(few: Data, tmp_path: Path) -> None:
    _check_resume(Config(model="resnet18", batch_size=8), few, tmp_path)


def _check_resume(config: Config, data: Data, folder: Path) -> None:
    """4 epochs = 2 + save + load + 2."""
    whole = [seen(epoch) for epoch in train(config, data, seed=3, max_epochs=4)]
    assert [epoch[0] for epoch in whole] == [1, 2, 3, 4]
    for epoch in itertools.islice(train(config, data, seed=3, max_epochs=4), 2):
        checkpoint.save(epoch.state(), folder, epoch.number)
    loaded = checkpoint.load(folder)
    assert loaded is not None
    assert loaded[0] == 2
    rest = train(config, data, seed=3, max_epochs=4, resume_from=loaded[1])
    assert [seen(epoch) for epoch in rest] == whole[2:]


def test_seed_decides_and_nothing_else(toy: Data) -> None:
    before = torch.get_rng_state()
    first, again, other = (
        next(train(Config(), toy, seed=seed, max_epochs=2)).predictions() for seed in (0, 0, 1)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_predictions_are_probabilities_and_give_the_metrics(toy: Data) -> None:
    for config in CONFIGS.values():
        *_, epoch = train(config, toy, seed=0, max_epochs=3)
        predictions = epoch.predictions()
        assert predictions.shape == (100, 10)
        assert predictions.dtype == np.float32
        np.testing.assert_allclose(predictions.sum(1), 1, rtol=1e-5)
        assert epoch.metrics["val_accuracy"] == objective(toy.val_labels, predictions)
        likelihood = predictions[np.arange(100), toy.val_labels]
        assert epoch.metrics["val_loss"] == pytest.approx(-np.log(likelihood).mean(), rel=1e-5)
        classes = [epoch.metrics[f"val_accuracy_{name}"] for name in CLASSES]
        assert np.mean(classes) == pytest.approx(epoch.metrics["val_accuracy"])
        assert all(type(value) is float for value in epoch.metrics.values())


def test_fewer_images_are_the_first_ones(toy: Data) -> None:
    fewer = next(train(Config(train_images=256), toy, seed=0, max_epochs=1))
    first = next(train(Config(), toy.head(256), seed=0, max_epochs=1))
    assert fewer.metrics == first.metrics


def test_default_learns_the_toy_images(toy: Data) -> None:
    *_, epoch = train(Config(), toy, seed=0, max_epochs=9)
    assert epoch.metrics["val_accuracy"] > 0.8
    assert epoch.metrics["train_accuracy"] > 0.5


def test_scores_are_those_of_the_averaged_weights(toy: Data) -> None:
    *_, epoch = train(Config(), toy, seed=0, max_epochs=2)
    images_BCHW = normalise(torch.from_numpy(toy.val_images))
    for part, same in (("average", True), ("model", False)):
        network = build(Config(), 0)
        network.load_state_dict(epoch.state()[part])
        with torch.no_grad():
            expected = network(images_BCHW).softmax(1).numpy()
        assert np.allclose(epoch.predictions(), expected, atol=1e-5) is same


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_loss_is_the_formula_of_label_smoothing(smoothing: float, toy: Data) -> None:
    """q' = (1 - ε)·δ + ε·u; one batch of all images, before any step."""
    config = Config(batch_size=900, label_smoothing=smoothing, augmentation="none")
    epoch = next(train(config, toy, seed=5, max_epochs=1))
    network = build(config, derive(5, "weights"))
    with torch.no_grad():
        logits = network(normalise(torch.from_numpy(toy.train_images[:, 4:36, 4:36].copy())))
    log_p_NK = logits.double().log_softmax(1).numpy()
    target_NK = (1 - smoothing) * np.eye(10)[toy.train_labels] + smoothing / 10
    expected = -(target_NK * log_p_NK).sum(1).mean()
    assert epoch.metrics["train_loss"] == pytest.approx(expected, rel=1e-5)


def test_diverged_loss_is_reported_as_it_is(toy: Data) -> None:
    config = Config(learning_rate=1e6, schedule="constant")
    *_, epoch = train(config, toy, seed=0, max_epochs=2)
    assert not math.isfinite(epoch.metrics["train_loss"])
    assert not math.isfinite(epoch.metrics["val_loss"])


def test_batch_larger_than_the_data_is_refused(toy: Data) -> None:
    with pytest.raises(ValueError, match="batch_size must be at most the 900"):
        next(train(Config(batch_size=1000), toy, seed=0, max_epochs=1))


def test_trials_leave_no_memory_behind(toy: Data) -> None:
    def grown_mb() -> float:
        for _ in range(4):
            list(train(Config(), toy, seed=0, max_epochs=1))
        return psutil.Process().memory_full_info().uss / 1e6

    warm = grown_mb()
    assert grown_mb() - warm < 10


@pytest.fixture
def all_cores() -> Iterator[None]:
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    yield
    torch.set_num_threads(1)


@pytest.mark.long
@pytest.mark.timeout(900)  # 100 s on one idle core
def test_resnet_overfits_256_images(all_cores: None, cifar10: Data) -> None:
    config = Config(
        model="resnet18",
        activation="relu",
        learning_rate=0.01,
        batch_size=32,
        augmentation="none",
        schedule="constant",
        averaging="none",
        weight_decay=0.0,
    )
    _, one_of_each = np.unique(cifar10.val_labels, return_index=True)
    data = replace(
        cifar10.head(256),
        val_images=cifar10.val_images[one_of_each],
        val_labels=cifar10.val_labels[one_of_each],
    )
    epochs = train(config, data, seed=0, max_epochs=15)
    assert any(epoch.metrics["train_accuracy"] >= 0.99 for epoch in epochs)


@pytest.mark.parametrize("schedule", SCHEDULES)
@given(progress=st.floats(0, 1, exclude_max=True), warmup=st.floats(0.01, 0.99))
def test_rate_stays_within_the_highest(schedule: str, progress: float, warmup: float) -> None:
    config = Config(schedule=schedule, warmup=warmup, learning_rate=0.2)
    assert 0 <= rate(config, progress) <= 0.2
    peak = warmup if schedule == "one_cycle" else 0
    assert rate(config, peak) == pytest.approx(0.2)
    if schedule != "constant":
        assert rate(config, max(progress, peak)) >= rate(config, max(progress, peak, 0.999))


def test_average_is_a_weighted_mean_of_all_weights() -> None:
    """Weights 1, 2, 3 … at steps 0, 1, 2 …, against the recurrence written out."""
    average = [torch.tensor([0.0])]
    expected = 0.0
    for step in range(100):
        value = float(step + 1)
        _update_average(average, [torch.tensor([value])], 20.0, step)
        keep = min(math.exp(-1 / 20), (1 + step) / (10 + step))
        expected = keep * expected + (1 - keep) * value
        assert average[0].item() == pytest.approx(expected, rel=1e-4)


def test_average_is_as_old_as_its_horizon() -> None:
    average = [torch.tensor([0.0])]
    for step in range(1000):
        _update_average(average, [torch.tensor([float(step)])], 20.0, step)
    assert 999 - average[0].item() == pytest.approx(20, abs=1)


def test_average_leaves_the_training_alone(toy: Data) -> None:
    config = Config()
    for ours, plain in zip(
        train(config, toy, seed=0, max_epochs=2),
        train(replace(config, averaging="none"), toy, seed=0, max_epochs=2),
        strict=True,
    ):
        assert ours.metrics["train_loss"] == plain.metrics["train_loss"]
        assert ours.metrics["val_loss"] != plain.metrics["val_loss"]


@pytest.mark.parametrize("model", ["lenet", "resnet18"])
def test_a_checkpoint_is_as_large_as_a_plan_says(model: str, few: Data, tmp_path: Path) -> None:
    epoch = next(iter(train(Config(model=model, batch_size=8), few, seed=0, max_epochs=1)))

    size_mib = checkpoint.save(epoch.state(), tmp_path, 1).stat().st_size / 2**20

    assert size_mib <= spaces.cnn.checkpoint_mib({"model": model}) < 1.1 * size_mib
    assert spaces.cnn.checkpoint_mib({}) >= size_mib


def test_a_checkpoint_of_another_kind_of_device_goes_on(few: Data) -> None:
    """CUDA's generators hold 16 bytes, the CPU's 5,056: what is drawn next is anew, but known."""
    config = Config(batch_size=8)
    epoch = next(iter(train(config, few, seed=0, max_epochs=3)))
    moved = {**epoch.state(), "generator": torch.zeros(16, dtype=torch.uint8)}

    first, again = (
        [e.metrics for e in train(config, few, seed=0, max_epochs=3, resume_from=moved)]
        for _ in range(2)
    )

    assert len(first) == 2
    assert first == again

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from trainables import checkpoint
from trainables.metrics import mse, pearson, spearman
from trainables.sts import CHOICES, Config, lstm
from trainables.sts import train as module
from trainables.sts.train import train

SMALL = Config(dimension=16, hidden=8, learning_rate=1e-2)


def curve(epochs):
    return [(epoch.number, dict(epoch.metrics), epoch.predictions()) for epoch in epochs]


def same(a, b):
    return len(a) == len(b) and all(
        x[:2] == y[:2] and (x[2] == y[2]).all() for x, y in zip(a, b, strict=True)
    )


RESUMED = [
    SMALL,
    replace(SMALL, tuning="trainable"),
    replace(SMALL, tuning="slow", vectors="word2vec", optimizer="rmsprop", similarity="sum"),
    replace(SMALL, schedule="plateau", norm="contrast", layers=2, bidirectional=False),
]


@pytest.mark.parametrize("config", RESUMED, ids=str)
def test_four_epochs_are_two_saved_loaded_and_two(toy, tmp_path, config):
    whole = curve(train(config, toy, seed=3, max_epochs=4))
    started = train(config, toy, seed=3, max_epochs=4)
    first = []
    for epoch in itertools.islice(started, 2):
        first += curve([epoch])
        checkpoint.save(epoch.state(), tmp_path, epoch.number)
    _, state = checkpoint.load(tmp_path)
    rest = curve(train(config, toy, seed=3, max_epochs=4, resume_from=state))
    assert same(whole, first + rest)
    assert same(whole, curve(train(config, toy, seed=3, max_epochs=4)))  # in a used process


def test_a_gpu_s_lstm_trains_to_the_same(toy, monkeypatch):
    """Three epochs in float32 by each way on a CPU; stated tolerance: .005 of a score of 0 to 5."""
    config = replace(SMALL, tuning="trainable", layers=2)
    ours = [epoch.predictions() for epoch in train(config, toy, seed=0, max_epochs=3)]
    monkeypatch.setattr(lstm, "lstm_by_recurrence", lstm.lstm_by_torch)
    theirs = [epoch.predictions() for epoch in train(config, toy, seed=0, max_epochs=3)]

    assert np.abs(ours[-1] - ours[0]).max() > 0.5
    np.testing.assert_allclose(ours, theirs, atol=0.005, rtol=0)


def test_the_plateau_is_resumed_too(toy, tmp_path, monkeypatch):
    monkeypatch.setattr(module.Schedule, "PATIENCE", -1)  # reduced after every epoch
    config = replace(SMALL, schedule="plateau", learning_rate=1e-2)
    epochs = list(train(config, toy, seed=0, max_epochs=5))
    state = epochs[-1].state()
    assert state["schedule"]["factor"] < 1
    epoch = list(itertools.islice(train(config, toy, seed=0, max_epochs=5), 3))[-1]
    checkpoint.save(epoch.state(), tmp_path, 3)
    rest = train(config, toy, seed=0, max_epochs=5, resume_from=checkpoint.load(tmp_path)[1])
    assert same(curve(rest), curve(epochs[3:]))


def test_another_seed_is_another_curve(toy):
    one, other = (curve(train(SMALL, toy, seed=seed, max_epochs=1)) for seed in (0, 1))
    assert not same(one, other)


def test_it_learns(toy):
    *_, last = train(replace(SMALL, hidden=32), toy, seed=0, max_epochs=6)
    assert last.metrics["dev_pearson"] > 0.7


def test_metrics_are_those_of_the_predictions_against_unsmoothed_labels(toy):
    (epoch,) = train(replace(SMALL, label_smoothing=0.2), toy, seed=0, max_epochs=1)
    predictions, labels = epoch.predictions(), toy.dev.scores_N
    assert (predictions.dtype, predictions.shape) == (np.float32, labels.shape)
    assert predictions.min() >= 0
    assert predictions.max() <= 5
    assert epoch.metrics["dev_pearson"] == pearson(labels, predictions)
    assert epoch.metrics["dev_spearman"] == spearman(labels, predictions)
    assert epoch.metrics["dev_mse"] == mse(labels, predictions)
    assert all(type(value) is float for value in epoch.metrics.values())


def test_the_size_of_evaluation_batches_changes_no_metric(toy, monkeypatch):
    (big,) = train(SMALL, toy, seed=0, max_epochs=1)
    monkeypatch.setattr(module, "_DEV_BATCH", 3)
    (small,) = train(SMALL, toy, seed=0, max_epochs=1)
    np.testing.assert_allclose(big.predictions(), small.predictions(), atol=2e-4)
    assert big.metrics == pytest.approx(small.metrics, abs=2e-4)


def test_a_diverged_loss_is_reported_as_it_is(toy):
    config = replace(SMALL, norm="none", learning_rate=10.0, similarity="mean", optimizer="rmsprop")
    *_, last = train(config, toy, seed=0, max_epochs=2)
    assert not np.isfinite(last.metrics["dev_pearson"])


@pytest.mark.parametrize(("field", "value"), [(f, v) for f, vs in CHOICES.items() for v in vs])
def test_every_choice_trains(toy, field, value):
    (epoch,) = train(replace(SMALL, **{field: value}), toy, seed=0, max_epochs=1)
    assert np.isfinite(list(epoch.metrics.values())).all()


def test_frozen_vectors_are_in_a_checkpoint_by_hash_only_and_stay(toy):
    (frozen,) = train(SMALL, toy, seed=0, max_epochs=1)
    assert "table" not in frozen.state()["parameters"]
    assert len(frozen.state()["vectors"]) == 64
    (tuned,) = train(replace(SMALL, tuning="slow"), toy, seed=0, max_epochs=1)
    assert tuned.state()["parameters"]["table"].shape == (len(toy.words), 16)


def test_a_state_that_started_from_other_vectors_is_refused(toy):
    (epoch,) = train(SMALL, toy, seed=0, max_epochs=1)
    state = {**epoch.state(), "vectors": "0" * 64}
    with pytest.raises(ValueError, match="word vectors"):
        next(train(SMALL, toy, seed=0, max_epochs=2, resume_from=state))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_repeats_itself_and_agrees_with_the_cpu(toy, monkeypatch):
    config = replace(SMALL, tuning="trainable", hidden=32)
    on_gpu = [curve(train(config, toy, seed=0, max_epochs=3)) for _ in range(2)]
    assert same(*on_gpu)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    on_cpu = curve(train(config, toy, seed=0, max_epochs=3))
    assert on_gpu[0][0][1]["dev_pearson"] == pytest.approx(on_cpu[0][1]["dev_pearson"], abs=0.02)

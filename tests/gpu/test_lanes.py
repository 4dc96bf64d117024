"""Each of K lanes trains as trainables/cnn/train.py trains its configuration alone.

Stated tolerance over three epochs: 1e-5 relative of the losses. In float32 a sign at a ReLU or a
maximum of a pool can fall the other way by a last digit: of 1,350 epochs of lanes drawn at random 5
were further off, 1.8e-4 at most. So the examples are drawn the same way each time.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from functools import partial

import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.gpu.lanes import Lanes
from trainables import Epoch
from trainables.cnn import AUGMENTATIONS, AVERAGINGS, SCHEDULES, Config
from trainables.cnn.data import Data, load, prepare
from trainables.cnn.train import train

BATCH, EPOCHS = 20, 3
SAME, WEIGHTS = 1e-5, 1e-4  # losses; a layer's, by their norm
CONFIGS = st.builds(
    partial(Config, batch_size=BATCH),
    activation=st.sampled_from(["relu", "celu"]),
    celu_alpha=st.floats(0.1, 2),
    label_smoothing=st.floats(0, 0.2),
    learning_rate=st.floats(1e-3, 0.05),
    momentum=st.floats(0.5, 0.9),
    nesterov=st.booleans(),
    weight_decay=st.floats(0, 1e-2),
    augmentation=st.sampled_from(AUGMENTATIONS),
    schedule=st.sampled_from(SCHEDULES),
    averaging=st.sampled_from(AVERAGINGS),
    ema_epochs=st.floats(0.2, 2),
)
WILD = Config(batch_size=BATCH, learning_rate=1e30)


@pytest.fixture(scope="module")
def data() -> Iterator[Data]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    few = load(prepare("toy", None).folder).head(4 * BATCH + 3)
    yield dataclasses.replace(few, val_images=few.val_images[:50], val_labels=few.val_labels[:50])
    torch.set_num_threads(threads)


def test_a_lane_trains_as_its_loop_alone(data: Data) -> None:
    """One lane pauses and goes on elsewhere, one diverges, both their places are taken."""

    @settings(max_examples=6, derandomize=True, phases=[Phase.generate])
    @given(st.tuples(CONFIGS, CONFIGS, CONFIGS))
    def check(configs: tuple[Config, Config, Config]) -> None:
        staying, pausing, coming = configs
        alone = {
            seed: train(config, data, seed=seed, max_epochs=EPOCHS)
            for seed, config in enumerate((staying, pausing, WILD, coming))
        }
        lanes = Lanes(data, places=3, batch_size=BATCH)
        for place, config in enumerate((staying, pausing, WILD)):
            lanes.put(place, config, seed=place, max_epochs=EPOCHS)

        found = lanes.epoch()
        assert_same(found[0], next(alone[0]))
        assert_same(found[1], next(alone[1]))
        assert math.isnan(found[2].metrics["train_loss"])
        assert math.isnan(next(alone[2]).metrics["train_loss"])

        paused = found[1].state()
        lanes.put(1, coming, seed=3, max_epochs=EPOCHS)
        lanes.clear(2)
        found = lanes.epoch()
        assert set(found) == {0, 1}
        assert_same(found[0], next(alone[0]))
        assert_same(found[1], next(alone[3]))

        lanes.put(2, pausing, seed=1, max_epochs=EPOCHS, resume_from=paused)
        found = lanes.epoch()
        assert_same(found[0], next(alone[0]))
        assert_same(found[1], next(alone[3]))
        assert_same(found[2], next(alone[1]))

        # Out of a lane into a loop of its own.
        (last,) = train(pausing, data, seed=1, max_epochs=EPOCHS, resume_from=found[2].state())
        assert_same(last, next(alone[1]))

    check()


def assert_same(found: Epoch, expected: Epoch) -> None:
    assert found.number == expected.number
    for name in ("train_loss", "val_loss"):
        assert found.metrics[name] == pytest.approx(expected.metrics[name], rel=SAME)
    states = found.state(), expected.state()
    for kind in ("model", "average"):
        layers = [state[kind] for state in states]
        assert layers[0].keys() == layers[1].keys()
        for name, weight in layers[1].items():
            assert (layers[0][name] - weight).norm() <= WEIGHTS * weight.norm()
